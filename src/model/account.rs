//! The API's data about an account. The account always comes from the session, never from the request.

use serde::{Deserialize, Serialize};

/// An account as its owner sees it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The name to address the owner by.
    pub name: String,
    /// The username: an e-mail address.
    pub username: String,
    /// Whether the account has a password.
    #[serde(default)]
    pub password: bool,
    /// The short names of the providers that are connected.
    #[serde(default)]
    pub providers: Vec<String>,
}

impl Profile {
    /// Returns whether the account can sign in with a factor: `password`, or the short name of a provider.
    #[must_use]
    pub fn has(&self, factor: &str) -> bool {
        (self.password && factor == Self::PASSWORD) || self.providers.iter().any(|provider| provider == factor)
    }

    /// The factor that is not a provider.
    pub const PASSWORD: &str = "password";
}

/// The response for a signed-in account:
/// `{"profile": {"name": "…", "username": "…", "password": true, "providers": []}}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SignedIn {
    /// The account.
    pub profile: Profile,
}

/// The response to a sign-out.
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

/// The response to a password change.
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
