//! An outgoing proxy of a company, which opens connections for its clients (CONNECT).

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy that connects every client to one port of this machine. It ends when dropped.
pub struct Tunnel {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Tunnel {
    /// Starts a proxy to this port. With `None` it refuses every request.
    pub async fn to(port: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heads = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, port, Arc::clone(&heads)));
            }
        });
        Self { port: own, asked, accepting }
    }

    /// Returns the heads of the requests to the proxy.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn lead(mut client: TcpStream, port: Option<u16>, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    heads.lock().expect("no panic").push(String::from_utf8_lossy(&head).into_owned());
    let Some(port) = port else {
        client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await.ok();
        return;
    };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    if client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_ok() {
        copy_bidirectional(&mut client, &mut server).await.ok();
    }
}
