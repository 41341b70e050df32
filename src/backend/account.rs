//! The account that is signed in: the guard of everything that is somebody's.

use super::accounts::{Accounts, Stored};
use super::keys::{MARK, SIGNED_IN, SignIn};
use crate::model::account::Profile;
use crate::model::error::{Kind, WireError};
use crate::session::Session;
use crate::session::clock::Timestamp;

/// An account that is signed in: to have one is to have passed the guard.
#[derive(Clone, Debug)]
pub struct Account {
    stored: Stored,
    sign_in: SignIn,
}

/// The account that is signed in: the first line of every function that only it may call.
///
/// # Errors
///
/// `not_signed_in` when nobody is, or the account has been closed; `unavailable`.
pub async fn signed_in(session: &Session, accounts: &Accounts) -> Result<Account, WireError> {
    visitor(session, accounts).await?.ok_or_else(|| Kind::NotSignedIn.into())
}

/// The account that is signed in, if one is: for pages that must know it before they are rendered.
///
/// Who has no session costs no call of a database.
///
/// # Errors
///
/// `unavailable`.
pub async fn visitor(session: &Session, accounts: &Accounts) -> Result<Option<Account>, WireError> {
    let Some(id) = session.facts().await?.and_then(|facts| facts.owner.account) else { return Ok(None) };
    let Some(stored) = accounts.of_id(&id).await?.filter(Stored::is_open) else { return Ok(None) };
    let sign_in = session.read(SIGNED_IN).await?.unwrap_or_default();
    // Ended with a change of the password, also where the request that did it could not end the session itself.
    if sign_in.epoch != stored.epoch && !is_kept(session, &stored).await? {
        return Ok(None);
    }
    Ok(Some(Account { stored, sign_in }))
}

/// Whether a session of another epoch is the one that began the present epoch, and was cut off before it had its number.
///
/// No other one is let in, not even one that is ahead of its account: it would outlive the next epoch.
async fn is_kept(session: &Session, stored: &Stored) -> Result<bool, WireError> {
    Ok(stored.keeps.is_some() && session.read(MARK).await? == stored.keeps)
}

impl SignIn {
    /// Whether it is new enough for what is sensitive.
    pub(super) fn is_fresh(&self, accounts: &Accounts) -> bool {
        !self.undated && accounts.clock().now() - Timestamp(self.at) <= accounts.rules().fresh
    }
}

impl Account {
    /// Its id: what sessions are owned by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.stored.id
    }

    /// The account as its owner sees it.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.stored.profile
    }

    /// When it was signed in here: `auth_time`.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        Timestamp(self.sign_in.at)
    }

    /// Refuses what is sensitive when the sign-in is too long ago.
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
