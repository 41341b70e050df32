//! From an id to the session that it was given to: by memory, else by Redis.

use super::{RedisStore, keys, rows};
use crate::session::id::{Handle, IdHash};
use crate::session::store::StoreError;
use redis::cmd;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many ids are remembered at least, once there are as many.
const REMEMBERED: usize = 16 * 1024;

/// Where ids led the last time. Saves each read a round trip.
///
/// It cannot make an ended session live (G3): an id leads to one session as long as it leads anywhere, and what
/// that session says itself, asked each time, decides.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Generations>);

/// The younger ids and the older ones. When there are too many of the younger, they are the older ones, and what was
/// not asked for since is forgotten.
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

/// The sessions that an id may lead to: first the remembered one, then, if that is gone, what Redis says.
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
    /// The next session to ask; `None` when there is none left.
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
                assert_eq!(memory.get(&id(0)), Some(kept), "asked for again and again");
            }
        }
        assert_eq!(memory.get(&id(1)), None, "never asked for");
        let generations = memory.generations();
        assert!(generations.young.len() + generations.old.len() <= 2 * REMEMBERED);
        drop(generations);
        memory.forget(&id(0));
        assert_eq!(memory.get(&id(0)), None);
    }
}
