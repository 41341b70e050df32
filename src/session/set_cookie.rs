//! What an answer tells the browser of its cookies.

use super::cookie::Around;
use super::doubt::Doubt;
use super::error::Fault;
use super::handle::Session;
use super::id::Secret;
use super::record::Record;
use super::unit::{Cookie, Place};
use axum::http::HeaderValue;

/// The most lines that take away cookies beside the session's: proxies hold heads of answers in few kilobytes.
const MOST_BESIDE: usize = 20;

/// The `Set-Cookie` headers of the answer; and whether a session had a part in it.
///
/// What takes cookies away stands before what sets one: browsers that do not know `Partitioned` take two places for one.
pub(super) fn set_cookies(session: &Session) -> (Vec<HeaderValue>, bool) {
    let unit = &session.unit;
    let settings = &unit.engine.cookie;
    let mut state = unit.state();
    // Whoever was told that the session has ended is not handed its key.
    if state.stop == Some(Fault::Ended) {
        return (Vec::new(), true);
    }
    let (target, former) = (&unit.asked.target, &unit.engine.former[..]);
    let mut cookies = Vec::new();
    let several = matches!(unit.asked.doubt, Some(Doubt::Several { .. }));
    let came = unit.asked.presented.is_some() || unit.asked.doubt.as_ref().is_some_and(Doubt::is_a_cookie);
    // Which of the places the old one came from is not known: only the new one is to stay.
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
        // A persistent cookie must move with the idle timeout, else the browser drops it too early.
        (Cookie::Keep, Place::Live(id, record)) if state.marked && unit.is_kept(record) => {
            let same = unit.asked.presented.as_ref().filter(|secret| secret.hash() == *id);
            if let Some(cookie) = same.and_then(|secret| give(secret, record)) {
                cookies.extend(settings.other_removals(former, &Around::Nothing));
                cookies.push(cookie);
            }
            true
        }
        (_, Place::Live(..) | Place::Leaving(..)) => true,
        // Two cookies: the one that these settings set stays, so that a good one is not lost. Not after a failure: what
        // could not be ended must come again.
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
