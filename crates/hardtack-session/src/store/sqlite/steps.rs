//! The [`Store`] implementation. Each change is one statement or one transaction.

use super::SqliteStore;
use super::cache::Known;
use super::rows::{exact, patch, record};
use crate::clock::{Timestamp, millis};
use crate::id::{Handle, IdHash};
use crate::lifetime::Terms;
use crate::news::News;
use crate::record::{Changes, Grace, Record, Rotation};
use crate::store::sql::{signed, unsigned};
use crate::store::{Applied, Ended, Listed, Loaded, Order, Page, Stats, Store, StoreError, Swept};
use async_trait::async_trait;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Connection as _, Row as _, Sqlite};
use std::sync::Arc;

/// An `UPDATE` of a session that is guarded by liveness, version and size, and that changes `$more` in the same step.
/// Data that is too large already may shrink.
///
/// Parameters: id, patch, now, required version, size limit, new idle timeout, new absolute timeout, new terms; see
/// [`guarded`]. `$created` is the session's creation afterwards.
macro_rules! change {
    ($more:literal, $created:literal) => {
        concat!(
            "UPDATE session SET ",
            $more,
            "data = json_patch(data, ?2), version = version + 1, seen = max(seen, ?3), \
             idle = coalesce(?6, idle), absolute = coalesce(?7, absolute), terms = coalesce(?8, terms), \
             expires = min(max(seen, ?3) + coalesce(?6, idle), ",
            $created,
            " + coalesce(?7, absolute)) \
             WHERE id_hash = ?1 AND expires > ?3 AND (?4 IS NULL OR version = ?4) AND (?5 >= ",
            size!("json_patch(data, ?2)"),
            " OR ",
            size!("data"),
            " >= ",
            size!("json_patch(data, ?2)"),
            ") RETURNING version, handle"
        )
    };
}

/// The size of the data in bytes.
macro_rules! size {
    ($data:literal) => {
        concat!("(SELECT total(octet_length(key) + octet_length(value)) FROM json_each(", $data, "))")
    };
}

const APPLY: &str = change!("", "created");

/// The same change, with a new id. Further parameters: new id, whether the owner changes, account, label and address of
/// the device, order of the sign-in.
const ROTATE: &str = change!(
    "id_hash = ?9, renewed = max(renewed, ?3), account = iif(?10, ?11, account), \
     device_label = iif(?10, ?12, device_label), device_address = iif(?10, ?13, device_address), \
     signed_in = coalesce(?14, signed_in, renewed), created = iif(?14 IS NULL, created, ?3), ",
    "iif(?14 IS NULL, created, ?3)"
);

impl SqliteStore {
    /// Returns the current id of the session that a retired id belongs to, and whether the retired id still reaches it.
    async fn successor(&self, id: &IdHash, now: Timestamp) -> Result<Option<(IdHash, bool)>, StoreError> {
        let query = sqlx::query(
            "SELECT s.id_hash, r.reaches FROM retired_id r LEFT JOIN session s ON s.handle = r.handle \
             WHERE r.id_hash = ?1 AND r.until > ?2",
        );
        let Some(row) = self.0.read(query.bind(id.0.as_slice()).bind(now.0)).await?.pop() else { return Ok(None) };
        let live: Option<Vec<u8>> = row.try_get(0).map_err(StoreError::corrupt)?;
        let reaches: bool = row.try_get(1).map_err(StoreError::corrupt)?;
        match live {
            Some(bytes) => Ok(Some((IdHash(exact(&bytes)?), reaches))),
            None => Ok(None),
        }
    }

    async fn find(&self, id: &IdHash, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        let query = sqlx::query(
            "SELECT handle, account, device_label, device_address, data, version, created, signed_in, renewed, seen, idle, \
                    absolute, terms FROM session WHERE id_hash = ?1 AND expires > ?2",
        );
        let before = self.0.cache.look();
        let row = self.0.read(query.bind(id.0.as_slice()).bind(now.0)).await?.pop();
        let found = row.map(|row| record(&row)).transpose()?.map(Arc::new);
        if let Some(record) = &found {
            self.0.cache.read(before, id, record);
        }
        Ok(found)
    }

    /// Loads a session from the database, past the cache.
    async fn look_up(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        if let Some(record) = self.find(id, now).await? {
            return Ok(Loaded::Live(*id, record));
        }
        let mut looked = None;
        loop {
            match self.successor(id, now).await? {
                // The session may be rotated between the two statements. Then its new id is tried.
                Some((current, true)) if looked != Some(current) => {
                    if let Some(record) = self.find(&current, now).await? {
                        return Ok(Loaded::Live(current, record));
                    }
                    looked = Some(current);
                }
                Some((_, false)) => return Ok(Loaded::Retired),
                Some((_, true)) | None => return Ok(Loaded::Absent),
            }
        }
    }

    async fn apply_once(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        let mut writing = self.0.write().await;
        let row = writing.rows(guarded(APPLY, id, changes, now)?).await?.pop();
        let Some(row) = row else { return refusal(writing.rows(version_of(id, now)).await?.pop().as_ref(), changes) };
        let version = unsigned(row.try_get(0).map_err(StoreError::corrupt)?);
        writing.done(|sessions| {
            sessions.change(id, |record| {
                changes.apply_to(&mut record.data);
                record.lifetime = changes.lifetime.unwrap_or(record.lifetime);
                record.terms = changes.terms.unwrap_or(record.terms);
                record.seen = record.seen.max(now);
                record.version += 1;
                record.version == version
            });
        });
        Ok(Applied::Done(version))
    }

    async fn touch_once(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "UPDATE session SET seen = max(seen, ?2), expires = min(max(seen, ?2) + idle, created + absolute) \
             WHERE id_hash = ?1 AND expires > ?2",
        );
        let seen = |record: &mut Record| {
            record.seen = record.seen.max(now);
            true
        };
        let query = query.bind(id.0.as_slice()).bind(now.0);
        Ok(self.0.write().await.once(query, |sessions| sessions.change(id, seen)).await? == 1)
    }
}

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Binds the parameters that both guarded statements have.
fn guarded<'q>(
    sql: &'static str,
    id: &'q IdHash,
    changes: &'q Changes,
    now: Timestamp,
) -> Result<Statement<'q>, StoreError> {
    let query = sqlx::query(sql)
        .bind(id.0.as_slice())
        .bind(patch(changes)?)
        .bind(now.0)
        .bind(changes.if_version.map(signed))
        .bind(i64::try_from(changes.max_data).unwrap_or(i64::MAX))
        .bind(changes.lifetime.map(|life| millis(life.idle)))
        .bind(changes.lifetime.map(|life| millis(life.absolute)))
        .bind(changes.terms.and_then(Terms::code));
    Ok(query)
}

fn version_of(id: &IdHash, now: Timestamp) -> Statement<'_> {
    let sql = "SELECT version FROM session WHERE id_hash = ?1 AND expires > ?2";
    sqlx::query(sql).bind(id.0.as_slice()).bind(now.0)
}

/// Returns why a guarded statement found no row; `row` is the session's, if it exists.
fn refusal(row: Option<&SqliteRow>, changes: &Changes) -> Result<Applied, StoreError> {
    let Some(row) = row else { return Ok(Applied::Gone) };
    let version = unsigned(row.try_get(0).map_err(StoreError::corrupt)?);
    let another = changes.if_version.is_some_and(|asked| asked != version);
    Ok(if another { Applied::Conflict } else { Applied::TooLarge })
}

#[async_trait]
impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        match self.0.cache.get(id, now) {
            Some(record) => Ok(Loaded::Live(*id, record)),
            // Boxed, so that a cached session does not pay for the size of a statement's future.
            None => Box::pin(self.look_up(id, now)).await,
        }
    }

    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO session (id_hash, handle, account, device_label, device_address, data, version, created, \
                    renewed, seen, idle, absolute, expires, terms, signed_in) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15 \
             WHERE NOT EXISTS (SELECT 1 FROM retired_id WHERE id_hash = ?1) ON CONFLICT DO NOTHING",
        )
        .bind(id.0.as_slice())
        .bind(record.handle.0.as_bytes().as_slice())
        .bind(record.owner.account.as_deref())
        .bind(record.owner.device.as_ref().map(|device| device.label.as_str()))
        .bind(record.owner.device.as_ref().map(|device| device.address.as_str()))
        .bind(serde_json::to_string(&record.data).map_err(StoreError::corrupt)?)
        .bind(signed(record.version))
        .bind(record.created.0)
        .bind(record.renewed.0)
        .bind(record.seen.0)
        .bind(millis(record.lifetime.idle))
        .bind(millis(record.lifetime.absolute))
        .bind(record.deadline().0)
        .bind(record.terms.code())
        .bind(record.signed_in.0);
        let write = self.0.write().await;
        Ok(write.once(query, |sessions| sessions.insert(*id, Arc::new(record.clone()))).await? == 1)
    }

    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        match self.apply_once(id, changes, now).await? {
            Applied::Gone => match self.successor(id, now).await? {
                Some((current, true)) => self.apply_once(&current, changes, now).await,
                _ => Ok(Applied::Gone),
            },
            other => Ok(other),
        }
    }

    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError> {
        let (until, reaches) = match rotation.grace {
            Grace::Recognised(until) => (until, false),
            Grace::Reaches(until) => (until, true),
        };
        let owner = rotation.owner.as_ref();
        let device = owner.and_then(|owner| owner.device.as_ref());
        let query = guarded(ROTATE, id, &rotation.changes, now)?
            .bind(rotation.to.0.as_slice())
            .bind(owner.is_some())
            .bind(owner.and_then(|owner| owner.account.as_deref()))
            .bind(device.map(|device| device.label.as_str()))
            .bind(device.map(|device| device.address.as_str()))
            .bind(rotation.signed_in.map(|moment| moment.0));
        let mut writing = self.0.write().await;
        let begun = writing.connection.begin_with("BEGIN IMMEDIATE").await;
        let mut step = begun.map_err(StoreError::unavailable)?;
        let row = query.fetch_optional(&mut *step).await.map_err(StoreError::unavailable)?;
        let Some(row) = row else {
            step.rollback().await.map_err(StoreError::unavailable)?;
            return refusal(writing.rows(version_of(id, now)).await?.pop().as_ref(), &rotation.changes);
        };
        let version: i64 = row.try_get(0).map_err(StoreError::corrupt)?;
        let handle: Vec<u8> = row.try_get(1).map_err(StoreError::corrupt)?;
        if !reaches {
            // Earlier ids may have been planted, so they stop reaching the session too.
            let cut_off = sqlx::query("UPDATE retired_id SET reaches = 0 WHERE handle = ?1").bind(&handle);
            cut_off.execute(&mut *step).await.map_err(StoreError::unavailable)?;
        }
        sqlx::query("INSERT INTO retired_id (id_hash, handle, reaches, until) VALUES (?1, ?2, ?3, ?4)")
            .bind(id.0.as_slice())
            .bind(&handle)
            .bind(reaches)
            .bind(until.0)
            .execute(&mut *step)
            .await
            .map_err(StoreError::unavailable)?;
        step.commit().await.map_err(StoreError::unavailable)?;
        writing.done(|sessions| drop(sessions.remove(id)));
        if !reaches {
            self.0.tell_of(&handle);
        }
        Ok(Applied::Done(unsigned(version)))
    }

    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        if self.touch_once(id, now).await? {
            return Ok(true);
        }
        match self.successor(id, now).await? {
            Some((current, true)) => self.touch_once(&current, now).await,
            _ => Ok(false),
        }
    }

    async fn end(&self, id: &IdHash) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM session WHERE id_hash = ?1 RETURNING handle").bind(id.0.as_slice());
        Ok(!self.delete(query, |sessions| drop(sessions.remove(id))).await?.is_empty())
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
        let sql = "DELETE FROM session WHERE handle = ?1 AND (?2 IS NULL OR account = ?2) RETURNING handle";
        let query = sqlx::query(sql).bind(handle.0.as_bytes().as_slice()).bind(account);
        Ok(!self.delete(query, Known::clear).await?.is_empty())
    }

    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError> {
        let sessions = "DELETE FROM session WHERE id_hash IN \
                        (SELECT id_hash FROM session WHERE expires <= ?1 ORDER BY expires LIMIT ?2) RETURNING id_hash";
        let retired = "DELETE FROM retired_id WHERE id_hash IN \
                       (SELECT id_hash FROM retired_id WHERE until <= ?1 ORDER BY until LIMIT ?2)";
        let (retired, sessions) = (sqlx::query(retired).bind(now.0), sqlx::query(sessions).bind(now.0));
        let retired = self.0.write().await.once(retired.bind(batch), |_| {}).await?;
        let mut writing = self.0.write().await;
        let swept = writing.rows(sessions.bind(batch)).await?;
        let sessions = swept.len() as u64;
        if sessions > 0 {
            // Removed by id and not by deadline, because the database has decided which sessions had expired.
            let swept = swept.iter().map(|row| Ok(IdHash(exact(row.try_get(0).map_err(StoreError::corrupt)?)?)));
            let swept = swept.collect::<Result<Vec<_>, StoreError>>();
            writing.done(|known| match swept {
                Ok(swept) => swept.iter().for_each(|id| drop(known.remove(id))),
                Err(_) => known.clear(),
            });
        }
        Ok(Swept { sessions, more: sessions.max(retired) >= u64::from(batch) })
    }

    async fn lead(&self, sweeper: &Handle, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        // Checked here once a minute, so that the log reports it even when no client calls `/readyz`.
        self.0.still_there().await?;
        let query = sqlx::query(
            "INSERT INTO sweeper (id, holder, until) VALUES (1, ?1, ?2) \
             ON CONFLICT DO UPDATE SET holder = ?1, until = ?2 WHERE holder = ?1 OR until <= ?3",
        )
        .bind(sweeper.0.as_bytes().as_slice())
        .bind(until.0)
        .bind(now.0);
        Ok(self.0.write().await.perhaps().once(query, |_| {}).await? == 1)
    }

    async fn lives(&self, handle: &Handle, now: Timestamp) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 FROM session WHERE handle = ?1 AND expires > ?2");
        Ok(!self.0.read(query.bind(handle.0.as_bytes().as_slice()).bind(now.0)).await?.is_empty())
    }

    async fn news(&self, news: &News) -> Result<(), StoreError> {
        self.0.tell(news).await
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        let sql = "SELECT count(*) FILTER (WHERE expires > ?1), count(*) FILTER (WHERE expires <= ?1) FROM session";
        let rows = self.0.read(sqlx::query(sql).bind(now.0)).await?;
        let counted = |column| rows.first().map_or(Ok(0), |row| row.try_get(column).map_err(StoreError::corrupt));
        Ok(Stats { live: unsigned(counted(0)?), over: unsigned(counted(1)?) })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.0.still_there().await?;
        // Each ping writes a row, because a full or read-only disk must not look healthy.
        let write = "INSERT INTO probe (id, count) VALUES (1, 1) ON CONFLICT DO UPDATE SET count = count + 1";
        self.0.write().await.once(sqlx::query(write), |_| {}).await?;
        self.0.read(sqlx::query("SELECT count FROM probe")).await.map(drop)
    }
}
