//! The `Set-Cookie` headers of a response.

use super::cookie::Around;
use super::doubt::Doubt;
use super::error::Fault;
use super::handle::Session;
use super::id::Secret;
use super::record::Record;
use super::unit::{Cookie, Place};
use axum::http::HeaderValue;

/// The most headers that remove signed cookies, because proxies hold response heads in a few kilobytes.
const MOST_BESIDE: usize = 20;

/// Returns the `Set-Cookie` headers of the response, and whether the response depends on a session.
///
/// Removals come before the new cookie, because browsers that do not know `Partitioned` see one cookie where others see
/// two, and would remove the new one.
pub(super) fn set_cookies(session: &Session) -> (Vec<HeaderValue>, bool) {
    let unit = &session.unit;
    let settings = &unit.engine.cookie;
    let mut state = unit.state();
    // A client that is told that the session has ended gets no cookie for it.
    if state.stop == Some(Fault::Ended) {
        return (Vec::new(), true);
    }
    let (target, former) = (&unit.asked.target, &unit.engine.former[..]);
    let mut cookies = Vec::new();
    let several = matches!(unit.asked.doubt, Some(Doubt::Several { .. }));
    let came = unit.asked.presented.is_some() || unit.asked.doubt.as_ref().is_some_and(Doubt::is_a_cookie);
    // A request does not say which domain and path its cookie has, so the other likely places are cleared and only the
    // new cookie stays.
    let others = || {
        let around = match (several, came) {
            (true, _) => Around::Request(target),
            (false, true) => Around::Settings(target),
            (false, false) => Around::Nothing,
        };
        settings.other_removals(former, &around)
    };
    let give = |secret: &Secret, record: &Record| {
        let value = unit.engine.keys.seal(&settings.name, secret);
        settings.set(&value, record.deadline().left(unit.now()), unit.is_kept(record), unit.now())
    };
    let used = match (&state.cookie, &state.place) {
        (Cookie::Give(secret), Place::Live(_, record)) => {
            cookies.extend(others());
            cookies.extend(give(secret, record));
            true
        }
        (Cookie::Take, _) => {
            if came {
                cookies.extend(others());
                cookies.extend(settings.removal());
            }
            true
        }
        // The expiry of a persistent cookie moves with the idle timeout, because the browser would drop the cookie too
        // early.
        (Cookie::Keep, Place::Live(id, record)) if state.marked && unit.is_kept(record) => {
            let same = unit.asked.presented.as_ref().filter(|secret| secret.hash() == *id);
            if let Some(cookie) = same.and_then(|secret| give(secret, record)) {
                cookies.extend(settings.other_removals(former, &Around::Nothing));
                cookies.push(cookie);
            }
            true
        }
        (_, Place::Live(..) | Place::Leaving(..)) => true,
        // Two cookies came. The cookie of the present settings stays, so that a valid one is not lost. After a failure
        // all stay, because the browser must send them again so that their sessions can be ended.
        _ if several && !unit.asked.speculative && matches!(state.stop, None | Some(Fault::Doubtful)) => {
            cookies.extend(others());
            true
        }
        _ => false,
    };
    let beside = std::mem::take(&mut state.twice);
    let removals =
        beside.iter().flat_map(|name| session.settings_beside(name).other_removals(&[], &Around::Request(target)));
    cookies.extend(removals.take(MOST_BESIDE));
    (cookies, used)
}
