//! `hardtack sessions sweep`.

use crate::outcome::{Outcome, say, sessions};
use hardtack::server::Operator;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Sweeps even while another node holds the sweep lease. It does no harm, but does the work twice.
    #[arg(long)]
    force: bool,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Removes expired sessions and prints how many there were.
pub(crate) async fn run(operator: &Operator, arguments: Arguments) -> Outcome {
    let removed = operator.sweep(arguments.force).await?;
    let document = json!({ "removed": removed });
    say(arguments.json, &document, || {
        format!("Removed {} that {} expired.", sessions(removed), if removed == 1 { "was" } else { "were" })
    })
}
