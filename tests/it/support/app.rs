//! The application as in production, in this process, on a free port.

use super::process::{PATIENT, UNHURRIED};
use hardtack::server::Server;
use hardtack::server::settings::Settings;
use hardtack_session::clock::{Clock, ManualClock, Timestamp};
use reqwest::{Client, RequestBuilder};
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running application. Stops when dropped.
pub struct App {
    pub address: SocketAddr,
    pub clock: ManualClock,
    /// A client that keeps cookies as a browser does.
    pub browser: Client,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<std::io::Result<()>>>,
}

impl App {
    /// Starts the application with the default settings and longer timeouts.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts the application with some settings, named by their variables without `HARDTACK_`.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Leptos.toml");
        std::fs::write(&file, "").expect("an empty file of settings");
        let database = format!("sqlite:{}", folder.path().join("hardtack.db").display());
        let own = [("STORE_URL", database.as_str()), ("SITE_LISTEN", "127.0.0.1:0"), PATIENT, UNHURRIED];
        let settings =
            own.iter().chain(settings).map(|(name, value)| (format!("HARDTACK_{name}"), (*value).to_owned()));
        let settings = Settings::load(Some(&file), settings).expect("settings");
        let clock = ManualClock::at(Timestamp(4_000_000_000_000));
        let server = Server::start_with(settings, Clock::Manual(clock.clone())).await.expect("a server");
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async move { drop(stopped.await) }));
        Self { address, clock, browser: browser(), folder, stop: Some(stop), task: Some(task) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.browser.get(self.url(path))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.browser.post(self.url(path))
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("hardtack.db")
    }

    /// Returns the number of sessions in the database.
    pub async fn sessions(&self) -> i64 {
        super::rows(&self.database(), "session").await
    }

    /// Changes the database directly, past the application.
    pub async fn execute(&self, sql: &'static str) {
        let pool = self.pool().await;
        sqlx::query(sql).execute(&pool).await.expect("a change");
        pool.close().await;
    }

    /// Reads one text from the database directly.
    pub async fn text(&self, sql: &'static str) -> String {
        let pool = self.pool().await;
        let text = sqlx::query_scalar(sql).fetch_one(&pool).await.expect("a text");
        pool.close().await;
        text
    }

    async fn pool(&self) -> sqlx::SqlitePool {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
        sqlx::SqlitePool::connect_with(options).await.expect("the database")
    }

    /// Stops the application as SIGTERM does, and waits for its end.
    pub async fn stop(mut self) {
        self.stop.take().expect("stopped once").send(()).expect("a running server");
        self.task.take().expect("stopped once").await.expect("no panic").expect("a clean end");
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Returns a client that keeps cookies and does not follow redirects.
pub fn browser() -> Client {
    Client::builder()
        .cookie_store(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

/// Returns the `Set-Cookie` headers of a response.
pub fn cookies_set(answer: &reqwest::Response) -> Vec<String> {
    let values = answer.headers().get_all("set-cookie").iter();
    values.map(|value| value.to_str().expect("text").to_owned()).collect()
}
