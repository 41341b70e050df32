//! The measurements of `make bench`: what the engine costs beside a bare Axum route, how it grows, how it sweeps.
//!
//! ```text
//! cargo bench --features ssr --bench bench
//! ```
//!
//! `QUICK=1` measures less and shorter, `SCALE=10M` grows to ten million sessions, `ONLY=requests,growth` leaves out the
//! other parts, `OUT=FILE` puts the report into that document. Everything that it starts is gone when it ends.

mod fill;
mod growth;
mod inside;
mod latency;
mod load;
mod report;
mod requests;
mod server;
#[expect(dead_code, unreachable_pub, reason = "it is the tests', who do more with their servers")]
#[path = "../../tests/it/support/servers.rs"]
mod servers;
mod stores;
mod sweep;
mod usage;
mod writes;

use report::Report;
use std::process::ExitCode;
use stores::Stores;

/// How much is measured.
pub(crate) struct Scope {
    /// Shorter, smaller, and only to see that it works.
    quick: bool,
    /// The number of sessions to grow to.
    sessions: u32,
    /// The parts to measure; none means all.
    only: Vec<String>,
}

/// The parts, in their order.
const PARTS: [&str; 6] = ["requests", "inside", "writes", "memory", "growth", "sweep"];

impl Scope {
    fn from_environment() -> Result<Self, String> {
        let of = |name| std::env::var(name).unwrap_or_default();
        let quick = !of("QUICK").is_empty();
        let sessions = match of("SCALE").as_str() {
            "" if quick => 100_000,
            "" => 1_000_000,
            text => number(text).ok_or(format!("SCALE={text} is no number of sessions; write it like 10M"))?,
        };
        let only: Vec<_> = of("ONLY").split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        match only.iter().find(|part| !PARTS.contains(&part.as_str())) {
            Some(part) => Err(format!("ONLY={part} is unknown; there are {}", PARTS.join(", "))),
            None => Ok(Self { quick, sessions, only }),
        }
    }

    fn has(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    fn describe(&self) -> String {
        let kind = if self.quick { "in a hurry (`QUICK=1`): too short to be quoted" } else { "in a full run" };
        if self.only.is_empty() { kind.to_owned() } else { format!("{kind}, of {} alone", self.only.join(", ")) }
    }
}

/// `10M`, `500k` or plain digits.
fn number(text: &str) -> Option<u32> {
    let (digits, times) = match text.strip_suffix(['M', 'm']) {
        Some(digits) => (digits, 1_000_000),
        None => text.strip_suffix(['K', 'k']).map_or((text, 1), |digits| (digits, 1_000)),
    };
    digits.parse::<u32>().ok()?.checked_mul(times).filter(|&number| number >= growth::SMALL)
}

/// Says what is being done, beside the report.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let runtime = |threads| {
        let mut builder = if threads == 1 {
            tokio::runtime::Builder::new_current_thread()
        } else {
            tokio::runtime::Builder::new_multi_thread()
        };
        builder.enable_all().build().expect("a runtime")
    };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", url] => runtime(2).block_on(server::serve(url)),
        ["fill-memory", sessions] => {
            runtime(1).block_on(writes::fill_memory(sessions.parse().expect("a number")));
        }
        // As cargo bench calls it. `cargo test --benches` does not say so, and has nothing to wait for.
        ["--bench", ..] => return measure(&runtime(1), &runtime(2)),
        _ => progress("nothing is measured without --bench"),
    }
    ExitCode::SUCCESS
}

/// `alone` is for the client of the servers: the less it costs, the more is left for them. `both` is for what is measured
/// in this process.
fn measure(alone: &tokio::runtime::Runtime, both: &tokio::runtime::Runtime) -> ExitCode {
    let scope = match Scope::from_environment() {
        Ok(scope) => scope,
        Err(said) => {
            progress(&said);
            return ExitCode::FAILURE;
        }
    };
    if !usage::can_be_told() {
        progress("this system does not tell what a process uses (/proc), and so there is nothing to compare");
        return ExitCode::FAILURE;
    }
    let stores = both.block_on(Stores::start());
    let mut report = Report::default();
    if scope.has("requests") {
        alone.block_on(requests::run(&scope, &stores, &mut report));
    }
    if scope.has("inside") {
        alone.block_on(inside::run(&scope, &stores, &mut report));
    }
    if scope.has("writes") {
        both.block_on(writes::durable(&scope, &stores, &mut report));
    }
    if scope.has("memory") {
        writes::memory(&scope, &mut report);
    }
    if scope.has("growth") {
        both.block_on(growth::run(&scope, &stores, &mut report));
    }
    if scope.has("sweep") {
        both.block_on(sweep::run(&scope, &stores, &mut report));
    }
    let sound = report.is_sound();
    let report = report.finish(&scope, &stores);
    println!("\n{report}");
    if let Some(path) = std::env::var_os("OUT").filter(|path| !path.is_empty()).map(|path| path.display().to_string())
        && let Err(error) = report::write(&path, &report)
    {
        progress(&format!("{path} cannot be written: {error}"));
        return ExitCode::FAILURE;
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
