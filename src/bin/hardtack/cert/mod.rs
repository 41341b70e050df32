//! `hardtack cert`: the certificates of the server.

mod install;
mod show;
mod trust;

use super::outcome::carry_out;
use clap::Subcommand;
use std::path::Path;
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Shows the certificate files, their hosts, and when they expire.
    Show(show::Arguments),
    /// Prints the steps that make each system and browser trust the local authority.
    Trust(trust::Arguments),
}

/// Runs the command.
pub(crate) fn run(config: Option<&Path>, command: &Command) -> ExitCode {
    carry_out(config, async |settings| match command {
        Command::Show(arguments) => show::run(&settings.tls, arguments),
        Command::Trust(arguments) => trust::run(&settings, arguments),
    })
}
