//! Calls from the browser: to the one server that the page belongs to, with its cookie, in time, and with errors that say
//! what to do.
//!
//! Every server function goes through [`Credentialed`]; [`Request`] is for calls of other kinds. Compiled on both sides,
//! because server functions name their client on both; only the browser runs any of it.

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
