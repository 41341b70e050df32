//! A proxy whose connections can be cut without notice to either end, like a network that loses packets.

use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A proxy that forwards data until it is cut. It ends when dropped.
pub struct Proxy {
    pub port: u16,
    whole: Arc<watch::Sender<bool>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy in front of the server on this port.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let whole = Arc::new(watch::Sender::new(true));
        let way = whole.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, server, way.clone()));
            }
        });
        Self { port, whole, accepting }
    }

    /// Stops forwarding in both directions. Connections stay open, and new ones are accepted but lead nowhere.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Forwards again, beginning with the held data, because TCP retransmits lost data.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass_on(client: TcpStream, server: u16, mut way: watch::Receiver<bool>) {
    if way.wait_for(|whole| *whole).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(copy(from_client, to_server, way.clone()), copy(from_server, to_client, way));
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if way.wait_for(|whole| *whole).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
    // The end of a connection is held like data.
    if way.wait_for(|whole| *whole).await.is_ok() {
        to.shutdown().await.ok();
    }
}
