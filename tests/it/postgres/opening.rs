//! Opening the PostgreSQL store: URLs, schemas, certificates, and the errors.

use super::{NOW, begin, number, open, sql};
use crate::support::authority::authority;
use crate::support::servers::{self, Program, Server, free_port};
use crate::support::{self, process};
use futures::future::join_all;
use hardtack_session::store::postgres::{PostgresStore, transport};
use hardtack_session::store::{Applied, Loaded, OpenError, Schema, Store, Transport};
use rcgen::{CertificateParams, KeyPair};
use sqlx::{Connection as _, PgConnection};
use std::time::Instant;

async fn refused(url: &str, schema: Schema) -> OpenError {
    PostgresStore::open(url, 1, support::PATIENCE, schema).await.expect_err("refused")
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_start_at_once_on_an_empty_database() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let stores = join_all((0..8).map(|_| open(&database.url, 1))).await;
    assert_eq!(number(&database.url, "SELECT count(*) FROM hardtack.migration").await, 2, "one node has migrated");
    let (id, record) = begin(&stores[0]).await;
    for store in &stores {
        assert_eq!(store.load(&id, NOW).await.expect("an answer"), Loaded::Live(id, record.clone().into()));
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    open(&database.url, 1).await;
    sql(&database.url, "INSERT INTO hardtack.migration VALUES (999, 'from the future', '')").await;
    for schema in [Schema::Check, Schema::Migrate] {
        let error = refused(&database.url, schema).await;
        assert!(matches!(error, OpenError::Newer { schema: 999, .. }), "{error}");
    }
}

#[tokio::test]
async fn a_schema_that_was_made_otherwise_is_refused() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    open(&database.url, 1).await;
    sql(&database.url, "UPDATE hardtack.migration SET checksum = 'another'").await;
    let error = refused(&database.url, Schema::Migrate).await;
    assert!(matches!(error, OpenError::Unfit { .. }), "{error}");
}

#[tokio::test]
async fn a_check_refuses_an_empty_database_and_writes_nothing() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let error = refused(&database.url, Schema::Check).await;
    assert!(matches!(error, OpenError::Older { .. }), "{error}");
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'hardtack'";
    assert_eq!(number(&database.url, made).await, 0, "no table was created");
    open(&database.url, 1).await;
    PostgresStore::open(&database.url, 1, support::PATIENCE, Schema::Check).await.expect("a migrated schema passes");
}

#[tokio::test]
async fn a_role_needs_no_right_to_make_anything() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let name = database.url.rsplit('/').next().expect("a name");
    let role = format!("app_{name}");
    sql(&database.url, format!("CREATE ROLE {role} LOGIN")).await;
    let url = database.url.replace("hardtack@", &format!("{role}@"));
    let error = refused(&url, Schema::Migrate).await;
    assert!(matches!(&error, OpenError::Unfit { reason, .. } if reason.contains("permission denied")), "{error}");
    open(&database.url, 1).await;
    let rights = format!(
        "GRANT USAGE ON SCHEMA hardtack TO {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA hardtack TO {role}"
    );
    sql(&database.url, rights).await;
    let store = open(&url, 1).await;
    begin(&store).await;
    store.ping().await.expect("an answer");
    sql(&database.url, format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let name = format!("latin_{}", database.url.rsplit('/').next().expect("a name"));
    sql(&database.url, format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")).await;
    let (server, _) = database.url.rsplit_once('/').expect("a name");
    let error = refused(&format!("{server}/{name}"), Schema::Migrate).await;
    assert!(matches!(&error, OpenError::Unfit { reason, .. } if reason.contains("LATIN1, not UTF8")), "{error}");
    sql(&database.url, format!("DROP DATABASE {name}")).await;
}

#[tokio::test]
async fn s120_what_is_wrong_with_an_address_is_told_without_its_password() {
    let nobody = format!("postgres://me:hunter2@127.0.0.1:{}/sessions", free_port());
    for (url, said) in [
        (nobody.as_str(), "the PostgreSQL database sessions at 127.0.0.1 port"),
        ("postgres://me:hunter2@host/db?passwd=hunter2", "`passwd` is not known"),
        ("postgres://me:hunter2@host/db?sslmode=sure", "sslmode"),
        ("postgres://me:hunter2@host:port/db", "port"),
        ("postgres://me:hunter2@one:5432,two:5433/db", "it names several hosts"),
        ("postgres://me:hunter2@one,two/db", "the one that always leads to the primary"),
        ("postgres://me:hunter2@one/db?host=one,two", "it names several hosts"),
        ("postgres://me:hunter2@host/db?target_session_attrs=standby", "name the primary"),
        ("postgres://me:hunter2@host/db?gssencmode=require", "write `sslmode=verify-full`"),
        ("postgres://me:hunter2@host/db?channel_binding=require&sslmode=require", "write `sslmode=verify-full`"),
        ("postgres://me:hunter2@host/db?channel_binding=hunter2", "`channel_binding` must be `disable`"),
        ("postgres://me:hunter2@host/db?sslmode=verify-full&sslrootcert=/no/such", "the file /no/such"),
    ] {
        let error = refused(url, Schema::Migrate).await.to_string();
        assert!(error.replace("ssl_mode", "sslmode").contains(said), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn s87_only_a_verified_name_makes_a_way_safe() {
    for (url, expected) in [
        ("postgres://db.example.com/app?sslmode=verify-full", Transport::Verified),
        ("postgres://db.example.com/app?sslmode=verify-ca", Transport::Unverified),
        ("postgres://db.example.com/app?sslmode=require", Transport::Unverified),
        ("postgres://db.example.com/app?sslmode=disable", Transport::Unverified),
        ("postgres://localhost.example.com/app?sslmode=disable", Transport::Unverified),
        ("postgres://localhost/app?host=db.example.com&sslmode=disable", Transport::Unverified),
        ("postgres://localhost/app?sslmode=disable", Transport::Local),
        ("postgres://127.0.0.1:5433/app?sslmode=disable", Transport::Local),
        ("postgres://[::1]/app?sslmode=disable", Transport::Local),
        ("postgres://%2Frun%2Fpostgresql/app", Transport::Local),
        ("postgres:///app?host=/run/postgresql", Transport::Local),
    ] {
        assert_eq!(transport(url).expect("an address"), expected, "{url}");
    }
}

#[tokio::test]
async fn s87_a_certificate_of_another_authority_or_name_is_refused() {
    if !Program::Postgres.is_here() {
        return;
    }
    let ((right, right_file), (_, wrong_file)) = (authority(), authority());
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &right).expect("a certificate");
    let server = Server::postgres(&[]).await;
    // The server writes the files itself, so that they have its user as owner and pass its check of permissions.
    for (name, pem) in [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())] {
        let lines = format!("SELECT unnest(string_to_array('{}', E'\\n'))", pem.trim());
        server.execute(format!("COPY ({lines}) TO PROGRAM 'umask 077; cat > {name}'")).await;
    }
    server.execute("ALTER SYSTEM SET ssl = on".to_owned()).await;
    server.stop().await;
    server.start().await;
    let url = |host: &str, file: &tempfile::NamedTempFile| {
        let place = server.url("postgres").replace("127.0.0.1", host);
        format!("{place}?sslmode=verify-full&sslrootcert={}", file.path().display())
    };
    let store = open(&url("localhost", &right_file), 1).await;
    begin(&store).await;
    for url in [url("localhost", &wrong_file), url("127.0.0.1", &right_file)] {
        let error = refused(&url, Schema::Migrate).await;
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("invalid peer certificate"), "{error}");
        assert!(error.to_string().contains("`sslrootcert`"), "the error says what to do: {error}");
    }
}

#[tokio::test]
async fn g3_a_replica_is_not_asked() {
    if !Program::Postgres.is_here() {
        return;
    }
    let server = Server::postgres(&[]).await;
    let url = server.url("postgres");
    let store = open(&url, 1).await;
    let (id, _) = begin(&store).await;
    server.execute("COPY (SELECT '') TO PROGRAM 'cat > standby.signal'".to_owned()).await;
    server.stop().await;
    server.start().await;
    let mut replica = PgConnection::connect(&url).await.expect("a replica accepts reads");
    let session = sqlx::query("SELECT 1 FROM hardtack.session").fetch_all(&mut replica).await.expect("rows");
    assert_eq!(session.len(), 1, "the replica shows a session that may have ended");
    let deadline = Instant::now() + process::PATIENCE;
    loop {
        let error = store.load(&id, NOW).await.expect_err("a replica lags behind").to_string();
        if error.contains("the server is a replica") {
            break;
        }
        assert!(Instant::now() < deadline, "{error}");
    }
    assert!(refused(&url, Schema::Check).await.to_string().contains("the server is a replica"));
}

#[test]
fn addresses_made_for_other_clients_are_taken() {
    for parameters in [
        "sslmode=verify-full&channel_binding=require",
        "sslmode=verify-full&channel_binding=prefer&connect_timeout=10",
        "sslmode=verify-full&pgbouncer=true&connection_limit=1&pool_timeout=5&schema=public",
        "sslmode=verify-full&keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3",
        "sslmode=verify-full&target_session_attrs=read-write&application_name=me&fallback_application_name=other",
        "sslmode=verify-full&gssencmode=disable&sslsni=1&sslnegotiation=direct&tcp_user_timeout=1000",
        "sslmode=verify-full&load_balance_hosts=disable&client_encoding=UTF8&ssl_min_protocol_version=TLSv1.2",
    ] {
        let url = format!("postgres://me@db.example.com/app?{parameters}");
        assert_eq!(transport(&url).expect("an address"), Transport::Verified, "{url}");
    }
}

#[tokio::test]
async fn an_address_of_a_provider_works_as_it_is() {
    if !Program::Postgres.is_here() {
        return;
    }
    let database = servers::database().await;
    let parameters = "pgbouncer=true&connect_timeout=10&channel_binding=require&fallback_application_name=from+afar";
    let store = open(&format!("{}?{parameters}", database.url), 1).await;
    begin(&store).await;
    let last = "SELECT count(*) FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'from afar' AND query = 'COMMIT'";
    assert_eq!(number(&database.url, last).await, 1, "a statement is prepared and run in one transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_role_with_another_isolation_is_served_as_any() {
    if !Program::Postgres.is_here() {
        return;
    }
    for (level, parameters) in
        [("serializable", ""), ("repeatable read", ""), ("serializable", "?statement-cache-capacity=0")]
    {
        let database = servers::database().await;
        let name = database.url.rsplit('/').next().expect("a name");
        sql(&database.url, format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")).await;
        // Two nodes, because one node runs its own steps one after the other.
        let url = format!("{}{parameters}", database.url);
        let (store, other) = (open(&url, 4).await, open(&url, 4).await);
        let (id, _) = begin(&store).await;
        let changes = (0..200).map(|n| {
            let change = super::change(&n.to_string());
            let store = if n % 2 == 0 { store.clone() } else { other.clone() };
            async move { store.apply(&id, &change, NOW).await }
        });
        let lists = (0..50).map(|_| store.end_by_account("nobody", None));
        let (done, listed) = futures::future::join(join_all(changes), join_all(lists)).await;
        for answer in done {
            assert!(matches!(answer, Ok(Applied::Done(_))), "under {level}: {answer:?}");
        }
        assert!(listed.iter().all(Result::is_ok), "under {level}: {listed:?}");
    }
}
