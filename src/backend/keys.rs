//! The keys of all values that the application stores in a session.

use super::providers::Hint;
use hardtack_session::Key;
use serde::{Deserialize, Serialize};

/// The number of visits to the home page.
pub const VISITS: Key<u32> = Key::new("visits");

/// The value of the handshake, a UUID v4.
pub const HANDSHAKE: Key<String> = Key::new("handshake");

/// The time and method of the session's sign-in.
pub const SIGNED_IN: Key<SignIn> = Key::new("signed_in");

/// A random name of the session. The account stores it when this session begins an epoch, so that the session stays
/// signed in.
pub const MARK: Key<String> = Key::new("mark");

/// A sign-in, as a session stores it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// The time of the sign-in, in milliseconds since 1970-01-01 UTC (`auth_time`).
    pub at: i64,
    /// The authentication methods, named as in RFC 8176: `pwd`. Empty when only a provider vouches for the user.
    pub methods: Vec<String>,
    /// The short name of the provider that vouches for the user, if there is one.
    #[serde(default)]
    pub provider: Option<String>,
    /// Whether the provider did not say when the user signed in there. That may be long ago, so the sign-in is not
    /// fresh.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undated: bool,
    /// The ID token that the provider wants at the sign-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    /// The account's epoch at the sign-in. If the account has another one now, its owner has ended this session.
    #[serde(default)]
    pub epoch: i64,
}
