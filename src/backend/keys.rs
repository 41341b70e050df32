//! Everything that the application keeps in a session.

use super::providers::Hint;
use crate::session::Key;
use serde::{Deserialize, Serialize};

/// How often the home page was seen.
pub const VISITS: Key<u32> = Key::new("visits");

/// The value of the handshake, a UUID v4.
pub const HANDSHAKE: Key<String> = Key::new("handshake");

/// When and how the session's account was signed in.
pub const SIGNED_IN: Key<SignIn> = Key::new("signed_in");

/// A random name of the session. The account keeps it when this session begins an epoch, so that this one stays signed in.
pub const MARK: Key<String> = Key::new("mark");

/// A sign-in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// When, in milliseconds since 1970-01-01 UTC (`auth_time`).
    pub at: i64,
    /// By which means, named as in RFC 8176: `pwd`; none where nothing but a provider vouches.
    pub methods: Vec<String>,
    /// The short name of the provider that vouches, if one does.
    #[serde(default)]
    pub provider: Option<String>,
    /// Whether that provider did not say when it was, so that it may be long ago: no fresh proof of who it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undated: bool,
    /// What that provider wants to see at the sign-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    /// The epoch of the account at the sign-in. Another one there means that its owner has ended this session.
    #[serde(default)]
    pub epoch: i64,
}
