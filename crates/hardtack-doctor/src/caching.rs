//! Caches that store responses with a session: HT035.
//!
//! Source: RFC 9111, 3 (storing), 4.1 (`Vary`) and 4.2.2 (heuristics).

use super::candidates::Line;
use super::code::Code;
use super::evidence::Evidence;
use super::evidence::Step;
use super::exchange::Exchange;
use super::finding::{Cure, Finding, Severity};
use super::set_cookie::date;

/// The treatment of a response by a cache between the server and its visitors, the worst last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kept {
    /// It is not stored, or the cache asks the server each time.
    Never,
    /// The response neither allows nor forbids storing.
    Silent,
    /// The response allows storing.
    Allowed,
    /// The response comes from a cache.
    Old,
}

/// Returns one finding at most, the most severe.
pub(super) fn diagnose(evidence: &Evidence, session: &[Line]) -> Option<Finding> {
    sets(session).or_else(|| went(evidence, session)).or_else(|| differs(evidence))
}

/// Returns the finding if a cache can store a response that sets the session cookie, and then give all visitors the
/// same session.
fn sets(session: &[Line]) -> Option<Finding> {
    let lines =
        session.iter().filter_map(|(exchange, cookie)| Some((kept(exchange), *exchange, cookie.as_ref().ok()?)));
    let (kept, exchange, cookie) = lines.max_by_key(|(kept, ..)| *kept).filter(|(kept, ..)| *kept != Kept::Never)?;
    let (url, name) = (&exchange.url, &cookie.name);
    let how = match kept {
        Kept::Old => format!("in a response from a cache ({})", sign(exchange).unwrap_or_default()),
        Kept::Allowed => "in a response that caches may store".to_owned(),
        Kept::Silent | Kept::Never => "in a response that says nothing about caching".to_owned(),
    };
    let finding = Code::Cached.warning(format!("`{url}` sets the cookie `{name}` {how}."), no_store());
    // Only a note, because common caches do not store a response with a cookie unless it allows that.
    Some(if kept == Kept::Silent { finding.graded(Severity::Note) } else { finding })
}

/// Returns the finding if a cache can store the response to a call with the session cookie, and then give all visitors
/// the response of the first.
fn went(evidence: &Evidence, session: &[Line]) -> Option<Finding> {
    let taken = |name: &str| session.iter().any(|(_, cookie)| cookie.as_ref().is_ok_and(|cookie| cookie.name == name));
    let went = |exchange: &&Exchange| exchange.sent().any(|(name, _)| taken(name));
    let by_cookie = |exchange: &&Exchange| exchange.list("vary").any(|name| name.eq_ignore_ascii_case("cookie"));
    let exchange =
        evidence.reads().filter(went).find(|exchange| kept(exchange) >= Kept::Allowed && !by_cookie(exchange))?;
    let how = match sign(exchange) {
        Some(sign) => format!("from a cache ({sign})"),
        None => "with a response that caches may give to others".to_owned(),
    };
    Some(Code::Cached.warning(format!("`{}` answers a call with the session cookie {how}.", exchange.url), no_store()))
}

/// Returns the finding if a cache can store a response for the page's origin, and then give it to pages of other
/// origins.
fn differs(evidence: &Evidence) -> Option<Finding> {
    const NAMES: &str = "access-control-allow-origin";
    let stranger = evidence.of(Step::Stranger).next()?;
    let names = |exchange: &&Exchange| exchange.one(NAMES).is_some_and(|name| name == evidence.page.origin());
    let by_origin = |name: &str| name.eq_ignore_ascii_case("origin") || name == "*";
    let exchange = evidence.reads().filter(names).find(|exchange| {
        kept(exchange) >= Kept::Allowed
            && !exchange.list("vary").any(by_origin)
            && exchange.one(NAMES) != stranger.one(NAMES)
    })?;
    let what = format!(
        "`{}` answers each origin differently without `Vary: Origin`, and lets caches store that: pages of one origin \
         get the response for another.",
        exchange.url
    );
    let cure = Cure::new(
        "Hardtack sends `Vary: Origin` and `Cache-Control: no-store`; make sure that no proxy removes them.",
        "res.vary('Origin') in each response, as `cors` does for a list of origins; or `Cache-Control: no-store`.",
    );
    Some(Code::Cached.warning(what, cure))
}

fn kept(exchange: &Exchange) -> Kept {
    let rules: Vec<_> = exchange.list("cache-control").map(str::to_ascii_lowercase).collect();
    let has = |rule: &str| rules.iter().any(|known| known == rule || known.starts_with(&format!("{rule}=")));
    let seconds = |rule: &str| {
        let value = rules.iter().find_map(|known| known.strip_prefix(rule)?.strip_prefix('='))?;
        value.trim_matches('"').parse::<u64>().ok()
    };
    let expires = exchange.one("expires").map(|expires| date(expires).unwrap_or_default());
    let now = exchange.date().unwrap_or_else(|| i64::try_from(exchange.at).unwrap_or_default());
    let life = seconds("s-maxage").or_else(|| seconds("max-age")).map(|life| life > 0);
    let fresh = life.or(expires.map(|expires| expires > now)).or(has("public").then_some(true));
    match () {
        () if sign(exchange).is_some() => Kept::Old,
        () if exchange.method != "GET" => Kept::Never,
        () if ["no-store", "private", "no-cache"].into_iter().any(has)
            || exchange.list("vary").any(|name| name == "*") =>
        {
            Kept::Never
        }
        () if fresh == Some(true) => Kept::Allowed,
        () if fresh == Some(false) || !is_kept_unasked(exchange.status) => Kept::Never,
        () => Kept::Silent,
    }
}

/// Returns the header that shows that a response comes from a cache.
fn sign(exchange: &Exchange) -> Option<String> {
    let aged = exchange.one("age").filter(|age| age.parse::<u64>().is_ok_and(|age| age > 0));
    let hit = ["x-cache", "cf-cache-status"].into_iter().find_map(|name| {
        let value = exchange.one(name).filter(|value| value.to_ascii_lowercase().contains("hit"))?;
        Some(format!("`{name}: {value}`"))
    });
    aged.map(|age| format!("`Age: {age}`")).or(hit)
}

/// Returns whether responses with a status are heuristically cacheable. Source: RFC 9110, 15.1.
const fn is_kept_unasked(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

pub(super) fn no_store() -> Cure {
    Cure::new(
        "Hardtack sends `Cache-Control: no-store` with every cookie; make sure that no proxy or service worker \
         overrides it.",
        "res.set('Cache-Control', 'no-store') in every response that depends on the session; make sure that no proxy \
         or service worker overrides it.",
    )
}
