//! The listener: the number of connections, and their timeouts.

use super::client::Peer;
use super::settings::Limits;
use super::tls::Encrypted;
use axum::Router;
use axum::http::Request;
use axum_server::Handle;
use axum_server::accept::Accept;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::{Service, service_fn};

/// The most bytes that hyper reads before a head is complete. It is above `limits.headers`, the limit that counts, so
/// that a browser with too many cookies still gets a page that removes them.
const HEAD: usize = 512 * 1024;
/// The most headers that hyper reads, likewise. (HTTP/2 has no such number, and `limits.header_count` holds there too.)
const HEADERS: usize = 1000;
/// The number of concurrent requests on one HTTP/2 connection. Browsers learn it, and wait. Source: RFC 9113, 6.5.2.
const STREAMS: u32 = 100;

/// The reason why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error("{door}: {address} is in use by another program; stop that one, or set another port in {}", .door.ports())]
    InUse {
        /// The listener that needs it.
        door: Door,
        /// The address.
        address: SocketAddr,
    },
    /// The system does not allow it.
    #[error("{door}: {address} cannot be listened on: {source}; choose another address")]
    Refused {
        /// The listener that needs it.
        door: Door,
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
}

/// A listener of the server. It is displayed as the setting of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The listener of the site itself.
    Site,
    /// The listener of the metrics for Prometheus.
    Metrics,
    /// The plain http listener beside https.
    Redirect,
}

impl Door {
    /// Returns the settings that name the port.
    const fn ports(self) -> &'static str {
        match self {
            Self::Site => "`site.listen` and `site.url`",
            Self::Metrics => "`metrics.listen`",
            Self::Redirect => "`tls.redirect_listen`",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Site => "site.listen",
            Self::Metrics => "metrics.listen",
            Self::Redirect => "tls.redirect_listen",
        })
    }
}

/// A bound address.
pub(super) struct Listener {
    socket: TcpListener,
    pub(super) address: SocketAddr,
}

impl Listener {
    /// Binds the address, so that an address in use stops the start.
    pub(super) fn bind(door: Door, address: SocketAddr) -> Result<Self, BindError> {
        let refused = |source: io::Error| match source.kind() {
            ErrorKind::AddrInUse => BindError::InUse { door, address },
            _ => BindError::Refused { door, address, source },
        };
        let socket = TcpListener::bind(address).map_err(refused)?;
        socket.set_nonblocking(true).map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        Ok(Self { socket, address })
    }
}

/// Serves until `stop`, then lets running requests finish. Plain http is HTTP/1.1 alone; under TLS the client chooses.
pub(super) async fn serve(
    listener: Listener,
    router: Router,
    limits: &Limits,
    tls: Option<TlsAcceptor>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener.socket)?.handle(handle.clone());
    let room = Arc::new(Semaphore::new(limits.connections as usize));
    let (grace, waiting) = (limits.shutdown_grace, Arc::clone(&room));
    let (running, stopped) = watch::channel(());
    tokio::spawn(async move {
        stop.await;
        drop(running);
        handle.graceful_shutdown(Some(grace));
        // Closing the semaphore wakes the connection that waits for a permit, so that it does not block the listener.
        waiting.close();
    });
    // At the limit, the listener waits for a permit, so further connections wait in the system's queue.
    let connections = service_fn(move |peer: SocketAddr| {
        let (room, router) = (Arc::clone(&room), router.clone());
        async move {
            let permit = room.acquire_owned().await.ok().map(Arc::new);
            Ok::<_, Infallible>(Connection { router, peer: Peer(peer.ip()), _permit: permit })
        }
    });
    let impatient = Impatient(limits.answer_timeout);
    if let Some(tls) = tls {
        let mut server = server.acceptor(Encrypted::new(impatient, tls, limits, stopped));
        bound(server.http_builder(), limits);
        server.serve(connections).await
    } else {
        let mut server = server.acceptor(impatient).http1_only();
        bound(server.http_builder(), limits);
        server.serve(connections).await
    }
}

/// Sets the limits of a connection, for both versions of the protocol.
fn bound(builder: &mut Builder<TokioExecutor>, limits: &Limits) {
    builder
        .http1()
        // Without a timer there is no timeout. It also bounds how long an idle connection waits for its next request.
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD)
        .max_headers(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        // For a client that has vanished while a response is pending. `tls::accept` bounds how long a connection may be
        // idle.
        .keep_alive_interval(limits.header_timeout)
        .keep_alive_timeout(limits.header_timeout);
}

/// An acceptor that closes the connection of a client that does not read its response.
#[derive(Clone)]
struct Impatient(Duration);

impl<S> Accept<TcpStream, S> for Impatient {
    type Stream = Pin<Box<TimeoutStream<TcpStream>>>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // Without Nagle's algorithm, because small responses must not wait for an acknowledgement.
        let stream = stream.set_nodelay(true).map(|()| {
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(self.0));
            Box::pin(stream)
        });
        ready(stream.map(|stream| (stream, service)))
    }
}

/// The router for one connection, with the connection's permit until it ends.
#[derive(Clone)]
struct Connection {
    router: Router,
    peer: Peer,
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl<B> Service<Request<B>> for Connection
where
    Router: Service<Request<B>>,
{
    type Response = <Router as Service<Request<B>>>::Response;
    type Error = <Router as Service<Request<B>>>::Error;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.router, cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}
