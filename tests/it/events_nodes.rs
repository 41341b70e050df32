//! `/api/events` with several server processes on one store: events reach the streams of all nodes.

use crate::support::people::{PASSWORD, Person};
use crate::support::process::{PATIENCE, Place, Running};
use crate::support::servers::{Program, Server};
use crate::support::stream::{Stream, TOLD};
use crate::support::wire::Wire;
use crate::support::{Kind, SHARED, open};
use serde_json::json;
use sqlx::Connection as _;
use std::time::Instant;

fn at(server: &Running, username: &str) -> Person {
    Person::at(&server.url(""), username)
}

/// Returns the first event of a stream after an action, and checks the time that it takes.
async fn told(kind: Kind, what: &str, watching: &Person, act: impl Future<Output = ()>) -> String {
    let mut stream = Stream::of(watching).await;
    act.await;
    let done = Instant::now();
    let event = stream.name().await;
    assert!(done.elapsed() < TOLD, "{what} on {kind:?}: {:?}", done.elapsed());
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_what_ends_on_one_node_is_told_on_the_others() {
    for kind in SHARED {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let [here, there] = [place.serve(&[]).await, place.serve(&[]).await];
        let desk = at(&here, "ada@example.com").registered().await;
        let phone = at(&there, "ada@example.com");
        assert_eq!(phone.login(PASSWORD).await.status, 200);
        let away = phone.moved(&here);
        let out = async { assert_eq!(away.logout().await.status, 200) };
        assert_eq!(told(kind, "a sign-out", &phone, out).await, "ended", "on {kind:?}");

        assert_eq!(phone.login(PASSWORD).await.status, 200);
        let revoke = async {
            assert_eq!(desk.post("/api/devices/end-others", json!({})).await.status, 200);
        };
        assert_eq!(told(kind, "a revocation", &phone, revoke).await, "ended", "on {kind:?}");

        assert_eq!(phone.login(PASSWORD).await.status, 200);
        let away = phone.moved(&here);
        let enter = async { assert_eq!(away.login(PASSWORD).await.status, 200) };
        assert_eq!(told(kind, "a sign-in", &phone, enter).await, "changed", "on {kind:?}");

        let close = async {
            let closed = place.run(&["accounts", "close", "ada@example.com"], &[]);
            assert!(closed.status.success(), "{closed:?}");
        };
        assert_eq!(told(kind, "a closed account", &phone, close).await, "ended", "on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_g8_with_the_store_cut_off_streams_wait_and_learn_of_it_afterwards() {
    for program in [Program::Postgres, Program::Redis].into_iter().filter(|program| program.is_here()) {
        let server = match program {
            Program::Postgres => Server::postgres(&[]).await,
            Program::Redis => Server::redis(&[]).await,
        };
        let database = if program == Program::Postgres { "postgres" } else { "0" };
        let wire = Wire::before(server.port).await;
        // The accounts have a file of their own, so that they stay available.
        let place = Place::on(&server.url(database));
        let through = server.url_through(wire.port, database);
        let accounts = format!("sqlite:{}", place.path().join("accounts.db").display());
        let accounts = ("ACCOUNTS_DATABASE", accounts.as_str());
        let far = place.serve(&[("STORE_URL", through.as_str()), accounts, ("STORE_TIMEOUT", "800ms")]).await;
        let near = place.serve(&[accounts]).await;
        let (ada, bob) =
            (at(&near, "ada@example.com").registered().await, at(&near, "bob@example.com").registered().await);
        let (mut adas, mut bobs) = (Stream::of(&ada.moved(&far)).await, Stream::of(&bob.moved(&far)).await);
        wire.cut();
        assert_eq!(ada.logout().await.status, 200);
        assert_eq!(bob.moved(&far).profile().await.status, 503, "the store is away, on {program:?}");
        wire.mend();
        assert_eq!(adas.name().await, "ended", "reported after the connection is back, on {program:?}");
        bob.logout().await;
        assert_eq!(bobs.name().await, "ended", "the first event of bob, on {program:?}");
        assert!(!ada.moved(&far).is_signed_in().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_lost_is_opened_again() {
    if !Kind::Postgres.is_here() {
        return;
    }
    let own = open(Kind::Postgres).await;
    let place = Place::on(&own.url);
    let [here, there] = [place.serve(&[]).await, place.serve(&[]).await];
    let ada = at(&here, "ada@example.com").registered().await;
    let mut told = Stream::of(&ada.moved(&there)).await;
    let mut connection = sqlx::postgres::PgConnection::connect(&own.url).await.expect("a connection");
    // Only in this database, because other tests listen in theirs.
    let listens = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    let deadline = Instant::now() + PATIENCE;
    let mut cut = 0;
    while cut == 0 {
        assert!(Instant::now() < deadline, "no connection listens");
        cut = sqlx::query_scalar(listens).fetch_one(&mut connection).await.expect("a count");
    }
    assert_eq!(cut, 1_i64, "one listener for all streams of a process, and none without streams");
    ada.logout().await;
    let begun = Instant::now();
    assert_eq!(told.name().await, "ended");
    assert!(begun.elapsed() < TOLD, "{:?}", begun.elapsed());
    there.said.wait_for("noticed late for now").await;
}
