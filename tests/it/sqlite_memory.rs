//! The cache of the SQLite store, with two stores on one file as in two processes: it always agrees with the file.

use crate::support::{Kind, open};
use hardtack_session::Lifetime;
use hardtack_session::clock::Timestamp;
use hardtack_session::id::{IdHash, Secret};
use hardtack_session::record::{Changes, Grace, Record, Rotation};
use hardtack_session::store::sqlite::SqliteStore;
use hardtack_session::store::{Applied, Loaded, Schema, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

const NOW: Timestamp = Timestamp(4_000_000_000_000);

async fn begin(store: &dyn Store) -> (IdHash, Record) {
    let id = Secret::generate().expect("random numbers").hash();
    let record = Record::new([("n".to_owned(), "0".to_owned())].into(), Lifetime::default(), NOW);
    assert!(store.create(&id, &record).await.expect("kept"));
    (id, record)
}

fn set(n: u64) -> Changes {
    Changes { values: [("n".to_owned(), Some(n.to_string()))].into(), max_data: 1024, ..Changes::default() }
}

async fn value(store: &dyn Store, id: &IdHash) -> Option<u64> {
    match store.load(id, NOW).await.expect("an answer") {
        Loaded::Live(_, record) => Some(record.data["n"].parse().expect("a number")),
        Loaded::Retired | Loaded::Absent => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s27_what_one_store_writes_or_ends_the_other_knows_at_its_next_question() {
    let own = open(Kind::Sqlite).await;
    let (here, there) = (Arc::clone(&own.store), own.again().await);
    for n in 1..100 {
        let (id, record) = begin(&*here).await;
        // Twice each, so that both stores cache the session.
        for store in [&here, &there, &here, &there] {
            assert_eq!(value(&**store, &id).await, Some(0));
        }
        assert_eq!(there.apply(&id, &set(n), NOW).await.expect("applied"), Applied::Done(2));
        assert_eq!((value(&*here, &id).await, value(&*there, &id).await), (Some(n), Some(n)));
        match n % 4 {
            0 => assert!(there.end(&id).await.expect("ended")),
            1 => assert!(there.end_by_handle(None, &record.handle).await.expect("ended")),
            2 => {
                let to = Secret::generate().expect("random numbers").hash();
                let grace = Grace::Recognised(Timestamp(NOW.0 + 10_000));
                let rotation = Rotation { to, changes: set(n), owner: None, signed_in: None, grace };
                assert!(matches!(there.rotate(&id, &rotation, NOW).await, Ok(Applied::Done(_))));
                assert_eq!(value(&*here, &to).await, Some(n));
            }
            _ => while there.sweep(Timestamp(NOW.0 + 3_600_000), 100).await.expect("swept").more {},
        }
        assert_eq!(value(&*here, &id).await, None, "after {n}");
        // A sweep with a later clock removes sessions that are live by this test's clock, so the sweeping store may
        // still cache them.
        if n % 4 != 3 {
            assert_eq!(value(&*there, &id).await, None, "after {n}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_whatever_is_acknowledged_is_seen_by_whoever_asks_afterwards() {
    let own = open(Kind::Sqlite).await;
    let stores = [Arc::clone(&own.store), own.again().await];
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push((begin(&*stores[0]).await.0, AtomicU64::new(0)));
    }
    let sessions = Arc::new(sessions);
    let mut tasks = JoinSet::new();
    for task in 0..8_usize {
        let (store, sessions) = (Arc::clone(&stores[task % 2]), Arc::clone(&sessions));
        tasks.spawn(async move {
            for step in 0..300_u64 {
                let (id, acknowledged) = &sessions[(task / 2 + usize::try_from(step % 2).expect("small")) % 4];
                if task < 4 && step % 2 == 0 {
                    // Each session has one writer, so that its numbers only grow.
                    let next = acknowledged.load(Ordering::SeqCst) + 1;
                    if task % 2 == 0 {
                        assert!(matches!(store.apply(id, &set(next), NOW).await, Ok(Applied::Done(_))));
                        acknowledged.fetch_max(next, Ordering::SeqCst);
                    }
                }
                let before = acknowledged.load(Ordering::SeqCst);
                let seen = value(&*store, id).await.expect("a live session");
                assert!(seen >= before, "{seen} was read after {before} was acknowledged");
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_an_index_of_another_database_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (link, real) = (folder.path().join("h.db"), folder.path().join("elsewhere.db"));
    drop(SqliteStore::open(&real, 1, Schema::Migrate).await.expect("made"));
    // A killed server leaves its index file next to the database. The index of another open database looks the same.
    let other = SqliteStore::open(&folder.path().join("other.db"), 1, Schema::Migrate).await.expect("made");
    begin(&other).await;
    std::fs::copy(folder.path().join("other.db-shm"), folder.path().join("h.db-shm")).expect("copied");
    std::os::unix::fs::symlink(&real, &link).expect("linked");
    let store = SqliteStore::open(&link, 1, Schema::Migrate).await.expect("opened");
    let (id, _) = begin(&store).await;
    assert_eq!(value(&store, &id).await, Some(0));
    assert!(store.end(&id).await.expect("ended"));
    assert_eq!(value(&store, &id).await, None, "an ended session stays ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_sessions_are_remembered_behind_a_symbolic_link_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (link, real) = (folder.path().join("h.db"), folder.path().join("elsewhere.db"));
    drop(SqliteStore::open(&real, 1, Schema::Migrate).await.expect("made"));
    std::os::unix::fs::symlink(&real, &link).expect("linked");
    let store = SqliteStore::open(&link, 1, Schema::Migrate).await.expect("opened");
    let (id, _) = begin(&store).await;
    let (Ok(Loaded::Live(_, one)), Ok(Loaded::Live(_, two))) = (store.load(&id, NOW).await, store.load(&id, NOW).await)
    else {
        panic!("a live session")
    };
    assert!(Arc::ptr_eq(&one, &two), "the second load is from the cache");
}
