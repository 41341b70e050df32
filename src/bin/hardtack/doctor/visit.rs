//! The report on any server, called as a browser on a page's origin would call it.

use super::report::{Maker, bold, dim, findings};
use super::{Arguments, Report, code, document, trip};
use crate::table::escaped;
use hardtack::server::{Visit, probe};
use hardtack_doctor::{Browser, Evidence, State, diagnose, verdicts};
use std::error::Error;
use std::fmt::Write as _;
use tokio::runtime::Runtime;

/// Probes the server and returns the report.
pub(super) fn report(url: &str, arguments: &Arguments) -> Result<Report, Box<dyn Error>> {
    let mut visit = Visit::new(url, arguments.path.as_deref(), arguments.origin.as_deref())?;
    visit.cookie.clone_from(&arguments.cookie);
    (visit.insecure, visit.post) = (arguments.insecure, !arguments.no_post);
    visit.timeout = arguments.timeout.unwrap_or(visit.timeout);
    if let Some(method) = &arguments.method {
        visit.method(method)?;
    }
    for header in &arguments.headers {
        visit.header(header)?;
    }
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
    let seen = verdicts.iter().all(|verdict| verdict.holds() || verdict.broken().is_some());
    if found.is_empty() && !seen {
        let sign = dim(&State::Unseen.sign().to_string());
        let _ = writeln!(text, "{sign} Not all was seen, so there is no result.");
    } else {
        text.push_str(&findings(&found, maker(&evidence), "Nothing is wrong with what was seen."));
    }
    if !evidence.exchanges.is_empty() {
        text.push_str(&trip::evidence(&evidence, &found));
    }
    if arguments.verbose {
        text.push_str(&trip::letters(&evidence));
    }
    // A session that every browser loses is an error, whatever the findings are.
    let lost =
        verdicts.iter().filter(|verdict| Browser::USUAL.contains(&verdict.browser)).all(|it| it.broken().is_some());
    let code = code(&found).max(u8::from(!seen)).max(if lost { 2 } else { 0 });
    // Values are hidden in the finished report, so that no text is forgotten: URLs and findings repeat texts of a
    // server.
    let hide = evidence.hider();
    let document = document::hidden(document::visit(&evidence, &found, &verdicts), &hide);
    Ok(Report { code, document, text: hide(&text) })
}

/// Returns the framework that decides which cure is shown first.
fn maker(evidence: &Evidence) -> Maker {
    let mut powered = evidence.exchanges.iter().filter_map(|exchange| exchange.one("x-powered-by"));
    if powered.any(|by| by == "Express") { Maker::Express } else { Maker::Unknown }
}
