//! The operator's commands: the real binary, next to a server process on the same store.

use crate::support::engine::Engine;
use crate::support::process::{Place, Running};
use crate::support::{Kind, OwnStore, SHARED, open};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hardtack_session::clock::{Clock, Timestamp};
use hardtack_session::id::{Handle, IdHash};
use hardtack_session::record::{Data, Record};
use hardtack_session::{Device, Lifetime, Owner, Session};
use reqwest::Client;
use serde_json::Value;
use std::time::Duration;

/// A store, a server process on it, and a folder to run commands in.
struct Site {
    own: OwnStore,
    place: Place,
    server: Running,
}

impl Site {
    async fn on(kind: Kind) -> Self {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let server = place.serve(&[]).await;
        Self { own, place, server }
    }

    /// Runs a command with `--json`, which must succeed, and returns its output.
    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// Runs a command that must succeed and returns its output.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.place.run(&[&["sessions"], arguments].concat(), &[]);
        let (said, log) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
        let (said, log) = (said.expect("text"), log.expect("text"));
        assert!(output.status.success() && log.is_empty(), "{arguments:?} on {:?}: {said}{log}", self.own.kind);
        said
    }

    /// Runs a command that must fail with exit code 1 and returns its error.
    fn refusal(&self, arguments: &[&str]) -> String {
        self.place.refusal(1, &[&["sessions"], arguments].concat(), &[])
    }

    /// Returns the handles of all sessions.
    fn handles(&self) -> Vec<String> {
        let listed = self.json(&["list"]);
        let sessions = listed["sessions"].as_array().expect("a list").iter();
        sessions.map(|session| session["handle"].as_str().expect("a handle").to_owned()).collect()
    }

    /// Starts a second server on the store, in this process, on which accounts sign in.
    async fn where_accounts_sign_in(&self) -> Engine {
        async fn sign_in(Path(account): Path<String>, session: Session) {
            let device = Device { label: "Firefox on Linux".to_owned(), address: "192.0.2.7".to_owned() };
            let owner = Owner { account: Some(account), device: Some(device) };
            session.sign_in(owner, None).await.expect("signed in");
        }
        let routes = Router::new().route("/{account}", get(sign_in));
        let keys = self.place.keys();
        let set = |sessions: hardtack_session::Sessions| sessions.keys(keys.clone()).clock(Clock::System);
        Engine::start_as(self.own.again().await, routes, set).await
    }

    /// Writes sessions with this time of creation directly into the store.
    async fn keep(&self, count: u32, created: Timestamp) {
        for _ in 0..count {
            let mut id = [0; 32];
            getrandom::fill(&mut id).expect("random numbers");
            let record = Record::new(Data::new(), Lifetime::default(), created);
            assert!(self.own.store.create(&IdHash(id), &record).await.expect("kept"));
        }
    }
}

/// Counts a visit of the session with this cookie.
async fn visit(server: &Running, cookie: &str) -> u64 {
    let request = Client::new().post(server.url("/api/visits")).header("cookie", cookie);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.json::<Value>().await.expect("JSON")["visits"].as_u64().expect("a count")
}

fn now() -> Timestamp {
    Clock::System.now()
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s27_s34_what_is_ended_on_the_command_line_is_refused_by_the_very_next_request() {
    for kind in SHARED {
        let site = Site::on(kind).await;
        let (one, other) = (crate::support::app::browser(), crate::support::app::browser());
        assert_eq!(site.server.visit(&one).await, 1);
        let [handle] = &site.handles()[..] else { panic!("one session on {kind:?}") };
        assert_eq!(site.server.visit(&other).await, 1);
        assert_eq!(site.server.visit(&one).await, 2);

        assert_eq!(site.json(&["end", handle])["ended"], 1);
        assert_eq!(site.server.visit(&one).await, 1, "the session was ended and a new one begins, on {kind:?}");
        assert_eq!(site.server.visit(&other).await, 2, "the other session stays, on {kind:?}");
        let left = site.handles();
        assert!(left.len() == 2 && !left.contains(handle), "{left:?} on {kind:?}");
        let again = site.refusal(&["end", handle]);
        assert!(again.contains("no session") && again.contains(handle.as_str()), "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s34_an_account_is_signed_out_everywhere_and_no_other_is() {
    for kind in SHARED {
        let site = Site::on(kind).await;
        let engine = site.where_accounts_sign_in().await;
        let (desk, phone, bob) =
            (engine.cookie_from("/ada").await, engine.cookie_from("/ada").await, engine.cookie_from("/bob").await);
        for cookie in [&desk, &phone, &bob] {
            assert_eq!(visit(&site.server, cookie).await, 1, "one session on both servers, on {kind:?}");
        }
        let listed = site.json(&["list", "--account", "ada"]);
        assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(2), "{listed} on {kind:?}");
        assert_eq!(listed["sessions"][0]["device"]["label"], "Firefox on Linux");

        assert_eq!(site.json(&["end-account", "ada"])["ended"], 2);
        for cookie in [&desk, &phone] {
            assert_eq!(visit(&site.server, cookie).await, 1, "begun anew, on {kind:?}");
        }
        assert_eq!(visit(&site.server, &bob).await, 2, "bob stays, on {kind:?}");
        assert_eq!(site.text(&["end-account", "ada"]), "Ended 0 sessions of ada.\n");
        assert_eq!(site.text(&["list", "--account", "ada"]), "No sessions.\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s34_everybody_is_signed_out_when_that_is_said_twice() {
    for kind in SHARED {
        let site = Site::on(kind).await;
        let engine = site.where_accounts_sign_in().await;
        let cookies = [engine.cookie_from("/ada").await, engine.cookie_from("/bob").await];
        for cookie in &cookies {
            visit(&site.server, cookie).await;
        }
        // More sessions than one page of any store holds.
        site.keep(1100, now()).await;
        let listed = site.json(&["list", "--limit", "5"]);
        assert_eq!((listed["sessions"].as_array().map(Vec::len), &listed["more"]), (Some(5), &Value::Bool(true)));
        let listed = site.json(&["list", "--limit", "5000"]);
        assert_eq!((listed["sessions"].as_array().map(Vec::len), &listed["more"]), (Some(1102), &Value::Bool(false)));

        let once = site.place.refusal(2, &["sessions", "end", "--all"], &[]);
        assert!(once.contains("`--yes`"), "{once}");
        assert_eq!(visit(&site.server, &cookies[0]).await, 2, "not yet, on {kind:?}");
        assert_eq!(site.json(&["end", "--all", "--yes"])["ended"], 1102, "on {kind:?}");
        for cookie in &cookies {
            assert_eq!(visit(&site.server, cookie).await, 1, "begun anew, on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s104_a_sweep_leaves_nothing_that_is_over_and_respects_the_office() {
    for kind in SHARED {
        let mut site = Site::on(kind).await;
        assert_eq!(site.server.visit(&crate::support::app::browser()).await, 1);
        // Stop the server, because it would sweep before long.
        site.server.signal("TERM");
        site.server.end().await;
        let long_ago = Timestamp(now().0 - 30 * 24 * 60 * 60 * 1000);
        site.keep(1201, long_ago).await;
        let stats = site.json(&["stats"]);
        assert_eq!((&stats["live"], &stats["over"]), (&1.into(), &1201.into()), "{stats} on {kind:?}");
        assert_eq!(stats["store"], site.own.store.kind());

        let other = Handle::generate();
        assert!(site.own.store.lead(&other, now() + Duration::from_secs(3600), now()).await.expect("a lease"));
        let refused = site.refusal(&["sweep"]);
        assert!(refused.contains("another node") && refused.contains("`--force`"), "{refused}");
        assert_eq!(site.json(&["stats"])["over"], 1201, "nothing was swept, on {kind:?}");
        assert_eq!(site.json(&["sweep", "--force"])["removed"], 1201, "on {kind:?}");
        assert_eq!(site.json(&["stats"])["over"], 0, "on {kind:?}");

        assert!(site.own.store.lead(&other, now(), now()).await.expect("the lease is released"));
        site.keep(2, long_ago).await;
        assert_eq!(site.text(&["sweep"]), "Removed 2 sessions that were expired.\n");
        let next = site.own.store.lead(&other, now() + Duration::from_secs(1), now()).await;
        assert!(next.expect("a lease"), "the command releases the lease, on {kind:?}");
        assert_eq!(site.handles().len(), 1, "the live session stays, on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s121_the_table_is_aligned_and_cannot_write_on_the_terminal() {
    let site = Site::on(Kind::Sqlite).await;
    let mut record = Record::new(Data::new(), Lifetime::default(), now());
    record.owner.account = Some("eve\u{1b}[2J\nroot".to_owned());
    record.owner.device = Some(Device { label: "a\rb".to_owned(), address: "\u{202e}1".to_owned() });
    site.own.store.create(&IdHash([7; 32]), &record).await.expect("kept");
    let engine = site.where_accounts_sign_in().await;
    engine.cookie_from("/ada@example.com").await;

    let table = site.text(&["list"]);
    let lines: Vec<&str> = table.lines().collect();
    let [headings, rows @ ..] = &lines[..] else { panic!("{table}") };
    assert!(headings.starts_with("HANDLE ") && headings.ends_with("ENDS IN") && rows.len() == 2, "{table}");
    let column = headings.find("ACCOUNT").expect("a column");
    let row = |account: &str| rows.iter().find(|row| row[column..].starts_with(account)).expect("a row");
    let (eve, ada) = (row("eve"), row("ada"));
    assert!(eve[column..].starts_with("eve\\u{1b}[2J\\nroot  a\\rb, \\u{202e}1  "), "{table}");
    assert!(ada[column..].starts_with("ada@example.com     Firefox on Linux, 192.0.2.7  "), "{table}");
    assert!(ada.contains(" s ago") && ada.ends_with("29 min"), "{table}");
    assert!(!table.contains(|c: char| c.is_control() && c != '\n'), "{table:?}");
    let ended = site.text(&["end-account", "eve\u{1b}[2J\nroot"]);
    assert_eq!(ended, "Ended 1 session of eve\\u{1b}[2J\\nroot.\n");
}

#[test]
fn what_no_command_can_do_is_one_sentence() {
    let place = Place::new();
    let memory = place.refusal(1, &["sessions", "stats"], &[("STORE_URL", "memory:")]);
    assert!(memory.contains("store.url") && memory.contains("server's own process"), "{memory}");
    let missing = place.refusal(1, &["sessions", "list"], &[]);
    assert!(missing.contains("store.url") && missing.contains("hardtack migrate"), "{missing}");
    let unset = place.refusal(2, &["sessions", "list"], &[("STORE_URL", "mysql://me:hunter2@host")]);
    assert!(unset.contains("store.url") && !unset.contains("hunter2"), "{unset}");
    let address = place.refusal(2, &["sessions", "end-account", "ada@example.com"], &[]);
    assert!(address.contains("`hardtack accounts end-sessions ada@example.com`"), "{address}");
    for arguments in [&["end"][..], &["end", "no-handle"], &["end-account"], &["list", "--limit", "many"]] {
        let output = place.run(&[&["sessions"], arguments].concat(), &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_no_further_ends_a_list_quietly() {
    let site = Site::on(Kind::Sqlite).await;
    site.keep(1000, now()).await;
    let mut list = site.place.command(&["sessions", "list", "--limit", "1000"], &[]);
    let mut list =
        list.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("runs");
    drop(list.stdout.take());
    let ended = list.wait_with_output().expect("an end");
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn where_there_is_no_database_commands_say_so_and_make_none() {
    let place = Place::new();
    for command in [&["sessions", "list"][..], &["sessions", "stats"], &["accounts", "list"]] {
        let said = place.refusal(1, command, &[]);
        assert!(
            said.contains("store.url: there is no database at") && said.contains("where the server runs"),
            "{said}"
        );
    }
    assert!(!place.database().exists());
}
