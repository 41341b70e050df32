//! A call of the probe and its answer.

use super::address::{Address, bare_address};
use super::evidence::Step;
use super::jar::Request;
use super::set_cookie::{LineError, SetCookie, date};
use std::fmt;
use std::time::Duration;

/// A call and its answer. `Debug` shows no headers: there are cookies among them.
#[derive(Clone)]
pub struct Exchange {
    /// What it was for. The hops of a redirect share it.
    pub step: Step,
    /// The method.
    pub method: String,
    /// Where it went.
    pub url: Address,
    /// The headers of the request.
    pub asked: Vec<(String, String)>,
    /// The status of the answer.
    pub status: u16,
    /// The headers of the answer, each line by itself.
    pub headers: Vec<(String, String)>,
    /// When the answer came, in seconds since 1970.
    pub at: u64,
    /// How long it took until its head was there.
    pub took: Duration,
}

impl Exchange {
    /// The values of a header of the answer, line by line.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        values(&self.headers, name)
    }

    /// The first value of a header of the answer.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The entries of a header of the answer that is a list.
    pub(super) fn list<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        entries(self.all(name))
    }

    /// The entries of a header of the request that is a list.
    pub(super) fn asked<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        entries(values(&self.asked, name))
    }

    /// The values of a header of the request, line by line.
    fn all_asked<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        values(&self.asked, name)
    }

    /// The cookies of the request: names and values.
    pub(super) fn sent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all_asked("cookie").flat_map(|line| line.split("; ")).filter_map(|pair| pair.split_once('='))
    }

    pub(super) fn cookies(&self) -> impl Iterator<Item = Result<SetCookie, LineError>> {
        self.all("set-cookie").map(SetCookie::read)
    }

    /// Whether the answer leads elsewhere.
    #[must_use]
    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.location().is_some()
    }

    /// Whether the answer empties the browser's jar: `Clear-Site-Data`, which counts on trusted ways alone.
    pub(super) fn clears_cookies(&self) -> bool {
        self.url.is_trusted() && self.list("clear-site-data").any(|kind| matches!(kind, "\"cookies\"" | "\"*\""))
    }

    /// Where the answer leads, without what stands behind `?` or `#`: tokens of a sign-in may.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.one("location").and_then(|target| target.split(['?', '#']).next())
    }

    /// Where the probe is to ask next: the address that a redirect leads to, without what stands behind `?`.
    #[must_use]
    pub fn target(&self) -> Option<Address> {
        self.url.join(self.location().filter(|_| self.is_redirect())?)
    }

    /// The other origin that the answer leads to, if it does.
    pub(super) fn leaves(&self) -> Option<Address> {
        self.target().filter(|target| !target.is_origin_of(&self.url))
    }

    /// The server's clock as its answer tells it, in seconds since 1970.
    pub(super) fn date(&self) -> Option<i64> {
        date(self.one("date")?)
    }

    /// The server's clock in advance of ours, in seconds.
    pub(super) fn skew(&self) -> Option<i64> {
        Some(self.date()? - i64::try_from(self.at).ok()?)
    }

    /// The call as browsers see it that take cookies from its answer.
    pub(super) fn request<'a>(&'a self, page: &'a Address) -> Request<'a> {
        Request::fetch(page, &self.url, self.at).dated(self.date())
    }

    /// The headers of the answer that decide, for the table of the evidence. Cookies show no value.
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

    /// All headers of the request, and all of the answer. Cookies show no value, and addresses nothing behind `?`.
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

/// Whether a header of this name holds no secret of a visitor. What applications call their own may hold one.
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

/// The line of a cookie without its value.
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
