//! The session as it is by now, and not as this request has found it.

use super::error::{Error, Fault};
use super::handle::Session;
use super::unit::Place;

impl Session {
    /// Forgets what this request has loaded and put, and asks the store again.
    ///
    /// Without it a request goes on seeing its session as it was when it first asked, whatever other requests write
    /// meanwhile; [`update`](Session::update) alone starts from what the store holds. What was committed stays.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the session was there and is no more. [`Error::Rotated`] when another request has given it a
    /// new id. [`Error::Unavailable`] when the store cannot be reached.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardtack::session::{Error, Key, Session};
    ///
    /// const BASKET: Key<Vec<String>> = Key::new("basket");
    ///
    /// async fn check_out(session: Session) -> Result<(), Error> {
    ///     let ordered = session.read(BASKET).await?.unwrap_or_default();
    ///     pay(&ordered).await; // takes its time
    ///     session.reload().await?;
    ///     let mut basket = session.read(BASKET).await?.unwrap_or_default();
    ///     basket.retain(|item| !ordered.contains(item)); // what came in meanwhile stays
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
            // There is nothing to ask for, only what this request has put.
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
