//! `GET /api/events`: server-sent events about the session of an open page.
//!
//! | event | data | then |
//! |---|---|---|
//! | `expiring` | `{"seconds": 97, "soon": true, "stays": true, "session": "<handle>"}` | the stream goes on |
//! | `changed` | `{}` | the stream ends; the page connects again, because the cookie has changed |
//! | `ended` | `{}` | the stream ends |
//!
//! `expiring` is the first event. It comes again when little time is left, and when there is more time again. `stays`:
//! a use of the session extends it. `session`: the handle of the session.
//!
//! A client that is not signed in gets 204, and nothing is watched. An open stream is no activity: it keeps no session
//! alive.

use super::client::Client;
use super::explain::refuse;
use super::router::Site;
use super::streams::Room;
use crate::backend::network::customer;
use crate::model::error::Kind;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream::unfold;
use hardtack_session::id::Handle;
use hardtack_session::{Event, Session, Watch};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Tells nginx not to buffer the stream.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The interval of comments in a silent stream, because proxies close a connection that is silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The approximate lifetime of a stream. A client that is still there opens the next one. The server forgets a client
/// that has vanished.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// The time to wait when there is no room, in seconds.
const LATER: HeaderValue = HeaderValue::from_static("30");

/// The number of events that may wait for a client. A client that does not read them loses its stream.
const BACKLOG: usize = 8;

/// Streams the events of the client's session.
pub(super) async fn events(
    State(site): State<Arc<Site>>,
    client: Option<Extension<Client>>,
    session: Session,
) -> Response {
    let client = client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(Client(address))| address);
    let network = customer(client);
    // First, because `watch` calls the store and can take the place of another stream of the session.
    if !site.streams.has_room(network) {
        return full();
    }
    let watch = match session.watch().await {
        // Only signed-in sessions get an event stream.
        Ok(Some(watch)) if watch.is_owned() => watch,
        Ok(_) => return (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, NO_STORE)]).into_response(),
        Err(error) => return error.into_response(),
    };
    // Only now, because a client without a session must not take the place of one that has a session.
    let Some(room) = site.streams.take(network) else { return full() };
    let (tell, told) = mpsc::channel(BACKLOG);
    tokio::spawn(pass_on(watch, room, tell));
    let told = unfold(told, |mut told| async { Some((Ok::<_, Infallible>(told.recv().await?), told)) });
    let mut answer = Sse::new(told).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response();
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    answer.headers_mut().insert(BUFFERING, HeaderValue::from_static("no"));
    answer
}

/// Forwards the events of a session, until the client has gone, another stream needs the place, or the time is up.
///
/// It runs in a task of its own. If the body of the response held the place, a client that reads nothing (HTTP/2 with a
/// closed window) would keep it for ever.
async fn pass_on(mut watch: Watch, mut room: Room, tell: mpsc::Sender<sse::Event>) {
    let over = sleep(life());
    tokio::pin!(over);
    loop {
        let event = tokio::select! {
            event = watch.next() => event,
            () = &mut over => None,
            () = room.lost() => None,
            () = tell.closed() => None,
        };
        let Some(event) = event else { return };
        if tell.try_send(written(event, watch.handle())).is_err() {
            return;
        }
    }
}

/// Returns the lifetime of one stream: up to a fifth less or more, so that clients that connected together reconnect
/// one by one.
fn life() -> Duration {
    let random = f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX);
    LIFE.mul_f64(0.8 + 0.4 * random)
}

fn full() -> Response {
    let mut full = refuse(Kind::Busy);
    full.headers_mut().insert(header::RETRY_AFTER, LATER);
    full
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_began_together_end_one_by_one() {
        let lives: Vec<_> = std::iter::repeat_with(life).take(200).collect();
        let (shortest, longest) = (lives.iter().min().expect("some"), lives.iter().max().expect("some"));
        assert!(*shortest >= Duration::from_secs(12 * 60) && *longest <= Duration::from_secs(18 * 60), "{lives:?}");
        assert!(longest.saturating_sub(*shortest) > Duration::from_secs(60), "{lives:?}");
    }
}
