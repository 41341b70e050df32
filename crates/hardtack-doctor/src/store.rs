//! Problems behind the server: stores, several servers, clocks: HT037, HT038, HT040.

use super::code::Code;
use super::evidence::{Evidence, Step};
use super::exchange::Exchange;
use super::finding::{Cure, Finding, Severity};
use super::set_cookie::SetCookie;
use super::topology::Topology;

/// The largest difference of two clocks in seconds that a slow response can explain.
const SKEW: i64 = 120;

pub(super) fn check(topology: &Topology, found: &mut Vec<Finding>) {
    let store = &topology.store;
    if store.nodes > 1 && !(store.shared && store.same_keys) {
        let what = if store.shared { "do not sign with the same keys" } else { "have separate stores" };
        found.push(nodes_differ(&format!(
            "{} servers answer at `{}`, but {what}.",
            store.nodes,
            topology.server.origin()
        )));
    } else if !store.lasting {
        found.push(forgotten("Sessions are kept in memory, and a restart ends them all.".to_owned()));
    }
}

pub(super) fn diagnose(evidence: &Evidence, found: &mut Vec<Finding>) {
    let names: Vec<_> =
        evidence.session_cookies().into_iter().filter_map(|(_, cookie)| Some(cookie.ok()?.name)).collect();
    let again: Vec<_> = evidence.of(Step::Again).filter(|exchange| exchange.status < 400).collect();
    let new = again.iter().filter(|exchange| names.iter().any(|name| is_replaced(exchange, name))).count();
    let (url, all) = (&evidence.url, again.len());
    if new > 0 && new < all {
        let known = all - new;
        let what = format!(
            "`{url}` kept its cookie in {known} of {all} calls and set another value in {new}: either the cookie is \
             renewed now and then, or several servers answer and not all know the session."
        );
        found.push(nodes_differ(&what).graded(Severity::Note));
    } else if is_begun_anew(evidence) {
        let what = format!(
            "`{url}` received its own cookie and began another session each time: it did not know the session that it \
             had begun."
        );
        found.push(forgotten(what));
    } else if new > 0 {
        let what = format!(
            "`{url}` received its own cookie and set another value each time: either the cookie is encrypted anew in \
             each response, or the server did not know the session."
        );
        found.push(forgotten(what).graded(Severity::Note));
    }
    found.extend(evidence.exchanges.iter().find_map(Exchange::skew).and_then(clock));
}

/// Returns whether every response to a call with the cookie sets a new one, although the server's software changes the
/// cookie only with the session.
///
/// A new value of an encrypted cookie does not count. Source: express-session, Tomcat, Spring Session and ASP.NET.
pub(super) fn is_begun_anew(evidence: &Evidence) -> bool {
    let names = ["connect.sid", "JSESSIONID", "SESSION", "ASP.NET_SessionId"];
    let again: Vec<_> = evidence.of(Step::Again).filter(|exchange| exchange.status < 400).collect();
    let anew = |name: &str| again.iter().all(|exchange| is_replaced(exchange, name));
    let is_id = |cookie: &SetCookie| names.contains(&cookie.name.as_str()) || cookie.value.starts_with("s%3A");
    let ids = evidence.session_cookies().into_iter().filter_map(|(_, cookie)| cookie.ok().filter(is_id));
    again.len() > 1 && ids.into_iter().any(|cookie| anew(&cookie.name))
}

/// Returns whether the call carried a cookie and the response set another value for it.
fn is_replaced(exchange: &Exchange, name: &str) -> bool {
    let sent: Vec<_> = exchange.sent().filter(|(sent, _)| *sent == name).map(|(_, value)| value).collect();
    let mut came = exchange.cookies().filter_map(Result::ok).filter(|cookie| cookie.name == name);
    !sent.is_empty() && came.any(|cookie| !sent.contains(&cookie.value.as_str()))
}

pub(super) fn forgotten(what: String) -> Finding {
    Code::Forgotten.warning(
        what,
        Cure::new(
            "[store]\nurl = \"sqlite:data/hardtack.db\"",
            "session({ store: new RedisStore({ client }), … }): the default store of express-session is in memory. \
             Give Redis `maxmemory-policy noeviction`.",
        ),
    )
}

/// Returns the finding about a cookie of this server whose key is gone.
pub(super) fn other_key(what: String) -> Finding {
    Code::Forgotten.warning(
        what,
        Cure::new(
            "Keep the keys when the server restarts, and give all servers the same keys (`openssl rand -hex 32`). With \
             a store in memory, a server makes new keys at each start:\n\n[session]\nkeys = [\"session.key\"]",
            "session({ secret: process.env.SESSION_SECRET, … }), the same at each start and on all servers; keep a \
             replaced secret as the second in the list for a while: `secret: [now, before]`.",
        ),
    )
}

pub(super) fn nodes_differ(what: &str) -> Finding {
    Code::NodesDiffer.error(
        what,
        Cure::new(
            "Use the same settings on all servers:\n\n[store]\nurl = \"postgres://…\"\n\n[session]\nkeys = \
             [\"env:SESSION_KEY\"]",
            "Use the same `secret` and one shared store on all servers: session({ secret: \
             process.env.SESSION_SECRET, store: new RedisStore({ client }) }).",
        ),
    )
}

/// Returns the finding if the server's clock is wrong. `ahead` is its lead over the clock here, in seconds.
pub(super) fn clock(ahead: i64) -> Option<Finding> {
    let how = if ahead > 0 { "fast" } else { "slow" };
    (ahead.saturating_abs() > SKEW).then(|| {
        Code::Clock.warning(
            format!("The server's clock is {} seconds {how}, compared with the clock here.", ahead.saturating_abs()),
            Cure::any("Synchronise both clocks by NTP: `timedatectl set-ntp true`."),
        )
    })
}
