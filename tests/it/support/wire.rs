//! Connections to a server that fail without notice or after a number of commands, and slow connections.

use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The state of the wire.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Data arrives.
    Open,
    /// Data is lost without notice. A connection that loses data stays dead.
    Swallowed,
    /// This many Redis commands arrive, and then every connection ends.
    Commands(usize),
}

/// A wire in front of a server. Unlike a [`Proxy`](super::proxy::Proxy), which holds data, it loses data.
pub struct Wire {
    pub port: u16,
    way: Arc<watch::Sender<Way>>,
}

impl Wire {
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let ways = Arc::clone(&way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&ways)));
            }
        });
        Self { port, way }
    }

    /// Starts a slow wire, which delays data in each direction.
    pub async fn long(server: u16, delay: Duration) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::join!(late(from_client, to_server, delay), late(from_server, to_client, delay));
                });
            }
        });
        port
    }

    /// Loses all data from now on. Existing connections stay open and are dead.
    pub fn cut(&self) {
        self.way.send_replace(Way::Swallowed);
    }

    /// Lets new connections work again. Existing ones stay dead.
    pub fn mend(&self) {
        self.way.send_replace(Way::Open);
    }

    /// Lets this many commands through, with or without their responses. Then it closes all connections and refuses new
    /// ones.
    pub fn break_after(&self, commands: usize) {
        self.way.send_replace(Way::Commands(commands));
    }
}

async fn carry(client: TcpStream, server: u16, ways: Arc<watch::Sender<Way>>) {
    let mut way = ways.subscribe();
    let now = *way.borrow_and_update();
    match now {
        Way::Open => {}
        Way::Commands(_) => return,
        Way::Swallowed => {
            // The connection is accepted and never served.
            std::future::pending::<()>().await;
        }
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let back = tokio::spawn(answers(from_server, to_client, way));
    commands(from_client, to_server, ways).await;
    back.abort();
}

async fn late(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        tokio::time::sleep(delay).await;
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            biased;
            swallowed = swallowed(&mut way) => {
                if !swallowed {
                    return;
                }
                std::future::pending::<()>().await;
            }
            read = from.read(&mut bytes) => match read {
                Ok(read @ 1..) if to.write_all(&bytes[..read]).await.is_ok() => {}
                _ => return,
            }
        }
    }
}

/// Waits until data is lost. Returns `false` if that cannot happen any more.
async fn swallowed(way: &mut watch::Receiver<Way>) -> bool {
    way.wait_for(|way| matches!(way, Way::Swallowed)).await.is_ok()
}

/// The fate of received bytes.
enum Verdict {
    Pass(usize),
    Swallow,
    Close,
}

async fn commands(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, ways: Arc<watch::Sender<Way>>) {
    let (mut held, mut bytes) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        held.extend_from_slice(&bytes[..read]);
        while !held.is_empty() {
            match judge(&ways, &held) {
                Verdict::Pass(0) => break,
                Verdict::Pass(length) if to.write_all(&held[..length]).await.is_ok() => drop(held.drain(..length)),
                Verdict::Pass(_) | Verdict::Close => return,
                Verdict::Swallow => std::future::pending().await,
            }
        }
    }
}

fn judge(ways: &watch::Sender<Way>, held: &[u8]) -> Verdict {
    let mut verdict = Verdict::Close;
    ways.send_if_modified(|way| {
        verdict = match way {
            Way::Open => Verdict::Pass(held.len()),
            Way::Swallowed => Verdict::Swallow,
            Way::Commands(left) => match command(held) {
                None => Verdict::Pass(0),
                Some(_) if *left == 0 => Verdict::Close,
                Some(length) => {
                    *left -= 1;
                    Verdict::Pass(length)
                }
            },
        };
        matches!(way, Way::Commands(_))
    });
    verdict
}

/// Returns the length of the first complete command: `*2␍␊$3␍␊GET␍␊$1␍␊a␍␊`.
fn command(sent: &[u8]) -> Option<usize> {
    let (mut parts, mut at) = number(sent, 0)?;
    while parts > 0 {
        let (length, begin) = number(sent, at)?;
        at = begin + length + 2;
        parts -= 1;
    }
    (sent.len() >= at).then_some(at)
}

/// Returns the number on a line and the position of the next line.
fn number(sent: &[u8], at: usize) -> Option<(usize, usize)> {
    let line = sent.get(at + 1..)?;
    let end = line.iter().position(|byte| *byte == b'\r')?;
    let number = std::str::from_utf8(&line[..end]).ok()?.parse().expect("a length");
    Some((number, at + 1 + end + 2))
}

#[test]
fn a_command_is_whole_when_its_last_byte_has_come() {
    let sent = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n";
    assert_eq!(command(sent), Some(20));
    for short in 0..20 {
        assert_eq!(command(&sent[..short]), None, "{short}");
    }
}
