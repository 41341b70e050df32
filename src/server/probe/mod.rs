//! What `hardtack doctor URL` asks: a fixed handful of requests of any server, as a browser on a page's origin would.
//!
//! What to ask and what follows from the answers is the doctor's to say; `caller` makes the calls, `certificate` looks at
//! the certificate that the handshake shows, and `head` reads the head of the answer.

mod caller;
mod certificate;
mod head;

use crate::backend::doctor::sites;
use crate::backend::providers::Outward;
use crate::doctor::{Address, AddressError, Evidence, Exchange, Failure, REDIRECTS, SetCookie, Step};
use crate::session::clock::Clock;
use axum::http::{HeaderName, HeaderValue, Method};
use caller::{Caller, Missed, look_up, proxied};
use std::time::Duration;
use url::Url;

/// From the name of the host to the head of the answer, unless another time is given.
const LONGEST: Duration = Duration::from_secs(5);

/// What is to be probed, and for whom.
#[derive(Clone, Debug)]
pub struct Visit {
    url: Address,
    /// What stands behind `?`: asked with, and never shown.
    query: Option<String>,
    page: Address,
    /// The name of the session's cookie, if it is known.
    pub cookie: Option<String>,
    /// Whether to go on past a certificate that browsers refuse.
    pub insecure: bool,
    /// Whether to post JSON too.
    pub post: bool,
    /// The method of the call that uses the session, if it is to be another.
    method: Option<String>,
    /// Headers that each call to the server's own origin brings along.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// How long one call may take, from the name of the host to the head of the answer. Default: 5 seconds.
    pub timeout: Duration,
}

/// Why nothing can be probed, in one sentence. What was written is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VisitError {
    /// The server's address is none.
    #[error("URL {0}; write it like `http://localhost:3000` or `https://api.example.com`")]
    Url(AddressError),
    /// The page's origin is none.
    #[error("--origin {0}; write it like `http://localhost:5173`, as the browser's address bar shows it")]
    Origin(AddressError),
    /// The path is none.
    #[error("--path is no path of the server; begin it with one `/`, like `/session`")]
    Path,
    /// A header is none.
    #[error("--header is no header; write it like `Authorization: Basic …`, with a name, a colon and a value")]
    Header,
    /// A method that no page can call by.
    #[error("--method is no method that a page can call by; write it like `PUT`")]
    Method,
    /// A header that the doctor itself must set.
    #[error("--header cannot set `{0}`, because the doctor sets it as a browser would")]
    Own(&'static str),
}

impl Visit {
    /// Of a server, by pages of another origin or, without one, of its own.
    ///
    /// # Errors
    ///
    /// When one of them is no address.
    pub fn new(url: &str, path: Option<&str>, origin: Option<&str>) -> Result<Self, VisitError> {
        let (mut url, mut query) = spelt(url).map_err(VisitError::Url)?;
        if let Some(path) = path {
            if !path.starts_with('/') || path.starts_with("//") || path.starts_with("/\\") {
                return Err(VisitError::Path);
            }
            (url, query) = spelt(&format!("{}{path}", url.origin())).map_err(|_| VisitError::Path)?;
        }
        let page = match origin {
            Some(origin) => spelt(origin).map_err(VisitError::Origin)?.0,
            None => url.clone(),
        };
        Ok(Self {
            url,
            query,
            page: page.at("/"),
            cookie: None,
            insecure: false,
            post: true,
            method: None,
            headers: Vec::new(),
            timeout: LONGEST,
        })
    }

    /// Lets the call that uses the session have a method. It comes before those that ask again, so that they see what it did.
    ///
    /// # Errors
    ///
    /// When no page can call by it. Source: the Fetch standard, forbidden method.
    pub fn method(&mut self, method: &str) -> Result<(), VisitError> {
        // As scripts write it; these six a browser turns into upper case.
        const USUAL: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
        let usual = USUAL.into_iter().find(|usual| usual.eq_ignore_ascii_case(method)).unwrap_or(method);
        let forbidden = ["CONNECT", "TRACE", "TRACK"].iter().any(|it| it.eq_ignore_ascii_case(usual));
        if forbidden || Method::from_bytes(usual.as_bytes()).is_err() {
            return Err(VisitError::Method);
        }
        self.method = Some(usual.to_owned());
        Ok(())
    }

    /// Lets each call to the server's own origin bring along a header, `Name: value`.
    ///
    /// # Errors
    ///
    /// When it is no header, or one that a browser sets by itself.
    pub fn header(&mut self, line: &str) -> Result<(), VisitError> {
        const OWN: [&str; 7] =
            ["cookie", "origin", "host", "content-length", "content-type", "connection", "transfer-encoding"];
        let (name, value) = line.split_once(':').ok_or(VisitError::Header)?;
        let name: HeaderName = name.trim().parse().map_err(|_| VisitError::Header)?;
        if let Some(own) = OWN.into_iter().find(|own| name == *own) {
            return Err(VisitError::Own(own));
        }
        let mut value: HeaderValue = value.trim().parse().map_err(|_| VisitError::Header)?;
        value.set_sensitive(true);
        self.headers.push((name, value));
        Ok(())
    }
}

/// As browsers spell it, with names of other scripts in ASCII; and what stands behind `?`.
fn spelt(text: &str) -> Result<(Address, Option<String>), AddressError> {
    match Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")) {
        Some(url) => Ok((url.as_str().parse()?, url.query().map(str::to_owned))),
        None => Ok((text.parse()?, None)),
    }
}

/// Makes the calls. They end at the first one that shows that no other would be answered.
pub async fn probe(visit: &Visit) -> Evidence {
    let mut evidence =
        Evidence::new(visit.page.clone(), visit.url.clone(), sites([&visit.page, &visit.url].map(Address::host)));
    evidence.cookie.clone_from(&visit.cookie);
    evidence.method.clone_from(&visit.method);
    if !evidence.is_sent() {
        return evidence;
    }
    let outward = Outward::from_env();
    evidence.proxied = proxied(&outward, &visit.url).is_some();
    let page = async {
        let own = visit.page.host() == visit.url.host();
        if own { Ok(Vec::new()) } else { look_up(&visit.page).await }
    };
    let (addresses, page_addresses) = tokio::join!(look_up(&visit.url), page);
    // A page may be anywhere, also where this machine cannot see it.
    evidence.page_addresses = page_addresses.unwrap_or_default();
    match addresses {
        Ok(found) => evidence.addresses = found,
        // A proxy may know a name that this machine does not know.
        Err(_) if evidence.proxied => {}
        Err(failure) => evidence.failure = Some(failure),
    }
    // Asked only now, because another rule may hold when the page turns out to be near the server.
    if evidence.failure.is_none() && evidence.is_sent() {
        let caller = Caller::new(visit, outward).await;
        evidence.failure = ask_all(&caller, visit, &mut evidence).await;
    }
    evidence
}

/// Goes through the steps; what kept the first call from arriving, if something did.
async fn ask_all(caller: &Caller, visit: &Visit, evidence: &mut Evidence) -> Option<Failure> {
    for step in evidence.steps().filter(|step| visit.post || *step != Step::Post) {
        let ask = evidence.ask(step, now());
        let query = visit.query.as_deref().filter(|_| step != Step::Error);
        match caller.call(step, ask, query).await {
            Ok((exchange, tls)) => {
                evidence.tls = evidence.tls.take().or(tls);
                let refused = step == Step::First && exchange.status == 400 && !exchange.url.is_https();
                keep(evidence, exchange);
                // What many servers answer who hear plain http where they speak TLS.
                if refused && caller.speaks_tls(&visit.url).await {
                    return Some(Failure::Encrypted);
                }
                follow(caller, evidence).await;
            }
            Err(Missed::Distrusted(tls)) => {
                evidence.tls = Some(tls);
                return None;
            }
            // Somebody may answer calls and no preflight.
            Err(Missed::Failed(failure @ (Failure::Silent | Failure::Slow | Failure::Broken)))
                if step != Step::First =>
            {
                evidence.unanswered.push((step, failure));
            }
            Err(Missed::Failed(Failure::Broken)) if !visit.url.is_https() && caller.speaks_tls(&visit.url).await => {
                return Some(Failure::Encrypted);
            }
            Err(Missed::Failed(failure)) if matches!(step, Step::Preflight | Step::First) => return Some(failure),
            Err(Missed::Failed(failure)) => evidence.unanswered.push((step, failure)),
        }
    }
    None
}

/// Goes where the last answer leads.
async fn follow(caller: &Caller, evidence: &mut Evidence) {
    for _ in 0..REDIRECTS {
        let Some(hop) = evidence.exchanges.last() else { return };
        let Some(ask) = evidence.follow(hop, now()) else { return };
        let (step, query, own) = (hop.step, query(hop), ask.url.is_origin_of(&evidence.url));
        match caller.call(step, ask, query.as_deref()).await {
            Ok((exchange, _)) => keep(evidence, exchange),
            Err(Missed::Failed(failure)) if own => return evidence.unanswered.push((step, failure)),
            // Of what is elsewhere nothing is to be said but that it is.
            Err(_) => return,
        }
    }
}

/// What stands behind `?` where an answer leads.
fn query(hop: &Exchange) -> Option<String> {
    let target = hop.one("location")?.split('#').next()?;
    target.split_once('?').map(|(_, query)| query.to_owned())
}

/// Keeps the answer, and asks the public suffix list about the hosts that it names.
fn keep(evidence: &mut Evidence, exchange: Exchange) {
    evidence.exchanges.push(exchange);
    let lines = evidence.exchanges.iter().flat_map(|exchange| exchange.all("set-cookie"));
    let domains = lines.filter_map(|line| SetCookie::read(line).ok()?.domain);
    let hosts = evidence.exchanges.iter().map(|exchange| &exchange.url).chain([&evidence.page, &evidence.url]);
    evidence.sites = sites(hosts.map(|address| address.host().to_owned()).chain(domains));
}

/// Seconds since 1970, here.
fn now() -> u64 {
    u64::try_from(Clock::System.now().seconds()).unwrap_or_default()
}
