//! `/metrics`: Prometheus metrics on a listener of their own.

use crate::support::app::browser;
use crate::support::process::{METRICS, Place, Running, until};
use crate::support::servers::{self, Program, Server};
use reqwest::Client;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::net::TcpListener;

/// Starts a server with a metrics port that the system picks.
async fn serve(place: &Place) -> Running {
    place.serve(&[METRICS]).await
}

/// Returns the URL of the metrics from the log.
async fn address(server: &Running) -> String {
    let line = server.said.wait_for("metrics for Prometheus").await;
    line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address").to_owned()
}

async fn scrape(server: &Running) -> String {
    let answer = Client::new().get(address(server).await).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.expect("text")
}

/// Returns the value of a metric by its name and labels.
async fn figure(server: &Running, name: &str) -> f64 {
    let text = scrape(server).await;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn s120_refused_cookies_are_counted_and_none_is_shown() {
    let place = Place::new();
    let server = serve(&place).await;
    let cookie = crate::support::app::cookies_set(&browser().get(server.url("/")).send().await.expect("a page"));
    let pair = cookie[0].split(';').next().expect("a pair").to_owned();
    let (forged, twice) =
        ("hardtack_cookies_refused_total{reason=\"forged\"}", "hardtack_cookies_refused_total{reason=\"twice\"}");
    assert_eq!((figure(&server, forged).await, figure(&server, twice).await), (0.0, 0.0), "no event yet");
    let both = format!("{pair}; hardtack_sess=x");
    for (cookies, status) in [(format!("{pair}x"), 200), (both.clone(), 503), (both, 503), (pair.clone(), 200)] {
        let request = browser().post(server.url("/api/visits")).header("cookie", cookies);
        assert_eq!(request.send().await.expect("an answer").status(), status);
    }
    assert_eq!((figure(&server, forged).await, figure(&server, twice).await), (1.0, 2.0));

    let text = scrape(&server).await;
    for name in ["cookies_refused", "store_failures", "sweep_removed", "sweep_failures"] {
        assert!(text.contains(&format!("# HELP hardtack_{name}_total ")), "{name} is not explained in {text}");
        assert!(text.contains(&format!("# TYPE hardtack_{name}_total counter")), "{name} has no type in {text}");
    }
    let handles = place.run(&["sessions", "list", "--json"], &[]).stdout;
    let handles: serde_json::Value = serde_json::from_slice(&handles).expect("JSON");
    let handles = handles["sessions"].as_array().expect("a list").iter().map(|session| &session["handle"]);
    let secret = pair.split(['=', '.']).nth(1).expect("a secret");
    for secret in handles.map(|handle| handle.as_str().expect("a handle")).chain([secret]) {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_calls_to_a_store_that_fails_or_does_not_answer_are_counted() {
    if !Program::Redis.is_here() {
        return;
    }
    let redis = Server::redis(&[]).await;
    let place = Place::on(&redis.url("0"));
    let (server, browser) = (place.serve(&[METRICS, ("STORE_TIMEOUT", "2s")]).await, browser());
    assert_eq!(server.visit(&browser).await, 1);
    let visit = async || browser.post(server.url("/api/visits")).send().await.expect("an answer").status();
    // Either the store's client or the engine gives up first, so both kinds count.
    let failures = async || {
        let kind = async |kind| figure(&server, &format!("hardtack_store_failures_total{{kind=\"{kind}\"}}")).await;
        kind("error").await + kind("timeout").await
    };
    assert!(failures().await < 1.0, "none yet");
    redis.freeze().await;
    assert_eq!(visit().await, 503);
    let frozen = failures().await;
    assert!(frozen >= 1.0, "{frozen}");
    redis.thaw().await;
    redis.stop().await;
    assert_eq!(visit().await, 503);
    assert!(failures().await > frozen, "still {frozen} failures");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_not_on_the_site_and_the_site_is_not_beside_the_figures() {
    let place = Place::new();
    let mut server = serve(&place).await;
    let figures = address(&server).await;
    let status = async |url: String| Client::new().get(url).send().await.expect("an answer").status();
    assert_eq!(status(server.url("/metrics")).await, 404);
    for path in ["/", "/api/session", "/healthz"] {
        assert_eq!(status(figures.replace("/metrics", path)).await, 404, "{path}");
    }
    server.signal("TERM");
    assert_eq!(server.end().await.code(), Some(0), "an open metrics connection does not delay the stop");
    let address = figures.trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    until(|| std::net::TcpStream::connect(&address).err()).await.expect("the metrics listener is closed too");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_address_nobody_hands_figures_out() {
    let place = Place::new();
    let log = place.serve(&[]).await.stop().await.join("\n");
    assert!(!log.contains("Prometheus"), "{log}");
}

#[test]
fn a_port_of_the_figures_in_use_is_one_sentence_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let settings = [("SITE_LISTEN", "127.0.0.1:0"), ("METRICS_LISTEN", address.as_str())];
    let said = Place::new().refusal(1, &[], &settings);
    assert!(said.contains("metrics.listen: ") && said.contains(&address) && !said.contains("site.url"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_a_clock_that_is_off_is_told_in_the_log_and_in_a_figure() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let name = database.url.rsplit('/').next().expect("a name");
    let slow = format!(
        "CREATE SCHEMA slow; CREATE FUNCTION slow.clock_timestamp() RETURNS timestamptz LANGUAGE sql \
         AS $$ SELECT pg_catalog.clock_timestamp() - interval '1 hour' $$; \
         ALTER DATABASE {name} SET search_path = slow, pg_catalog, public"
    );
    let mut operator = PgConnection::connect(&database.url).await.expect("the database");
    sqlx::raw_sql(AssertSqlSafe(slow)).execute(&mut operator).await.expect("a clock an hour behind");
    let place = Place::on(&database.url);
    let server = serve(&place).await;
    let line = server.said.wait_for("this machine's clock and the store's differ").await;
    assert!(line.contains("WARN") && line.contains("NTP"), "{line}");
    let ahead = figure(&server, "hardtack_clock_skew_seconds").await;
    assert!((3_500.0..3_700.0).contains(&ahead), "{ahead}");
}
