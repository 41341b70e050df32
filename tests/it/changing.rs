//! G15, a change of settings locks no user out: two browsers sign in, the settings change, the browsers return, and the
//! settings change back.

mod cases;
mod walk;

use crate::support::chance::Chance;
use crate::support::people::{PASSWORD, Person};
use crate::support::process::Place;
use cases::{CASES, Case, Fate, NO_ROOM, PROVIDERS, Set, VARIANTS};
use futures::StreamExt as _;
use hardtack::server::settings::{Settings, TABLES};
use std::collections::HashMap;
use std::time::Duration;
use walk::{Before, Site};

/// Tests all cases of these tables. Cases with the same first settings share their setup.
async fn walk(tables: &[&str]) {
    let cases: Vec<&Case> =
        CASES.iter().filter(|case| tables.contains(&case.key.split('.').next().unwrap_or_default())).collect();
    let mut begun: HashMap<(Set, Option<&str>), Before> = HashMap::new();
    for case in &cases {
        if let std::collections::hash_map::Entry::Vacant(free) = begun.entry((case.from, case.page)) {
            free.insert(Before::begin(case.from, case.page).await);
        }
    }
    let walks = cases.iter().map(|case| begun[&(case.from, case.page)].walk(case));
    let wrong: Vec<_> =
        futures::stream::iter(walks).buffer_unordered(4).flat_map(futures::stream::iter).collect().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Returns the rows of `docs/CHANGING-SETTINGS.md`: setting, change, consequence for visitors.
fn rows() -> Vec<[String; 3]> {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CHANGING-SETTINGS.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let cells = |line: &str| {
        let mut cells = line.split('|').skip(1).map(|cell| cell.trim().to_owned());
        [(); 3].map(|()| cells.next().unwrap_or_default())
    };
    rows.map(cells).collect()
}

/// The tables whose settings all have rows on the page, and the tables whose settings all have a test case.
const EXPLAINED: [&str; 6] = ["site", "session", "accounts", "sign_in", "cors", "tls"];
const WALKED: [&str; 4] = ["site", "session", "sign_in", "cors"];

#[test]
fn g15_every_setting_of_sessions_cookies_and_accounts_is_on_the_page_and_walked_through() {
    let rows = rows();
    for table in TABLES.iter().filter(|table| EXPLAINED.contains(&table.name)) {
        for setting in table.settings {
            let path = setting.path();
            assert!(rows.iter().any(|[key, ..]| *key == format!("`{path}`")), "no row for {path}");
            let walked = CASES.iter().any(|case| case.key == path);
            assert!(walked || !WALKED.contains(&table.name), "no case for {path}");
        }
    }
}

#[test]
fn g15_the_page_says_of_each_change_what_its_walk_proves() {
    let walked: Vec<_> =
        CASES.iter().map(|case| [format!("`{}`", case.key), case.change.to_owned(), case.words()]).collect();
    let rows = rows();
    for case in &walked {
        assert!(rows.contains(case), "the page lacks the row {case:?}");
    }
    let unproved =
        |row: &&[String; 3]| !walked.contains(row) && !["`tls.", "`accounts."].iter().any(|of| row[0].starts_with(of));
    let unproved: Vec<_> = rows.iter().filter(unproved).collect();
    assert!(unproved.is_empty(), "rows without a test case: {unproved:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_no_change_of_the_site_or_of_what_others_may_call_locks_out() {
    walk(&["site", "cors"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_no_change_of_the_session_locks_out() {
    walk(&["session"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_no_change_of_the_sign_in_locks_out() {
    walk(&["sign_in", "limits", "store"]).await;
}

const PLAIN: Set = &[("SITE_URL", "http://app.example.com"), ("SITE_INSECURE", "true"), ("SESSION_NAME", "sess")];
const SECURE: Set = &[("SITE_URL", "https://app.example.com"), ("SESSION_NAME", "sess")];

#[tokio::test(flavor = "multi_thread")]
async fn g15_a_start_is_refused_after_which_browsers_would_take_no_session_cookie() {
    let before = Before::begin(SECURE, None).await;
    let sentence = before.place.refusal(PLAIN).await;
    assert!(sentence.starts_with("session.name: ") && sentence.contains("`sess`"), "{sentence}");
    let renamed: Set = &[("SITE_URL", "http://app.example.com"), ("SITE_INSECURE", "true"), ("SESSION_NAME", "other")];
    let [mut visitor, _] = before.visitors;
    let site = Site::open(&before.place, renamed, None).await;
    assert_eq!(visitor.enters(&site).await, Ok(Fate::Leave), "the advice in the error works");
    site.close().await;
    // Browsers still hold the cookie of the first start.
    assert_eq!(before.place.refusal(PLAIN).await, sentence);
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_a_start_that_goes_back_to_plain_http_is_refused_as_well() {
    let before = Before::begin(PLAIN, None).await;
    Site::open(&before.place, SECURE, None).await.close().await;
    let sentence = before.place.refusal(PLAIN).await;
    assert!(sentence.starts_with("session.name: "), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_the_start_says_that_accounts_are_not_where_their_sessions_are() {
    let before = Before::begin(&[], None).await;
    let [mut visitor, _] = before.visitors;
    let moved: Set = &[("ACCOUNTS_DATABASE", "sqlite:{folder}/elsewhere.db")];
    let site = Site::open(&before.place, moved, None).await;
    assert_eq!(site.said, ["accounts.database"]);
    assert_eq!(visitor.comes(&site).await, Ok(false));
    site.close().await;
    let site = Site::open(&before.place, &[], None).await;
    assert_eq!(
        (site.said.as_slice(), visitor.comes(&site).await),
        (&[][..], Ok(true)),
        "with the provider named again, the account works as before"
    );
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_the_start_says_which_accounts_a_removed_provider_leaves_without_a_way_in() {
    let before = Before::begin(PROVIDERS, None).await;
    before.place.execute(
        "INSERT INTO identity (issuer, subject, account, made) SELECT 'https://one.example.com', 'ada', id, 0 FROM account",
    )
    .await;
    for (password, set, said) in [
        ("password", PROVIDERS, &[][..]),
        ("password", &[], &[]),
        ("NULL", PROVIDERS, &[]),
        ("NULL", &[], &["sign_in.providers"]),
    ] {
        let sql = if password == "NULL" {
            "UPDATE account SET password = NULL"
        } else {
            "UPDATE account SET password = password"
        };
        before.place.execute(sql).await;
        let site = Site::open(&before.place, set, None).await;
        assert_eq!(site.said, said, "with {set:?}");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_the_log_says_what_a_change_means() {
    let place = crate::support::process::Place::new();
    assert!(!place.serve(&[]).await.stop().await.iter().any(|line| line.contains("sign in again")));
    let lines = place.serve(&[("SESSION_NAME", "other")]).await.stop().await;
    let said: Vec<_> = lines.iter().filter(|line| line.contains("session.name: ")).collect();
    assert!(matches!(&said[..], [line] if line.contains("WARN") && line.contains("sign in again, once")), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_any_row_of_changes_leaves_visitors_with_one_cookie_at_their_next_sign_in() {
    let mut chance = Chance::new("changes of the cookie");
    let Before { mut place, visitors: [ordinary, kept] } = Before::begin(VARIANTS[0], None).await;
    // Two visitors of each kind, because a rare visitor holds cookies of settings that were replaced long ago.
    let mut visitors = [ordinary.clone(), kept.clone(), ordinary, kept];
    for step in 0..14 {
        let set = *chance.of(&VARIANTS);
        place.advance(Duration::from_secs(90));
        let site = Site::open(&place, set, None).await;
        for (number, visitor) in visitors.iter_mut().enumerate() {
            if chance.below(2 + number) > 0 && step < 13 {
                continue;
            }
            let met = visitor.enters(&site).await;
            assert!(met.is_ok(), "step {step}, visitor {number} with {set:?}: {met:?}");
            if chance.below(3) == 0 {
                assert_eq!(visitor.sign_out(&site).await.0, 200, "step {step}, visitor {number}");
                assert_eq!(visitor.enters(&site).await, Ok(Fate::Leave), "step {step}, visitor {number} with {set:?}");
            }
        }
        site.close().await;
    }
}

#[test]
fn g15_settings_that_leave_no_room_to_sign_in_are_refused_with_a_sentence() {
    for (key, (variable, value)) in NO_ROOM {
        let set = [(format!("HARDTACK_{variable}"), value.to_owned())];
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Leptos.toml");
        std::fs::write(&file, "").expect("an empty file of settings");
        let sentence = Settings::load(Some(&file), set).expect_err(key).to_string();
        let begins = format!("`{key}` is less than ");
        assert!(sentence.starts_with(&begins) && sentence.contains("; write "), "{sentence}");
    }
}

#[test]
fn g15_a_kept_id_token_needs_room_in_the_session() {
    let load = |max_data: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Leptos.toml");
        let provider = r#"{ id = "okta", name = "Okta", issuer = "https://a.example", client_id = "us",
            client_secret = "env:OKTA_SECRET", sign_out = "id_token_hint" }"#
            .replace('\n', " ");
        std::fs::write(&file, format!("[session]\nmax_data = \"{max_data}\"\n[sign_in]\nproviders = [{provider}]\n"))
            .expect("a file of settings");
        Settings::load(Some(&file), [("OKTA_SECRET".to_owned(), "secret".to_owned())]).map(drop)
    };
    let sentence = load("8191").expect_err("no room").to_string();
    assert!(sentence.starts_with("`session.max_data` is less than `8 KiB`"), "{sentence}");
    assert!(sentence.contains("`8 KiB` or more"), "{sentence}");
    load("8 KiB").expect("room");
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_a_longer_minimum_of_passwords_locks_no_account_out() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let ada = Person::at(&server.url(""), "ada@example.com").registered().await;
    server.stop().await;
    let server = place.serve(&[("SIGN_IN_PASSWORD_MIN", "64")]).await;
    assert_eq!(ada.moved(&server).elsewhere().login(PASSWORD).await.status, 200);
}
