//! The parser of `Set-Cookie` lines, as browsers parse them.
//!
//! Source: RFC 6265bis, 5.1.1 (dates) and 5.6 (the header).

use super::octets::length;
use std::fmt;

/// The cross-site requests that carry a cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SameSite {
    /// No cross-site request.
    Strict,
    /// Links and other top-level navigations with a safe method.
    Lax,
    /// All cross-site requests.
    None,
}

/// A cookie as a server sets it. `Debug` does not show the value.
#[derive(Clone, Eq, PartialEq)]
pub struct SetCookie {
    /// The name.
    pub name: String,
    /// The value. In a setup only its length matters.
    pub value: String,
    /// `Secure`: only for https.
    pub secure: bool,
    /// `HttpOnly`: hidden from scripts.
    pub http_only: bool,
    /// `Partitioned`: for one top-level site (CHIPS).
    pub partitioned: bool,
    /// `SameSite`: the cross-site requests that carry it; `None` if the line has no such attribute.
    pub same_site: Option<SameSite>,
    /// `Domain`: shared with the hosts below it. A leading dot is removed, so a single dot becomes an empty text.
    pub domain: Option<String>,
    /// `Path`: for this path and below; `None` if the line names no path that begins with `/`.
    pub path: Option<String>,
    /// `Max-Age` in seconds, which takes precedence over `expires`.
    pub max_age: Option<i64>,
    /// `Expires` in seconds since 1970.
    pub expires: Option<i64>,
}

/// The reason why a line sets no cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LineError {
    /// It has a character that cookies cannot have, or neither a name nor a value.
    Unreadable,
    /// Its name and value together are longer than 4096 bytes.
    TooLarge,
}

/// The most bytes of name and value together.
const LARGEST: usize = 4096;
/// The most bytes of an attribute's value; an attribute with a longer one is ignored.
const LARGEST_ATTRIBUTE: usize = 1024;

impl SetCookie {
    /// Creates a session cookie with the recommended attributes: host-bound and `Secure` on https, `HttpOnly`, `Lax`,
    /// for all paths.
    #[must_use]
    pub fn session(name: &str, secure: bool) -> Self {
        let prefix = if secure { "__Host-" } else { "" };
        Self {
            name: format!("{prefix}{name}"),
            value: "v".repeat(96),
            secure,
            http_only: true,
            partitioned: false,
            same_site: Some(SameSite::Lax),
            domain: None,
            path: Some("/".to_owned()),
            max_age: None,
            expires: None,
        }
    }

    /// Parses the value of a `Set-Cookie` header.
    ///
    /// # Errors
    ///
    /// If a browser would ignore the whole line.
    pub fn read(line: &str) -> Result<Self, LineError> {
        if line.chars().any(|sign| sign.is_ascii_control() && sign != '\t') {
            return Err(LineError::Unreadable);
        }
        let mut parts = line.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (trim(name), trim(value));
        if name.is_empty() && value.is_empty() {
            return Err(LineError::Unreadable);
        }
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            secure: false,
            http_only: false,
            partitioned: false,
            same_site: None,
            domain: None,
            path: None,
            max_age: None,
            expires: None,
        };
        cookie.measure()?;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (key, value) = (trim(key), trim(value));
            if length(value) <= LARGEST_ATTRIBUTE {
                cookie.attribute(&key.to_ascii_lowercase(), value);
            }
        }
        Ok(cookie)
    }

    /// Returns the names of two cookies that a proxy or a library has joined in one line: `a=1; Path=/, b=2; Path=/`.
    ///
    /// Values and dates may hold a comma too, so only `, NAME=` counts, where `NAME` is a valid name of a cookie.
    pub(super) fn joined(line: &str) -> Option<(String, String)> {
        let token = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        let (first, rest) = line.split_once('=')?;
        let second = rest.match_indices(", ").find_map(|(at, _)| {
            let name = rest[at + 2..].split(['=', ';']).next()?;
            // The name must be followed by `=`, because a comma may also stand before another word of a value or a
            // date.
            let is_pair = rest[at + 2 + name.len()..].starts_with('=');
            (is_pair && token(name)).then_some(name)
        })?;
        Some((trim(first).to_owned(), second.to_owned()))
    }

    /// Checks the size of name and value.
    pub(super) fn measure(&self) -> Result<(), LineError> {
        if length(&self.name) + length(&self.value) > LARGEST { Err(LineError::TooLarge) } else { Ok(()) }
    }

    /// Returns whether the name, the value or the path has a tab inside. Leading and trailing tabs are trimmed.
    pub(super) fn has_tab(&self) -> bool {
        let kept = [Some(&self.name), Some(&self.value), self.path.as_ref()];
        kept.into_iter().flatten().any(|text| text.contains('\t'))
    }

    /// Sets an attribute. If an attribute is repeated, the last one counts.
    fn attribute(&mut self, key: &str, value: &str) {
        match key {
            "secure" => self.secure = true,
            "httponly" => self.http_only = true,
            "partitioned" => self.partitioned = true,
            "samesite" => {
                self.same_site = match value.to_ascii_lowercase().as_str() {
                    "strict" => Some(SameSite::Strict),
                    "lax" => Some(SameSite::Lax),
                    "none" => Some(SameSite::None),
                    _ => None,
                }
            }
            "domain" => {
                let domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                self.domain = (!value.is_empty()).then_some(domain);
            }
            "path" => self.path = Some(value.to_owned()).filter(|path| path.starts_with('/')),
            "max-age" => self.max_age = seconds(value).or(self.max_age),
            "expires" => self.expires = date(value).or(self.expires),
            _ => {}
        }
    }

    /// Returns the time when the cookie expires, in seconds since 1970. `None`: when the browser closes.
    ///
    /// `date` is the `Date` of the response. Chrome and Firefox measure `Expires` from it, so that the cookies of a
    /// server with a wrong clock live as long as intended. Without a `Date`, `Expires` counts by the clock of the
    /// browser.
    pub(super) fn ends(&self, now: u64, date: Option<i64>) -> Option<i64> {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let after = |age: i64| if age <= 0 { i64::MIN } else { now.saturating_add(age) };
        let by_date = |expires: i64| date.map_or(expires, |date| expires.saturating_sub(date).saturating_add(now));
        self.max_age.map(after).or(self.expires.map(by_date))
    }

    /// Returns whether the line removes a cookie, whatever its value is: `Max-Age` is 0 or less, or `Expires` is in the
    /// first day of 1970 or before.
    pub(super) fn is_removal(&self) -> bool {
        self.max_age.map_or_else(|| self.expires.is_some_and(|at| at <= 86400), |age| age <= 0)
    }

    /// Returns whether the name begins with a prefix. Browsers ignore case here. Source: RFC 6265bis, 4.1.3.
    pub(super) fn begins(&self, prefix: &str) -> bool {
        // Without a name the value counts, because a server could take it for a name with this prefix.
        let shown = if self.name.is_empty() { &self.value } else { &self.name };
        shown.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, secure, http_only, partitioned, same_site, domain, path, max_age, expires, .. } = self;
        write!(f, "{name}=…; secure {secure}, http_only {http_only}, partitioned {partitioned}, {same_site:?}")?;
        write!(f, ", domain {domain:?}, path {path:?}, max_age {max_age:?}, expires {expires:?}")
    }
}

impl fmt::Display for SameSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        })
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Parses a number of seconds. A number that is too long becomes the largest or smallest one.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let most = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(text.parse().unwrap_or(most))
}

/// Parses a date in any spelling that browsers accept in `Expires`, and returns the seconds since 1970.
///
/// Source: RFC 6265bis, 5.1.1. Also reads the `Date` header.
pub(super) fn date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == ':' || !sign.is_ascii()));
    for word in words.filter(|word| !word.is_empty()) {
        let named = || MONTHS.iter().position(|month| word.get(..3).is_some_and(|it| it.eq_ignore_ascii_case(month)));
        if time.is_none() && clock(word).is_some() {
            time = clock(word);
        } else if day.is_none() && number(word, 1..=2).is_some() {
            day = number(word, 1..=2);
        } else if month.is_none() && named().is_some() {
            month = named();
        } else if year.is_none() {
            year = number(word, 2..=4);
        }
    }
    let (clock, day, month, year) = (time?, day?, i64::try_from(month?).ok()?, year?);
    let year = match year {
        0..=69 => year + 2000,
        70..=99 => year + 1900,
        _ => year,
    };
    let days = days_before(year, month + 1)?;
    let after = if month == 11 { days + 31 } else { days_before(year, month + 2)? };
    ((1..=after - days).contains(&day) && year >= 1601).then(|| (days + day - 1) * 86400 + clock)
}

/// Parses the digits at the beginning of a word, if their count is in the range.
fn number(word: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    lengths.contains(&digits).then(|| word[..digits].parse().ok()).flatten()
}

fn clock(word: &str) -> Option<i64> {
    let mut parts = word.splitn(3, ':').map(|part| number(part, 1..=2));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    (hours < 24 && minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// Returns the days from 1 January 1970 to the first of a month, in the Gregorian calendar.
fn days_before(year: i64, month: i64) -> Option<i64> {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era_days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    (0..12).contains(&month).then(|| era_days + (153 * month + 2) / 5 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_browsers_read_it() {
        let read = |line: &str| SetCookie::read(line).unwrap_or_else(|error| panic!("{line} {error:?}"));
        let full =
            read(" sid = a=b ; SECURE;httponly; SameSite=NONE; Partitioned ;Domain=.Example.COM; Path=/x; Max-Age=60");
        assert_eq!((full.name.as_str(), full.value.as_str()), ("sid", "a=b"));
        assert!(full.secure && full.http_only && full.partitioned);
        assert_eq!((full.same_site, full.domain.as_deref()), (Some(SameSite::None), Some("example.com")));
        assert_eq!((full.path.as_deref(), full.max_age), (Some("/x"), Some(60)));
        assert!(!format!("{full:?}").contains("a=b"), "{full:?}");
        let bare = read("value");
        assert_eq!((bare.name.as_str(), bare.value.as_str()), ("", "value"));
        assert_eq!(read("a=b; SameSite=Sometimes").same_site, None);
        assert_eq!(read("a=b; Path=/a; Path=b").path, None, "the last one counts");
        assert_eq!(read("a=b; Max-Age=x").max_age, None);
        assert_eq!(read("a=b; Max-Age=99999999999999999999").max_age, Some(i64::MAX));
        assert_eq!(read(&format!("a=b; Path=/{}", "p".repeat(1024))).path, None, "too long to count");
    }

    #[test]
    fn what_sets_nothing_is_refused() {
        for line in ["", "=", " = ; Secure", "a=\u{0}", "a=b; Path=/\u{7f}", "a\r\nb=c"] {
            assert_eq!(SetCookie::read(line), Err(LineError::Unreadable), "{line:?}");
        }
        assert!(SetCookie::read(&format!("a={}", "v".repeat(4095))).is_ok());
        assert_eq!(SetCookie::read(&format!("a={}", "v".repeat(4096))), Err(LineError::TooLarge));
    }

    #[test]
    fn dates_of_all_spellings_mean_the_same() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 november 1994 8:49:37",
        ] {
            assert_eq!(date(text), Some(784_111_777), "{text}");
        }
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!((date("1 Jan 69 0:0:0"), date("1 Jan 70 0:0:0")), (Some(3_124_224_000), Some(0)), "two digits");
        assert_eq!(date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        assert_eq!(date("Sun, 31 Dec 2023 00:00:00 GMT"), Some(1_703_980_800));
        for text in [
            "",
            "yesterday",
            "06 Nov 1994",
            "06 Nov 1994 25:00:00",
            "00 Nov 1994 08:00:00",
            "31 Nov 1994 08:00:00",
            "29 Feb 2023 0:0:0",
            "1 Jan 1600 0:0:0",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
