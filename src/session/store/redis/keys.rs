//! The names of everything in Redis: all below `hardtack:`, and each in one slot of a Cluster.

use crate::session::id::{Handle, IdHash};
use std::fmt::Write as _;

/// The number of the schema: what the keys below mean.
pub(super) const SCHEMA: &str = "hardtack:schema";
/// Who sweeps, and until when.
pub(super) const LEAD: &str = "hardtack:lead";
/// Written to find out whether the server can be written.
pub(super) const PROBE: &str = "hardtack:probe";

/// The channel on which the handles are told of sessions that end or get a new id. One for all databases of a server.
pub(super) const NEWS: &str = "hardtack:news";

/// How many parts the index of deadlines has: a Cluster spreads them over its nodes.
pub(super) const SHARDS: usize = 16;

/// A hash: the whole session, wherever its id leads from.
///
/// The braces name its slot, for keys that may stand beside it one day.
pub(super) fn session(handle: &Handle) -> String {
    format!("hardtack:{{{handle}}}")
}

/// A string: the handle of the session that this id was given to. It never changes while it exists.
pub(super) fn pointer(id: &IdHash) -> String {
    format!("hardtack:id:{}", hex(id))
}

/// A sorted set: the handles that an account may own, by the absolute end of their sessions.
pub(super) fn account(account: &str) -> String {
    format!("hardtack:account:{account}")
}

/// A sorted set: handles by a deadline that their sessions do not end before.
pub(super) fn due(shard: usize) -> String {
    format!("hardtack:due:{shard:x}")
}

/// The part of the index of deadlines that a session is in: the first digit of its handle.
pub(super) fn shard(handle: &Handle) -> usize {
    usize::from(handle.0.as_bytes()[0] >> 4)
}

/// The hash of an id as Redis keeps it.
pub(super) fn hex(id: &IdHash) -> String {
    id.0.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The hash that was written as `text`, if it is one.
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
