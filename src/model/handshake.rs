//! The value that a session keeps, and the answer to whoever sends it back.

use serde::{Deserialize, Serialize};

/// The value that the server keeps in the session: `{"id": "<uuid v4>"}`.
///
/// It is not the session's id, which no script can read.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Handshake {
    /// A UUID v4, made once per session. Empty for a speculative request, for which none is made.
    pub id: String,
}

/// The answer to a value that was sent back and is the session's own.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// A sentence for people.
    pub message: String,
}

impl Confirmed {
    /// What a page says when the value is the session's own.
    pub const SUCCESS: &str = "Success!";
}

impl Default for Confirmed {
    fn default() -> Self {
        Self { message: Self::SUCCESS.to_owned() }
    }
}
