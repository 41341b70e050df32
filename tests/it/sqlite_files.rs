//! SQLite files that are moved, replaced or removed while a server uses them.

use crate::support::app::browser;
use crate::support::process::Place;
use hardtack_session::store::sqlite::SqliteStore;
use hardtack_session::store::{Schema, Store};
use std::fs;
use std::path::Path;

async fn readiness(server: &crate::support::process::Running) -> u16 {
    let answer = browser().get(format!("http://{}/readyz", server.address)).send().await;
    answer.expect("an answer").status().as_u16()
}

fn moved(from: &Path, to: &Path) {
    fs::rename(from, to).expect("moved");
}

#[tokio::test]
async fn g8_a_store_whose_file_is_elsewhere_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, away) = (folder.path().join("h.db"), folder.path().join("away.db"));
    let store = SqliteStore::open(&path, 1, Schema::Migrate).await.expect("opened");
    let database = store.database();
    let said = async || {
        let error = store.ping().await.expect_err("not the open file").to_string();
        assert!(error.contains("h.db") && error.contains("put the open file back"), "{error}");
        assert!(database.check().await.is_err(), "the other users of the file get the error too");
    };
    store.ping().await.expect("the file is in place");
    moved(&path, &away);
    said().await;
    fs::copy(&away, &path).expect("copied");
    said().await;
    moved(&away, &path);
    store.ping().await.expect("the file is back");
    for suffix in ["-wal", "-shm"] {
        let (part, kept) = (folder.path().join(format!("h.db{suffix}")), folder.path().join("kept"));
        moved(&part, &kept);
        said().await;
        moved(&kept, &part);
    }
    store.ping().await.expect("all files are back");
    fs::remove_file(&path).expect("removed");
    said().await;
}

#[tokio::test]
async fn g8_a_link_that_is_turned_to_another_file_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (link, one, two) = (folder.path().join("h.db"), folder.path().join("one.db"), folder.path().join("two.db"));
    for path in [&one, &two] {
        drop(SqliteStore::open(path, 1, Schema::Migrate).await.expect("made"));
    }
    std::os::unix::fs::symlink(&one, &link).expect("linked");
    let store = SqliteStore::open(&link, 1, Schema::Migrate).await.expect("opened");
    store.ping().await.expect("the file is in place");
    fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(&two, &link).expect("linked");
    assert!(store.ping().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_server_whose_file_was_moved_is_not_ready_and_says_why() {
    for of_accounts in [false, true] {
        let place = Place::new();
        let settings: &[_] = if of_accounts { &[("ACCOUNTS_DATABASE", "sqlite:data/accounts.db")] } else { &[] };
        let server = place.serve(settings).await;
        assert_eq!(readiness(&server).await, 200);
        let database = if of_accounts { place.path().join("data/accounts.db") } else { place.database() };
        let away = place.path().join("away.db");
        moved(&database, &away);
        assert_eq!(readiness(&server).await, 503);
        if !of_accounts {
            let said = place.refusal(1, &["sessions", "list"], &[]);
            assert!(said.contains("there is no database at"), "a command reports it too: {said}");
        }
        moved(&away, &database);
        assert_eq!(readiness(&server).await, 200, "the file is back");
        let log = server.stop().await.join("\n");
        assert!(log.contains("ERROR") && log.contains("is no longer the file that this process has open"), "{log}");
    }
}
