//! What the engine makes of the cookie that came with a request: for whoever looks for lost sessions.

use super::error::Error;
use super::handle::Session;
use super::keys::Keys;
use axum::http::HeaderMap;

/// What became of the session's cookie of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presented {
    /// None came.
    Nothing,
    /// One that is not made as ours are, or two, of which none counts.
    Foreign,
    /// One that is made as ours are, and none of our keys signed it.
    OtherKey,
    /// One of our own, and no such session.
    Forgotten,
    /// One that leads to a session.
    Live,
}

impl Session {
    /// Whether the session's cookie in these headers, which are the request's, leads to a session. It is not used by that:
    /// whoever looks keeps nothing alive.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached; [`Error::Rotated`] when another request has given the
    /// session a new id.
    pub async fn presented(&self, headers: &HeaderMap) -> Result<Presented, Error> {
        let unit = &self.unit;
        if unit.presented.is_none() {
            let mut values = unit.engine.cookie.values(headers);
            return Ok(match (values.next(), values.next()) {
                (None, _) => Presented::Nothing,
                (Some(value), None) if Keys::is_like_ours(value) => Presented::OtherKey,
                _ => Presented::Foreign,
            });
        }
        Ok(if unit.find().await?.is_some() { Presented::Live } else { Presented::Forgotten })
    }
}
