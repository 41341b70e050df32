//! `hardtack accounts`: the commands for accounts and their sessions.

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
    /// Creates an account. Asks for the password, or reads it from standard input.
    Create(create::Arguments),
    /// Lists accounts, ordered by e-mail address.
    List(list::Arguments),
    /// Closes an account and signs it out everywhere. Its e-mail address stays taken.
    Close(OneAccount),
    /// Sets another password for an account and signs it out everywhere. Asks for the password, or reads it from
    /// standard input.
    Password(OneAccount),
    /// Signs an account out everywhere.
    EndSessions(OneAccount),
}

/// The account for a command.
#[derive(clap::Args)]
pub(crate) struct OneAccount {
    /// The e-mail address that the account signs in with.
    username: String,
    /// Prints a JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
}

/// Opens the accounts and the sessions, and runs the command.
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

/// Returns the password that is typed twice, or the first line of standard input.
///
/// It is never an argument, because all users of a machine can read the arguments of programs.
fn ask_password() -> Result<Password, Box<dyn Error>> {
    if stdin().is_terminal() {
        let typed = rpassword::prompt_password("Password: ")?;
        let again = Password::new(rpassword::prompt_password("Repeat the password: ")?);
        let typed = Password::new(typed);
        return if typed.is(&again) { Ok(typed) } else { Err("the two passwords differ; try again".into()) };
    }
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    // The line break is not part of the password; everything else is.
    let length = line.strip_suffix("\r\n").or_else(|| line.strip_suffix('\n')).unwrap_or(&line).len();
    line.truncate(length);
    if line.is_empty() {
        Err("there is no password on standard input; write one line to it".into())
    } else {
        Ok(Password::new(line))
    }
}
