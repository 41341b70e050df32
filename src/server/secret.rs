//! The keys and secrets that the settings name and never hold, in files and environment variables.

use super::settings::KeySource;
use hardtack_session::keys::{KeyError, read_private};

/// The reason why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    /// The file cannot be read, or others can read it as well.
    #[error(transparent)]
    File(#[from] KeyError),
    /// The variable does not exist.
    #[error("the variable {0} is not set")]
    NoVariable(String),
}

/// Reads a secret.
pub(super) fn read(source: &KeySource) -> Result<String, SecretError> {
    match source {
        KeySource::File(path) => Ok(read_private(path)?),
        KeySource::Env(name) => std::env::var(name).map_err(|_| SecretError::NoVariable(name.clone())),
    }
}
