//! Device cookies: an account knows the browsers in which it has signed in, so that guesses from others cannot lock it
//! out.
//!
//! ```text
//! PSEUDONYM.BROWSER     43 characters: a keyed hash of the account's id and change count;
//!                       32 random characters
//! ```
//!
//! (Without the dot.) The cookie outlives the sign-out by design, perhaps on a shared computer. So it names the account
//! by a keyed hash: only this server can tell which account it is, and after a password change two cookies do not
//! reveal that they belong to the same account. Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".

use super::accounts::Stored;
use super::visitor::Visitor;
use std::time::Duration;
use uuid::Uuid;

/// The lifetime of a device cookie.
pub const KNOWN_FOR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The purpose of the keyed hash.
const PLACE: &str = "browser";
/// The length of the keyed hash, in bytes.
const PSEUDONYM: usize = 43;
/// The length of the random part, in bytes.
const BROWSER: usize = 32;

/// Returns the text of the device cookie, if it was issued for this account and its current password. An older one must
/// not give an attacker a separate attempt budget.
pub(super) fn known<'a>(visitor: &'a Visitor, stored: &Stored) -> Option<&'a str> {
    let (text, account) = (visitor.known.as_deref()?, account(stored));
    let pseudonym = text.get(..PSEUDONYM);
    let by_pseudonym = pseudonym.is_some_and(|name| visitor.session.is_pseudonym(PLACE, &account, name));
    // The format before version 0.2, without a keyed hash, is valid until the next sign-in.
    let by_name = || text.strip_prefix(&account).is_some_and(|rest| rest.starts_with('-'));
    (by_pseudonym || by_name()).then_some(text)
}

/// Returns the text of the browser's new device cookie. A valid cookie keeps its random part.
pub(super) fn give(visitor: &Visitor, stored: &Stored) -> String {
    let pseudonym = visitor.session.pseudonym(PLACE, &account(stored));
    let own = known(visitor, stored).and_then(|text| text.get(text.len().checked_sub(BROWSER)?..));
    let browser = own.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    format!("{pseudonym}{browser}")
}

fn account(stored: &Stored) -> String {
    format!("{}-{}", stored.id, stored.changes)
}
