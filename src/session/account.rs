//! The sessions of the account that is signed in here: listed and ended, by their public handles.

use super::error::Error;
use super::handle::{Facts, Session};
use super::id::Handle;
use super::store::Listed;

impl Session {
    /// The live sessions of the account that is signed in here, this one among them; the one used last first.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached. Where nobody is signed in there are none.
    pub async fn of_account(&self) -> Result<Vec<Listed>, Error> {
        let Some((account, _)) = self.owned().await? else { return Ok(Vec::new()) };
        let unit = &self.unit;
        Ok(unit.ask(unit.engine.store.list(&account, unit.now())).await?)
    }

    /// Ends one session of the account that is signed in here, be it this one. `false` when it has none of that handle:
    /// it may be another account's, or nobody's.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn end_of_account(&self, handle: &Handle) -> Result<bool, Error> {
        let Some((account, own)) = self.owned().await? else { return Ok(false) };
        if own == *handle {
            self.end().await?;
            return Ok(true);
        }
        let unit = &self.unit;
        Ok(unit.ask(unit.engine.store.end_by_handle(Some(&account), handle)).await?)
    }

    /// Ends the other sessions of the account that is signed in here, and says how many.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update). Where nobody is signed in there are none.
    pub async fn end_others(&self) -> Result<u64, Error> {
        let Some((account, own)) = self.owned().await? else { return Ok(0) };
        let unit = &self.unit;
        Ok(unit.ask(unit.engine.store.end_by_account(&account, Some(&own))).await?)
    }

    /// Whose this session is, and its handle.
    async fn owned(&self) -> Result<Option<(String, Handle)>, Error> {
        let facts = self.facts().await?;
        Ok(facts.and_then(|Facts { owner, handle, .. }| Some((owner.account?, handle))))
    }
}
