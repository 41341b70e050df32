//! Connections: at most so many, lent to one call each, and given up as soon as they are in doubt.
//!
//! Not sqlx's own pool. That one asks the server once more after each statement, and waits for the answer as long as it
//! takes: a server that falls silent would keep every place until the system gives its connections up, a quarter of an
//! hour later. Here nothing waits without a limit, an outage leaves nothing behind that could not be used after it, and a
//! statement costs one exchange with the server.

use super::address::Address;
use crate::session::store::StoreError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Connection as _, PgConnection, Postgres};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

/// No statement takes longer. Whoever can wait less drops the call; the sweep, which has no such limit, must not wait for
/// a dead connection for ever.
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that was used so recently is taken to be alive.
const FRESH: Duration = Duration::from_secs(1);
/// A connection that nobody needed for so long is closed.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// No connection is kept for longer, so that a proxy or a name that points elsewhere now is followed in time.
const AGE: Duration = Duration::from_secs(30 * 60);

/// The connections to one database. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    address: Address,
    timeout: Duration,
    /// As many as there may be connections.
    places: Arc<Semaphore>,
    /// What nobody uses, the one used last on top: in quiet times few are used, and the others grow old and are closed.
    idle: Mutex<Vec<Held>>,
    /// Counts the failures. What was put aside before the last one must prove that it is alive.
    alarms: AtomicU64,
}

struct Held {
    connection: PgConnection,
    opened: Instant,
    used: Instant,
    alarms: u64,
}

impl Pool {
    pub(super) fn new(address: Address, connections: u32, timeout: Duration) -> Self {
        let places = Arc::new(Semaphore::new(connections.max(1) as usize));
        Self(Arc::new(Shared { address, timeout, places, idle: Mutex::default(), alarms: AtomicU64::new(0) }))
    }

    pub(super) fn address(&self) -> &Address {
        &self.0.address
    }

    pub(super) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// Runs one statement, to its end and its commit, and hands out what it returns.
    pub(super) async fn rows(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, StoreError> {
        let call = async { self.0.lend().await?.run(query).await };
        timeout(LONGEST, call).await.unwrap_or_else(|_| Err(StoreError::unavailable("the server did not answer")))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("free", &self.0.places.available_permits()).finish_non_exhaustive()
    }
}

/// A connection to a server that may write.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    // A replica lags behind: a session that was ended would live on there (G3).
    let replica = "SELECT pg_is_in_recovery()";
    let row = sqlx::raw_sql(replica).fetch_one(&mut connection).await?;
    if sqlx::Row::try_get::<bool, _>(&row, 0)? {
        return Err(sqlx::Error::Protocol("the server is a replica, which cannot be written".to_owned()));
    }
    Ok(connection)
}

impl Shared {
    async fn lend(self: &Arc<Self>) -> Result<Lease, StoreError> {
        let Ok(Ok(place)) = timeout(self.timeout, Arc::clone(&self.places).acquire_owned()).await else {
            return Err(StoreError::unavailable("all connections to the server are in use"));
        };
        let last = self.idle().pop();
        if let Some(mut held) = last {
            let trusted = held.used.elapsed() < FRESH && held.alarms == self.alarms.load(Ordering::Relaxed);
            // Firewalls forget connections on which nothing moves, and tell nobody.
            if trusted || answers(&mut held.connection, self.timeout / 4).await {
                return Ok(Lease { shared: Arc::clone(self), parts: Some((held, place)) });
            }
            self.alarm();
            // The others have lain there for longer.
            self.idle().clear();
        }
        self.open(place).await
    }

    /// Opens a connection. Whoever gives up waiting for it leaves it to the next call: otherwise a server on which
    /// that takes longer than a request has time would never be reached.
    async fn open(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Result<Lease, StoreError> {
        let (give, take) = oneshot::channel();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let opened = match timeout(shared.timeout, connect(&shared.address.options)).await {
                Ok(Ok(connection)) => {
                    let now = Instant::now();
                    let held = Held { connection, opened: now, used: now, alarms: 0 };
                    Ok(Lease { shared, parts: Some((held, place)) })
                }
                Ok(Err(error)) => Err(StoreError::unavailable(error.to_string())),
                Err(_) => Err(StoreError::unavailable("no connection to the server was made in time")),
            };
            if let Err(Ok(lease)) = give.send(opened) {
                lease.give_back();
            }
        });
        take.await.unwrap_or_else(|_| Err(StoreError::unavailable("the program is ending")))
    }

    fn put_aside(&self, mut held: Held) {
        held.used = Instant::now();
        held.alarms = self.alarms.load(Ordering::Relaxed);
        let mut idle = self.idle();
        idle.push(held);
        let old = |held: &mut Held| held.opened.elapsed() > AGE || held.used.elapsed() > IDLE;
        let closed: Vec<_> = idle.extract_if(.., old).collect();
        drop(idle);
        for held in closed {
            tokio::spawn(timeout(self.timeout, held.connection.close()));
        }
    }

    fn alarm(&self) {
        self.alarms.fetch_add(1, Ordering::Relaxed);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Held>> {
        // Nothing under this lock can leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the server answers on this connection, which may have been left in the middle of a statement.
async fn answers(connection: &mut PgConnection, patience: Duration) -> bool {
    matches!(timeout(patience, connection.ping()).await, Ok(Ok(())))
}

/// A connection that one call uses.
struct Lease {
    shared: Arc<Shared>,
    /// Until it is given back.
    parts: Option<(Held, OwnedSemaphorePermit)>,
}

impl Lease {
    async fn run(mut self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, StoreError> {
        let Some((held, _)) = &mut self.parts else { return Err(StoreError::unavailable("the connection is gone")) };
        held.used = Instant::now();
        match fetch(&mut held.connection, query, self.shared.address.unnamed).await {
            Ok(rows) => {
                self.give_back();
                Ok(rows)
            }
            Err(error) => {
                // Whatever went wrong, on a new connection it does not linger.
                self.parts = None;
                self.shared.alarm();
                Err(failure(&error))
            }
        }
    }

    fn give_back(mut self) {
        if let Some((held, _place)) = self.parts.take() {
            self.shared.put_aside(held);
        }
    }
}

impl Drop for Lease {
    /// The call was given up half-way: the visitor has gone, or the server did not answer in time. The first must not cost
    /// a connection, the second must not keep one: the answer may still come, for a moment.
    fn drop(&mut self) {
        let (Some((mut held, place)), Ok(runtime)) = (self.parts.take(), Handle::try_current()) else { return };
        let shared = Arc::clone(&self.shared);
        if held.used.elapsed() > shared.timeout / 2 {
            shared.alarm();
        }
        runtime.spawn(async move {
            if answers(&mut held.connection, shared.timeout / 2).await {
                shared.put_aside(held);
            } else {
                shared.alarm();
            }
            drop(place);
        });
    }
}

async fn fetch(
    connection: &mut PgConnection,
    query: Query<'_, Postgres, PgArguments>,
    unnamed: bool,
) -> Result<Vec<PgRow>, sqlx::Error> {
    if !unnamed {
        return query.fetch_all(connection).await;
    }
    // To a proxy that gives each transaction another connection, preparing and running must be one.
    let mut step = connection.begin().await?;
    let rows = query.persistent(false).fetch_all(&mut *step).await?;
    step.commit().await?;
    Ok(rows)
}

/// What the server said, without its details: those repeat the values of the row.
fn failure(error: &sqlx::Error) -> StoreError {
    // Class 22: the statement met a value that it cannot work with.
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.is_some_and(|code| code.starts_with("22")) {
        StoreError::corrupt(error.to_string())
    } else {
        StoreError::unavailable(error.to_string())
    }
}
