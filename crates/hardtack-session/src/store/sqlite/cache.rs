//! A cache of recently read and written sessions, valid while no other process has written anything.
//!
//! A cache must not revive an ended session (G3), also when another process ended it. So its entries belong to one
//! state of the database, and before each use [`Watch`] tells whether that is still the current one. A commit of
//! another process makes another state, and the whole cache is dropped. A commit of this process advances the state by
//! one, and the cache follows the change. When the state cannot be read, there is no cache.
//!
//! The watch itself is trusted only after a commit of this process has moved it. A WAL index that a killed server left
//! behind looks like one in use and never changes again, and a cache that relied on it would serve ended sessions for
//! ever.

use super::watch::{Stamp, Watch};
use crate::clock::Timestamp;
use crate::id::IdHash;
use crate::record::{Record, size};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most memory that the cached sessions may take, in bytes, approximately.
const ROOM: usize = 32 << 20;
/// The memory that a session takes beside its data, in bytes, approximately.
const OVERHEAD: usize = 512;

#[derive(Debug)]
pub(super) struct Cache {
    /// `None` when there is no WAL index to read.
    watch: Option<Watch>,
    /// [`UNPROVEN`], [`PROVEN`] or [`REFUTED`].
    proof: AtomicU8,
    known: Mutex<Known>,
}

/// No commit of this process has been seen yet.
const UNPROVEN: u8 = 0;
/// A commit of this process has moved the stamp.
const PROVEN: u8 = 1;
/// A commit of this process has not moved the stamp, so this is not the index of the open database.
const REFUTED: u8 = 2;

/// The cached sessions, all of one state of the database.
#[derive(Debug, Default)]
pub(super) struct Known {
    at: Option<Stamp>,
    sessions: HashMap<IdHash, Arc<Record>>,
    taken: usize,
}

impl Cache {
    pub(super) fn new(watch: Option<Watch>) -> Self {
        Self { watch, proof: AtomicU8::new(UNPROVEN), known: Mutex::default() }
    }

    /// Returns the current state of the database, if it can be read and the watch is proven.
    pub(super) fn look(&self) -> Option<Stamp> {
        if self.proof.load(Ordering::Relaxed) == PROVEN { self.stamp() } else { None }
    }

    /// Returns the stamp even before the watch is proven, for a writer, because its commit is the proof.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.watch.as_ref().filter(|_| self.proof.load(Ordering::Relaxed) != REFUTED)?.look()
    }

    /// Returns a session that is live, if it is cached and the cache is valid.
    pub(super) fn get(&self, id: &IdHash, now: Timestamp) -> Option<Arc<Record>> {
        let at = self.look()?;
        let known = self.known();
        let certain = known.at == Some(at);
        known.sessions.get(id).filter(|record| certain && record.deadline() > now).cloned()
    }

    /// Caches a session that was read. `before` is the state from before the read.
    pub(super) fn read(&self, before: Option<Stamp>, id: &IdHash, record: &Arc<Record>) {
        let Some(before) = before else { return };
        let mut known = self.known();
        // If the state has changed meanwhile, it is unknown which of the two states the session belongs to.
        if self.look() != Some(before) {
            return;
        }
        if known.at != Some(before) {
            *known = Known { at: Some(before), ..Known::default() };
        }
        known.insert(*id, Arc::clone(record));
    }

    /// Follows a transaction of this process, which did `effect` and nothing else. `before` is the stamp from before
    /// it.
    ///
    /// Only one such transaction may run at a time. If it is `certain` that it has written something, it was a commit,
    /// and a stamp that has not moved refutes the watch for good. (A touch is certain, because it moves `expires` in an
    /// index. An update that sets a row to its present values is not, because SQLite commits nothing then.)
    pub(super) fn wrote(&self, before: Option<Stamp>, certain: bool, effect: impl FnOnce(&mut Known)) {
        let mut known = self.known();
        let (Some(before), Some(after)) = (before, self.stamp()) else { return };
        if after != before {
            self.proof.store(PROVEN, Ordering::Relaxed);
        } else if certain {
            self.proof.store(REFUTED, Ordering::Relaxed);
            *known = Known::default();
            tracing::warn!(
                "the WAL index beside the SQLite file is not that of the open database, so each session is read from the \
                 file, which is slower; stop every process that uses the file, and start the server again"
            );
            return;
        }
        // Otherwise another process has written too, and the cached sessions belong to a state that will not come back.
        if known.at == Some(before) && after.is_one_after(&before) {
            effect(&mut known);
            known.at = Some(after);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    pub(super) fn insert(&mut self, id: IdHash, record: Arc<Record>) {
        let takes = OVERHEAD + size(&record.data);
        // Dropping all sessions costs one later read for each; an order of use would cost something at every read.
        if self.taken + takes > ROOM {
            self.clear();
        }
        self.taken += takes;
        if let Some(before) = self.sessions.insert(id, record) {
            self.taken -= OVERHEAD + size(&before.data);
        }
    }

    pub(super) fn remove(&mut self, id: &IdHash) -> Option<Arc<Record>> {
        let record = self.sessions.remove(id)?;
        self.taken -= OVERHEAD + size(&record.data);
        Some(record)
    }

    /// Changes a session if it is cached. Drops it when `change` returns `false`, which means that it does not fit.
    pub(super) fn change(&mut self, id: &IdHash, change: impl FnOnce(&mut Record) -> bool) {
        if let Some(mut record) = self.remove(id)
            && change(Arc::make_mut(&mut record))
        {
            self.insert(*id, record);
        }
    }

    pub(super) fn clear(&mut self) {
        self.sessions.clear();
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lifetime;
    use crate::id::Secret;
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    const NOW: Timestamp = Timestamp(4_000_000_000_000);

    /// A WAL index that a test can bring into any state.
    struct Index(File);

    impl Index {
        fn commit(&self, transactions: u32, salt: u32) {
            let mut header = [0; 48];
            let words = [(0, 3_007_000), (8, transactions), (16, 2 * transactions), (32, salt)];
            for (at, word) in words {
                header[at..at + 4].copy_from_slice(&u32::to_ne_bytes(word));
            }
            header[12] = 1;
            self.0.write_all_at(&[header, header].concat(), 0).expect("written");
        }
    }

    fn begin() -> (Index, Cache, IdHash, Arc<Record>) {
        let file = tempfile::tempfile().expect("a file");
        let index = Index(file.try_clone().expect("a second handle"));
        index.commit(0, 7);
        let cache = Cache::new(Some(Watch::of(file).expect("a view of it")));
        let record = Record::new([("a".to_owned(), "1".to_owned())].into(), Lifetime::default(), NOW);
        let before = cache.stamp();
        index.commit(1, 7);
        cache.wrote(before, true, |_| {});
        (index, cache, Secret::generate().expect("random numbers").hash(), Arc::new(record))
    }

    #[test]
    fn g3_what_another_process_commits_empties_the_memory() {
        let (index, cache, id, record) = begin();
        cache.read(cache.look(), &id, &record);
        assert_eq!(cache.get(&id, NOW), Some(record.clone()));
        index.commit(2, 7);
        assert_eq!(cache.get(&id, NOW), None);
        let other = Secret::generate().expect("random numbers").hash();
        cache.read(cache.look(), &other, &record);
        assert_eq!((cache.get(&id, NOW), cache.get(&other, NOW)), (None, Some(record)), "an old entry stays forgotten");
    }

    #[test]
    fn g3_a_read_that_a_commit_overtook_is_not_remembered() {
        let (index, cache, id, record) = begin();
        let before = cache.look();
        index.commit(2, 7);
        cache.read(before, &id, &record);
        assert_eq!(cache.get(&id, NOW), None);
    }

    #[test]
    fn g3_a_commit_of_our_own_is_followed_and_one_among_others_is_not() {
        let (index, cache, id, record) = begin();
        cache.read(cache.look(), &id, &record);
        let before = cache.look();
        index.commit(2, 7);
        cache.wrote(before, true, |known| {
            known.change(&id, |record| record.data.insert("b".to_owned(), "2".to_owned()).is_none());
        });
        assert_eq!(cache.get(&id, NOW).map(|record| record.data.len()), Some(2));
        let before = cache.look();
        index.commit(4, 7);
        cache.wrote(before, true, |_| panic!("two transactions do not count as one"));
        assert_eq!(cache.get(&id, NOW), None);
    }

    #[test]
    fn g3_a_log_that_begins_anew_is_another_state() {
        let (index, cache, id, record) = begin();
        cache.read(cache.look(), &id, &record);
        let before = cache.look();
        index.commit(2, 8);
        cache.wrote(before, true, |_| panic!("not known to be one transaction"));
        assert_eq!(cache.get(&id, NOW), None);
    }

    #[test]
    fn g3_when_the_state_cannot_be_told_there_is_no_memory() {
        let (index, cache, id, record) = begin();
        cache.read(cache.look(), &id, &record);
        index.0.write_all_at(&[9], 20).expect("written");
        assert_eq!(cache.get(&id, NOW), None, "a header that is being written gives no state");
        index.commit(1, 7);
        assert_eq!(cache.get(&id, NOW), Some(record.clone()));
        index.0.write_all_at(&u32::to_ne_bytes(3_008_000), 0).expect("written");
        index.0.write_all_at(&u32::to_ne_bytes(3_008_000), 48).expect("written");
        assert_eq!(cache.get(&id, NOW), None, "a header of an unknown format gives no state");
    }

    #[test]
    fn g3_an_index_that_no_commit_of_our_own_has_moved_is_not_believed() {
        let (index, cache, id, record) = begin();
        let fresh = Cache::new(Some(Watch::of(index.0.try_clone().expect("a second handle")).expect("a view of it")));
        fresh.read(fresh.look(), &id, &record);
        assert_eq!(fresh.get(&id, NOW), None, "a watch without a proof is not trusted");
        fresh.wrote(fresh.stamp(), false, |_| panic!("nothing was written"));
        assert_eq!(fresh.look(), None, "a transaction that may have written nothing proves and refutes nothing");
        cache.read(cache.look(), &id, &record);
        cache.wrote(cache.stamp(), true, |_| panic!("the commit is not in this index"));
        index.commit(5, 7);
        cache.read(cache.look(), &id, &record);
        assert_eq!(cache.get(&id, NOW), None, "a refuted watch is never trusted again");
    }

    #[test]
    fn g6_what_is_over_is_not_found_here() {
        let (_index, cache, id, record) = begin();
        cache.read(cache.look(), &id, &record);
        assert_eq!(cache.get(&id, record.deadline()), None);
    }

    #[test]
    fn the_memory_keeps_to_its_room() {
        let (_index, cache, _, record) = begin();
        let large = Record { data: [("a".to_owned(), "x".repeat(1 << 20))].into(), ..Record::clone(&record) };
        let large = Arc::new(large);
        for _ in 0..100 {
            cache.read(cache.look(), &Secret::generate().expect("random numbers").hash(), &large);
            assert!(cache.known().taken <= ROOM);
        }
        let known = cache.known();
        assert_eq!(known.taken, known.sessions.values().map(|r| OVERHEAD + size(&r.data)).sum::<usize>());
    }
}
