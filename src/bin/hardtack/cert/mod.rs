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
    /// Shows where the certificates are, which hosts they are for, and when they end.
    Show(show::Arguments),
    /// Says what each system and browser needs to trust the local authority.
    Trust(trust::Arguments),
}

/// Carries the command out.
pub(crate) fn run(config: Option<&Path>, command: &Command) -> ExitCode {
    carry_out(config, async |settings| match command {
        Command::Show(arguments) => show::run(&settings.tls, arguments),
        Command::Trust(arguments) => trust::run(&settings, arguments),
    })
}
