//! Sessions in Java's `CookieManager`, which Android uses too (G9).

use crate::support::engine::Engine;
use crate::support::servers::{find, note_skipped};
use crate::support::{Kind, count, open};
use axum::Router;
use axum::routing::get;
use hardtack_session::{CookieSettings, Session};

#[tokio::test(flavor = "multi_thread")]
async fn g9_a_java_client_keeps_a_session_across_its_requests() {
    let Some(javac) = find("javac", 11) else {
        note_skipped("Java");
        return;
    };
    let routes = Router::new().route("/count", get(async |session: Session| count(&session).await.to_string()));
    let kept = CookieSettings { persistent: true, ..CookieSettings::new(false) };
    let engine =
        Engine::start_as(open(Kind::Memory).await.store, routes, |s| s.cookie(kept.clone()).expect("legal")).await;
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/Visitor.java");
    let (java, url) = (javac.with_file_name("java"), engine.url("/count"));
    let visit = move || std::process::Command::new(java).args(["-XX:TieredStopAtLevel=1", program, &url]).output();
    let output = tokio::task::spawn_blocking(visit).await.expect("no panic").expect("a program");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines,
        ["HttpURLConnection 1 2 3", "HttpClient 1 2 3", "without Expires, in quotes 1 2 3"],
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
