//! `hardtack serve`.

use super::outcome::carry_out;
use hardtack::server::{Server, asked_to_stop, make_room, start_log};
use std::path::Path;
use std::process::ExitCode;

/// Runs the server until it is told to stop.
pub(crate) fn run(config: Option<&Path>) -> ExitCode {
    carry_out(config, async |mut settings| {
        start_log(&settings.log);
        make_room(&mut settings)?;
        let stop = asked_to_stop()?;
        Server::start(settings).await?.run(stop).await?;
        Ok(())
    })
}
