//! The real binary on shared stores: start, errors and stop.

use crate::support::app::{browser, cookies_set};
use crate::support::process::{Place, Running, rest, until};
use crate::support::servers::{self, Program};
use crate::support::{SHARED, open};
use futures::future::{join, join_all};
use reqwest::Client;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncWriteExt as _;

const FREE_PORT: (&str, &str) = ("SITE_LISTEN", "127.0.0.1:0");

#[test]
fn g12_a_store_that_servers_share_demands_a_key_and_none_is_made() {
    for url in ["postgres://127.0.0.1:1/a", "redis://127.0.0.1:1", "redis-cluster://127.0.0.1:1,127.0.0.1:2"] {
        let place = Place::new();
        let said = place.refusal(2, &["serve"], &[("STORE_URL", url), FREE_PORT]);
        assert!(said.contains("session.keys: ") && said.contains("openssl rand -hex 32"), "{said}");
        assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 0, "no file was created");
    }
}

#[test]
fn g12_s107_a_weak_a_malformed_and_a_missing_key_refuse_the_start_before_the_store_is_asked() {
    let place = Place::new();
    for (file, text, reason) in [
        ("weak.key", "ab".repeat(32), "weak"),
        ("short.key", "changeme".to_owned(), "does not hold a key"),
        ("missing.key", String::new(), "cannot be used"),
    ] {
        if !text.is_empty() {
            let mut private = fs::OpenOptions::new();
            let file = private.write(true).create_new(true).mode(0o600).open(place.path().join(file));
            std::io::Write::write_all(&mut file.expect("a file"), text.as_bytes()).expect("written");
        }
        for url in ["postgres://127.0.0.1:1/a", "redis://127.0.0.1:1"] {
            let settings = [("STORE_URL", url), ("SESSION_KEYS", file), FREE_PORT];
            let said = place.refusal(1, &["serve"], &settings);
            assert!(said.contains("session.keys: ") && said.contains(file) && said.contains(reason), "{said}");
            assert!(text.is_empty() || !said.contains(&text), "the error must not contain the key: {said}");
        }
    }
}

#[test]
fn s120_a_store_that_cannot_be_reached_is_one_sentence_without_its_password() {
    for url in ["postgres://me:hunter2@127.0.0.1:1/a", "redis://me:hunter2@127.0.0.1:1"] {
        let place = Place::on(url);
        for command in [&["serve"][..], &["migrate"], &["sessions", "stats"]] {
            let said = place.refusal(1, command, &[FREE_PORT]);
            assert!(said.contains("store.url: ") && said.contains("127.0.0.1"), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s87_a_store_that_may_be_elsewhere_is_refused_and_with_insecure_each_start_warns() {
    let mut urls = Vec::new();
    let database = if Program::Postgres.is_here() { Some(servers::database().await) } else { None };
    urls.extend(database.as_ref().map(|database| database.url.clone()));
    if Program::Redis.is_here() {
        urls.push(servers::redis().await);
    }
    for url in urls {
        let place = Place::on(&url);
        let log = place.serve(&[("STORE_INSECURE", "true")]).await.stop().await.join("\n");
        assert!(!log.contains("store.insecure"), "a store on this machine needs no warning: {log}");
        // The system resolves it to 127.0.0.1, but the address does not show that.
        let place = Place::on(&url.replace("127.0.0.1", "127.1"));
        let said = place.refusal(2, &["serve"], &[FREE_PORT]);
        assert!(said.contains("`store.url`") && said.contains("`store.insecure = true`"), "{said}");
        for _ in 0..2 {
            let log = place.serve(&[("STORE_INSECURE", "true")]).await.stop().await;
            assert!(log.iter().any(|line| line.contains("WARN") && line.contains("store.insecure is on")), "{log:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_a_session_is_one_on_two_servers_that_begin_at_once_on_an_empty_store() {
    for url in empty_stores().await {
        let place = Place::on(&url.url);
        let (one, other) = join(place.serve(&[]), place.serve(&[])).await;
        let page = browser().get(one.url("/")).send().await.expect("a page");
        let pair = cookies_set(&page)[0].split(';').next().expect("a pair").to_owned();
        assert_eq!((count(&one, &pair).await, count(&other, &pair).await), (2, 3), "on {}", url.url);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_not_to_be_touched_refuses_the_start_until_it_is_migrated() {
    for url in empty_stores().await {
        let place = Place::on(&url.url);
        // At this level, a Redis without persistence causes no second log line.
        let untouched = [("STORE_MIGRATE", "false"), ("LOG_LEVEL", "error"), FREE_PORT];
        for _ in 0..2 {
            let said = place.refusal(1, &["serve"], &untouched);
            assert!(said.contains("store.url: ") && said.contains("`hardtack migrate`"), "{said}");
        }
        let migrate = |arguments: &[&str]| {
            let output = place.run(arguments, &[]);
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            String::from_utf8(output.stdout).expect("text")
        };
        assert_eq!(migrate(&["migrate"]), "The schema of the store has been brought up to date.\n");
        assert_eq!(migrate(&["migrate"]), "The schema of the store was up to date.\n");
        assert_eq!(migrate(&["migrate", "--json"]).replace([' ', '\n'], ""), "{\"migrated\":false}");
        let server = place.serve(&untouched[..1]).await;
        assert_eq!(server.visit(&browser()).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s118_a_stop_under_load_loses_nothing_that_was_acknowledged() {
    for kind in SHARED {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let mut server = place.serve(&[]).await;
        let address = server.url("/api/visits");
        let busy: Vec<_> = (0..8).map(|_| (browser(), Arc::new(AtomicU64::new(0)))).collect();
        let visits = busy.iter().cloned();
        let visits = visits.map(|(browser, told)| visit_until_stopped(address.clone(), browser, told));
        let load = tokio::spawn(join_all(visits.collect::<Vec<_>>()));
        // Some requests must be in progress at the stop, so they are begun by hand.
        let mut slow = Vec::new();
        for _ in 0..4 {
            let page = browser().get(server.url("/")).send().await.expect("a page");
            let pair = cookies_set(&page)[0].split(';').next().expect("a pair").to_owned();
            slow.push((server.begin_visit(Some(&pair)).await, pair));
        }
        let under_load = || busy.iter().all(|(_, told)| told.load(Ordering::SeqCst) >= 5).then_some(());
        until(under_load).await.expect("all visitors are served");

        server.signal("TERM");
        server.said.wait_for("stopping").await;
        for (stream, _) in &mut slow {
            stream.write_all(b"{}").await.expect("sent");
            let answer = rest(stream).await;
            assert!(answer.contains("HTTP/1.1 200") && answer.contains("\"visits\":2"), "{answer} on {kind:?}");
        }
        load.await.expect("no panic");
        assert_eq!(server.end().await.code(), Some(0));

        let server = place.serve(&[]).await;
        for (_, pair) in &slow {
            assert_eq!(count(&server, pair).await, 3, "on {kind:?}");
        }
        for (browser, told) in &busy {
            let told = told.load(Ordering::SeqCst);
            let counted = server.visit(browser).await;
            // One more visit may have been committed without its response arriving.
            assert!(counted == told + 1 || counted == told + 2, "{told}, then {counted} on {kind:?}");
        }
    }
}

/// Sends visits in a loop and stores the count of the last response.
async fn visit_until_stopped(url: String, browser: Client, told: Arc<AtomicU64>) {
    while let Ok(answer) = browser.post(&url).send().await {
        if answer.status() != 200 {
            break;
        }
        let Ok(body) = answer.json::<serde_json::Value>().await else { break };
        told.store(body["visits"].as_u64().expect("a count"), Ordering::SeqCst);
    }
}

/// Counts a visit of the session with this cookie.
async fn count(server: &Running, cookie: &str) -> u64 {
    let request = Client::new().post(server.url("/api/visits")).header("cookie", cookie);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.json::<serde_json::Value>().await.expect("JSON")["visits"].as_u64().expect("a count")
}

/// The URL of a store that was never opened, with the resources behind it.
struct Empty {
    url: String,
    _folder: tempfile::TempDir,
    _database: Option<servers::Database>,
}

async fn empty_stores() -> Vec<Empty> {
    let folder = || tempfile::tempdir().expect("a folder");
    let file = folder();
    let url = format!("sqlite:{}", file.path().join("data/hardtack.db").display());
    let mut stores = vec![Empty { url, _folder: file, _database: None }];
    if Program::Postgres.is_here() {
        let database = servers::database().await;
        stores.push(Empty { url: database.url.clone(), _folder: folder(), _database: Some(database) });
    }
    if Program::Redis.is_here() {
        stores.push(Empty { url: servers::redis().await, _folder: folder(), _database: None });
    }
    stores
}
