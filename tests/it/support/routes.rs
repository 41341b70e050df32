//! The routes of a test server, which each do one thing to the session.

use super::gate::Gate;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use hardtack_session::clock::{Clock, ManualClock, Timestamp};
use hardtack_session::id::Handle;
use hardtack_session::record::Owner;
use hardtack_session::store::Store;
use hardtack_session::{Error, Key, Session, Sessions};
use std::sync::Arc;
use std::time::Duration;

pub const COUNT: Key<u32> = Key::new("count");

/// Returns the routes with these sessions and this clock.
pub fn routes(sessions: Sessions, clock: ManualClock) -> Router {
    let gate = Gate::new();
    let store = sessions.store();
    let now = Clock::Manual(clock.clone());
    Router::new()
        .route("/nothing", get(async || "nothing"))
        .route("/count", get(async |session: Session| count(&session).await))
        .route("/counted", get(async |session: Session| Ok::<_, Error>(text(session.read(COUNT).await?))))
        .route("/put/{name}/{value}", get(put))
        .route("/get/{name}", get(read))
        .route("/mine/{marker}", get(mine))
        .route("/keys", get(async |session: Session| Ok::<_, Error>(text(keys(&session).await?))))
        .route("/handle", get(async |session: Session| Ok::<_, Error>(text(handle(&session).await?))))
        .route("/who", get(who))
        .route("/step/{step}", get(async |session: Session, Path(what): Path<String>| step(&session, &what).await))
        .route("/slow/{how}", get(slow))
        .route("/then/{after}/{step}", get(then))
        .layer(sessions)
        // The routes below use no session.
        .route("/gate/loaded", get(async |Extension(gate): Extension<Gate>| gate.wait_for_loaded().await))
        .route("/gate/open", get(async |Extension(gate): Extension<Gate>| gate.open()))
        .route("/clock/{millis}", get(async move |Path(span): Path<u64>| clock.advance(Duration::from_millis(span))))
        .route(
            "/revoke/{account}/{handle}",
            get({
                let store = Arc::clone(&store);
                async move |Path((account, handle)): Path<(String, String)>| {
                    let handle = Handle(handle.parse().expect("a handle"));
                    store.end_by_handle(Some(&account), &handle).await.expect("an answer").to_string()
                }
            }),
        )
        .route(
            "/revoke-all/{account}",
            get({
                let store = Arc::clone(&store);
                async move |Path(account): Path<String>| {
                    store.end_by_account(&account, None).await.expect("an answer").to_string()
                }
            }),
        )
        .route(
            "/live",
            get({
                let (store, now) = (Arc::clone(&store), now.clone());
                async move || store.stats(now.now()).await.expect("an answer").live.to_string()
            }),
        )
        .route("/handles", get(async move || handles(&*store, now.now()).await))
        .layer(Extension(gate))
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

async fn count(session: &Session) -> Result<String, Error> {
    Ok(session.update(COUNT, |n| n.unwrap_or(0) + 1).await?.to_string())
}

/// Loads the value of another writer first, as handlers do that read before they write.
async fn put(session: Session, Path((name, value)): Path<(String, String)>) -> Response {
    match session.insert(&name, value).await {
        Ok(()) => "saved".into_response(),
        Err(_) => Error::Unavailable.into_response(),
    }
}

async fn read(session: Session, Path(name): Path<String>) -> Response {
    match session.get::<String>(&name).await {
        Ok(value) => value.unwrap_or_default().into_response(),
        Err(_) => Error::Unavailable.into_response(),
    }
}

/// Returns the marker in the visitor's session, which the first visit sets.
async fn mine(session: Session, Path(marker): Path<String>) -> Result<String, Error> {
    const MARKER: Key<String> = Key::new("marker");
    session.update(MARKER, |kept| kept.unwrap_or_else(|| marker.clone())).await
}

async fn keys(session: &Session) -> Result<Option<usize>, Error> {
    Ok(session.facts().await?.map(|facts| facts.keys.len()))
}

async fn handle(session: &Session) -> Result<Option<Handle>, Error> {
    Ok(session.facts().await?.map(|facts| facts.handle))
}

/// Returns the handles of all live sessions, a line each.
async fn handles(store: &dyn Store, now: Timestamp) -> String {
    let (mut found, mut cursor) = (std::collections::BTreeSet::new(), None);
    loop {
        let page = store.browse(cursor.as_deref(), 100, now).await.expect("a page");
        found.extend(page.sessions.iter().map(|listed| listed.handle.to_string()));
        cursor = page.next;
        if cursor.is_none() {
            return found.into_iter().collect::<Vec<_>>().join("\n");
        }
    }
}

async fn who(session: Session) -> Result<String, Error> {
    Ok(session.facts().await?.and_then(|facts| facts.owner.account).unwrap_or_default())
}

/// Runs one step: `count`, `put`, `tower-put`, `read`, `rotate`, `end`, `flush`, or `sign-in` as `ada`.
async fn step(session: &Session, what: &str) -> Result<String, Error> {
    match what {
        "count" => return count(session).await,
        "read" => return Ok(text(session.read(COUNT).await?)),
        "put" => session.put(Key::new("late"), &"late".to_owned()).await?,
        "tower-put" => session.insert("late", "late").await.map_err(|_| Error::Unavailable)?,
        "rotate" => session.rotate().await?,
        "cycle-id" => session.cycle_id().await.map_err(|_| Error::Unavailable)?,
        "sign-in" => {
            let owner = Owner { account: Some("ada".to_owned()), device: None };
            session.sign_in(owner, None).await?;
        }
        "end" => session.end().await?,
        "flush" => session.flush().await.map_err(|_| Error::Unavailable)?,
        other => panic!("no step {other}"),
    }
    Ok("done".to_owned())
}

/// Loads the session, waits at the gate, and runs a step whose failure is ignored.
async fn slow(session: Session, Path(how): Path<String>, Extension(gate): Extension<Gate>) -> Result<String, Error> {
    session.read(COUNT).await?;
    gate.pass().await;
    Ok(step(&session, &how).await.unwrap_or_else(|_| "the handler does not care".to_owned()))
}

/// Runs a step and then fails: with a 500, with a panic, or by waiting at the gate until the request is aborted.
async fn then(
    session: Session,
    Path((after, what)): Path<(String, String)>,
    Extension(gate): Extension<Gate>,
) -> Response {
    if let Err(error) = step(&session, &what).await {
        return error.into_response();
    }
    match after.as_str() {
        "fail" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "panic" => panic!("as the test asked"),
        "wait" => {
            gate.pass().await;
            "done".into_response()
        }
        other => panic!("no such end: {other}"),
    }
}
