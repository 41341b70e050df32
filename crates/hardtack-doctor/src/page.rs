//! The diagnosis of a page's own calls. The texts of HT001, HT036 and HT039 are here, the others in their groups.

use super::across::Way;
use super::address::Space;
use super::browser::{Browser, Maker};
use super::code::Code;
use super::finding::{Cure, Finding, Severity};
use super::set_cookie::{LineError, SetCookie};
use super::topology::{Pair, Topology};
use super::tries::{Echo, Known, Scheme, Tries, Try};
use super::{across, caching, cookie, cors, edge, store};

pub(super) fn check(topology: &Topology, found: &mut Vec<Finding>) {
    if !topology.client.credentials {
        found.extend(topology.others().map(|page| uncredentialed(&topology.pair(page))));
    }
}

/// Adds the findings about the calls of a page. A call that fails has one cause; the cookie is judged only if all
/// succeed.
pub(super) fn diagnose(tries: &Tries, found: &mut Vec<Finding>) {
    let known = found.len();
    look(tries, found);
    if !tries.is_of_a_page_that_is_let_in() {
        found[known..].iter_mut().for_each(|finding| open_to_nobody(finding, &tries.page.origin()));
    }
}

/// Removes the page's origin from the text that an operator copies into a setting. The results come from the query of a
/// URL, which can be forged, so that an attacker's link could tell an operator to allow the attacker's origin.
fn open_to_nobody(finding: &mut Finding, origin: &str) {
    for cure in [&mut finding.cure.hardtack, &mut finding.cure.express] {
        if cure.contains(origin) {
            *cure = format!("If that page is yours:\n\n{}", cure.replace(origin, "THE ORIGIN OF YOUR PAGE"));
        }
    }
}

fn look(tries: &Tries, found: &mut Vec<Finding>) {
    let pair = Pair { page: &tries.page, server: &tries.server, sites: &tries.sites };
    let blocked = blocked(tries, &pair);
    if blocked.is_some() {
        found.extend(blocked);
        return;
    }
    if tries.failing.failed() {
        found.push(cors::hidden(pair.page, "response to a request that fails", pair.server));
    }
    if let Some(echo) = tries.credentialed.answer() {
        came_back(tries, &pair, echo, found);
    }
}

/// Returns the cause that blocked one of the calls, if one is blocked.
fn blocked(tries: &Tries, pair: &Pair) -> Option<Finding> {
    let spaces = (pair.page.space(), pair.server.space());
    let denied = tries.browser.local_network_denied && spaces.0 == Space::Public && spaces.1 != Space::Public;
    let failed = [tries.opaque.failed(), tries.plain.failed(), tries.credentialed.failed(), tries.json.failed()];
    if !failed.contains(&true) {
        return None;
    }
    if tries.browser.policy_violated {
        return Some(edge::unreachable(pair.server, "the page's own policy forbids it (`connect-src`)"));
    }
    if tries.opaque.failed() {
        let browser = Browser::new(maker(&tries.browser.agent), false);
        return Some(match across::way(browser, pair, spaces.0, spaces.1) {
            Way::Mixed => across::mixed_content(pair, "browsers block it"),
            Way::Insecure => across::insecure(pair),
            _ if denied => across::local_network(pair).graded(Severity::Error),
            _ => edge::unreachable(pair.server, UNREACHED),
        });
    }
    if pair.is_own() {
        return Some(edge::unreachable(pair.server, "some calls of its own page get a response, others do not"));
    }
    if tries.own {
        return Some(cors::another_address(pair));
    }
    let is_listed = tries.listed.as_ref().map(|listed| listed.contains(&pair.page.origin()));
    Some(match (is_listed, tries.plain.failed(), tries.credentialed.failed()) {
        (Some(true), ..) => cors::on_the_way(pair, tries),
        (_, true, _) => cors::not_let_in(pair.page, pair.server, tries.listed.as_deref().unwrap_or_default()),
        (_, _, true) => cors::no_credentials(pair.page, pair.server),
        _ => cors::preflight_unanswered(pair, "the call with JSON has no response"),
    })
}

/// Returns the kind of a browser by its user agent. All browsers that are built on Chromium name Chrome there.
fn maker(agent: &str) -> Maker {
    match () {
        () if agent.contains("Chrome/") => Maker::Chrome,
        () if agent.contains("Firefox/") => Maker::Firefox,
        () => Maker::Safari,
    }
}

const UNREACHED: &str =
    "no server answers there, or the certificate is not trusted (HT027; open the URL in a tab to see)";

/// Adds the findings about the cookie and the session, after a call with credentials has succeeded.
fn came_back(tries: &Tries, pair: &Pair, echo: &Echo, found: &mut Vec<Finding>) {
    if echo.nonce != tries.nonce || tries.cached {
        let what = format!(
            "A cache or a service worker answered instead of `{}`: the response is one to another call.",
            pair.server
        );
        found.push(Code::Cached.error(what, caching::no_store()));
        return;
    }
    match SetCookie::read(&echo.session_cookie) {
        Ok(session) if !session.name.bytes().all(is_of_token) => {
            found.push(cookie::line(LineError::Unreadable, pair.server));
        }
        Ok(session) => {
            cookie_came(tries, pair, echo, &session, found);
            session_known(tries, pair, echo, &session, found);
        }
        Err(error) => found.push(cookie::line(error, pair.server)),
    }
    around(tries, pair, echo, found);
}

/// Adds the finding about the test cookie, which has the attributes of the session cookie.
fn cookie_came(tries: &Tries, pair: &Pair, echo: &Echo, session: &SetCookie, found: &mut Vec<Finding>) {
    let now = u64::try_from(tries.now).unwrap_or_default();
    let judged = cookie::judge(session, pair, &Browser::USUAL, pair.server, now, None);
    // If the session is known, its cookie came back, even if the test cookie did not.
    if !echo.test_cookie && echo.session != Known::Live {
        found.push(lost(tries, pair, echo, session, judged));
        return;
    }
    // Only a warning, because this browser stores the cookie and others do not.
    found.extend(judged.map(|finding| finding.graded(Severity::Warning)));
    match tries.application {
        Try::Answered(false) => found.push(uncredentialed(pair)),
        Try::Failed => found.push(cors::not_as_examined(pair)),
        Try::Answered(true) | Try::Skipped => {}
    }
}

/// Adds the findings about the session of the cookie: whether each server knows it.
fn session_known(tries: &Tries, pair: &Pair, echo: &Echo, session: &SetCookie, found: &mut Vec<Finding>) {
    let (server, name) = (pair.server.origin(), &session.name);
    let all: Vec<_> = std::iter::once(echo.session).chain(tries.repeats.iter().copied().flatten()).collect();
    let live = all.iter().filter(|known| **known == Known::Live).count();
    // A session that ends during the examination stays unknown afterwards, so only a return shows different servers.
    let comes_again = all.windows(2).any(|two| two[0] != Known::Live && two[1] == Known::Live);
    if echo.cookies.iter().filter(|came| *came == name).count() > 1 {
        found.push(cookie::shared_name(name, format!("`{server}` received two cookies named `{name}`.")));
    } else if comes_again {
        found.push(store::nodes_differ(&format!("`{server}` knew the session in {live} of {} calls.", all.len())));
    } else if echo.session == Known::Foreign {
        let what = format!("`{server}` received a cookie `{name}` of another application.");
        found.push(cookie::shared_name(name, what));
    } else if echo.session == Known::OtherKey {
        found.push(store::other_key(format!(
            "`{server}` received a cookie `{name}` in its own format, but none of its keys has signed it."
        )));
    } else if echo.session == Known::Forgotten {
        found.push(store::forgotten(format!("`{server}` received its own cookie, but does not know the session.")));
    }
    // A cookie whose path covers only the API is not sent to pages, so they are rendered without the session.
    let is_sent_to_pages = session.path.as_deref().is_none_or(|path| path == "/");
    if tries.rendered == Some(false) && live == all.len() && is_sent_to_pages {
        found.push(not_forwarded(pair));
    }
}

/// Returns whether a cookie's name may hold a byte, which is a character of a token. Source: RFC 9110, 5.6.2.
const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Adds the findings about problems that may lose the session later.
fn around(tries: &Tries, pair: &Pair, echo: &Echo, found: &mut Vec<Finding>) {
    // The opposite case, a server that believes it is on https, shows as a `Secure` cookie on plain http.
    if echo.scheme == Scheme::Http && pair.server.is_https() {
        let finding = edge::scheme_unknown(pair.server, "is reached over https, but believes that it is on http");
        found.push(finding.graded(Severity::Warning));
    }
    let missed = tries.repeats.iter().filter(|known| known.is_none()).count();
    if missed > 0 {
        let how = format!(
            "{missed} calls had no response, but others of the same kind had one; one of several servers may be down"
        );
        found.push(edge::unreachable(pair.server, &how).graded(Severity::Warning));
    }
    if echo.cookies.len() >= 50 {
        let many =
            format!("sends {} cookies or more to this host, and drops the oldest when more come", echo.cookies.len());
        found.push(no_room(pair, &many).graded(Severity::Warning));
    }
    found.extend(store::clock(echo.now.saturating_sub(tries.now)));
}

/// Returns the finding about a test cookie that did not come back. The session cookie has the same attributes.
fn lost(tries: &Tries, pair: &Pair, echo: &Echo, cookie: &SetCookie, judged: Option<Finding>) -> Finding {
    if !tries.browser.cookies {
        return no_room(pair, "stores no cookies (`navigator.cookieEnabled` is false)");
    }
    if let Some(finding) = judged {
        return finding.graded(Severity::Error);
    }
    let third_party = echo.storage_access.as_deref() == Some("none") || echo.partitioned_cookie;
    if third_party && !cookie.partitioned && !pair.is_same_site(true) {
        return across::third_party(cookie, pair, "this browser");
    }
    no_room(
        pair,
        "dropped the cookie, although it is correct as the server sends it (a proxy on the way may change it)",
    )
}

fn uncredentialed(pair: &Pair) -> Finding {
    Code::Uncredentialed.error(
        format!("Pages of `{}` call `{}` without credentials.", pair.page.origin(), pair.server.origin()),
        Cure::new(
            "Hardtack's own client sends credentials. In other clients: `fetch(url, { credentials: 'include' })`, \
             `axios.create({ withCredentials: true })`.",
            "fetch(url, { credentials: 'include' }), or axios.create({ baseURL: url, withCredentials: true })",
        ),
    )
}

fn not_forwarded(pair: &Pair) -> Finding {
    Code::NotForwarded.error(
        format!("`{}` knows the session, but the page was rendered without it.", pair.server.origin()),
        Cure::new(
            "Read the session while the page is rendered, with `Resource::new_blocking` on a function of `api`; this \
             needs no call and no cookie.",
            "fetch(url, { headers: { cookie: req.headers.cookie } }) while rendering, and copy its `set-cookie` to \
             `res`.",
        ),
    )
}

fn no_room(pair: &Pair, why: &str) -> Finding {
    Code::NoRoom.error(
        format!("The cookie of `{}` is lost or may be lost: this browser {why}.", pair.server.origin()),
        Cure::any(
            "Allow cookies for the page, try a fresh profile without extensions, and remove cookies that are not \
             needed.",
        ),
    )
}
