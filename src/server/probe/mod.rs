//! The probe of `hardtack doctor URL`: a few fixed requests to any server, as a browser on a page's origin would send
//! them.
//!
//! The doctor decides on the requests, and on the meaning of the responses. `caller` makes the calls,
//! `certificate` inspects the certificate of the handshake, and `head` reads the head of the response.

mod caller;
mod certificate;
mod head;

use crate::backend::doctor::sites;
use crate::backend::providers::Outward;
use axum::http::{HeaderName, HeaderValue, Method};
use caller::{Caller, Missed, look_up, proxied};
use hardtack_doctor::{Address, AddressError, Evidence, Exchange, Failure, REDIRECTS, SetCookie, Step};
use hardtack_session::clock::Clock;
use std::time::Duration;
use url::Url;

/// The longest time from the name lookup to the head of the response, unless another one is given.
const LONGEST: Duration = Duration::from_secs(5);

/// The server to probe, and the page to probe it for.
#[derive(Clone, Debug)]
pub struct Visit {
    url: Address,
    /// The query of the URL. It is sent, and never shown.
    query: Option<String>,
    page: Address,
    /// The name of the session cookie, if it is known.
    pub cookie: Option<String>,
    /// Whether to go on when browsers reject the certificate.
    pub insecure: bool,
    /// Whether to post JSON too.
    pub post: bool,
    /// The method of the call that uses the session; `None` for `POST`.
    method: Option<String>,
    /// The extra headers of each call to the server's own origin.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The longest time of one call, from the name lookup to the head of the response. Default: 5 seconds.
    pub timeout: Duration,
}

/// The reason why nothing can be probed, in one sentence. It does not repeat the argument, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VisitError {
    /// The server's URL is invalid.
    #[error("URL {0}; write it like `http://localhost:3000` or `https://api.example.com`")]
    Url(AddressError),
    /// The page's origin is invalid.
    #[error("--origin {0}; write it like `http://localhost:5173`, as the browser's address bar shows it")]
    Origin(AddressError),
    /// The path is invalid.
    #[error("--path is not a path of the server; begin it with one `/`, like `/session`")]
    Path,
    /// A header is invalid.
    #[error("--header is not a header; write it like `Authorization: Basic …`, with a name, a colon and a value")]
    Header,
    /// Pages cannot call by this method.
    #[error("--method is not a method that pages can use; write it like `PUT`")]
    Method,
    /// The doctor sets this header itself.
    #[error("--header cannot set `{0}`, because the doctor sets it as a browser would")]
    Own(&'static str),
}

impl Visit {
    /// Creates the visit of a server by pages of `origin` or, without one, by the server's own pages.
    ///
    /// # Errors
    ///
    /// When the URL, the path or the origin is invalid.
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

    /// Sets the method of the call that uses the session. This call comes before those that ask again, so that they see
    /// its effect.
    ///
    /// # Errors
    ///
    /// When pages cannot call by this method. Source: the Fetch standard, forbidden method.
    pub fn method(&mut self, method: &str) -> Result<(), VisitError> {
        // Scripts may write these six methods in lower case; browsers turn them into upper case.
        const USUAL: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
        let usual = USUAL.into_iter().find(|usual| usual.eq_ignore_ascii_case(method)).unwrap_or(method);
        let forbidden = ["CONNECT", "TRACE", "TRACK"].iter().any(|it| it.eq_ignore_ascii_case(usual));
        if forbidden || Method::from_bytes(usual.as_bytes()).is_err() {
            return Err(VisitError::Method);
        }
        self.method = Some(usual.to_owned());
        Ok(())
    }

    /// Adds a header, `Name: value`, to each call to the server's own origin.
    ///
    /// # Errors
    ///
    /// When it is not a header, or one that browsers set themselves.
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

/// Returns the URL as browsers spell it, with international names in ASCII, and its query.
fn spelt(text: &str) -> Result<(Address, Option<String>), AddressError> {
    match Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")) {
        Some(url) => Ok((url.as_str().parse()?, url.query().map(str::to_owned))),
        None => Ok((text.parse()?, None)),
    }
}

/// Makes the calls. Stops at the first failure that shows that no other call would be answered.
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
    // A failed lookup is no fault, because a page may be on a network that this machine cannot see.
    evidence.page_addresses = page_addresses.unwrap_or_default();
    match addresses {
        Ok(found) => evidence.addresses = found,
        // A proxy may know a name that this machine does not know.
        Err(_) if evidence.proxied => {}
        Err(failure) => evidence.failure = Some(failure),
    }
    // Checked again, because another rule may apply when the page's addresses turn out to be near the server.
    if evidence.failure.is_none() && evidence.is_sent() {
        let caller = Caller::new(visit, outward).await;
        evidence.failure = ask_all(&caller, visit, &mut evidence).await;
    }
    evidence
}

/// Runs the steps. Returns the failure of the first call, if it failed.
async fn ask_all(caller: &Caller, visit: &Visit, evidence: &mut Evidence) -> Option<Failure> {
    for step in evidence.steps().filter(|step| visit.post || *step != Step::Post) {
        let ask = evidence.ask(step, now());
        let query = visit.query.as_deref().filter(|_| step != Step::Error);
        match caller.call(step, ask, query).await {
            Ok((exchange, tls)) => {
                evidence.tls = evidence.tls.take().or(tls);
                let refused = step == Step::First && exchange.status == 400 && !exchange.url.is_https();
                keep(evidence, exchange);
                // The response of many servers to plain http where they speak TLS.
                if refused && caller.speaks_tls(&visit.url).await {
                    return Some(Failure::Encrypted);
                }
                follow(caller, evidence).await;
            }
            Err(Missed::Distrusted(tls)) => {
                evidence.tls = Some(tls);
                return None;
            }
            // Some servers respond to calls, but not to a preflight.
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

/// Follows the redirects of the last response.
async fn follow(caller: &Caller, evidence: &mut Evidence) {
    for _ in 0..REDIRECTS {
        let Some(hop) = evidence.exchanges.last() else { return };
        let Some(ask) = evidence.follow(hop, now()) else { return };
        let (step, query, own) = (hop.step, query(hop), ask.url.is_origin_of(&evidence.url));
        match caller.call(step, ask, query.as_deref()).await {
            Ok((exchange, _)) => keep(evidence, exchange),
            Err(Missed::Failed(failure)) if own => return evidence.unanswered.push((step, failure)),
            // A failed call to another origin is not reported; the redirect to it already is.
            Err(_) => return,
        }
    }
}

/// Returns the query of the URL that a response redirects to.
fn query(hop: &Exchange) -> Option<String> {
    let target = hop.one("location")?.split('#').next()?;
    target.split_once('?').map(|(_, query)| query.to_owned())
}

/// Stores the exchange, and looks up the hosts that it names in the public suffix list.
fn keep(evidence: &mut Evidence, exchange: Exchange) {
    evidence.exchanges.push(exchange);
    let lines = evidence.exchanges.iter().flat_map(|exchange| exchange.all("set-cookie"));
    let domains = lines.filter_map(|line| SetCookie::read(line).ok()?.domain);
    let hosts = evidence.exchanges.iter().map(|exchange| &exchange.url).chain([&evidence.page, &evidence.url]);
    evidence.sites = sites(hosts.map(|address| address.host().to_owned()).chain(domains));
}

/// Returns this machine's time, in seconds since 1970.
fn now() -> u64 {
    u64::try_from(Clock::System.now().seconds()).unwrap_or_default()
}
