//! Signed cookies beside the session cookie: signed with its keys, and protected like it from scripts and other sites.

use super::cookie::CookieSettings;
use super::error::Error;
use super::handle::Session;
use axum::http::{HeaderMap, HeaderValue};
use std::time::Duration;
use tower_sessions::cookie::SameSite;

impl Session {
    /// Returns the text of a signed cookie that [`give_beside`](Session::give_beside) made. `None` when there is none,
    /// when two with different values came, or when none of the keys signed it.
    ///
    /// The text proves that this server issued the cookie, and not that the client is the one that got it: cookies can
    /// be copied.
    #[must_use]
    pub fn beside(&self, name: &str, headers: &HeaderMap) -> Option<String> {
        let settings = self.settings_beside(name);
        let (value, twice) = settings.value(headers);
        if twice {
            // The response removes the other variants, as it does for the session cookie.
            let twice = &mut self.unit.state().twice;
            if !twice.iter().any(|known| known == name) {
                twice.push(name.to_owned());
            }
            return None;
        }
        self.unit.engine.keys.verified(&settings.name, value?).map(str::to_owned)
    }

    /// Returns the header that sets a signed cookie with this text and lifetime. The text must be no secret, because a
    /// holder of the cookie can read it.
    ///
    /// The name is the name of the session cookie with `_` and `name` appended. The attributes are those of the session
    /// cookie, except that `SameSite=Strict` becomes `Lax`.
    ///
    /// # Errors
    ///
    /// When the text contains anything but letters, digits, `-` and `_`.
    pub fn give_beside(&self, name: &str, text: &str, life: Duration) -> Result<HeaderValue, Error> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err(Error::Header);
        }
        let settings = self.settings_beside(name);
        let value = self.unit.engine.keys.signed(&settings.name, text);
        settings.set(&value, life, true, self.unit.now()).ok_or(Error::Header)
    }

    /// Returns a keyed hash of a text, which others cannot compute. It stays the same for as long as the first key
    /// does.
    ///
    /// For values that a database must recognise and not reveal, such as the names of sign-in attempts, and for marks
    /// that only this server can make. The same text has another hash in each `place`.
    #[must_use]
    pub fn pseudonym(&self, place: &str, text: &str) -> String {
        self.unit.engine.keys.pseudonym(place, text)
    }

    /// Returns whether `pseudonym` is the [`pseudonym`](Session::pseudonym) of a text by any of the keys, so that a
    /// hash by an earlier first key still counts while that key is listed.
    #[must_use]
    pub fn is_pseudonym(&self, place: &str, text: &str, pseudonym: &str) -> bool {
        self.unit.engine.keys.is_pseudonym(place, text, pseudonym)
    }

    /// Returns the header that removes a signed cookie.
    ///
    /// # Errors
    ///
    /// When its name cannot stand in a header.
    pub fn take_beside(&self, name: &str) -> Result<HeaderValue, Error> {
        self.settings_beside(name).removal().ok_or(Error::Header)
    }

    pub(super) fn settings_beside(&self, name: &str) -> CookieSettings {
        let own = self.cookie();
        // `Strict` becomes `Lax` because a browser that returns from another site must still send this cookie when it
        // withholds the session cookie.
        let same_site = if own.same_site == SameSite::Strict { SameSite::Lax } else { own.same_site };
        CookieSettings { name: own.name_beside(name), same_site, ..own.clone() }
    }
}
