//! The three names of a session: the secret token in the cookie, its hash in the store, and the public handle.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The secret token by which a request belongs to a session: 256 random bits.
///
/// It leaves the process only in `Set-Cookie`: the type has no `Display` and no `Serialize`, and its `Debug` is
/// redacted.
///
/// Source: ASVS 5.0, 7.2.3 (at least 128 bits).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; Self::BYTES]);

impl Secret {
    /// The number of random bytes in a secret.
    pub const BYTES: usize = 32;

    /// Generates a secret from the system's random numbers.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers. There is no fallback, because a guessable secret is worse than none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Decodes a secret from base64url; `None` if `text` is not the encoding of 32 bytes.
    pub(super) fn decode(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == Self::BYTES).then_some(Self(bytes))
    }

    /// Encodes the secret in base64url, as the cookie carries it.
    pub(super) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Returns the hash by which the store knows this session.
    #[must_use]
    pub fn hash(&self) -> IdHash {
        IdHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a session's secret: the key under which a store keeps the session.
///
/// A stolen database holds only these hashes, and no hash opens a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdHash(pub [u8; 32]);

impl IdHash {
    /// Hashes the text of a cookie. The result is never the id of a session, because ids are hashes of secrets.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Converts the hash to the id type of tower-sessions, cut to 128 bits. The result is not secret.
    pub(super) fn as_tower_id(&self) -> tower_sessions::session::Id {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[..16]);
        tower_sessions::session::Id(i128::from_le_bytes(half))
    }
}

impl fmt::Debug for IdHash {
    /// Writes the first bytes only: enough to follow one session through a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdHash({:02x}{:02x}{:02x}{:02x}…)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// The public name of a session, for device lists and logs. It gives no access, and it stays the same through
/// rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(pub uuid::Uuid);

impl Handle {
    /// Generates a handle, unrelated to the secret.
    #[must_use]
    pub fn generate() -> Self {
        Self(uuid::Uuid::new_v4())
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
