//! The session cookie, exact in both directions.

use super::id::Secret;
use super::keys::Keys;
use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use cookie::time;
use std::time::Duration;

pub use cookie::SameSite;

/// Name and attributes of the session cookie. `HttpOnly` is always among them.
///
/// Source: RFC 6265bis; ASVS 5.0, 3.3.1 to 3.3.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSettings {
    /// Its name, matched byte for byte. Default: `__Host-hardtack_sess` with `secure`, else `hardtack_sess`.
    pub name: String,
    /// Sends the cookie over https only. Default: true.
    pub secure: bool,
    /// Which sites' requests carry it. Default: `Lax`.
    pub same_site: SameSite,
    /// Keeps a jar per top-level site (CHIPS). Default: false.
    pub partitioned: bool,
    /// Shares the cookie with the subdomains of this domain. Default: none, this host only.
    pub domain: Option<String>,
    /// Where on the host it is sent. Default: `/`.
    pub path: String,
    /// Keeps it when the browser closes, for as long as the session may live. Default: false.
    pub persistent: bool,
}

impl CookieSettings {
    /// The settings for a site on https, or on plain http when `secure` is false.
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

    /// The attributes as `Set-Cookie` spells them, in its order. No value is in it.
    #[must_use]
    pub fn attributes(&self) -> Vec<String> {
        self.build("").to_string().split("; ").skip(1).map(str::to_owned).collect()
    }

    /// A cookie of the application's own that holds no secret: one year, readable by scripts, this site only.
    ///
    /// # Errors
    ///
    /// When the value holds anything but letters, digits, `-`, `_` and `.`: it could pass for attributes.
    pub fn plain(&self, name: &str, value: &str) -> Result<HeaderValue, super::Error> {
        if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(super::Error::Header);
        }
        let cookie = cookie::Cookie::build((name, value))
            .path("/")
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .max_age(time::Duration::days(365));
        HeaderValue::from_str(&cookie.to_string()).map_err(|_| super::Error::Header)
    }

    /// The header that gives `value` to the browser, for at most `life`; `kept` also when it closes.
    pub(super) fn set(&self, value: &str, life: Duration, kept: bool) -> Option<HeaderValue> {
        let mut cookie = self.build(value);
        if kept {
            let seconds = i64::try_from(life.min(MAX_AGE).as_secs()).unwrap_or(i64::MAX);
            cookie.set_max_age(time::Duration::seconds(seconds));
        }
        HeaderValue::from_str(&cookie.to_string()).ok()
    }

    /// The header that takes the cookie away. It repeats every attribute, else browsers keep the cookie.
    ///
    /// Source: RFC 6265bis, storage model, step 21.
    pub(super) fn removal(&self) -> Option<HeaderValue> {
        let mut cookie = self.build("");
        cookie.set_max_age(time::Duration::ZERO);
        cookie.set_expires(time::OffsetDateTime::UNIX_EPOCH);
        HeaderValue::from_str(&cookie.to_string()).ok()
    }

    /// What a request says about its session, from its raw `Cookie` headers.
    pub(super) fn read(&self, headers: &HeaderMap, keys: &Keys) -> Option<Secret> {
        let mut values = self.values(headers);
        let value = values.next()?;
        // A cookie of the same name from a sibling domain or another path must not win by its place in the row.
        if values.next().is_some() {
            metrics::counter!("hardtack_cookies_refused_total", "reason" => "twice").increment(1);
            tracing::warn!(cookie = self.name, "two session cookies in one request; neither is used");
            return None;
        }
        let secret = keys.open(&self.name, value);
        if secret.is_none() {
            metrics::counter!("hardtack_cookies_refused_total", "reason" => "forged").increment(1);
            tracing::debug!(cookie = self.name, "a session cookie that no key of ours signed");
        }
        secret
    }

    /// All values of cookies of this name, from the raw `Cookie` headers.
    pub(super) fn values<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a [u8]> {
        let lines = headers.get_all(COOKIE).into_iter();
        lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b';')).filter_map(|pair| self.value_of(pair))
    }

    /// The value in `name=value`, if the name is ours: exact bytes, no decoding, no case folding.
    fn value_of<'a>(&self, pair: &'a [u8]) -> Option<&'a [u8]> {
        let start = pair.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        let pair = &pair[start..];
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let value = &pair[equals + 1..];
        let end = value.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
        (pair[..equals] == *self.name.as_bytes()).then_some(&value[..end])
    }

    fn build<'a>(&'a self, value: &'a str) -> cookie::Cookie<'a> {
        let mut cookie = cookie::Cookie::build((self.name.as_str(), value))
            .http_only(true)
            .same_site(self.same_site)
            .path(self.path.as_str())
            .build();
        // Never set to false: the crate adds Secure to `SameSite=None` only while nothing is said.
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

/// Browsers cut longer lives to 400 days. Source: RFC 6265bis, 5.5.
const MAX_AGE: Duration = super::Lifetime::LONGEST;

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(cookies: &[&[u8]], settings: &CookieSettings, keys: &Keys) -> bool {
        let mut headers = HeaderMap::new();
        for line in cookies {
            headers.append(COOKIE, HeaderValue::from_bytes(line).expect("a header"));
        }
        settings.read(&headers, keys).is_some()
    }

    fn sealed(settings: &CookieSettings, keys: &Keys) -> String {
        keys.seal(&settings.name, &Secret::generate().expect("random numbers"))
    }

    #[test]
    fn g9_s2_the_name_is_matched_byte_for_byte() {
        let (settings, keys) = (CookieSettings::new(true), Keys::generate().expect("a key"));
        let value = sealed(&settings, &keys);
        let with = |name: &str| presented(&[format!("{name}={value}").as_bytes()], &settings, &keys);
        assert!(with("__Host-hardtack_sess"));
        assert!(with(" \t__Host-hardtack_sess"), "white space before a pair is no part of the name");
        for name in [
            "__host-hardtack_sess",
            "%5F%5FHost-hardtack_sess",
            "\u{2000}__Host-hardtack_sess",
            "\u{a0}__Host-hardtack_sess",
            "=__Host-hardtack_sess",
            "__Host-hardtack_sess ",
            "x__Host-hardtack_sess",
        ] {
            assert!(!with(name), "{name:?} must not count");
        }
    }

    #[test]
    fn g9_s3_two_cookies_of_the_name_count_as_none() {
        let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
        let good = format!("hardtack_sess={}", sealed(&settings, &keys));
        assert!(presented(&[format!("a=b; {good}; c=d").as_bytes()], &settings, &keys));
        assert!(!presented(&[format!("{good}; hardtack_sess=x").as_bytes()], &settings, &keys));
        assert!(!presented(&[format!("hardtack_sess=x; {good}").as_bytes()], &settings, &keys));
        assert!(!presented(&[good.as_bytes(), b"hardtack_sess=x"], &settings, &keys));
    }

    #[test]
    fn s4_several_cookie_headers_are_all_read() {
        let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
        let good = format!("hardtack_sess={}", sealed(&settings, &keys));
        assert!(presented(&[b"a=b", good.as_bytes()], &settings, &keys));
    }

    #[test]
    fn g12_s19_what_no_key_signed_is_nothing() {
        let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
        let value = sealed(&settings, &keys);
        let other = sealed(&settings, &Keys::generate().expect("a key"));
        let long = "A".repeat(1 << 20);
        let (secret, signature) = value.split_once('.').expect("two parts");
        for forged in [
            "",
            ".",
            "a.b",
            &long,
            secret,
            &other,
            "\u{0}",
            &format!("{secret}."),
            &format!(".{signature}"),
            &format!("{secret}.{signature}A"),
            &format!("{secret}A.{signature}"),
            &value[1..],
        ] {
            let mut pair = b"hardtack_sess=".to_vec();
            pair.extend(forged.bytes().filter(|byte| *byte != 0));
            assert!(!presented(&[&pair], &settings, &keys));
        }
        assert!(!presented(&[b"hardtack_sess=\xff\xfe.\xff"], &settings, &keys));
    }

    #[test]
    fn g12_a_value_cannot_be_moved_to_a_cookie_of_another_name() {
        let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
        let value = keys.seal("other_sess", &Secret::generate().expect("random numbers"));
        assert!(!presented(&[format!("hardtack_sess={value}").as_bytes()], &settings, &keys));
    }

    #[test]
    fn g9_the_removal_repeats_every_attribute() {
        let mut settings = CookieSettings::new(true);
        settings.partitioned = true;
        settings.same_site = SameSite::None;
        let removal = settings.removal().expect("a header");
        let removal = removal.to_str().expect("text");
        for attribute in settings.attributes() {
            assert!(removal.contains(&attribute), "{attribute} is missing in {removal}");
        }
        assert!(removal.starts_with("__Host-hardtack_sess=;") && removal.contains("Max-Age=0"), "{removal}");
    }

    #[test]
    fn s1_s8_the_default_cookie_is_host_bound_and_never_outlives_400_days() {
        let mut settings = CookieSettings::default();
        let set = settings.set("v", Duration::from_secs(60), false).expect("a header");
        assert_eq!(set, "__Host-hardtack_sess=v; HttpOnly; SameSite=Lax; Secure; Path=/");
        settings.persistent = true;
        let set = settings.set("v", Duration::from_secs(u64::MAX), settings.persistent).expect("a header");
        assert!(set.to_str().expect("text").contains("Max-Age=34560000"), "{set:?}");
    }
}
