//! The log of the server: one line per event, for people or for programs.

use super::client::Client;
use super::settings::{Log, LogFormat};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use hardtack_session::Cut;
use std::io::{IsTerminal as _, stderr};
use std::time::Instant;
use tracing::field::display;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log on standard error. Later calls do nothing.
pub fn start(settings: &Log) {
    // tower-sessions repeats errors that the engine has logged already, with less detail.
    let quiet = "tower_sessions_core=off";
    let filter = EnvFilter::try_new(format!("{},{quiet}", settings.level))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{quiet}")));
    let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(colours);
    let begun = match settings.format {
        LogFormat::Text => log.finish().try_init(),
        LogFormat::Json => log.json().finish().try_init(),
    };
    if begun.is_ok() {
        // Without the hook a panic would be text of another format, which no program reads.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let said = panic.payload_as_str().unwrap_or("no text");
            tracing::error!(place, said, "panicked");
        }));
    }
}

/// Writes a line per request: client, method, the first 512 bytes of the path, and status; no query, no header.
pub(super) async fn request(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), Cut(request.uri().path()).to_string());
    let client = request.extensions().get::<Client>().map(|Client(address)| display(*address));
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    // Requests for files and health checks are many and tell little.
    if path.starts_with("/pkg/") || matches!(path.as_str(), "/healthz" | "/readyz") {
        tracing::debug!(client, %method, path, status, micros, "answered");
    } else {
        tracing::info!(client, %method, path, status, micros, "answered");
    }
    response
}
