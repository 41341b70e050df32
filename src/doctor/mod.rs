//! The session doctor: why a session's cookie is lost, and what to change.
//!
//! Plain data and pure functions, on both sides. So far: what browsers keep and send ([`Jar`]).

mod address;
mod browser;
mod jar;
mod set_cookie;
mod sites;

pub use address::{Address, AddressError, Space};
pub use browser::{Browser, Maker};
pub use jar::{Jar, Kept, Kind, Loss, Trip};
pub use set_cookie::{LineError, SameSite, SetCookie};
pub use sites::{SiteOf, Sites};

#[cfg(test)]
mod tests;
