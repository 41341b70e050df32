//! The status of a request's session cookie, for the diagnosis of lost sessions.

use super::doubt::Doubt;
use super::error::Error;
use super::handle::Session;

/// The status of a request's session cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presented {
    /// The request has no session cookie.
    Nothing,
    /// The cookie does not have the format of a session cookie, or two cookies came with different values, and neither
    /// counts.
    Foreign,
    /// The cookie has the format of a session cookie, but none of the keys signed it.
    OtherKey,
    /// One of the keys signed the cookie, but the session does not exist.
    Forgotten,
    /// The cookie leads to a session.
    Live,
}

impl Session {
    /// Returns the status of the session cookie. This does not mark the session as used, so it does not keep the
    /// session alive.
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
