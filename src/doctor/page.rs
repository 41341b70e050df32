//! From the tries of a page to causes: HT001, HT036, HT039, and what other families know the words for.

use super::address::Space;
use super::code::Code;
use super::finding::{Cure, Finding, Severity};
use super::set_cookie::SetCookie;
use super::topology::{Pair, Topology};
use super::tries::{Echo, Known, Scheme, Tries, Try};
use super::{across, answer, cookie, cors, edge, store};

pub(super) fn check(topology: &Topology, found: &mut Vec<Finding>) {
    if !topology.client.credentials {
        found.extend(topology.others().map(|page| uncredentialed(&topology.pair(page))));
    }
}

/// The first try that fails has one cause; only when all are answered, it is about the cookie.
pub(super) fn diagnose(tries: &Tries, found: &mut Vec<Finding>) {
    let pair = Pair { page: &tries.page, server: &tries.server, sites: &tries.sites };
    let blocked = blocked(tries, &pair);
    if blocked.is_some() {
        found.extend(blocked);
        return;
    }
    if tries.failing.failed() {
        found.push(cors::hidden(pair.page, "answer to a request that fails", pair.server));
    }
    if let Some(echo) = tries.credentialed.answer() {
        came_back(tries, &pair, echo, found);
    }
}

/// What kept the tries from being answered.
fn blocked(tries: &Tries, pair: &Pair) -> Option<Finding> {
    let space = pair.server.space();
    let denied = tries.browser.local_network_denied && pair.page.space() == Space::Public && space != Space::Public;
    if tries.browser.policy_violated {
        return Some(edge::unreachable(pair.server, "the page's own policy forbids it (`connect-src`)"));
    }
    if tries.opaque.failed() {
        return Some(match across::way(pair, pair.page.space(), space) {
            Some(finding) if denied || across::is_mixed(pair) => finding,
            _ => edge::unreachable(pair.server, UNREACHED),
        });
    }
    if tries.plain.failed() {
        return Some(cors::not_let_in(pair.page, pair.server, &[]));
    }
    if tries.credentialed.failed() {
        return Some(cors::no_credentials(pair.page, pair.server));
    }
    tries.json.failed().then(|| cors::preflight_unanswered(pair, "so that no call follows it"))
}

const UNREACHED: &str =
    "nobody answers there, or the certificate is not trusted (HT027; open the address in a tab to see)";

/// The call went through. Did the cookie, and does the server know it?
fn came_back(tries: &Tries, pair: &Pair, echo: &Echo, found: &mut Vec<Finding>) {
    if echo.nonce != tries.nonce {
        let what = format!("`{}` answered what another call had asked: a cache or a service worker did.", pair.server);
        found.push(Code::Cached.error(what, answer::no_store()));
        return;
    }
    match SetCookie::read(&echo.session_cookie) {
        Ok(session) => {
            cookie_came(tries, pair, echo, &session, found);
            session_known(tries, pair, echo, &session.name, found);
        }
        Err(error) => found.push(cookie::line(error, pair.server)),
    }
    around(tries, pair, echo, found);
}

/// Whether the test cookie came back, which has the attributes of the session's.
fn cookie_came(tries: &Tries, pair: &Pair, echo: &Echo, session: &SetCookie, found: &mut Vec<Finding>) {
    let now = u64::try_from(tries.now).unwrap_or_default();
    let judged = cookie::judge(session, pair, pair.server, now);
    if !echo.test_cookie {
        found.push(lost(tries, pair, echo, session, judged));
        return;
    }
    // This browser keeps it. Others do not.
    found.extend(judged.map(|finding| Finding { severity: Severity::Warning, ..finding }));
    match tries.application {
        Try::Answered(false) => found.push(uncredentialed(pair)),
        Try::Failed => found.push(cors::not_as_examined(pair)),
        Try::Answered(true) | Try::Skipped => {}
    }
}

/// Whether the session of the cookie is known, by all who answer.
fn session_known(tries: &Tries, pair: &Pair, echo: &Echo, name: &str, found: &mut Vec<Finding>) {
    let server = pair.server.origin();
    let all: Vec<_> = std::iter::once(&echo.session).chain(&tries.repeats).collect();
    let strange = all.iter().filter(|known| matches!(known, Known::Foreign | Known::Forgotten)).count();
    if echo.cookies.iter().filter(|came| *came == name).count() > 1 {
        found.push(cookie::shared_name(name, format!("`{server}` was sent two cookies `{name}`.")));
    } else if strange > 0 && strange < all.len() {
        let known = all.len() - strange;
        found.push(store::nodes_differ(&format!("`{server}` knew the session in {known} of {} calls.", all.len())));
    } else if echo.session == Known::Foreign {
        found
            .push(cookie::shared_name(name, format!("`{server}` was sent a cookie `{name}` that is none of its own: another application's, or the keys are new (with a store in memory they are, at each start).")));
    } else if echo.session == Known::Forgotten {
        found.push(store::forgotten(format!("`{server}` was sent its own cookie, and does not know the session.")));
    }
    if tries.rendered == Some(false) && echo.session == Known::Live {
        found.push(not_forwarded(pair));
    }
}

/// What is wrong around the session, and loses it on another day.
fn around(tries: &Tries, pair: &Pair, echo: &Echo, found: &mut Vec<Finding>) {
    // The other way round the cookie is `Secure` on plain http, which is what is said of it then.
    if echo.scheme == Scheme::Http && pair.server.is_https() {
        let finding = edge::scheme_unknown(pair.server, "takes itself to be reached over another scheme than it is");
        found.push(Finding { severity: Severity::Warning, ..finding });
    }
    if echo.cookies.len() >= 50 {
        let many = format!("sends {} cookies to this host, and drops the oldest when more come", echo.cookies.len());
        found.push(Finding { severity: Severity::Warning, ..no_room(pair, &many) });
    }
    found.extend(store::clock(echo.now.saturating_sub(tries.now)));
}

/// Where the test cookie stayed. It has the attributes that the session's would have.
fn lost(tries: &Tries, pair: &Pair, echo: &Echo, cookie: &SetCookie, judged: Option<Finding>) -> Finding {
    if !tries.browser.cookies {
        return no_room(pair, "keeps no cookies (`navigator.cookieEnabled` is false)");
    }
    if let Some(finding) = judged {
        return Finding { severity: Severity::Error, ..finding };
    }
    let third_party = echo.storage_access.as_deref() == Some("none") || echo.partitioned_cookie;
    if third_party && !cookie.partitioned && !pair.is_same_site(true) {
        return across::third_party(cookie, pair, "this browser");
    }
    no_room(
        pair,
        "dropped the cookie, though nothing is wrong with it as the server sends it (a proxy on the way may change it)",
    )
}

fn uncredentialed(pair: &Pair) -> Finding {
    Code::Uncredentialed.error(
        format!("Pages of `{}` call `{}` without credentials.", pair.page.origin(), pair.server.origin()),
        Cure::new(
            "Hardtack's own client includes them. Others: `fetch(url, { credentials: 'include' })`, `axios.create({ \
             withCredentials: true })`.",
            "fetch(url, { credentials: 'include' }), or axios.create({ baseURL: url, withCredentials: true })",
        ),
    )
}

fn not_forwarded(pair: &Pair) -> Finding {
    Code::NotForwarded.error(
        format!("`{}` knows the session, and the page was rendered without it.", pair.server.origin()),
        Cure::new(
            "Read the session while the page is rendered, with `Resource::new_blocking` on a function of `api`; it \
             needs no call and no cookie.",
            "fetch(url, { headers: { cookie: req.headers.cookie } }) while rendering, and hand its `set-cookie` on to \
             `res`.",
        ),
    )
}

fn no_room(pair: &Pair, why: &str) -> Finding {
    Code::NoRoom.error(
        format!("The cookie of `{}` is lost or may be: this browser {why}.", pair.server.origin()),
        Cure::any(
            "Allow cookies for the page, try a fresh profile without extensions, and remove cookies that nobody needs.",
        ),
    )
}
