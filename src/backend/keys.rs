//! Everything that the application keeps in a session.

use crate::session::Key;

/// How often the home page was seen.
pub const VISITS: Key<u32> = Key::new("visits");

/// The value of the handshake, a UUID v4.
pub const HANDSHAKE: Key<String> = Key::new("handshake");
