//! The server: settings, the router with its layers, the document around every page, the listeners; and what an
//! operator does beside it.

pub mod settings;

mod access;
mod accounts;
mod api;
mod assets;
mod begin_limit;
mod client;
mod doctor;
mod document;
mod events;
mod explain;
mod export;
mod federated;
mod fields;
mod form;
mod forwarded;
mod headers;
mod health;
mod host;
mod last_start;
mod limits;
mod listen;
mod log;
mod metrics;
mod operator;
mod probe;
mod providers;
mod redirect;
mod router;
mod secret;
mod signal;
mod start;
mod store;
mod streams;
mod tls;
mod topology;
mod trust;
mod visitor;
mod whole;

pub use accounts::open_registry;
pub use client::client_address;
pub use export::{ExportError, Manifest, export};
pub use last_start::Change;
pub use listen::{BindError, Door};
pub use log::start as start_log;
pub use metrics::MetricsError;
pub use operator::{Found, Migration, Operator, OperatorError, migrate};
pub use probe::{Visit, VisitError, probe};
pub use providers::examine as examine_providers;
pub use signal::asked_to_stop;
pub use start::{Server, StartError};
pub use tls::{AUTHORITY_FILE, Facts, SERVER_FILE, TlsError};
pub use topology::{SetupError, topology};
