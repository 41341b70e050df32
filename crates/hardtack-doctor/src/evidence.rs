//! The evidence of a probe that calls a server as a browser on the page's origin would.
//!
//! The probe makes the requests. This module plans them and judges the responses:
//!
//! ```text
//! let mut evidence = Evidence::new(page, url, sites);   // sites: registrable domains by the public suffix list
//! evidence.addresses = …;                               // the IP addresses of the host
//! evidence.tls = …;                                     // the certificate, or evidence.failure
//! for step in evidence.steps() {
//!     let ask = evidence.ask(step, now);                // method, URL, headers with the Cookie that Chrome would send
//!     evidence.exchanges.push(Exchange { … });          // then, for each redirect, evidence.follow(hop, now)
//! }                                                     // or evidence.unanswered.push((step, Failure::…))
//! diagnose(&evidence); verdicts(&evidence);
//! ```

use super::across::{self, Way};
use super::address::{Address, Space};
use super::browser::{Browser, Maker};
use super::exchange::Exchange;
use super::jar::{Jar, Request};
use super::reach::{Failure, TlsSeen};
use super::sites::{Sites, is_same_site};
use super::topology::Pair;
use std::fmt;
use std::net::IpAddr;

/// The evidence of one probe. It stays in the process that probes, because it holds the values of cookies.
///
/// Its addresses have no query. A probe that calls with a query keeps the query to itself.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The page from which the calls are made.
    pub page: Address,
    /// The URL that the page calls.
    pub url: Address,
    /// The registrable domains of the hosts.
    pub sites: Sites,
    /// The name of the session cookie, if the operator gave it. Otherwise the doctor chooses by names and attributes.
    pub cookie: Option<String>,
    /// The method of the call that uses the session, as browsers spell it. `None`: a POST at the end.
    pub method: Option<String>,
    /// The IP addresses of the host.
    pub addresses: Vec<IpAddr>,
    /// The IP addresses of the page's host.
    pub page_addresses: Vec<IpAddr>,
    /// Whether this machine reaches the server through a proxy. A visitor's browser may not use that proxy.
    pub proxied: bool,
    /// The reason why the server was not reached. Then the calls do not count.
    pub failure: Option<Failure>,
    /// The certificate, as the handshake showed it.
    pub tls: Option<TlsSeen>,
    /// The calls and their responses, in order.
    pub exchanges: Vec<Exchange>,
    /// The other calls that had no response.
    pub unanswered: Vec<(Step, Failure)>,
}

/// The purpose of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The preflight of a call with JSON.
    Preflight,
    /// A GET with credentials, before any cookie is set.
    First,
    /// A GET with the stored cookies. It is repeated, because several servers may differ.
    Again,
    /// A POST of JSON, or a call with the method that the operator chose.
    Post,
    /// A GET of a URL that does not exist.
    Error,
    /// A GET from a page that the server cannot know.
    Stranger,
}

/// A request that the probe should make.
#[derive(Clone)]
pub struct Ask {
    /// The method.
    pub method: String,
    /// The target.
    pub url: Address,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: &'static str,
}

impl Step {
    /// The steps in the order of a probe.
    pub const ALL: [Self; 7] =
        [Self::Preflight, Self::First, Self::Again, Self::Again, Self::Post, Self::Error, Self::Stranger];

    /// The steps in the order of a probe with a chosen method: the repeated GETs come after it, so that they show its
    /// effect.
    const BY_METHOD: [Self; 7] =
        [Self::Preflight, Self::First, Self::Post, Self::Again, Self::Again, Self::Error, Self::Stranger];
}

impl Evidence {
    /// Creates evidence without any call.
    #[must_use]
    pub fn new(page: Address, url: Address, sites: Sites) -> Self {
        let (cookie, method, proxied, failure, tls) = (None, None, false, None, None);
        let (addresses, page_addresses) = (Vec::new(), Vec::new());
        let (exchanges, unanswered) = (Vec::new(), Vec::new());
        Self {
            page,
            url,
            sites,
            cookie,
            method,
            addresses,
            page_addresses,
            proxied,
            failure,
            tls,
            exchanges,
            unanswered,
        }
    }

    /// Returns the steps of the probe, in order. The preflight is left out if browsers send none, and the call with the
    /// chosen method if that is GET.
    pub fn steps(&self) -> impl Iterator<Item = Step> + use<> {
        let (asks, gets) = (self.needs_preflight(), self.posted() == "GET");
        let steps = if self.method.is_some() { Step::BY_METHOD } else { Step::ALL };
        steps.into_iter().filter(move |step| match step {
            Step::Preflight => asks,
            Step::Post => !gets,
            _ => true,
        })
    }

    /// Returns the method of the call that uses the session.
    fn posted(&self) -> &str {
        self.method.as_deref().unwrap_or("POST")
    }

    /// Returns whether a browser sends a preflight before that call. JSON and methods that forms do not have need one
    /// on other origins.
    pub(super) fn needs_preflight(&self) -> bool {
        !self.pair().is_own() && !reads_only(self.posted())
    }

    /// Returns the origin of an unknown page, which no server should allow. It begins like the page's origin, so that
    /// it also finds servers that compare only the beginning. Source: RFC 6761, 6.4.
    pub(super) fn stranger(&self) -> Option<Address> {
        let name = if self.page.ip().is_some() { String::new() } else { format!("{}.", self.page.host()) };
        format!("https://{name}hardtack-doctor.invalid").parse().ok()
    }

    /// Returns the purpose of a step in words.
    #[must_use]
    pub fn purpose(&self, step: Step) -> String {
        match &self.method {
            Some(method) if step == Step::Post => format!("call by {method}"),
            _ => step.to_string(),
        }
    }

    /// Returns whether any browser sends the page's call.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        !self.senders().is_empty()
    }

    /// Returns the browsers that, with their default settings, can send the call.
    pub(super) fn senders(&self) -> Vec<Browser> {
        across::senders(&self.pair(), self.space_of_page(), self.space_of_url())
    }

    /// Returns the decision of a browser about the call before anything is sent.
    pub(super) fn way(&self, browser: Browser) -> Way {
        across::way(browser, &self.pair(), self.space_of_page(), self.space_of_url())
    }

    /// Returns the request that a browser would send in this step.
    #[must_use]
    pub fn ask(&self, step: Step, now: u64) -> Ask {
        let url =
            if step == Step::Error { self.url.beside("hardtack-doctor-finds-nothing-here") } else { self.url.clone() };
        self.ask_at(step, url, now)
    }

    /// Returns the request of this step to another URL, such as the target of a redirect.
    #[must_use]
    pub fn ask_at(&self, step: Step, url: Address, now: u64) -> Ask {
        let method = match step {
            Step::Preflight => "OPTIONS",
            Step::First | Step::Again | Step::Error | Step::Stranger => "GET",
            Step::Post => self.posted(),
        };
        let has_body = |method: &str| !reads_only(method) && !matches!(method, "DELETE" | "OPTIONS");
        let json = step == Step::Post && has_body(method);
        let stranger = self.stranger().filter(|_| step == Step::Stranger);
        let page = stranger.as_ref().unwrap_or(&self.page);
        let mut headers = vec![("accept", "*/*".to_owned())];
        let own = page.is_origin_of(&url);
        // After a redirect from one foreign origin to another, browsers send `null`.
        let led = !self.pair().is_own() && !url.is_origin_of(&self.url);
        if led {
            headers.push(("origin", "null".to_owned()));
        } else if !own || !reads_only(method) {
            headers.push(("origin", page.origin()));
        }
        if url.is_trusted() {
            let site = match () {
                () if own => "same-origin",
                () if is_same_site(page, &url, true, &self.sites) => "same-site",
                () => "cross-site",
            };
            headers.push(("sec-fetch-site", site.to_owned()));
            headers.push(("sec-fetch-mode", "cors".to_owned()));
            headers.push(("sec-fetch-dest", "empty".to_owned()));
        }
        if step == Step::Preflight {
            headers.push(("access-control-request-method", self.posted().to_owned()));
            if has_body(self.posted()) {
                headers.push(("access-control-request-headers", "content-type".to_owned()));
            }
        } else {
            headers.extend(self.cookies(page, &url, now));
        }
        if json {
            headers.push(("content-type", "application/json".to_owned()));
        }
        Ask { method: method.to_owned(), url, headers, body: if json { "{}" } else { "" } }
    }

    /// Returns the `Cookie` header that Chrome sends with a page's call.
    fn cookies(&self, page: &Address, url: &Address, now: u64) -> Option<(&'static str, String)> {
        let jar = self.jar(Browser::new(Maker::Chrome, false));
        jar.header(&Request::fetch(page, url, now), &self.sites).map(|cookies| ("cookie", cookies))
    }

    /// Returns the request that a browser sends next if the response is a redirect that it follows.
    ///
    /// Browsers do not follow the redirect of a preflight. A redirected POST of JSON to another origin would need
    /// another preflight, so it is not followed either. For the unknown page only the first response counts.
    #[must_use]
    pub fn follow(&self, hop: &Exchange, now: u64) -> Option<Ask> {
        let target = hop.target().filter(|_| !matches!(hop.step, Step::Preflight | Step::Stranger))?;
        let mut ask = self.ask_at(hop.step, target, now);
        let turns = match hop.status {
            301 | 302 => ask.method == "POST",
            303 => !reads_only(&ask.method),
            _ => false,
        };
        if hop.method != ask.method || turns {
            (ask.method, ask.body) = ("GET".to_owned(), "");
            ask.headers.retain(|(name, _)| *name != "content-type");
        }
        (reads_only(&ask.method) || hop.leaves().is_none()).then_some(ask)
    }

    /// Returns the cookies that a browser would have stored so far.
    #[must_use]
    pub fn jar(&self, browser: Browser) -> Jar {
        let mut jar = Jar::new(browser);
        for exchange in self.calls() {
            for line in exchange.all("set-cookie") {
                // Dropped cookies are ignored here, because `diagnose` reports them.
                let _ = jar.set(line, &exchange.request(&self.page), &self.sites);
            }
            if exchange.clears_cookies() {
                jar.clear(&exchange.request(&self.page), &self.sites);
            }
        }
        jar
    }

    /// Returns a function that removes the values of cookies from a text, wherever a server repeats one: whole,
    /// percent-decoded, or a part of a signed value (`s:ID.SIGNATURE`). Values of fewer than 8 bytes stay, and those of
    /// fewer than 13 bytes without a digit and in one case, because they could be words.
    pub fn hider(&self) -> impl Fn(&str) -> String + use<> {
        // Reports escape characters that cannot be printed, so the escaped forms are secrets too.
        let written = |text: &str| text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
        let values = self.exchanges.iter().flat_map(|exchange| {
            let set = exchange.cookies().filter_map(Result::ok).map(|cookie| cookie.value);
            set.chain(exchange.sent().map(|(_, value)| value.to_owned()))
        });
        let mut secrets: Vec<String> = Vec::new();
        for value in values {
            let decoded = percent_decoded(&value);
            secrets.extend(decoded.split(['.', ':', '|', '"', '%']).map(str::to_owned));
            secrets.extend([written(&decoded), written(&value), decoded, value]);
        }
        secrets.retain(|secret| is_no_word(secret));
        // The longest are replaced first, so that no part of one is left.
        secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        secrets.dedup();
        move |text| {
            let hide =
                |text: String, secret: &String| if text.contains(secret) { text.replace(secret, "…") } else { text };
            secrets.iter().fold(text.to_owned(), hide)
        }
    }

    pub(super) fn pair(&self) -> Pair<'_> {
        Pair { page: &self.page, server: &self.url, sites: &self.sites }
    }

    /// Returns the address space of the page: by its IP addresses if they are known, else by its name.
    pub(super) fn space_of_page(&self) -> Space {
        nearest(&self.page_addresses).unwrap_or_else(|| self.page.space())
    }

    /// Returns the address space of the server, in the same way.
    pub(super) fn space_of_url(&self) -> Space {
        nearest(&self.addresses).unwrap_or_else(|| self.url.space())
    }

    /// Returns the responses of the server to GETs, without redirects to other origins and the responses after them.
    pub(super) fn reads(&self) -> impl Iterator<Item = &Exchange> {
        let reads = self.of(Step::First).chain(self.of(Step::Again));
        reads.filter(|exchange| exchange.url.is_origin_of(&self.url) && exchange.leaves().is_none())
    }

    /// Returns all calls except preflights, because browsers ignore their cookies, and the call of the unknown page,
    /// because it does not belong to the page.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(|exchange| !matches!(exchange.step, Step::Preflight | Step::Stranger))
    }

    pub(super) fn of(&self, step: Step) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(move |exchange| exchange.step == step)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preflight => "preflight",
            Self::First => "first call",
            Self::Again => "with the cookie",
            Self::Post => "post of JSON",
            Self::Error => "what is not there",
            Self::Stranger => "as a stranger's page",
        })
    }
}

/// Returns whether a method only reads, so that it needs no preflight.
fn reads_only(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// Returns whether a text looks like a secret, and not like a word such as `accepted` or the name of a host.
fn is_no_word(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    text.len() >= 13 || (text.len() >= 8 && (mixed || has(u8::is_ascii_digit)))
}

/// Decodes percent-encoding: `%3A` becomes `:`. If the result is not UTF-8, the text stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = || {
            let (digits, after) = tail.split_at_checked(2).filter(|_| *first == b'%')?;
            Some((u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?, after))
        };
        let (byte, after) = escaped().unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Returns the nearest address space of some IP addresses.
fn nearest(addresses: &[IpAddr]) -> Option<Space> {
    addresses.iter().map(|&ip| Space::of(ip)).min()
}
