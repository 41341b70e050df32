//! The server: settings, the router with its layers, the document around every page, the listener.

pub mod settings;

mod api;
mod assets;
mod document;
mod explain;
mod guard;
mod headers;
mod health;
mod limits;
mod listen;
mod log;
mod router;
mod signal;
mod start;

pub use listen::BindError;
pub use log::start as start_log;
pub use signal::asked_to_stop;
pub use start::{Server, StartError};
