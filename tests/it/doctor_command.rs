//! The output of `hardtack doctor URL` for people and for programs, against a server of the test.

use crate::support::played::{Change, serve};
use crate::support::process::Place;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Output;
use std::sync::Arc;

const PAGE: &str = "http://localhost:5173";

/// Runs the command next to the servers of the test.
async fn doctor(arguments: &[&str]) -> Output {
    let place = Place::new();
    let mut command = place.command(&[&["doctor"], arguments].concat(), &[]);
    tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("no panic")
}

async fn text(arguments: &[&str]) -> String {
    let output = doctor(arguments).await;
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

async fn played(change: Change) -> String {
    format!("http://localhost:{}/session", serve(IpAddr::V4(Ipv4Addr::LOCALHOST), change).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_server_has_no_finding_for_its_pages_and_its_front_ends() {
    let server = Place::new().serve(&[("SITE_FRONT_ENDS", PAGE)]).await;
    for path in ["/", "/api/session"] {
        let url = format!("http://localhost:{}{path}", server.address.port());
        for arguments in [&[url.as_str()][..], &[&url, "--origin", PAGE]] {
            let output = doctor(&[arguments, &["--json"]].concat()).await;
            let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(document["findings"], Value::Array(vec![]), "{arguments:?}");
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            let holds = |verdict: &Value| verdict["holds"] == true;
            assert!(document["verdicts"].as_array().expect("verdicts").iter().all(holds), "{document:#}");
        }
    }
    let url = format!("http://localhost:{}/api/session", server.address.port());
    let output = doctor(&[&url, "--origin", "http://localhost:5174", "--json"]).await;
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &document["findings"][0]["code"]), (Some(2), &"HT004".into()), "{document:#}");
    assert_eq!(document["findings"].as_array().map(Vec::len), Some(1), "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_draws_the_trip_and_has_verdicts_findings_and_evidence() {
    let healthy = text(&[&played(Arc::new(|_, _| {})).await, "--origin", PAGE]).await;
    for part in
        ["✓  server", "✓  CORS", "✓  cookie", "the session holds", "Nothing is wrong", "set-cookie: sid=…; Path=/"]
    {
        assert!(healthy.contains(part), "{part} is not in {healthy}");
    }
    let url = played(Arc::new(|_, answer| answer.set("access-control-allow-origin", &["*"]))).await;
    let broken = text(&[&url, "--origin", PAGE]).await;
    for part in [
        "✗  CORS",
        "lost: the preflight fails",
        "HT002 error",
        "front_ends = [\"http://localhost:5173\"]",
        "app.use(cors({ origin: 'http://localhost:5173', credentials: true }))",
        "docs/DOCTOR.md#ht002",
        "1 error.",
        "access-control-allow-origin: *",
    ] {
        assert!(broken.contains(part), "{part} is not in {broken}");
    }
    assert!(!(healthy + &broken).contains('\u{1b}'), "no colours without a terminal");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_cookie_is_ever_shown() {
    let url = played(Arc::new(|request, answer| {
        // A server that repeats the cookie wherever it can.
        if let Some(cookie) = request.headers.get("cookie") {
            let cookie = cookie.to_str().expect("text").to_owned();
            answer.set("x-seen", &[&cookie]);
            answer.set("location", &[&format!("/session?{cookie}")]);
            // It also writes the id into the path, as some servers do for browsers without cookies.
            let id = cookie.trim_start_matches("sid=");
            if request.method == "GET" && request.uri.path() == "/session" {
                answer.status = 302;
                answer.set("location", &[&format!("/in/{id};jsessionid={id}?{cookie}")]);
            }
        }
    }))
    .await;
    for arguments in [&["--verbose"][..], &["--verbose", "--json"], &["--json"], &[]] {
        let said = text(&[&[url.as_str(), "--origin", PAGE], arguments].concat()).await;
        assert!(!said.contains("a-secret-value") && said.contains("sid=…"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verbose_shows_each_request_and_answer() {
    let url = played(Arc::new(|_, answer| answer.set("x-strange", &["yes"]))).await;
    let said = text(&[&url, "--origin", PAGE, "--verbose", "--cookie", "sid"]).await;
    for line in [
        "> OPTIONS ",
        "> access-control-request-method: POST",
        "> cookie: sid=…",
        "< 204",
        "< x-strange: … (3 bytes)",
        "> POST ",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_named_and_does_not_come_is_an_error() {
    let url = played(Arc::new(|_, _| {})).await;
    let output = doctor(&[&url, "--origin", PAGE, "--cookie", "other", "--json"]).await;
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &document["findings"][0]["code"]), (Some(2), &"HT043".into()), "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_cannot_write_on_the_terminal() {
    let url = played(Arc::new(|_, answer| {
        answer.set("access-control-allow-origin", &["http://a\u{9b}31m"]);
        answer.change("set-cookie", "si\u{202e}d=1; Path=/; HttpOnly");
    }))
    .await;
    let said = text(&[&url, "--origin", PAGE, "--verbose"]).await;
    assert!(!said.chars().any(|sign| (sign.is_control() && sign != '\n') || sign == '\u{202e}'), "{said:?}");
}
