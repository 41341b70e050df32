//! Caches that keep answers with a session: HT035.
//!
//! Source: RFC 9111, 3 (what may be stored), 4.1 (`Vary`) and 4.2.2 (heuristics).

use super::candidates::Line;
use super::code::Code;
use super::evidence::Evidence;
use super::evidence::Step;
use super::exchange::Exchange;
use super::finding::{Cure, Finding, Severity};
use super::set_cookie::date;

/// The way in which a cache between the server and its visitors keeps an answer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kept {
    /// It keeps none, or asks the server each time.
    Never,
    /// Nothing says that it may, and nothing that it may not.
    Silent,
    /// It is told that it may.
    Allowed,
    /// It has: the answer comes out of one.
    Old,
}

/// One finding at most: the gravest.
pub(super) fn diagnose(evidence: &Evidence, session: &[Line]) -> Option<Finding> {
    sets(session).or_else(|| went(evidence, session)).or_else(|| differs(evidence))
}

/// An answer that sets the session's cookie: to each visitor the same one.
fn sets(session: &[Line]) -> Option<Finding> {
    let lines =
        session.iter().filter_map(|(exchange, cookie)| Some((kept(exchange), *exchange, cookie.as_ref().ok()?)));
    let (kept, exchange, cookie) = lines.max_by_key(|(kept, ..)| *kept).filter(|(kept, ..)| *kept != Kept::Never)?;
    let (url, name) = (&exchange.url, &cookie.name);
    let how = match kept {
        Kept::Old => format!("in an answer out of a cache ({})", sign(exchange).unwrap_or_default()),
        Kept::Allowed => "in an answer that caches may keep".to_owned(),
        Kept::Silent | Kept::Never => "in an answer that says nothing of caches".to_owned(),
    };
    let finding = Code::Cached.warning(format!("`{url}` sets the cookie `{name}` {how}."), no_store());
    // No cache that is in use keeps one with a cookie without being told so.
    Some(if kept == Kept::Silent { finding.graded(Severity::Note) } else { finding })
}

/// An answer to a call with the session's cookie: to each visitor the first one's.
fn went(evidence: &Evidence, session: &[Line]) -> Option<Finding> {
    let taken = |name: &str| session.iter().any(|(_, cookie)| cookie.as_ref().is_ok_and(|cookie| cookie.name == name));
    let went = |exchange: &&Exchange| exchange.sent().any(|(name, _)| taken(name));
    let by_cookie = |exchange: &&Exchange| exchange.list("vary").any(|name| name.eq_ignore_ascii_case("cookie"));
    let exchange =
        evidence.reads().filter(went).find(|exchange| kept(exchange) >= Kept::Allowed && !by_cookie(exchange))?;
    let how = match sign(exchange) {
        Some(sign) => format!("out of a cache ({sign})"),
        None => "in a way that lets caches give the answer to others".to_owned(),
    };
    Some(
        Code::Cached.warning(format!("`{}` answers a call with the session's cookie {how}.", exchange.url), no_store()),
    )
}

/// An answer that names its page, and is kept for the pages of others.
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
        "`{}` answers each origin otherwise, says no `Vary: Origin`, and lets caches keep it: pages of one get what is for \
         another.",
        exchange.url
    );
    let cure = Cure::new(
        "Hardtack answers `Vary: Origin` and `Cache-Control: no-store`; let no proxy remove them.",
        "res.vary('Origin') on each answer, as `cors` does for a list of origins; or `Cache-Control: no-store`.",
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

/// Returns the sign by which an answer shows that it comes out of a cache.
fn sign(exchange: &Exchange) -> Option<String> {
    let aged = exchange.one("age").filter(|age| age.parse::<u64>().is_ok_and(|age| age > 0));
    let hit = ["x-cache", "cf-cache-status"].into_iter().find_map(|name| {
        let value = exchange.one(name).filter(|value| value.to_ascii_lowercase().contains("hit"))?;
        Some(format!("`{name}: {value}`"))
    });
    aged.map(|age| format!("`Age: {age}`")).or(hit)
}

/// Whether a status may be stored without being told so. Source: RFC 9110, 15.1.
const fn is_kept_unasked(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

pub(super) fn no_store() -> Cure {
    Cure::new(
        "Hardtack answers `Cache-Control: no-store` with every cookie; let no proxy or service worker override it.",
        "res.set('Cache-Control', 'no-store') on what depends on the session, and let no proxy or service worker \
         override it.",
    )
}
