//! `hardtack sessions list`.

use crate::outcome::{Outcome, say};
use crate::table::{span, table};
use hardtack::server::{Found, Operator};
use hardtack_session::clock::Timestamp;
use hardtack_session::store::Listed;
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Lists only the sessions of this account, given by its id.
    #[arg(long)]
    account: Option<String>,
    /// Lists at most N sessions.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// Prints a JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// Prints the sessions.
pub(crate) async fn run(operator: &Operator, arguments: Arguments) -> Outcome {
    let Arguments { account, limit, json } = arguments;
    let Found { sessions, more } = operator.list(account.as_deref(), limit).await?;
    let document = json!({ "sessions": sessions.iter().map(document).collect::<Vec<_>>(), "more": more });
    let now = operator.clock().now();
    say(json, &document, || match &sessions[..] {
        [] if !more => "No sessions.".to_owned(),
        _ => {
            let headings = ["HANDLE", "ACCOUNT", "DEVICE", "BEGAN", "LAST USED", "ENDS IN"];
            let table = table(headings, sessions.iter().map(|session| row(session, now)));
            let rest = if more { "\n… and more: raise `--limit`, or list one account with `--account`." } else { "" };
            format!("{table}{rest}")
        }
    })
}

fn row(session: &Listed, now: Timestamp) -> [String; 6] {
    let nothing = || "-".to_owned();
    let device = session.owner.device.as_ref();
    [
        session.handle.to_string(),
        session.owner.account.clone().unwrap_or_else(nothing),
        device.map_or_else(nothing, |device| format!("{}, {}", device.label, device.address)),
        session.created.to_string(),
        format!("{} ago", span(now - session.seen)),
        span(session.deadline - now),
    ]
}

fn document(session: &Listed) -> Value {
    let device = session.owner.device.as_ref();
    json!({
        "handle": session.handle.to_string(),
        "account": session.owner.account,
        "device": device.map(|device| json!({ "label": device.label, "address": device.address })),
        "began": session.created.to_string(),
        "last_used": session.seen.to_string(),
        "ends": session.deadline.to_string(),
    })
}
