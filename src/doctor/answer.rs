//! What answers do besides: redirects, caches, cookies that are missing or twice: HT026, HT033 to HT035, HT043, HT044.

use super::across;
use super::code::Code;
use super::cookie;
use super::cors;
use super::evidence::{Evidence, Step};
use super::exchange::Exchange;
use super::finding::{Cure, Finding, Severity};
use super::set_cookie::SetCookie;

pub(super) fn diagnose(evidence: &Evidence, found: &mut Vec<Finding>) {
    let pair = evidence.pair();
    let set = evidence.session_cookies();
    let mut seen: Vec<&SetCookie> = Vec::new();
    for (exchange, cookie) in &set {
        let cookie = match cookie {
            Ok(cookie) => cookie,
            Err(error) => {
                found.push(cookie::line(*error, &exchange.url));
                continue;
            }
        };
        if seen.iter().any(|earlier| earlier.name == cookie.name) {
            continue;
        }
        seen.push(cookie);
        // Of a cookie that another origin sets on the way others speak.
        if exchange.url.is_origin_of(&evidence.url) && !across::is_mixed(&pair) {
            found.extend(cookie::judge(cookie, &pair, &exchange.url, exchange.at));
        }
        found.extend(across::strict(cookie, false));
        found.extend(twice(exchange, &cookie.name));
        found.extend(cached(exchange, &cookie.name));
    }
    found.extend(redirected(evidence));
    if set.is_empty() {
        found.extend(without(evidence));
    }
}

/// No answer has set the session's cookie.
///
/// Express withholds a `secure` cookie from what it takes for plain http. Nothing but its silence shows that.
fn without(evidence: &Evidence) -> Option<Finding> {
    let pair = evidence.pair();
    let answer = evidence.of(Step::First).last()?;
    let readable = pair.is_own() || cors::read(answer, &pair).is_none();
    if !readable || answer.is_redirect() {
        return None;
    }
    let (url, status) = (&evidence.url, answer.status);
    let express = answer.one("x-powered-by") == Some("Express") && status < 300;
    let what = match &evidence.cookie {
        _ if express && !url.is_https() => {
            format!("`{url}` sets no session cookie, and on plain http Express sets none that is `secure: true`.")
        }
        _ if express => format!(
            "`{url}` sets no session cookie, and Express sets none that is `secure: true` while it takes the way for \
             plain http, as it does behind a proxy that it was not told to trust."
        ),
        Some(name) => format!("`{url}` answers {status} and does not set the cookie `{name}`."),
        None => format!("`{url}` answers {status} and sets no session cookie, so nothing can be said of it."),
    };
    let trust = if url.is_https() {
        "`app.set('trust proxy', 1)`, and the proxy sends `X-Forwarded-Proto`."
    } else {
        "serve it over https, or for a trial `session({ cookie: { secure: 'auto' } })`; behind a proxy that speaks \
         https `app.set('trust proxy', 1)`."
    };
    let cure = Cure::new(
        "Probe an address that begins a session: `--path /api/session`.",
        format!("If it stores something in the session: {trust} Else probe an address that does."),
    );
    let finding = Code::NoCookie.note(what, cure);
    Some(match &evidence.cookie {
        Some(_) => finding.graded(Severity::Error),
        None if express => finding.graded(Severity::Warning),
        None => finding,
    })
}

/// One answer that sets a cookie twice.
fn twice(exchange: &Exchange, name: &str) -> Option<Finding> {
    let same = exchange.cookies().filter(|cookie| cookie.as_ref().is_ok_and(|cookie| cookie.name == name)).count();
    let what = || format!("`{}` sets the cookie `{name}` {same} times in one answer.", exchange.url);
    (same > 1).then(|| cookie::shared_name(name, what()))
}

/// An answer with a cookie that a cache may keep.
fn cached(exchange: &Exchange, name: &str) -> Option<Finding> {
    let rules: Vec<_> = exchange.list("cache-control").map(str::to_ascii_lowercase).collect();
    let kept = |rule: &str| rules.iter().any(|known| known == rule || known.starts_with(&format!("{rule}=")));
    let old = exchange.one("age").and_then(|age| age.parse::<u64>().ok()).is_some_and(|age| age > 0);
    (old || !["no-store", "private", "no-cache"].into_iter().any(kept)).then(|| {
        Code::Cached.warning(
            format!("`{}` sets the cookie `{name}` in an answer that caches may keep.", exchange.url),
            no_store(),
        )
    })
}

pub(super) fn no_store() -> Cure {
    Cure::new(
        "Hardtack answers `Cache-Control: no-store` with every cookie; let no proxy or service worker override it.",
        "res.set('Cache-Control', 'no-store') on what depends on the session, and let no proxy or service worker \
         override it.",
    )
}

/// A call that ends at another origin. Of a preflight that is redirected too, and of a way back to http, others speak.
fn redirected(evidence: &Evidence) -> Option<Finding> {
    if evidence.of(Step::Preflight).any(Exchange::is_redirect) {
        return None;
    }
    let hops = evidence.exchanges.iter().filter_map(|hop| Some((hop, hop.leaves()?)));
    let (from, to) = hops.into_iter().find(|(hop, to)| !(hop.url.is_https() && to.host() == hop.url.host()))?;
    let sets = if from.one("set-cookie").is_some() { " and sets a cookie on the way" } else { "" };
    Some(Code::Redirected.error(
        format!("`{}` redirects the page's call to `{}`{sets}.", from.url, to.origin()),
        Cure::any(
            "Let the page call the address that the redirect leads to. Answer 401 instead of leading a script to a \
             sign-in, and let the page go there: `location.href = …`.",
        ),
    ))
}
