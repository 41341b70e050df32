//! `/api/events` on one server: the events, the streams that get them, and the cost.

use super::support::app::{App, browser};
use super::support::engine::Engine;
use super::support::people::{PASSWORD, Person};
use super::support::process::{PATIENCE, until};
use super::support::stream::{Stream, TOLD};
use super::support::watched::Watched;
use super::support::{Kind, STORES, count, open};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hardtack_session::{Error, Owner, Session};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const MINUTE: Duration = Duration::from_secs(60);

fn ada(app: &App) -> Person {
    Person::at(&app.url(""), "ada@example.com")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_is_told_in_every_stream_at_once_and_nobody_else_is() {
    let app = App::start().await;
    let (ada, bob) = (ada(&app).registered().await, Person::at(&app.url(""), "bob@example.com").registered().await);
    let (mut one, mut other, mut bobs) = (Stream::of(&ada).await, Stream::of(&ada).await, Stream::of(&bob).await);
    ada.logout().await;
    let done = Instant::now();
    assert_eq!((one.name().await, other.name().await), ("ended".to_owned(), "ended".to_owned()));
    assert!(done.elapsed() < TOLD, "{:?}", done.elapsed());
    assert_eq!((one.next().await, other.next().await), (None, None), "the stream has ended");
    let again = ada.browser.get(app.url("/api/events")).send().await.expect("an answer");
    assert_eq!(again.status(), 204, "the session is signed out");
    bob.logout().await;
    assert_eq!(bobs.name().await, "ended", "the first event of bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_a_sign_in_ends_the_stream_of_the_old_id_and_the_new_one_has_its_own() {
    let app = App::start().await;
    let ada = ada(&app).registered().await;
    let phone = ada.elsewhere();
    assert_eq!(phone.login(PASSWORD).await.status, 200);
    let mut planted = Stream::of(&phone).await;
    assert_eq!(phone.login(PASSWORD).await.status, 200);
    assert_eq!((planted.name().await, planted.next().await), ("changed".to_owned(), None));
    let mut own = Stream::of(&phone).await;
    let change = json!({"current": PASSWORD, "new": "another biscuit, harder", "end_others": true});
    assert_eq!(ada.post("/api/password", change).await.status, 200);
    assert_eq!(own.name().await, "ended", "a change of the password signs other devices out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_signed_out_from_another_is_told() {
    let app = App::start().await;
    let desk = ada(&app).registered().await;
    let phone = desk.elsewhere();
    assert_eq!(phone.login(PASSWORD).await.status, 200);
    let (mut desks, mut phones) = (Stream::of(&desk).await, Stream::of(&phone).await);
    let devices = desk.get("/api/devices").await.body;
    let other = devices["devices"].as_array().expect("devices").iter().find(|device| device["current"] == false);
    let handle = &other.expect("the phone")["handle"];
    assert_eq!(desk.post("/api/devices/end", json!({"handle": handle})).await.status, 200);
    assert_eq!(phones.name().await, "ended");
    desk.logout().await;
    assert_eq!(desks.name().await, "ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_an_open_stream_is_no_activity() {
    let app = App::start().await;
    let (ada, bob) = (ada(&app).registered().await, Person::at(&app.url(""), "bob@example.com").registered().await);
    app.clock.advance(20 * MINUTE);
    let mut watching = Stream::open(ada.browser.get(app.url("/api/events"))).await;
    let (_, first) = watching.next().await.expect("an event");
    let known = (&first["seconds"], &first["soon"], &first["stays"]);
    assert_eq!(known, (&json!(600), &json!(false), &json!(true)), "ten minutes, not thirty");
    assert!(first["session"].as_str().is_some_and(|handle| handle.len() == 36), "{first}");
    assert!(bob.is_signed_in().await, "bob sends a request");
    app.clock.advance(11 * MINUTE);
    let mut late = Stream::of(&bob).await;
    assert!(!ada.is_signed_in().await, "ada has only an open stream");
    assert!(bob.is_signed_in().await);
    bob.logout().await;
    assert_eq!(late.name().await, "ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_nobody_watches_nothing_and_no_row_is_made() {
    let app = App::start().await;
    for request in [
        browser().get(app.url("/api/events")),
        browser().get(app.url("/api/events")).header("cookie", "hardtack_sess=forged"),
        browser().head(app.url("/api/events")),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (204, &"no-store".parse().expect("one"))
        );
        assert!(answer.headers().get("set-cookie").is_none());
    }
    // A session without an account gets no stream either, because no page needs it.
    app.post("/api/visits").send().await.expect("an answer");
    assert_eq!(app.get("/api/events").send().await.expect("an answer").status(), 204);
    assert_eq!(app.sessions().await, 1);
    let wrong = app.post("/api/events").send().await.expect("an answer");
    assert_eq!((wrong.status().as_u16(), &wrong.headers()["allow"]), (405, &"GET,HEAD".parse().expect("one")));
}

#[tokio::test(flavor = "multi_thread")]
async fn s57_pages_of_other_origins_get_no_stream_and_listed_ones_do() {
    let app = App::start_with(&[("SITE_FRONT_ENDS", "http://localhost:5173")]).await;
    let ada = ada(&app).registered().await;
    let ask = |headers: &[(&'static str, &'static str)]| {
        let request = ada.browser.get(app.url("/api/events"));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    for headers in [
        &[("origin", "http://evil.example")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("referer", "http://evil.example/")],
    ] {
        let answer = ask(headers).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{headers:?}");
        assert_eq!(answer.json::<serde_json::Value>().await.expect("JSON")["kind"], "cross_origin");
    }
    let listed = Stream::open(ask(&[("origin", "http://localhost:5173"), ("sec-fetch-site", "same-site")])).await;
    assert_eq!(listed.answer.headers()["access-control-allow-origin"], "http://localhost:5173");
    assert_eq!(listed.answer.headers()["access-control-allow-credentials"], "true");
    Stream::open(ask(&[("sec-fetch-site", "same-origin")])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_passes_proxies_uncompressed_and_outlives_the_limits_of_requests() {
    // Shorter than the fifteen seconds to the heartbeat, and long enough for a registration.
    let limits =
        [("LIMITS_REQUEST_TIMEOUT", "10s"), ("LIMITS_HEADER_TIMEOUT", "10s"), ("LIMITS_ANSWER_TIMEOUT", "10s")];
    let app = App::start_with(&limits).await;
    let ada = ada(&app).registered().await;
    let request = ada.browser.get(app.url("/api/events")).header("accept-encoding", "br, gzip");
    let mut stream = Stream::open(request).await;
    let headers = stream.answer.headers();
    assert_eq!(
        (&headers["cache-control"], &headers["x-accel-buffering"]),
        (&"no-store, no-transform".parse().expect("one"), &"no".parse().expect("one"))
    );
    assert!(!headers.contains_key("content-encoding") && !headers.contains_key("content-length"));
    assert_eq!(stream.name().await, "expiring");
    // The next block is the heartbeat, which comes after those limits.
    assert_eq!(stream.block().await.as_deref(), Some(":"));
    ada.logout().await;
    assert_eq!(stream.name().await, "ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_closes_its_streams_at_once_and_ends_no_session() {
    let app = App::start_with(&[("LIMITS_SHUTDOWN_GRACE", "1h")]).await;
    let ada = ada(&app).registered().await;
    let mut stream = Stream::of(&ada).await;
    timeout(PATIENCE, app.stop()).await.expect("the stop does not wait for open streams");
    assert_eq!(stream.next().await, None, "the stream ends without an event");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many_streams_and_a_session_has_eight() {
    let app = App::start_with(&[("LIMITS_STREAMS", "9")]).await;
    let (ada, bob) = (ada(&app).registered().await, Person::at(&app.url(""), "bob@example.com").registered().await);
    let mut streams = Vec::new();
    for _ in 0..9 {
        streams.push(Stream::of(&ada).await);
    }
    assert_eq!(streams[0].next().await, None, "the oldest stream was closed");
    let mut bobs = Stream::of(&bob).await;
    let full = bob.browser.get(app.url("/api/events")).send().await.expect("an answer");
    assert_eq!((full.status().as_u16(), &full.headers()["retry-after"]), (503, &"30".parse().expect("one")));
    assert_eq!(full.json::<serde_json::Value>().await.expect("JSON")["kind"], "busy");
    assert!(bob.is_signed_in().await, "other requests are answered");
    bob.logout().await;
    assert_eq!(bobs.name().await, "ended");
    drop(streams);
    let none = App::start_with(&[("LIMITS_STREAMS", "0")]).await;
    let ada = Person::at(&none.url(""), "ada@example.com").registered().await;
    assert_eq!(ada.browser.get(none.url("/api/events")).send().await.expect("an answer").status(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_an_outage_refuses_new_streams_and_leaves_open_ones_alone() {
    let app = App::start().await;
    let ada = ada(&app).registered().await;
    let mut open = Stream::of(&ada).await;
    app.execute("ALTER TABLE session RENAME TO away").await;
    let refused = ada.browser.get(app.url("/api/events")).send().await.expect("an answer");
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after") && !refused.headers().contains_key("set-cookie"));
    app.execute("ALTER TABLE away RENAME TO session").await;
    ada.logout().await;
    assert_eq!(open.name().await, "ended", "the first event after the outage");
}

/// Streams the events of the session, one on each line.
async fn watch(session: Session) -> Result<Response, Error> {
    let Some(watch) = session.watch().await? else { return Ok("nobody\n".into_response()) };
    let told = futures::stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(format!("{event:?}\n")), watch))
    });
    Ok(Body::from_stream(told).into_response())
}

fn routes() -> Router {
    let sign_in = |session: Session| async move {
        let owner = Owner { account: Some("ada".to_owned()), device: None };
        session.sign_in(owner, None).await
    };
    Router::new()
        .route("/watch", get(watch))
        .route("/count", get(|session: Session| async move { count(&session).await.to_string() }))
        .route(
            "/look",
            get(|session: Session| async move { session.facts().await.map(|facts| facts.is_some().to_string()) }),
        )
        .route("/sign-in", get(sign_in))
        .route("/end", get(|session: Session| async move { session.end().await }))
}

/// Returns the next line of a stream.
async fn line(answer: &mut reqwest::Response) -> String {
    let part = tokio::time::timeout(MINUTE, answer.chunk()).await.expect("in time").expect("text");
    part.map(|part| String::from_utf8_lossy(&part).trim_end().to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_little_time_is_told_until_the_session_is_used_and_its_end_when_it_comes() {
    let often = Duration::from_millis(20);
    for kind in STORES {
        let own = open(kind).await;
        let engine = Engine::start_as(Arc::clone(&own.store), routes(), |sessions| sessions.look_every(often)).await;
        engine.get("/count").await;
        let mut told = engine.get("/watch").await;
        assert_eq!(line(&mut told).await, "Expiring { left: 1800s, soon: false, stays: true }", "on {kind:?}");
        engine.clock.advance(28 * MINUTE);
        assert_eq!(line(&mut told).await, "Expiring { left: 120s, soon: true, stays: true }", "on {kind:?}");
        assert_eq!(engine.get("/look").await.text().await.expect("text"), "true");
        assert_eq!(
            line(&mut told).await,
            "Expiring { left: 1800s, soon: false, stays: true }",
            "it was used, on {kind:?}"
        );
        // The session is used all the time until its twelve hours are over.
        for _ in 0..27 {
            engine.clock.advance(25 * MINUTE);
            engine.get("/look").await;
        }
        engine.clock.advance(16 * MINUTE);
        assert_eq!(line(&mut told).await, "Expiring { left: 60s, soon: true, stays: false }", "on {kind:?}");
        engine.clock.advance(MINUTE);
        assert_eq!((line(&mut told).await, line(&mut told).await), ("Ended".to_owned(), String::new()), "on {kind:?}");
        assert_eq!(line(&mut engine.get("/watch").await).await, "nobody");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_what_no_channel_tells_is_found_by_looking() {
    for kind in STORES {
        let own = open(kind).await;
        let often = |sessions: hardtack_session::Sessions| sessions.look_every(Duration::from_millis(100));
        let engine = Engine::start_as(Watched::mute(Arc::clone(&own.store)), routes(), often).await;
        let cookie = engine.cookie_from("/count").await;
        let mut told = engine.get_as(&cookie, "/watch").await;
        assert!(line(&mut told).await.starts_with("Expiring"), "on {kind:?}");
        assert!(own.again().await.end(&super::support::id_of(&cookie)).await.expect("ended"));
        assert_eq!(line(&mut told).await, "Ended", "on {kind:?}");

        // A sign-in is not mistaken for an end, even long afterwards.
        let cookie = engine.cookie_from("/count").await;
        let mut told = engine.get_as(&cookie, "/watch").await;
        assert!(line(&mut told).await.starts_with("Expiring"), "on {kind:?}");
        engine.get_as(&cookie, "/sign-in").await;
        engine.clock.advance(MINUTE);
        assert_eq!(line(&mut told).await, "Changed", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_looks_that_fail_end_nothing() {
    // Polls of the memory store end at once. The short timeout is for the frozen store.
    let own = open(Kind::Memory).await;
    let store = Watched::new(Arc::clone(&own.store));
    let often = Duration::from_millis(20);
    let set = |sessions: hardtack_session::Sessions| sessions.look_every(often).timeout(2 * often);
    let engine = Engine::start_as(store.clone(), routes(), set).await;
    engine.get("/count").await;
    let mut told = engine.get("/watch").await;
    assert!(line(&mut told).await.starts_with("Expiring"));
    for away in [Watched::break_down, Watched::freeze] {
        away(&store, true);
        store.asked();
        let mut looks = 0;
        while looks < 3 {
            tokio::time::sleep(often).await;
            looks += store.asked().0;
        }
        away(&store, false);
    }
    engine.clock.advance(28 * MINUTE);
    assert_eq!(line(&mut told).await, "Expiring { left: 120s, soon: true, stays: true }", "no earlier event");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_watch_costs_the_store_nothing() {
    let own = open(Kind::Sqlite).await;
    let store = Watched::new(Arc::clone(&own.store));
    let engine = Engine::start_on(store.clone(), routes()).await;
    engine.get("/count").await;
    store.asked();
    engine.get("/look").await;
    assert_eq!((store.asked(), store.listened()), ((1, 0), 0), "one read, and no listener");
    let mut told = engine.get("/watch").await;
    assert!(line(&mut told).await.starts_with("Expiring"));
    // One read finds the session, and the next one is made through its handle.
    let (calls, writes) = store.asked();
    assert!((2..=4).contains(&calls) && writes == 0, "{calls} calls, {writes} of them writing");
    until(|| (store.listened() == 1).then_some(())).await.expect("the listener starts with the stream");
    engine.get("/end").await;
    assert_eq!(line(&mut told).await, "Ended");
    assert_eq!(store.listened(), 1, "one listener for all streams");
}
