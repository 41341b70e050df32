//! Notifications for a SQLite file: of each session that this process ends, and of any write by another process.

use super::connections::Connections;
use super::rows::exact;
use crate::id::Handle;
use crate::news::News;
use crate::store::StoreError;
use sqlx::Row as _;
use std::time::Duration;

/// The interval at which the file is checked for writes by another process.
const EVERY: Duration = Duration::from_millis(300);

impl Connections {
    /// Passes notifications on, until it is dropped or the file fails.
    pub(super) async fn tell(&self, news: &News) -> Result<(), StoreError> {
        tokio::select! {
            () = self.voice.pass_on(news) => Ok(()),
            failed = self.notice_others(news) => failed,
        }
    }

    /// Notifies the watchers of a session that has ended or got a new id. Ignores bytes that are not a handle.
    pub(super) fn tell_of(&self, handle: &[u8]) {
        if let Ok(handle) = exact(handle) {
            self.voice.tell(Handle(uuid::Uuid::from_bytes(handle)));
        }
    }

    /// Looks for commits of other processes. Such a commit may have ended any session, so all watchers look at theirs,
    /// which costs a read each.
    ///
    /// While the header of the WAL index does not change, which is most of the time, no statement is run.
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

    /// Returns a number that changes when any connection but the writing one has committed.
    ///
    /// Source: <https://www.sqlite.org/pragma.html#pragma_data_version>.
    async fn others(&self) -> Result<i64, StoreError> {
        let rows = self.write().await.rows(sqlx::query("PRAGMA data_version")).await?;
        rows.first().map_or(Ok(0), |row| row.try_get(0).map_err(StoreError::corrupt))
    }
}
