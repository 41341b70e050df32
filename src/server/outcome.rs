//! The outcome of a form that was posted without script, or of a sign-in elsewhere. A page says it once.
//!
//! The answer leads to the address of a page, which says in fixed words what has become of it (`?done=password`). Anybody can
//! write such an address, a bookmark keeps it, and a page that is loaded anew has it still. So the page believes its address
//! only with the mark that came with the answer: a signed cookie beside the session's, made of this very address. Showing the
//! page uses it up. It holds a keyed hash and reveals nothing.
//!
//! A browser that keeps no cookie has no mark. There the words are believed when a page of ours led to the address, because
//! ours link to no such one: browsers say so in `Referer`, and no link on another site can.

use super::access::see_other;
use super::fields::text;
use crate::app::access::{LOGIN, REGISTER, of};
use crate::backend::visitor::Visitor;
use crate::model::outcome::Outcome;
use crate::session::Session;
use crate::session::cookie::pairs;
use axum::http::{HeaderValue, Uri, header, request::Parts};
use axum::response::Response;
use std::time::Duration;

/// The cookie, by its name beside the session's: `hardtack_sess_told`.
pub(super) const MARK: &str = "told";
/// How long a page may take to come.
const TIME: Duration = Duration::from_secs(10 * 60);
/// The word in the place of a mark that was used up. It shows that the browser keeps cookies.
const USED: &str = "once";

/// Leads on, as [`see_other`], to a page that says what has become of something.
pub(super) fn lead(session: Option<&Session>, to: &str) -> Response {
    let mut answer = see_other(to);
    let says = to.parse().is_ok_and(|to| words(&to).says());
    let mark = session.filter(|_| says).and_then(|session| {
        let mark = session.pseudonym(MARK, to);
        session.give_beside(MARK, &mark, TIME).ok()
    });
    if let Some(mark) = mark {
        answer.headers_mut().append(header::SET_COOKIE, mark);
    }
    answer
}

/// Returns the outcome that a page has to show, and the header that uses the mark up.
pub(super) fn read(parts: &Parts) -> (Outcome, Option<HeaderValue>) {
    let nothing = (Outcome::default(), None);
    let said = words(&parts.uri);
    let session = parts.extensions.get::<Session>().filter(|session| !session.is_speculative());
    let (true, Some(session), Some(address)) = (said.says(), session, parts.uri.path_and_query()) else {
        return nothing;
    };
    match session.beside(MARK, &parts.headers) {
        Some(mark) if session.is_pseudonym(MARK, address.as_str(), &mark) => {
            (said, session.give_beside(MARK, USED, TIME).ok())
        }
        None if keeps_no_cookie(session, parts) && led_by(parts, |page| of(page).is_some()) => (said, None),
        _ => nothing,
    }
}

/// Whether a page of an account is asked for by a browser that has just signed in and did not bring the cookie that this gave
/// it.
///
/// A browser that has signed out comes without the session's cookie as well. But it brings the cookie of a known
/// browser.
pub(super) fn lacks_the_cookie(parts: &Parts) -> bool {
    let session = parts.extensions.get::<Session>();
    session.is_some_and(|session| keeps_no_cookie(session, parts))
        && led_by(parts, |page| matches!(page, LOGIN | REGISTER))
}

/// Whether none of the cookies came that a visit, a sign-in and a mark leave.
fn keeps_no_cookie(session: &Session, parts: &Parts) -> bool {
    let own = session.cookie();
    let beside = [Visitor::KNOWN, MARK].map(|name| own.name_beside(name));
    let is_ours = |name: &[u8]| name == own.name.as_bytes() || beside.iter().any(|beside| name == beside.as_bytes());
    !pairs(&parts.headers).any(|(name, _)| is_ours(name))
}

/// Whether such a page of this host led here.
fn led_by(parts: &Parts, such: impl Fn(&str) -> bool) -> bool {
    let referer = text(&parts.headers, header::REFERER).and_then(|referer| referer.parse::<Uri>().ok());
    let host = parts.uri.authority().map(|host| host.as_str().into()).or_else(|| text(&parts.headers, header::HOST));
    referer.is_some_and(|from| {
        from.authority().is_some_and(|from| host.is_some_and(|host| host.eq_ignore_ascii_case(from.as_str())))
            && such(from.path())
    })
}

fn words(uri: &Uri) -> Outcome {
    let pairs: Vec<_> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
    Outcome::read(pairs.iter().map(|(name, value)| (&**name, &**value)))
}
