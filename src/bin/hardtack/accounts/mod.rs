//! `hardtack accounts`: the operator's hand on the accounts and their sessions.

mod close;
mod create;
mod end_sessions;
mod list;
mod password;

use super::outcome::carry_out;
use clap::Subcommand;
use hardtack::backend::passwords::Password;
use hardtack::server::open_registry;
use std::error::Error;
use std::io::{IsTerminal as _, stdin};
use std::path::Path;
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes an account. The password is asked for, or read from the standard input.
    Create(create::Arguments),
    /// Lists accounts by their e-mail addresses.
    List(list::Arguments),
    /// Closes an account and signs it out everywhere. Its address stays taken.
    Close(OneAccount),
    /// Gives an account another password and signs it out everywhere. It is asked for, or read from the standard input.
    Password(OneAccount),
    /// Signs an account out everywhere.
    EndSessions(OneAccount),
}

/// The account that a command is about.
#[derive(clap::Args)]
pub(crate) struct OneAccount {
    /// The e-mail address that the account signs in by.
    username: String,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Opens accounts and sessions, and carries the command out.
pub(crate) fn run(config: Option<&Path>, command: Command) -> ExitCode {
    carry_out(config, async |settings| {
        let registry = open_registry(&settings).await?;
        match command {
            Command::Create(arguments) => create::run(&registry, arguments).await,
            Command::List(arguments) => list::run(&registry, arguments).await,
            Command::Close(account) => close::run(&registry, account).await,
            Command::Password(account) => password::run(&registry, account).await,
            Command::EndSessions(account) => end_sessions::run(&registry, account).await,
        }
    })
}

/// The password that is typed, twice, or the first line of the standard input.
///
/// Never an argument: all users of a machine can read those.
fn ask_password() -> Result<Password, Box<dyn Error>> {
    if stdin().is_terminal() {
        let typed = rpassword::prompt_password("Password: ")?;
        let again = Password::new(rpassword::prompt_password("Once more: ")?);
        let typed = Password::new(typed);
        return if typed.is(&again) { Ok(typed) } else { Err("the two passwords differ; begin again".into()) };
    }
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    // What ends the line is no part of the password; everything else is.
    let length = line.strip_suffix("\r\n").or_else(|| line.strip_suffix('\n')).unwrap_or(&line).len();
    line.truncate(length);
    if line.is_empty() {
        Err("no password came in; write it to the standard input".into())
    } else {
        Ok(Password::new(line))
    }
}
