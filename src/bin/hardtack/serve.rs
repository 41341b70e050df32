//! `hardtack serve`.

use hardtack::server::settings::{Settings, environment};
use hardtack::server::{Server, asked_to_stop, start_log};
use std::path::Path;
use std::process::ExitCode;

/// Runs the server. Exit code 0 after a stop, 1 when something is in the way, 2 when the settings are wrong.
pub(crate) fn run(config: Option<&Path>) -> ExitCode {
    let settings = match Settings::load(config, environment()) {
        Ok(settings) => settings,
        Err(error) => return refuse(&error, 2),
    };
    start_log(&settings.log);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error, 1),
    };
    match runtime.block_on(serve(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&*error, 1),
    }
}

async fn serve(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let stop = asked_to_stop()?;
    Server::start(settings).await?.run(stop).await?;
    Ok(())
}

fn refuse(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("hardtack: {error}");
    ExitCode::from(code)
}
