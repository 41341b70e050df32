//! One connection to Redis, and whether it is suspect.

use super::server::Server;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, PushInfo, PushKind, RedisResult, ServerErrorKind, Value};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A client that makes connections.
pub(super) enum Client {
    /// To a single server.
    Alone(Server),
    /// To the servers of a Cluster.
    Cluster(Box<ClusterClient>),
}

impl Client {
    /// Makes a connection within `timeout`; to a Cluster within twice that, because its first server names the others.
    pub(super) async fn connect(&self, timeout: Duration) -> RedisResult<Wire> {
        let suspect = Arc::new(AtomicBool::new(false));
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let connection = match self {
            Self::Alone(client) => {
                let lost = Arc::clone(&suspect);
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(timeout))
                    .set_response_timeout(Some(timeout))
                    .set_push_sender(move |push: PushInfo| {
                        lost.fetch_or(push.kind == PushKind::Disconnection, Ordering::Relaxed);
                        Ok::<_, ()>(())
                    });
                let making = client.connect(&config);
                Connection::Alone(
                    tokio::time::timeout(timeout, async { refuse_replica(making.await?).await })
                        .await
                        .map_err(late)??,
                )
            }
            Self::Cluster(client) => {
                let making = client.get_async_connection();
                Connection::Cluster(tokio::time::timeout(2 * timeout, making).await.map_err(late)??)
            }
        };
        Ok(Wire { connection, suspect })
    }
}

/// Refuses a replica, because it may not know yet that a session has ended (G3). The replicas of a Cluster refuse
/// commands by themselves.
async fn refuse_replica(mut connection: MultiplexedConnection) -> RedisResult<MultiplexedConnection> {
    let hello: HashMap<String, Value> = redis::cmd("HELLO").query_async(&mut connection).await?;
    match hello.get("role") {
        Some(Value::BulkString(role)) if role == b"replica" => {
            Err((ErrorKind::Client, "the server is a replica, which may not know yet that a session has ended").into())
        }
        _ => Ok(connection),
    }
}

/// A connection to a server or a Cluster.
pub(super) struct Wire {
    connection: Connection,
    suspect: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Connection {
    Alone(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Wire {
    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self.connection, Connection::Cluster(_))
    }

    /// Returns whether the connection may be dead.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match self.connection.clone() {
            Connection::Alone(mut connection) => command.query_async(&mut connection).await,
            Connection::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    /// Sends a command to any server.
    pub(super) async fn send_anywhere(&self, command: &Cmd) -> RedisResult<Value> {
        match self.connection.clone() {
            Connection::Alone(mut connection) => command.query_async(&mut connection).await,
            Connection::Cluster(mut connection) => {
                let anywhere = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                Ok(connection.route_command(command.clone(), anywhere).await?.extract_error()?)
            }
        }
    }

    /// Sends a command to the server that its key is being moved to, as an `ASK` redirection demands.
    pub(super) async fn send_after_ask(&self, command: &Cmd, server: (String, u16)) -> RedisResult<Value> {
        let Connection::Cluster(mut connection) = self.connection.clone() else {
            return self.send(command).await;
        };
        let mut both = redis::pipe();
        both.cmd("ASKING").add_command(command.clone());
        let (host, port) = server;
        let there = SingleNodeRoutingInfo::ByAddress { host, port };
        let mut answers = connection.route_pipeline(both, 0, 2, there).await?;
        let answer = answers.pop().ok_or((ErrorKind::Client, "no response after ASKING"))?;
        answer.extract_error()
    }

    /// Starts to watch a command in flight.
    pub(super) fn watch(&self, timeout: Duration) -> Watch<'_> {
        Watch { wire: self, begun: Instant::now(), patience: timeout / 2, answered: false }
    }
}

/// A command in flight. Marks the connection as suspect when it is dropped without a response after half of the
/// timeout.
pub(super) struct Watch<'a> {
    wire: &'a Wire,
    begun: Instant,
    patience: Duration,
    answered: bool,
}

impl Watch<'_> {
    pub(super) fn end(mut self, answer: &RedisResult<Value>) {
        self.answered = true;
        let Err(error) = answer else { return };
        // The server has become a replica. Its name may lead to another server by now, so a new connection is made.
        let demoted = ErrorKind::Server(ServerErrorKind::ReadOnly);
        if error.is_io_error() || error.is_unrecoverable_error() || error.kind() == demoted {
            self.wire.suspect.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.answered && self.begun.elapsed() >= self.patience {
            self.wire.suspect.store(true, Ordering::Relaxed);
        }
    }
}
