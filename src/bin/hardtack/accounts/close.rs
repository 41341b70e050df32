//! `hardtack accounts close`.

use super::OneAccount;
use crate::outcome::{Outcome, say, sessions};
use crate::table::escaped;
use hardtack::backend::registry::Registry;
use serde_json::json;

/// Closes the account and ends its sessions.
pub(crate) async fn run(registry: &Registry, account: OneAccount) -> Outcome {
    let OneAccount { username, json } = account;
    let ended = registry.close(&username).await?;
    let document = json!({ "closed": username, "ended": ended });
    say(json, &document, || format!("Closed {} and ended {}.", escaped(&username), sessions(ended)))
}
