//! Sign-in with an OpenID provider on several servers that share a database.

use crate::support::app::browser;
use crate::support::issuer::{Issuer, callback, leads};
use crate::support::people::{PASSWORD, Person};
use crate::support::process::{Place, Running};
use crate::support::{Kind, OwnStore, SHARED, open};
use futures::future::join;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};
use std::os::unix::fs::PermissionsExt as _;

/// Returns a folder whose servers know the client secret of the provider.
fn place(own: &OwnStore) -> Place {
    let place = Place::on(&own.url);
    let secret = place.path().join("a.secret");
    std::fs::write(&secret, "hardtack").expect("a secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("a private file");
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn s76_a_sign_in_is_finished_once_on_whatever_node() {
    let issuer = Issuer::start().await;
    let providers = format!("[{}]", issuer.setting("a").replace("env:CARGO_PKG_NAME", "./a.secret"));
    for kind in SHARED {
        let own = open(kind).await;
        let place = place(&own);
        let settings = [("SIGN_IN_PROVIDERS", providers.as_str())];
        let servers = [place.serve(&settings).await, place.serve(&settings).await];
        let ada = Person::at(&servers[0].url(""), "ada@example.com");
        let (way, cookie) = ada.leave_remembered(&[("provider", "a")]).await;
        let arrive = |server: &Running| {
            let code = issuer.good(&way, "ada");
            let url = callback(server.url("").trim_end_matches('/'), "a", &[("state", &way.state), ("code", &code)]);
            let request = browser().get(url).header("cookie", cookie.clone());
            async move { request.header("accept", "text/html").send().await.expect("an answer") }
        };
        let both = join(arrive(&servers[0]), arrive(&servers[1])).await;
        let mut statuses = [both.0.status().as_u16(), both.1.status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 400], "{kind:?}");
        // The account is the same on each node, which can connect a provider, disconnect it and set a password.
        for server in &servers {
            let ada = Person::at(&server.url(""), "ada@example.com");
            assert_eq!(leads(&ada.sign_in_at(&issuer, "ada").await), "/profile");
            let told = ada.profile().await.body;
            assert_eq!(told["profile"]["providers"], json!(["a"]), "{kind:?}");
        }
        let grace = Person::at(&servers[0].url(""), "grace@example.com").registered().await;
        let way = grace.leave(&[("provider", "a"), ("purpose", "connect")]).await;
        let code = issuer.good(&way, "grace");
        let there = grace.moved(&servers[1]);
        assert_eq!(leads(&there.arrive("a", &[("state", &way.state), ("code", &code)]).await), "/security");
        let told = grace.post("/api/disconnect", json!({"provider": "a"})).await;
        assert_eq!(told.body["profile"]["providers"], json!([]), "{kind:?}: {told:?}");
        assert_eq!(there.elsewhere().login(PASSWORD).await.status, 200);
    }
}

/// Runs statements on the database directly, and returns the number that a query selects.
async fn database(own: &OwnStore, statements: &[&str], number: &str) -> i64 {
    // SQLite has no schemas.
    let spelt = |text: &str, schema: &str| AssertSqlSafe(text.replace("hardtack.", schema));
    if let Some(path) = own.url.strip_prefix("sqlite:") {
        let mut database = SqliteConnection::connect(&format!("sqlite:{path}")).await.expect("the database");
        for statement in statements {
            sqlx::raw_sql(spelt(statement, "")).execute(&mut database).await.expect(statement);
        }
        sqlx::query(spelt(number, "")).fetch_one(&mut database).await.expect(number).get(0)
    } else {
        let mut database = PgConnection::connect(&own.url).await.expect("the database");
        for statement in statements {
            sqlx::raw_sql(spelt(statement, "hardtack.")).execute(&mut database).await.expect(statement);
        }
        sqlx::query(spelt(number, "hardtack.")).fetch_one(&mut database).await.expect(number).get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s78_of_two_identities_of_one_provider_that_are_connected_at_once_an_account_gets_one() {
    let issuer = Issuer::start().await;
    let providers = format!("[{}]", issuer.setting("a").replace("env:CARGO_PKG_NAME", "./a.secret"));
    for kind in [Kind::Sqlite, Kind::Postgres].into_iter().filter(|kind| kind.is_here()) {
        let own = open(kind).await;
        let place = place(&own);
        let settings = [("SIGN_IN_PROVIDERS", providers.as_str()), ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1000")];
        let server = place.serve(&settings).await;
        let grace = Person::at(&server.url(""), "grace@example.com").registered().await;
        let there = grace.elsewhere();
        assert_eq!(there.login(PASSWORD).await.status, 200);
        for round in 0..25 {
            let connect = async |person: &Person, subject: String| {
                let way = person.leave(&[("provider", "a"), ("purpose", "connect")]).await;
                let code = issuer.good(&way, &subject);
                leads(&person.arrive("a", &[("state", &way.state), ("code", &code)]).await)
            };
            let both = join(connect(&grace, format!("s{round}")), connect(&there, format!("t{round}"))).await;
            let mut both = [both.0, both.1];
            both.sort_unstable();
            assert_eq!(both, ["/security", "/security?error=identity_taken"], "{kind:?} {round}");
            let identities = "SELECT count(*) FROM hardtack.identity";
            assert_eq!(database(&own, &[], identities).await, 1, "{kind:?} {round}");
            database(&own, &["DELETE FROM hardtack.identity"], identities).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s97_a_database_in_which_an_account_has_two_identities_of_a_provider_is_brought_up_to_date() {
    for kind in [Kind::Sqlite, Kind::Postgres].into_iter().filter(|kind| kind.is_here()) {
        let own = open(kind).await;
        let place = place(&own);
        place.serve(&[]).await.stop().await;
        let done = if kind == Kind::Sqlite { "_account_migrations" } else { "hardtack.account_migration" };
        let back = format!("DELETE FROM {done} WHERE version = 3");
        let identity = |subject: &str, account: &str, made: i64| {
            let issuer = if subject == "elsewhere" { "https://b.example" } else { "https://a.example" };
            format!(
                "INSERT INTO hardtack.identity (issuer, subject, account, made) \
                 VALUES ('{issuer}', '{subject}', '{account}', {made})"
            )
        };
        let before = [
            "DROP INDEX hardtack.identity_by_account_and_issuer".to_owned(),
            "CREATE INDEX identity_by_account ON hardtack.identity (account)".to_owned(),
            back,
            identity("second", "ada", 2),
            identity("first", "ada", 1),
            identity("third", "ada", 2),
            identity("elsewhere", "ada", 3),
            identity("grace", "grace", 4),
        ];
        let before: Vec<_> = before.iter().map(String::as_str).collect();
        assert_eq!(database(&own, &before, "SELECT count(*) FROM hardtack.identity").await, 5);
        place.serve(&[]).await.stop().await;
        for (which, count) in [("1 = 1", 3), ("subject IN ('first', 'elsewhere', 'grace')", 3)] {
            let number = format!("SELECT count(*) FROM hardtack.identity WHERE {which}");
            assert_eq!(database(&own, &[], &number).await, count, "{kind:?} {which}");
        }
    }
}
