//! The counters of sign-in attempts. They count before a password is checked, in the database that all nodes share.

use super::{Accounts, Failure, damaged};
use hardtack_session::clock::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use std::time::Duration;

/// The number of counters that one step of the sweep removes.
const BATCH: i64 = 500;
/// The pause between two sweeps.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// A counter: the keyed hash of a username, a network or a browser, and the number of attempts that it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend) struct Bucket {
    pub(in crate::backend) name: String,
    pub(in crate::backend) limit: u32,
}

/// A counted attempt.
#[derive(Debug)]
pub(in crate::backend) struct Attempt {
    bucket: String,
    until: i64,
}

impl Accounts {
    /// Counts an attempt. If the limit is reached, returns the time until another attempt makes sense.
    ///
    /// One statement checks and counts, so that of any number of concurrent attempts exactly the limit passes. A
    /// rejected attempt is not counted, so that attempts that are given back later make room for as many new ones.
    pub(in crate::backend) async fn attempt(&self, bucket: &Bucket) -> Result<Result<Attempt, Duration>, Failure> {
        self.attempt_within(bucket, self.rules().window).await
    }

    /// Counts an attempt in the same way, with a window of its own.
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
        // The counter was swept meanwhile, so there is room at once.
        let over = until(&self.rows(sql, &[name.into()]).await?)?;
        Ok(Err(over.map_or(Duration::ZERO, |until| Timestamp(until).left(now))))
    }

    /// Gives back attempts that must not count, such as right passwords.
    pub(in crate::backend) async fn forgive(&self, attempts: &[Attempt]) {
        let sql = "UPDATE hardtack.attempt SET made = made - 1 WHERE bucket = $1 AND until = $2 AND made > 0 \
                   RETURNING made";
        for Attempt { bucket, until } in attempts {
            if let Err(error) = self.rows(sql, &[bucket.as_str().into(), (*until).into()]).await {
                tracing::warn!(%error, "an attempt could not be given back and stays counted");
            }
        }
    }

    /// Checks the database and removes expired counters, in the background, until the future is dropped. Every node
    /// does so, because it is little work.
    pub fn sweep(&self) -> impl Future<Output = ()> + Send + use<> {
        let accounts = self.clone();
        async move {
            loop {
                tokio::time::sleep(PAUSE).await;
                if let Err(error) = accounts.check().await {
                    tracing::error!(%error, "the check of the accounts' database failed");
                } else if let Err(error) = accounts.sweep_out().await {
                    tracing::warn!(%error, "expired attempt counters could not be removed");
                }
            }
        }
    }

    /// Removes all expired counters and returns how many there were.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn sweep_out(&self) -> Result<usize, Failure> {
        // The DELETE checks `until` again, because counting may have started again meanwhile.
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

/// Returns the time at which counting starts again, from the only row that there may be.
fn until(rows: &[AnyRow]) -> Result<Option<i64>, Failure> {
    rows.first().map(|row| row.try_get(0)).transpose().map_err(damaged)
}
