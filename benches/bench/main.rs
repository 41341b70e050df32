//! The measurements of `make bench`: the engine's cost compared with a bare Axum route, its growth and its sweep.
//!
//! ```text
//! cargo bench --features ssr --bench bench
//! ```
//!
//! `QUICK=1` measures less and for a shorter time, `SCALE=10M` grows to ten million sessions, `ONLY=requests,growth`
//! runs only these parts, `OUT=FILE` writes the report into that document. All started processes and files are removed
//! at the end.

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

/// The scope of the measurements.
pub(crate) struct Scope {
    /// Short and small, only to test that the measurements work.
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
            text => number(text).ok_or(format!("SCALE={text} is not a number from 10k; write it like 10M"))?,
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
        let kind = if self.quick { "in a quick run (`QUICK=1`), too short to quote" } else { "in a full run" };
        if self.only.is_empty() { kind.to_owned() } else { format!("{kind}, of {} only", self.only.join(", ")) }
    }
}

/// Parses `10M`, `500k` or plain digits.
fn number(text: &str) -> Option<u32> {
    let (digits, times) = match text.strip_suffix(['M', 'm']) {
        Some(digits) => (digits, 1_000_000),
        None => text.strip_suffix(['K', 'k']).map_or((text, 1), |digits| (digits, 1_000)),
    };
    digits.parse::<u32>().ok()?.checked_mul(times).filter(|&number| number >= growth::SMALL)
}

/// Prints progress to standard error, separate from the report.
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
        // `cargo bench` passes `--bench`. `cargo test --benches` does not, and must not wait for measurements.
        ["--bench", ..] => return measure(&runtime(1), &runtime(2)),
        _ => progress("nothing is measured without --bench"),
    }
    ExitCode::SUCCESS
}

/// `alone` runs the client of the servers, on one thread so that it leaves the servers more CPU. `both` runs the
/// measurements in this process.
fn measure(alone: &tokio::runtime::Runtime, both: &tokio::runtime::Runtime) -> ExitCode {
    let scope = match Scope::from_environment() {
        Ok(scope) => scope,
        Err(said) => {
            progress(&said);
            return ExitCode::FAILURE;
        }
    };
    if !usage::can_be_told() {
        progress("this system does not report the CPU time of a process in /proc; run the measurements on Linux");
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
