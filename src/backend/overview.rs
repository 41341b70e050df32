//! The overview of a session: its cookie in the browser and its record on the server.

use crate::model::overview::{CookieShape, Kept, Overview};
use hardtack_session::{Error, Session};

/// Returns the overview of a session, without changing the session.
///
/// # Errors
///
/// When the session cannot be read.
pub async fn of(session: &Session) -> Result<Overview, Error> {
    let cookie = session.cookie();
    let kept = session.facts().await?.map(|facts| Kept {
        keys: facts.keys,
        age: facts.age.as_secs(),
        idle_left: facts.idle_left.as_secs(),
        absolute_left: facts.absolute_left.as_secs(),
    });
    Ok(Overview {
        cookie: CookieShape { name: cookie.name.clone(), attributes: cookie.attributes() },
        kept,
        store: session.store_kind().to_owned(),
    })
}
