//! The number of files that the process may have open. Each connection is one.

use super::settings::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The files that a process has open beside its connections and its stores: listeners, log, timers, and a margin.
const OWN: u64 = 64;
/// The files that one connection to a store can take: a SQLite database with its journal and its index, for sessions
/// and accounts, while one connection replaces another.
const EACH_STORE: u64 = 8;
/// The files that one client's connection can take: its socket, and the file that its response is read from.
const EACH: u64 = 2;

/// The error of a process that may open too few files to serve.
#[derive(Debug, thiserror::Error)]
#[error(
    "limits.connections: this process may open {files} files, and its store needs {reserve} of them, so there is no room for \
     connections; raise the limit of files (`LimitNOFILE=` in the unit, `ulimit -Hn`), or lower `store.connections`"
)]
pub struct TooFewFiles {
    files: u64,
    reserve: u64,
}

/// Raises the limit of open files as far as the system lets this process, and lowers `limits.connections` to the number
/// that fits.
///
/// A service manager starts a process with a limit of 1024 files, because some programs use `select`; this one does
/// not. Connections beyond the number that fits would wait in any case, but only after the files for responses and the
/// store are used up.
///
/// # Errors
///
/// When there is no room for one connection.
pub fn make_room(settings: &mut Settings) -> Result<(), TooFewFiles> {
    let reserve = OWN + EACH_STORE * u64::from(settings.store.connections);
    let wanted = reserve + EACH * u64::from(settings.limits.connections);
    let maximum = getrlimit(Resource::Nofile).maximum;
    // On macOS the hard limit can be unlimited, and raising to it fails.
    let raised = [maximum, Some(wanted)]
        .into_iter()
        .find(|current| setrlimit(Resource::Nofile, Rlimit { current: *current, maximum }).is_ok());
    if raised.is_none() {
        tracing::debug!("the limit of open files cannot be raised");
    }
    let Some(files) = getrlimit(Resource::Nofile).current.filter(|files| *files < wanted) else { return Ok(()) };
    // It fits, because it is less than `limits.connections`.
    let fits = u32::try_from(files.saturating_sub(reserve) / EACH).unwrap_or(u32::MAX);
    if fits == 0 {
        return Err(TooFewFiles { files, reserve });
    }
    tracing::warn!(
        "limits.connections is {}, but this process may open {files} files, which is enough for {fits}, so further connections \
         wait. Raise the limit of files to {wanted} (`LimitNOFILE=` in the unit, `ulimit -Hn`), or set \
         `limits.connections = {fits}`",
        settings.limits.connections
    );
    settings.limits.connections = fits;
    Ok(())
}
