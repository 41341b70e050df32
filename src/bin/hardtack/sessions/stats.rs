//! `hardtack sessions stats`.

use crate::outcome::{Outcome, say};
use hardtack::server::Operator;
use hardtack_session::store::Stats;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Prints a JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// Prints the numbers of sessions.
pub(crate) async fn run(operator: &Operator, arguments: Arguments) -> Outcome {
    let Stats { live, over } = operator.stats().await?;
    let store = operator.kind();
    let document = json!({ "store": store, "live": live, "over": over });
    say(arguments.json, &document, || format!("store    {store}\nlive     {live}\nexpired  {over} (not removed yet)"))
}
