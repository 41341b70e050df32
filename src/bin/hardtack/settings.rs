//! `hardtack settings`.

use hardtack::server::settings::markdown;
use std::process::ExitCode;

/// Prints `docs/SETTINGS.md`.
pub(crate) fn run() -> ExitCode {
    print!("{}", markdown());
    ExitCode::SUCCESS
}
