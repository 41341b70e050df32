//! The value that a session keeps and its page sends back.

use super::keys::HANDSHAKE;
use crate::model::error::{Kind, WireError};
use crate::model::handshake::{Confirmed, Handshake};
use crate::session::{Error, Session};

/// The session's value, made at the first call; empty where nothing is kept.
///
/// # Errors
///
/// When the session cannot be read or written.
pub async fn of(session: &Session) -> Result<Handshake, Error> {
    let id = match session.read(HANDSHAKE).await? {
        Some(id) => id,
        None if session.keeps_nothing() => String::new(),
        // Two first requests at once agree on one value.
        None => {
            let id = session.update(HANDSHAKE, |id| id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())).await?;
            // The write may have been passed over, because of a limit or because of a doubt about the session.
            if session.is_live() { id } else { String::new() }
        }
    };
    Ok(Handshake { id })
}

/// Whether `value` is the session's own.
///
/// # Errors
///
/// `mismatch` when it is not, `unavailable` when the session cannot be read.
pub async fn confirm(session: &Session, value: &str) -> Result<Confirmed, WireError> {
    match session.read(HANDSHAKE).await? {
        Some(kept) if kept == value => Ok(Confirmed::default()),
        _ => Err(Kind::Mismatch.into()),
    }
}
