//! `hardtack accounts end-sessions`.

use super::OneAccount;
use crate::outcome::{Outcome, say, sessions};
use crate::table::escaped;
use hardtack::backend::registry::Registry;
use serde_json::json;

/// Ends the account's sessions and prints how many there were.
pub(crate) async fn run(registry: &Registry, account: OneAccount) -> Outcome {
    let OneAccount { username, json } = account;
    let ended = registry.end_sessions(&username).await?;
    let document = json!({ "username": username, "ended": ended });
    say(json, &document, || format!("Ended {} of {}.", sessions(ended), escaped(&username)))
}
