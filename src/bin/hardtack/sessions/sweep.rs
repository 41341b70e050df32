//! `hardtack sessions sweep`.

use crate::outcome::{Outcome, say, sessions};
use hardtack::server::Operator;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Sweeps even while another node has the office of sweeper. It does no harm, only work twice.
    #[arg(long)]
    force: bool,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Removes what is over and says how many there were.
pub(crate) async fn run(operator: &Operator, arguments: Arguments) -> Outcome {
    let removed = operator.sweep(arguments.force).await?;
    let document = json!({ "removed": removed });
    say(arguments.json, &document, || {
        format!("Removed {} that {} over.", sessions(removed), if removed == 1 { "was" } else { "were" })
    })
}
