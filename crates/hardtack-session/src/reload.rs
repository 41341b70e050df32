//! The reload of a session within a request.

use super::error::{Error, Fault};
use super::handle::Session;
use super::unit::Place;

impl Session {
    /// Discards the values that this request has loaded and put, and loads the session again.
    ///
    /// Without a reload a request sees its session as it was at the first load, whatever other requests write
    /// meanwhile; only [`update`](Session::update) starts from the value in the store. Committed changes stay.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the session existed and has ended. [`Error::Rotated`] when another request has given it a
    /// new id. [`Error::Unavailable`] when the store cannot be reached.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardtack_session::{Error, Key, Session};
    ///
    /// const BASKET: Key<Vec<String>> = Key::new("basket");
    ///
    /// async fn check_out(session: Session) -> Result<(), Error> {
    ///     let ordered = session.read(BASKET).await?.unwrap_or_default();
    ///     pay(&ordered).await; // takes a while
    ///     session.reload().await?;
    ///     let mut basket = session.read(BASKET).await?.unwrap_or_default();
    ///     basket.retain(|item| !ordered.contains(item)); // items that were added meanwhile stay
    ///     session.put(BASKET, &basket).await
    /// }
    /// # async fn pay(_: &[String]) {}
    /// ```
    pub async fn reload(&self) -> Result<(), Error> {
        let _alone = self.unit.updating.lock().await;
        let (known, nowhere) = match &self.unit.state().place {
            Place::Live(..) => (true, false),
            Place::Nowhere => (false, true),
            Place::Presented(_) | Place::Leaving(_) => (false, false),
        };
        if nowhere {
            // Without a session there is nothing to load, and only the values that this request has put are discarded.
            self.inner.clear().await;
        } else {
            self.inner.load().await.map_err(|e| self.error(e))?;
        }
        if known && self.unit.live_id().is_none() {
            return Err(self.unit.fail(Fault::Ended).into());
        }
        Ok(())
    }
}
