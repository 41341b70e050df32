//! The lookup of the session that an id was given to, in a cache and then in Redis.

use super::{RedisStore, keys, rows};
use crate::id::{Handle, IdHash};
use crate::store::StoreError;
use redis::cmd;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of ids that the cache keeps at least, once it has seen as many.
const REMEMBERED: usize = 16 * 1024;

/// A cache of the handles that ids led to. It saves each read a round trip.
///
/// It cannot revive an ended session (G3): an id leads to one session for as long as it leads to any, and each call
/// asks that session itself, which decides.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Generations>);

/// The recent ids and the older ones. When there are too many recent ids, they become the older ones, and ids that were
/// not looked up since are dropped.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<IdHash, Handle>,
    old: HashMap<IdHash, Handle>,
}

impl Memory {
    fn get(&self, id: &IdHash) -> Option<Handle> {
        let mut generations = self.generations();
        if let Some(handle) = generations.young.get(id) {
            return Some(*handle);
        }
        let handle = generations.old.remove(id)?;
        generations.put(*id, handle);
        Some(handle)
    }

    pub(super) fn put(&self, id: IdHash, handle: Handle) {
        self.generations().put(id, handle);
    }

    fn forget(&self, id: &IdHash) {
        let mut generations = self.generations();
        generations.young.remove(id);
        generations.old.remove(id);
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn put(&mut self, id: IdHash, handle: Handle) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, handle);
    }
}

/// The sessions that an id may lead to: first the cached one, then, if that is gone, the one in Redis.
#[derive(Debug)]
pub(super) struct Trail<'a> {
    store: &'a RedisStore,
    id: IdHash,
    tried: Tried,
}

#[derive(Debug)]
enum Tried {
    Nothing,
    Memory(Handle),
    All,
}

impl RedisStore {
    pub(super) fn trail(&self, id: &IdHash) -> Trail<'_> {
        Trail { store: self, id: *id, tried: Tried::Nothing }
    }
}

impl Trail<'_> {
    /// Returns the next session to try; `None` when there is none left.
    pub(super) async fn next(&mut self) -> Result<Option<Handle>, StoreError> {
        let Self { store, id, tried } = self;
        let remembered = match tried {
            Tried::All => return Ok(None),
            Tried::Memory(handle) => Some(*handle),
            Tried::Nothing => match store.memory.get(id) {
                Some(handle) => {
                    *tried = Tried::Memory(handle);
                    return Ok(Some(handle));
                }
                None => None,
            },
        };
        *tried = Tried::All;
        let found: Option<Vec<u8>> = store.link.ask(cmd("GET").arg(keys::pointer(id))).await?;
        let Some(found) = found else {
            store.memory.forget(id);
            return Ok(None);
        };
        let handle = rows::handle(&found).ok_or_else(|| rows::damaged("a pointer"))?;
        store.memory.put(*id, handle);
        Ok(Some(handle).filter(|handle| Some(*handle) != remembered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> IdHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        IdHash(bytes)
    }

    #[test]
    fn what_is_asked_for_is_remembered_and_the_rest_is_bounded() {
        let memory = Memory::default();
        let (kept, left) = (Handle::generate(), Handle::generate());
        memory.put(id(0), kept);
        memory.put(id(1), left);
        for n in 2..5 * REMEMBERED {
            memory.put(id(n), Handle::generate());
            if n % 1000 == 0 {
                assert_eq!(memory.get(&id(0)), Some(kept), "an id that is looked up stays");
            }
        }
        assert_eq!(memory.get(&id(1)), None, "an id that is not looked up is dropped");
        let generations = memory.generations();
        assert!(generations.young.len() + generations.old.len() <= 2 * REMEMBERED);
        drop(generations);
        memory.forget(&id(0));
        assert_eq!(memory.get(&id(0)), None);
    }
}
