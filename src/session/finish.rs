//! The end of a request: what its handler left is committed, and only then the head may leave.

use super::error::{Error, Fault};
use super::handle::Session;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderName, HeaderValue, Response, header};
use axum::response::IntoResponse as _;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Commits, and makes the answer say what became of it.
pub(super) async fn finish(session: Session, mut response: Response<Body>) -> Response<Body> {
    let asked = session.unit.state().fault;
    let failed = response.status().is_server_error();
    let committed = if asked.is_some() { Ok(()) } else { commit(&session, failed).await };
    if let Some(fault) = answerable(&session, &response, asked).or(committed.err()) {
        response = refusal(fault);
    }
    set_headers(&session, &mut response);
    session.unit.state().sent = true;
    // A body of known length is already there; only one that is still being made can write behind its head.
    if response.body().size_hint().exact().is_none() {
        response = response.map(|body| Body::new(Watched { body, _late: Late(session) }));
    }
    response
}

async fn commit(session: &Session, failed: bool) -> Result<(), Fault> {
    let Session { inner, unit } = session;
    if unit.has_deleted() && (inner.id().is_some() || inner.is_empty().await) {
        // Signed out by tower-sessions' own `flush` or `delete`: that stands, whatever the handler's status.
        unit.end().await?;
    } else if !failed && inner.is_modified() && !inner.is_empty().await && inner.save().await.is_err() {
        return Err(unit.state().fault.unwrap_or(Fault::Unavailable));
    }
    unit.touch().await
}

/// A failure that was met while the handler ran, if it must decide the answer.
fn answerable(session: &Session, response: &Response<Body>, met: Option<Fault>) -> Option<Fault> {
    let fault = met?;
    let refused = match fault {
        // Without a cookie there is no session to protect: the handler has served its visitor without one.
        Fault::Unavailable | Fault::Renewed => session.unit.presented.is_some(),
        // The handler was told. An answer that says so stands; a success would be a lie.
        _ => !(response.status().is_client_error() || response.status().is_server_error()),
    };
    refused.then_some(fault)
}

/// The engine's own answer. An application may put a page in its place: the [`Fault`] is in the extensions.
fn refusal(fault: Fault) -> Response<Body> {
    let mut response = Error::from(fault).into_response();
    response.extensions_mut().insert(fault);
    response
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const COOKIE: HeaderName = header::COOKIE;

fn set_headers(session: &Session, response: &mut Response<Body>) {
    let unit = &session.unit;
    let cookie = {
        let state = unit.state();
        let life = state.base.as_ref().map(|record| record.deadline().left(unit.now()));
        let ended = state.fault == Some(Fault::Ended);
        // A persistent cookie must move with the idle timeout, else the browser drops it too early.
        let renewed = unit.presented.as_ref().filter(|_| state.marked && unit.engine.cookie.persistent);
        match state.issued.as_ref().or(renewed) {
            Some(secret) if !ended && !state.forget => {
                let value = unit.engine.keys.seal(&unit.engine.cookie.name, secret);
                unit.engine.cookie.set(&value, life.unwrap_or_default())
            }
            _ if state.forget && unit.presented.is_some() => unit.engine.cookie.removal(),
            _ => None,
        }
    };
    let used = {
        let state = unit.state();
        state.base.is_some() || state.forget
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_name(COOKIE));
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    } else if used {
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    }
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
        let Some(session) = self.0.take().filter(|session| session.unit.has_deleted()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // The failure is in the log already, and nobody waits for this answer any more.
            runtime.spawn(async move { commit(&session, true).await.ok() });
        }
    }
}

/// Looks once more when a streamed body is over.
struct Late(Session);

impl Drop for Late {
    fn drop(&mut self) {
        if !self.0.inner.is_modified() {
            return;
        }
        let session = self.0.clone();
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
