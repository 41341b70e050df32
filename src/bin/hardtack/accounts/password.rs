//! `hardtack accounts password`.

use super::{OneAccount, ask_password};
use crate::outcome::{Outcome, say, sessions};
use crate::table::escaped;
use hardtack::backend::registry::Registry;
use serde_json::json;

/// Sets the password and ends the account's sessions.
pub(crate) async fn run(registry: &Registry, account: OneAccount) -> Outcome {
    let OneAccount { username, json } = account;
    let ended = registry.set_password(&username, &ask_password()?).await?;
    let document = json!({ "changed": username, "ended": ended });
    say(json, &document, || format!("Changed the password of {} and ended {}.", escaped(&username), sessions(ended)))
}
