//! One connection under TLS: its handshake, and its end when it is idle.
//!
//! HTTP/1.1 has hyper's timers, HTTP/2 has none: a client that sends nothing, sends a head without an end, or only
//! answers pings would keep its connection for ever. So a connection ends when no request has been in progress on it
//! for `limits.header_timeout`. A request whose response is not read stays in progress for `limits.answer_timeout`
//! more, because over HTTP/2 the client can close its window, and then no write ever waits.

use crate::server::settings::Limits;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use axum_server::accept::Accept;
use http_body::{Frame, SizeHint};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;

/// An acceptor that speaks TLS over the connections of another acceptor.
#[derive(Clone)]
pub(in crate::server) struct Encrypted<A> {
    inner: A,
    tls: TlsAcceptor,
    patience: Duration,
    answers: Duration,
    /// Closed when the server stops, because a connection in its handshake has no request to wait for.
    stopped: watch::Receiver<()>,
}

impl<A> Encrypted<A> {
    pub(in crate::server) const fn new(
        inner: A,
        tls: TlsAcceptor,
        limits: &Limits,
        stopped: watch::Receiver<()>,
    ) -> Self {
        Self { inner, tls, patience: limits.header_timeout, answers: limits.answer_timeout, stopped }
    }
}

impl<A, I, S> Accept<I, S> for Encrypted<A>
where
    A: Accept<I, S>,
    A::Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A::Service: Send + 'static,
    A::Future: Send + 'static,
{
    type Stream = Attended<TlsStream<A::Stream>>;
    type Service = Counted<A::Service>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (accepted, tls) = (self.inner.accept(stream, service), self.tls.clone());
        let (patience, answers) = (self.patience, self.answers);
        let mut stopped = self.stopped.clone();
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let shaken = tokio::select! {
                shaken = timeout(patience, tls.accept(stream)) => shaken.map_err(io::Error::from).flatten(),
                _ = stopped.changed() => Err(io::ErrorKind::ConnectionAborted.into()),
            };
            let stream = shaken.inspect_err(|error| tracing::debug!(%error, "no TLS handshake"))?;
            let work = Arc::new(Work { under: Mutex::new(Under::default()), answers });
            let end = Box::pin(sleep(patience));
            Ok((Attended { stream, work: Arc::clone(&work), end, patience, stuck: false }, Counted { service, work }))
        })
    }
}

/// The requests in progress on one connection.
struct Work {
    under: Mutex<Under>,
    /// The time after which a request whose response waits for the client no longer counts.
    answers: Duration,
}

struct Under {
    /// The requests by number: when response data became ready for the client; `None` while the handler still runs.
    way: HashMap<u64, Option<Instant>>,
    /// The number of requests so far.
    begun: u64,
    /// The time at which the last request ended, or the connection began.
    since: Instant,
}

impl Default for Under {
    fn default() -> Self {
        Self { way: HashMap::new(), begun: 0, since: Instant::now() }
    }
}

impl Work {
    fn now(&self) -> MutexGuard<'_, Under> {
        self.under.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the last time at which a request was in progress, as far as is known now.
    fn last(&self) -> Instant {
        let (under, now) = (self.now(), Instant::now());
        let lasts = under.way.values().map(|lies| lies.map_or(now, |since| now.min(since + self.answers)));
        lasts.fold(under.since, Instant::max)
    }
}

/// A request in progress, until it is dropped.
struct Busy {
    work: Arc<Work>,
    name: u64,
}

impl Busy {
    fn with(work: &Arc<Work>) -> Self {
        let mut under = work.now();
        under.begun += 1;
        let name = under.begun;
        under.way.insert(name, None);
        Self { work: Arc::clone(work), name }
    }

    /// Notes whether the client has to act: response data is ready, and no more has been requested yet.
    fn lies(&self, lies: bool) {
        self.work.now().way.insert(self.name, lies.then(Instant::now));
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut under = self.work.now();
        under.way.remove(&self.name);
        under.since = Instant::now();
    }
}

/// The stream of a connection. It ends, as if the client had left, when no request has been in progress for too
/// long.
pub(in crate::server) struct Attended<S> {
    stream: S,
    work: Arc<Work>,
    end: Pin<Box<Sleep>>,
    patience: Duration,
    /// Whether the client does not read its response now. Another timeout bounds how long that may last.
    stuck: bool,
}

impl<S> Attended<S> {
    fn wrote<T>(&mut self, written: Poll<T>) -> Poll<T> {
        if self.stuck && written.is_ready() {
            self.work.now().since = Instant::now();
        }
        self.stuck = written.is_pending();
        written
    }

    /// Returns the time at which the connection ends, as far as is known now.
    fn deadline(&self) -> Instant {
        let last = if self.stuck { Instant::now() } else { self.work.last() };
        last + self.patience
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Attended<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            return Poll::Ready(read);
        }
        loop {
            ready!(self.end.as_mut().poll(cx));
            let deadline = self.deadline();
            if deadline <= Instant::now() {
                return Poll::Ready(Ok(()));
            }
            self.end.as_mut().reset(deadline);
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Attended<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.wrote(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The service of a connection, which counts the requests in progress.
#[derive(Clone)]
pub(in crate::server) struct Counted<S> {
    service: S,
    work: Arc<Work>,
}

impl<S, B> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if request.version() == Version::HTTP_2 {
            join_cookies(request.headers_mut());
        }
        let busy = Busy::with(&self.work);
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            busy.lies(true);
            Ok(answer.map(|body| Body::new(Held { body, busy })))
        })
    }
}

/// Joins the lines of `Cookie`, because HTTP/2 may send each cookie on a line of its own, and other code expects one
/// line.
///
/// Source: RFC 9113, 8.2.3.
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(b"; ".as_slice()))
    {
        headers.insert(header::COOKIE, joined);
    }
}

/// The body of a response. Its request is in progress until the body ends.
struct Held {
    body: Body,
    busy: Busy,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.busy.lies(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
