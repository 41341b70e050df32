//! What a probe has seen of a server, while it spoke to it as a browser on the page's origin would.
//!
//! The probe itself makes the requests; what it asks and what follows from the answers is said here:
//!
//! ```text
//! let mut evidence = Evidence::new(page, url, sites);   // sites: the public suffix list's word on both hosts
//! evidence.addresses = …;                               // what the name leads to
//! evidence.tls = …;                                     // what the handshake showed, or evidence.failure
//! for step in Step::ALL {
//!     let ask = evidence.ask(step, now);                // method, URL, headers with the Cookie that Chrome would send
//!     evidence.exchanges.push(Exchange { … });          // then, for each redirect, evidence.ask_at(step, target, now)
//! }
//! diagnose(&evidence); verdicts(&evidence);
//! ```

use super::address::{Address, Space};
use super::browser::{Browser, Maker};
use super::jar::{Jar, Trip};
use super::set_cookie::{LineError, SetCookie, date};
use super::sites::{Sites, is_same_site};
use super::topology::Pair;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Everything that was seen. The values of cookies are in it: it stays where the probe runs.
///
/// Addresses have no query. A probe that asks with one keeps it to itself.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The page, of whose origin the calls are.
    pub page: Address,
    /// What it calls.
    pub url: Address,
    /// The registrable domains of the hosts.
    pub sites: Sites,
    /// The name of the session's cookie, if somebody said it. Else all that are `HttpOnly` count, or simply all.
    pub cookie: Option<String>,
    /// What the host's name leads to.
    pub addresses: Vec<IpAddr>,
    /// What the name of the page's host leads to.
    pub page_addresses: Vec<IpAddr>,
    /// What kept the first call from arriving.
    pub failure: Option<Failure>,
    /// What the handshake showed.
    pub tls: Option<TlsSeen>,
    /// The calls and their answers, in order.
    pub exchanges: Vec<Exchange>,
}

/// What kept a call from arriving.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The host's name is unknown.
    Name,
    /// Nobody listens.
    Refused,
    /// Nobody answers in time.
    Silent,
    /// There is no TLS, or none that both know.
    Tls,
    /// What answers is no HTTP, or breaks off.
    Broken,
}

/// What the handshake showed of the certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsSeen {
    /// Whether its chain leads to an authority that browsers know.
    pub trusted: bool,
    /// Whether it names the host.
    pub names_host: bool,
    /// How many days it still holds; below 0, it has ended.
    pub days_left: i64,
    /// Who signed it.
    pub issuer: String,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The question before a call with JSON.
    Preflight,
    /// GET with credentials, and no cookie yet.
    First,
    /// GET with the cookies that were kept. Repeated, it finds servers that differ.
    Again,
    /// POST of JSON.
    Post,
    /// GET of something that is not there.
    Error,
}

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
    /// How long it took.
    pub took: Duration,
}

/// A request that the probe is to make.
#[derive(Clone)]
pub struct Ask {
    /// The method.
    pub method: &'static str,
    /// Where it goes.
    pub url: Address,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: &'static str,
}

impl Step {
    /// In the order in which a probe goes.
    pub const ALL: [Self; 6] = [Self::Preflight, Self::First, Self::Again, Self::Again, Self::Post, Self::Error];
}

impl Evidence {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(page: Address, url: Address, sites: Sites) -> Self {
        let (cookie, failure, tls) = (None, None, None);
        let (addresses, page_addresses, exchanges) = (Vec::new(), Vec::new(), Vec::new());
        Self { page, url, sites, cookie, addresses, page_addresses, failure, tls, exchanges }
    }

    /// What a browser would ask in this step.
    #[must_use]
    pub fn ask(&self, step: Step, now: u64) -> Ask {
        let url =
            if step == Step::Error { self.url.at("/hardtack-doctor-finds-nothing-here") } else { self.url.clone() };
        self.ask_at(step, url, now)
    }

    /// The same, where a redirect led.
    #[must_use]
    pub fn ask_at(&self, step: Step, url: Address, now: u64) -> Ask {
        let method = match step {
            Step::Preflight => "OPTIONS",
            Step::First | Step::Again | Step::Error => "GET",
            Step::Post => "POST",
        };
        let mut headers = vec![("accept", "*/*".to_owned())];
        let own = self.page.is_origin_of(&url);
        // A call that was led from one foreign origin to another does not say whose it is.
        let led = !self.pair().is_own() && !url.is_origin_of(&self.url);
        if led {
            headers.push(("origin", "null".to_owned()));
        } else if !own || step == Step::Post {
            headers.push(("origin", self.page.origin()));
        }
        // Browsers tell it to those whom they trust.
        if url.is_https() || url.is_loopback() {
            let site = match () {
                () if own => "same-origin",
                () if is_same_site(&self.page, &url, true, &self.sites) => "same-site",
                () => "cross-site",
            };
            headers.push(("sec-fetch-site", site.to_owned()));
            headers.push(("sec-fetch-mode", "cors".to_owned()));
            headers.push(("sec-fetch-dest", "empty".to_owned()));
        }
        if step == Step::Preflight {
            headers.push(("access-control-request-method", "POST".to_owned()));
            headers.push(("access-control-request-headers", "content-type".to_owned()));
        } else {
            let cookies =
                self.jar(Browser::new(Maker::Chrome, false)).header(&Trip::fetch(&self.page, &url, now), &self.sites);
            headers.extend(cookies.map(|cookies| ("cookie", cookies)));
        }
        if step == Step::Post {
            headers.push(("content-type", "application/json".to_owned()));
        }
        Ask { method, url, headers, body: if step == Step::Post { "{}" } else { "" } }
    }

    /// The cookies that a browser would have kept by now.
    #[must_use]
    pub fn jar(&self, browser: Browser) -> Jar {
        let mut jar = Jar::new(browser);
        for exchange in self.calls() {
            for line in exchange.all("set-cookie") {
                // What is dropped is what `diagnose` speaks of.
                let _ = jar.set(line, &Trip::fetch(&self.page, &exchange.url, exchange.at), &self.sites);
            }
        }
        jar
    }

    pub(super) fn pair(&self) -> Pair<'_> {
        Pair { page: &self.page, server: &self.url, sites: &self.sites }
    }

    /// How far away the page is: by its address, if that is known.
    pub(super) fn space_of_page(&self) -> Space {
        nearest(&self.page_addresses).unwrap_or_else(|| self.page.space())
    }

    /// How far away the server is.
    pub(super) fn space_of_url(&self) -> Space {
        nearest(&self.addresses).unwrap_or_else(|| self.url.space())
    }

    /// The answers to what only reads, as long as the probe was not led elsewhere.
    pub(super) fn reads(&self) -> impl Iterator<Item = &Exchange> {
        let reads = self.of(Step::First).chain(self.of(Step::Again));
        reads.filter(|exchange| exchange.url.is_origin_of(&self.url) && exchange.leaves().is_none())
    }

    /// All but preflights, whose cookies no browser takes.
    fn calls(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(|exchange| exchange.step != Step::Preflight)
    }

    pub(super) fn of(&self, step: Step) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(move |exchange| exchange.step == step)
    }

    /// The cookies that may be the session's, and where they were set. Removals are left out.
    pub(super) fn session_cookies(&self) -> Vec<(&Exchange, Result<SetCookie, LineError>)> {
        let lines = self.calls().flat_map(|exchange| exchange.cookies().map(move |cookie| (exchange, cookie)));
        let set: Vec<_> = lines.filter(|(_, cookie)| !cookie.as_ref().is_ok_and(is_removal)).collect();
        let guarded = |cookie: &Result<SetCookie, LineError>| cookie.as_ref().is_ok_and(|cookie| cookie.http_only);
        let some_guarded = set.iter().any(|(_, cookie)| guarded(cookie));
        let counts = |cookie: &Result<SetCookie, LineError>| match (&self.cookie, cookie) {
            (_, Err(_)) => true,
            (Some(name), Ok(cookie)) => cookie.name == *name,
            (None, cookie) => !some_guarded || guarded(cookie),
        };
        set.into_iter().filter(|(_, cookie)| counts(cookie)).collect()
    }
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
    pub(super) fn all_asked<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        values(&self.asked, name)
    }

    pub(super) fn cookies(&self) -> impl Iterator<Item = Result<SetCookie, LineError>> {
        self.all("set-cookie").map(SetCookie::read)
    }

    /// Whether the answer leads elsewhere.
    #[must_use]
    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.location().is_some()
    }

    /// Where the answer leads, without what stands behind `?` or `#`: tokens of a sign-in may.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.one("location").and_then(|target| target.split(['?', '#']).next())
    }

    /// Where the probe is to ask next: the address that a redirect leads to, without what stands behind `?`.
    #[must_use]
    pub fn target(&self) -> Option<Address> {
        let location = self.location().filter(|_| self.is_redirect())?;
        let scheme = if self.url.is_https() { "https" } else { "http" };
        match location.strip_prefix("//") {
            Some(rest) => format!("{scheme}://{rest}").parse().ok(),
            None if location.starts_with('/') => Some(self.url.at(location)),
            None if location.contains("://") => location.parse().ok(),
            None => {
                let folder = self.url.path().rfind('/').map_or("/", |end| &self.url.path()[..=end]);
                Some(self.url.at(&format!("{folder}{location}")))
            }
        }
    }

    /// The other origin that the answer leads to, if it does.
    pub(super) fn leaves(&self) -> Option<Address> {
        self.target().filter(|target| !target.is_origin_of(&self.url))
    }

    /// The server's clock in advance of ours, in seconds.
    pub(super) fn skew(&self) -> Option<i64> {
        Some(date(self.one("date")?)? - i64::try_from(self.at).ok()?)
    }

    /// The headers of the answer that decide, for the table of the evidence. Cookies show no value.
    #[must_use]
    pub fn shown(&self) -> Vec<(&str, String)> {
        const DECIDE: [&str; 7] = [
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "access-control-allow-methods",
            "access-control-allow-headers",
            "cache-control",
            "vary",
            "date",
        ];
        let decide = DECIDE.iter().flat_map(|&name| self.all(name).map(move |value| (name, value.to_owned())));
        let shown = decide.chain(self.location().map(|target| ("location", target.to_owned())));
        let cookie = |line: &str| match line.split_once(';') {
            Some((pair, rest)) => format!("{}=…;{rest}", pair.split_once('=').map_or("", |(name, _)| name)),
            None => format!("{}=…", line.split_once('=').map_or("", |(name, _)| name)),
        };
        shown.chain(self.all("set-cookie").map(|line| ("set-cookie", cookie(line)))).collect()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} {} -> {}", self.step, self.method, self.url, self.status)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "its name is unknown",
            Self::Refused => "nobody listens there",
            Self::Silent => "nobody answers in time",
            Self::Tls => "TLS cannot be spoken with it",
            Self::Broken => "what it answers is no HTTP, or breaks off",
        })
    }
}

/// Where the nearest of some addresses is.
fn nearest(addresses: &[IpAddr]) -> Option<Space> {
    addresses.iter().map(|&ip| Space::of(ip)).min()
}

fn is_removal(cookie: &SetCookie) -> bool {
    cookie.value.is_empty()
        && (cookie.max_age.is_some_and(|age| age <= 0) || cookie.expires.is_some_and(|at| at <= 86400))
}

fn values<'a>(headers: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn entries<'a>(values: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|entry| !entry.is_empty())
}
