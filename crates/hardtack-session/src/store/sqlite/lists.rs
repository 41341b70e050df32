//! Operations on many sessions: the list of an account, a page of all.

use super::SqliteStore;
use super::cache::Known;
use super::rows::{exact, hex, listed};
use crate::clock::Timestamp;
use crate::id::Handle;
use crate::store::{After, Ended, Listed, Order, Page, StoreError};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite};

/// A query for the sessions of a list.
macro_rules! listed {
    ($rest:literal) => {
        concat!(
            "SELECT handle, account, device_label, device_address, created, signed_in, renewed, seen, idle, absolute, terms, \
             expires FROM session ",
            $rest
        )
    };
}

impl SqliteStore {
    /// Runs a statement that ends sessions and returns their handles. Notifies the watchers of each session.
    pub(super) async fn delete(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
        effect: impl FnOnce(&mut Known),
    ) -> Result<Vec<Handle>, StoreError> {
        let mut writing = self.0.write().await;
        let ended = writing.rows(query).await?;
        if !ended.is_empty() {
            writing.done(effect);
        }
        let handle = |row: &SqliteRow| {
            let bytes: &[u8] = row.try_get(0).map_err(StoreError::corrupt)?;
            self.0.tell_of(bytes);
            Ok(Handle(uuid::Uuid::from_bytes(exact(bytes)?)))
        };
        ended.iter().map(handle).collect()
    }

    pub(super) async fn list_now(
        &self,
        account: &str,
        order: Order,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Listed>, StoreError> {
        let sql = match order {
            Order::Used(None) => {
                listed!("WHERE account = ?1 AND expires > ?2 ORDER BY seen DESC, handle DESC LIMIT ?3")
            }
            Order::Used(Some(_)) => listed!(
                "WHERE account = ?1 AND expires > ?2 AND (seen, handle) < (?4, ?5) ORDER BY seen DESC, handle DESC LIMIT ?3"
            ),
            Order::Unused => listed!("WHERE account = ?1 AND expires > ?2 ORDER BY seen, handle LIMIT ?3"),
            Order::SignedIn => listed!(
                "WHERE account = ?1 AND expires > ?2 ORDER BY coalesce(signed_in, renewed) DESC, handle DESC LIMIT ?3"
            ),
        };
        let mut query = sqlx::query(sql).bind(account).bind(now.0).bind(limit);
        if let Order::Used(Some(After(seen, handle))) = order {
            query = query.bind(seen.0).bind(handle.0.as_bytes().to_vec());
        }
        self.0.read(query).await?.iter().map(listed).collect()
    }

    pub(super) async fn browse_now(
        &self,
        cursor: Option<&str>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let after = cursor.map(str::parse::<uuid::Uuid>).transpose().map_err(StoreError::corrupt)?;
        let query = sqlx::query(listed!("WHERE handle > ?1 ORDER BY handle LIMIT ?2"))
            .bind(after.map_or_else(Vec::new, |handle| handle.as_bytes().to_vec()))
            .bind(limit.max(1));
        let rows = self.0.read(query).await?;
        let mut sessions = rows.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        let next = sessions.last().filter(|_| rows.len() == limit.max(1) as usize).map(|last| last.handle.to_string());
        sessions.retain(|session| session.deadline > now);
        Ok(Page { sessions, next })
    }

    pub(super) async fn end_those_now(
        &self,
        account: &str,
        handles: &[Handle],
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<Handle>, StoreError> {
        let sql = "DELETE FROM session WHERE handle IN (SELECT unhex(value) FROM json_each(?1)) AND account = ?2 \
                   AND (?3 IS NULL OR seen <= ?3) RETURNING handle";
        let query = sqlx::query(sql).bind(hex(handles)).bind(account).bind(unused_since.map(|moment| moment.0));
        self.delete(query, Known::clear).await
    }

    pub(super) async fn end_some_now(
        &self,
        account: &str,
        except: Option<&Handle>,
        _: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError> {
        // The next call needs no cursor, because the sessions of this one are gone.
        let sql = "DELETE FROM session WHERE id_hash IN (SELECT id_hash FROM session \
                   WHERE account = ?1 AND handle IS NOT ?2 LIMIT ?3) RETURNING handle";
        let query = sqlx::query(sql).bind(account).bind(except.map(|handle| handle.0.as_bytes().to_vec())).bind(batch);
        let sessions = self.delete(query, Known::clear).await?.len() as u64;
        Ok(Ended { sessions, next: (sessions >= u64::from(batch)).then(String::new) })
    }
}
