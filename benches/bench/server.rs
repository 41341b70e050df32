//! The servers under load. Each is this program in a separate process, so that its CPU time is separate from the
//! client's.

use super::stores;
use axum::http::StatusCode;
use axum::{Extension, Router, routing::get};
use hardtack_session::{CookieSettings, Error, Key, Keys, Session, Sessions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tower_sessions::session::Error as TowerError;
use tower_sessions::{MemoryStore as TowerStore, Session as TowerSession, SessionManagerLayer};

/// The URL that stands for the layer and the store of tower-sessions.
pub(crate) const TOWER: &str = "tower-sessions:";

/// The initial values of a session: a number, which is read, and a name, as after a sign-in.
const VISITS: Key<u32> = Key::new("visits");
const NAME: Key<String> = Key::new("name");
/// The value that writes change.
const DRAFT: Key<u64> = Key::new("draft");
/// The value that updates count.
const COUNT: Key<u64> = Key::new("count");

/// The value of [`VISITS`], and the body of every response that changes nothing.
pub(crate) const SEVEN: &str = "7";

/// A counter that makes each written value different.
type Ticket = Extension<Arc<AtomicU64>>;

/// A server process.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server with its sessions in the store at `url`.
    pub(crate) fn start(url: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["serve", url]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a second process");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("text");
        let address = line.trim().parse().unwrap_or_else(|_| panic!("a server on {url} does not start"));
        Self { child, address }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    /// Kills the process, which has no state to save.
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs such a server until its parent closes the input or ends.
pub(crate) async fn serve(url: &str) {
    let routes = routes(url).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    std::thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
    axum::serve(listener, routes).await.expect("served");
}

/// Returns the routes of a server with its sessions in the store at `url`.
pub(crate) async fn routes(url: &str) -> Router {
    if url == TOWER { towers() } else { ours(url).await }
}

async fn plain() -> String {
    SEVEN.to_owned()
}

async fn ours(url: &str) -> Router {
    let store = stores::open(url).await;
    let sessions = Sessions::shared(store, Keys::generate().expect("random numbers"));
    let sessions = sessions.cookie(CookieSettings::new(false)).expect("a cookie for plain http");
    let under = Router::new()
        .route("/plain", get(plain))
        .route("/begin", get(begin))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/update", get(update))
        .route("/count", get(count))
        .layer(Extension(Arc::new(AtomicU64::new(1))))
        .layer(sessions);
    Router::new().route("/bare", get(plain)).merge(under)
}

async fn begin(session: Session) -> Result<String, Error> {
    session.put(VISITS, &7).await?;
    session.put(NAME, &"Ada Lovelace".to_owned()).await?;
    session.put(DRAFT, &0).await?;
    session.put(COUNT, &0).await?;
    Ok(SEVEN.to_owned())
}

async fn read(session: Session) -> Result<String, Error> {
    Ok(session.read(VISITS).await?.unwrap_or_default().to_string())
}

async fn write(session: Session, Extension(ticket): Ticket) -> Result<String, Error> {
    let draft = ticket.fetch_add(1, Ordering::Relaxed);
    session.put(DRAFT, &draft).await?;
    Ok(draft.to_string())
}

async fn update(session: Session) -> Result<String, Error> {
    Ok(session.update(COUNT, |count| count.unwrap_or(0) + 1).await?.to_string())
}

async fn count(session: Session) -> Result<String, Error> {
    Ok(session.read(COUNT).await?.unwrap_or_default().to_string())
}

/// Returns the same routes with the layer and the memory store of tower-sessions.
fn towers() -> Router {
    let layer = SessionManagerLayer::new(TowerStore::default()).with_secure(false);
    let under = Router::new()
        .route("/plain", get(plain))
        .route("/begin", get(tower_begin))
        .route("/read", get(tower_read))
        .route("/write", get(tower_write))
        .route("/update", get(tower_update))
        .route("/count", get(tower_count))
        .layer(Extension(Arc::new(AtomicU64::new(1))))
        .layer(layer);
    Router::new().route("/bare", get(plain)).merge(under)
}

type TowerAnswer = Result<String, StatusCode>;

fn failed(_: TowerError) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn tower_begin(session: TowerSession) -> TowerAnswer {
    session.insert(VISITS.name(), 7).await.map_err(failed)?;
    session.insert(NAME.name(), "Ada Lovelace").await.map_err(failed)?;
    session.insert(DRAFT.name(), 0).await.map_err(failed)?;
    session.insert(COUNT.name(), 0).await.map_err(failed)?;
    Ok(SEVEN.to_owned())
}

async fn tower_read(session: TowerSession) -> TowerAnswer {
    let visits: Option<u32> = session.get(VISITS.name()).await.map_err(failed)?;
    Ok(visits.unwrap_or_default().to_string())
}

async fn tower_write(session: TowerSession, Extension(ticket): Ticket) -> TowerAnswer {
    let draft = ticket.fetch_add(1, Ordering::Relaxed);
    session.insert(DRAFT.name(), draft).await.map_err(failed)?;
    Ok(draft.to_string())
}

/// Increments as users of tower-sessions do, because it has no `update`.
async fn tower_update(session: TowerSession) -> TowerAnswer {
    let count: Option<u64> = session.get(COUNT.name()).await.map_err(failed)?;
    let count = count.unwrap_or(0) + 1;
    session.insert(COUNT.name(), count).await.map_err(failed)?;
    Ok(count.to_string())
}

async fn tower_count(session: TowerSession) -> TowerAnswer {
    let count: Option<u64> = session.get(COUNT.name()).await.map_err(failed)?;
    Ok(count.unwrap_or_default().to_string())
}
