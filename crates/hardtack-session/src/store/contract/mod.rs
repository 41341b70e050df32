//! The test suite that proves a store. Every store of this crate passes it; a store of your own can run it too.
//!
//! It panics with a sentence at the first broken promise, so call it from a test. Some promises are about the stored
//! bytes, which the suite reads and damages by way of [`Behind`]. `examples/own_store.rs` shows a complete use.

mod crowd;
mod lists;
mod news;
mod rotation;
mod secrets;
mod steps;

use super::{Listed, Loaded, Order, Store, StoreError};
use crate::clock::Timestamp;
use crate::id::{Handle, IdHash, Secret};
use crate::lifetime::Lifetime;
use crate::record::{Changes, Data, Owner, Record};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A moment far in the future, so that the suite does not depend on today's date.
const NOW: Timestamp = Timestamp(4_000_000_000_000);
const LIMIT: usize = 1024;

/// Direct access to the stored bytes, past the methods of the store, as a thief or a fault would have it.
#[async_trait]
pub trait Behind: Send + Sync {
    /// Returns everything that the store keeps, as bytes: a dump of the database, or its file.
    async fn dump(&self) -> Vec<u8>;

    /// Makes the record of a session unreadable, in any way that this kind of store can suffer: truncated JSON, a field
    /// of the wrong type.
    async fn spoil(&self, id: &IdHash, handle: &Handle);
}

/// Runs the suite on a store. The store may hold other sessions; the suite sweeps those that have expired at its own
/// time, far in the future.
///
/// # Panics
///
/// When the store breaks a promise of [`Store`].
pub async fn prove(store: Arc<dyn Store>, behind: &dyn Behind) {
    steps::prove(&*store).await;
    rotation::prove(&*store).await;
    lists::prove(&*store).await;
    crowd::prove(&store).await;
    news::prove(&store).await;
    secrets::prove(&store, behind).await;
    rotation::s22_nodes_with_other_clocks_agree_on_an_earlier_id(&*store).await;
}

fn new_id() -> IdHash {
    Secret::generate().expect("random numbers").hash()
}

fn lifetime() -> Lifetime {
    Lifetime { idle: Duration::from_secs(60), absolute: Duration::from_secs(600) }
}

fn data(pairs: &[(&str, &str)]) -> Data {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn changes(pairs: &[(&str, Option<&str>)]) -> Changes {
    let values = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
    Changes { values: values.collect(), max_data: LIMIT, ..Changes::default() }
}

fn owner(account: Option<&str>) -> Owner {
    Owner { account: account.map(str::to_owned), device: None }
}

async fn begin(store: &dyn Store, pairs: &[(&str, &str)]) -> (IdHash, Record) {
    begin_for(store, pairs, None).await
}

async fn begin_for(store: &dyn Store, pairs: &[(&str, &str)], account: Option<&str>) -> (IdHash, Record) {
    let id = new_id();
    let record = Record { owner: owner(account), ..Record::new(data(pairs), lifetime(), NOW) };
    assert!(did(store.create(&id, &record).await), "a new session is stored");
    (id, record)
}

/// Returns all live sessions of an account, the last used one first.
async fn listed(store: &dyn Store, account: &str, now: Timestamp) -> Vec<Listed> {
    did(store.list(account, Order::Used(None), 1000, now).await)
}

fn did<T>(answer: Result<T, StoreError>) -> T {
    answer.unwrap_or_else(|error| panic!("the store failed: {error}"))
}

async fn live(store: &dyn Store, id: &IdHash, now: Timestamp) -> Option<Record> {
    match did(store.load(id, now).await) {
        Loaded::Live(_, record) => Some(Arc::unwrap_or_clone(record)),
        Loaded::Retired | Loaded::Absent => None,
    }
}
