//! The accepted values of `Host`: a request under an attacker's name that resolves to this server is refused (DNS
//! rebinding).

use super::support::app::{App, browser};
use super::support::process::Place;
use super::support::raw::exchange;
use serde_json::Value;

/// Returns the status of a page that is requested with this `Host` line.
async fn status(app: &App, host: &str, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    let answer = exchange(app.address, request.as_bytes()).await;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_a_name_of_a_stranger_that_leads_here_reaches_nothing() {
    let app = App::start().await;
    for path in ["/", "/api/overview", "/api/session", "/doctor", "/login", "/nothing", "/favicon.svg"] {
        for host in
            ["evil.example:3000", "localhost.evil.example", "127.0.0.1.nip.io", "evil.example.", "LOCALHOST.COM"]
        {
            assert_eq!(status(&app, &format!("Host: {host}\r\n"), path).await, 421, "{host} {path}");
        }
        for malformed in [
            "",
            "Host: localhost\r\nHost: localhost\r\n",
            "Host: \r\n",
            "Host: me@localhost\r\n",
            "Host: localhost:a\r\n",
        ] {
            assert_eq!(status(&app, malformed, path).await, 400, "{malformed:?} {path}");
        }
        assert_ne!(status(&app, "Host: localhost:3000\r\n", path).await, 421, "{path}");
    }
    let sessions = app.sessions().await;
    // The request of a page on the attacker's name: its browser takes it for same-origin and sends such headers.
    let page =
        app.post("/api/register").header("host", "evil.example:3000").header("origin", "http://evil.example:3000");
    let form = [("username", "a@example.com"), ("password", "correct horse battery staple")];
    let answer = page.header("sec-fetch-site", "same-origin").form(&form).send().await.expect("an answer");
    assert_eq!(answer.status(), 421);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["kind"], "misdirected");
    assert!(body["message"].as_str().is_some_and(|text| text.contains("site.hosts")), "{body}");
    assert_eq!(app.sessions().await, sessions, "no session has begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_names_that_no_stranger_can_own_and_addresses_lead_here() {
    let app = App::start_with(&[
        ("SITE_URL", "https://app.example.com"),
        ("SITE_FRONT_ENDS", "https://pages.example.com"),
        ("SITE_HOSTS", "Other.Example.org,b\u{fc}cher.example"),
    ])
    .await;
    for host in [
        "app.example.com",
        "APP.example.com:443",
        "app.example.com.",
        "pages.example.com",
        "other.example.org:8080",
        "xn--bcher-kva.example",
        "localhost:3000",
        "app.localhost",
        "127.0.0.1:3000",
        "10.0.0.7",
        "[::1]:3000",
        "hardtack",
        "hardtack_app:3000",
        "host.docker.internal:3000",
        "hardtack.svc.cluster.local",
        "printer.home.arpa",
    ] {
        assert_eq!(status(&app, &format!("Host: {host}\r\n"), "/").await, 200, "{host}");
    }
    for host in [
        "example.com",
        "api.example.com",
        "app.example.com.evil.example",
        "app.example.com@evil.example",
        "a b",
        "\u{7f}",
    ] {
        let refused = status(&app, &format!("Host: {host}\r\n"), "/").await;
        assert!(matches!(refused, 400 | 421), "{host}: {refused}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            status(&app, "Host: balancer.example.net\r\n", path).await,
            200,
            "load balancers use any name: {path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_what_a_trusted_proxy_of_an_https_site_passes_on_came_by_its_certificate() {
    let from_outside = "Host: origin.example.net\r\n";
    let here = ("SITE_TRUSTED_PROXIES", "127.0.0.1");
    let behind_tls = App::start_with(&[("SITE_URL", "https://app.example.com"), here]).await;
    assert_eq!(status(&behind_tls, from_outside, "/").await, 200);
    let untrusted = App::start_with(&[("SITE_URL", "https://app.example.com")]).await;
    assert_eq!(status(&untrusted, from_outside, "/").await, 421);
    let plain = App::start_with(&[here]).await;
    assert_eq!(status(&plain, from_outside, "/").await, 421, "plain http has no certificate that proves the name");
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_a_hundred_requests_for_another_host_are_a_line_or_two_in_the_log() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    for _ in 0..100 {
        let request = browser().get(server.url("/")).header("host", "evil.example");
        assert_eq!(request.send().await.expect("an answer").status(), 421);
    }
    server.said.wait_for("refused a request for another host").await;
    let lines = server.said.lines();
    let told = lines.iter().filter(|line| line.contains("for another host")).count();
    assert!((1..50).contains(&told), "{lines:#?}");
}
