//! News of sessions in a SQLite file: what this process has ended it knows; of others it sees that they have written.

use super::connections::Connections;
use super::rows::exact;
use crate::session::id::Handle;
use crate::session::news::News;
use crate::session::store::StoreError;
use sqlx::Row as _;
use std::time::Duration;

/// How often it is looked whether another process has written.
const EVERY: Duration = Duration::from_millis(300);

impl Connections {
    /// Tells of what ends, until it is dropped or the file fails.
    pub(super) async fn tell(&self, news: &News) -> Result<(), StoreError> {
        tokio::select! {
            () = self.voice.pass_on(news) => Ok(()),
            failed = self.notice_others(news) => failed,
        }
    }

    /// Tells of a session that has ended or got a new id. What is no handle is nobody's.
    pub(super) fn tell_of(&self, handle: &[u8]) {
        if let Ok(handle) = exact(handle) {
            self.voice.tell(Handle(uuid::Uuid::from_bytes(handle)));
        }
    }

    /// Another process can only write into the file, and any commit of its own may have ended any session: then all who
    /// watch look, which costs a read each.
    ///
    /// Where the head of the WAL index stands still, as it does most of the time, not even SQLite is asked.
    async fn notice_others(&self, news: &News) -> Result<(), StoreError> {
        let mut known = (self.cache.look(), self.others().await?);
        loop {
            tokio::time::sleep(EVERY).await;
            let stamp = self.cache.look();
            if stamp.is_some() && stamp == known.0 {
                continue;
            }
            let others = self.others().await?;
            if others != known.1 {
                news.of_any();
            }
            known = (stamp, others);
        }
    }

    /// A number that changes when anybody but the writing connection has committed.
    ///
    /// Source: <https://www.sqlite.org/pragma.html#pragma_data_version>.
    async fn others(&self) -> Result<i64, StoreError> {
        let rows = self.write().await.rows(sqlx::query("PRAGMA data_version")).await?;
        rows.first().map_or(Ok(0), |row| row.try_get(0).map_err(StoreError::corrupt))
    }
}
