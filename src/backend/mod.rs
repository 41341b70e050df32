//! The logic of the application, without HTTP and without pages.

pub mod account;
pub mod accounts;
pub mod devices;
pub mod doctor;
pub mod federated;
pub mod handshake;
pub mod keys;
pub mod network;
pub mod overview;
pub mod passwords;
pub mod providers;
pub mod registry;
pub mod sign_in;
pub mod username;
pub mod visitor;
pub mod visits;

mod attempts;
mod error;
mod known;
mod name;
mod queue;
