//! The signals that stop the server.

use tokio::signal::unix::{SignalKind, signal};

/// Returns a future that waits for SIGINT or SIGTERM.
///
/// # Errors
///
/// When the system does not let the process listen for them.
pub fn asked_to_stop() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
