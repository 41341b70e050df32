//! The real binary: its commands, errors and signals, its files and its log.

use super::support::app::{browser, cookies_set};
use super::support::process::{Place, Running, rest};
use reqwest::Client;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[test]
fn help_and_version_are_told_on_standard_output() {
    let place = Place::new();
    let help = place.run(&["--help"], &[]);
    let text = String::from_utf8(help.stdout).expect("text");
    assert!(help.status.success() && help.stderr.is_empty());
    for word in ["serve", "settings", "migrate", "sessions", "cert", "--config"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    let version = place.run(&["--version"], &[]);
    let expected = concat!("hardtack ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8(version.stdout).expect("text"), expected);
}

#[test]
fn the_documented_settings_are_those_that_the_binary_prints() {
    let printed = Place::new().run(&["settings"], &[]);
    let documented = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SETTINGS.md");
    let documented = fs::read_to_string(documented).expect("docs/SETTINGS.md");
    assert!(printed.status.success());
    assert_eq!(String::from_utf8(printed.stdout).expect("text"), documented);
}

#[test]
fn a_port_in_use_is_one_sentence_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let said = Place::new().refusal(1, &[], &[("SITE_LISTEN", &address)]);
    assert!(said.contains("site.listen") && said.contains(&address) && said.contains("in use"), "{said}");
}

#[test]
fn an_unwritable_data_folder_is_one_sentence_and_exit_code_1() {
    let place = Place::new();
    fs::write(place.path().join("file"), "").expect("a file");
    for folder in ["file", "/proc/hardtack"] {
        let url = format!("sqlite:{folder}/hardtack.db");
        let said = place.refusal(1, &[], &[("STORE_URL", &url), ("SITE_LISTEN", "127.0.0.1:0")]);
        assert!(said.contains("store.url") && said.contains(folder), "{said}");
    }
}

#[test]
fn a_file_that_is_no_database_is_one_sentence_and_exit_code_1() {
    let place = Place::new();
    fs::write(place.path().join("letter.db"), "Dear Sir or Madam, ".repeat(500)).expect("a file");
    let settings = [("STORE_URL", "sqlite:letter.db"), ("SITE_LISTEN", "127.0.0.1:0")];
    let said = place.refusal(1, &[], &settings);
    assert!(said.contains("store.url") && said.contains("letter.db"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_one_sentence_and_exit_code_1() {
    let place = Place::new();
    place.serve(&[]).await.stop().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.database());
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (999999, 'of a later day', true, x'00', 0)";
    sqlx::query(sql).execute(&pool).await.expect("a newer migration");
    pool.close().await;
    let said = place.refusal(1, &[], &[("SITE_LISTEN", "127.0.0.1:0")]);
    assert!(said.contains("newer version") && said.contains("999999"), "{said}");
}

#[test]
fn wrong_settings_are_one_sentence_and_exit_code_2() {
    let place = Place::new();
    let said = place.refusal(2, &[], &[("SITE_LISTN", "127.0.0.1:0")]);
    assert!(said.contains("HARDTACK_SITE_LISTN") && said.contains("HARDTACK_SITE_LISTEN"), "{said}");
    fs::write(place.path().join("Leptos.toml"), "[session]\nidel = \"1h\"\n").expect("a file");
    let said = place.refusal(2, &["serve"], &[]);
    assert!(said.contains("session.idel") && said.contains("session.idle"), "{said}");
}

#[test]
fn an_unreadable_file_of_settings_is_one_sentence_and_exit_code_2() {
    let place = Place::new();
    fs::create_dir(place.path().join("folder")).expect("a folder");
    for file in ["missing.toml", "folder"] {
        let said = place.refusal(2, &["serve", "--config", file], &[]);
        assert!(said.contains(file), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g12_a_key_file_that_others_can_read_is_one_sentence_and_exit_code_1() {
    let place = Place::new();
    place.serve(&[]).await.stop().await;
    let key = place.path().join("data/hardtack.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("a mode");
    let said = place.refusal(1, &[], &[("SITE_LISTEN", "127.0.0.1:0")]);
    assert!(said.contains("chmod 600") && said.contains("hardtack.key"), "{said}");
    let text = fs::read_to_string(&key).expect("the key");
    assert!(!said.contains(text.trim()), "the error must not contain the key");
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_g12_database_and_key_are_for_their_owner_alone() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    server.visit(&browser()).await;
    let mode = |path: &std::path::Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&place.path().join("data")), 0o700);
    let mut seen = 0;
    for entry in fs::read_dir(place.path().join("data")).expect("the folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "a database and a key");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_and_sigint_end_it_with_exit_code_0() {
    let place = Place::new();
    for signal in ["TERM", "INT"] {
        let mut server = place.serve(&[]).await;
        server.visit(&browser()).await;
        server.signal(signal);
        assert_eq!(server.end().await.code(), Some(0), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_stop_what_is_in_flight_is_answered_first_and_readyz_says_so() {
    let place = Place::new();
    let mut server = place.serve(&[]).await;
    // The head is completed during the stop, because new connections are refused then.
    let mut late = TcpStream::connect(server.address).await.expect("a connection");
    late.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n").await.expect("sent");
    // Connections are accepted in order, so the response to this one shows that the one before it was accepted too.
    let mut slow = server.begin_visit(None).await;

    server.signal("TERM");
    server.said.wait_for("stopping").await;
    server.deaf().await;
    late.write_all(b"\r\n").await.expect("sent");
    let readiness = rest(&mut late).await;
    assert!(readiness.starts_with("HTTP/1.1 503") && readiness.contains("stopping"), "{readiness}");
    slow.write_all(b"{}").await.expect("sent");
    let answer = rest(&mut slow).await;
    assert!(answer.contains("HTTP/1.1 200") && answer.contains("first time"), "{answer}");
    assert_eq!(server.end().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_stop_nobody_waits_longer_than_the_grace() {
    let place = Place::new();
    let mut server = place.serve(&[("LIMITS_SHUTDOWN_GRACE", "50ms")]).await;
    let held = server.begin_visit(None).await;
    server.signal("TERM");
    assert_eq!(server.end().await.code(), Some(0));
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_between_two_visits_loses_no_acknowledged_visit() {
    let (place, browser) = (Place::new(), browser());
    for visit in 1..=3 {
        let mut server = place.serve(&[]).await;
        assert_eq!(server.visit(&browser).await, visit);
        server.signal("KILL");
        assert!(!server.end().await.success());
    }
}

#[test]
fn g10_a_disk_without_room_for_the_tables_refuses_the_start() {
    let place = Place::new();
    for kib in [16, 64, 128] {
        let output = place.start_on_a_full_disk(kib);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("hardtack.db cannot be used"), "{kib} KiB: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_a_full_disk_is_never_called_a_success() {
    let (place, browser) = (Place::new(), browser());
    let mut server = place.serve_on_a_full_disk(1024).await;
    let mut counted = 0;
    loop {
        let url = format!("http://{}/api/visits", server.address);
        let answer = browser.post(url).send().await.expect("an answer");
        if answer.status() != 200 {
            assert_eq!(answer.status(), 503);
            break;
        }
        counted += 1;
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(body["visits"], counted, "each acknowledged visit is counted");
        assert!(counted < 5000, "the disk is never full");
    }
    // The write of the readiness check is small and may succeed a few times more.
    let ready =
        async || browser.get(format!("http://{}/readyz", server.address)).send().await.expect("an answer").status();
    let mut asked = 0;
    while ready().await != 503 {
        asked += 1;
        assert!(asked < 1000, "a server with a full disk still reports that it is ready");
    }
    server.signal("KILL");
    server.end().await;
    let server = place.serve(&[]).await;
    assert_eq!(server.visit(&browser).await, counted + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_a_hundred_parallel_visits_count_a_hundred_and_after_a_restart_two_hundred() {
    let (place, browser) = (Place::new(), browser());
    let server = place.serve(&[]).await;
    assert_eq!(server.visit(&browser).await, 1);
    assert_eq!(in_parallel(&server, &browser, 99).await, (2..=100).collect::<Vec<_>>());
    server.stop().await;
    let server = place.serve(&[]).await;
    assert_eq!(in_parallel(&server, &browser, 100).await, (101..=200).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn g11_s120_the_cookie_is_nowhere_in_the_log_and_json_lines_are_json() {
    for (format, level) in [("json", "trace"), ("text", "trace")] {
        let (place, browser) = (Place::new(), browser());
        let server = place.serve(&[("LOG_FORMAT", format), ("LOG_LEVEL", level)]).await;
        let secrets = walk(&server, &browser).await;
        let lines = server.stop().await;
        let log = lines.join("\n");
        assert!(log.contains("/api/visits"), "requests are logged: {log}");
        for secret in &secrets {
            assert!(!log.contains(secret.as_str()), "a secret is in the {format} log");
        }
        if format == "json" {
            for line in &lines {
                let parsed = serde_json::from_str::<serde_json::Value>(line);
                assert!(parsed.is_ok_and(|line| line["level"].is_string()), "{line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_across_sites_a_cookie_that_is_not_partitioned_is_warned_about() {
    for (partitioned, front_end, warned) in [
        ("false", "https://app.example.org", true),
        ("true", "https://app.example.org", false),
        ("false", "https://app.example.com", false),
    ] {
        let settings = [
            ("SITE_URL", "https://api.example.com"),
            ("SITE_FRONT_ENDS", front_end),
            ("SESSION_PARTITIONED", partitioned),
        ];
        let log = Place::new().serve(&settings).await.stop().await.join("\n");
        assert_eq!(log.contains("HT013"), warned, "{partitioned} {front_end}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_opened_is_where_the_server_listens() {
    let server = Place::new().serve(&[]).await;
    let open = format!("listening; open http://localhost:{}", server.address.port());
    let log = server.stop().await.join("\n");
    assert!(log.contains(&open) && log.contains("HT030"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_no_terminal_shows_has_no_colours() {
    let place = Place::new();
    for line in place.serve(&[]).await.stop().await {
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

/// Sends visits at the same time and returns the sorted counts of the responses.
async fn in_parallel(server: &Running, browser: &Client, count: usize) -> Vec<u64> {
    let mut visits = JoinSet::new();
    for _ in 0..count {
        let request = browser.post(server.url("/api/visits"));
        visits.spawn(async move {
            let answer = request.send().await.expect("an answer");
            let status = answer.status();
            let body = answer.text().await.expect("a body");
            assert_eq!(status, 200, "{body}");
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            body["visits"].as_u64().expect("a count")
        });
    }
    let mut counts = visits.join_all().await;
    counts.sort_unstable();
    counts
}

/// Sends good and bad requests to the whole site. Returns the secrets that were transferred.
async fn walk(server: &Running, browser: &Client) -> Vec<String> {
    let first = browser.get(server.url("/")).send().await.expect("a page");
    let cookies = cookies_set(&first);
    let pair = cookies[0].split(';').next().expect("a pair").to_owned();
    let value = pair.split_once('=').expect("a value").1.to_owned();
    server.visit(browser).await;
    let forged = format!("{pair}x");
    let twice = format!("{pair}; {pair}");
    let bomb = format!("{pair}; big={}", "x".repeat(20_000));
    for (path, cookie) in [
        ("/", &pair),
        ("/?done=session", &pair),
        ("/nothing", &pair),
        ("/api/session", &pair),
        ("/api/overview", &pair),
        ("/readyz", &pair),
        ("/", &forged),
        ("/", &twice),
        ("/", &bomb),
        ("/api/session", &bomb),
    ] {
        let request = Client::new().get(server.url(path)).header("cookie", cookie);
        request.send().await.expect("an answer");
    }
    for site in ["same-origin", "cross-site"] {
        let request = browser.post(server.url("/api/session"));
        let request = request.header("sec-fetch-site", site).body("{\"session\": 1}");
        request.send().await.expect("an answer");
    }
    let (id, signature) = value.split_once('.').expect("an id and its signature");
    vec![value.clone(), id.to_owned(), signature.to_owned()]
}
