//! Sessions in PostgreSQL, 15 or later: for several nodes that share them.
//!
//! All of it lies in a schema of its own, `hardtack`, and every statement names it. So the store can share a database
//! with an application, and works through a proxy that gives each transaction another connection: with one that knows
//! prepared statements as it is, with any other when the address says `statement-cache-capacity=0` (or `pgbouncer=true`).
//! Behind the first kind the role must begin its transactions at READ COMMITTED, as it does unless somebody has set
//! `default_transaction_isolation`; everywhere else that is seen to here.
//!
//! # What a failed primary can take with it
//!
//! With asynchronous replication (the default: no `synchronous_standby_names`) a replica that is promoted in place of a
//! failed primary lacks what the primary had answered in the last moments and not sent on yet: sessions begun and values
//! written then are lost, and a session that was ended or revoked then, or moved to a new id by a sign-in, lives again
//! under its old id and with its old rights until it expires or is ended once more. With `synchronous_commit = on` and the
//! promoted replica among `synchronous_standby_names` nothing is lost that was answered; with `synchronous_commit = off`
//! even a crash of the primary alone undoes the last moments in the same way, up to three times `wal_writer_delay` (0.6 s
//! by default).

/// The channel that all nodes listen to.
macro_rules! channel {
    () => {
        "hardtack"
    };
}

/// Tells of a session when the statement commits, and not when it does not. Of no others than those that end or get a new
/// id: commits that tell something wait for each other.
macro_rules! tell {
    ($handle:literal) => {
        concat!("pg_notify('", channel!(), "', ", $handle, "::text)")
    };
}

/// Ends the sessions that `$which` names, and tells of each: a row a session.
macro_rules! end {
    ($which:literal) => {
        concat!(
            "WITH ended AS (DELETE FROM hardtack.session WHERE ",
            $which,
            " RETURNING handle) SELECT handle::text, ",
            tell!("handle"),
            " FROM ended"
        )
    };
}

mod address;
mod libpq;
mod lists;
mod news;
mod pool;
mod rows;
mod schema;
mod steps;
mod tables;

use super::skew::StoreClock;
use super::{Database, OpenError, Schema};
use crate::session::turn::Queues;
use address::Address;
use pool::Pool;
use schema::{Chain, SESSIONS};
use sqlx::Connection as _;
use std::sync::Arc;
use std::time::Duration;

pub(super) use tables::Tables;

pub use address::transport;

/// A store in a PostgreSQL database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: Pool,
    /// Steps on one session wait for each other here. In the server, where the row lets one through at a time as well, each
    /// would hold a connection that others need.
    turns: Arc<Queues>,
    /// Judges how long ids that were rotated away are good for something.
    clock: StoreClock,
}

impl PostgresStore {
    /// Opens the database at `url` and makes its tables when they are missing and `schema` allows it.
    ///
    /// `url` is read as by libpq: `postgres://user:password@host:port/database`, with `sslmode`, `sslrootcert` and others
    /// behind a question mark; what it leaves out comes from `PGHOST`, `PGPASSWORD`, `PGSSLMODE` and so on. With
    /// `sslmode=verify-full` the server must have a certificate for its name, signed by an authority in the file
    /// `sslrootcert` or known to the system. Parameters of libpq and of Prisma that change nothing here are passed over with a
    /// warning; `pgbouncer=true` means what `statement-cache-capacity=0` does.
    ///
    /// At most `connections` are in use at a time, at least one. While the server is silent, earlier ones that are still being
    /// tried can be open beside them for some seconds. A call that gets none within `timeout`, or none that
    /// answers, fails; nothing need be done for it to go well again.
    ///
    /// # Errors
    ///
    /// When the address makes no sense, nobody answers there, the certificate is not trusted, the server is older than 15
    /// or only a replica, the database is not in UTF-8, or of a newer version; or of an older one that is not to be
    /// migrated now.
    pub async fn open(url: &str, connections: u32, timeout: Duration, schema: Schema) -> Result<Self, OpenError> {
        let pool = open(url, connections, timeout, SESSIONS, schema).await?;
        Ok(Self { pool, turns: Arc::default(), clock: StoreClock::default() })
    }

    /// The same database, for tables of an application's own beside the sessions. Shares the connections.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::postgres(Tables { pool: self.pool.clone() })
    }
}

/// Opens a database whose schema is up to date afterwards, as far as `chain` goes.
async fn open(url: &str, connections: u32, timeout: Duration, chain: Chain, schema: Schema) -> Result<Pool, OpenError> {
    let address = Address::read(url)?;
    address.has_its_files()?;
    for passed in &address.passed {
        tracing::warn!(store = address.place(), "{passed}");
    }
    bring_up_to_date(&address, timeout, chain, schema).await?;
    Ok(Pool::new(address, connections, timeout))
}

async fn bring_up_to_date(address: &Address, timeout: Duration, chain: Chain, schema: Schema) -> Result<(), OpenError> {
    let place = address.place();
    // No request waits for a start, and the first connection may be slow.
    let patience = timeout.max(pool::PATIENCE);
    let Ok(opened) = tokio::time::timeout(patience, pool::connect(&address.options)).await else {
        let reason = format!("there was no answer for {} s", patience.as_secs());
        return Err(OpenError::Unreachable { place, reason });
    };
    let (mut connection, _) = opened.map_err(|error| address::unreachable(&place, &error))?;
    schema::bring_up_to_date(&mut connection, chain, &place, schema).await?;
    // What there was to do is done; the pool opens its own when they are needed.
    connection.close().await.ok();
    Ok(())
}
