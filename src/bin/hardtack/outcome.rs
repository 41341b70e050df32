//! The shared parts of the commands: settings, output, and exit codes.
//!
//! Exit code 0: done; 1: an error that may be gone at the next attempt; 2: the settings or the arguments are wrong, and
//! each attempt will fail until they are changed (`RestartPreventExitStatus=` in `deploy/hardtack.service`).

use hardtack::server::settings::{Settings, environment};
use hardtack::server::{ExportError, OperatorError, StartError, TooFewFiles};
use std::error::Error;
use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stdout};
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::Runtime;

/// The result of a command: success, or an error that is one sentence.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// Loads the settings and runs the command.
pub(crate) fn carry_out(config: Option<&Path>, command: impl AsyncFnOnce(Settings) -> Outcome) -> ExitCode {
    let settings = match Settings::load(config, environment()) {
        Ok(settings) => settings,
        Err(error) => return refuse(error, 2),
    };
    let done = match Runtime::new() {
        Ok(runtime) => runtime.block_on(command(settings)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if is_of_the_settings(&*error) { 2 } else { 1 };
            refuse(error, code)
        }
    }
}

/// Returns whether only other settings can help.
fn is_of_the_settings(error: &(dyn Error + 'static)) -> bool {
    match (error.downcast_ref::<OperatorError>(), error.downcast_ref::<StartError>()) {
        (Some(OperatorError::Accounts(error)), _) | (_, Some(error)) => error.is_of_the_settings(),
        _ => error.is::<TooFewFiles>() || matches!(error.downcast_ref(), Some(ExportError::OtherServer { .. })),
    }
}

/// Prints an error in one line and returns the exit code.
pub(crate) fn refuse(error: impl Display, code: u8) -> ExitCode {
    eprintln!("hardtack: {error}");
    ExitCode::from(code)
}

/// Prints the text for people, or the document for programs.
pub(crate) fn say(json: bool, document: &serde_json::Value, text: impl FnOnce() -> String) -> Outcome {
    let mut said = if json { serde_json::to_string_pretty(document)? } else { text() };
    said.push('\n');
    match stdout().write_all(said.as_bytes()) {
        // The reader has closed the pipe: `hardtack sessions list | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Returns a number of sessions in words: `1 session`, `2 sessions`.
pub(crate) fn sessions(count: u64) -> String {
    format!("{count} session{}", if count == 1 { "" } else { "s" })
}
