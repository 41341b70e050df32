//! What the application does, without HTTP and without pages.

pub mod handshake;
pub mod keys;
pub mod overview;
pub mod visits;

mod error;
