//! Every endpoint that ends a session, called with two session cookies (G3).

use crate::support::app::{browser, cookies_set};
use crate::support::issuer::Stage;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn g3_an_endpoint_that_ends_does_it_or_says_that_it_did_not() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    let post = async |cookies: &str, path: &str| {
        let handle = json!({"handle": "00000000-0000-4000-8000-000000000000"});
        let request = browser().post(stage.app.url(path)).header("cookie", cookies).json(&handle);
        request.send().await.expect("an answer")
    };
    let lives = async |cookie: &str| {
        let request = browser().get(stage.app.url("/api/profile")).header("cookie", cookie);
        request.send().await.expect("an answer").status() == 200
    };
    for path in ["/api/logout", "/sign-in/a/end", "/api/devices/end", "/api/devices/end-others"] {
        let answer = ada.elsewhere().sign_in_at(&stage.a, "ada").await;
        let cookies = cookies_set(&answer);
        let own = cookies.iter().find(|cookie| cookie.starts_with("hardtack_sess=")).expect("a session");
        let own = own.split(';').next().expect("a pair");
        assert!(lives(own).await);
        let answer = post(&format!("{own}; hardtack_sess=x"), path).await;
        if path.starts_with("/api/devices") {
            assert_eq!((answer.status().as_u16(), lives(own).await), (401, true), "{path}");
        } else {
            let removed = cookies_set(&answer).iter().any(|cookie| cookie.starts_with("hardtack_sess=;"));
            assert_eq!((answer.status().as_u16(), removed, lives(own).await), (200, true, false), "{path}");
        }
    }
}
