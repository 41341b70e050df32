//! `hardtack accounts` and `hardtack migrate`: the real binary, next to a server process on the same database.

use crate::support::people::{PASSWORD, Person};
use crate::support::process::Place;
use crate::support::{SHARED, open};
use serde_json::Value;
use std::io::Write as _;
use std::process::{Output, Stdio};

/// Runs a command that reads a password from standard input.
fn with_password(place: &Place, arguments: &[&str], password: &str) -> Output {
    let mut command = place.command(&[&["accounts"], arguments].concat(), &[]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("runs");
    child.stdin.take().expect("its input").write_all(password.as_bytes()).ok();
    child.wait_with_output().expect("an end")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn refused(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{output:?}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn s34_an_operator_makes_changes_and_closes_accounts_while_a_server_runs() {
    for kind in SHARED {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let server = place.serve(&[("SIGN_IN_REGISTER", "closed")]).await;
        let made = with_password(&place, &["create", "Ada@example.com", "--name", "Ada"], &format!("{PASSWORD}\n"));
        assert_eq!(said(&made), "Created the account Ada@example.com.\n", "on {kind:?}");
        let ada = Person::at(&server.url(""), "ada@example.com");
        assert_eq!(ada.login(PASSWORD).await.status, 200, "on {kind:?}");

        let taken = with_password(&place, &["create", "ADA@example.com"], PASSWORD);
        assert!(refused(&taken).contains("already"), "{taken:?}");
        let common = with_password(&place, &["create", "bob@example.com"], "password123\n");
        assert!(refused(&common).contains("guess"), "{common:?}");
        let none = place.run(&["accounts", "create", "bob@example.com"], &[]);
        assert!(refused(&none).contains("standard input"), "{none:?}");

        let listed: Value =
            serde_json::from_str(&said(&place.run(&["accounts", "list", "--json"], &[]))).expect("JSON");
        let [account] = &listed["accounts"].as_array().expect("a list")[..] else { panic!("{listed}") };
        assert_eq!((&account["username"], &account["name"]), (&"Ada@example.com".into(), &"Ada".into()));
        assert!(account["closed"].is_null() && !listed.to_string().contains("argon2"), "{listed}");
        let id = account["id"].as_str().expect("an id");
        let sessions = said(&place.run(&["sessions", "list", "--account", id], &[]));
        assert!(sessions.contains("Unknown browser, 127.0.0.1"), "{sessions}");

        assert_eq!(
            said(&with_password(&place, &["password", "ada@example.com"], "un autre sel 8\r\n")),
            "Changed the password of ada@example.com and ended 1 session.\n"
        );
        assert!(!ada.is_signed_in().await, "on {kind:?}");
        assert_eq!((ada.login(PASSWORD).await.status, ada.login("un autre sel 8").await.status), (401, 200));
        let ended = said(&place.run(&["accounts", "end-sessions", "ada@example.com", "--json"], &[]));
        assert_eq!(serde_json::from_str::<Value>(&ended).expect("JSON")["ended"], 1);
        assert!(!ada.is_signed_in().await, "on {kind:?}");

        for command in ["close", "end-sessions"] {
            let unknown = place.run(&["accounts", command, "nobody@example.com"], &[]);
            assert!(refused(&unknown).contains("nobody@example.com"), "{unknown:?}");
        }
        said(&place.run(&["accounts", "close", "ada@example.com"], &[]));
        refused(&place.run(&["accounts", "close", "ada@example.com"], &[]));
        let table = said(&place.run(&["accounts", "list"], &[]));
        assert!(table.contains("CLOSED") && !table.trim_end().ends_with('-'), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_schema_of_accounts_waits_for_migrate_and_a_newer_one_refuses_the_start() {
    for kind in SHARED {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        // At this level, a Redis without persistence causes no second log line.
        let waits = [("STORE_MIGRATE", "false"), ("SITE_LISTEN", "127.0.0.1:0"), ("LOG_LEVEL", "error")];
        let older = place.refusal(1, &["serve"], &waits);
        assert!(older.contains("accounts.database: ") && older.contains("hardtack migrate"), "{older} on {kind:?}");
        let migrated = || said(&place.run(&["migrate", "--json"], &[]));
        assert!(migrated().contains("true"), "on {kind:?}");
        assert!(migrated().contains("false"), "on {kind:?}");
        let server = place.serve(&waits[..1]).await;
        Person::at(&server.url(""), "ada@example.com").registered().await;
    }
    let place = Place::new();
    assert!(said(&place.run(&["migrate"], &[])).contains("brought up to date"));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.database());
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let newer = "INSERT INTO _account_migrations (version, description, success, checksum, execution_time) \
                 VALUES (999, 'from the future', TRUE, x'00', 0)";
    sqlx::query(newer).execute(&pool).await.expect("a newer migration");
    pool.close().await;
    let refused = place.refusal(1, &["serve"], &[("SITE_LISTEN", "127.0.0.1:0")]);
    assert!(refused.contains("accounts.database: ") && refused.contains("newer version"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_may_have_a_file_of_their_own_that_only_its_owner_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let own = ("ACCOUNTS_DATABASE", "sqlite:elsewhere/accounts.db");
    let server = place.serve(&[own, ("STORE_URL", "memory:")]).await;
    Person::at(&server.url(""), "ada@example.com").registered().await;
    let file = place.path().join("elsewhere/accounts.db");
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    drop(server);
    let server = place.serve(&[own, ("STORE_URL", "memory:")]).await;
    assert_eq!(Person::at(&server.url(""), "ada@example.com").login(PASSWORD).await.status, 200);
    let forgets = place.serve(&[("STORE_URL", "memory:")]).await;
    let ada = Person::at(&forgets.url(""), "ada@example.com").registered().await;
    assert!(ada.is_signed_in().await && ada.elsewhere().login(PASSWORD).await.status == 200);
    let memory = place.refusal(1, &["accounts", "list"], &[("STORE_URL", "memory:")]);
    assert!(memory.contains("server's own process"), "{memory}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s34_a_command_that_the_store_of_sessions_fails_says_what_was_done_and_what_was_not() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let ada = Person::at(&server.url(""), "ada@example.com").registered().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.database());
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("the database");
    let away = "CREATE TRIGGER away BEFORE DELETE ON session BEGIN SELECT RAISE(ABORT, 'away'); END";
    sqlx::query(away).execute(&pool).await.expect("a trigger");
    pool.close().await;
    let ended = refused(&place.run(&["accounts", "end-sessions", "ada@example.com"], &[]));
    assert!(ended.contains("is unknown") && !ended.contains("was changed"), "{ended}");
    assert!(ada.is_signed_in().await);
    let closed = refused(&place.run(&["accounts", "close", "ada@example.com"], &[]));
    assert!(closed.contains("was changed") && closed.contains("end-sessions"), "{closed}");
    assert!(!ada.is_signed_in().await, "the account is closed nevertheless");
}
