//! The server functions: the one API for browsers, forms, axios and curl.
//!
//! A function here holds no logic: it takes the session, calls one function of `backend` or `session`,
//! and returns the result.

pub mod account;
pub mod devices;
pub mod doctor;
pub mod handshake;
pub mod overview;
pub mod theme;
pub mod visits;
