//! `hardtack accounts close`.

use crate::outcome::{Outcome, say, sessions};
use crate::table::escaped;
use hardtack::backend::registry::Registry;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The e-mail address that it signs in by.
    username: String,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Closes it, and ends its sessions.
pub(crate) async fn run(registry: &Registry, arguments: Arguments) -> Outcome {
    let Arguments { username, json } = arguments;
    let ended = registry.close(&username).await?;
    let document = json!({ "closed": username, "ended": ended });
    say(json, &document, || format!("Closed {} and ended {}.", escaped(&username), sessions(ended)))
}
