//! The connection pool: a limited number of connections, each lent to one call and closed as soon as it is in doubt.
//!
//! sqlx's own pool is not used, because it pings the server after each statement and waits for the response without a
//! limit: a server that falls silent would keep every connection until the system gives it up, a quarter of an hour
//! later. Here every wait has a limit, the pool works again as soon as an outage ends, and a statement costs one round
//! trip.

use super::address::Address;
use crate::store::StoreError;
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

/// The timeout of a statement. A request has less time and drops the call earlier; the sweep has no limit of its own
/// and must not wait for a dead connection for ever.
const LONGEST: Duration = Duration::from_secs(30);
/// The time after its last use for which a connection counts as alive.
const FRESH: Duration = Duration::from_secs(1);
/// The time after which an unused connection is closed.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// The longest life of a connection, so that a change of a proxy or of a DNS name takes effect in time.
const AGE: Duration = Duration::from_secs(30 * 60);
/// The shortest timeout of a connection attempt, because TLS and a password are some nine round trips, and a request is
/// one.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The number of round trips that a connection may take to answer a ping.
const EXCHANGES: u32 = 3;

/// The connections to one database. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    address: Address,
    timeout: Duration,
    /// One permit for each connection that may be in use.
    places: Arc<Semaphore>,
    /// The permits of calls about many sessions or about none: half of the connections. So an account with many
    /// sessions, or a crowd at the sign-in, leaves connections to the requests of other sessions.
    beside: Arc<Semaphore>,
    /// The permit to finish one slow connection attempt without a place, because in an outage places must not wait for
    /// it.
    slowly: Arc<Semaphore>,
    /// The unused connections, the last used one on top, so that in quiet times few are used and the others are closed.
    idle: Mutex<Vec<Held>>,
    /// The number of failures. A connection that became idle before the last one must answer a ping before it is used.
    alarms: AtomicU64,
}

struct Held {
    connection: PgConnection,
    opened: Instant,
    used: Instant,
    alarms: u64,
    /// The duration of a round trip to the server, measured when the connection was opened.
    exchange: Duration,
}

impl Held {
    fn new((connection, exchange): (PgConnection, Duration)) -> Self {
        let now = Instant::now();
        Self { connection, opened: now, used: now, alarms: 0, exchange }
    }
}

/// The permits that a call holds while it has a connection.
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

    /// Runs one statement about one session up to its commit and returns its rows.
    pub(super) async fn rows(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, StoreError> {
        self.run(query, false).await
    }

    /// Runs a statement about many sessions, or about none, in the same way. Such calls leave half of the connections
    /// to others.
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

/// Connects to a server that accepts writes, and measures the duration of a round trip.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<(PgConnection, Duration), sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let asked = Instant::now();
    // A replica lags behind, so a session that has ended could still live there (G3).
    let facts = "SELECT pg_is_in_recovery(), current_setting('transaction_isolation')";
    let row = sqlx::raw_sql(facts).fetch_one(&mut connection).await?;
    let exchange = asked.elapsed();
    if sqlx::Row::try_get::<bool, _>(&row, 0)? {
        return Err(sqlx::Error::Protocol("the server is a replica, which does not accept writes".to_owned()));
    }
    // A role or a database may have another default level. The statements depend on this one (see steps.rs), because on
    // a higher level writers of one row fail instead of waiting. It is not set by a parameter of the connection,
    // because some proxies refuse that.
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
            // The connection may be dead, because firewalls drop idle connections silently.
            let patience = (self.timeout / 4).max(EXCHANGES * held.exchange).min(self.timeout);
            if let Ok(Ok(Some(held))) = timeout(patience, self.prove(held)).await {
                return Ok(Lease { shared: Arc::clone(self), parts: Some((held, place)) });
            }
            self.alarm();
            // The other connections have been idle for longer, so each must answer a ping before a call gets it.
            let others = std::mem::take(&mut *self.idle());
            for held in others {
                drop(self.prove(held));
            }
        }
        self.open(place).await
    }

    /// Pings the server over a connection, in a task of its own. A connection that answers after the caller has given
    /// up is kept for later, because a slow connection is not a dead one.
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

    /// Opens a connection. A caller that gives up leaves it to the next call, because otherwise a server to which
    /// connecting takes longer than a request has time would never be reached.
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
        take.await.unwrap_or_else(|_| Err(StoreError::unavailable("the program is shutting down")))
    }

    /// Finishes a connection attempt that no call waits for any more. Only one at a time and without a place, because
    /// in an outage it fails, and calls must not wait behind it when the server is back.
    async fn finish(&self, connecting: impl Future<Output = Result<(PgConnection, Duration), sqlx::Error>>) {
        let Ok(_slowly) = self.slowly.try_acquire() else { return };
        if let Ok(Ok(made)) = timeout(self.timeout.max(PATIENCE), connecting).await {
            self.keep(Held::new(made));
        }
    }

    /// Keeps a connection that has no place, if there is room, because others may have been opened meanwhile.
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
        // No step under this lock can leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the server answers on this connection, which may have been left in the middle of a statement.
async fn answers(connection: &mut PgConnection, patience: Duration) -> bool {
    matches!(timeout(patience, connection.ping()).await, Ok(Ok(())))
}

/// A connection that one call uses.
struct Lease {
    shared: Arc<Shared>,
    /// `None` once the connection has been given back or dropped.
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
                // Drops the connection after any error, so that the error cannot affect the next call.
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
    /// Handles a call that was dropped half-way: the client has disconnected, or the server did not answer in time. In
    /// the first case the connection is kept, in the second it is closed. A ping decides, with a short timeout, because
    /// the response may still come.
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
    // Prepares and runs the statement in one transaction, because a proxy may give the next one another connection. The
    // level is named, because a role or a database may have another default, and a setting of the connection does not
    // last there.
    let mut step = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    let rows = query.persistent(false).fetch_all(&mut *step).await?;
    step.commit().await?;
    Ok(rows)
}

/// Converts an error of the server. Leaves out its details, because they repeat values of the row.
fn failure(error: &sqlx::Error) -> StoreError {
    // Class 22, data exception: the statement met a value that it cannot process.
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.is_some_and(|code| code.starts_with("22")) {
        StoreError::corrupt(error.to_string())
    } else {
        StoreError::unavailable(error.to_string())
    }
}
