//! The sweep of expired sessions, the sweep lease, the count of sessions, and the server's clock.
//!
//! The index of deadlines holds for each session a moment before which it does not end. A touch does not move that
//! moment, so that it costs one write to one key. The sweep reads the session itself and moves the moment then.

use super::link::{Script, understand};
use super::lists::undue;
use super::steps::{Conditions, END, keep_for, traces};
use super::{RedisStore, SLACK, keys};
use crate::clock::Timestamp;
use crate::id::Handle;
use crate::lifetime::Lifetime;
use crate::store::{Stats, StoreError, Swept};
use redis::{Cmd, Value, cmd};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

static LEAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lead.lua")));
static TIME: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("time.lua")));

/// The least number of entries that one look at the index takes, because most of the sessions may have been used since.
const LOOK: usize = 64;
/// The number of entries beyond its share that each part of the index yields.
const SPARE: usize = 16;
/// The most looks at the index in one sweep.
const LOOKS: u32 = 4;
/// The most sessions that are read to count the expired ones.
const COUNTED: usize = 10_000;

/// An entry of the index of deadlines whose moment has come.
#[derive(Clone, Copy, Debug)]
struct Due {
    handle: Handle,
    moment: Timestamp,
}

/// The fields that determine a session's deadline, and `id`, which each session has.
type Found = [Option<Vec<u8>>; 5];

/// The state of an entry's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Gone,
    /// A session that ends, or has ended, at that moment.
    Ends(Timestamp),
}

impl RedisStore {
    /// Removes expired sessions, beginning with those that expired first.
    pub(super) async fn sweep_now(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError> {
        let batch = batch as usize;
        let mut swept = 0;
        for _ in 0..LOOKS {
            let (due, certain) = self.due(now, LOOK.max(batch - swept)).await?;
            if due.is_empty() {
                return Ok(Swept { sessions: swept as u64, more: false });
            }
            let mut over = Vec::new();
            let (mut gone, mut postponed) = (Vec::new(), Vec::new());
            let truths = self.truths(&due).await?;
            for (entry, truth) in due.into_iter().zip(truths) {
                match truth {
                    Truth::Gone => gone.push(entry.handle),
                    Truth::Ends(end) if end <= certain => over.push((end, entry.handle)),
                    Truth::Ends(end) => postponed.push((end, entry.handle)),
                }
            }
            over.sort_unstable();
            over.truncate(batch - swept);
            let (removed, mut after) = self.remove(&over, now).await?;
            swept += removed.len();
            gone.extend(removed);
            after.extend(postpone(&postponed));
            after.extend(by_shard(&gone, keys::shard).iter().map(|(shard, gone)| undue(*shard, gone)));
            for answer in self.link.ask_all(after).await {
                answer?;
            }
            if swept == batch {
                break;
            }
        }
        Ok(Swept { sessions: swept as u64, more: true })
    }

    /// Returns the entries whose moment has come, the earliest first, at most `most` of them; and the moment up to
    /// which the entries are complete.
    ///
    /// The sessions of all other entries end no earlier than that moment. So the sessions that end before it are
    /// removed first. The rest is moved in the index, and comes with a later look.
    async fn due(&self, now: Timestamp, most: usize) -> Result<(Vec<Due>, Timestamp), StoreError> {
        // The parts fill evenly. Taking everything from each would keep Redis from answering requests for milliseconds.
        let most_each = most.div_ceil(keys::SHARDS) + SPARE;
        let ask = |shard| {
            let mut range = cmd("ZRANGE");
            range.arg(keys::due(shard)).arg("-inf").arg(now.0).arg("BYSCORE").arg("LIMIT").arg(0).arg(most_each);
            range.arg("WITHSCORES");
            range
        };
        let mut due = Vec::new();
        let mut certain = now;
        for answer in self.link.ask_all((0..keys::SHARDS).map(ask).collect()).await {
            let entries = understand::<Vec<(Vec<u8>, f64)>>(answer?)?;
            // The scores are whole milliseconds below 2^53, so no precision is lost.
            #[expect(clippy::cast_possible_truncation, reason = "a moment that was written as a whole number")]
            let moment = |score: f64| Timestamp(score as i64);
            if let Some((_, last)) = entries.last().filter(|_| entries.len() == most_each) {
                certain = certain.min(moment(*last));
            }
            due.extend(entries.iter().filter_map(|(member, score)| {
                Some(Due { handle: super::rows::handle(member)?, moment: moment(*score) })
            }));
        }
        due.sort_unstable_by_key(|due| (due.moment, due.handle));
        due.retain(|due| due.moment <= certain);
        if due.len() > most {
            due.truncate(most);
            certain = due.last().map_or(certain, |last| last.moment);
        }
        Ok((due, certain))
    }

    /// Reads the sessions of the entries. A session that cannot be read counts as over at the moment in the index.
    async fn truths(&self, due: &[Due]) -> Result<Vec<Truth>, StoreError> {
        let ask = |due: &Due| {
            let mut ask = cmd("HMGET");
            ask.arg(keys::session(&due.handle)).arg(&["created", "seen", "idle", "absolute", "id"]);
            ask
        };
        let answers = self.link.ask_all(due.iter().map(ask).collect()).await;
        let truth = |(due, answer): (&Due, Result<Value, StoreError>)| match answer.and_then(understand::<Found>) {
            Ok([None, None, None, None, None]) => Ok(Truth::Gone),
            Ok(values) => Ok(Truth::Ends(deadline(values).unwrap_or(due.moment))),
            Err(StoreError::Corrupt(_)) => Ok(Truth::Ends(due.moment)),
            Err(error) => Err(error),
        };
        due.iter().zip(answers).map(truth).collect()
    }

    /// Ends those of the sessions that are still expired. Returns their handles, and the commands that remove the keys
    /// that led to them.
    async fn remove(
        &self,
        over: &[(Timestamp, Handle)],
        now: Timestamp,
    ) -> Result<(Vec<Handle>, Vec<Cmd>), StoreError> {
        let conditions = Conditions { over: Some(now), ..Conditions::default() };
        let run = |(_, handle): &(Timestamp, Handle)| (keys::session(handle), conditions.arguments());
        let answers = self.link.run_all(&END, over.iter().map(run).collect()).await;
        let (mut removed, mut after) = (Vec::new(), Vec::new());
        for ((_, handle), answer) in over.iter().zip(answers) {
            if let Some(traces) = traces(handle, &understand::<Vec<String>>(answer?)?) {
                removed.push(*handle);
                after.extend(traces);
            }
        }
        Ok((removed, after))
    }

    /// Counts the sessions by the index. Reads those whose moment has come, at most ten thousand; the rest of those
    /// counts as expired.
    pub(super) async fn count(&self, now: Timestamp) -> Result<Stats, StoreError> {
        let ask = |range: [String; 2]| {
            move |shard| {
                let mut count = cmd("ZCOUNT");
                count.arg(keys::due(shard)).arg(&range);
                count
            }
        };
        let later = ask([format!("({}", now.0), "+inf".to_owned()]);
        let come = ask(["-inf".to_owned(), now.0.to_string()]);
        let both = (0..keys::SHARDS).map(later).chain((0..keys::SHARDS).map(come)).collect();
        let mut counts = Vec::with_capacity(2 * keys::SHARDS);
        for answer in self.link.ask_all(both).await {
            counts.push(understand::<u64>(answer?)?);
        }
        let (later, come) = counts.split_at(keys::SHARDS.min(counts.len()));
        let (mut live, mut over) = (later.iter().sum::<u64>(), come.iter().sum::<u64>());
        let (due, _) = self.due(now, COUNTED).await?;
        for truth in self.truths(&due).await? {
            match truth {
                Truth::Ends(end) if end <= now => {}
                Truth::Gone => over = over.saturating_sub(1),
                Truth::Ends(_) => (live, over) = (live + 1, over.saturating_sub(1)),
            }
        }
        Ok(Stats { live, over })
    }

    /// Returns the time of the server that holds one fixed key, the same for all nodes; `None` when the Redis user may
    /// not run `TIME`.
    pub(super) async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        let answer: Vec<i64> = self.link.run(&TIME, keys::PROBE, &[]).await?;
        let [seconds, micros] = answer[..] else { return Ok(None) };
        Ok(Some(Timestamp(seconds.saturating_mul(1000).saturating_add(micros / 1000))))
    }

    /// Takes or extends the sweep lease.
    pub(super) async fn lead_now(
        &self,
        sweeper: &Handle,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let arguments = [
            sweeper.to_string().into_bytes(),
            until.0.to_string().into_bytes(),
            now.0.to_string().into_bytes(),
            keep_for(until, now, SLACK),
        ];
        Ok(self.link.run::<i64>(&LEAD, keys::LEAD, &arguments).await? == 1)
    }
}

/// Returns the deadline of a session from its fields; `None` when they are malformed.
fn deadline([created, seen, idle, absolute, _]: Found) -> Option<Timestamp> {
    fn number<T: std::str::FromStr>(value: Option<Vec<u8>>) -> Option<T> {
        String::from_utf8(value?).ok()?.parse().ok()
    }
    let span = |value| number(value).map(Duration::from_millis);
    let lifetime = Lifetime { idle: span(idle)?, absolute: span(absolute)? };
    Some(lifetime.deadline(Timestamp(number(created)?), Timestamp(number(seen)?)))
}

/// Returns the commands that move used sessions to their new moments in the index, one for each part.
fn postpone(ends: &[(Timestamp, Handle)]) -> Vec<Cmd> {
    let by_shard = by_shard(ends, |(_, handle)| keys::shard(handle));
    by_shard
        .into_iter()
        .map(|(shard, ends)| {
            let mut postpone = cmd("ZADD");
            postpone.arg(keys::due(shard)).arg("XX").arg("GT");
            for (end, handle) in ends {
                postpone.arg(end.0).arg(handle.to_string());
            }
            postpone
        })
        .collect()
}

fn by_shard<T: Copy>(items: &[T], shard: impl Fn(&T) -> usize) -> BTreeMap<usize, Vec<T>> {
    let mut by_shard = BTreeMap::<_, Vec<_>>::new();
    for item in items {
        by_shard.entry(shard(item)).or_default().push(*item);
    }
    by_shard
}
