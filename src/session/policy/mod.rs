//! The policy of origins: the cookie settings and the CORS and CSRF rules that follow from them, and contradictions in
//! settings.
//!
//! ```text
//! Origins { own, front ends } ──▶ CookieSettings   SameSite, Secure, Partitioned, name
//!                             └─▶ Guard            CORS and CSRF, before the session is read
//! ```

mod contradiction;
mod guard;
mod origin;
mod origins;

pub use contradiction::Contradiction;
pub use guard::{Guard, GuardService, Refused, Unlistable};
pub use origin::{Origin, OriginError};
pub use origins::{Origins, Unreachable};
