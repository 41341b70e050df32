//! `hardtack sessions end`.

use crate::outcome::{Outcome, refuse, say, sessions};
use hardtack::server::Operator;
use hardtack_session::id::Handle;
use serde_json::json;
use std::process::ExitCode;
use uuid::Uuid;

#[derive(clap::Args)]
#[command(override_usage = "hardtack sessions end <HANDLE>...\n       hardtack sessions end --all --yes")]
pub(crate) struct Arguments {
    /// The handles of the sessions, as `list` shows them.
    #[arg(value_name = "HANDLE", required_unless_present = "all", conflicts_with = "all")]
    handles: Vec<Uuid>,
    /// Ends every session of all users.
    #[arg(long)]
    all: bool,
    /// Confirms `--all`.
    #[arg(long, requires = "all")]
    yes: bool,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Rejects `--all` without `--yes`, because it signs out all users.
    pub(crate) fn check(&self) -> Result<(), ExitCode> {
        if self.all && !self.yes {
            let sentence = "`--all` ends every session and signs out all users; add `--yes` to confirm";
            return Err(refuse(sentence, 2));
        }
        Ok(())
    }
}

/// Ends the sessions, and reports the handles without a session.
pub(crate) async fn run(operator: &Operator, arguments: Arguments) -> Outcome {
    let Arguments { handles, all, json, .. } = arguments;
    if all {
        let ended = operator.end_all().await?;
        return say(json, &json!({ "ended": ended }), || format!("Ended {}.", sessions(ended)));
    }
    let (mut ended, mut unknown) = (0, Vec::new());
    for handle in handles {
        if operator.end(&Handle(handle)).await? {
            ended += 1;
        } else {
            unknown.push(handle.to_string());
        }
    }
    say(json, &json!({ "ended": ended, "unknown": &unknown }), || format!("Ended {}.", sessions(ended)))?;
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.join(", ");
    Err(format!(
        "there is no session {unknown}; it may have ended already. `hardtack sessions list` shows the live ones"
    )
    .into())
}
