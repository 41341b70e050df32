//! Who may use the addresses that are neither pages nor server functions: decided here, and kept to.

use crate::access::{Stage, VISITORS, Visitor, bare};
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
        // Nobody is told of a provider that there is none, and of an account only who is signed in.
        for (request, status) in [
            (stage.of(visitor, client.get(stage.app.url("/api/events"))), if signed_in { 200 } else { 204 }),
            (form("/sign-in", &[("provider", "none")]), 404),
            (form("/sign-in", &[("provider", "none"), ("purpose", "connect")]), 404),
            (form("/sign-in/none/end", &[]), 404),
            (stage.of(visitor, client.get(stage.app.url("/sign-in/none/callback?state=x&code=x"))), 400),
        ] {
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{visitor:?} {}", answer.url());
        }
    }
    let metrics = client.get(stage.app.url("/metrics")).send().await.expect("an answer");
    assert_eq!(metrics.status(), 404, "on a listener of its own");
    for path in ["/healthz", "/readyz"] {
        let answer = client.get(stage.app.url(path)).send().await.expect("an answer");
        let body: Value = answer.json().await.expect("JSON");
        assert!(body["status"].is_string(), "{path}: {body}");
    }
}
