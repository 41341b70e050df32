//! Notifications by Redis Pub/Sub, published after the step that ends a session. A Cluster passes them to all its
//! servers.

use super::address::Address;
use super::server::Server;
use super::{keys, opening, rows};
use crate::news::News;
use crate::store::{OpenError, StoreError};
use futures::StreamExt as _;
use redis::aio::PubSub;
use std::time::Duration;
use tokio::time::timeout;

/// The time of silence after which the server is pinged, because a connection that was cut looks like a quiet one.
const SILENCE: Duration = Duration::from_secs(5);

/// A subscriber on a connection of its own.
#[derive(Debug)]
pub(super) struct Ears {
    /// The servers. A connection to any of them is enough.
    servers: Vec<Server>,
    patience: Duration,
}

impl Ears {
    pub(super) fn new(address: &Address, timeout: Duration) -> Result<Self, OpenError> {
        Ok(Self { servers: opening::each(address)?, patience: timeout.max(Duration::from_secs(1)) })
    }

    /// Passes notifications on. Ends with an error when the connection is lost.
    pub(super) async fn tell(&self, news: &News) -> Result<(), StoreError> {
        let (mut ask, mut told) = self.open().await?.split();
        news.of_any();
        loop {
            match timeout(SILENCE, told.next()).await {
                Ok(Some(message)) => {
                    if let Some(handle) = rows::handle(message.get_payload_bytes()) {
                        news.of(&handle);
                    }
                }
                Ok(None) => return Err(StoreError::unavailable("the connection was lost")),
                Err(_) => {
                    let answer = timeout(self.patience, ask.ping::<redis::Value>()).await;
                    answer.map_err(StoreError::unavailable)?.map_err(StoreError::unavailable)?;
                }
            }
        }
    }

    async fn open(&self) -> Result<PubSub, StoreError> {
        let mut failed = None;
        for server in &self.servers {
            let opening = async {
                let mut channel = server.listen().await?;
                channel.subscribe(keys::NEWS).await?;
                Ok::<_, redis::RedisError>(channel)
            };
            match timeout(self.patience, opening).await {
                Ok(Ok(channel)) => return Ok(channel),
                Ok(Err(error)) => failed = Some(StoreError::unavailable(error)),
                Err(error) => failed = Some(StoreError::unavailable(error)),
            }
        }
        Err(failed.unwrap_or_else(|| StoreError::unavailable("no server is named")))
    }
}
