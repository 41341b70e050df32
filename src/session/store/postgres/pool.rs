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
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, oneshot};
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
/// How long a connection may take to be made, at least: TLS and a password are some nine exchanges with the server, where a
/// request needs one.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How many exchanges with the server a connection that is asked whether it lives may take for its answer.
const EXCHANGES: u32 = 3;

/// The connections to one database. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    address: Address,
    timeout: Duration,
    /// As many as there may be connections.
    places: Arc<Semaphore>,
    /// As many as calls beside those of single sessions may have: half of them. So an account with many sessions, or a
    /// crowd at the sign-in, leaves the visitors of other pages their share.
    beside: Arc<Semaphore>,
    /// One connection at a time may be made slowly without a place, because in an outage places must not wait for it.
    slowly: Arc<Semaphore>,
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
    /// How long an exchange with the server took when it was opened.
    exchange: Duration,
}

impl Held {
    fn new((connection, exchange): (PgConnection, Duration)) -> Self {
        let now = Instant::now();
        Self { connection, opened: now, used: now, alarms: 0, exchange }
    }
}

/// What a call holds while it has a connection.
struct Place {
    _one: OwnedSemaphorePermit,
    _beside: Option<OwnedSemaphorePermit>,
}

impl Pool {
    pub(super) fn new(address: Address, connections: u32, timeout: Duration) -> Self {
        let connections = connections.max(1) as usize;
        let places = |count: usize| Arc::new(Semaphore::new(count));
        let (all, beside, slowly) = (places(connections), places((connections / 2).max(1)), places(1));
        let (idle, alarms) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(Shared { address, timeout, places: all, beside, slowly, idle, alarms }))
    }

    pub(super) fn address(&self) -> &Address {
        &self.0.address
    }

    pub(super) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// Runs one statement about one session, to its end and its commit, and hands out what it returns.
    pub(super) async fn rows(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, StoreError> {
        self.run(query, false).await
    }

    /// The same of a statement about many sessions, or about none: such calls leave half of the connections to others.
    pub(super) async fn rows_beside(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, StoreError> {
        self.run(query, true).await
    }

    async fn run(&self, query: Query<'_, Postgres, PgArguments>, beside: bool) -> Result<Vec<PgRow>, StoreError> {
        let call = async { self.0.lend(beside).await?.run(query).await };
        timeout(LONGEST, call).await.unwrap_or_else(|_| Err(StoreError::unavailable("the server did not answer")))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("free", &self.0.places.available_permits()).finish_non_exhaustive()
    }
}

/// A connection to a server that may write, and how long an exchange with it takes.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<(PgConnection, Duration), sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let asked = Instant::now();
    // A replica lags behind: a session that was ended would live on there (G3).
    let facts = "SELECT pg_is_in_recovery(), current_setting('transaction_isolation')";
    let row = sqlx::raw_sql(facts).fetch_one(&mut connection).await?;
    let exchange = asked.elapsed();
    if sqlx::Row::try_get::<bool, _>(&row, 0)? {
        return Err(sqlx::Error::Protocol("the server is a replica, which cannot be written".to_owned()));
    }
    // A role or a database may begin its transactions otherwise. The steps rest on this level (see steps.rs): on a higher
    // one writers of one row fail instead of waiting. Not as a parameter of the connection, which some proxies refuse.
    if sqlx::Row::try_get::<&str, _>(&row, 1)? != "read committed" {
        let level = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED";
        sqlx::raw_sql(level).execute(&mut connection).await?;
    }
    Ok((connection, exchange))
}

impl Shared {
    async fn lend(self: &Arc<Self>, beside: bool) -> Result<Lease, StoreError> {
        let place = async {
            let beside = if beside { Some(Arc::clone(&self.beside).acquire_owned().await?) } else { None };
            Ok::<_, AcquireError>(Place { _one: Arc::clone(&self.places).acquire_owned().await?, _beside: beside })
        };
        let Ok(Ok(place)) = timeout(self.timeout, place).await else {
            return Err(StoreError::unavailable("all connections to the server are in use"));
        };
        let last = self.idle().pop();
        if let Some(held) = last {
            if held.used.elapsed() < FRESH && held.alarms == self.alarms.load(Ordering::Relaxed) {
                return Ok(Lease { shared: Arc::clone(self), parts: Some((held, place)) });
            }
            // Firewalls forget connections on which nothing moves, and tell nobody.
            let patience = (self.timeout / 4).max(EXCHANGES * held.exchange).min(self.timeout);
            if let Ok(Ok(Some(held))) = timeout(patience, self.prove(held)).await {
                return Ok(Lease { shared: Arc::clone(self), parts: Some((held, place)) });
            }
            self.alarm();
            // The others have lain there for longer. They prove themselves before a call meets them.
            let others = std::mem::take(&mut *self.idle());
            for held in others {
                drop(self.prove(held));
            }
        }
        self.open(place).await
    }

    /// Asks the server for a sign of life on a connection, in a task of its own. A connection that answers after nobody
    /// waits any more is kept for later, because a slow one is not a dead one.
    fn prove(self: &Arc<Self>, mut held: Held) -> oneshot::Receiver<Option<Held>> {
        let (give, take) = oneshot::channel();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let lives = answers(&mut held.connection, shared.timeout.max(PATIENCE)).await;
            if let Err(Some(held)) = give.send(lives.then_some(held)) {
                shared.keep(held);
            }
        });
        take
    }

    /// Opens a connection. Whoever gives up waiting for it leaves it to the next call: otherwise a server on which
    /// that takes longer than a request has time would never be reached.
    async fn open(self: &Arc<Self>, place: Place) -> Result<Lease, StoreError> {
        let (give, take) = oneshot::channel();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let connecting = connect(&shared.address.options);
            tokio::pin!(connecting);
            let opened = match timeout(shared.timeout, &mut connecting).await {
                Ok(Ok(made)) => Ok(Lease { shared: Arc::clone(&shared), parts: Some((Held::new(made), place)) }),
                Ok(Err(error)) => Err(StoreError::unavailable(error.to_string())),
                Err(_) => {
                    drop(place);
                    give.send(Err(StoreError::unavailable("no connection to the server was made in time"))).ok();
                    shared.finish(connecting).await;
                    return;
                }
            };
            if let Err(Ok(lease)) = give.send(opened) {
                lease.give_back();
            }
        });
        take.await.unwrap_or_else(|_| Err(StoreError::unavailable("the program is ending")))
    }

    /// Goes on with a connection that no call waits for any more. One at a time, and without a place: in an outage it
    /// leads nowhere, and calls must not wait behind it when the server is back.
    async fn finish(&self, connecting: impl Future<Output = Result<(PgConnection, Duration), sqlx::Error>>) {
        let Ok(_slowly) = self.slowly.try_acquire() else { return };
        if let Ok(Ok(made)) = timeout(self.timeout.max(PATIENCE), connecting).await {
            self.keep(Held::new(made));
        }
    }

    /// Keeps a connection that has no place, while there is room: others may have been opened meanwhile.
    fn keep(&self, held: Held) {
        if self.idle().len() < self.places.available_permits() {
            self.put_aside(held);
        }
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
    parts: Option<(Held, Place)>,
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
            let patience = (shared.timeout / 2).max(EXCHANGES * held.exchange).min(shared.timeout);
            if answers(&mut held.connection, patience).await {
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
    // The level is named, because a role or a database may have another one, and nothing that is set on a connection holds.
    let mut step = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
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
