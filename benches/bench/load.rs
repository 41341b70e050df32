//! The load: a small HTTP/1.1 client with persistent connections that checks every response.

use futures::future::try_join_all;
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The number of concurrent connections.
pub(crate) const CONNECTIONS: usize = 32;

/// The expected body of a response. Its status must always be 200.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    /// This text.
    Text(&'static str),
    /// A number.
    Number,
}

impl Expect {
    fn is_met_by(self, answer: &Answer<'_>) -> bool {
        answer.status == 200
            && match self {
                Self::Text(text) => answer.body == text.as_bytes(),
                Self::Number => !answer.body.is_empty() && answer.body.iter().all(u8::is_ascii_digit),
            }
    }
}

/// Connections to one server. They all run on the thread that uses them, so that the client costs little.
pub(crate) struct Client {
    connections: Vec<Connection>,
}

impl Client {
    /// Opens all connections.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, String> {
        let open = (0..CONNECTIONS).map(|_| Connection::open(address));
        Ok(Self { connections: try_join_all(open).await? })
    }

    /// Sends the requests in turn and repeatedly for this time, and returns the number of responses.
    ///
    /// Requests in progress at the end of the time are awaited, so that the number is exact.
    pub(crate) async fn drive(
        &mut self,
        requests: &[Vec<u8>],
        expect: Expect,
        span: Duration,
    ) -> Result<usize, String> {
        let (deadline, sent) = (Instant::now() + span, Cell::new(0));
        let ask = async |connection: &mut Connection| {
            while Instant::now() < deadline {
                let request = &requests[sent.replace(sent.get() + 1) % requests.len()];
                let answer = connection.ask(request).await?;
                if !expect.is_met_by(&answer) {
                    return Err(format!("{} {:?}", answer.status, String::from_utf8_lossy(answer.body)));
                }
            }
            Ok(())
        };
        try_join_all(self.connections.iter_mut().map(ask)).await?;
        Ok(sent.get())
    }

    /// Sends each request once and returns the results of `take` in order.
    pub(crate) async fn each<T>(
        &mut self,
        requests: &[Vec<u8>],
        take: impl Fn(&Answer<'_>) -> Option<T>,
    ) -> Result<Vec<T>, String> {
        let share = requests.len().div_ceil(self.connections.len()).max(1);
        let ask = async |(connection, requests): (&mut Connection, &[Vec<u8>])| {
            let mut taken = Vec::new();
            for request in requests {
                let answer = connection.ask(request).await?;
                let odd = || format!("{} {:?}", answer.status, String::from_utf8_lossy(answer.body));
                taken.push(take(&answer).ok_or_else(odd)?);
            }
            Ok::<_, String>(taken)
        };
        let pairs = self.connections.iter_mut().zip(requests.chunks(share));
        Ok(try_join_all(pairs.map(ask)).await?.into_iter().flatten().collect())
    }
}

/// Returns a request for a path, with or without a cookie.
pub(crate) fn get(path: &str, cookie: Option<&str>) -> Vec<u8> {
    let cookie = cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: bench.example\r\n{cookie}\r\n").into_bytes()
}

/// The response of a server.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// The cookie that it sets: `name=value`.
    pub(crate) cookie: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(said)?;
        stream.set_nodelay(true).map_err(said)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, String> {
        self.stream.write_all(request).await.map_err(said)?;
        self.buffer.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.buffer).await.map_err(said)? == 0 {
                return Err("the server closed the connection".to_owned());
            }
            if let Some(head) = Head::of(&self.buffer)
                && self.buffer.len() >= head.length + head.body
            {
                break head;
            }
        };
        let (text, body) = self.buffer.split_at(head.length);
        let text = std::str::from_utf8(text).map_err(said)?;
        Ok(Answer { status: head.status, cookie: cookie(text), body })
    }
}

/// The values that are needed to read a response to its end.
struct Head {
    status: u16,
    length: usize,
    body: usize,
}

impl Head {
    /// Parses the head of a response, or returns `None` if it is incomplete.
    fn of(buffer: &[u8]) -> Option<Self> {
        let length = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&buffer[..length]).ok()?;
        let status = text.get(9..12)?.parse().ok()?;
        let body = field(text, "content-length")?.parse().ok()?;
        Some(Self { status, length, body })
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn cookie(head: &str) -> Option<&str> {
    field(head, "set-cookie")?.split(';').next()
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
