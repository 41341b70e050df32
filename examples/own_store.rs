//! A custom store, tested by the store contract: `cargo run --example own_store --features ssr`.
//!
//! It keeps sessions in a sorted map and searches all of it for everything but an id. It is the smallest store that
//! meets the contract. A store on a database has the same steps and the same tests.

use async_trait::async_trait;
use hardtack_session::clock::Timestamp;
use hardtack_session::id::{Handle, IdHash};
use hardtack_session::record::{Changes, Grace, Record, Rotation, size};
use hardtack_session::store::contract::{self, Behind};
use hardtack_session::store::{Applied, Ended, Listed, Loaded, Order, Page, Stats, Store, StoreError, Swept};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Notebook(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    sessions: BTreeMap<IdHash, Record>,
    /// Retired ids: the session's handle, the time until which the id is known, and whether it still leads to the
    /// session.
    retired: BTreeMap<IdHash, (Handle, Timestamp, bool)>,
    sweeper: Option<(Handle, Timestamp)>,
}

impl Pages {
    /// Returns the current id of the session that `id` leads to.
    fn current(&self, id: &IdHash, now: Timestamp) -> IdHash {
        let Some((handle, until, true)) = self.retired.get(id) else { return *id };
        let live = self.sessions.iter().find(|(_, record)| record.handle == *handle && *until > now);
        live.map_or(*id, |(current, _)| *current)
    }

    fn live(&self, id: &IdHash, now: Timestamp) -> Option<&Record> {
        self.sessions.get(id).filter(|record| record.deadline() > now)
    }

    /// Returns the record after the changes, or the reason why they are refused.
    fn changed(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Record, Applied> {
        let mut record = self.live(id, now).cloned().ok_or(Applied::Gone)?;
        if changes.if_version.is_some_and(|version| version != record.version) {
            return Err(Applied::Conflict);
        }
        let before = size(&record.data);
        changes.apply_to(&mut record.data);
        if size(&record.data) > changes.max_data.max(before) {
            return Err(Applied::TooLarge);
        }
        record.lifetime = changes.lifetime.unwrap_or(record.lifetime);
        record.terms = changes.terms.unwrap_or(record.terms);
        record.seen = record.seen.max(now);
        record.version += 1;
        Ok(record)
    }

    /// Removes the sessions that match, and returns their number.
    fn remove(&mut self, rule: impl Fn(&Record) -> bool) -> u64 {
        let before = self.sessions.len();
        self.sessions.retain(|_, record| !rule(record));
        (before - self.sessions.len()) as u64
    }
}

impl Notebook {
    /// Locks the map. Each step is atomic, because it holds the lock from its beginning to its end.
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Notebook {
    fn kind(&self) -> &'static str {
        "notebook"
    }

    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        let pages = self.pages();
        let current = pages.current(id, now);
        // A retired id of a session that has ended is unknown, like any other id.
        let there = |handle: &Handle| pages.sessions.values().any(|record| record.handle == *handle);
        let known = |(handle, until, _): &&(Handle, Timestamp, bool)| *until > now && there(handle);
        Ok(match (pages.live(&current, now), pages.retired.get(id).filter(known)) {
            (Some(record), _) => Loaded::Live(current, Arc::new(record.clone())),
            (None, Some((_, _, false))) => Loaded::Retired,
            (None, _) => Loaded::Absent,
        })
    }

    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError> {
        let mut pages = self.pages();
        let free = !pages.sessions.contains_key(id) && !pages.retired.contains_key(id);
        if free {
            pages.sessions.insert(*id, record.clone());
        }
        Ok(free)
    }

    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        let mut pages = self.pages();
        let id = pages.current(id, now);
        Ok(match pages.changed(&id, changes, now) {
            Err(why) => why,
            Ok(record) => {
                let version = record.version;
                pages.sessions.insert(id, record);
                Applied::Done(version)
            }
        })
    }

    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError> {
        let mut pages = self.pages();
        let mut record = match pages.changed(id, &rotation.changes, now) {
            Err(why) => return Ok(why),
            Ok(record) => record,
        };
        record.renewed = now;
        if let Some(signed_in) = rotation.signed_in {
            (record.created, record.signed_in) = (now, signed_in);
        }
        record.owner = rotation.owner.clone().unwrap_or(record.owner);
        let (handle, version) = (record.handle, record.version);
        let (until, reaches) = match rotation.grace {
            Grace::Recognised(until) => (until, false),
            Grace::Reaches(until) => (until, true),
        };
        pages.sessions.remove(id);
        pages.sessions.insert(rotation.to, record);
        if !reaches {
            // After a change of privilege, no earlier id may lead to the session.
            for retired in pages.retired.values_mut().filter(|(of, ..)| *of == handle) {
                retired.2 = false;
            }
        }
        pages.retired.insert(*id, (handle, until, reaches));
        Ok(Applied::Done(version))
    }

    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        let mut pages = self.pages();
        let id = pages.current(id, now);
        let live = pages.sessions.get_mut(&id).filter(|record| record.deadline() > now);
        Ok(live.map(|record| record.seen = record.seen.max(now)).is_some())
    }

    async fn end(&self, id: &IdHash) -> Result<bool, StoreError> {
        Ok(self.pages().sessions.remove(id).is_some())
    }

    async fn list(&self, account: &str, order: Order, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let pages = self.pages();
        let own = |record: &&Record| record.owner.account.as_deref() == Some(account) && record.deadline() > now;
        Ok(order.cut(pages.sessions.values().filter(own).map(Listed::from).collect(), limit))
    }

    async fn browse(&self, _: Option<&str>, _: u32, now: Timestamp) -> Result<Page, StoreError> {
        // All on one page, because the map is small.
        let pages = self.pages();
        let live = pages.sessions.values().filter(|record| record.deadline() > now);
        Ok(Page { sessions: live.map(Listed::from).collect(), next: None })
    }

    async fn end_by_handle(&self, account: Option<&str>, handle: &Handle) -> Result<bool, StoreError> {
        let named = |record: &Record| record.handle == *handle;
        let own = |record: &Record| account.is_none() || record.owner.account.as_deref() == account;
        Ok(self.pages().remove(|record| named(record) && own(record)) > 0)
    }

    async fn end_those(
        &self,
        account: &str,
        handles: &[Handle],
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<Handle>, StoreError> {
        let mut pages = self.pages();
        let own = |record: &Record| record.owner.account.as_deref() == Some(account);
        let unused = |record: &Record| unused_since.is_none_or(|moment| record.seen <= moment);
        let ends =
            |handle: &&Handle| pages.remove(|record| record.handle == **handle && own(record) && unused(record)) > 0;
        Ok(handles.iter().filter(ends).copied().collect())
    }

    async fn end_some(
        &self,
        account: &str,
        except: Option<&Handle>,
        _: Option<&str>,
        _: u32,
    ) -> Result<Ended, StoreError> {
        // All in one step, because the map is small.
        let own = |record: &Record| record.owner.account.as_deref() == Some(account);
        let sessions = self.pages().remove(|record| own(record) && Some(&record.handle) != except);
        Ok(Ended { sessions, next: None })
    }

    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError> {
        let mut pages = self.pages();
        pages.retired.retain(|_, (_, until, _)| *until > now);
        let over = pages.sessions.iter().filter(|(_, record)| record.deadline() <= now);
        let mut over: Vec<_> = over.map(|(id, record)| (record.deadline(), *id)).collect();
        over.sort_unstable();
        over.truncate(batch as usize);
        for (_, id) in &over {
            pages.sessions.remove(id);
        }
        Ok(Swept { sessions: over.len() as u64, more: over.len() == batch as usize })
    }

    async fn lead(&self, sweeper: &Handle, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let mut pages = self.pages();
        let free = pages.sweeper.is_none_or(|(holder, end)| holder == *sweeper || end <= now);
        if free {
            pages.sweeper = Some((*sweeper, until));
        }
        Ok(free)
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        let pages = self.pages();
        let live = pages.sessions.values().filter(|record| record.deadline() > now).count() as u64;
        Ok(Stats { live, over: pages.sessions.len() as u64 - live })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The direct access to the data that the contract's tests need. For a database: a dump, and an UPDATE that corrupts a
/// row.
struct Shelf(Arc<Notebook>);

#[async_trait]
impl Behind for Shelf {
    async fn dump(&self) -> Vec<u8> {
        let pages = self.0.pages();
        let ids = pages.sessions.keys().chain(pages.retired.keys());
        let mut dump: Vec<u8> = ids.flat_map(|id| id.0).collect();
        dump.extend(format!("{pages:?}").bytes());
        dump
    }

    async fn spoil(&self, id: &IdHash, _: &Handle) {
        if let Some(record) = self.0.pages().sessions.get_mut(id) {
            record.data.values_mut().for_each(|text| text.push('{'));
        }
    }
}

async fn prove() {
    let store = Arc::new(Notebook::default());
    contract::prove(store.clone(), &Shelf(store)).await;
}

#[tokio::main]
async fn main() {
    prove().await;
    println!("the store fulfils the contract");
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn the_notebook_fulfils_the_contract() {
        super::prove().await;
    }
}
