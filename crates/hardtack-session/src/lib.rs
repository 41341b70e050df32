#![doc = include_str!("../README.md")]
//!
//! # A request's way
//!
//! ```text
//! request ─▶ layer: cookie ─▶ Session in extensions ─▶ handler
//!                                  │ reads, writes
//!                                  ▼
//!                            unit of work ─▶ store
//!                                  ▲
//! response ◀ finish: commit ───────┘ (then the cookie, then the head)
//! ```
//!
//! Start with [`Sessions`] and [`Session`]. To use another store, implement [`store::Store`] and test it with
//! `store::contract` (feature `conformance`).

pub mod clock;
pub mod cookie;
pub mod id;
pub mod keys;
pub mod policy;
mod presented;
pub mod record;
pub mod store;
pub mod sweep;

mod account;
mod begin_limit;
mod beside;
mod cut;
mod doubt;
mod engine;
mod error;
mod finish;
mod handle;
mod ids;
mod key;
mod layer;
mod lifetime;
mod log_limit;
mod news;
mod reload;
mod set_cookie;
mod sign_in;
mod skew;
mod tower;
mod turn;
mod unit;
#[cfg(any(feature = "memory", feature = "sqlite"))]
mod voice;
mod watch;

pub use account::OfAccount;
pub use begin_limit::{BeginLimit, RateLimit};
pub use cookie::CookieSettings;
pub use cut::Cut;
pub use engine::PerAccount;
pub use error::{Error, Fault};
pub use handle::{Facts, Session};
pub use key::Key;
pub use keys::Keys;
pub use layer::{SessionService, Sessions};
pub use lifetime::{Bounds, Clocks, Lifetime, Terms};
pub use log_limit::LogLimit;
pub use news::News;
pub use presented::Presented;
pub use record::{Device, Owner};
pub use watch::{Event, Watch};
