//! The session doctor: why a session's cookie is lost, and what to change.
//!
//! Plain data and pure functions, on both sides. Three ways lead to a [`Finding`], each with a stable [`Code`] that
//! `docs/DOCTOR.md` explains:
//!
//! ```text
//! Topology  how it is set up      ──▶ check        before the first request
//! Evidence  what a probe saw      ──▶ diagnose     of any server, as a browser on the page's origin would see it;
//!                                 └─▶ verdicts     hop by hop, by the rules of Chrome, Firefox and Safari
//! Announced what providers say    ──▶ providers    what visitors run into who sign in by one
//! Tries     what a page saw       ──▶ diagnose_tries   in the visitor's own browser;
//!                                 └─▶ Diagnosis::of    hop by hop, and as text
//! ```
//!
//! What browsers keep and send is [`Jar`]'s to say; each family of causes is one file, and has the words for them.

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

/// What is wrong with a setup, the gravest first. Empty: nothing that can be known beforehand.
#[must_use]
pub fn check(topology: &Topology) -> Vec<Finding> {
    let mut found = Vec::new();
    for family in [across::check, cookie::check, cors::check, edge::check, page::check, store::check] {
        family(topology, &mut found);
    }
    finding::sorted(found)
}

/// What is wrong with a server that was probed, the gravest first.
#[must_use]
pub fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    let mut found = across::ways(&evidence.pair(), evidence.space_of_page(), evidence.space_of_url());
    edge::diagnose(evidence, &mut found);
    // What was never answered says nothing of cookies.
    if evidence.failure.is_none() {
        for family in [answer::diagnose, cors::diagnose, store::diagnose] {
            family(evidence, &mut found);
        }
    }
    finding::sorted(found)
}

/// What is wrong in a visitor's own browser, the gravest first.
#[must_use]
pub fn diagnose_tries(tries: &Tries) -> Vec<Finding> {
    let mut found = Vec::new();
    page::diagnose(tries, &mut found);
    finding::sorted(found)
}

#[cfg(test)]
mod tests;
