//! Accounts on SQLite and PostgreSQL with several server processes on one database, and outages of that database.

use crate::support::app::browser;
use crate::support::people::{PASSWORD, Person};
use crate::support::process::{PATIENCE, Place, Running};
use crate::support::servers::{Program, Server};
use crate::support::{Kind, SHARED, open};
use futures::future::join_all;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Barrier;

fn at(server: &Running, username: &str) -> Person {
    Person::at(&server.url(""), username)
}

#[tokio::test(flavor = "multi_thread")]
async fn s71_of_many_who_register_one_name_at_once_one_gets_it() {
    for kind in SHARED {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let settings = [("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1000"), ("LIMITS_SIGN_IN_ATTEMPTS", "1000")];
        let servers = [place.serve(&settings).await, place.serve(&settings).await];
        let barrier = Arc::new(Barrier::new(12));
        // Each browser has its own password, because the same password would sign it in instead.
        let password = |n: usize| format!("a password of browser {n}, and of no other");
        let many = (0..12).map(|n| {
            let username = if n % 4 < 2 { "ada@example.com" } else { "ADA@EXAMPLE.COM" };
            let person = at(&servers[n % 2], username);
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                let register = json!({"name": "Ada", "username": person.username, "password": password(n)});
                person.post("/api/register", register).await
            })
        });
        let told: Vec<_> = join_all(many).await.into_iter().map(|told| told.expect("no panic")).collect();
        let got: Vec<_> = (0..told.len()).filter(|n| told[*n].status == 200).collect();
        assert_eq!(got.len(), 1, "{told:?} on {kind:?}");
        assert!(told.iter().filter(|told| told.status != 200).all(|told| told.kind() == "username_taken"), "{told:?}");
        let listed = place.run(&["accounts", "list", "--json"], &[]).stdout;
        let listed: serde_json::Value = serde_json::from_slice(&listed).expect("JSON");
        assert_eq!(listed["accounts"].as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!(at(&servers[1], "ada@example.com").login(&password(got[0])).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s33_a_closed_account_is_signed_out_everywhere_at_once_and_stays_out() {
    for kind in SHARED {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let servers = [place.serve(&[]).await, place.serve(&[]).await];
        let desk = at(&servers[0], "ada@example.com").registered().await;
        let phone = at(&servers[1], "ada@example.com");
        assert_eq!(phone.login(PASSWORD).await.status, 200, "on {kind:?}");
        let bob = at(&servers[0], "bob@example.com").registered().await;
        assert!(desk.moved(&servers[1]).is_signed_in().await, "both nodes know the session");

        let closed = place.run(&["accounts", "close", "ADA@example.com"], &[]);
        assert_eq!(String::from_utf8_lossy(&closed.stdout), "Closed ADA@example.com and ended 2 sessions.\n");
        for person in [&desk, &desk.moved(&servers[1]), &phone, &phone.moved(&servers[0])] {
            assert!(!person.is_signed_in().await, "on {kind:?}");
        }
        assert!(bob.is_signed_in().await);
        assert_eq!(phone.login(PASSWORD).await.kind(), "bad_credentials");
        assert_eq!(phone.register().await.kind(), "username_taken");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_s32_no_sign_in_with_the_old_password_outlives_its_change() {
    for kind in [Kind::Sqlite, Kind::Postgres].into_iter().filter(|kind| kind.is_here()) {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let settings = [("LIMITS_SIGN_IN_ATTEMPTS", "1000"), ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1000")];
        let servers = [place.serve(&settings).await, place.serve(&settings).await];
        let owner = at(&servers[0], "ada@example.com").registered().await;
        let (mut old, mut new) = (PASSWORD.to_owned(), String::new());
        let mut entered = 0;
        for round in 0..5 {
            new = format!("un autre sel {round}");
            let barrier = Arc::new(Barrier::new(9));
            let thieves: Vec<_> = (0..8)
                .map(|n| {
                    let (thief, barrier, old) =
                        (at(&servers[n % 2], "ada@example.com"), Arc::clone(&barrier), old.clone());
                    tokio::spawn(async move {
                        barrier.wait().await;
                        let status = thief.login(&old).await.status;
                        (thief, status)
                    })
                })
                .collect();
            barrier.wait().await;
            let told = owner.post("/api/password", json!({"current": old, "new": new})).await;
            assert_eq!(told.status, 200, "{told:?} on {kind:?}");
            for thief in thieves {
                let (thief, status) = thief.await.expect("no panic");
                entered += u32::from(status == 200);
                assert!(!thief.is_signed_in().await, "round {round} on {kind:?}, answered {status}");
            }
            old.clone_from(&new);
        }
        assert!(owner.is_signed_in().await);
        assert_eq!(at(&servers[1], "ada@example.com").login(&new).await.status, 200, "{entered} had signed in before");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s65_attempts_are_counted_together_and_survive_a_restart() {
    for kind in [Kind::Sqlite, Kind::Postgres].into_iter().filter(|kind| kind.is_here()) {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let servers = [place.serve(&[]).await, place.serve(&[]).await];
        for n in 0..10 {
            assert_eq!(at(&servers[n % 2], "ada@example.com").login("a guess").await.status, 401, "{n} on {kind:?}");
        }
        for server in &servers {
            assert_eq!(at(server, "ada@example.com").login("a guess").await.status, 429, "on {kind:?}");
        }
        for server in servers {
            server.stop().await;
        }
        let again = place.serve(&[]).await;
        assert_eq!(at(&again, "ada@example.com").login("a guess").await.status, 429, "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_s115_while_the_database_is_away_nobody_is_told_that_a_password_is_wrong() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = Server::postgres(&[]).await;
    let place = Place::on(&database.url("postgres"));
    let (patient, server) = (place.serve(&[]).await, place.serve(&[("STORE_TIMEOUT", "2s")]).await);
    let ada = at(&patient, "ada@example.com").registered().await.moved(&server);
    for frozen in [false, true] {
        if frozen {
            database.freeze().await;
        } else {
            database.stop().await;
        }
        let begun = Instant::now();
        for told in [ada.elsewhere().login(PASSWORD).await, ada.elsewhere().login("a guess").await, ada.profile().await]
        {
            assert_eq!((told.status, told.kind(), &told.cookies), (503, "unavailable", &vec![]), "frozen: {frozen}");
            assert_eq!(told.retry_after.as_deref(), Some("1"));
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        let page = browser().get(server.url("/healthz")).send().await.expect("an answer");
        assert_eq!(page.status(), 200);
        if frozen {
            database.thaw().await;
        } else {
            database.start().await;
        }
        let deadline = Instant::now() + PATIENCE;
        let (mut known, mut let_in) = (ada.profile().await, ada.elsewhere().login(PASSWORD).await);
        while known.status == 503 || let_in.status == 503 {
            assert!(Instant::now() < deadline, "the server does not recover; frozen: {frozen}");
            (known, let_in) = (ada.profile().await, ada.elsewhere().login(PASSWORD).await);
        }
        assert_eq!((known.status, let_in.status), (200, 200), "the session is still signed in; frozen: {frozen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s63_other_requests_are_served_while_passwords_are_hashed_and_too_many_are_sent_away() {
    let place = Place::new();
    let limits = [("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "10000")];
    let server = place.serve(&limits).await;
    let nobody = at(&server, "nobody@example.com");
    let barrier = Arc::new(Barrier::new(500));
    let flood = (0..500).map(|n| {
        let person = Person { username: format!("p{n}@example.com"), ..nobody.clone() };
        let barrier = Arc::clone(&barrier);
        tokio::spawn(async move {
            barrier.wait().await;
            person.login("a guess").await
        })
    });
    let before = server.most_memory();
    let flood = tokio::spawn(join_all(flood));
    let mut answered = 0;
    while !flood.is_finished() {
        assert_eq!(browser().get(server.url("/healthz")).send().await.expect("an answer").status(), 200);
        answered += 1;
    }
    assert!(answered > 0, "no other request was answered meanwhile");
    let told: Vec<_> = flood.await.expect("no panic").into_iter().map(|told| told.expect("no panic")).collect();
    let of = |status: u16| told.iter().filter(|told| told.status == status).count();
    assert_eq!(of(401) + of(503), 500, "{:?}", told.iter().find(|told| !matches!(told.status, 401 | 503)));
    assert!(of(401) > 0 && told.iter().filter(|told| told.status == 503).all(|told| told.kind() == "busy"));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // For each processor, one password is hashed and sixteen wait.
    if processors * 17 < 250 {
        assert!(of(503) > 0, "no request was refused as busy, {} were checked", of(401));
    }
    // Hashing a password takes 19 MiB. As many are hashed at once as there are processors, and glibc may keep that much
    // memory in each of its eight arenas per processor. Hashing all at once would take 9 GiB.
    if let (Some(before), Some(after)) = (before, server.most_memory()) {
        let room = 1024 + 8 * 20 * processors as u64;
        assert!(after <= before + room, "{before} MiB before, {after} MiB after, allowed growth {room} MiB");
    }
}
