//! The plain data types that server and browser share, and the API's error.

pub mod account;
pub mod codec;
pub mod device;
pub mod doctor;
pub mod error;
pub mod exported;
pub mod handshake;
pub mod next;
pub mod outcome;
pub mod overview;
pub mod provider;
pub mod sign_up;
pub mod theme;
pub mod viewer;
pub mod visits;
