//! Browsers that an account has signed in by: each has a cookie, so that strangers who guess cannot lock it out.
//!
//! ```text
//! PSEUDONYM.BROWSER     43 signs, a keyed hash of the account and of how often it has changed what it signs in by;
//!                       32 signs, random
//! ```
//!
//! (Without the point.) The cookie outlives the sign-out, by design, and maybe on a computer that others use. So it names the
//! account by a pseudonym: only this server can tell which account that is, and nobody whether two browsers know the same
//! one after a change of the password. Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".

use super::accounts::Stored;
use super::visitor::Visitor;
use std::time::Duration;
use uuid::Uuid;

/// How long a browser stays known.
pub const KNOWN_FOR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the pseudonym is of.
const PLACE: &str = "browser";
/// The length of a pseudonym, in bytes.
const PSEUDONYM: usize = 43;
/// The length of what tells browsers apart, in bytes.
const BROWSER: usize = 32;

/// The text of the browser's cookie, if the account knows it by that, and by the password that it has now: who once had
/// another one must not go on guessing in places of their own.
pub(super) fn known<'a>(visitor: &'a Visitor, stored: &Stored) -> Option<&'a str> {
    let (text, account) = (visitor.known.as_deref()?, account(stored));
    let pseudonym = text.get(..PSEUDONYM);
    let by_pseudonym = pseudonym.is_some_and(|name| visitor.session.is_pseudonym(PLACE, &account, name));
    // As versions before 0.2 have written it, without a pseudonym: good until the next sign-in.
    let by_name = || text.strip_prefix(&account).is_some_and(|rest| rest.starts_with('-'));
    (by_pseudonym || by_name()).then_some(text)
}

/// The text of the cookie that the browser is to have from now on. One that it has stays what it is.
pub(super) fn give(visitor: &Visitor, stored: &Stored) -> String {
    let pseudonym = visitor.session.pseudonym(PLACE, &account(stored));
    let own = known(visitor, stored).and_then(|text| text.get(text.len().checked_sub(BROWSER)?..));
    let browser = own.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    format!("{pseudonym}{browser}")
}

fn account(stored: &Stored) -> String {
    format!("{}-{}", stored.id, stored.changes)
}
