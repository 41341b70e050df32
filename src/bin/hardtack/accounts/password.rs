//! `hardtack accounts password`.

use super::ask_password;
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

/// Replaces it, and ends the account's sessions.
pub(crate) async fn run(registry: &Registry, arguments: Arguments) -> Outcome {
    let Arguments { username, json } = arguments;
    let ended = registry.set_password(&username, &ask_password()?).await?;
    let document = json!({ "changed": username, "ended": ended });
    say(json, &document, || format!("{} has another password; ended {}.", escaped(&username), sessions(ended)))
}
