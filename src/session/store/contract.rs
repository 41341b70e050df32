//! The suite that proves a store. Every store of this crate passes it whole; a store of your own can run it too.
//!
//! It panics with a sentence at the first promise that is broken, so call it from a test:
//!
//! ```
//! use hardtack::session::store::{contract, memory::MemoryStore};
//! use std::sync::Arc;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! contract::prove(Arc::new(MemoryStore::default())).await;
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

use super::{Applied, Loaded, Store, StoreError};
use crate::session::clock::Timestamp;
use crate::session::id::{Handle, IdHash, Secret};
use crate::session::lifetime::Lifetime;
use crate::session::record::{Changes, Data, Grace, Record, Rotation};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Far ahead, so that nothing here depends on today.
const NOW: Timestamp = Timestamp(4_000_000_000_000);
const LIMIT: usize = 1024;

/// Runs the suite on a store. It may hold other sessions; those that are over at the suite's time, far in the
/// future, are swept.
///
/// # Panics
///
/// When the store breaks a promise of [`Store`].
pub async fn prove(store: Arc<dyn Store>) {
    keeps_what_it_was_given(&*store).await;
    never_overwrites(&*store).await;
    g1_merges_changes_of_different_values(&*store).await;
    refuses_changes_of_another_version(&*store).await;
    s102_keeps_to_its_limit(&*store).await;
    g3_changes_nothing_that_is_gone(&*store).await;
    g6_ends_at_the_boundary(&*store).await;
    s100_touches_without_rewriting(&*store).await;
    g4_rotates_in_one_step(&*store).await;
    g4_lets_a_renewed_id_reach(&*store).await;
    lists_and_ends_by_account(&*store).await;
    sweeps_the_oldest_first(&*store).await;
    g2_lets_one_writer_win_a_version(Arc::clone(&store)).await;
    g1_loses_nothing_among_writers(Arc::clone(&store)).await;
    g3_lets_no_writer_revive(store).await;
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
    Changes { values: values.collect(), if_version: None, max_data: LIMIT }
}

async fn begin(store: &dyn Store, pairs: &[(&str, &str)]) -> (IdHash, Record) {
    begin_for(store, pairs, None).await
}

async fn begin_for(store: &dyn Store, pairs: &[(&str, &str)], account: Option<&str>) -> (IdHash, Record) {
    let id = new_id();
    let record = Record { account: account.map(str::to_owned), ..Record::new(data(pairs), lifetime(), NOW) };
    assert!(did(store.create(&id, &record).await), "a new session is kept");
    (id, record)
}

fn did<T>(answer: Result<T, StoreError>) -> T {
    answer.unwrap_or_else(|error| panic!("the store failed: {error}"))
}

async fn live(store: &dyn Store, id: &IdHash, now: Timestamp) -> Option<Record> {
    match did(store.load(id, now).await) {
        Loaded::Live(_, record) => Some(record),
        Loaded::Retired | Loaded::Absent => None,
    }
}

async fn keeps_what_it_was_given(store: &dyn Store) {
    did(store.ping().await);
    let odd = "a \"quoted\" \\ name, ключ, 🔑, \u{7f} and a 'quote'";
    let (id, record) =
        begin_for(store, &[(odd, r#"{"a":[1,null,"x\u0000y"]}"#), ("empty", "\"\""), ("null", "null")], Some("me"))
            .await;
    assert_eq!(did(store.load(&id, NOW).await), Loaded::Live(id, record), "a session comes back as it was given");
    assert_eq!(did(store.load(&new_id(), NOW).await), Loaded::Absent, "an unknown id is absent, and no error");
    assert!(did(store.end(&id).await), "a session is ended");
    assert!(!did(store.end(&id).await), "a second end finds nothing");
    assert_eq!(live(store, &id, NOW).await, None, "an ended session is gone");
}

async fn never_overwrites(store: &dyn Store) {
    let (id, record) = begin(store, &[("a", "1")]).await;
    let other = Record::new(data(&[("a", "2")]), lifetime(), NOW);
    assert!(!did(store.create(&id, &other).await), "an id in use is not given away");
    assert_eq!(live(store, &id, NOW).await, Some(record), "and its session is as it was");
}

async fn g1_merges_changes_of_different_values(store: &dyn Store) {
    let (id, _) = begin(store, &[("kept", "1"), ("changed", "2"), ("removed", "3")]).await;
    let first = changes(&[("changed", Some("{\"deep\":null}")), ("removed", None), ("not there", None)]);
    assert_eq!(did(store.apply(&id, &first, NOW + Duration::from_secs(1)).await), Applied::Done(2));
    assert_eq!(did(store.apply(&id, &changes(&[("added", Some("null"))]), NOW).await), Applied::Done(3));
    let record = live(store, &id, NOW).await.expect("a live session");
    let expected = data(&[("kept", "1"), ("changed", "{\"deep\":null}"), ("added", "null")]);
    assert_eq!(record.data, expected, "each change touches its own values and no other");
    assert_eq!(record.seen, NOW + Duration::from_secs(1), "a change is use, and time never runs backwards");
}

async fn refuses_changes_of_another_version(store: &dyn Store) {
    let (id, _) = begin(store, &[("n", "1")]).await;
    let of = |version| Changes { if_version: Some(version), ..changes(&[("n", Some("2"))]) };
    assert_eq!(did(store.apply(&id, &of(7), NOW).await), Applied::Conflict);
    assert_eq!(did(store.apply(&id, &of(1), NOW).await), Applied::Done(2));
    assert_eq!(did(store.apply(&id, &of(1), NOW).await), Applied::Conflict, "a version is good for one change");
}

async fn s102_keeps_to_its_limit(store: &dyn Store) {
    let (id, record) = begin(store, &[("a", "1")]).await;
    let sized = |bytes: usize| changes(&[("b", Some("x".repeat(bytes).as_str()))]);
    // "a" + "1" + "b" are three bytes.
    assert_eq!(did(store.apply(&id, &sized(LIMIT - 2), NOW).await), Applied::TooLarge);
    assert_eq!(live(store, &id, NOW).await, Some(record), "what is too large changes nothing");
    assert_eq!(did(store.apply(&id, &sized(LIMIT - 3), NOW).await), Applied::Done(2), "the limit itself fits");
    let quotes = changes(&[("b", Some("\"".repeat(LIMIT - 3).as_str()))]);
    assert_eq!(did(store.apply(&id, &quotes, NOW).await), Applied::Done(3), "bytes count as they are, not as encoded");
}

async fn g3_changes_nothing_that_is_gone(store: &dyn Store) {
    let (id, _) = begin(store, &[("a", "1")]).await;
    did(store.end(&id).await);
    assert_eq!(did(store.apply(&id, &changes(&[("a", Some("2"))]), NOW).await), Applied::Gone);
    assert_eq!(did(store.rotate(&id, &rotation(new_id(), recognised()), NOW).await), Applied::Gone);
    assert!(!did(store.touch(&id, NOW).await));
    assert_eq!(live(store, &id, NOW).await, None, "nothing brings an ended session back");
}

async fn g6_ends_at_the_boundary(store: &dyn Store) {
    let (id, _) = begin(store, &[("a", "1")]).await;
    let idle = NOW + Duration::from_secs(60);
    let before = Timestamp(idle.0 - 1);
    assert!(live(store, &id, before).await.is_some(), "a session lives to its last millisecond");
    assert_eq!(live(store, &id, idle).await, None, "and is over at its deadline, swept or not");
    assert_eq!(did(store.apply(&id, &changes(&[("a", None)]), idle).await), Applied::Gone);
    assert_eq!(did(store.rotate(&id, &rotation(new_id(), recognised()), idle).await), Applied::Gone);
    assert!(!did(store.touch(&id, idle).await), "no touch revives it");

    let (id, _) = begin(store, &[("a", "1")]).await;
    for second in (50..600).step_by(50) {
        assert!(did(store.touch(&id, NOW + Duration::from_secs(second)).await), "use keeps it alive");
    }
    let absolute = NOW + Duration::from_secs(600);
    assert!(live(store, &id, Timestamp(absolute.0 - 1)).await.is_some());
    assert_eq!(live(store, &id, absolute).await, None, "the absolute lifetime ends it, however busy");
}

async fn s100_touches_without_rewriting(store: &dyn Store) {
    let (id, record) = begin(store, &[("a", "1")]).await;
    let later = NOW + Duration::from_secs(30);
    assert!(did(store.touch(&id, later).await));
    let touched = live(store, &id, later).await.expect("a live session");
    assert_eq!(touched, Record { seen: later, ..record }, "a touch moves `seen` and nothing else, version included");
}

fn recognised() -> Grace {
    Grace::Recognised(NOW + Duration::from_secs(10))
}

fn rotation(to: IdHash, grace: Grace) -> Rotation {
    Rotation { to, changes: changes(&[]), account: None, lifetime: None, grace }
}

async fn g4_rotates_in_one_step(store: &dyn Store) {
    let (old, record) = begin(store, &[("kept", "1"), ("removed", "2")]).await;
    let new = new_id();
    let longer = Lifetime { absolute: Duration::from_secs(9000), ..lifetime() };
    let sign_in = Rotation {
        changes: changes(&[("removed", None), ("added", Some("3"))]),
        account: Some(Some("ada".to_owned())),
        lifetime: Some(longer),
        ..rotation(new, recognised())
    };
    assert_eq!(did(store.rotate(&old, &sign_in, NOW).await), Applied::Done(2));
    let now = live(store, &new, NOW).await.expect("the session lives under its new id");
    let expected = Record {
        account: Some("ada".to_owned()),
        data: data(&[("kept", "1"), ("added", "3")]),
        lifetime: longer,
        version: 2,
        ..record
    };
    assert_eq!(now, expected, "handle and creation stay, what was asked changes");
    assert_eq!(did(store.load(&old, NOW).await), Loaded::Retired, "the old id is recognised and opens nothing");
    assert_eq!(did(store.apply(&old, &changes(&[("a", Some("1"))]), NOW).await), Applied::Gone);
    assert!(!did(store.touch(&old, NOW).await) && !did(store.end(&old).await));
    assert_eq!(did(store.rotate(&old, &rotation(new_id(), recognised()), NOW).await), Applied::Gone);
    assert_eq!(did(store.load(&old, NOW + Duration::from_secs(10)).await), Loaded::Absent, "and is forgotten in time");
    let (_, other) = begin(store, &[]).await;
    assert!(!did(store.create(&old, &other).await), "a retired id is given to nobody");

    let sign_out = Rotation { account: Some(None), ..rotation(new_id(), recognised()) };
    assert_eq!(did(store.rotate(&new, &sign_out, NOW).await), Applied::Done(3));
    assert_eq!(live(store, &sign_out.to, NOW).await.expect("a live session").account, None);
}

async fn g4_lets_a_renewed_id_reach(store: &dyn Store) {
    let (old, record) = begin(store, &[("a", "1")]).await;
    let reaches = Grace::Reaches(NOW + Duration::from_secs(10));
    let (second, third) = (new_id(), new_id());
    did(store.rotate(&old, &rotation(second, reaches), NOW).await);
    did(store.rotate(&second, &rotation(third, reaches), NOW).await);
    let now = Record { version: 3, ..record };
    for id in [old, second, third] {
        assert_eq!(did(store.load(&id, NOW).await), Loaded::Live(third, now.clone()), "each id leads to the session");
    }
    assert_eq!(did(store.apply(&old, &changes(&[("b", Some("2"))]), NOW).await), Applied::Done(4));
    assert!(did(store.touch(&second, NOW).await));
    assert_eq!(did(store.load(&old, NOW + Duration::from_secs(10)).await), Loaded::Absent, "for the grace only");
    let fourth = new_id();
    assert_eq!(did(store.rotate(&third, &rotation(fourth, recognised()), NOW).await), Applied::Done(5));
    for id in [old, second, third] {
        assert!(live(store, &id, NOW).await.is_none(), "a change of privilege cuts off every earlier id");
        assert_eq!(did(store.apply(&id, &changes(&[("b", Some("3"))]), NOW).await), Applied::Gone);
        assert!(!did(store.touch(&id, NOW).await));
    }
    did(store.rotate(&fourth, &rotation(new_id(), reaches), NOW).await);
    let Loaded::Live(fifth, _) = did(store.load(&fourth, NOW).await) else { panic!("a renewed id reaches") };
    did(store.end(&fifth).await);
    assert_eq!(did(store.load(&fourth, NOW).await), Loaded::Absent, "an ended session is reached by none of its ids");
}

async fn lists_and_ends_by_account(store: &dyn Store) {
    let (me, stranger) = (Handle::generate().to_string(), Handle::generate().to_string());
    let (first, one) = begin_for(store, &[], Some(&me)).await;
    let (second, two) = begin_for(store, &[], Some(&me)).await;
    let (third, three) = begin_for(store, &[], Some(&me)).await;
    let (foreign, _) = begin_for(store, &[], Some(&stranger)).await;
    let later = NOW + Duration::from_secs(5);
    did(store.touch(&second, later).await);
    let listed = did(store.list(&me, later).await);
    assert_eq!(listed.len(), 3, "an account lists its own sessions");
    assert_eq!((listed[0].handle, listed[0].seen), (two.handle, later), "the one used last comes first");
    assert_eq!(did(store.list(&me, NOW + Duration::from_secs(60)).await).len(), 1, "what is over is not listed");
    assert!(!did(store.end_by_handle(&stranger, &one.handle).await), "nobody ends a stranger's session");
    assert!(!did(store.end_by_handle(&me, &Handle::generate()).await));
    assert!(did(store.end_by_handle(&me, &one.handle).await));
    assert_eq!(live(store, &first, NOW).await, None);
    assert_eq!(did(store.end_by_account(&me, Some(&three.handle)).await), 1, "all but one");
    assert!(live(store, &third, NOW).await.is_some() && live(store, &second, NOW).await.is_none());
    assert_eq!(did(store.end_by_account(&me, None).await), 1, "all");
    assert_eq!(did(store.list(&me, NOW).await), []);
    assert!(live(store, &foreign, NOW).await.is_some(), "and nobody else's");
}

async fn sweeps_the_oldest_first(store: &dyn Store) {
    let beyond = NOW + Duration::from_secs(100_000);
    while did(store.sweep(beyond, 1000).await) > 0 {}
    let mut ids = Vec::new();
    for second in [3, 1, 2] {
        let id = new_id();
        let record = Record::new(Data::new(), lifetime(), NOW + Duration::from_secs(second));
        did(store.create(&id, &record).await);
        ids.push(id);
    }
    assert_eq!(did(store.sweep(NOW + Duration::from_secs(60), 10).await), 0, "what lives is not swept");
    assert_eq!(did(store.sweep(NOW + Duration::from_secs(62), 1).await), 1, "a sweep keeps to its batch");
    assert_eq!(did(store.sweep(NOW + Duration::from_secs(62), 10).await), 1);
    assert!(live(store, &ids[0], NOW).await.is_some(), "and begins with what has been over longest");
}

async fn g2_lets_one_writer_win_a_version(store: Arc<dyn Store>) {
    let (id, _) = begin(&*store, &[("n", "0")]).await;
    let won = at_once(32, move |n| {
        let store = Arc::clone(&store);
        let value = n.to_string();
        async move {
            let change = Changes { if_version: Some(1), ..changes(&[("n", Some(&value))]) };
            did(store.apply(&id, &change, NOW).await) == Applied::Done(2)
        }
    })
    .await;
    assert_eq!(won.into_iter().filter(|won| *won).count(), 1, "of many changes of one version, one is made");
}

async fn g1_loses_nothing_among_writers(store: Arc<dyn Store>) {
    let (id, _) = begin(&*store, &[]).await;
    let writers = Arc::clone(&store);
    at_once(64, move |n| {
        let store = Arc::clone(&writers);
        let name = n.to_string();
        async move { did(store.apply(&id, &changes(&[(&name, Some("1"))]), NOW).await) }
    })
    .await;
    let record = live(&*store, &id, NOW).await.expect("a live session");
    assert_eq!((record.data.len(), record.version), (64, 65), "every writer's value is there");
}

async fn g3_lets_no_writer_revive(store: Arc<dyn Store>) {
    for _ in 0..8 {
        let (id, _) = begin(&*store, &[("a", "1")]).await;
        let crowd = Arc::clone(&store);
        at_once(16, move |n| {
            let store = Arc::clone(&crowd);
            async move {
                match n % 4 {
                    0 => drop(did(store.end(&id).await)),
                    1 => drop(did(store.apply(&id, &changes(&[("a", Some("2"))]), NOW).await)),
                    2 => drop(did(store.touch(&id, NOW).await)),
                    _ => drop(did(store.load(&id, NOW).await)),
                }
            }
        })
        .await;
        assert_eq!(live(&*store, &id, NOW).await, None, "whoever wrote while it ended, it has ended");
    }
}

/// Runs `count` tasks that begin together.
async fn at_once<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let (barrier, task) = (Arc::clone(&barrier), task(n));
        tasks.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    tasks.join_all().await
}
