//! Other faults of responses, such as redirects and missing or repeated cookies: HT026, HT033, HT034, HT039, HT043 to
//! HT048.

use super::across;
use super::address::Address;
use super::browser::Browser;
use super::caching;
use super::code::Code;
use super::cookie;
use super::cors;
use super::evidence::{Evidence, Step};
use super::exchange::Exchange;
use super::finding::{Cure, Finding, Severity};
use super::jar::{Jar, Kept, Request};
use super::reach::Failure;
use super::set_cookie::SetCookie;

/// The most redirects of one call that browsers follow. Source: the Fetch standard, HTTP-redirect fetch.
pub const REDIRECTS: usize = 20;

pub(super) fn diagnose(evidence: &Evidence, found: &mut Vec<Finding>) {
    // Its pages are on https, so the cookies seen over plain http say nothing about them.
    if let Some(to) = moved(evidence) {
        let what = format!("`{}` redirects to `{}`, so none of its pages is on plain http.", evidence.url, to.origin());
        found.push(Code::Redirected.warning(what, Cure::any(format!("Probe `{to}`, where browsers end up."))));
        return;
    }
    let (pair, senders) = (evidence.pair(), evidence.senders());
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
        // If another origin set the cookie after a redirect, the finding about the redirect covers it.
        if exchange.url.is_origin_of(&evidence.url) {
            found.extend(cookie::judge(cookie, &pair, &senders, &exchange.url, exchange.at, exchange.date()));
            found.extend(cookie::in_a_folder(cookie, &exchange.url));
        }
        found.extend(across::strict(cookie, false));
        found.extend(twice(evidence, exchange, &cookie.name));
    }
    found.extend(dead_end(evidence).or_else(|| redirected(evidence)));
    found.extend(evidence.calls().find_map(joined));
    found.extend(caching::diagnose(evidence, &set));
    found.extend(cleared(evidence, &seen));
    found.extend(evicted(evidence, &seen));
    let refused = refused(evidence);
    if refused.is_some() {
        found.extend(refused);
    } else if set.is_empty() {
        found.extend(without(evidence));
    }
}

/// Returns whether a proxy or a CDN answered each call because the application behind it does not.
pub(super) fn is_down(evidence: &Evidence) -> bool {
    let mut reads = evidence.reads().peekable();
    reads.peek().is_some() && reads.all(|exchange| matches!(exchange.status, 502..=504 | 520..=530))
}

/// Returns the finding if no response has set the session cookie, although the page could read one.
///
/// Express sets no `secure` cookie on a connection that it takes for plain http. The missing cookie is the only sign.
pub(super) fn without(evidence: &Evidence) -> Option<Finding> {
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
            "`{url}` sets no session cookie, and Express sets none that is `secure: true` while it takes the \
             connection for plain http, as it does behind a proxy that it was not told to trust."
        ),
        Some(name) => format!("`{url}` answers {status} and does not set the cookie `{name}`."),
        None => format!("`{url}` answers {status} and sets no session cookie, so there is no session to judge."),
    };
    let trust = if url.is_https() {
        "set `app.set('trust proxy', 1)`, and let the proxy send `X-Forwarded-Proto`."
    } else {
        "serve it over https, or for a trial use `session({ cookie: { secure: 'auto' } })`; behind a proxy that speaks \
         https, set `app.set('trust proxy', 1)`."
    };
    let cure = Cure::new(
        "Probe a URL that begins a session: `--path /api/session`.",
        format!("If this URL stores data in the session: {trust} Otherwise probe a URL that does."),
    );
    let finding = Code::NoCookie.note(what, cure);
    Some(match &evidence.cookie {
        Some(_) => finding.graded(Severity::Error),
        None if express => finding.graded(Severity::Warning),
        None => finding,
    })
}

/// Returns the finding if a filter, a firewall or a failure refused every call before the application could show a
/// session.
pub(super) fn refused(evidence: &Evidence) -> Option<Finding> {
    let pair = evidence.pair();
    let cookies = || evidence.session_cookies().iter().any(|(_, cookie)| cookie.is_ok());
    let is_refusal = |status: u16| match status {
        401 | 407 => !cookies(),
        status => matches!(status, 403 | 429 | 451 | 500..),
    };
    let mut reads = evidence.reads().filter(|exchange| !exchange.is_redirect()).peekable();
    let first = *reads.peek()?;
    let readable = pair.is_own() || is_down(evidence) || cors::read(first, &pair).is_none();
    (readable && reads.all(|exchange| is_refusal(exchange.status))).then(|| {
        Code::Refused.warning(
            format!("`{}` answered {} each time, so nothing is known about its session.", first.url, first.status),
            Cure::any(
                "Probe another URL (`--path`), send the header that this one requires (`--header 'Authorization: …'`), \
                 or let the doctor pass the filter.",
            ),
        )
    })
}

/// Returns the finding if the redirects of the first call end without a response.
pub(super) fn dead_end(evidence: &Evidence) -> Option<Finding> {
    let hop = evidence.of(Step::First).last().filter(|exchange| exchange.is_redirect())?;
    let what = match hop.target() {
        None => format!("`{}` redirects the page's call to a URL that no call can follow.", hop.url),
        Some(_) if evidence.of(Step::First).count() > REDIRECTS => {
            format!("`{}` redirects the page's call forever: {REDIRECTS} redirects lead to no response.", evidence.url)
        }
        Some(target) => {
            let ends = |(step, why): &&(Step, Failure)| *step == Step::First && !why.is_ours();
            let (_, why) = evidence.unanswered.iter().find(ends)?;
            format!("`{}` redirects the page's call to `{target}`, which sends no response: {why}.", hop.url)
        }
    };
    Some(Code::DeadEnd.error(
        what,
        Cure::any(
            "Answer the call instead of redirecting it. Behind a proxy that terminates TLS, a server that takes the \
             connection for plain http redirects to https forever: tell it about the proxy (Hardtack: `site.url`; \
             Express: `app.set('trust proxy', 1)`).",
        ),
    ))
}

/// Returns the finding if one line holds two cookies.
fn joined(exchange: &Exchange) -> Option<Finding> {
    let (first, second) = exchange.all("set-cookie").find_map(SetCookie::joined)?;
    Some(Code::Joined.error(
        format!("`{}` sets the cookies `{first}` and `{second}` in one line, and browsers read one.", exchange.url),
        Cure::any(
            "Send a `Set-Cookie` line for each cookie: a proxy, a serverless adapter or `headers.get('set-cookie')` \
             joins them with a comma; `headers.getSetCookie()` does not.",
        ),
    ))
}

/// Returns the finding if a response removes the session cookie by `Clear-Site-Data`.
fn cleared(evidence: &Evidence, session: &[&SetCookie]) -> Option<Finding> {
    let exchange = evidence.calls().find(|exchange| exchange.clears_cookies())?;
    (!session.is_empty()).then(|| {
        Code::Cleared.error(
            format!("`{}` sends `Clear-Site-Data` for cookies, which removes the session cookie.", exchange.url),
            Cure::any("Send `Clear-Site-Data` only in the response to a sign-out."),
        )
    })
}

/// Returns the finding if other cookies of the server evict the session cookie.
fn evicted(evidence: &Evidence, session: &[&SetCookie]) -> Option<Finding> {
    let jar = evidence.jar(Browser::USUAL[0]);
    let clears = evidence.calls().any(Exchange::clears_cookies);
    let cookie = session.iter().find(|cookie| cookie.partitioned && !jar.has(&cookie.name) && !clears)?;
    // A cookie that is dropped even in an empty jar has another finding.
    let kept = evidence.session_cookies().iter().any(|(exchange, it)| {
        let mut alone = Jar::new(Browser::USUAL[0]);
        let request = exchange.request(&evidence.page);
        it.as_ref().is_ok_and(|it| it.name == cookie.name && alone.keep(it, &request, &evidence.sites).is_ok())
    });
    kept.then(|| {
        Code::NoRoom.error(
            format!(
                "The cookie `{}` is evicted: Chrome stores at most 10 KiB of `Partitioned` cookies of a server for \
                 each page's site.",
                cookie.name
            ),
            Cure::any("Keep data in the session instead of in other cookies, and remove cookies that are not needed."),
        )
    })
}

/// Returns the finding if one response sets a cookie twice: the second replaces the first, or browsers send both.
fn twice(evidence: &Evidence, exchange: &Exchange, name: &str) -> Option<Finding> {
    let mut jar = Jar::new(Browser::USUAL[0]);
    let request = exchange.request(&evidence.page);
    // A removal in the same response is left out, because it is for an older cookie with other attributes.
    let same = exchange.cookies().filter_map(Result::ok).filter(|cookie| cookie.name == name && !cookie.is_removal());
    let kept: Vec<_> = same.map(|cookie| jar.keep(&cookie, &request, &evidence.sites)).collect();
    let replaced = kept.contains(&Ok(Kept::Replaced));
    let back = Request::fetch(&evidence.page, &evidence.url, exchange.at);
    let both = jar.sent(&back, &evidence.sites).iter().filter(|sent| **sent == name).count() > 1;
    let how = if replaced { "the last one counts" } else { "browsers send both" };
    let what =
        || format!("`{}` sets the cookie `{name}` {} times in one response, and {how}.", exchange.url, kept.len());
    (replaced || both).then(|| cookie::shared_name(name, what()))
}

/// Returns the https address of the same host to which the server redirects its own pages from plain http.
pub(super) fn moved(evidence: &Evidence) -> Option<Address> {
    let to = evidence.of(Step::First).next()?.leaves()?;
    let is_same = evidence.pair().is_own() && !evidence.url.is_https() && to.is_https();
    (is_same && to.host() == evidence.url.host()).then_some(to)
}

/// Returns the finding if a call is redirected to another origin. A redirected preflight and a redirect back to http
/// have findings of their own.
fn redirected(evidence: &Evidence) -> Option<Finding> {
    if evidence.of(Step::Preflight).any(Exchange::is_redirect) {
        return None;
    }
    let hops = evidence.calls().filter_map(|hop| Some((hop, hop.leaves()?)));
    let (from, to) = hops.into_iter().find(|(hop, to)| !(hop.url.is_https() && to.host() == hop.url.host()))?;
    let sets = if from.one("set-cookie").is_some() { " and sets a cookie on the way" } else { "" };
    let cure = if to.host() == from.url.host() {
        format!("Let the page call `{}`, the target of the redirect.", to.origin())
    } else {
        "Let the page call the target of the redirect. Answer 401 instead of redirecting a script to a sign-in, and \
         let the page navigate there: `location.href = …`."
            .to_owned()
    };
    let what = format!("`{}` redirects the page's call to `{}`{sets}.", from.url, to.origin());
    Some(Code::Redirected.error(what, Cure::any(cure)))
}
