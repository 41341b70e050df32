//! The command `hardtack`.

mod accounts;
mod cert;
mod doctor;
mod export;
mod migrate;
mod outcome;
mod serve;
mod sessions;
mod settings;
mod table;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Session cookies that hold: the server and its tools.
#[derive(Parser)]
#[command(version, arg_required_else_help = false)]
struct Arguments {
    /// The settings file. Default: `Leptos.toml` in the working directory, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server until SIGINT or SIGTERM (the default).
    Serve,
    /// Prints every setting with its default and meaning, as Markdown.
    Settings,
    /// Writes the pages as files, for a web server on another origin.
    Export(export::Arguments),
    /// Brings the schema of the configured store up to date.
    Migrate(migrate::Arguments),
    /// Lists and ends the sessions of the configured store. Servers may run on it meanwhile.
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// Creates, lists and closes accounts. Servers may run on them meanwhile.
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// Shows the certificates of `[tls]`, and how browsers trust a local authority.
    #[command(subcommand)]
    Cert(cert::Command),
    /// Finds out why a session's cookie is lost: with these settings or, given a URL, at any server.
    Doctor(doctor::Arguments),
}

fn main() -> ExitCode {
    let Arguments { config, command } = Arguments::parse();
    let config = config.as_deref();
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(config),
        Command::Settings => settings::run(),
        Command::Export(arguments) => export::run(config, &arguments),
        Command::Migrate(arguments) => migrate::run(config, &arguments),
        Command::Sessions(command) => sessions::run(config, command),
        Command::Accounts(command) => accounts::run(config, command),
        Command::Cert(command) => cert::run(config, &command),
        Command::Doctor(arguments) => doctor::run(config, &arguments),
    }
}
