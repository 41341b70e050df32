//! One client uses up its own share of the server, and no more: what each of many could fill alone.

use crate::support::app::{App, browser, cookies_set};
use crate::support::people::Person;
use std::time::Duration;

const BEHIND_A_PROXY: (&str, &str) = ("SITE_TRUSTED_PROXIES", "127.0.0.1");

#[tokio::test(flavor = "multi_thread")]
async fn g7_a_network_begins_so_many_sessions_and_then_its_pages_are_served_without_one() {
    let app = App::start_with(&[BEHIND_A_PROXY, ("LIMITS_NEW_SESSIONS", "5")]).await;
    let from = |address: &'static str, request: reqwest::RequestBuilder| {
        let request = request.header("x-forwarded-for", address);
        async move { request.send().await.expect("an answer") }
    };
    let session = |address| from(address, browser().get(app.url("/api/session")));
    let one = browser();
    assert_eq!(from("198.51.100.1", one.get(app.url("/api/session"))).await.status(), 200);
    for _ in 0..4 {
        assert_eq!(session("198.51.100.1").await.status(), 200);
    }
    for path in ["/api/session", "/api/visits"] {
        let request =
            if path.ends_with("visits") { browser().post(app.url(path)) } else { browser().get(app.url(path)) };
        let refused = from("198.51.100.1", request).await;
        assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"120".parse().expect("one")));
        assert_eq!(cookies_set(&refused), [] as [String; 0]);
        let body: serde_json::Value = refused.json().await.expect("JSON");
        assert_eq!((&body["kind"], &body["retry_after"]), (&"too_many_attempts".into(), &120.into()), "{body}");
        let message = "Too many sessions were begun in your network in a short time. Try again in 2 minutes.";
        assert_eq!(body["message"], message);
    }
    let page = from("198.51.100.1", browser().get(app.url("/")).header("accept", "text/html")).await;
    assert_eq!((page.status().as_u16(), cookies_set(&page).len()), (200, 0));
    assert!(page.text().await.expect("a page").contains("<h1"), "the page is whole");
    let used = from("198.51.100.1", one.post(app.url("/api/visits"))).await;
    assert_eq!(used.status(), 200, "a session that exists goes on");
    assert_eq!(app.sessions().await, 5);

    assert_eq!(session("198.51.100.2").await.status(), 200, "the neighbour has a share of its own");
    let ada = Person::at(&app.url(""), "ada@example.com");
    let body =
        serde_json::json!({"name": "Ada", "username": ada.username, "password": crate::support::people::PASSWORD});
    let entered = from("198.51.100.1", ada.request("/api/register", &body)).await;
    assert_eq!(entered.status(), 200, "a sign-in has limits of its own");
    app.clock.advance(Duration::from_secs(120));
    assert_eq!(session("198.51.100.1").await.status(), 200);
    assert_eq!(session("198.51.100.1").await.status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_an_ipv6_site_has_ten_shares_of_sessions_however_many_networks_it_has() {
    let app = App::start_with(&[BEHIND_A_PROXY, ("LIMITS_NEW_SESSIONS", "2")]).await;
    let mut begun = 0;
    for n in 0..40 {
        let request = browser().get(app.url("/api/session")).header("x-forwarded-for", format!("2001:db8:1:{n:x}::1"));
        begun += u32::from(request.send().await.expect("an answer").status() == 200);
    }
    assert_eq!(begun, 20);
}
