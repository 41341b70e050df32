//! `GET /api/events`: what becomes of a session, told while it happens, to pages that are open.
//!
//! | event | data | what follows |
//! |---|---|---|
//! | `expiring` | `{"seconds": 97, "soon": true, "stays": true, "session": "<handle>"}` | told first of all, when little is left, and when it is more again; `stays`: using the session helps; `session`: whose it is |
//! | `changed` | `{}` | the stream ends: come again, the cookie is another one |
//! | `ended` | `{}` | the stream ends |
//!
//! Who is not signed in gets 204, and nothing is watched. An open stream is no activity: it keeps no session alive.

use super::explain::refuse;
use super::router::Site;
use crate::model::error::Kind;
use crate::session::id::Handle;
use crate::session::{Event, Session, Watch};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream::unfold;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// Tells nginx to pass on what comes as it comes.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// How often something is said when there is nothing to say: proxies close what is silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream lasts. Whoever is still there opens the next one, and whoever has gone without a word is forgotten.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// When to come again where there is no room.
const LATER: HeaderValue = HeaderValue::from_static("30");

/// A stream, for as long as it lasts.
struct Stream {
    watch: Watch,
    until: Instant,
    _room: Room,
}

/// A place among all streams, counted for as long as it is taken: `hardtack_streams`.
struct Room(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

impl Room {
    fn take(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("hardtack_streams").increment(1.0);
        Self(permit)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        metrics::gauge!("hardtack_streams").decrement(1.0);
    }
}

/// Tells what becomes of the session of whoever asks.
pub(super) async fn events(State(site): State<Arc<Site>>, session: Session) -> Response {
    // Before anything is asked of the store, or another stream of the session makes room.
    let Ok(room) = Arc::clone(&site.streams).try_acquire_owned() else {
        let mut full = refuse(Kind::Busy);
        full.headers_mut().insert(header::RETRY_AFTER, LATER);
        return full;
    };
    let watch = match session.watch().await {
        // What is nobody's concerns no page: streams are for whoever is signed in.
        Ok(Some(watch)) if watch.is_owned() => watch,
        Ok(_) => return (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, NO_STORE)]).into_response(),
        Err(error) => return error.into_response(),
    };
    let stream = Stream { watch, until: Instant::now() + LIFE, _room: Room::take(room) };
    let told = unfold(stream, |mut stream| async {
        // Over, when it has lasted long enough.
        let event = timeout_at(stream.until, stream.watch.next()).await.ok().flatten()?;
        Some((Ok::<_, Infallible>(written(event, stream.watch.handle())), stream))
    });
    let mut answer = Sse::new(told).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response();
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    answer.headers_mut().insert(BUFFERING, HeaderValue::from_static("no"));
    answer
}

fn written(event: Event, session: Handle) -> sse::Event {
    let (name, data) = match event {
        Event::Ended => ("ended", "{}".to_owned()),
        Event::Changed => ("changed", "{}".to_owned()),
        Event::Expiring { left, soon, stays } => (
            "expiring",
            format!(r#"{{"seconds":{},"soon":{soon},"stays":{stays},"session":"{session}"}}"#, left.as_secs()),
        ),
    };
    sse::Event::default().event(name).data(data)
}
