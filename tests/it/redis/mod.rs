//! The Redis store: its URL, its keys, its connections, and crashes during its steps.

mod cluster;
mod crash;
mod kept;
mod opening;
mod outages;

use crate::support;
use crate::support::process::insist;
use crate::support::servers::past;
use hardtack_session::Lifetime;
use hardtack_session::clock::Timestamp;
use hardtack_session::id::{IdHash, Secret};
use hardtack_session::record::{Changes, Data, Grace, Owner, Record, Rotation};
use hardtack_session::store::redis::RedisStore;
use hardtack_session::store::{Loaded, Schema, Store};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};
use std::time::Duration;

const NOW: Timestamp = Timestamp(4_000_000_000_000);

async fn open(url: &str) -> RedisStore {
    open_within(url, support::PATIENCE).await
}

/// Opens a store with this timeout. Repeats it, because a busy machine may exceed the timeout before the test begins.
async fn open_within(url: &str, timeout: Duration) -> RedisStore {
    insist(async || RedisStore::open(url, timeout, Schema::Migrate).await).await
}

fn new_id() -> IdHash {
    Secret::generate().expect("random numbers").hash()
}

fn of(account: &str) -> Owner {
    Owner { account: Some(account.to_owned()), device: None }
}

fn record(account: Option<&str>) -> Record {
    let data = Data::from([("a".to_owned(), "1".to_owned())]);
    let owner = account.map(of).unwrap_or_default();
    Record { owner, ..Record::new(data, Lifetime::default(), NOW) }
}

async fn begin(store: &RedisStore, account: Option<&str>) -> (IdHash, Record) {
    let (id, record) = (new_id(), record(account));
    assert!(store.create(&id, &record).await.expect("an answer"));
    (id, record)
}

/// Returns the change of one value, without a limit of its size.
fn change(value: &str) -> Changes {
    let values = [("b".to_owned(), Some(value.to_owned()))].into();
    Changes { values, max_data: usize::MAX, ..Changes::default() }
}

fn sign_in(to: IdHash, account: &str) -> Rotation {
    let grace = Grace::Recognised(NOW + Duration::from_secs(10));
    Rotation { to, changes: change("2"), owner: Some(of(account)), signed_in: None, grace }
}

async fn is_live(store: &RedisStore, id: &IdHash) -> bool {
    matches!(store.load(id, NOW).await.expect("an answer"), Loaded::Live(..))
}

async fn ask<T: FromRedisValue>(server: &mut MultiplexedConnection, command: &Cmd) -> T {
    command.query_async(server).await.expect("an answer")
}

/// Returns the names of all keys of a server.
async fn keys(server: &mut MultiplexedConnection) -> Vec<String> {
    let mut keys: Vec<String> = ask(server, redis::cmd("KEYS").arg("*")).await;
    keys.sort();
    keys
}
