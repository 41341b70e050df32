//! The connection to Redis, which is made anew when it fails.
//!
//! All commands share one connection, and responses come in the order of the commands. A connection that has gone
//! silent looks like a slow one, and the system does not close it. So a caller whose command times out, or is dropped
//! after half of the timeout, marks the connection as suspect, and the next command uses a new one.

use super::address::Address;
use super::wire::{Client, Wire};
use crate::store::StoreError;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The time after a failed connection attempt in which no new one is made and calls fail at once.
const PAUSE: Duration = Duration::from_millis(100);
/// The number of commands of a list that are in flight at once. A request that comes meanwhile waits behind all of
/// them.
const AT_ONCE: usize = 4;
/// The number of times that a command is sent while a Cluster that is being rearranged redirects it.
const REDIRECTS: u32 = 5;

/// A Lua script, which Redis identifies by its hash.
pub(super) struct Script {
    hash: String,
    text: &'static str,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        Self { hash: redis::Script::new(text).get_hash().to_owned(), text }
    }

    /// Returns the command that runs the script on one key.
    fn command(&self, by_hash: bool, key: &str, arguments: &[Vec<u8>]) -> Cmd {
        let (name, script) = if by_hash { ("EVALSHA", self.hash.as_str()) } else { ("EVAL", self.text) };
        let mut command = redis::cmd(name);
        command.arg(script).arg(1).arg(key).arg(arguments);
        command
    }
}

/// The shared connection to a server or a Cluster.
pub(super) struct Link {
    place: String,
    client: Client,
    timeout: Duration,
    state: Mutex<State>,
}

type Outcome = Result<Arc<Wire>, RedisError>;

#[derive(Default)]
struct State {
    wire: Option<Arc<Wire>>,
    /// A connection attempt in progress, for all callers that wait for it.
    attempt: Option<watch::Receiver<Option<Outcome>>>,
    failed: Option<(Instant, RedisError)>,
}

impl Link {
    pub(super) fn new(address: &Address, client: Client, timeout: Duration) -> Self {
        Self { place: address.place.clone(), client, timeout, state: Mutex::default() }
    }

    /// Returns the timeout of a command.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends one command to the server that holds its key.
    pub(super) async fn ask<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> Result<T, StoreError> {
        understand(self.send(command).await.map_err(failure)?)
    }

    /// Sends independent commands, several at once. Returns the responses in the order of the commands.
    pub(super) async fn ask_all(self: &Arc<Self>, commands: Vec<Cmd>) -> Vec<Result<Value, StoreError>> {
        self.each(commands, |link, command| async move { link.ask(&command).await }).await
    }

    /// Runs a script on many keys, several at once. Returns the responses in the order of the keys.
    pub(super) async fn run_all(
        self: &Arc<Self>,
        script: &'static Script,
        runs: Vec<(String, Vec<Vec<u8>>)>,
    ) -> Vec<Result<Value, StoreError>> {
        self.each(runs, move |link, (key, arguments)| async move { link.run(script, &key, &arguments).await }).await
    }

    async fn each<A, F>(
        self: &Arc<Self>,
        asked: Vec<A>,
        ask: impl Fn(Arc<Self>, A) -> F,
    ) -> Vec<Result<Value, StoreError>>
    where
        F: Future<Output = Result<Value, StoreError>> + Send + 'static,
    {
        let mut answers: Vec<_> = asked.iter().map(|_| None).collect();
        let mut asked = asked.into_iter().enumerate();
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < AT_ONCE
                && let Some((n, asked)) = asked.next()
            {
                let answer = ask(Arc::clone(self), asked);
                tasks.spawn(async move { (n, answer.await) });
            }
            match tasks.join_next().await {
                Some(Ok((n, answer))) => answers[n] = Some(answer),
                Some(Err(_)) => {}
                None => break,
            }
        }
        let lost = || Err(StoreError::unavailable("the command was dropped"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect()
    }

    /// Runs a script on one key.
    pub(super) async fn run<T: FromRedisValue>(
        self: &Arc<Self>,
        script: &Script,
        key: &str,
        arguments: &[Vec<u8>],
    ) -> Result<T, StoreError> {
        let answer = match self.send(&script.command(true, key, arguments)).await {
            // This server does not have the script yet. `EVAL` sends its text, and the server keeps it.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&script.command(false, key, arguments)).await
            }
            other => other,
        };
        understand(answer.map_err(failure)?)
    }

    /// Sends one command to any server.
    pub(super) async fn ask_any<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> RedisResult<T> {
        let wire = self.wire().await?;
        let watch = wire.watch(self.timeout);
        let answer = wire.send_anywhere(command).await;
        watch.end(&answer);
        Ok(redis::from_redis_value(answer?)?)
    }

    /// Sends a command. A command that may have been run is not sent again, because not every command may run twice.
    /// Only a redirection proves that the server has not run it.
    async fn send(self: &Arc<Self>, command: &Cmd) -> RedisResult<Value> {
        let mut asked = None;
        for _ in 0..REDIRECTS {
            let wire = self.wire().await?;
            let watch = wire.watch(self.timeout);
            let answer = match asked.take() {
                None => wire.send(command).await,
                Some(server) => wire.send_after_ask(command, server).await,
            };
            watch.end(&answer);
            match answer {
                Err(error) if wire.is_cluster() && is_elsewhere(&error) => asked = moving_to(&error),
                other => return other,
            }
        }
        Err((ErrorKind::Client, "the Cluster redirected the command too many times").into())
    }

    /// Returns a connection; makes a new one when the last one is suspect.
    pub(super) async fn wire(self: &Arc<Self>) -> RedisResult<Arc<Wire>> {
        let mut attempt = match self.look() {
            Look::Found(wire) => return Ok(wire),
            Look::Failed(error) => return Err(error),
            Look::Wait(attempt) => attempt,
        };
        match attempt.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
            Ok(Some(outcome)) => outcome,
            // The runtime of the attempt has ended. The next call starts a new attempt.
            Ok(None) | Err(_) => Err((ErrorKind::Io, "the connection was not made").into()),
        }
    }

    fn look(self: &Arc<Self>) -> Look {
        let mut state = self.state();
        let usable = match &state.wire {
            Some(wire) if !wire.is_suspect() => return Look::Found(Arc::clone(wire)),
            // In a Cluster perhaps only one server is silent, so calls go on over this connection while a new one is
            // made.
            Some(wire) if wire.is_cluster() => Some(Arc::clone(wire)),
            _ => None,
        };
        let attempt = match state.attempt.clone().filter(|attempt| attempt.has_changed().is_ok()) {
            Some(attempt) => attempt,
            None => match &state.failed {
                Some((at, error)) if at.elapsed() < PAUSE => {
                    return usable.map_or_else(|| Look::Failed(error.clone()), Look::Found);
                }
                _ => self.begin(&mut state),
            },
        };
        usable.map_or(Look::Wait(attempt), Look::Found)
    }

    /// Starts a connection attempt in a task of its own, because its caller may give up before it ends.
    fn begin(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Option<Outcome>> {
        let (tell, attempt) = watch::channel(None);
        state.attempt = Some(attempt.clone());
        let link = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = link.client.connect(link.timeout).await.map(Arc::new);
            {
                let mut state = link.state();
                state.attempt = None;
                match &outcome {
                    Ok(wire) => {
                        state.failed = None;
                        state.wire = Some(Arc::clone(wire));
                    }
                    Err(error) => state.failed = Some((Instant::now(), error.clone())),
                }
            }
            tell.send_replace(Some(outcome));
        });
        attempt
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step under this lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.place).finish()
    }
}

enum Look {
    Found(Arc<Wire>),
    Failed(RedisError),
    Wait(watch::Receiver<Option<Outcome>>),
}

/// Returns whether a server of a Cluster refused a command because another server must run it.
fn is_elsewhere(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, Moved};
    matches!(error.kind(), ErrorKind::Server(Ask | Moved) | ErrorKind::ClusterConnectionNotFound)
}

/// Returns the server that the key is being moved to at this moment.
fn moving_to(error: &RedisError) -> Option<(String, u16)> {
    let (server, _) = error.redirect_node().filter(|_| error.kind() == ErrorKind::Server(ServerErrorKind::Ask))?;
    let (host, port) = server.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

/// Converts an error of the client to one of the store.
fn failure(error: RedisError) -> StoreError {
    if error.code() == Some("WRONGTYPE") { super::rows::damaged("a key") } else { StoreError::unavailable(error) }
}

/// Decodes a response. The error does not repeat its contents, because they may be personal data.
pub(super) fn understand<T: FromRedisValue>(answer: Value) -> Result<T, StoreError> {
    redis::from_redis_value(answer).map_err(|_| super::rows::damaged("a response"))
}
