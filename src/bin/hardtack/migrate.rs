//! `hardtack migrate`.

use super::outcome::{carry_out, say};
use hardtack::server::Migration;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Brings the schemas of the store and of the accounts up to date, under a lock, so that several processes may do so at
/// once.
pub(crate) fn run(config: Option<&Path>, arguments: &Arguments) -> ExitCode {
    carry_out(config, async |settings| {
        let migration = hardtack::server::migrate(&settings).await?;
        let document = json!({ "migrated": migration == Migration::Done });
        say(arguments.json, &document, || {
            let sentence = match migration {
                Migration::Done => "The schema of the store has been brought up to date.",
                Migration::UpToDate => "The schema of the store was up to date.",
                Migration::Nothing => "The store is `memory:`, which has no schema.",
            };
            sentence.to_owned()
        })
    })
}
