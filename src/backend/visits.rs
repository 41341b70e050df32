//! The count of visits to the home page.

use super::keys::VISITS;
use crate::model::visits::Visits;
use hardtack_session::{Error, Session};

/// Counts a visit and returns its greeting. A request that stores nothing is greeted but not counted.
///
/// # Errors
///
/// When the session cannot be read or written.
pub async fn count(session: &Session) -> Result<Visits, Error> {
    if session.keeps_nothing() {
        return Ok(Visits::new(session.read(VISITS).await?.unwrap_or(0)));
    }
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0).saturating_add(1)).await?;
    Ok(Visits::new(visits))
}
