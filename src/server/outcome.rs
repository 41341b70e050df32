//! The outcome of a form that was posted without script, or of a sign-in by a provider. A page shows it once.
//!
//! The response redirects to the URL of a page, which names the outcome in fixed words (`?done=password`). Any site can
//! link to such a URL, a bookmark keeps it, and a reload repeats it. So the page believes its URL only with the mark of
//! the same response: a signed cookie beside the session's, made for exactly this URL. When the page shows the outcome,
//! it uses the mark up. The mark is a keyed hash and reveals nothing.
//!
//! A browser that keeps no cookie has no mark. There the page believes the URL if a page of this site led to it,
//! because no page of this site has a link to such a URL. Browsers name the previous page in `Referer`, which a link on
//! another site cannot forge.

use super::access::see_other;
use super::fields::text;
use crate::app::access::{LOGIN, REGISTER, of};
use crate::backend::visitor::Visitor;
use crate::model::outcome::Outcome;
use axum::http::{HeaderValue, Uri, header, request::Parts};
use axum::response::Response;
use hardtack_session::Session;
use hardtack_session::cookie::pairs;
use std::time::Duration;

/// The name of the mark's cookie beside the session's: `hardtack_sess_told`.
pub(super) const MARK: &str = "told";
/// The longest time until the page comes.
const TIME: Duration = Duration::from_secs(10 * 60);
/// The value of a mark that was used up. It shows that the browser keeps cookies.
const USED: &str = "once";

/// Redirects, as [`see_other`] does, to a page that shows an outcome, and sets the mark of its URL.
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

/// Returns whether a browser that has just signed in requests a page of an account without the cookie that the sign-in
/// set.
///
/// A browser that has signed out has no session cookie either, but it sends the device cookie.
pub(super) fn lacks_the_cookie(parts: &Parts) -> bool {
    let session = parts.extensions.get::<Session>();
    session.is_some_and(|session| keeps_no_cookie(session, parts))
        && led_by(parts, |page| matches!(page, LOGIN | REGISTER))
}

/// Returns whether the request has none of the cookies that a visit, a sign-in and a mark set.
fn keeps_no_cookie(session: &Session, parts: &Parts) -> bool {
    let own = session.cookie();
    let beside = [Visitor::KNOWN, MARK].map(|name| own.name_beside(name));
    let is_ours = |name: &[u8]| name == own.name.as_bytes() || beside.iter().any(|beside| name == beside.as_bytes());
    !pairs(&parts.headers).any(|(name, _)| is_ours(name))
}

/// Returns whether a page of this host, one of `such` a path, led here.
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
