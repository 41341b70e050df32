//! `hardtack sessions end-account`.

use crate::outcome::{Outcome, say, sessions};
use crate::table::escaped;
use hardtack::server::Operator;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The account, as `list` shows it.
    account: String,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Ends them and says how many there were.
pub(crate) async fn run(operator: &Operator, arguments: Arguments) -> Outcome {
    let Arguments { account, json } = arguments;
    let ended = operator.end_account(&account).await?;
    let document = json!({ "account": account, "ended": ended });
    say(json, &document, || format!("Ended {} of {}.", sessions(ended), escaped(&account)))
}
