//! What the API tells of an account. Whose it is comes from the session, never from what was sent.

use serde::{Deserialize, Serialize};

/// An account as its owner sees it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// What its owner wants to be called.
    pub name: String,
    /// What its owner signs in by: an e-mail address.
    pub username: String,
}

/// The answer to whoever is signed in: `{"profile": {"name": "…", "username": "…"}}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SignedIn {
    /// The account.
    pub profile: Profile,
}

/// The answer to whoever is signed in no more.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// A sentence for people.
    pub message: String,
}

impl Default for SignedOut {
    fn default() -> Self {
        Self { message: "Signed out.".to_owned() }
    }
}

/// The answer to whoever has a new password.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct PasswordChanged {
    /// A sentence for people.
    pub message: String,
}

impl Default for PasswordChanged {
    fn default() -> Self {
        Self { message: "Your password has been changed.".to_owned() }
    }
}
