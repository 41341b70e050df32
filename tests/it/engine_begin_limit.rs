//! A limit on the sessions that a client may begin, in the engine alone.

use super::support::app::{browser, cookies_set};
use super::support::count;
use super::support::watched::Watched;
use axum::routing::get;
use axum::{Extension, Router};
use hardtack_session::clock::Clock;
use hardtack_session::store::{Store, memory::MemoryStore};
use hardtack_session::{BeginLimit, CookieSettings, Error, Key, Keys, Owner, RateLimit, Session, Sessions};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const NOTE: Key<String> = Key::new("note");

/// A limit that counts the remaining sessions, for all addresses together.
#[derive(Debug)]
struct Left(AtomicU32);

impl RateLimit for Left {
    fn take(&self, _: IpAddr) -> Result<(), Duration> {
        let left = |left: u32| left.checked_sub(1);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        taken.map(drop).map_err(|_| Duration::from_millis(2500))
    }

    fn give_back(&self, _: IpAddr) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts an application in which clients may begin this many sessions. Returns its URL and its store.
async fn start(left: u32, lenient: bool) -> (String, Arc<Watched>) {
    let store = Watched::new(Arc::new(MemoryStore::default()));
    let sessions = Sessions::shared(Arc::clone(&store) as Arc<dyn Store>, Keys::generate().expect("a key"));
    let sessions = sessions.cookie(CookieSettings::new(false)).expect("a cookie");
    let put = |session: Session| async move { session.put(NOTE, &"biscuit".to_owned()).await };
    let sign_in = |session: Session| async move {
        session.sign_in(Owner { account: Some("ada".to_owned()), device: None }, None).await
    };
    let deaf = |session: Session| async move {
        session.update(NOTE, |_| "biscuit".to_owned()).await.ok();
        session.put(NOTE, &"another".to_owned()).await.map(|()| "done")
    };
    let limit =
        BeginLimit { limiter: Arc::new(Left(AtomicU32::new(left))), client: IpAddr::V4(Ipv4Addr::LOCALHOST), lenient };
    let routes = Router::new()
        .route("/count", get(|session: Session| async move { count(&session).await.to_string() }))
        .route("/update", get(|session: Session| async move { session.update(NOTE, |_| "x".to_owned()).await }))
        .route("/put", get(put))
        .route("/deaf", get(deaf))
        .route("/sign-in", get(sign_in))
        .route(
            "/nothing",
            get(|session: Session| async move { Ok::<_, Error>(session.facts().await?.is_some().to_string()) }),
        )
        .layer(sessions)
        .layer(Extension(limit));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (format!("http://{address}"), store)
}

async fn ask(url: &str, path: &str) -> (u16, Option<String>, usize) {
    let answer = browser().get(format!("{url}{path}")).send().await.expect("an answer");
    let wait = answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
    (answer.status().as_u16(), wait, cookies_set(&answer).len())
}

#[tokio::test]
async fn g7_a_client_that_may_begin_no_session_is_refused_and_nothing_is_stored() {
    let (url, store) = start(1, false).await;
    let own = browser();
    let first = own.get(format!("{url}/update")).send().await.expect("an answer");
    assert_eq!((first.status().as_u16(), cookies_set(&first).len()), (200, 1));
    // The handler gets the error, or the commit fails, or the handler ignores the error.
    for path in ["/update", "/put", "/deaf"] {
        assert_eq!(ask(&url, path).await, (429, Some("3".to_owned()), 0), "{path}");
    }
    assert_eq!(ask(&url, "/nothing").await, (200, None, 0), "a request that stores nothing is served");
    let again = own.get(format!("{url}/update")).send().await.expect("an answer");
    assert_eq!(again.status(), 200, "an existing session is not limited");
    assert_eq!(ask(&url, "/sign-in").await, (200, None, 1), "sign-ins have their own limits");
    assert_eq!(store.stats(Clock::System.now()).await.expect("a count").live, 2);
}

#[tokio::test]
async fn g7_a_lenient_limit_serves_the_request_and_stores_nothing() {
    let (url, store) = start(0, true).await;
    for path in ["/update", "/put", "/deaf", "/count", "/nothing"] {
        assert_eq!(ask(&url, path).await, (200, None, 0), "{path}");
    }
    assert_eq!(store.stats(Clock::System.now()).await.expect("a count").live, 0);
    assert_eq!(ask(&url, "/sign-in").await, (200, None, 1));
}

#[tokio::test]
async fn g7_g8_an_outage_of_the_store_uses_up_no_share() {
    let (url, store) = start(2, false).await;
    store.break_down(true);
    for path in ["/update", "/put", "/update", "/put"] {
        assert_eq!(ask(&url, path).await.0, 503, "{path}");
    }
    store.break_down(false);
    assert_eq!(ask(&url, "/update").await.0, 200);
    assert_eq!(ask(&url, "/put").await.0, 200);
    assert_eq!(ask(&url, "/update").await.0, 429, "a session that has begun counts");
}
