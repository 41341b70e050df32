//! The handshake: a value that a session holds and its page sends back.

use super::keys::HANDSHAKE;
use crate::model::error::{Kind, WireError};
use crate::model::handshake::{Confirmed, Handshake};
use hardtack_session::{Error, Session};

/// Returns the session's value, created at the first call; empty when the request stores nothing.
///
/// # Errors
///
/// When the session cannot be read or written.
pub async fn of(session: &Session) -> Result<Handshake, Error> {
    let id = match session.read(HANDSHAKE).await? {
        Some(id) => id,
        None if session.keeps_nothing() => String::new(),
        // An atomic update, so that two concurrent first requests get the same value.
        None => {
            let id = session.update(HANDSHAKE, |id| id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())).await?;
            // The write may have been skipped, because of a limit or a doubt about the session.
            if session.is_live() { id } else { String::new() }
        }
    };
    Ok(Handshake { id })
}

/// Confirms that `value` is the session's own.
///
/// # Errors
///
/// `mismatch` when it is not; `unavailable` when the session cannot be read.
pub async fn confirm(session: &Session, value: &str) -> Result<Confirmed, WireError> {
    match session.read(HANDSHAKE).await? {
        Some(kept) if kept == value => Ok(Confirmed::default()),
        _ => Err(Kind::Mismatch.into()),
    }
}
