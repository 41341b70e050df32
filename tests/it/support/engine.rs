//! The engine with the routes of a test, on a real listener.

use super::{Kind, OwnStore, open};
use axum::Router;
use hardtack_session::clock::{Clock, ManualClock, Timestamp};
use hardtack_session::store::Store;
use hardtack_session::{Clocks, CookieSettings, Keys, Sessions};
use reqwest::Client;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Sets the time after which a session gets a new id.
pub fn renewing(sessions: Sessions, every: Duration) -> Sessions {
    let clocks = Clocks { renew_every: Some(every), ..Clocks::default() };
    sessions.clocks(clocks).expect("valid timeouts")
}

/// A running engine.
pub struct Engine {
    pub address: SocketAddr,
    pub clock: ManualClock,
    pub store: Arc<dyn Store>,
    pub browser: Client,
    pub own: Option<OwnStore>,
}

impl Engine {
    /// Starts an engine with these routes, on a new store of this kind.
    pub async fn start(kind: Kind, routes: Router) -> Self {
        let own = open(kind).await;
        let mut engine = Self::start_on(Arc::clone(&own.store), routes).await;
        engine.own = Some(own);
        engine
    }

    /// Starts an engine with these routes, on this store.
    pub async fn start_on(store: Arc<dyn Store>, routes: Router) -> Self {
        Self::start_as(store, routes, |sessions| sessions).await
    }

    /// Starts an engine with more configuration of its sessions.
    pub async fn start_as(store: Arc<dyn Store>, routes: Router, set: impl Fn(Sessions) -> Sessions) -> Self {
        let clock = ManualClock::at(Timestamp(4_000_000_000_000));
        let sessions = Sessions::shared(Arc::clone(&store), Keys::generate().expect("a key"))
            .cookie(CookieSettings::new(false))
            .expect("a cookie that browsers keep")
            .timeout(super::PATIENCE)
            .clock(Clock::Manual(clock.clone()));
        let routes = routes.layer(set(sessions));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, clock, store, browser: super::app::browser(), own: None }
    }

    pub fn now(&self) -> Timestamp {
        Clock::Manual(self.clock.clone()).now()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.browser.get(self.url(path)).send().await.expect("an answer")
    }

    /// Sends a request with this cookie only.
    pub async fn get_as(&self, cookie: &str, path: &str) -> reqwest::Response {
        let request = super::app::browser().get(self.url(path)).header("cookie", cookie);
        request.send().await.expect("an answer")
    }

    /// Sends a first request and returns the cookie of its response: `name=value`.
    pub async fn cookie_from(&self, path: &str) -> String {
        let answer = super::app::browser().get(self.url(path)).send().await.expect("an answer");
        let cookies = super::app::cookies_set(&answer);
        let [cookie] = &cookies[..] else { panic!("one cookie expected: {cookies:?}") };
        cookie.split(';').next().expect("a pair").to_owned()
    }
}
