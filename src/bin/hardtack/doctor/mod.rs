//! `hardtack doctor`: why a session's cookie is lost, here or at any server.
//!
//! Exit code 0: nothing, or nothing that a session is lost by; 1: warnings, or not all was seen; 2: errors, also in the
//! settings or the arguments themselves.

mod document;
mod report;
mod setup;
mod trip;
mod visit;

use super::outcome::refuse;
use hardtack::doctor::{Finding, Severity};
use serde_json::Value;
use std::io::{ErrorKind, Write as _, stdout};
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Arguments {
    /// A server to speak to as a browser would, of whatever make. Without it the settings of this one are judged.
    url: Option<String>,
    /// The origin of the page that calls it, as `http://localhost:5173`. Without it, its own pages.
    #[arg(long, requires = "url")]
    origin: Option<String>,
    /// The path to ask for, best one that begins a session. Without it the path of URL.
    #[arg(long, requires = "url")]
    path: Option<String>,
    /// The name of the session's cookie. Without it: the cookies that are named as frameworks name
    /// a session's, else those that scripts cannot read.
    #[arg(long, value_name = "NAME", requires = "url")]
    cookie: Option<String>,
    /// Goes on past a certificate that browsers refuse.
    #[arg(long, requires = "url")]
    insecure: bool,
    /// Leaves out the call that posts the JSON `{}`.
    #[arg(long, requires = "url")]
    no_post: bool,
    /// The method of the call that uses the session, as `PUT`. Without it that is a POST, after those that only read.
    #[arg(long, value_name = "METHOD", requires = "url", conflicts_with = "no_post")]
    method: Option<String>,
    /// A header that each call to the server brings along, as `Authorization: Basic …`. May be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "url")]
    headers: Vec<String>,
    /// How long one call may take: a server that starts at the first call needs longer. Default: 5s.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, requires = "url")]
    timeout: Option<std::time::Duration>,
    /// Shows each request and its answer, without the values of cookies.
    #[arg(long, requires = "url")]
    verbose: bool,
    /// Prints a JSON document instead.
    #[arg(long)]
    json: bool,
}

/// What was found, for programs and for people.
struct Report {
    code: u8,
    document: Value,
    /// With colours, which are left out where nobody sees them.
    text: String,
}

/// Judges the settings, or the server at an address.
pub(crate) fn run(config: Option<&Path>, arguments: &Arguments) -> ExitCode {
    let report = match &arguments.url {
        None => setup::report(config),
        Some(url) => match visit::report(url, arguments) {
            Ok(report) => report,
            Err(error) => return refuse(error, 2),
        },
    };
    let said = if arguments.json {
        writeln!(stdout(), "{:#}", report.document)
    } else {
        anstream::AutoStream::auto(stdout()).write_all(report.text.as_bytes())
    };
    match said {
        // Whoever reads has seen enough: `hardtack doctor | head`.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => refuse(error, 2),
        _ => ExitCode::from(report.code),
    }
}

/// The exit code of what was found.
fn code(findings: &[Finding]) -> u8 {
    match findings.iter().map(|finding| finding.severity).min() {
        Some(Severity::Error) => 2,
        Some(Severity::Warning) => 1,
        Some(Severity::Note) | None => 0,
    }
}
