//! The [`Store`] implementation, and the operations on many sessions: the list of an account, a page of all.

use super::link::understand;
use super::steps::{Conditions, END, tell, traces};
use super::{RedisStore, SLACK, keys, rows};
use crate::clock::{Clock, Timestamp, millis};
use crate::id::{Handle, IdHash};
use crate::news::News;
use crate::record::{Changes, Record, Rotation};
use crate::store::{Applied, Ended, Listed, Loaded, Order, Page, Skew, Stats, Store, StoreError, Swept};
use async_trait::async_trait;
use redis::{Value, cmd};

/// The most steps through the index for one page, because the index may hold many expired sessions.
const STEPS: u32 = 32;
/// The number of sessions that are ended before the keys that led to them are removed.
const HANDFUL: usize = 100;

impl RedisStore {
    /// Reads sessions for a list. Leaves out those that have expired, are gone or cannot be read.
    async fn listed(&self, handles: Vec<Handle>, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let ask = |handle: &Handle| {
            let mut ask = cmd("HMGET");
            ask.arg(keys::session(handle)).arg(&rows::LISTED);
            ask
        };
        let answers = self.link.ask_all(handles.iter().map(ask).collect()).await;
        let mut found = Vec::with_capacity(handles.len());
        for (handle, answer) in handles.into_iter().zip(answers) {
            match answer.and_then(understand).and_then(|values| rows::listed(handle, values)) {
                Ok(listed) => found.extend(listed.filter(|listed| listed.deadline > now)),
                Err(StoreError::Corrupt(error)) => {
                    tracing::warn!(%handle, %error, "a session record could not be read and is not listed");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Returns the handles that an account may own, of sessions whose absolute end is at `from` or later.
    async fn handles_of(&self, account: &str, from: &str) -> Result<Vec<Handle>, StoreError> {
        let mut range = cmd("ZRANGE");
        range.arg(keys::account(account)).arg(from).arg("+inf").arg("BYSCORE");
        let members: Vec<Vec<u8>> = self.link.ask(&range).await?;
        Ok(members.iter().filter_map(|member| rows::handle(member)).collect())
    }

    async fn page(&self, cursor: Option<&str>, limit: u32, now: Timestamp) -> Result<Page, StoreError> {
        let (mut shard, mut place) = match cursor {
            None => (0, 0),
            Some(text) => parse_cursor(text).ok_or_else(|| StoreError::corrupt("the cursor is malformed"))?,
        };
        let mut page = Page::default();
        for _ in 0..STEPS {
            let mut scan = cmd("ZSCAN");
            scan.arg(keys::due(shard)).arg(place).arg("COUNT").arg(limit.max(1));
            let (next, members): (u64, Vec<Vec<u8>>) = self.link.ask(&scan).await?;
            // Each member is followed by its score.
            let handles = members.iter().step_by(2).filter_map(|member| rows::handle(member)).collect();
            page.sessions.extend(self.listed(handles, now).await?);
            (shard, place) = if next == 0 { (shard + 1, 0) } else { (shard, next) };
            if shard == keys::SHARDS {
                return Ok(page);
            }
            if page.sessions.len() >= limit as usize {
                break;
            }
        }
        page.next = Some(format!("{shard:x}:{place}"));
        Ok(page)
    }

    /// Ends those of the sessions for which the conditions hold, and returns their handles.
    async fn end_each(&self, handles: &[Handle], conditions: Conditions<'_>) -> Result<Vec<Handle>, StoreError> {
        let runs = handles.iter().map(|handle| (keys::session(handle), conditions.arguments()));
        let answers = self.link.run_all(&END, runs.collect()).await;
        let (mut ended, mut after, mut failed) = (Vec::new(), Vec::new(), None);
        for (handle, answer) in handles.iter().zip(answers) {
            match answer.and_then(understand::<Vec<String>>) {
                Ok(answer) => {
                    if let Some(traces) = traces(handle, &answer) {
                        ended.push(*handle);
                        after.push(tell(handle));
                        after.extend(traces);
                        after.push(undue(keys::shard(handle), &[*handle]));
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        self.tidy(after).await;
        // Some sessions may have ended; the next call ends the others.
        failed.map_or(Ok(ended), Err)
    }

    /// Ends a part of an account's sessions. Reads the account's list by `ZSCAN`, which returns every entry that is
    /// there from the first call to the last.
    async fn end_part(
        &self,
        account: &str,
        except: Option<&Handle>,
        cursor: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError> {
        let place: u64 = cursor.unwrap_or("0").parse().map_err(StoreError::corrupt)?;
        let mut scan = cmd("ZSCAN");
        scan.arg(keys::account(account)).arg(place).arg("COUNT").arg(batch.max(1));
        let (next, members): (u64, Vec<Vec<u8>>) = self.link.ask(&scan).await?;
        // Each member is followed by its score.
        let mut handles: Vec<_> = members.iter().step_by(2).filter_map(|member| rows::handle(member)).collect();
        handles.retain(|handle| Some(handle) != except);
        let conditions = Conditions { account: Some(account), ..Conditions::default() };
        let mut sessions = 0;
        // In small parts, so that the clean-up after each has enough time.
        for handles in handles.chunks(HANDFUL) {
            sessions += self.end_each(handles, conditions).await?.len() as u64;
        }
        Ok(Ended { sessions, next: (next != 0).then(|| next.to_string()) })
    }
}

/// Returns the command that removes sessions from a part of the index of deadlines.
pub(super) fn undue(shard: usize, handles: &[Handle]) -> redis::Cmd {
    let mut undue = cmd("ZREM");
    undue.arg(keys::due(shard));
    for handle in handles {
        undue.arg(handle.to_string());
    }
    undue
}

/// Parses a part of the index and the position in it: `a:123`.
fn parse_cursor(text: &str) -> Option<(usize, u64)> {
    let (shard, place) = text.split_once(':')?;
    let shard = usize::from_str_radix(shard, 16).ok().filter(|shard| *shard < keys::SHARDS)?;
    Some((shard, place.parse().ok()?))
}

#[async_trait]
impl Store for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        self.load_now(id, now).await
    }

    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError> {
        self.create_now(id, record).await
    }

    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        self.apply_now(id, changes, now).await
    }

    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError> {
        self.rotate_now(id, rotation, now).await
    }

    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        self.touch_now(id, now).await
    }

    async fn end(&self, id: &IdHash) -> Result<bool, StoreError> {
        self.end_now(id).await
    }

    async fn list(&self, account: &str, order: Order, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let from = now.0.saturating_sub(millis(SLACK)).to_string();
        let handles = self.handles_of(account, &from).await?;
        let mut listed = self.listed(handles, now).await?;
        // The list holds the sessions that the account may own; the owner in the session decides.
        listed.retain(|listed| listed.owner.account.as_deref() == Some(account));
        Ok(order.cut(listed, limit))
    }

    async fn browse(&self, cursor: Option<&str>, limit: u32, now: Timestamp) -> Result<Page, StoreError> {
        self.page(cursor, limit, now).await
    }

    async fn end_by_handle(&self, account: Option<&str>, handle: &Handle) -> Result<bool, StoreError> {
        self.end_if(handle, Conditions { account, ..Conditions::default() }).await
    }

    async fn end_those(
        &self,
        account: &str,
        handles: &[Handle],
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<Handle>, StoreError> {
        let conditions = Conditions { account: Some(account), unused_since, ..Conditions::default() };
        let mut ended = Vec::new();
        for handles in handles.chunks(HANDFUL) {
            ended.extend(self.end_each(handles, conditions).await?);
        }
        Ok(ended)
    }

    async fn end_some(
        &self,
        account: &str,
        except: Option<&Handle>,
        cursor: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError> {
        self.end_part(account, except, cursor, batch).await
    }

    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError> {
        self.sweep_now(now, batch).await
    }

    async fn lead(&self, sweeper: &Handle, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.lead_now(sweeper, until, now).await
    }

    async fn lives(&self, handle: &Handle, now: Timestamp) -> Result<bool, StoreError> {
        Ok(!self.listed(vec![*handle], now).await?.is_empty())
    }

    async fn news(&self, news: &News) -> Result<(), StoreError> {
        self.ears.tell(news).await
    }

    async fn compare(&self, clock: &Clock) -> Result<Option<Skew>, StoreError> {
        // The comparison asks again, because it needs the duration of its own call, and this call only finds out
        // whether the Redis user may run `TIME`.
        if self.time().await?.is_none() {
            return Ok(None);
        }
        let ask = async { self.time().await?.ok_or_else(|| rows::damaged("the server's time")) };
        self.clock.compare(clock, ask).await.map(Some)
    }

    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        self.count(now).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Each ping writes a key, because a Redis with full memory or a replica must not look healthy.
        self.link.ask::<i64>(cmd("INCR").arg(keys::PROBE)).await?;
        self.link.ask::<Value>(cmd("GET").arg(keys::PROBE)).await.map(drop)
    }
}
