//! A sign-in that is under way at a provider: bound to one browser by a cookie of its own, and over after a while.

use crate::model::next::Next;
use crate::session::clock::{SKEW, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::CsrfToken;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// How long one may take at the provider.
pub(in crate::backend) const LIFE: Duration = Duration::from_secs(10 * 60);
/// How far ahead the clock of the node may be that a sign-in was begun on.
const AHEAD: Duration = Duration::from_secs(2 * SKEW.as_secs());
/// How long it is remembered that a sign-in was finished: until its cookie is over on every node.
pub(in crate::backend) const REMEMBERED: Duration = Duration::from_secs(LIFE.as_secs() + AHEAD.as_secs());

/// What for somebody is led to a provider.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To sign in, or to get an account.
    #[default]
    SignIn,
    /// To connect the provider with the account that is signed in.
    Connect,
    /// To prove once more who is signed in.
    Confirm,
}

/// What somebody wants of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// What for.
    pub purpose: Purpose,
    /// Whether a sign-in outlives the browser.
    pub keep: bool,
    /// Where they wanted to go.
    pub next: Option<Next>,
    /// The origin of the page that it begins on, if that is a front end.
    pub origin: Option<String>,
}

/// What the cookie remembers. Three of its values are not in it but follow from `seed`, each by a hash of its own, so that
/// knowing one of them tells no other.
///
/// Not `Debug`: the seed proves whose sign-in it is.
#[derive(Deserialize, Serialize)]
pub(in crate::backend) struct Transaction {
    seed: String,
    /// Which of the cookies is its own: a browser may have several under way, one a tab.
    pub(in crate::backend) slot: usize,
    /// The provider's short name.
    pub(in crate::backend) provider: String,
    pub(in crate::backend) purpose: Purpose,
    pub(in crate::backend) keep: bool,
    /// The id of the account that it is about, where one was signed in.
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

    /// Reads the text of a cookie that we have signed.
    pub(in crate::backend) fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    /// The text for its cookie.
    pub(in crate::backend) fn text(&self) -> String {
        // Strings and numbers always have a text.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// The path that its visitor wanted to go to.
    pub(in crate::backend) fn next(&self) -> Option<Next> {
        self.next.as_deref().and_then(Next::parse)
    }

    /// When it began, in milliseconds since 1970.
    pub(in crate::backend) const fn begun(&self) -> i64 {
        self.at
    }

    /// Whether its time is over.
    pub(in crate::backend) fn is_over(&self, now: Timestamp) -> bool {
        let at = Timestamp(self.at);
        // A clock that was set back is no reason to wait for it.
        now - at > LIFE || at - now > AHEAD
    }

    /// What the provider gives back unseen. Its last digit says which cookie is its own.
    pub(in crate::backend) fn state(&self) -> String {
        format!("{}{}", self.derive("state"), self.slot)
    }

    /// The cookie that a state belongs to.
    pub(in crate::backend) fn slot_of(state: &str) -> Option<usize> {
        state.chars().next_back()?.to_digit(10).and_then(|slot| usize::try_from(slot).ok())
    }

    /// What the ID token must repeat.
    pub(super) fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// What proves to the provider that the one who asks for the token has begun the sign-in. Source: RFC 7636.
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
        assert!(begun(here).is_over(here + LIFE + Duration::from_millis(1)), "ten minutes are over");
        let set_back = begun(here + AHEAD + Duration::from_millis(1));
        assert!(set_back.is_over(here), "a clock that was set back prolongs nothing");
        // Finished at the earliest moment that counts, it is remembered until it is over on the node with the latest clock.
        assert!(begun(here + AHEAD).is_over(here + REMEMBERED + Duration::from_millis(1)));
    }
}
