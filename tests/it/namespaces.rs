//! Namespaces of the stores (s103): each store keeps to its own, and odd names are stored as plain text.

use crate::support::servers::past;
use crate::support::{Kind, STORES, open};
use hardtack_session::clock::Timestamp;
use hardtack_session::id::Secret;
use hardtack_session::record::{Changes, Owner, Record};
use hardtack_session::store::{Applied, Loaded, Order, Store};
use hardtack_session::{Device, Lifetime};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use std::time::Duration;

const NOW: Timestamp = Timestamp(4_000_000_000_000);

/// Some are commands, some are patterns that match other names, some are other spellings of other names.
const ODD: [&str; 16] = [
    "'; DROP TABLE session; --",
    "\"; DELETE FROM hardtack.session; --",
    "1 OR 1=1",
    "ada",
    "ADA",
    "ad_",
    "ad%",
    "ad*",
    "ad?",
    "{ada}",
    "ada:account",
    "$1",
    "\\",
    "\r\nFLUSHALL\r\n",
    "é",
    "e\u{301}",
];

/// Calls each method of a store once.
async fn use_it(store: &dyn Store) {
    let ids = [(); 3].map(|()| Secret::generate().expect("random numbers").hash());
    for id in &ids {
        let owner = Owner { account: Some("ada".to_owned()), device: None };
        let record = Record { owner, ..Record::new([].into(), Lifetime::default(), NOW) };
        assert!(store.create(id, &record).await.expect("created"));
    }
    assert!(store.end(&ids[0]).await.expect("ended"));
    assert_eq!(store.end_by_account("ada", None).await.expect("ended"), 2);
    store.sweep(NOW + Duration::from_secs(1 << 20), 100).await.expect("swept");
}

#[tokio::test(flavor = "multi_thread")]
async fn s103_odd_names_of_accounts_devices_and_values_are_kept_and_told_apart() {
    for kind in STORES {
        let own = open(kind).await;
        let mut ids = Vec::new();
        for odd in ODD {
            let id = Secret::generate().expect("random numbers").hash();
            let device = Device { label: odd.to_owned(), address: odd.to_owned() };
            let owner = Owner { account: Some(odd.to_owned()), device: Some(device) };
            let record = Record { owner, ..Record::new([].into(), Lifetime::default(), NOW) };
            assert!(own.store.create(&id, &record).await.expect("created"));
            let values = ODD.map(|name| (name.to_owned(), Some(serde_json::Value::from(name).to_string()))).into();
            let changes = Changes { values, max_data: usize::MAX, ..Changes::default() };
            assert_eq!(own.store.apply(&id, &changes, NOW).await.expect("applied"), Applied::Done(2));
            ids.push((odd, id, changes));
        }
        let again = own.again().await;
        for (odd, id, changes) in &ids {
            let Loaded::Live(_, record) = again.load(id, NOW).await.expect("loaded") else { panic!("{odd:?} is gone") };
            let told = record.data.clone().into_iter().map(|(name, value)| (name, Some(value)));
            assert_eq!(told.collect::<Vec<_>>(), changes.values.clone().into_iter().collect::<Vec<_>>());
            let listed = again.list(odd, Order::Used(None), 1000, NOW).await.expect("listed");
            assert_eq!(listed.len(), 1, "{odd:?} fits others, on {kind:?}");
            let device = listed[0].owner.device.as_ref().expect("a device");
            assert_eq!((listed[0].owner.account.as_deref(), device.label.as_str()), (Some(*odd), *odd));
        }
        for cursor in ODD {
            // An unknown cursor may give an error or a page.
            drop(again.browse(Some(cursor), 10, NOW).await);
        }
        for (ended, (odd, ..)) in ids.iter().enumerate() {
            assert_eq!(own.store.end_by_account(odd, None).await.expect("ended"), 1, "{odd:?}, on {kind:?}");
            let live = own.store.stats(NOW).await.expect("stats").live;
            assert_eq!(live, (ODD.len() - ended - 1) as u64, "{odd:?}, on {kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s103_in_postgres_everything_is_in_a_schema_of_its_own() {
    if !Kind::Postgres.is_here() {
        return;
    }
    let own = open(Kind::Postgres).await;
    let mut database = PgConnection::connect(&own.url).await.expect("the database");
    sqlx::raw_sql("CREATE TABLE public.session AS SELECT 'another''s' AS id_hash")
        .execute(&mut database)
        .await
        .expect("made");
    use_it(&*own.store).await;
    use_it(&*own.again().await).await;
    let outside = "SELECT array_agg(c.relname::text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE n.nspname NOT IN ('hardtack', 'pg_catalog', 'pg_toast', 'information_schema')";
    let outside: Vec<String> = sqlx::query_scalar(outside).fetch_one(&mut database).await.expect("names");
    assert_eq!(outside, ["session"], "the other schema has only its own table");
    let theirs: Vec<String> =
        sqlx::query_scalar("SELECT id_hash FROM public.session").fetch_all(&mut database).await.expect("rows");
    assert_eq!(theirs, ["another's"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s103_in_redis_every_key_has_a_prefix_of_its_own() {
    if !Kind::Redis.is_here() {
        return;
    }
    let own = open(Kind::Redis).await;
    let mut server = past(&own.url).await;
    let ask = |name: &str| redis::cmd(name);
    ask("SET").arg("session").arg("another's").query_async::<()>(&mut server).await.expect("set");
    use_it(&*own.store).await;
    let id = Secret::generate().expect("random numbers").hash();
    own.store.create(&id, &Record::new([].into(), Lifetime::default(), NOW)).await.expect("created");
    let keys: Vec<String> = ask("KEYS").arg("*").query_async(&mut server).await.expect("keys");
    let outside: Vec<_> = keys.iter().filter(|key| !key.starts_with("hardtack:")).collect();
    assert_eq!(outside, ["session"]);
    assert!(keys.len() > 1, "too few keys: {keys:?}");
    let theirs: String = ask("GET").arg("session").query_async(&mut server).await.expect("a value");
    assert_eq!(theirs, "another's");
}

#[tokio::test(flavor = "multi_thread")]
async fn s103_in_sqlite_the_tables_of_others_in_the_file_stay_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("application.db");
    let mut file = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display())).await.expect("a file");
    sqlx::raw_sql("CREATE TABLE account (name); INSERT INTO account VALUES ('ada')")
        .execute(&mut file)
        .await
        .expect("made");
    let store = crate::support::connect(&format!("sqlite:{}", path.display()), crate::support::PATIENCE).await;
    use_it(&*store).await;
    let theirs: Vec<String> = sqlx::query_scalar("SELECT name FROM account").fetch_all(&mut file).await.expect("rows");
    assert_eq!(theirs, ["ada"]);
}
