//! The server functions: the one API of browser, form, axios and curl.
//!
//! A function here is a door, not a room: it takes the session, calls one function of `backend` or
//! `session`, and returns.

pub mod account;
pub mod devices;
pub mod doctor;
pub mod handshake;
pub mod overview;
pub mod theme;
pub mod visits;
