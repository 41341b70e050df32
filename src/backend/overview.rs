//! A session seen from both of its ends.

use crate::model::overview::{CookieShape, Kept, Overview};
use crate::session::{Error, Session};

/// What the browser holds and what the server holds. Changes nothing.
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
