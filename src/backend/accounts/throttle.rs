//! How often it may be tried to sign in: counted before a password is looked at, in the database that all nodes share.

use super::{Accounts, Failure, damaged};
use crate::session::clock::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use std::time::Duration;

/// How many counters one step of the sweep removes.
const BATCH: i64 = 500;
/// The pause between two sweeps.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// What attempts are counted by: a keyed hash of a name, of a network or of a browser, and how many it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend) struct Bucket {
    pub(in crate::backend) name: String,
    pub(in crate::backend) limit: u32,
}

/// An attempt that was counted.
#[derive(Debug)]
pub(in crate::backend) struct Attempt {
    bucket: String,
    until: i64,
}

impl Accounts {
    /// Counts an attempt, and says after how long another makes sense if this is one too many.
    ///
    /// In one statement, so that of any number at once exactly the limit passes. An attempt that is refused is not counted:
    /// what is given back later makes room for as many.
    pub(in crate::backend) async fn attempt(&self, bucket: &Bucket) -> Result<Result<Attempt, Duration>, Failure> {
        self.attempt_within(bucket, self.rules().window).await
    }

    /// The same, where counting begins anew after a span of its own.
    pub(in crate::backend) async fn attempt_within(
        &self,
        bucket: &Bucket,
        window: Duration,
    ) -> Result<Result<Attempt, Duration>, Failure> {
        let now = self.clock().now();
        let sql = "INSERT INTO hardtack.attempt AS a (bucket, made, until) VALUES ($1, 1, $2) \
                   ON CONFLICT (bucket) DO UPDATE SET \
                   made = CASE WHEN a.until <= $3 THEN 1 ELSE a.made + 1 END, \
                   until = CASE WHEN a.until <= $3 THEN $2 ELSE a.until END \
                   WHERE a.until <= $3 OR a.made < $4 \
                   RETURNING until";
        let name = bucket.name.as_str();
        let values = [name.into(), (now + window).0.into(), now.0.into(), i64::from(bucket.limit).into()];
        if let Some(until) = until(&self.rows(sql, &values).await?)? {
            return Ok(Ok(Attempt { bucket: bucket.name.clone(), until }));
        }
        let sql = "SELECT until FROM hardtack.attempt WHERE bucket = $1";
        // Swept meanwhile: then there is room at once.
        let over = until(&self.rows(sql, &[name.into()]).await?)?;
        Ok(Err(over.map_or(Duration::ZERO, |until| Timestamp(until).left(now))))
    }

    /// Takes back attempts that were none: they succeeded.
    pub(in crate::backend) async fn forgive(&self, attempts: &[Attempt]) {
        let sql = "UPDATE hardtack.attempt SET made = made - 1 WHERE bucket = $1 AND until = $2 AND made > 0 \
                   RETURNING made";
        for Attempt { bucket, until } in attempts {
            if let Err(error) = self.rows(sql, &[bucket.as_str().into(), (*until).into()]).await {
                tracing::warn!(%error, "an attempt that succeeded stays counted");
            }
        }
    }

    /// Removes counters that are over, in the background, until the future is dropped. Each node may: it is little work.
    pub fn sweep(&self) -> impl Future<Output = ()> + Send + use<> {
        let accounts = self.clone();
        async move {
            loop {
                tokio::time::sleep(PAUSE).await;
                if let Err(error) = accounts.check().await {
                    tracing::error!(%error, "the accounts are in danger");
                } else if let Err(error) = accounts.sweep_out().await {
                    tracing::warn!(%error, "attempts that are over could not be swept");
                }
            }
        }
    }

    /// Removes the counters that are over now, and says how many there were.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn sweep_out(&self) -> Result<usize, Failure> {
        // Looked at again when it is removed: counting may have begun anew meanwhile.
        let sql = "DELETE FROM hardtack.attempt WHERE until <= $1 AND bucket IN \
                   (SELECT bucket FROM hardtack.attempt WHERE until <= $1 ORDER BY until LIMIT $2) RETURNING bucket";
        let mut swept = 0;
        loop {
            let removed = self.rows(sql, &[self.clock().now().0.into(), BATCH.into()]).await?.len();
            swept += removed;
            if removed == 0 {
                return Ok(swept);
            }
        }
    }
}

/// When counting begins anew, of the one row that there may be.
fn until(rows: &[AnyRow]) -> Result<Option<i64>, Failure> {
    rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)
}
