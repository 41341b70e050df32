//! The end of a request: what its handler left is committed, and only then the head may leave.

use super::error::{Error, Fault};
use super::handle::Session;
use super::set_cookie::set_cookies;
use super::unit::{Leaving, Place};
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Commits, and makes the answer say what became of it.
pub(super) async fn finish(session: Session, mut response: Response<Body>) -> Response<Body> {
    let failed = response.status().is_server_error();
    let met = session.unit.state().stop;
    let committed = if met.is_some() { Ok(()) } else { commit(&session, failed).await };
    if let Some(fault) = answerable(&session, &response, met).or(committed.err()) {
        response = refusal(fault);
    }
    set_headers(&session, &mut response);
    session.unit.state().sent = true;
    // A body of known length is already there; only one that is still being made can write behind its head.
    if response.body().size_hint().exact().is_none() {
        response = response.map(|body| Body::new(Watched { body, _late: Late { session, failed } }));
    }
    response
}

async fn commit(session: &Session, failed: bool) -> Result<(), Fault> {
    let Session { inner, unit } = session;
    unit.state().failed = failed;
    let (leaving, surely) = match &unit.state().place {
        Place::Leaving(Leaving { surely, .. }) => (true, *surely),
        _ => (false, false),
    };
    if surely || (leaving && inner.id().is_some()) {
        // Ended by our own `end`, which was abandoned, or by tower-sessions' `delete`: either stands.
        unit.end().await?;
    } else if leaving || (!failed && inner.is_modified() && !inner.is_empty().await) {
        // After `flush` or `cycle_id` the save says which it was; an end stands whatever the handler's status.
        if inner.save().await.is_err() {
            return Err(unit.state().last.unwrap_or(Fault::Unavailable));
        }
    }
    if unit.renew().await? { Ok(()) } else { unit.touch().await }
}

/// A failure that was met while the handler ran, if it must decide the answer.
fn answerable(session: &Session, response: &Response<Body>, met: Option<Fault>) -> Option<Fault> {
    let fault = met?;
    let refused = match fault {
        // Without a cookie there is no session to protect: the handler has served its visitor without one. A 503 of the
        // handler's own stands, because it may say what has been done before the store failed.
        Fault::Unavailable | Fault::Rotated | Fault::Doubtful => {
            session.unit.may_have_a_session() && response.status() != StatusCode::SERVICE_UNAVAILABLE
        }
        // The handler was told. An answer that says so stands; a success would be a lie.
        _ => !(response.status().is_client_error() || response.status().is_server_error()),
    };
    refused.then_some(fault)
}

/// The engine's own answer. An application may put a page in its place: the [`Fault`] is in the extensions.
fn refusal(fault: Fault) -> Response<Body> {
    Error::from(fault).into_response()
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const COOKIE: HeaderName = header::COOKIE;

fn set_headers(session: &Session, response: &mut Response<Body>) {
    let (cookies, used) = set_cookies(session);
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_name(COOKIE));
    if !cookies.is_empty() || (used && !headers.get(header::CACHE_CONTROL).is_some_and(is_private)) {
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    }
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Whether a handler has seen to it that no other visitor is shown its answer.
fn is_private(value: &HeaderValue) -> bool {
    let value = value.to_str().unwrap_or_default();
    value.contains("private") || value.contains("no-store")
}

/// Sees to a request that never came to its end: its connection closed, or its handler panicked.
///
/// Its changes are dropped with it. A sign-out stands all the same.
pub(super) struct Abandoned(Option<Session>);

impl Abandoned {
    pub(super) fn guard(session: Session) -> Self {
        Self(Some(session))
    }

    pub(super) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        let Some(session) = self.0.take().filter(|session| matches!(session.unit.state().place, Place::Leaving(..)))
        else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // The failure is in the log already, and nobody waits for this answer any more.
            runtime.spawn(async move { commit(&session, true).await.ok() });
        }
    }
}

/// Looks once more when a streamed body is over.
struct Late {
    session: Session,
    /// The handler failed: what it changed stays dropped.
    failed: bool,
}

impl Drop for Late {
    fn drop(&mut self) {
        let leaving = matches!(self.session.unit.state().place, Place::Leaving(_));
        if self.failed || !(leaving || self.session.inner.is_modified()) {
            return;
        }
        let session = self.session.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Writes nothing when nothing changed since the head; complains when something did.
            runtime.spawn(async move { commit(&session, false).await.ok() });
        }
    }
}

struct Watched {
    body: Body,
    _late: Late,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
