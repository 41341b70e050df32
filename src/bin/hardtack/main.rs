//! The command `hardtack`.

mod serve;
mod settings;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Session cookies that hold: the server and its tools.
#[derive(Parser)]
#[command(version, arg_required_else_help = false)]
struct Arguments {
    /// The file of settings; without it `Leptos.toml` in the working directory, if there is one.
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(arguments.config.as_deref()),
        Command::Settings => settings::run(),
    }
}
