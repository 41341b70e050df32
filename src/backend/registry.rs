//! The operator's actions on accounts.

use super::accounts::{Accounts, Listed, Others};
use super::passwords::Password;
use super::queue::Asker;
use super::sign_in::create;
use super::username::Username;
use crate::model::account::Profile;
use crate::model::error::WireError;
use hardtack_session::store::{Store, StoreError};
use std::sync::Arc;

/// The reason why an operator's action failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The accounts reject it, because an input is invalid or a username is taken.
    #[error("{}", .0.message)]
    Refused(WireError),
    /// The accounts' database failed.
    #[error("{0}")]
    Accounts(#[from] super::accounts::Failure),
    /// The session store failed after the account was changed, so sessions of the account may still be live.
    #[error("{0}; the account was changed, but its sessions may still be live: run `hardtack accounts end-sessions`")]
    Sessions(#[from] StoreError),
    /// The session store failed, and no account was to be changed.
    #[error("{0}; it is unknown how many of its sessions have ended: run the command again")]
    Unended(#[source] StoreError),
    /// The account was changed at the same moment.
    #[error("another request changed the account at the same moment, so nothing was done; run the command again")]
    Overtaken,
    /// There is no such account.
    #[error("there is no open account {0}; run `hardtack accounts list` to see all accounts")]
    Unknown(String),
}

impl From<WireError> for RegistryError {
    fn from(error: WireError) -> Self {
        Self::Refused(error)
    }
}

/// The accounts and their sessions, for an operator. Servers may run on them at the same time.
#[derive(Debug)]
pub struct Registry {
    accounts: Accounts,
    sessions: Arc<dyn Store>,
}

impl Registry {
    /// Returns the registry of these accounts and of the store of their sessions.
    #[must_use]
    pub const fn new(accounts: Accounts, sessions: Arc<dyn Store>) -> Self {
        Self { accounts, sessions }
    }

    /// Creates an account, even if registration is closed for visitors.
    ///
    /// # Errors
    ///
    /// When the username is taken, an input is invalid, or the database fails.
    pub async fn create(&self, name: &str, username: &str, password: &Password) -> Result<Profile, RegistryError> {
        Ok(create(&self.accounts, Asker::default(), name, username, password).await?.profile)
    }

    /// Returns at most `limit` accounts, ordered by username.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list(&self, limit: u32) -> Result<Vec<Listed>, RegistryError> {
        Ok(self.accounts.list(limit).await?)
    }

    /// Closes an account, and returns how many of its sessions were ended. Its username stays taken.
    ///
    /// # Errors
    ///
    /// When there is no such account, or a database fails.
    pub async fn close(&self, username: &str) -> Result<u64, RegistryError> {
        let unknown = || RegistryError::Unknown(username.to_owned());
        let name = Username::parse(username).ok_or_else(unknown)?;
        let id = self.accounts.close(&name).await?.ok_or_else(unknown)?;
        Ok(self.sessions.end_by_account(&id, None).await?)
    }

    /// Sets the password of an account, ends all of its sessions, and returns how many there were.
    ///
    /// # Errors
    ///
    /// When there is no such account, the password is not accepted, or a database fails.
    pub async fn set_password(&self, username: &str, password: &Password) -> Result<u64, RegistryError> {
        let unknown = || RegistryError::Unknown(username.to_owned());
        let name = Username::parse(username).ok_or_else(unknown)?;
        let stored = self.accounts.named(&name).await?.ok_or_else(unknown)?;
        let hash = self.accounts.fit(Asker::default(), "password", password, &stored.profile).await?;
        let others = Others::End { keeps: None };
        if self.accounts.replace(&stored.id, stored.changes, &hash, others).await?.is_none() {
            let open = self.accounts.named(&name).await?.is_some_and(|found| found.is_open());
            return Err(if open { RegistryError::Overtaken } else { unknown() });
        }
        Ok(self.sessions.end_by_account(&stored.id, None).await?)
    }

    /// Ends all sessions of an account, open or closed, and returns how many there were.
    ///
    /// # Errors
    ///
    /// When there is no such account, or a database fails.
    pub async fn end_sessions(&self, username: &str) -> Result<u64, RegistryError> {
        let unknown = || RegistryError::Unknown(username.to_owned());
        let name = Username::parse(username).ok_or_else(unknown)?;
        let stored = self.accounts.named(&name).await?.ok_or_else(unknown)?;
        self.sessions.end_by_account(&stored.id, None).await.map_err(RegistryError::Unended)
    }
}
