//! What the engine makes of the cookie that came with a request: for the doctor.

use super::error::Error;
use super::handle::Session;
use crate::doctor::Known;
use axum::http::HeaderMap;

impl Session {
    /// Whether the session's cookie in these headers, which are the request's, leads to a session. It is not used by that:
    /// whoever looks keeps nothing alive.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached; [`Error::Rotated`] when another request has given the
    /// session a new id.
    pub async fn presented(&self, headers: &HeaderMap) -> Result<Known, Error> {
        let unit = &self.unit;
        if unit.presented.is_none() {
            let came = unit.engine.cookie.values(headers).next().is_some();
            return Ok(if came { Known::Foreign } else { Known::NoCookie });
        }
        Ok(if unit.find().await?.is_some() { Known::Live } else { Known::Forgotten })
    }
}
