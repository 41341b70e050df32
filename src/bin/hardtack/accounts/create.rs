//! `hardtack accounts create`.

use super::ask_password;
use crate::outcome::{Outcome, say};
use crate::table::escaped;
use hardtack::backend::registry::Registry;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The e-mail address that it signs in by.
    username: String,
    /// What it is called; without it, by its address.
    #[arg(long)]
    name: Option<String>,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Makes it.
pub(crate) async fn run(registry: &Registry, arguments: Arguments) -> Outcome {
    let Arguments { username, name, json } = arguments;
    let name = name.as_ref().unwrap_or(&username);
    let profile = registry.create(name, &username, &ask_password()?).await?;
    say(json, &json!({ "profile": &profile }), || format!("There is an account {} now.", escaped(&profile.username)))
}
