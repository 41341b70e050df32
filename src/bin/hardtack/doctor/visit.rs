//! Any server, spoken to as a browser on a page's origin would.

use super::report::{Maker, bold, findings};
use super::{Arguments, Report, code, document, trip};
use crate::table::escaped;
use hardtack::doctor::{Evidence, diagnose, verdicts};
use hardtack::server::{Visit, probe};
use std::error::Error;
use tokio::runtime::Runtime;

/// What was seen, and what follows.
pub(super) fn report(url: &str, arguments: &Arguments) -> Result<Report, Box<dyn Error>> {
    let mut visit = Visit::new(url, arguments.path.as_deref(), arguments.origin.as_deref())?;
    visit.cookie.clone_from(&arguments.cookie);
    (visit.insecure, visit.post) = (arguments.insecure, !arguments.no_post);
    let evidence = Runtime::new()?.block_on(probe(&visit));
    let (found, verdicts) = (diagnose(&evidence), verdicts(&evidence));
    let mut text = format!(
        "{} as pages of {} call it\n\n",
        bold(&escaped(&evidence.url.to_string())),
        bold(&evidence.page.origin())
    );
    if !evidence.exchanges.is_empty() {
        text.push_str(&trip::drawn(&evidence, &verdicts));
        text.push_str(&trip::table_of(&verdicts));
    }
    text.push_str(&findings(&found, maker(&evidence), "Nothing is wrong with what was seen."));
    if !evidence.exchanges.is_empty() {
        text.push_str(&trip::evidence(&evidence, &found));
    }
    if arguments.verbose {
        text.push_str(&trip::letters(&evidence));
    }
    Ok(Report { code: code(&found), document: document::visit(&evidence, &found, &verdicts), text })
}

/// Whose cure to show first.
fn maker(evidence: &Evidence) -> Maker {
    let mut powered = evidence.exchanges.iter().filter_map(|exchange| exchange.one("x-powered-by"));
    if powered.any(|by| by == "Express") { Maker::Express } else { Maker::Unknown }
}
