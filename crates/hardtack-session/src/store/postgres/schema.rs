//! The migrations of the tables.

use super::address::unreachable;
use crate::store::{OpenError, Schema};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Migrations, and the table that records which of them have run.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    pub(super) migrations: &'static Migrator,
    pub(super) table: &'static str,
}

/// The migrations of the sessions.
pub(super) static SESSIONS: Chain = Chain { migrations: &MIGRATIONS, table: "hardtack.migration" };

/// The advisory lock of the node that migrates: "hardtack" in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"hardtack");

/// The oldest server version that is tested, in PostgreSQL's own numbering.
const OLDEST: i32 = 15_00_00;

pub(super) async fn bring_up_to_date(
    connection: &mut PgConnection,
    chain: Chain,
    place: &str,
    schema: Schema,
) -> Result<(), OpenError> {
    let trouble = Trouble { place };
    fits(connection, &trouble).await?;
    if pending(connection, chain, &trouble).await?.is_empty() {
        return Ok(());
    }
    match schema {
        Schema::Check => Err(OpenError::Older { place: place.to_owned() }),
        Schema::Migrate => migrate(connection, chain, &trouble).await,
    }
}

/// Refuses a server that would fail later, and less clearly.
async fn fits(connection: &mut PgConnection, trouble: &Trouble<'_>) -> Result<(), OpenError> {
    let facts = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')";
    let row = sqlx::raw_sql(facts).fetch_one(connection).await.map_err(|e| trouble.with(&e))?;
    let version: i32 = row.try_get(0).map_err(|e| trouble.with(&e))?;
    let encoding: &str = row.try_get(1).map_err(|e| trouble.with(&e))?;
    if version < OLDEST {
        return Err(trouble.unfit(format!("the server is older than PostgreSQL {}", OLDEST / 10_000)));
    }
    if encoding != "UTF8" {
        return Err(trouble.unfit(format!("its encoding is {encoding}, not UTF8")));
    }
    Ok(())
}

/// Returns the migrations that have not run. A migration in the database that is unknown here is an error.
async fn pending(connection: &mut PgConnection, chain: Chain, trouble: &Trouble<'_>) -> Result<Vec<i64>, OpenError> {
    let Chain { migrations, table } = chain;
    let there = AssertSqlSafe(format!("SELECT to_regclass('{table}') IS NOT NULL"));
    let row = sqlx::raw_sql(there).fetch_one(&mut *connection).await.map_err(|e| trouble.with(&e))?;
    let mut pending: Vec<i64> = migrations.iter().map(|migration| migration.version).collect();
    if !row.try_get::<bool, _>(0).map_err(|e| trouble.with(&e))? {
        return Ok(pending);
    }
    let done = AssertSqlSafe(format!("SELECT version, checksum FROM {table} ORDER BY version"));
    for row in sqlx::raw_sql(done).fetch_all(connection).await.map_err(|e| trouble.with(&e))? {
        let version: i64 = row.try_get(0).map_err(|e| trouble.with(&e))?;
        let checksum: Vec<u8> = row.try_get(1).map_err(|e| trouble.with(&e))?;
        let Some(known) = migrations.iter().find(|migration| migration.version == version) else {
            return Err(OpenError::Newer { place: trouble.place.to_owned(), schema: version });
        };
        if *known.checksum != checksum[..] {
            return Err(trouble.unfit(format!("its schema {version} differs from the one of Hardtack")));
        }
        pending.retain(|other| *other != version);
    }
    Ok(pending)
}

/// Runs the pending migrations, all of them or none.
///
/// sqlx's migrator is not used, because its lock belongs to a connection, and so has no effect through a proxy that
/// gives each transaction another one. It also takes the lock after the schema is created, where two nodes would
/// collide.
async fn migrate(connection: &mut PgConnection, chain: Chain, trouble: &Trouble<'_>) -> Result<(), OpenError> {
    let Chain { migrations, table } = chain;
    let mut step = connection.begin().await.map_err(|e| trouble.with(&e))?;
    // A migration has no time limit, but the wait for another node's has one. The lock ends with the transaction.
    let wait = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'";
    sqlx::raw_sql(wait).execute(&mut *step).await.map_err(|e| trouble.with(&e))?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .persistent(false)
        .bind(LOCK)
        .execute(&mut *step)
        .await
        .map_err(|e| trouble.with(&e))?;
    // Looks for the schema first, because `CREATE SCHEMA` needs a privilege even when the schema exists.
    let there = "SELECT to_regnamespace('hardtack') IS NOT NULL";
    let row = sqlx::raw_sql(there).fetch_one(&mut *step).await.map_err(|e| trouble.with(&e))?;
    if !row.try_get::<bool, _>(0).map_err(|e| trouble.with(&e))? {
        sqlx::raw_sql("CREATE SCHEMA hardtack").execute(&mut *step).await.map_err(|e| trouble.with(&e))?;
    }
    let pending = pending(&mut step, chain, trouble).await?;
    if pending.len() == migrations.iter().count() {
        let create = format!(
            "CREATE TABLE {table} (version bigint NOT NULL PRIMARY KEY, description text NOT NULL, \
             checksum bytea NOT NULL, done timestamptz NOT NULL DEFAULT now())"
        );
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *step).await.map_err(|e| trouble.with(&e))?;
    }
    let done = format!("INSERT INTO {table} (version, description, checksum) VALUES ($1, $2, $3)");
    for migration in migrations.iter().filter(|migration| pending.contains(&migration.version)) {
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *step).await.map_err(|e| trouble.with(&e))?;
        sqlx::query(AssertSqlSafe(done.clone()))
            .persistent(false)
            .bind(migration.version)
            .bind(&*migration.description)
            .bind(&*migration.checksum)
            .execute(&mut *step)
            .await
            .map_err(|e| trouble.with(&e))?;
    }
    step.commit().await.map_err(|e| trouble.with(&e))
}

/// The errors of this module, for one database.
struct Trouble<'a> {
    place: &'a str,
}

impl Trouble<'_> {
    fn with(&self, error: &sqlx::Error) -> OpenError {
        match error {
            sqlx::Error::Database(said) => self.unfit(said.message().to_owned()),
            other => unreachable(self.place, other),
        }
    }

    fn unfit(&self, reason: String) -> OpenError {
        OpenError::Unfit { place: self.place.to_owned(), reason }
    }
}
