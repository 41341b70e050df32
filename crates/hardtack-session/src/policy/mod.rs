//! The policy of origins: the cookie settings and the CORS and CSRF rules that follow from them, and contradictions in
//! settings.
//!
//! ```text
//! Origins { own, front ends } ──▶ CookieSettings   SameSite, Secure, Partitioned, name
//!                             └─▶ Guard            CORS and CSRF, before the session is read
//! ```

mod contradiction;
#[cfg(feature = "origins")]
mod guard;
#[cfg(feature = "origins")]
mod origin;
#[cfg(feature = "origins")]
mod origins;

pub use contradiction::Contradiction;
#[cfg(feature = "origins")]
pub use guard::{Guard, GuardService, Refused, Unlistable};
#[cfg(feature = "origins")]
pub use origin::{Origin, OriginError};
#[cfg(feature = "origins")]
pub use origins::{Origins, Unreachable};
