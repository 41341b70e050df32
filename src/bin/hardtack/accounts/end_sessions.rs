//! `hardtack accounts end-sessions`.

use crate::outcome::{Outcome, say, sessions};
use crate::table::escaped;
use hardtack::backend::registry::Registry;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The e-mail address that the account signs in by.
    username: String,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Ends them, and says how many there were.
pub(crate) async fn run(registry: &Registry, arguments: Arguments) -> Outcome {
    let Arguments { username, json } = arguments;
    let ended = registry.end_sessions(&username).await?;
    let document = json!({ "username": username, "ended": ended });
    say(json, &document, || format!("Ended {} of {}.", sessions(ended), escaped(&username)))
}
