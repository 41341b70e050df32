//! What an operator does with accounts.

use super::accounts::{Accounts, Listed, Others};
use super::passwords::Password;
use super::queue::Asker;
use super::sign_in::create;
use super::username::Username;
use crate::model::account::Profile;
use crate::model::error::WireError;
use crate::session::store::{Store, StoreError};
use std::sync::Arc;

/// Why an operator's step was not done.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The accounts refuse it.
    #[error("{}", .0.message)]
    Refused(WireError),
    /// The database failed.
    #[error("{0}")]
    Accounts(#[from] super::accounts::Failure),
    /// The store of sessions failed: the account is changed, its sessions may live.
    #[error("{0}; the account was changed, but its sessions may live: run `hardtack accounts end-sessions`")]
    Sessions(#[from] StoreError),
    /// The store of sessions failed, and nothing else was to be done.
    #[error("{0}; how many of its sessions have ended is unknown: run the command again")]
    Unended(#[source] StoreError),
    /// The account was changed at the same moment.
    #[error("the account was changed by somebody else at the same moment, so nothing was done; run the command again")]
    Overtaken,
    /// There is no such account.
    #[error("there is no open account {0}; `hardtack accounts list` shows those that are")]
    Unknown(String),
}

impl From<WireError> for RegistryError {
    fn from(error: WireError) -> Self {
        Self::Refused(error)
    }
}

/// The accounts and their sessions, at an operator's hand. Servers may run on them meanwhile.
#[derive(Debug)]
pub struct Registry {
    accounts: Accounts,
    sessions: Arc<dyn Store>,
}

impl Registry {
    /// The accounts, and the store of their sessions.
    #[must_use]
    pub const fn new(accounts: Accounts, sessions: Arc<dyn Store>) -> Self {
        Self { accounts, sessions }
    }

    /// Makes an account, also where visitors may not.
    ///
    /// # Errors
    ///
    /// When the name is taken or something is not as it must be; when the database fails.
    pub async fn create(&self, name: &str, username: &str, password: &Password) -> Result<Profile, RegistryError> {
        Ok(create(&self.accounts, Asker::default(), name, username, password).await?.profile)
    }

    /// At most `limit` accounts, by their names.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list(&self, limit: u32) -> Result<Vec<Listed>, RegistryError> {
        Ok(self.accounts.list(limit).await?)
    }

    /// Closes an account, and says how many sessions of it have ended. Its name stays taken.
    ///
    /// # Errors
    ///
    /// When there is none, or a database fails.
    pub async fn close(&self, username: &str) -> Result<u64, RegistryError> {
        let unknown = || RegistryError::Unknown(username.to_owned());
        let name = Username::parse(username).ok_or_else(unknown)?;
        let id = self.accounts.close(&name).await?.ok_or_else(unknown)?;
        Ok(self.sessions.end_by_account(&id, None).await?)
    }

    /// Gives an account another password, and says how many sessions of it have ended: all of them.
    ///
    /// # Errors
    ///
    /// When there is none, the password is not as it must be, or a database fails.
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

    /// Ends all sessions of an account, open or closed, and says how many.
    ///
    /// # Errors
    ///
    /// When there is none, or a database fails.
    pub async fn end_sessions(&self, username: &str) -> Result<u64, RegistryError> {
        let unknown = || RegistryError::Unknown(username.to_owned());
        let name = Username::parse(username).ok_or_else(unknown)?;
        let stored = self.accounts.named(&name).await?.ok_or_else(unknown)?;
        self.sessions.end_by_account(&stored.id, None).await.map_err(RegistryError::Unended)
    }
}
