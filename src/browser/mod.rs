//! Calls from the browser to the page's server: with the cookie, with a timeout, and with errors that say what to do.
//!
//! Every server function uses [`Credentialed`]; [`Request`] is for other calls. The module is compiled for browser and
//! server, because server functions name their client on both. Only the browser runs it.

mod base;
mod client;
mod first;
mod place;
mod request;

pub use base::{Account, is_elsewhere, keep, know, knows, path_at_server, port, server};
pub use client::Credentialed;
pub use first::came_without_session;
pub use place::{asked, go, here, next};
pub use request::{Answer, Failure, Request};
