//! The names of all keys in Redis. They begin with `hardtack:`, and each is in one slot of a Cluster.

use crate::id::{Handle, IdHash};
use std::fmt::Write as _;

/// The number of the schema, which defines the meaning of the other keys.
pub(super) const SCHEMA: &str = "hardtack:schema";
/// The holder of the sweep lease, and the end of the lease.
pub(super) const LEAD: &str = "hardtack:lead";
/// A counter that each ping writes, to find out whether the server accepts writes.
pub(super) const PROBE: &str = "hardtack:probe";

/// The channel for the handles of sessions that end or get a new id. All databases of a server share it.
pub(super) const NEWS: &str = "hardtack:news";

/// The number of parts of the index of deadlines, which a Cluster spreads over its nodes.
pub(super) const SHARDS: usize = 16;

/// Returns the key of a hash: the whole session, whatever its id is.
///
/// The braces determine its slot, for keys that may be added beside it later.
pub(super) fn session(handle: &Handle) -> String {
    format!("hardtack:{{{handle}}}")
}

/// Returns the key of a string: the handle of the session that this id was given to. It never changes while it exists.
pub(super) fn pointer(id: &IdHash) -> String {
    format!("hardtack:id:{}", hex(id))
}

/// Returns the key of a sorted set: the handles that an account may own, by the absolute end of their sessions.
pub(super) fn account(account: &str) -> String {
    format!("hardtack:account:{account}")
}

/// Returns the key of a sorted set: handles by a moment before which their sessions do not end.
pub(super) fn due(shard: usize) -> String {
    format!("hardtack:due:{shard:x}")
}

/// Returns the part of the index of deadlines that a session is in: the first hexadecimal digit of its handle.
pub(super) fn shard(handle: &Handle) -> usize {
    usize::from(handle.0.as_bytes()[0] >> 4)
}

/// Returns an id in hexadecimal digits, as Redis keeps it.
pub(super) fn hex(id: &IdHash) -> String {
    id.0.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Parses an id in hexadecimal digits; `None` when `text` is not one.
pub(super) fn id(text: &[u8]) -> Option<IdHash> {
    let mut bytes = [0; 32];
    let digit = |sign: u8| char::from(sign).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(IdHash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_comes_back_as_it_was_written() {
        let hash = IdHash(std::array::from_fn(|n| u8::try_from(n * 8 + 7).unwrap_or(0)));
        assert_eq!(id(hex(&hash).as_bytes()), Some(hash));
        for wrong in ["", "00", &"g".repeat(64), &"0".repeat(65), &"é".repeat(32)] {
            assert_eq!(id(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
