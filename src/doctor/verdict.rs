//! What each browser makes of what was seen, hop by hop: where the session's trip breaks.

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

/// The trip of a session in one browser.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Whose.
    pub browser: Browser,
    /// From the page to the server and back, in order.
    pub hops: Vec<(Hop, State)>,
    /// Whether the browser asks the visitor before the call is sent. What the visitor says is not seen.
    pub asks: bool,
}

/// A part of the trip.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hop {
    /// The page's call arrives.
    Reach,
    /// The question before a call with JSON is answered.
    Ask,
    /// The page may read the answer.
    Read,
    /// The cookie is kept.
    Keep,
    /// The cookie goes along with the next call.
    Return,
    /// The session of the cookie is known. The page's probe sees it; the command sees a doubt at most.
    Know,
}

/// How a hop went.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Well.
    Fine,
    /// It broke, and why.
    Broken(String),
    /// Nothing was seen of it.
    Unseen,
}

impl Verdict {
    /// Whether nothing is broken, and all was seen.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.hops.iter().all(|(_, state)| *state == State::Fine)
    }

    /// Whether all was seen to be well but what the visitor answers.
    #[must_use]
    pub fn holds_if_allowed(&self) -> bool {
        self.asks && self.hops.iter().all(|(hop, state)| *hop == Hop::Reach || *state == State::Fine)
    }

    /// Where it broke first, and why.
    #[must_use]
    pub fn broken(&self) -> Option<(Hop, &str)> {
        self.hops.iter().find_map(|(hop, state)| match state {
            State::Broken(why) => Some((*hop, why.as_str())),
            State::Fine | State::Unseen => None,
        })
    }
}

/// The verdicts of Chrome, Firefox and Safari, each with third-party cookies allowed and blocked.
#[must_use]
pub fn verdicts(evidence: &Evidence) -> Vec<Verdict> {
    // All of them agree about CORS.
    let shared = [(Hop::Ask, ask(evidence)), (Hop::Read, read(evidence))];
    // Of most servers no answer shows it.
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

/// Whether the session's cookies are kept, and go along with the next call.
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
            // All of them take up room.
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
    /// Where it is: whose rules it must pass.
    #[must_use]
    pub const fn place(self) -> &'static str {
        match self {
            Self::Reach => "server",
            Self::Ask | Self::Read => "CORS",
            Self::Keep | Self::Return => "cookie",
            Self::Know => "session",
        }
    }

    /// What is said of it as it went.
    #[must_use]
    pub fn told(self, state: &State) -> String {
        if state.is_broken() { self.fails().to_owned() } else { self.to_string() }
    }

    /// What is said of it where it breaks.
    #[must_use]
    pub const fn fails(self) -> &'static str {
        match self {
            Self::Reach => "the call does not arrive",
            Self::Ask => "the preflight is not answered as one",
            Self::Read => "the page may not read the answer",
            Self::Keep => "the cookie is not kept",
            Self::Return => "the cookie does not go along",
            Self::Know => "the server does not know the session",
        }
    }

    /// Whether it is about the leave that pages of other origins need, and those of the server do not.
    #[must_use]
    pub const fn needs_leave(self) -> bool {
        matches!(self, Self::Ask | Self::Read)
    }
}

impl State {
    /// Whether it broke.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    /// How it is drawn.
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
