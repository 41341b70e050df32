//! Machines that reach the internet only through a proxy (`HTTPS_PROXY`, `NO_PROXY`).

use super::support::app::browser;
use super::support::authority::authority;
use super::support::issuer::Issuer;
use super::support::played;
use super::support::process::{Place, Running};
use super::support::secured::serve;
use super::support::tunnel::Tunnel;
use axum::routing::get;
use axum::{Json, Router};
use reqwest::Response;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const ISSUER: &str = "https://login.example.com";

fn provider(issuer: &str) -> String {
    format!(
        "[{{ id = \"a\", name = \"A\", issuer = \"{issuer}\", client_id = \"hardtack\", client_secret = \"env:A_SECRET\" }}]"
    )
}

async fn start(place: &Place, issuer: &str, environment: &[(&str, &str)], trusted: &Path) -> Running {
    let providers = provider(issuer);
    let mut command = place.command(&["serve"], &[("SIGN_IN_PROVIDERS", &providers)]);
    command.env("A_SECRET", "hush").env("SSL_CERT_FILE", trusted).envs(environment.iter().copied());
    place.wait_for(command).await
}

/// Starts a sign-in with the provider.
async fn leave(server: &Running) -> Response {
    let request =
        browser().post(server.url("/sign-in")).form(&[("provider", "a")]).header("accept", "application/json");
    request.send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn s76_a_provider_is_asked_through_the_proxy_that_the_environment_names() {
    let (authority, trusted) = authority();
    let described = Json(json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }));
    let routes = Router::new()
        .route("/.well-known/openid-configuration", get(async move || described.clone()))
        .route("/keys", get(async || Json(json!({ "keys": [] }))));
    let port = serve(routes, &authority, &["login.example.com"], -1, 30).await;
    let proxy = Tunnel::to(Some(port)).await;
    let address = format!("http://me:hush-hush@127.0.0.1:{}", proxy.port);
    let place = Place::new();
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let before = proxy.asked().len();
        let server = start(&place, ISSUER, &[(variable, &address), ("NO_PROXY", "example.org")], trusted.path()).await;
        let answer = leave(&server).await;
        let text = answer.text().await.expect("a text");
        assert!(text.contains("https://login.example.com/authorize"), "{variable}: {text} {:#?}", server.said.lines());
        let asked = proxy.asked().split_off(before);
        assert!(asked[0].starts_with("CONNECT login.example.com:443 HTTP/1.1\r\n"), "{asked:?}");
        assert!(asked[0].contains("Proxy-Authorization: Basic bWU6aHVzaC1odXNo\r\n"), "{asked:?}");
        let log = server.stop().await.join("\n");
        assert!(log.contains("through the proxy") && !log.contains("hush-hush"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s76_no_proxy_and_this_machine_are_reached_straight_and_a_failing_proxy_is_named() {
    let (_, trusted) = authority();
    let proxy = Tunnel::to(None).await;
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let place = Place::new();
    let here = Issuer::start().await;
    let server = start(&place, &here.url(), &[("ALL_PROXY", &address)], trusted.path()).await;
    assert!(leave(&server).await.status().as_u16() < 400, "{:#?}", server.said.lines());
    drop(server);
    let invalid = "https://login.invalid";
    let server = start(&place, invalid, &[("HTTPS_PROXY", &address), ("NO_PROXY", ".invalid")], trusted.path()).await;
    assert_eq!(leave(&server).await.status(), 502);
    assert_eq!(proxy.asked(), Vec::<String>::new());
    drop(server);
    let server = start(&place, invalid, &[("HTTPS_PROXY", &address)], trusted.path()).await;
    assert_eq!(leave(&server).await.status(), 502);
    let log = server.stop().await.join("\n");
    assert!(log.contains(&format!("through the proxy {address}")), "{log}");
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn s76_a_proxy_of_another_kind_stops_the_start_with_the_cure() {
    let place = Place::new();
    let providers = provider(ISSUER);
    for proxy in ["socks5://me:hush@proxy.example.com:1080", "https://me:hush@proxy.example.com"] {
        let mut command =
            place.command(&["serve"], &[("SIGN_IN_PROVIDERS", &providers), ("SITE_LISTEN", "127.0.0.1:0")]);
        let output = command.env("A_SECRET", "s").env("HTTPS_PROXY", proxy).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains("HTTPS_PROXY") && said.contains("list login.example.com in NO_PROXY"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_asks_through_the_proxy_and_says_so_when_it_leads_nowhere() {
    let change: played::Change =
        Arc::new(|_, answer| answer.change("set-cookie", "sid=1; Path=/; HttpOnly; SameSite=Lax"));
    let server = played::serve([127, 0, 0, 1].into(), change).await;
    let examine = async |proxy: &Tunnel, no_proxy: &str| {
        let place = Place::new();
        let mut command = place.command(&["doctor", "http://shop.invalid/session", "--json"], &[]);
        command.env("HTTP_PROXY", format!("http://127.0.0.1:{}", proxy.port)).env("NO_PROXY", no_proxy);
        let output = tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("no panic");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str::<Value>(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    };
    let open = Tunnel::to(Some(server)).await;
    let document = examine(&open, "").await;
    assert!(document["exchanges"].as_array().is_some_and(|calls| !calls.is_empty()), "{document:#}");
    assert!(open.asked()[0].starts_with("CONNECT shop.invalid:80 "), "{:?}", open.asked());
    let shut = Tunnel::to(None).await;
    let document = examine(&shut, "").await;
    let told = document["findings"][0]["what"].as_str().unwrap_or_default();
    assert!(
        told.contains("the proxy of this machine makes no connection") && told.contains("uses a proxy"),
        "{document:#}"
    );
    let document = examine(&shut, "shop.invalid").await;
    let told = document["findings"][0]["what"].as_str().unwrap_or_default();
    assert!(told.contains("its name is unknown") && !told.contains("proxy"), "{document:#}");
    assert_eq!(shut.asked().len(), 1);
}
