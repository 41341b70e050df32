//! The handshake: the value that a session holds, and the response to a page that sends it back.

use serde::{Deserialize, Serialize};

/// The value that the server stores in the session: `{"id": "<uuid v4>"}`.
///
/// It is not the session's id, which no script can read.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Handshake {
    /// A UUID v4, created once per session. Empty for a speculative request, which creates none.
    pub id: String,
}

/// The response to a value that is the session's own.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// A sentence for people.
    pub message: String,
}

impl Confirmed {
    /// The message for a value that is the session's own.
    pub const SUCCESS: &str = "Success!";
}

impl Default for Confirmed {
    fn default() -> Self {
        Self { message: Self::SUCCESS.to_owned() }
    }
}
