#![doc = include_str!("../README.md")]
//!
//! # The parts
//!
//! The session doctor: the causes of lost session cookies, and their cures.
//!
//! Plain data and pure functions, compiled for the server and for the browser. Each kind of input leads to
//! [`Finding`]s, each with a stable [`Code`] that `docs/DOCTOR.md` explains:
//!
//! ```text
//! Topology   setup of an application    ──▶ check            problems that are known before the first request
//! Evidence   calls of a probe           ──▶ diagnose         problems that a browser on the page's origin would meet
//!                                       └─▶ verdicts         each hop, by the rules of Chrome, Firefox and Safari
//! Announced  metadata of a provider     ──▶ providers        problems that visitors would meet at a sign-in
//! Tries      calls of a page's script   ──▶ diagnose_tries   problems in the visitor's own browser
//!                                       └─▶ Diagnosis::of    each hop, and a report as text
//! ```
//!
//! [`Jar`] holds the rules by which browsers store and send cookies. Each group of causes is one file, with its texts.

mod across;
mod address;
mod answer;
mod browser;
mod caching;
mod candidates;
mod code;
mod cookie;
mod cors;
mod diagnosis;
mod edge;
mod evidence;
mod exchange;
mod finding;
mod jar;
mod location;
mod loss;
mod octets;
mod page;
mod provider;
mod reach;
mod set_cookie;
mod sites;
mod store;
mod topology;
mod tries;
mod verdict;

pub use address::{Address, AddressError, Space};
pub use answer::REDIRECTS;
pub use browser::{Browser, Maker};
pub use code::Code;
pub use diagnosis::Diagnosis;
pub use evidence::{Ask, Evidence, Step};
pub use exchange::Exchange;
pub use finding::{Cure, Finding, Severity};
pub use jar::{Jar, Kept, Kind, Request};
pub use loss::Loss;
pub use octets::{header_bytes, header_text};
pub use provider::{Announced, providers};
pub use reach::{Failure, Term, TlsSeen};
pub use set_cookie::{LineError, SameSite, SetCookie};
pub use sites::{SiteOf, Sites};
pub use topology::{Client, Cors, Edge, Store, Tls, Topology};
pub use tries::{Echo, Known, Scheme, Setting, Tries, Try};
pub use verdict::{Hop, State, Verdict, verdicts};

/// Returns the problems of a setup, the most severe first. Empty when none can be known before the first request.
#[must_use]
pub fn check(topology: &Topology) -> Vec<Finding> {
    let mut found = Vec::new();
    for family in [across::check, cookie::check, cors::check, edge::check, page::check, store::check] {
        family(topology, &mut found);
    }
    finding::sorted(found)
}

/// Returns the problems of a server that was probed, the most severe first.
#[must_use]
pub fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    let mut found = across::ways(&evidence.pair(), evidence.space_of_page(), evidence.space_of_url());
    edge::diagnose(evidence, &mut found);
    // Without any response there is nothing to judge.
    if evidence.failure.is_none() {
        for family in [answer::diagnose, cors::diagnose, store::diagnose] {
            family(evidence, &mut found);
        }
    }
    finding::sorted(found)
}

/// Returns the problems in a visitor's own browser, the most severe first.
#[must_use]
pub fn diagnose_tries(tries: &Tries) -> Vec<Finding> {
    let mut found = Vec::new();
    page::diagnose(tries, &mut found);
    finding::sorted(found)
}

#[cfg(test)]
mod tests;
