//! Access to the addresses that are neither pages nor server functions.

use crate::access::{Stage, VISITORS, Visitor, bare};
use crate::support::app::cookies_set;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn every_address_beside_pages_and_functions_has_a_decision_and_keeps_to_it() {
    let stage = Stage::set().await;
    let client = bare();
    for visitor in VISITORS {
        let signed_in = visitor == Visitor::SignedIn;
        let form = |path: &str, fields: &[(&str, &str)]| {
            let request = client.post(stage.app.url(path)).form(fields).header("accept", "application/json");
            stage.of(visitor, request)
        };
        // An unknown provider is 404 for every visitor. The event stream is for signed-in sessions only.
        for (request, status) in [
            (stage.of(visitor, client.get(stage.app.url("/api/events"))), if signed_in { 200 } else { 204 }),
            (form("/sign-in", &[("provider", "none")]), 404),
            (form("/sign-in", &[("provider", "none"), ("purpose", "connect")]), 404),
            (form("/sign-in/none/end", &[]), 404),
            // The doctor's page is public, because it is for browsers that lose the session cookie.
            (form("/api/doctor/set?test=t1", &[]), 204),
            (stage.of(visitor, client.get(stage.app.url("/api/doctor/echo"))), 200),
            (stage.of(visitor, client.get(stage.app.url("/api/doctor/fail"))), 500),
            (stage.of(visitor, client.get(stage.app.url("/sign-in/none/callback?state=x&code=x"))), 400),
        ] {
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{visitor:?} {}", answer.url());
        }
    }
    let metrics = client.get(stage.app.url("/metrics")).send().await.expect("an answer");
    assert_eq!(metrics.status(), 404, "metrics have a listener of their own");
    for path in ["/healthz", "/readyz"] {
        let answer = client.get(stage.app.url(path)).send().await.expect("an answer");
        let body: Value = answer.json().await.expect("JSON");
        assert!(body["status"].is_string(), "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_forms_that_ask_for_the_password_the_one_that_was_posted_says_that_it_is_wrong() {
    let stage = Stage::set().await;
    for (path, fields, says, silent) in [
        (
            "/api/password",
            vec![("current", "canary"), ("new", "x"), ("end_others", "true")],
            "current",
            "again-current",
        ),
        ("/api/confirm", vec![("current", "canary")], "again-current", "current"),
    ] {
        let post = bare().post(stage.app.url(path)).form(&fields).header("accept", "text/html");
        let post = post.header("sec-fetch-site", "same-origin").header("referer", "http://localhost:3000/security");
        let answer = stage.of(Visitor::SignedIn, post).send().await.expect("an answer");
        let to = answer.headers()["location"].to_str().expect("text").to_owned();
        // The page shows the outcome once, to the browser that sends this cookie.
        let mark = cookies_set(&answer).join("; ");
        let mark = mark.split(';').next().unwrap_or_default();
        let page = bare().get(stage.app.url(&to)).header("accept", "text/html").header("cookie", mark);
        let page = stage.of(Visitor::SignedIn, page).send().await.expect("an answer").text().await.expect("a page");
        let complaint = |id: &str| {
            let (_, rest) = page.split_once(&format!("id=\"{id}-wrong\"")).expect("an element for the error");
            let (_, rest) = rest.split_once('>').expect("an element");
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        assert_eq!((complaint(says).as_str(), complaint(silent).as_str()), ("Wrong password.", ""), "{path}");
    }
}
