//! What a probe has seen of a server, while it spoke to it as a browser on the page's origin would.
//!
//! The probe itself makes the requests; what it asks and what follows from the answers is said here:
//!
//! ```text
//! let mut evidence = Evidence::new(page, url, sites);   // sites: the public suffix list's word on both hosts
//! evidence.addresses = …;                               // what the name leads to
//! evidence.tls = …;                                     // what the handshake showed, or evidence.failure
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
    /// The method of the call that uses the session, as browsers spell it. Without it that is a POST at the end.
    pub method: Option<String>,
    /// What the host's name leads to.
    pub addresses: Vec<IpAddr>,
    /// What the name of the page's host leads to.
    pub page_addresses: Vec<IpAddr>,
    /// Whether this machine reaches the server through a proxy, which a visitor's browser may not do.
    pub proxied: bool,
    /// What kept the first GET from arriving: then no other call counts.
    pub failure: Option<Failure>,
    /// What the handshake showed.
    pub tls: Option<TlsSeen>,
    /// The calls and their answers, in order.
    pub exchanges: Vec<Exchange>,
    /// The other calls that had no answer.
    pub unanswered: Vec<(Step, Failure)>,
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
    /// POST of JSON, or the method that was asked for.
    Post,
    /// GET of something that is not there.
    Error,
    /// GET as a page of a stranger calls.
    Stranger,
}

/// A request that the probe is to make.
#[derive(Clone)]
pub struct Ask {
    /// The method.
    pub method: String,
    /// Where it goes.
    pub url: Address,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: &'static str,
}

impl Step {
    /// In the order in which a probe goes.
    pub const ALL: [Self; 7] =
        [Self::Preflight, Self::First, Self::Again, Self::Again, Self::Post, Self::Error, Self::Stranger];

    /// In the order of a probe that was told a method: what it does comes before what is asked again.
    const BY_METHOD: [Self; 7] =
        [Self::Preflight, Self::First, Self::Post, Self::Again, Self::Again, Self::Error, Self::Stranger];
}

impl Evidence {
    /// Nothing seen yet.
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

    /// The calls that a browser would make, in order. Pages of the server itself ask for no leave, and a GET needs none.
    pub fn steps(&self) -> impl Iterator<Item = Step> + use<> {
        let (asks, gets) = (self.needs_preflight(), self.posted() == "GET");
        let steps = if self.method.is_some() { Step::BY_METHOD } else { Step::ALL };
        steps.into_iter().filter(move |step| match step {
            Step::Preflight => asks,
            Step::Post => !gets,
            _ => true,
        })
    }

    /// The method of the call that uses the session.
    fn posted(&self) -> &str {
        self.method.as_deref().unwrap_or("POST")
    }

    /// Whether a browser asks for leave before that call: JSON, and methods that no form has, need it on other origins.
    pub(super) fn needs_preflight(&self) -> bool {
        !self.pair().is_own() && !reads_only(self.posted())
    }

    /// The origin of a page that no server should let in. It begins as the page's does, so that a server which compares
    /// beginnings lets it in too. Source: RFC 6761, 6.4.
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

    /// Whether any browser sends anything at all.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        !self.senders().is_empty()
    }

    /// The browsers, as they are delivered, in which the call can get through.
    pub(super) fn senders(&self) -> Vec<Browser> {
        across::senders(&self.pair(), self.space_of_page(), self.space_of_url())
    }

    /// Returns the way that a browser gives the call before anything is sent.
    pub(super) fn way(&self, browser: Browser) -> Way {
        across::way(browser, &self.pair(), self.space_of_page(), self.space_of_url())
    }

    /// What a browser would ask in this step.
    #[must_use]
    pub fn ask(&self, step: Step, now: u64) -> Ask {
        let url =
            if step == Step::Error { self.url.beside("hardtack-doctor-finds-nothing-here") } else { self.url.clone() };
        self.ask_at(step, url, now)
    }

    /// The same, where a redirect led.
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
        // A call that was led from one foreign origin to another does not say whose it is.
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

    /// The cookies that Chrome sends along with a page's call.
    fn cookies(&self, page: &Address, url: &Address, now: u64) -> Option<(&'static str, String)> {
        let jar = self.jar(Browser::new(Maker::Chrome, false));
        jar.header(&Request::fetch(page, url, now), &self.sites).map(|cookies| ("cookie", cookies))
    }

    /// What a browser would ask next where an answer led, if it led anywhere.
    ///
    /// A preflight follows nothing, and before it posts JSON to another origin a browser asks there first. Of a stranger's
    /// call the first answer counts.
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

    /// The cookies that a browser would have kept by now.
    #[must_use]
    pub fn jar(&self, browser: Browser) -> Jar {
        let mut jar = Jar::new(browser);
        for exchange in self.calls() {
            for line in exchange.all("set-cookie") {
                // What is dropped is what `diagnose` speaks of.
                let _ = jar.set(line, &exchange.request(&self.page), &self.sites);
            }
            if exchange.clears_cookies() {
                jar.clear(&exchange.request(&self.page), &self.sites);
            }
        }
        jar
    }

    /// Returns a function that takes the values of cookies out of a text, wherever a server repeats one: whole,
    /// percent-decoded, or a part of a signed value (`s:ID.SIGNATURE`). Values of fewer than 8 letters, and of fewer than 13
    /// without a digit and in one case, are not to be told from words.
    pub fn hider(&self) -> impl Fn(&str) -> String + use<> {
        // As reports write what cannot be printed.
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
        // The longest first, so that no part of one is left.
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

    /// Returns all calls without two kinds: preflights, because no browser takes their cookies, and the stranger's
    /// call, because it belongs to another browser.
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

/// Whether a method is asked without leave and changes nothing.
fn reads_only(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// Whether a text is more than a word, as `accepted` or a host's name is one.
fn is_no_word(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    text.len() >= 13 || (text.len() >= 8 && (mixed || has(u8::is_ascii_digit)))
}

/// `%3A` becomes `:`. What is no text afterwards stays as it is.
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

/// Where the nearest of some addresses is.
fn nearest(addresses: &[IpAddr]) -> Option<Space> {
    addresses.iter().map(|&ip| Space::of(ip)).min()
}
