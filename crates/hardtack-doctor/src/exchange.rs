//! A call of the probe and its response.

use super::address::{Address, bare_address};
use super::evidence::Step;
use super::jar::Request;
use super::set_cookie::{LineError, SetCookie, date};
use std::fmt;
use std::time::Duration;

/// A call and its response. `Debug` shows no headers, because cookies are among them.
#[derive(Clone)]
pub struct Exchange {
    /// The purpose of the call. The calls after a redirect have the same one.
    pub step: Step,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: Address,
    /// The headers of the request.
    pub asked: Vec<(String, String)>,
    /// The status of the response.
    pub status: u16,
    /// The headers of the response, one entry for each line.
    pub headers: Vec<(String, String)>,
    /// The time of the response, in seconds since 1970.
    pub at: u64,
    /// The time from the call to the head of the response.
    pub took: Duration,
}

impl Exchange {
    /// Returns the values of a response header, line by line.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        values(&self.headers, name)
    }

    /// Returns the first value of a response header.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns the entries of a response header that is a list.
    pub(super) fn list<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        entries(self.all(name))
    }

    /// Returns the entries of a request header that is a list.
    pub(super) fn asked<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        entries(values(&self.asked, name))
    }

    /// Returns the values of a request header, line by line.
    fn all_asked<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        values(&self.asked, name)
    }

    /// Returns the names and values of the cookies of the request.
    pub(super) fn sent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all_asked("cookie").flat_map(|line| line.split("; ")).filter_map(|pair| pair.split_once('='))
    }

    pub(super) fn cookies(&self) -> impl Iterator<Item = Result<SetCookie, LineError>> {
        self.all("set-cookie").map(SetCookie::read)
    }

    /// Returns whether the response is a redirect.
    #[must_use]
    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.location().is_some()
    }

    /// Returns whether the response clears the browser's cookies by `Clear-Site-Data`, which counts only on trustworthy
    /// origins.
    pub(super) fn clears_cookies(&self) -> bool {
        self.url.is_trusted() && self.list("clear-site-data").any(|kind| matches!(kind, "\"cookies\"" | "\"*\""))
    }

    /// Returns the `Location` of the response without query and fragment, because they may hold tokens of a sign-in.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.one("location").and_then(|target| target.split(['?', '#']).next())
    }

    /// Returns the target of a redirect without its query, for the next call of the probe.
    #[must_use]
    pub fn target(&self) -> Option<Address> {
        self.url.join(self.location().filter(|_| self.is_redirect())?)
    }

    /// Returns the target of a redirect to another origin, if the response is one.
    pub(super) fn leaves(&self) -> Option<Address> {
        self.target().filter(|target| !target.is_origin_of(&self.url))
    }

    /// Returns the `Date` of the response, in seconds since 1970.
    pub(super) fn date(&self) -> Option<i64> {
        date(self.one("date")?)
    }

    /// Returns how far the server's clock is ahead of this one, in seconds.
    pub(super) fn skew(&self) -> Option<i64> {
        Some(self.date()? - i64::try_from(self.at).ok()?)
    }

    /// Returns the call as a [`Request`], for which a jar takes the cookies of the response.
    pub(super) fn request<'a>(&'a self, page: &'a Address) -> Request<'a> {
        Request::fetch(page, &self.url, self.at).dated(self.date())
    }

    /// Returns the response headers that matter for the findings, for the table of the evidence. Cookies have no value
    /// there.
    #[must_use]
    pub fn shown(&self) -> Vec<(&str, String)> {
        const DECIDE: [&str; 6] = [
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "access-control-allow-methods",
            "access-control-allow-headers",
            "cache-control",
            "date",
        ];
        let decide = DECIDE.iter().flat_map(|&name| self.all(name).map(move |value| (name, value.to_owned())));
        let shown = decide.chain(self.location().map(|target| ("location", bare_address(target))));
        shown.chain(self.all("set-cookie").map(|line| ("set-cookie", bare(line)))).collect()
    }

    /// Returns all headers of the request, and all of the response. Cookies have no value and addresses no query.
    /// Headers that may hold a secret show only their length.
    #[must_use]
    pub fn told(&self) -> [Vec<(&str, String)>; 2] {
        let told = |(name, value): &(String, String)| match name.to_ascii_lowercase().as_str() {
            "cookie" => value.split("; ").map(bare).collect::<Vec<_>>().join("; "),
            "set-cookie" => bare(value),
            "location" | "referer" => bare_address(value.split(['?', '#']).next().unwrap_or_default()),
            name if is_plain(name) => value.clone(),
            _ => format!("… ({} bytes)", value.len()),
        };
        [&self.asked, &self.headers]
            .map(|headers| headers.iter().map(|header| (header.0.as_str(), told(header))).collect())
    }
}

/// Returns whether a header of this name is known to hold no secret of a visitor. Custom headers may hold one.
fn is_plain(name: &str) -> bool {
    const PLAIN: [&str; 41] = [
        "accept",
        "accept-ranges",
        "age",
        "allow",
        "alt-svc",
        "cache-control",
        "cf-cache-status",
        "cf-mitigated",
        "cf-ray",
        "clear-site-data",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-security-policy",
        "content-type",
        "date",
        "expires",
        "host",
        "keep-alive",
        "last-modified",
        "origin",
        "permissions-policy",
        "pragma",
        "referrer-policy",
        "retry-after",
        "server",
        "server-timing",
        "strict-transport-security",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vary",
        "via",
        "www-authenticate",
        "x-cache",
        "x-content-type-options",
        "x-frame-options",
        "x-powered-by",
        "x-robots-tag",
        "x-xss-protection",
    ];
    let starts = ["access-control-", "cross-origin-", "sec-fetch-"];
    PLAIN.contains(&name) || starts.iter().any(|start| name.starts_with(start))
}

/// Returns the line of a cookie without its value.
fn bare(line: &str) -> String {
    let (pair, rest) = line.split_once(';').map_or((line, ""), |(pair, rest)| (pair, rest));
    let name = pair.split_once('=').map_or("", |(name, _)| name);
    if rest.is_empty() { format!("{name}=…") } else { format!("{name}=…;{rest}") }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} {} -> {}", self.step, self.method, self.url, self.status)
    }
}

fn values<'a>(headers: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn entries<'a>(values: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|entry| !entry.is_empty())
}
