//! The overview of a session: its cookie in the browser and its record on the server.

use serde::{Deserialize, Serialize};

/// The overview of a session. It holds no secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// The cookie as the server sets it.
    pub cookie: CookieShape,
    /// The session's record; `None` until the session holds its first value.
    pub kept: Option<Kept>,
    /// The kind of store: `sqlite` or `memory`.
    pub store: String,
}

/// The session cookie without its value.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct CookieShape {
    /// The name of the cookie.
    pub name: String,
    /// Its attributes as `Set-Cookie` spells them: `HttpOnly`, `SameSite=Lax`, `Path=/` and so on.
    pub attributes: Vec<String>,
}

/// The server's record of a session. All times are in whole seconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The names of the values in the session, sorted.
    pub keys: Vec<String>,
    /// The time since the session began.
    pub age: u64,
    /// The time until it ends if no request uses it.
    pub idle_left: u64,
    /// The time until it ends in any case.
    pub absolute_left: u64,
}
