//! `hardtack accounts create`.

use super::ask_password;
use crate::outcome::{Outcome, say};
use crate::table::escaped;
use hardtack::backend::registry::Registry;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The e-mail address that the account signs in with.
    username: String,
    /// The name of the account. Default: the e-mail address.
    #[arg(long)]
    name: Option<String>,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Creates the account.
pub(crate) async fn run(registry: &Registry, arguments: Arguments) -> Outcome {
    let Arguments { username, name, json } = arguments;
    let name = name.as_ref().unwrap_or(&username);
    let profile = registry.create(name, &username, &ask_password()?).await?;
    say(json, &json!({ "profile": &profile }), || format!("Created the account {}.", escaped(&profile.username)))
}
