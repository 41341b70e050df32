//! Sessions in the memory of this process, for tests and demonstrations. They end with the process.

use super::{Applied, Ended, Listed, Loaded, Order, Page, Stats, Store, StoreError, Swept};
use crate::clock::Timestamp;
use crate::id::{Handle, IdHash};
use crate::news::News;
use crate::record::{Changes, Grace, Record, Rotation, size};
use crate::voice::Voice;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded store in memory. When it is full, a new session replaces the one with the earliest deadline.
#[derive(Debug)]
pub struct MemoryStore {
    capacity: usize,
    state: Mutex<State>,
    voice: Voice,
}

#[derive(Debug, Default)]
struct State {
    live: HashMap<IdHash, Arc<Record>>,
    by_deadline: BTreeSet<(Timestamp, IdHash)>,
    by_account: HashMap<String, BTreeSet<IdHash>>,
    by_handle: BTreeMap<Handle, IdHash>,
    retired: HashMap<IdHash, Retired>,
    retired_by_end: BTreeSet<(Timestamp, IdHash)>,
    /// The holder of the sweep lease, and the end of the lease.
    leader: Option<(Handle, Timestamp)>,
}

#[derive(Clone, Copy, Debug)]
struct Retired {
    until: Timestamp,
    handle: Handle,
    /// The id that the session got next, when the old one still reaches it.
    successor: Option<IdHash>,
}

impl MemoryStore {
    /// Creates a store of at most `capacity` sessions. Default: 100,000.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), state: Mutex::default(), voice: Voice::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step under this lock can leave the state half changed, so a panic elsewhere has not damaged it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl State {
    fn insert(&mut self, id: IdHash, record: Arc<Record>) {
        self.by_deadline.insert((record.deadline(), id));
        self.by_handle.insert(record.handle, id);
        if let Some(account) = &record.owner.account {
            self.by_account.entry(account.clone()).or_default().insert(id);
        }
        self.live.insert(id, record);
    }

    fn remove(&mut self, id: &IdHash) -> Option<Arc<Record>> {
        let record = self.live.remove(id)?;
        self.by_deadline.remove(&(record.deadline(), *id));
        self.by_handle.remove(&record.handle);
        if let Some(account) = &record.owner.account
            && let Some(ids) = self.by_account.get_mut(account)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.by_account.remove(account);
            }
        }
        Some(record)
    }

    /// Marks a session as used and moves it in the order of deadlines. No other index changes.
    fn postpone(&mut self, id: &IdHash, seen: Timestamp) {
        if let Some(record) = self.live.get_mut(id) {
            let before = record.deadline();
            Arc::make_mut(record).seen = record.seen.max(seen);
            let after = record.deadline();
            if after != before {
                self.by_deadline.remove(&(before, *id));
                self.by_deadline.insert((after, *id));
            }
        }
    }

    fn live(&self, id: &IdHash, now: Timestamp) -> Option<&Arc<Record>> {
        self.live.get(id).filter(|record| record.deadline() > now)
    }

    /// Returns the id under which the session of `id` lives now.
    fn current(&self, id: &IdHash, now: Timestamp) -> IdHash {
        let mut id = *id;
        while let Some(Retired { successor: Some(next), .. }) =
            self.retired.get(&id).filter(|retired| retired.until > now)
        {
            id = *next;
        }
        id
    }

    /// Returns whether an id that opens no session is an earlier id of a session that still exists.
    fn is_recognised(&self, id: &IdHash, now: Timestamp) -> bool {
        let retired = self.retired.get(id).filter(|old| old.until > now && old.successor.is_none());
        retired.is_some_and(|old| self.by_handle.contains_key(&old.handle))
    }

    fn retire(&mut self, id: IdHash, retired: Retired) {
        self.retired.insert(id, retired);
        self.retired_by_end.insert((retired.until, id));
    }

    /// Returns the record of a live session with `changes` applied, or why they cannot be applied.
    fn changed(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Record, Applied> {
        let record = self.live(id, now).ok_or(Applied::Gone)?;
        if changes.if_version.is_some_and(|version| version != record.version) {
            return Err(Applied::Conflict);
        }
        let mut record = Record::clone(record);
        let before = size(&record.data);
        changes.apply_to(&mut record.data);
        let after = size(&record.data);
        if after > changes.max_data && after > before {
            return Err(Applied::TooLarge);
        }
        record.lifetime = changes.lifetime.unwrap_or(record.lifetime);
        record.terms = changes.terms.unwrap_or(record.terms);
        record.seen = record.seen.max(now);
        record.version += 1;
        Ok(record)
    }

    fn of_account(&self, account: &str) -> Vec<(IdHash, Handle)> {
        let ids = self.by_account.get(account).into_iter().flatten();
        ids.filter_map(|id| self.live.get(id).map(|record| (*id, record.handle))).collect()
    }
}

/// Notifies the watchers of a removed session. Returns whether there was one.
fn tell(voice: &Voice, removed: Option<Arc<Record>>) -> bool {
    removed.inspect(|record| voice.tell(record.handle)).is_some()
}

#[async_trait]
impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        let state = self.state();
        let current = state.current(id, now);
        Ok(match state.live(&current, now) {
            Some(record) => Loaded::Live(current, Arc::clone(record)),
            None if state.is_recognised(&current, now) => Loaded::Retired,
            None => Loaded::Absent,
        })
    }

    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError> {
        let mut state = self.state();
        if state.live.contains_key(id) || state.retired.contains_key(id) {
            return Ok(false);
        }
        if state.live.len() >= self.capacity
            && let Some((_, first)) = state.by_deadline.first().copied()
        {
            tell(&self.voice, state.remove(&first));
        }
        state.insert(*id, Arc::new(record.clone()));
        Ok(true)
    }

    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        let mut state = self.state();
        let id = state.current(id, now);
        Ok(match state.changed(&id, changes, now) {
            Err(why) => why,
            Ok(record) => {
                let version = record.version;
                state.remove(&id);
                state.insert(id, Arc::new(record));
                Applied::Done(version)
            }
        })
    }

    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError> {
        let mut state = self.state();
        Ok(match state.changed(id, &rotation.changes, now) {
            Err(why) => why,
            Ok(mut record) => {
                let version = record.version;
                state.remove(id);
                if let Some(owner) = &rotation.owner {
                    record.owner.clone_from(owner);
                }
                if let Some(signed_in) = rotation.signed_in {
                    (record.created, record.signed_in) = (now, signed_in);
                }
                record.renewed = record.renewed.max(now);
                let handle = record.handle;
                state.insert(rotation.to, Arc::new(record));
                let retired = match rotation.grace {
                    Grace::Recognised(until) => Retired { until, handle, successor: None },
                    Grace::Reaches(until) => Retired { until, handle, successor: Some(rotation.to) },
                };
                state.retire(*id, retired);
                if retired.successor.is_none() {
                    self.voice.tell(handle);
                }
                Applied::Done(version)
            }
        })
    }

    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let id = state.current(id, now);
        if state.live(&id, now).is_none() {
            return Ok(false);
        }
        state.postpone(&id, now);
        Ok(true)
    }

    async fn end(&self, id: &IdHash) -> Result<bool, StoreError> {
        Ok(tell(&self.voice, self.state().remove(id)))
    }

    async fn list(&self, account: &str, order: Order, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let state = self.state();
        let ids = state.by_account.get(account).into_iter().flatten();
        let listed = ids.filter_map(|id| state.live(id, now)).map(|record| Listed::from(&**record)).collect();
        Ok(order.cut(listed, limit))
    }

    async fn browse(&self, cursor: Option<&str>, limit: u32, now: Timestamp) -> Result<Page, StoreError> {
        let state = self.state();
        let after = cursor.map(str::parse).transpose().map_err(StoreError::corrupt)?;
        let from = after.map_or(Bound::Unbounded, |uuid| Bound::Excluded(Handle(uuid)));
        let page: Vec<_> = state.by_handle.range((from, Bound::Unbounded)).take(limit.max(1) as usize).collect();
        let next = page.last().filter(|_| page.len() == limit.max(1) as usize).map(|(handle, _)| handle.to_string());
        let sessions =
            page.iter().filter_map(|(_, id)| state.live(id, now)).map(|record| Listed::from(&**record)).collect();
        Ok(Page { sessions, next })
    }

    async fn end_by_handle(&self, account: Option<&str>, handle: &Handle) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(id) = state.by_handle.get(handle).copied() else { return Ok(false) };
        let own = account.is_none() || state.live.get(&id).is_some_and(|r| r.owner.account.as_deref() == account);
        Ok(own && tell(&self.voice, state.remove(&id)))
    }

    async fn end_those(
        &self,
        account: &str,
        handles: &[Handle],
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<Handle>, StoreError> {
        let mut state = self.state();
        let mut ended = Vec::new();
        for handle in handles {
            let Some(id) = state.by_handle.get(handle).copied() else { continue };
            let meant = |record: &Arc<Record>| {
                record.owner.account.as_deref() == Some(account)
                    && unused_since.is_none_or(|moment| record.seen <= moment)
            };
            if state.live.get(&id).is_some_and(meant) && tell(&self.voice, state.remove(&id)) {
                ended.push(*handle);
            }
        }
        Ok(ended)
    }

    async fn end_some(
        &self,
        account: &str,
        except: Option<&Handle>,
        _: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError> {
        let mut state = self.state();
        let mut some = state.of_account(account);
        some.retain(|(_, handle)| Some(handle) != except);
        let more = some.len() > batch as usize;
        some.truncate(batch as usize);
        for (id, _) in &some {
            tell(&self.voice, state.remove(id));
        }
        Ok(Ended { sessions: some.len() as u64, next: more.then(String::new) })
    }

    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError> {
        let mut state = self.state();
        let over: Vec<_> = state.by_deadline.iter().take(batch as usize).copied().collect();
        let over: Vec<_> = over.into_iter().take_while(|(deadline, _)| *deadline <= now).collect();
        for (_, id) in &over {
            state.remove(id);
        }
        let retired: Vec<_> = state.retired_by_end.iter().take(batch as usize).copied().collect();
        let retired: Vec<_> = retired.into_iter().take_while(|(until, _)| *until <= now).collect();
        for (until, id) in &retired {
            state.retired_by_end.remove(&(*until, *id));
            state.retired.remove(id);
        }
        let more = over.len().max(retired.len()) >= batch as usize;
        Ok(Swept { sessions: over.len() as u64, more })
    }

    async fn lead(&self, sweeper: &Handle, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let free = state.leader.is_none_or(|(holder, end)| holder == *sweeper || end <= now);
        if free {
            state.leader = Some((*sweeper, until));
        }
        Ok(free)
    }

    async fn lives(&self, handle: &Handle, now: Timestamp) -> Result<bool, StoreError> {
        let state = self.state();
        Ok(state.by_handle.get(handle).is_some_and(|id| state.live(id, now).is_some()))
    }

    async fn news(&self, news: &News) -> Result<(), StoreError> {
        self.voice.pass_on(news).await;
        Ok(())
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        let state = self.state();
        let over = state.by_deadline.iter().take_while(|(deadline, _)| *deadline <= now).count();
        Ok(Stats { live: (state.live.len() - over) as u64, over: over as u64 })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
