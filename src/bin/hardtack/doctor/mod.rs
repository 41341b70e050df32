//! `hardtack doctor`: why a session's cookie is lost, with these settings or at any server.
//!
//! Exit code 0: no findings, or notes alone; 1: warnings, or not all was seen; 2: errors, every browser loses the
//! session, or the settings or the arguments are unusable.

mod document;
mod report;
mod setup;
mod trip;
mod visit;

use super::outcome::refuse;
use hardtack_doctor::{Finding, Severity};
use serde_json::Value;
use std::io::{ErrorKind, Write as _, stdout};
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Arguments {
    /// The URL of any server, which is called as a browser would call it. Without it, the settings of this server are
    /// checked.
    url: Option<String>,
    /// The origin of the page that calls it, such as `http://localhost:5173`. Default: the server's own pages.
    #[arg(long, requires = "url")]
    origin: Option<String>,
    /// The path to request, ideally one that begins a session. Default: the path of URL.
    #[arg(long, requires = "url")]
    path: Option<String>,
    /// The name of the session's cookie. Default: the cookies with names that frameworks use for sessions, or else
    /// those that scripts cannot read.
    #[arg(long, value_name = "NAME", requires = "url")]
    cookie: Option<String>,
    /// Continues after a certificate that browsers reject.
    #[arg(long, requires = "url")]
    insecure: bool,
    /// Leaves out the call that posts the JSON `{}`.
    #[arg(long, requires = "url")]
    no_post: bool,
    /// The method of the call that uses the session, such as `PUT`. Default: POST, after the calls that only read.
    #[arg(long, value_name = "METHOD", requires = "url", conflicts_with = "no_post")]
    method: Option<String>,
    /// A header for each call to the server, such as `Authorization: Basic …`. May be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "url")]
    headers: Vec<String>,
    /// The longest time for one call. A server that starts at the first call needs longer. Default: 5s.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, requires = "url")]
    timeout: Option<std::time::Duration>,
    /// Shows each request and its response, without the values of cookies.
    #[arg(long, requires = "url")]
    verbose: bool,
    /// Prints a JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// A report, for programs and for people.
struct Report {
    code: u8,
    document: Value,
    /// With colours, which are removed where the output cannot show them.
    text: String,
}

/// Checks the settings, or the server at a URL.
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
        // The reader has closed the pipe: `hardtack doctor | head`.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => refuse(error, 2),
        _ => ExitCode::from(report.code),
    }
}

/// Returns the exit code for findings.
fn code(findings: &[Finding]) -> u8 {
    match findings.iter().map(|finding| finding.severity).min() {
        Some(Severity::Error) => 2,
        Some(Severity::Warning) => 1,
        Some(Severity::Note) | None => 0,
    }
}
