//! `/readyz`: public, with at most one call of the store a second.

use crate::support::STORES;
use crate::support::app::App;
use crate::support::open;
use crate::support::watched::Watched;
use futures::FutureExt as _;
use futures::future::join_all;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::store::{Readiness, Ready};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::advance;

/// The clock is paused and advances only by `advance`.
#[tokio::test(start_paused = true)]
async fn g8_a_thousand_questions_for_readiness_are_one_call_of_the_store() {
    let store = Watched::new(Arc::new(MemoryStore::default()));
    let readiness = Readiness::new(store.clone());
    let thousand = || join_all((0..1000).map(|_| readiness.ask()));
    assert!(thousand().await.iter().all(|ready| *ready == Ready::Yes));
    assert_eq!(store.asked(), (1, 0), "one call serves all concurrent requests");
    advance(Duration::from_millis(999)).await;
    thousand().await;
    assert_eq!(store.asked(), (0, 0), "the result is cached for a second");
    store.break_down(true);
    advance(Duration::from_millis(1)).await;
    assert!(thousand().await.iter().all(|ready| *ready == Ready::Failed));
    assert_eq!(store.asked(), (1, 0), "then the store is called again, and a failure is shared too");
    store.break_down(false);
    advance(Duration::from_secs(1)).await;
    assert_eq!(readiness.ask().await, Ready::Yes);
}

#[tokio::test(start_paused = true)]
async fn g8_clients_that_hang_up_make_no_second_call_beside_the_first() {
    let store = Watched::new(Arc::new(MemoryStore::default()));
    let readiness = Readiness::new(store.clone());
    store.freeze(true);
    for _ in 0..100 {
        // Polled until it waits for the store, then dropped.
        assert_eq!(readiness.ask().now_or_never(), None);
        tokio::task::yield_now().await;
    }
    assert_eq!(store.asked(), (1, 0), "one call for a hundred clients that have left");
    assert_eq!(readiness.ask().await, Ready::Silent, "a waiting client gets a result after a second");
    assert_eq!(store.asked(), (0, 0), "from the same call");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_ping_of_each_store_says_that_it_works() {
    for kind in STORES {
        let own = open(kind).await;
        assert_eq!(Readiness::new(own.store.clone()).ask().await, Ready::Yes, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_clients_of_readyz_share_the_calls_of_the_store() {
    const CLIENTS: i64 = 60;
    let app = App::start().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(app.database()).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let pings = async || {
        let count = sqlx::query_scalar::<_, i64>("SELECT count FROM probe").fetch_optional(&pool);
        count.await.expect("a count").unwrap_or_default()
    };
    let before = pings().await;
    let answers = join_all((0..CLIENTS).map(|_| app.get("/readyz").send())).await;
    assert!(answers.into_iter().all(|answer| answer.expect("an answer").status() == 200));
    let made = pings().await - before;
    // Even on a slow machine the requests share calls.
    assert!((1..CLIENTS).contains(&made), "{CLIENTS} clients made {made} calls");
}
