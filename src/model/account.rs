//! What the API tells of an account. Whose it is comes from the session, never from what was sent.

use serde::{Deserialize, Serialize};

/// An account as its owner sees it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// What its owner wants to be called.
    pub name: String,
    /// What its owner signs in by: an e-mail address.
    pub username: String,
    /// Whether it signs in by a password.
    #[serde(default)]
    pub password: bool,
    /// The short names of the providers that it signs in by.
    #[serde(default)]
    pub providers: Vec<String>,
}

impl Profile {
    /// Whether it signs in by this: `password`, or the short name of a provider.
    #[must_use]
    pub fn has(&self, factor: &str) -> bool {
        (self.password && factor == Self::PASSWORD) || self.providers.iter().any(|provider| provider == factor)
    }

    /// The factor that is not a provider.
    pub const PASSWORD: &str = "password";
}

/// The answer to whoever is signed in: `{"profile": {"name": "…", "username": "…", "password": true, "providers": []}}`.
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
