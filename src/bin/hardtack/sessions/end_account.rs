//! `hardtack sessions end-account`.

use crate::outcome::{Outcome, refuse, say, sessions};
use crate::table::escaped;
use hardtack::server::Operator;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The id of the account, as `list` shows it. For an e-mail address, use `hardtack accounts end-sessions`.
    account: String,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Rejects an e-mail address, because it is not an account's id and would end nothing.
    pub(crate) fn check(&self) -> Result<(), ExitCode> {
        if !self.account.contains('@') {
            return Ok(());
        }
        let account = escaped(&self.account);
        let sentence = format!(
            "`{account}` is an e-mail address, but this command needs an account's id, as `hardtack sessions list` shows it; \
             for the address, run `hardtack accounts end-sessions {account}`"
        );
        Err(refuse(sentence, 2))
    }
}

/// Ends the account's sessions and prints how many there were.
pub(crate) async fn run(operator: &Operator, arguments: Arguments) -> Outcome {
    let Arguments { account, json } = arguments;
    let ended = operator.end_account(&account).await?;
    let document = json!({ "account": account, "ended": ended });
    say(json, &document, || format!("Ended {} of {}.", sessions(ended), escaped(&account)))
}
