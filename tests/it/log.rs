//! The log lines that an operator needs.

use crate::support::app::{browser, cookies_set};
use crate::support::engine::Engine;
use crate::support::process::Place;
use crate::support::{STORES, count};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::get;
use futures::StreamExt as _;
use hardtack_session::{Key, Session};
use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tracing_subscriber::fmt::MakeWriter;

#[tokio::test(flavor = "multi_thread")]
async fn g9_two_cookies_of_the_name_are_logged_once_a_minute_and_without_their_values() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let page = browser().get(server.url("/")).send().await.expect("a page");
    let pair = cookies_set(&page)[0].split(';').next().expect("a pair").to_owned();
    let ask = async |cookies: String, status: u16| {
        let request = browser().post(server.url("/api/visits")).header("cookie", cookies);
        assert_eq!(request.send().await.expect("an answer").status(), status);
    };
    ask(pair.clone(), 200).await;
    ask(format!("{pair}; {pair}"), 200).await;
    for _ in 0..3 {
        ask(format!("{pair}; hardtack_sess=x; nameless; =likewise"), 503).await;
    }
    let log = server.stop().await;
    let told: Vec<_> = log.iter().filter(|line| line.contains("two session cookies")).collect();
    let [line] = &told[..] else { panic!("one line expected: {log:#?}") };
    assert!(line.contains("WARN") && line.contains("hardtack_sess"), "{line}");
    let nameless: Vec<_> =
        log.iter().filter(|line| line.contains("parts of a Cookie header that have no name")).collect();
    assert!(matches!(&nameless[..], [line] if !line.contains("likewise")), "{nameless:#?}");
    let (_, value) = pair.split_once('=').expect("a value");
    assert!(!log.join("\n").contains(value.split('.').next().expect("a secret")));
}

/// The runtime has one thread, so that the subscriber of this thread sees every event.
#[tokio::test(flavor = "current_thread")]
async fn g10_a_change_after_the_head_was_sent_is_an_error_in_the_log() {
    const NOTE: Key<u32> = Key::new("note");
    /// Streams a body and writes into the session before the body ends.
    async fn late(session: Session) -> Response {
        session.read(NOTE).await.expect("loaded");
        let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
        tokio::spawn(async move {
            sender.send(Bytes::from_static(b"head ")).await.expect("read");
            // The handler cannot report the error, so it is only logged.
            drop(session.put(NOTE, &1).await);
            sender.send(Bytes::from_static(b"tail")).await.expect("read");
        });
        let stream = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
        Response::new(Body::from_stream(stream.map(Ok::<_, Infallible>)))
    }
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _heard = tracing::subscriber::set_default(subscriber);
    for kind in STORES {
        let routes = Router::new()
            .route("/count", get(async |session: Session| count(&session).await.to_string()))
            .route("/note", get(async |session: Session| format!("{:?}", session.read(NOTE).await)))
            .route("/late", get(late));
        let engine = Engine::start(kind, routes).await;
        let cookie = engine.cookie_from("/count").await;
        assert_eq!(log.errors(), Vec::<String>::new(), "on {kind:?}");
        let answer = engine.get_as(&cookie, "/late").await.text().await.expect("a body");
        assert_eq!(answer, "head tail");
        // The value is committed nevertheless. Wait for it, because the store must not go away before.
        while engine.get_as(&cookie, "/note").await.text().await.expect("a note") != "Ok(Some(1))" {}
        let errors = log.errors();
        let [line] = &errors[..] else { panic!("one line expected on {kind:?}: {errors:#?}") };
        assert!(line.contains("after the response head was sent"), "{line}");
        log.0.lock().expect("no panic").clear();
    }
}

/// A writer that collects the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn errors(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text");
        text.lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s109_what_strangers_write_is_cut_in_the_log_and_refusals_do_not_fill_it() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let path = format!("/{}", "x".repeat(10_000));
    browser().get(server.url(&path)).send().await.expect("an answer");
    for _ in 0..100 {
        let post = browser().post(server.url(&path)).header("origin", format!("https://{}.example", "y".repeat(4000)));
        assert_eq!(post.send().await.expect("an answer").status(), 403);
    }
    let log = server.stop().await;
    let longest = log.iter().map(String::len).max().unwrap_or_default();
    assert!(longest < 2000, "a line of {longest} bytes");
    let asked = log.iter().filter(|line| line.contains("answered")).collect::<Vec<_>>();
    assert_eq!(asked.len(), 101);
    assert!(asked.iter().all(|line| line.contains(&format!("path=\"/{}…\" ", "x".repeat(511)))), "{}", asked[0]);
    let refused = log.iter().filter(|line| line.contains("refused a request from another origin")).count();
    // Even a slow machine sends several of these requests in a minute.
    assert!((1..50).contains(&refused), "{refused} lines");
}
