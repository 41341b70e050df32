//! `hardtack sessions`: the commands for the sessions of the configured store.

mod end;
mod end_account;
mod list;
mod stats;
mod sweep;

use super::outcome::carry_out;
use clap::Subcommand;
use hardtack::server::Operator;
use std::path::Path;
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists live sessions, the most recently used first.
    List(list::Arguments),
    /// Ends sessions by their handles, or all of them. Their browsers are signed out at the next request.
    End(end::Arguments),
    /// Ends the sessions of an account.
    EndAccount(end_account::Arguments),
    /// Removes expired sessions now. Servers do so by themselves, about a minute later.
    Sweep(sweep::Arguments),
    /// Counts the sessions.
    Stats(stats::Arguments),
}

/// Opens the store and runs the command.
pub(crate) fn run(config: Option<&Path>, command: Command) -> ExitCode {
    let checked = match &command {
        Command::End(arguments) => arguments.check(),
        Command::EndAccount(arguments) => arguments.check(),
        Command::List(_) | Command::Sweep(_) | Command::Stats(_) => Ok(()),
    };
    if let Err(refused) = checked {
        return refused;
    }
    carry_out(config, async |settings| {
        let operator = Operator::open(&settings).await?;
        match command {
            Command::List(arguments) => list::run(&operator, arguments).await,
            Command::End(arguments) => end::run(&operator, arguments).await,
            Command::EndAccount(arguments) => end_account::run(&operator, arguments).await,
            Command::Sweep(arguments) => sweep::run(&operator, arguments).await,
            Command::Stats(arguments) => stats::run(&operator, arguments).await,
        }
    })
}
