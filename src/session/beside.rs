//! Cookies beside the session's: signed by its keys, and as well kept from scripts and other sites.

use super::cookie::CookieSettings;
use super::error::Error;
use super::handle::Session;
use axum::http::{HeaderMap, HeaderValue};
use std::time::Duration;
use tower_sessions::cookie::SameSite;

impl Session {
    /// The text of a signed cookie that [`give_beside`](Session::give_beside) made. `None` when there is none, when there
    /// are two that differ, or when none of our keys signed it.
    ///
    /// It says what this server once gave away, not that whoever shows it is who it was given to: cookies can be copied.
    #[must_use]
    pub fn beside(&self, name: &str, headers: &HeaderMap) -> Option<String> {
        let settings = self.settings_beside(name);
        let (value, twice) = settings.value(headers);
        if twice {
            // The answer takes the others away, as it does with the session's own.
            let twice = &mut self.unit.state().twice;
            if !twice.iter().any(|known| known == name) {
                twice.push(name.to_owned());
            }
            return None;
        }
        self.unit.engine.keys.verified(&settings.name, value?).map(str::to_owned)
    }

    /// The header that gives the browser a signed text, for a while. Everybody who holds the cookie can read it: no secret.
    ///
    /// Its name is the session cookie's with `_` and `name` behind it, and so are its attributes, but that `SameSite=Strict`
    /// becomes `Lax`.
    ///
    /// # Errors
    ///
    /// When the text holds anything but letters, digits, `-` and `_`.
    pub fn give_beside(&self, name: &str, text: &str, life: Duration) -> Result<HeaderValue, Error> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err(Error::Header);
        }
        let settings = self.settings_beside(name);
        let value = self.unit.engine.keys.signed(&settings.name, text);
        settings.set(&value, life, true, self.unit.now()).ok_or(Error::Header)
    }

    /// A name for something in this place that nobody else can work out, the same for as long as the first key is.
    ///
    /// For what a database is to recognise and not to tell, such as who has tried to sign in.
    #[must_use]
    pub fn pseudonym(&self, place: &str, text: &str) -> String {
        self.unit.engine.keys.pseudonym(place, text)
    }

    /// Whether a name is the [`pseudonym`](Session::pseudonym) of a text, by the first key or by one that was it before and is
    /// still known.
    #[must_use]
    pub fn is_pseudonym(&self, place: &str, text: &str, pseudonym: &str) -> bool {
        self.unit.engine.keys.is_pseudonym(place, text, pseudonym)
    }

    /// The header that takes such a cookie away.
    ///
    /// # Errors
    ///
    /// When its name makes no header.
    pub fn take_beside(&self, name: &str) -> Result<HeaderValue, Error> {
        self.settings_beside(name).removal().ok_or(Error::Header)
    }

    pub(super) fn settings_beside(&self, name: &str) -> CookieSettings {
        let own = self.cookie();
        // Who comes back from another site must still be known by it, where the session itself is kept back.
        let same_site = if own.same_site == SameSite::Strict { SameSite::Lax } else { own.same_site };
        CookieSettings { name: own.name_beside(name), same_site, ..own.clone() }
    }
}
