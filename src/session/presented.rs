//! What the engine makes of the cookie that came with a request: for whoever looks for lost sessions.

use super::doubt::Doubt;
use super::error::Error;
use super::handle::Session;

/// What became of the session's cookie of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presented {
    /// None came.
    Nothing,
    /// One that is not made as ours are, or two that differ, of which none counts.
    Foreign,
    /// One that is made as ours are, and none of our keys signed it.
    OtherKey,
    /// One of our own, and no such session.
    Forgotten,
    /// One that leads to a session.
    Live,
}

impl Session {
    /// Whether the session's cookie of the request leads to a session. It is not used by that:
    /// whoever looks keeps nothing alive.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached; [`Error::Rotated`] when another request has given the
    /// session a new id.
    pub async fn presented(&self) -> Result<Presented, Error> {
        let unit = &self.unit;
        Ok(match &unit.asked.doubt {
            Some(Doubt::OtherKey { .. }) => Presented::OtherKey,
            Some(Doubt::Foreign | Doubt::Several { .. }) => Presented::Foreign,
            _ if unit.asked.presented.is_none() => Presented::Nothing,
            _ if unit.find().await?.is_some() => Presented::Live,
            _ => Presented::Forgotten,
        })
    }
}
