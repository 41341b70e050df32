//! Operations on many sessions: the list of an account, a page of all.

use super::PostgresStore;
use super::rows::{handle, listed};
use crate::clock::Timestamp;
use crate::id::Handle;
use crate::store::{After, Ended, Listed, Order, Page, StoreError};
use sqlx::query;

/// A query for the sessions of a list.
macro_rules! listed {
    ($rest:literal) => {
        concat!(
            "SELECT s.handle::text, s.account, s.device_label, s.device_address, s.created, s.signed_in, s.renewed, s.seen, \
             s.idle, s.absolute, s.terms, s.expires FROM hardtack.session s ",
            $rest
        )
    };
}

impl PostgresStore {
    pub(super) async fn list_now(
        &self,
        account: &str,
        order: Order,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Listed>, StoreError> {
        let sql = match order {
            Order::Used(None) => {
                listed!("WHERE s.account = $1 AND s.expires > $2 ORDER BY s.seen DESC, s.handle DESC LIMIT $3")
            }
            Order::Used(Some(_)) => listed!(
                "WHERE s.account = $1 AND s.expires > $2 AND (s.seen, s.handle) < ($4, $5::uuid) \
                 ORDER BY s.seen DESC, s.handle DESC LIMIT $3"
            ),
            Order::Unused => listed!("WHERE s.account = $1 AND s.expires > $2 ORDER BY s.seen, s.handle LIMIT $3"),
            Order::SignedIn => listed!(
                "WHERE s.account = $1 AND s.expires > $2 \
                 ORDER BY coalesce(s.signed_in, s.renewed) DESC, s.handle DESC LIMIT $3"
            ),
        };
        let mut query = query(sql).bind(account).bind(now.0).bind(i64::from(limit));
        if let Order::Used(Some(After(seen, handle))) = order {
            query = query.bind(seen.0).bind(handle.to_string());
        }
        self.pool.rows_beside(query).await?.iter().map(listed).collect()
    }

    pub(super) async fn browse_now(
        &self,
        cursor: Option<&str>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let after = cursor.map(str::parse::<uuid::Uuid>).transpose().map_err(StoreError::corrupt)?;
        let sql = listed!("WHERE s.handle > $1::uuid ORDER BY s.handle LIMIT $2");
        // The nil UUID comes before every handle.
        let page = query(sql).bind(after.unwrap_or_default().to_string()).bind(i64::from(limit.max(1)));
        let rows = self.pool.rows_beside(page).await?;
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
        let sql = end!("handle = ANY ($1::text[]::uuid[]) AND account = $2 AND ($3 IS NULL OR seen <= $3)");
        let handles: Vec<_> = handles.iter().map(Handle::to_string).collect();
        let query = query(sql).bind(handles).bind(account).bind(unused_since.map(|moment| moment.0));
        self.pool.rows_beside(query).await?.iter().map(handle).collect()
    }

    pub(super) async fn end_some_now(
        &self,
        account: &str,
        except: Option<&Handle>,
        _: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError> {
        // The next call needs no cursor, because the sessions of this one are gone. The rows are locked in order, so
        // that two such statements do not deadlock.
        let sql = end!(
            "handle = ANY (ARRAY(SELECT s.handle FROM hardtack.session s WHERE s.account = $1 \
             AND s.handle IS DISTINCT FROM $2::uuid ORDER BY s.handle LIMIT $3 FOR UPDATE)) AND account = $1"
        );
        let query = query(sql).bind(account).bind(except.map(Handle::to_string)).bind(i64::from(batch));
        let sessions = self.pool.rows_beside(query).await?.len() as u64;
        Ok(Ended { sessions, next: (sessions >= u64::from(batch)).then(String::new) })
    }
}
