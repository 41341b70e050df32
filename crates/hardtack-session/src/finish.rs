//! The end of a request: the commit of the handler's changes, and after it the head of the response.

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

/// Commits, and replaces the response if it does not fit the result.
pub(super) async fn finish(session: Session, mut response: Response<Body>) -> Response<Body> {
    let failed = response.status().is_server_error();
    let met = session.unit.state().stop;
    let committed = if met.is_some() { Ok(()) } else { commit(&session, failed).await };
    if let Some(fault) = answerable(&session, &response, met).or(committed.err()) {
        response = refusal(fault);
    }
    set_headers(&session, &mut response);
    session.unit.state().sent = true;
    // A body of known length is complete. Only a streamed body can change the session after the head.
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
        // The session was ended by `end`, which was abandoned midway, or by tower-sessions' `delete`. Either end
        // stands.
        unit.end().await?;
    } else if leaving || (!failed && inner.is_modified() && !inner.is_empty().await) {
        // After `flush` or `cycle_id` the save finds out which of the two it was. An end stands whatever the handler's
        // status.
        if inner.save().await.is_err() {
            return Err(unit.state().last.unwrap_or(Fault::Unavailable));
        }
    }
    if unit.renew().await? { Ok(()) } else { unit.touch().await }
}

/// Returns the failure that was met while the handler ran, if it must replace the response.
fn answerable(session: &Session, response: &Response<Body>, met: Option<Fault>) -> Option<Fault> {
    let fault = met?;
    let refused = match fault {
        // A request without a cookie has no session to protect, so the handler's response stands. A 503 of the
        // handler's own stands too, because it may say what was done before the store failed.
        Fault::Unavailable | Fault::Rotated | Fault::Doubtful => {
            session.unit.may_have_a_session() && response.status() != StatusCode::SERVICE_UNAVAILABLE
        }
        // The handler got the error. Its error response stands; a success is replaced, because it would be wrong.
        _ => !(response.status().is_client_error() || response.status().is_server_error()),
    };
    refused.then_some(fault)
}

/// Returns the engine's own error response. An application may replace it with a page: the [`Fault`] is in the
/// extensions.
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

/// Returns whether a handler has already kept its response out of shared caches.
fn is_private(value: &HeaderValue) -> bool {
    let value = value.to_str().unwrap_or_default();
    value.contains("private") || value.contains("no-store")
}

/// A guard for a request that does not finish, because its connection closed or its handler panicked.
///
/// The changes of the request are dropped, but a sign-out still takes effect.
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
            // The result is ignored because a failure is in the log already, and no client waits for a response any
            // more.
            runtime.spawn(async move { commit(&session, true).await.ok() });
        }
    }
}

/// A guard that commits once more when a streamed body ends.
struct Late {
    session: Session,
    /// The handler failed, so its changes stay dropped.
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
            // This writes nothing if nothing has changed since the head, and logs an error if something has.
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
