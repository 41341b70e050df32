//! The verdict of each browser on the evidence, hop by hop.

use super::across::Way;
use super::answer;
use super::browser::Browser;
use super::cors;
use super::evidence::{Evidence, Step};
use super::finding::Severity;
use super::jar::{Jar, Request};
use super::loss::Loss;
use super::reach::TlsSeen;
use super::set_cookie::SetCookie;
use super::store;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The path of a session between a page and a server in one browser.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// The browser.
    pub browser: Browser,
    /// The hops from the page to the server and back, in order.
    pub hops: Vec<(Hop, State)>,
    /// Whether the browser asks the visitor before it sends the call. The visitor's decision is unknown.
    pub asks: bool,
}

/// A hop on the path of a session.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hop {
    /// The page's call reaches the server.
    Reach,
    /// The preflight before a call with JSON succeeds.
    Ask,
    /// The page may read the response.
    Read,
    /// The browser stores the cookie.
    Keep,
    /// The browser sends the cookie with the next call.
    Return,
    /// The server knows the session of the cookie. The doctor's page sees this; the command can only suspect that it
    /// does not.
    Know,
}

/// The result of a hop.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It works.
    Fine,
    /// It fails, for this reason.
    Broken(String),
    /// It was not observed.
    Unseen,
}

impl Verdict {
    /// Returns whether all hops were observed and work.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.hops.iter().all(|(_, state)| *state == State::Fine)
    }

    /// Returns whether the browser asks the visitor, and all other hops were observed and work.
    #[must_use]
    pub fn holds_if_allowed(&self) -> bool {
        self.asks && self.hops.iter().all(|(hop, state)| *hop == Hop::Reach || *state == State::Fine)
    }

    /// Returns the first hop that fails, and its reason.
    #[must_use]
    pub fn broken(&self) -> Option<(Hop, &str)> {
        self.hops.iter().find_map(|(hop, state)| match state {
            State::Broken(why) => Some((*hop, why.as_str())),
            State::Fine | State::Unseen => None,
        })
    }
}

/// Returns the verdicts of Chrome, Firefox and Safari, each with third-party cookies allowed and blocked.
#[must_use]
pub fn verdicts(evidence: &Evidence) -> Vec<Verdict> {
    // All browsers have the same CORS rules.
    let shared = [(Hop::Ask, ask(evidence)), (Hop::Read, read(evidence))];
    // The hop is left out for most servers, because their responses do not show whether they know the session.
    let know = store::is_begun_anew(evidence).then_some((Hop::Know, State::Unseen));
    let verdict = |browser| {
        let (keep, back) = cookie(evidence, browser);
        let reach = [(Hop::Reach, reach(evidence, browser))];
        let hops = reach.into_iter().chain(shared.iter().cloned()).chain([(Hop::Keep, keep), (Hop::Return, back)]);
        let hops = hops.chain(know.clone());
        Verdict { browser, hops: hops.collect(), asks: evidence.way(browser) == Way::Asked }
    };
    Browser::ALL.into_iter().map(verdict).collect()
}

fn reach(evidence: &Evidence, browser: Browser) -> State {
    let incomplete = evidence.tls.as_ref().is_some_and(|tls| tls.incomplete && evidence.exchanges.is_empty());
    let distrusted = evidence.tls.as_ref().is_some_and(TlsSeen::is_refused);
    match (evidence.way(browser), evidence.failure) {
        (Way::Mixed, _) => State::Broken("a page on https may not call plain http".to_owned()),
        (Way::Insecure, _) => State::Broken("a page on plain http may not call into the local network".to_owned()),
        _ if distrusted => State::Broken("the certificate is not trusted".to_owned()),
        _ if incomplete => State::Unseen,
        (_, Some(failure)) if failure.is_ours() => State::Unseen,
        (_, Some(failure)) => State::Broken(failure.to_string()),
        (Way::Asked, None) => State::Unseen,
        (Way::Open, None) if evidence.exchanges.is_empty() => State::Unseen,
        (Way::Open, None) => State::Fine,
    }
}

fn ask(evidence: &Evidence) -> State {
    let pair = evidence.pair();
    match evidence.of(Step::Preflight).next() {
        _ if !evidence.needs_preflight() => State::Fine,
        _ if answer::is_down(evidence) => State::Unseen,
        None if evidence.unanswered.iter().any(|(step, why)| *step == Step::Preflight && why.is_ours()) => {
            State::Unseen
        }
        Some(exchange) if exchange.is_redirect() => State::Broken("the preflight is redirected".to_owned()),
        answer => match cors::asked(evidence, &pair) {
            Some(finding) => State::Broken(finding.what),
            None if answer.is_some() => State::Fine,
            None => State::Unseen,
        },
    }
}

fn read(evidence: &Evidence) -> State {
    let pair = evidence.pair();
    let mut reads = evidence.reads().peekable();
    if let Some(finding) = answer::dead_end(evidence) {
        return State::Broken(finding.what);
    }
    if answer::moved(evidence).is_some() {
        return State::Unseen;
    }
    if evidence.of(Step::First).any(|exchange| exchange.leaves().is_some()) {
        return State::Broken("the call is redirected to another origin".to_owned());
    }
    match reads.peek() {
        None => State::Unseen,
        Some(_) if answer::is_down(evidence) => State::Unseen,
        Some(_) if pair.is_own() => State::Fine,
        Some(_) => reads.find_map(|seen| cors::read(seen, &pair)).map_or(State::Fine, |it| State::Broken(it.what)),
    }
}

/// Returns whether the session cookies are stored, and whether they are sent with the next call.
fn cookie(evidence: &Evidence, browser: Browser) -> (State, State) {
    let broken = |loss: Loss| State::Broken(loss.to_string());
    if answer::refused(evidence).is_some() || answer::moved(evidence).is_some() {
        return (State::Unseen, State::Unseen);
    }
    let (mut jar, mut keep, mut name, mut last) = (Jar::new(browser), State::Unseen, None, 0);
    let candidates = evidence.session_cookies();
    if candidates.is_empty() {
        let missing = answer::without(evidence).filter(|finding| finding.severity == Severity::Error);
        return (missing.map_or(State::Unseen, |finding| State::Broken(finding.what)), State::Unseen);
    }
    let is_candidate = |cookie: &SetCookie| candidates.iter().any(|(_, it)| it.as_ref().is_ok_and(|it| it == cookie));
    for exchange in evidence.calls() {
        let request = exchange.request(&evidence.page);
        for cookie in exchange.cookies() {
            let candidate = cookie.as_ref().map_or(true, is_candidate);
            // Other cookies are stored too, because they take up room in a partition.
            let kept = cookie.map_err(Loss::from).and_then(|cookie| {
                jar.keep(&cookie, &request, &evidence.sites)?;
                Ok(cookie.name)
            });
            match kept {
                _ if !candidate => {}
                Ok(kept) => {
                    last = exchange.at;
                    keep = State::Fine;
                    name.get_or_insert(kept);
                }
                Err(loss) => return (broken(loss), State::Unseen),
            }
        }
        if exchange.clears_cookies() {
            jar.clear(&request, &evidence.sites);
        }
    }
    let Some(name) = name else { return (keep, State::Unseen) };
    if !jar.has(&name) {
        return (keep, State::Broken("it is evicted by other cookies, or the server clears it".to_owned()));
    }
    let request = Request::fetch(&evidence.page, &evidence.url, last);
    let withheld = jar.withheld(&request, &evidence.sites).into_iter().find(|(held, _)| *held == name);
    (keep, withheld.map_or(State::Fine, |(_, loss)| broken(loss)))
}

impl Hop {
    /// Returns a label for the part that decides this hop.
    #[must_use]
    pub const fn place(self) -> &'static str {
        match self {
            Self::Reach => "server",
            Self::Ask | Self::Read => "CORS",
            Self::Keep | Self::Return => "cookie",
            Self::Know => "session",
        }
    }

    /// Returns the sentence that describes the hop with its result.
    #[must_use]
    pub fn told(self, state: &State) -> String {
        if state.is_broken() { self.fails().to_owned() } else { self.to_string() }
    }

    /// Returns the sentence that describes the failure of the hop.
    #[must_use]
    pub const fn fails(self) -> &'static str {
        match self {
            Self::Reach => "the call does not arrive",
            Self::Ask => "the preflight fails",
            Self::Read => "the page may not read the answer",
            Self::Keep => "the cookie is not kept",
            Self::Return => "the cookie does not go along",
            Self::Know => "the server does not know the session",
        }
    }

    /// Returns whether the hop is about CORS, which applies only to pages of other origins.
    #[must_use]
    pub const fn needs_leave(self) -> bool {
        matches!(self, Self::Ask | Self::Read)
    }
}

impl State {
    /// Returns whether the hop fails.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    /// Returns the symbol for the drawing.
    #[must_use]
    pub const fn sign(&self) -> char {
        match self {
            Self::Fine => '✓',
            Self::Broken(_) => '✗',
            Self::Unseen => '·',
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reach => "the call arrives",
            Self::Ask => "the preflight is answered",
            Self::Read => "the page may read the answer",
            Self::Keep => "the cookie is kept",
            Self::Return => "the cookie goes along",
            Self::Know => "the server knows the session",
        })
    }
}
