//! One session seen from both of its ends.

use serde::{Deserialize, Serialize};

/// What the browser holds and what the server holds. No secret is in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// The cookie as the server sets it.
    pub cookie: CookieShape,
    /// What the server keeps; none until the session holds its first value.
    pub kept: Option<Kept>,
    /// The kind of store: `sqlite` or `memory`.
    pub store: String,
}

/// The session cookie without its value.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct CookieShape {
    /// Its name.
    pub name: String,
    /// Its attributes as `Set-Cookie` spells them: `HttpOnly`, `SameSite=Lax`, `Path=/` and so on.
    pub attributes: Vec<String>,
}

/// What the server keeps of a session. All times are in whole seconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The names of the values in the session, sorted.
    pub keys: Vec<String>,
    /// How long ago the session began.
    pub age: u64,
    /// How long until it ends if nothing more is asked of it.
    pub idle_left: u64,
    /// How long until it ends in any case.
    pub absolute_left: u64,
}
