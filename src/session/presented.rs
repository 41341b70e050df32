//! What the engine makes of the cookie that came with a request: for whoever looks for lost sessions.

use super::error::Error;
use super::handle::Session;
use axum::http::HeaderMap;

/// What became of the session's cookie of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presented {
    /// None came.
    Nothing,
    /// One that no key of ours signed, or two, of which none counts.
    Foreign,
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
            let came = unit.engine.cookie.values(headers).next().is_some();
            return Ok(if came { Presented::Foreign } else { Presented::Nothing });
        }
        Ok(if unit.find().await?.is_some() { Presented::Live } else { Presented::Forgotten })
    }
}
