//! A sign-in in progress at a provider, bound to one browser by a cookie of its own, and limited in time.

use crate::model::next::Next;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hardtack_session::clock::{SKEW, Timestamp};
use openidconnect::CsrfToken;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// The longest time that a sign-in may take at the provider.
pub(in crate::backend) const LIFE: Duration = Duration::from_secs(10 * 60);
/// The longest time that the clock of the node on which the sign-in began may be ahead.
const AHEAD: Duration = Duration::from_secs(2 * SKEW.as_secs());
/// The time for which a completed sign-in is remembered: until its cookie has expired on every node.
pub(in crate::backend) const REMEMBERED: Duration = Duration::from_secs(LIFE.as_secs() + AHEAD.as_secs());

/// The reason why a user is sent to a provider.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To sign in, or to create an account.
    #[default]
    SignIn,
    /// To connect the provider with the signed-in account.
    Connect,
    /// To confirm the identity of the signed-in user.
    Confirm,
}

/// A request to sign in at a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The reason for it.
    pub purpose: Purpose,
    /// Whether the sign-in outlives the browser ("keep me signed in").
    pub keep: bool,
    /// The path that the user wants to open.
    pub next: Option<Next>,
    /// The origin of the page on which it begins, if that is a front end.
    pub origin: Option<String>,
}

/// The content of the cookie. State, nonce and PKCE verifier are not stored in it. Each is derived from `seed` by its
/// own hash, so that one of them does not reveal another.
///
/// Not `Debug`, because the seed proves which browser began the sign-in.
#[derive(Deserialize, Serialize)]
pub(in crate::backend) struct Transaction {
    seed: String,
    /// The number of its cookie. A browser may have several sign-ins in progress, one in each tab.
    pub(in crate::backend) slot: usize,
    /// The provider's short name.
    pub(in crate::backend) provider: String,
    pub(in crate::backend) purpose: Purpose,
    pub(in crate::backend) keep: bool,
    /// The id of the account that it is for, if an account was signed in.
    pub(in crate::backend) account: Option<String>,
    next: Option<String>,
    pub(in crate::backend) origin: Option<String>,
    at: i64,
}

impl Transaction {
    pub(in crate::backend) fn begin(
        slot: usize,
        provider: &str,
        wish: Wish,
        account: Option<String>,
        now: Timestamp,
    ) -> Self {
        let seed = CsrfToken::new_random_len(32).into_secret();
        let Wish { purpose, keep, next, origin } = wish;
        let next = next.map(|next| next.path().to_owned());
        Self { seed, slot, provider: provider.to_owned(), purpose, keep, account, next, origin, at: now.0 }
    }

    /// Parses the text of a cookie with a valid signature.
    pub(in crate::backend) fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    /// Returns the text for its cookie.
    pub(in crate::backend) fn text(&self) -> String {
        // Strings, numbers and plain enums always serialize.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Returns the path that the user wants to open.
    pub(in crate::backend) fn next(&self) -> Option<Next> {
        self.next.as_deref().and_then(Next::parse)
    }

    /// Returns the time at which it began, in milliseconds since 1970.
    pub(in crate::backend) const fn begun(&self) -> i64 {
        self.at
    }

    /// Returns whether it has expired.
    pub(in crate::backend) fn is_over(&self, now: Timestamp) -> bool {
        let at = Timestamp(self.at);
        // A clock that was set back does not extend the time, so a start too far in the future counts as expired.
        now - at > LIFE || at - now > AHEAD
    }

    /// Returns the `state`, which the provider sends back unchanged. Its last digit is the number of the cookie.
    pub(in crate::backend) fn state(&self) -> String {
        format!("{}{}", self.derive("state"), self.slot)
    }

    /// Returns the number of the cookie to which a state belongs.
    pub(in crate::backend) fn slot_of(state: &str) -> Option<usize> {
        state.chars().next_back()?.to_digit(10).and_then(|slot| usize::try_from(slot).ok())
    }

    /// Returns the nonce, which the ID token must repeat.
    pub(super) fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// Returns the PKCE verifier, which proves to the provider that the token request belongs to this sign-in. Source:
    /// RFC 7636.
    pub(super) fn verifier(&self) -> String {
        self.derive("verifier")
    }

    fn derive(&self, what: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{what}:{}", self.seed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s22_s76_a_way_that_was_begun_on_a_node_a_minute_ahead_is_not_over() {
        let here = Timestamp(4_000_000_000_000);
        let begun = |at| Transaction::begin(0, "ada", Wish::default(), None, at);
        assert!(!begun(here + SKEW).is_over(here), "the other node is ahead");
        assert!(!begun(here).is_over(here + SKEW), "this node is ahead");
        assert!(!begun(here).is_over(here + LIFE));
        assert!(begun(here).is_over(here + LIFE + Duration::from_millis(1)), "it expires after ten minutes");
        let set_back = begun(here + AHEAD + Duration::from_millis(1));
        assert!(set_back.is_over(here), "a clock that was set back does not extend the time");
        // Completed at the earliest time that counts, it is remembered until it has expired on the node with the
        // slowest clock.
        assert!(begun(here + AHEAD).is_over(here + REMEMBERED + Duration::from_millis(1)));
    }
}
