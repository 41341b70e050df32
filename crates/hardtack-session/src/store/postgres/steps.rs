//! The [`Store`] implementation. Each change is one statement.
//!
//! One statement, because a node can vanish between two statements of a transaction, and its row would stay locked
//! until the server notices: hours, by default. One statement is also atomic: under READ COMMITTED an `UPDATE` or
//! `DELETE` that had to wait for another writer of its row reads the row again, evaluates its `WHERE` again and
//! computes the new values from the new row, or leaves the row alone. So concurrent changes merge, each version allows
//! one change, an ended session is not changed, and a rotated session is not found under its old id.

use super::PostgresStore;
use super::rows::{column, id as live_id, parts, record, span};
use crate::clock::{Clock, Timestamp};
use crate::id::{Handle, IdHash};
use crate::lifetime::Terms;
use crate::news::News;
use crate::record::{Changes, Grace, Record, Rotation};
use crate::store::sql::{signed, unsigned};
use crate::store::{Applied, Ended, Listed, Loaded, Order, Page, Skew, Stats, Store, StoreError, Swept};
use async_trait::async_trait;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, query};

/// The columns of a whole session.
macro_rules! record {
    () => {
        "s.id_hash, s.handle::text, s.account, s.device_label, s.device_address, s.data::text, s.version, s.created, \
         s.signed_in, s.renewed, s.seen, s.idle, s.absolute, s.terms"
    };
}

/// An `UPDATE` of a session that is guarded by liveness, version and size, and that changes `$more` in the same step.
/// [`changing`] binds its parameters. `$created` is the session's creation afterwards.
macro_rules! change {
    ($more:literal, $created:literal) => {
        concat!(
            "UPDATE hardtack.session SET ",
            $more,
            "data = (data || $2::jsonb) - $3, version = version + 1, seen = greatest(seen, $4), \
             idle = coalesce($7, idle), absolute = coalesce($8, absolute), terms = coalesce($9, terms), \
             expires = least(greatest(seen, $4) + coalesce($7, idle), ",
            $created,
            " + coalesce($8, absolute)), due = least(due, greatest(seen, $4) + coalesce($7, idle), ",
            $created,
            " + coalesce($8, absolute)) \
             WHERE id_hash = $1 AND expires > $4 AND ($5 IS NULL OR version = $5) AND \
             (",
            size!("(data || $2::jsonb) - $3"),
            " <= $6 OR ",
            size!("(data || $2::jsonb) - $3"),
            " <= ",
            size!("data"),
            ") RETURNING handle, version"
        )
    };
}

/// The size of the data in bytes.
macro_rules! size {
    ($data:literal) => {
        concat!("(SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0) FROM jsonb_each_text(", $data, "))")
    };
}

/// Binds `$1` to `$9` of a [`change`].
fn changing<'q>(
    sql: &'static str,
    id: &'q IdHash,
    changes: &Changes,
    now: Timestamp,
) -> Result<Query<'q, Postgres, PgArguments>, StoreError> {
    let (set, removed) = parts(changes)?;
    Ok(query(sql)
        .bind(id.0.as_slice())
        .bind(set)
        .bind(removed)
        .bind(now.0)
        .bind(changes.if_version.map(signed))
        .bind(i64::try_from(changes.max_data).unwrap_or(i64::MAX))
        .bind(changes.lifetime.map(|life| span(life.idle)))
        .bind(changes.lifetime.map(|life| span(life.absolute)))
        .bind(changes.terms.and_then(Terms::code)))
}

impl PostgresStore {
    /// Returns the current id of the session that an id leads to, also by a renewed id, and the version of its data.
    async fn whereabouts(&self, id: &IdHash, now: Timestamp) -> Result<Option<(IdHash, i64)>, StoreError> {
        let sql = "SELECT id_hash, version FROM hardtack.session WHERE id_hash = $1 AND expires > $2 \
                   UNION ALL SELECT s.id_hash, s.version FROM hardtack.retired_id r \
                   JOIN hardtack.session s ON s.handle = r.handle \
                   WHERE r.id_hash = $1 AND r.until > $3 AND r.reaches AND s.expires > $2";
        let query = query(sql).bind(id.0.as_slice()).bind(now.0).bind(self.clock.at(now).0);
        let rows = self.pool.rows(query).await?;
        rows.first().map(|row| Ok((live_id(row)?, column(row, "version")?))).transpose()
    }

    /// Runs a statement that affects one row or none, and returns whether it did.
    async fn hits(&self, query: Query<'_, Postgres, PgArguments>) -> Result<bool, StoreError> {
        Ok(!self.pool.rows(query).await?.is_empty())
    }
}

/// Returns why a live session was not changed.
fn refused(changes: &Changes, version: i64) -> Applied {
    match changes.if_version {
        Some(asked) if signed(asked) != version => Applied::Conflict,
        _ => Applied::TooLarge,
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        let sql = concat!("SELECT ", record!(), " FROM hardtack.session s WHERE s.id_hash = $1 AND s.expires > $2");
        if let Some(row) = self.pool.rows(query(sql).bind(id.0.as_slice()).bind(now.0)).await?.first() {
            return Ok(Loaded::Live(*id, record(row)?.into()));
        }
        // One statement reads both tables, because the session might be rotated between two.
        let sql = concat!(
            "SELECT r.reaches, s.expires, ",
            record!(),
            " FROM hardtack.retired_id r JOIN hardtack.session s ON s.handle = r.handle \
             WHERE r.id_hash = $1 AND r.until > $2"
        );
        let query = query(sql).bind(id.0.as_slice()).bind(self.clock.at(now).0);
        let rows = self.pool.rows(query).await?;
        let Some(row) = rows.first() else { return Ok(Loaded::Absent) };
        Ok(if !column::<bool>(row, "reaches")? {
            Loaded::Retired
        } else if column::<i64>(row, "expires")? > now.0 {
            Loaded::Live(live_id(row)?, record(row)?.into())
        } else {
            Loaded::Absent
        })
    }

    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError> {
        let device = record.owner.device.as_ref();
        let query = query(
            "INSERT INTO hardtack.session (id_hash, handle, account, device_label, device_address, data, version, created, \
                    renewed, seen, idle, absolute, expires, due, terms, signed_in) \
             SELECT $1, $2::uuid, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11, $12, \
                    least($10 + $11, $8 + $12), least($10 + $11, $8 + $12), $13, $14 \
             WHERE NOT EXISTS (SELECT FROM hardtack.retired_id WHERE id_hash = $1) ON CONFLICT DO NOTHING RETURNING 1",
        )
        .bind(id.0.as_slice())
        .bind(record.handle.to_string())
        .bind(record.owner.account.as_deref())
        .bind(device.map(|device| device.label.as_str()))
        .bind(device.map(|device| device.address.as_str()))
        .bind(serde_json::to_string(&record.data).map_err(StoreError::corrupt)?)
        .bind(signed(record.version))
        .bind(record.created.0)
        .bind(record.renewed.0)
        .bind(record.seen.0)
        .bind(span(record.lifetime.idle))
        .bind(span(record.lifetime.absolute))
        .bind(record.terms.code())
        .bind(record.signed_in.0);
        self.hits(query).await
    }

    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        let _turn = self.turns.turn(*id).await;
        let mut id = *id;
        loop {
            let rows = self.pool.rows(changing(change!("", "created"), &id, changes, now)?).await?;
            if let Some(row) = rows.first() {
                return Ok(Applied::Done(unsigned(column(row, "version")?)));
            }
            // Tries again under the current id, and not by the handle, so that after a sign-in meanwhile this change
            // finds nothing (G4).
            match self.whereabouts(&id, now).await? {
                None => return Ok(Applied::Gone),
                Some((live, version)) if live == id => return Ok(refused(changes, version)),
                Some((live, _)) => id = live,
            }
        }
    }

    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError> {
        let _turn = self.turns.turn(*id).await;
        let (until, reaches) = match rotation.grace {
            Grace::Recognised(until) => (until, false),
            Grace::Reaches(until) => (until, true),
        };
        let (changes, owner) = (&rotation.changes, rotation.owner.as_ref());
        let device = owner.and_then(|owner| owner.device.as_ref());
        let sql = concat!(
            "WITH moved AS (",
            change!(
                "id_hash = $10, renewed = greatest(renewed, $4), \
                 account = CASE WHEN $11 THEN $12 ELSE account END, \
                 device_label = CASE WHEN $11 THEN $13 ELSE device_label END, \
                 device_address = CASE WHEN $11 THEN $14 ELSE device_address END, \
                 signed_in = coalesce($17, signed_in, renewed), created = CASE WHEN $17 IS NULL THEN created ELSE $4 END, ",
                "CASE WHEN $17 IS NULL THEN created ELSE $4 END"
            ),
            // Earlier ids may have been planted, so they stop reaching the session. No new one can appear while this
            // statement runs: only a rotation retires an id, and after another rotation of this session this statement
            // finds nothing.
            "), cut AS (UPDATE hardtack.retired_id r SET reaches = false FROM moved \
             WHERE r.handle = moved.handle AND r.reaches AND NOT $15), \
             kept AS (INSERT INTO hardtack.retired_id (id_hash, handle, reaches, until) \
             SELECT $1, handle, $15, $16 FROM moved) \
             SELECT version, (SELECT ",
            tell!("moved.handle"),
            " WHERE NOT $15) FROM moved"
        );
        let query = changing(sql, id, changes, now)?
            .bind(rotation.to.0.as_slice())
            .bind(owner.is_some())
            .bind(owner.and_then(|owner| owner.account.as_deref()))
            .bind(device.map(|device| device.label.as_str()))
            .bind(device.map(|device| device.address.as_str()))
            .bind(reaches)
            .bind(self.clock.at(until).0)
            .bind(rotation.signed_in.map(|moment| moment.0));
        if let Some(row) = self.pool.rows(query).await?.first() {
            return Ok(Applied::Done(unsigned(column(row, "version")?)));
        }
        Ok(match self.whereabouts(id, now).await? {
            Some((live, version)) if live == *id => refused(changes, version),
            _ => Applied::Gone,
        })
    }

    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        let _turn = self.turns.turn(*id).await;
        let sql = "UPDATE hardtack.session SET seen = greatest(seen, $2), \
                          expires = least(greatest(seen, $2) + idle, created + absolute) \
                   WHERE id_hash = $1 AND expires > $2 RETURNING 1";
        let mut id = *id;
        loop {
            if self.hits(query(sql).bind(id.0.as_slice()).bind(now.0)).await? {
                return Ok(true);
            }
            match self.whereabouts(&id, now).await? {
                Some((live, _)) if live != id => id = live,
                _ => return Ok(false),
            }
        }
    }

    async fn end(&self, id: &IdHash) -> Result<bool, StoreError> {
        let _turn = self.turns.turn(*id).await;
        self.hits(query(end!("id_hash = $1")).bind(id.0.as_slice())).await
    }

    async fn list(&self, account: &str, order: Order, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        self.list_now(account, order, limit, now).await
    }

    async fn browse(&self, cursor: Option<&str>, limit: u32, now: Timestamp) -> Result<Page, StoreError> {
        self.browse_now(cursor, limit, now).await
    }

    async fn end_those(
        &self,
        account: &str,
        handles: &[Handle],
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<Handle>, StoreError> {
        self.end_those_now(account, handles, unused_since).await
    }

    async fn end_some(
        &self,
        account: &str,
        except: Option<&Handle>,
        cursor: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError> {
        self.end_some_now(account, except, cursor, batch).await
    }

    async fn end_by_handle(&self, account: Option<&str>, handle: &Handle) -> Result<bool, StoreError> {
        let sql = end!("handle = $1::uuid AND ($2 IS NULL OR account = $2)");
        self.hits(query(sql).bind(handle.to_string()).bind(account)).await
    }

    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError> {
        // Waits for no other statement: a locked row is swept the next time. A row that was used since the first look
        // is not deleted, because the `DELETE` checks `expires` again. The ids come as arrays, because the planner does
        // not know how few rows the LIMIT returns, and would read the whole table.
        let sessions = "WITH due AS (SELECT id_hash FROM hardtack.session WHERE due <= $1 \
                        ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED), \
                        gone AS (DELETE FROM hardtack.session \
                        WHERE id_hash = ANY (ARRAY(SELECT id_hash FROM due)) AND expires <= $1 RETURNING 1), \
                        kept AS (UPDATE hardtack.session SET due = expires \
                        WHERE id_hash = ANY (ARRAY(SELECT id_hash FROM due)) AND expires > $1) \
                        SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM due) AS seen";
        let retired = "DELETE FROM hardtack.retired_id WHERE id_hash = ANY (ARRAY(SELECT id_hash \
                       FROM hardtack.retired_id WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED)) \
                       RETURNING 1";
        let until = self.clock.at(now).0;
        let retired = self.pool.rows_beside(query(retired).bind(until).bind(i64::from(batch))).await?.len() as u64;
        let rows = self.pool.rows_beside(query(sessions).bind(now.0).bind(i64::from(batch))).await?;
        let count = |name| rows.first().map_or(Ok(0), |row| column(row, name)).map(unsigned);
        Ok(Swept { sessions: count("gone")?, more: count("seen")?.max(retired) >= u64::from(batch) })
    }

    async fn lead(&self, sweeper: &Handle, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "INSERT INTO hardtack.sweeper AS office (id, holder, until) VALUES (1, $1::uuid, $2) \
                   ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until \
                   WHERE office.holder = excluded.holder OR office.until <= $3 RETURNING 1";
        self.hits(query(sql).bind(sweeper.to_string()).bind(until.0).bind(now.0)).await
    }

    async fn lives(&self, handle: &Handle, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM hardtack.session WHERE handle = $1::uuid AND expires > $2";
        self.hits(query(sql).bind(handle.to_string()).bind(now.0)).await
    }

    async fn news(&self, news: &News) -> Result<(), StoreError> {
        self.pool.tell(news).await
    }

    async fn compare(&self, clock: &Clock) -> Result<Option<Skew>, StoreError> {
        let ask = async {
            let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now";
            let rows = self.pool.rows(query(sql)).await?;
            let row = rows.first().ok_or_else(|| StoreError::unavailable("the server did not return its time"))?;
            column(row, "now").map(Timestamp)
        };
        self.clock.compare(clock, ask).await.map(Some)
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        // Above a million sessions, uses the server's own estimate, which its vacuum updates. An exact count reads all
        // rows, and the sweep asks every minute.
        let sql = "SELECT over, greatest(total - over, 0) AS live FROM \
                   (SELECT count(*) AS over FROM hardtack.session WHERE due <= $1 AND expires <= $1) AS over, \
                   (SELECT CASE WHEN reltuples > 1e6 THEN reltuples::bigint \
                    ELSE (SELECT count(*) FROM hardtack.session) END AS total \
                    FROM pg_class WHERE oid = 'hardtack.session'::regclass) AS total";
        let rows = self.pool.rows_beside(query(sql).bind(now.0)).await?;
        let count = |name| rows.first().map_or(Ok(0), |row| column(row, name)).map(unsigned);
        Ok(Stats { live: count("live")?, over: count("over")? })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Each ping writes a row, because a full disk or a read-only server must not look healthy.
        let sql = "INSERT INTO hardtack.probe AS probe (id, count) VALUES (1, 1) \
                   ON CONFLICT (id) DO UPDATE SET count = probe.count + 1 RETURNING count";
        self.pool.rows(query(sql)).await.map(drop)
    }
}
