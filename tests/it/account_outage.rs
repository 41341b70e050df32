//! Outages: they use up no attempt of an account, and no response claims a result that the server does not know.

use crate::support::app::App;
use crate::support::issuer::{Stage, leads};
use crate::support::people::{PASSWORD, Person, Told};
use crate::support::process::{Place, insist};
use crate::support::servers::{Program, Server};
use crate::support::wire::Wire;
use crate::support::{Kind, open};
use serde_json::json;
use sqlx::Connection as _;

/// Makes writes of sessions fail, and not reads, until [`mended`] is called.
async fn broken(app: &App) {
    app.execute("CREATE TRIGGER no_new BEFORE INSERT ON session BEGIN SELECT RAISE(ABORT, 'broken'); END").await;
    app.execute("CREATE TRIGGER no_change BEFORE UPDATE ON session BEGIN SELECT RAISE(ABORT, 'broken'); END").await;
}

async fn mended(app: &App) {
    app.execute("DROP TRIGGER no_new").await;
    app.execute("DROP TRIGGER no_change").await;
}

fn is_unavailable(told: &Told) {
    assert_eq!((told.status, told.kind(), told.retry_after.as_deref()), (503, "unavailable", Some("1")), "{told:?}");
    assert!(!told.body["message"].as_str().expect("text").contains("Nothing is lost"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_s66_a_store_that_fails_uses_up_neither_attempts_nor_successes() {
    let settings = [
        ("LIMITS_SIGN_IN_SUCCESSES", "3"),
        ("LIMITS_SIGN_IN_NETWORK_SUCCESSES", "4"),
        ("LIMITS_SIGN_IN_ATTEMPTS", "3"),
        ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "3"),
    ];
    let stage = Stage::set_with(&settings).await;
    let ada = stage.person("ada").registered().await;
    let password = json!({"current": PASSWORD, "new": "un autre sel 8"});
    broken(&stage.app).await;
    for _ in 0..5 {
        is_unavailable(&ada.elsewhere().login(PASSWORD).await);
        is_unavailable(&ada.post("/api/confirm", json!({"current": PASSWORD})).await);
        is_unavailable(&ada.post("/api/password", password.clone()).await);
        let answer = ada.elsewhere().sign_in_at(&stage.a, "eve").await;
        assert_eq!(answer.status(), 503, "by a provider");
    }
    mended(&stage.app).await;
    assert_eq!(leads(&ada.elsewhere().sign_in_at(&stage.a, "eve").await), "/profile");
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 200);
    assert_eq!(ada.post("/api/confirm", json!({"current": PASSWORD})).await.status, 200);
    assert_eq!(ada.post("/api/password", password).await.status, 200);
    assert_eq!(ada.elsewhere().login("un autre sel 8").await.status, 429, "successes are counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_s65_a_registration_that_fails_here_is_not_counted_and_one_that_made_an_account_is() {
    let app = App::start_with(&[("LIMITS_REGISTER_NETWORK_ATTEMPTS", "3")]).await;
    let person = |name: &str| Person::at(&app.url(""), &format!("{name}@example.com"));
    app.execute("CREATE TRIGGER none BEFORE INSERT ON account BEGIN SELECT RAISE(ABORT, 'broken'); END").await;
    for _ in 0..4 {
        let told = person("ada").register().await;
        is_unavailable(&told);
        assert!(told.body["message"].as_str().expect("text").starts_with("It is not known whether your account"));
    }
    app.execute("DROP TRIGGER none").await;
    broken(&app).await;
    let told = person("ada").register().await;
    is_unavailable(&told);
    assert!(told.body["message"].as_str().expect("text").starts_with("Your account has been created"), "{told:?}");
    mended(&app).await;
    assert_eq!(person("ada").login(PASSWORD).await.status, 200);
    for name in ["bob", "carol"] {
        assert_eq!(person(name).register().await.status, 200);
    }
    assert_eq!(person("dave").register().await.status, 429);
}

/// The statements wait for a lock that the test holds, so that they complete after the server has given up.
#[tokio::test(flavor = "multi_thread")]
async fn g8_s69_after_a_step_that_was_not_acknowledged_the_answer_says_that_it_is_not_known() {
    if !Kind::Postgres.is_here() {
        return;
    }
    let own = open(Kind::Postgres).await;
    let place = Place::on(&own.url);
    // The first server has the default timeout, so that the setup also works on a busy machine.
    let (patient, server) = (place.serve(&[]).await, place.serve(&[("STORE_TIMEOUT", "3s")]).await);
    let person = |name: &str| Person::at(&patient.url(""), &format!("{name}@example.com"));
    let (ada, carol) = (person("ada").registered().await, person("carol").registered().await);
    let dave = person("dave").registered().await;
    let mut operator = sqlx::PgConnection::connect(&own.url).await.expect("a connection");
    for sql in [
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END $$",
        "CREATE TRIGGER held AFTER INSERT OR UPDATE ON hardtack.account FOR EACH ROW EXECUTE FUNCTION hold()",
        "CREATE TRIGGER held AFTER DELETE ON hardtack.session FOR EACH ROW EXECUTE FUNCTION hold()",
        "SELECT pg_advisory_lock(7)",
    ] {
        sqlx::query(sql).execute(&mut operator).await.expect("done");
    }
    let here = |person: &Person| person.moved(&server);
    let (ada, bob, carol) = (here(&ada), here(&person("bob")), here(&carol));
    let page = dave.browser.post(server.url("/api/logout")).header("accept", "text/html").send();
    let change = json!({"current": PASSWORD, "new": "un autre sel 8"});
    let (changed, made, ended, page) =
        tokio::join!(ada.post("/api/password", change), bob.register(), carol.logout(), page);
    for (told, what) in [(changed, "your password"), (made, "your account"), (ended, "you are signed out")] {
        is_unavailable(&told);
        let message = told.body["message"].as_str().expect("text");
        assert!(message.starts_with(&format!("It is not known whether {what}")), "{message}");
    }
    let page = page.expect("an answer");
    assert_eq!((page.status().as_u16(), page.headers()["retry-after"].as_bytes()), (503, b"1".as_slice()));
    let page = page.text().await.expect("a page");
    assert!(page.contains("<h1") && page.contains("It is not known whether you are signed out"), "{page}");
    sqlx::query("SELECT pg_advisory_unlock(7)").execute(&mut operator).await.expect("done");
    // All three changes were completed.
    let done = async || {
        let new = ada.elsewhere().login("un autre sel 8").await.status;
        let made = bob.elsewhere().login(PASSWORD).await.status;
        let out = [carol.is_signed_in().await, here(&dave).is_signed_in().await];
        if (new, made, out) == (200, 200, [false, false]) { Ok(()) } else { Err(format!("{new} {made} {out:?}")) }
    };
    insist(done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_server_whose_accounts_cannot_be_reached_is_not_ready_and_says_why() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = Server::postgres(&[]).await;
    let wire = Wire::before(database.port).await;
    let accounts = database.url_through(wire.port, "postgres");
    let app = App::start_with(&[("ACCOUNTS_DATABASE", accounts.as_str())]).await;
    let ready = async || {
        let answer = app.get("/readyz").send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let becomes = async |status: u16| {
        insist(async || {
            let (now, text) = ready().await;
            if now == status { Ok(text) } else { Err(format!("{now} {text}")) }
        })
        .await
    };
    becomes(200).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    wire.cut();
    assert_eq!(becomes(503).await, "{\"status\":\"the database of the accounts cannot be used\"}");
    wire.mend();
    becomes(200).await;
    database.stop().await;
    becomes(503).await;
    let told = ada.profile().await;
    assert_eq!((told.status, told.kind()), (503, "unavailable"), "it is not known that the visitor is signed out");
    database.start().await;
    becomes(200).await;
    assert_eq!(ada.profile().await.status, 200);
}
