//! The session cookie: its settings, its `Set-Cookie` headers, and its reading from a request.

use super::clock::{Clock, Timestamp};
use super::doubt::Doubt;
use super::id::{IdHash, Secret};
use super::keys::Keys;
use super::log_limit::LogLimit;
use axum::http::{HeaderMap, HeaderValue};
use cookie::time;
use std::time::Duration;

pub use cookie::SameSite;
pub use header::pairs;

mod header;
mod variants;

pub(super) use variants::{Around, Target};

/// The name and the attributes of the session cookie. `HttpOnly` is always set.
///
/// Source: RFC 6265bis; ASVS 5.0, 3.3.1 to 3.3.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSettings {
    /// The name, matched byte for byte. Default: `__Host-hardtack_sess` with `secure`, else `hardtack_sess`.
    pub name: String,
    /// Sends the cookie over https only. Default: true.
    pub secure: bool,
    /// The sites from which requests carry the cookie. Default: `Lax`.
    pub same_site: SameSite,
    /// Keeps a separate cookie for each top-level site (CHIPS). Default: false.
    pub partitioned: bool,
    /// Shares the cookie with the subdomains of this domain. Default: none, this host only.
    pub domain: Option<String>,
    /// The path on the host to which the cookie is sent. Default: `/`.
    pub path: String,
    /// Keeps the cookie when the browser closes, for as long as the session may live. Default: false.
    pub persistent: bool,
}

impl CookieSettings {
    /// Creates the settings for a site on https, or on plain http if `secure` is false.
    #[must_use]
    pub fn new(secure: bool) -> Self {
        let name = if secure { "__Host-hardtack_sess" } else { "hardtack_sess" };
        Self {
            name: name.to_owned(),
            secure,
            same_site: SameSite::Lax,
            partitioned: false,
            domain: None,
            path: "/".to_owned(),
            persistent: false,
        }
    }

    /// Returns the name of a signed cookie beside the session cookie: `hardtack_sess_known`.
    #[must_use]
    pub fn name_beside(&self, name: &str) -> String {
        format!("{}_{name}", self.name)
    }

    /// Returns the attributes as `Set-Cookie` spells them, in its order, without a value.
    #[must_use]
    pub fn attributes(&self) -> Vec<String> {
        self.build("").to_string().split("; ").skip(1).map(str::to_owned).collect()
    }

    /// Returns the header of a plain cookie of the application that holds no secret: for one year, readable by scripts,
    /// for this site only.
    ///
    /// # Errors
    ///
    /// When the value contains anything but letters, digits, `-`, `_` and `.`, because it could pass for attributes.
    pub fn plain(&self, name: &str, value: &str) -> Result<HeaderValue, super::Error> {
        if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(super::Error::Header);
        }
        let cookie = cookie::Cookie::build((name, value))
            .path("/")
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .max_age(time::Duration::days(365));
        let cookie = match expires(Clock::System.now(), Duration::from_secs(365 * 24 * 60 * 60)) {
            Some(expires) => cookie.expires(expires),
            None => cookie,
        };
        HeaderValue::from_str(&cookie.to_string()).map_err(|_| super::Error::Header)
    }

    /// Returns the header that sets the cookie to `value`, for at most `life` from `now`. With `kept` the browser keeps
    /// the cookie when it closes.
    ///
    /// Clients that understand both use `Max-Age`. `Expires` is there because Java's and Android's cookie managers take
    /// a cookie with `Max-Age` alone for one of RFC 2965, and send it in quotes.
    pub(super) fn set(&self, value: &str, life: Duration, kept: bool, now: Timestamp) -> Option<HeaderValue> {
        let mut cookie = self.build(value);
        if kept {
            let life = life.min(MAX_AGE);
            let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
            cookie.set_max_age(time::Duration::seconds(seconds));
            if let Some(expires) = expires(now, life) {
                cookie.set_expires(expires);
            }
        }
        HeaderValue::from_str(&cookie.to_string()).ok()
    }

    /// Returns the header that removes the cookie. It repeats every attribute, because browsers keep the cookie
    /// otherwise.
    ///
    /// Source: RFC 6265bis, storage model, step 21.
    pub(super) fn removal(&self) -> Option<HeaderValue> {
        let mut cookie = self.build("");
        cookie.set_max_age(time::Duration::ZERO);
        cookie.set_expires(time::OffsetDateTime::UNIX_EPOCH);
        HeaderValue::from_str(&cookie.to_string()).ok()
    }

    /// Reads the session from the cookies of a request.
    ///
    /// Values that are equal, or that lead to one session, count as one, because a browser that holds the cookie in two
    /// places sends it twice. Of different values none counts, because a cookie of a sibling domain or another path
    /// must not win by its position.
    pub(super) fn read(&self, headers: &HeaderMap, keys: &Keys) -> Came {
        let (mut values, mut more, mut nameless) = (Vec::new(), false, 0_u32);
        for (name, value) in pairs(headers) {
            if name == self.name.as_bytes() {
                if values.len() == MOST {
                    more = true;
                } else if !values.contains(&value) {
                    values.push(value);
                }
            } else if name.is_empty() {
                nameless += 1;
            }
        }
        if nameless > 0
            && let Some(held_back) = NAMELESS.turn()
        {
            tracing::info!(nameless, held_back, "ignored parts of a Cookie header that have no name");
        }
        let Some(first) = values.first() else { return Came::Nothing };
        let mut own: Vec<Secret> = Vec::new();
        let mut others = Vec::new();
        for value in &values {
            match keys.open(&self.name, value) {
                Some(secret) if own.contains(&secret) => {}
                Some(secret) => own.push(secret),
                None => others.push(Keys::unsealed(value)),
            }
        }
        let name = IdHash::of(first);
        match (own.len(), &others[..]) {
            (1, []) => own.pop().map_or(Came::Nothing, Came::One),
            (0, [other]) => {
                metrics::counter!("hardtack_cookies_refused_total", "reason" => "forged").increment(1);
                tracing::debug!(cookie = self.name, "no key of this server signed the session cookie");
                Came::InDoubt(match other {
                    Some(secret) => Doubt::OtherKey { name, id: secret.hash() },
                    None => Doubt::Foreign,
                })
            }
            _ => {
                metrics::counter!("hardtack_cookies_refused_total", "reason" => "twice").increment(1);
                if let Some(held_back) = TWICE.turn() {
                    let cookie = &self.name;
                    tracing::warn!(cookie, held_back, "two session cookies in one request; neither is used");
                }
                let own = own.iter().map(Secret::hash).collect();
                let strange = others.iter().flatten().map(Secret::hash).collect();
                Came::InDoubt(Doubt::Several { name, own, strange, more })
            }
        }
    }

    /// Returns the first value of the cookie of this name, if any came, and whether others came that differ from it.
    pub(super) fn value<'a>(&self, headers: &'a HeaderMap) -> (Option<&'a [u8]>, bool) {
        let mut values = pairs(headers).filter(|(name, _)| *name == self.name.as_bytes()).map(|(_, value)| value);
        let first = values.next();
        (first, values.any(|value| Some(value) != first))
    }

    fn build<'a>(&'a self, value: &'a str) -> cookie::Cookie<'a> {
        let mut cookie = cookie::Cookie::build((self.name.as_str(), value))
            .http_only(true)
            .same_site(self.same_site)
            .path(self.path.as_str())
            .build();
        // `Secure` is never set to false, because the crate adds it to `SameSite=None` only if it is unset.
        if self.secure {
            cookie.set_secure(true);
        }
        if self.partitioned {
            cookie.set_partitioned(true);
        }
        if let Some(domain) = &self.domain {
            cookie.set_domain(domain.as_str());
        }
        cookie
    }
}

impl Default for CookieSettings {
    fn default() -> Self {
        Self::new(true)
    }
}

/// The session that the cookies of a request name.
#[derive(Debug)]
pub(super) enum Came {
    /// No cookie of the name came.
    Nothing,
    /// A secret that one of the keys signed.
    One(Secret),
    /// The cookies leave it in doubt which session is meant.
    InDoubt(Doubt),
}

/// The most values of the name that are examined.
const MOST: usize = 8;

static TWICE: LogLimit = LogLimit::a_minute();
static NAMELESS: LogLimit = LogLimit::a_minute();

fn expires(now: Timestamp, life: Duration) -> Option<time::OffsetDateTime> {
    time::OffsetDateTime::from_unix_timestamp((now + life).seconds()).ok()
}

/// The longest `Max-Age`, because browsers cut longer ones to 400 days. Source: RFC 6265bis, 5.5.
const MAX_AGE: Duration = super::Lifetime::LONGEST;

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
