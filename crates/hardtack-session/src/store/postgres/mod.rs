//! Sessions in PostgreSQL 15 or later, for several nodes that share them.
//!
//! All tables are in a schema of their own, `hardtack`, and every statement names it. So the store can share a database
//! with an application, and works through a proxy that gives each transaction another connection. A proxy that supports
//! prepared statements needs no setting; with any other the address must say `statement-cache-capacity=0` (or
//! `pgbouncer=true`). Behind a proxy of the first kind the role must begin its transactions at READ COMMITTED, which is
//! the default of `default_transaction_isolation`. In all other cases this store sets the level itself.
//!
//! # Losses when a primary fails
//!
//! With asynchronous replication (the default: no `synchronous_standby_names`), a replica that is promoted in place of
//! a failed primary lacks the last writes that the primary had acknowledged and not sent on yet. Sessions begun and
//! values written then are lost. A session that was ended or revoked then, or got a new id by a sign-in, lives again
//! under its old id and with its old rights until it expires or is ended once more. With `synchronous_commit = on` and
//! the promoted replica among `synchronous_standby_names`, no acknowledged write is lost. With `synchronous_commit =
//! off`, even a crash of the primary alone undoes the last moments in the same way, up to three times
//! `wal_writer_delay` (0.6 s by default).

/// The name of the channel that all nodes listen on.
macro_rules! channel {
    () => {
        "hardtack"
    };
}

/// Notifies all nodes of a session when the statement commits, and only then. Used only when a session ends or gets a
/// new id, because commits that notify wait for each other.
macro_rules! tell {
    ($handle:literal) => {
        concat!("pg_notify('", channel!(), "', ", $handle, "::text)")
    };
}

/// Ends the sessions that `$which` selects and notifies of each. Returns one row for each session.
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

use super::store_clock::StoreClock;
use super::{Database, OpenError, Schema};
use crate::turn::Queues;
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
    /// Writes of one session wait for each other here. The server too lets one of them through at a time, but each
    /// would hold a connection there that other sessions need.
    turns: Arc<Queues>,
    /// The store's clock, which decides how long retired ids are known.
    clock: StoreClock,
}

impl PostgresStore {
    /// Opens the database at `url`. Creates its tables when they are missing and `schema` allows it.
    ///
    /// `url` is read as libpq reads it: `postgres://user:password@host:port/database`, with `sslmode`, `sslrootcert`
    /// and other parameters after a question mark. Missing parts come from `PGHOST`, `PGPASSWORD`, `PGSSLMODE` and so
    /// on. With `sslmode=verify-full` the server must have a certificate for its name, signed by an authority in the
    /// file `sslrootcert` or by one that the system trusts. Parameters of libpq and of Prisma that change nothing here
    /// are ignored with a warning; `pgbouncer=true` has the effect of `statement-cache-capacity=0`.
    ///
    /// At most `connections` are in use at a time, at least one. While the server is silent, earlier connection
    /// attempts can stay open beside them for some seconds. A call that gets no connection within `timeout`, or no
    /// response, fails. The store recovers by itself when the server is back.
    ///
    /// # Errors
    ///
    /// When the address is malformed, the server does not answer, its certificate is not trusted, it is older than 15
    /// or only a replica, or the database is not in UTF-8; when the schema is of a newer version, or of an older one
    /// that may not be migrated now.
    pub async fn open(url: &str, connections: u32, timeout: Duration, schema: Schema) -> Result<Self, OpenError> {
        let pool = open(url, connections, timeout, SESSIONS, schema).await?;
        Ok(Self { pool, turns: Arc::default(), clock: StoreClock::default() })
    }

    /// Returns the same database for an application's own tables beside the sessions. It shares the connections.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::postgres(Tables { pool: self.pool.clone() })
    }
}

/// Opens a database and brings the schema of `chain` up to date.
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
    // A longer timeout than that of a request, because the first connection may be slow and no request waits for it.
    let patience = timeout.max(pool::PATIENCE);
    let Ok(opened) = tokio::time::timeout(patience, pool::connect(&address.options)).await else {
        let reason = format!("the server did not answer within {} s", patience.as_secs());
        return Err(OpenError::Unreachable { place, reason });
    };
    let (mut connection, _) = opened.map_err(|error| address::unreachable(&place, &error))?;
    schema::bring_up_to_date(&mut connection, chain, &place, schema).await?;
    // The pool opens its own connections when they are needed.
    connection.close().await.ok();
    Ok(())
}
