//! The signed-in account of a request, and the checks before its functions and data.

use super::accounts::{Accounts, Stored};
use super::keys::{MARK, SIGNED_IN, SignIn};
use crate::model::account::Profile;
use crate::model::error::{Kind, WireError};
use hardtack_session::Session;
use hardtack_session::clock::Timestamp;

/// An account that is signed in in this request. A value of this type proves that [`signed_in`] or [`visitor`] has
/// found it.
#[derive(Clone, Debug)]
pub struct Account {
    stored: Stored,
    sign_in: SignIn,
}

/// Returns the signed-in account. Every function that only a signed-in account may call begins with this call.
///
/// # Errors
///
/// `not_signed_in` when no account is signed in, or when it is closed; `unavailable`.
pub async fn signed_in(session: &Session, accounts: &Accounts) -> Result<Account, WireError> {
    visitor(session, accounts).await?.ok_or_else(|| Kind::NotSignedIn.into())
}

/// Returns the signed-in account, if there is one. For pages that need it before they render.
///
/// A request without a session makes no database call.
///
/// # Errors
///
/// `unavailable`.
pub async fn visitor(session: &Session, accounts: &Accounts) -> Result<Option<Account>, WireError> {
    let Some(id) = session.facts().await?.and_then(|facts| facts.owner.account) else { return Ok(None) };
    let Some(stored) = accounts.of_id(&id).await?.filter(Stored::is_open) else { return Ok(None) };
    let sign_in = session.read(SIGNED_IN).await?.unwrap_or_default();
    // A password change ended this session, even if its request could not remove the session from the store.
    if sign_in.epoch != stored.epoch && !is_kept(session, &stored).await? {
        return Ok(None);
    }
    Ok(Some(Account { stored, sign_in }))
}

/// Returns whether a session of another epoch is the session that began the account's present epoch, in a request that
/// was cut off before the session stored the new epoch.
///
/// No other session of another epoch is accepted. One that is ahead of its account would outlive the next epoch.
async fn is_kept(session: &Session, stored: &Stored) -> Result<bool, WireError> {
    Ok(stored.keeps.is_some() && session.read(MARK).await? == stored.keeps)
}

impl SignIn {
    /// Returns whether the sign-in is recent enough for sensitive actions (`sign_in.fresh`).
    pub(super) fn is_fresh(&self, accounts: &Accounts) -> bool {
        !self.undated && accounts.clock().now() - Timestamp(self.at) <= accounts.rules().fresh
    }
}

impl Account {
    /// Returns the account's id, which its sessions store as their owner.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.stored.id
    }

    /// Returns the account's data, as its owner sees it.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.stored.profile
    }

    /// Returns when the user signed in, or last confirmed their identity, in this session (`auth_time`).
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        Timestamp(self.sign_in.at)
    }

    /// Rejects a sensitive action if the sign-in is too long ago.
    ///
    /// Source: ASVS 5.0, 7.5.1 and 7.5.2.
    ///
    /// # Errors
    ///
    /// `sign_in_again`.
    pub fn is_fresh(&self, accounts: &Accounts) -> Result<(), WireError> {
        if self.sign_in.is_fresh(accounts) { Ok(()) } else { Err(Kind::SignInAgain.into()) }
    }

    pub(super) const fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    pub(super) const fn stored(&self) -> &Stored {
        &self.stored
    }
}
