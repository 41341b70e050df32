//! What the settings name and never hold: keys and secrets, in files and variables.

use super::settings::KeySource;
use crate::session::keys::{KeyError, read_private};

/// Why it cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    /// The file cannot be read, or others can read it as well.
    #[error(transparent)]
    File(#[from] KeyError),
    /// There is no such variable.
    #[error("the variable {0} is not set")]
    NoVariable(String),
}

/// Reads it.
pub(super) fn read(source: &KeySource) -> Result<String, SecretError> {
    match source {
        KeySource::File(path) => Ok(read_private(path)?),
        KeySource::Env(name) => std::env::var(name).map_err(|_| SecretError::NoVariable(name.clone())),
    }
}
