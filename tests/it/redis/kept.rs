//! Data in Redis: its keys, their lifetimes, and damaged records.

use super::{NOW, ask, begin, change, is_live, keys, new_id, open, open_within, past, record, sign_in};
use crate::support::servers::{self, Program, Server};
use crate::support::visitors::{PATIENCE, recovers};
use crate::support::wire::Wire;
use hardtack_session::Lifetime;
use hardtack_session::id::Secret;
use hardtack_session::record::{Changes, Data, Device, Owner, Record};
use hardtack_session::store::{Applied, Loaded, Order, Store, StoreError};
use redis::cmd;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

#[tokio::test]
async fn s103_all_keys_are_below_one_name_and_none_shows_an_id() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let store = open(&url).await;
    let (first, second) = (Secret::generate().expect("random"), Secret::generate().expect("random"));
    assert!(store.create(&first.hash(), &record(None)).await.expect("an answer"));
    store.rotate(&first.hash(), &sign_in(second.hash(), "me"), NOW).await.expect("an answer");
    store.lead(&record(None).handle, NOW, NOW).await.expect("an answer");
    store.ping().await.expect("an answer");
    let names = keys(&mut past(&url).await).await;
    // The session, two ids, its account, its deadline, the lease, the probe, the schema.
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("hardtack:")), "{names:?}");
    for secret in [&first, &second] {
        let mut pointer = "hardtack:id:".to_owned();
        for byte in secret.hash().0 {
            write!(pointer, "{byte:02x}").expect("a text");
        }
        assert!(names.contains(&pointer), "the key contains the hash of the token: {names:?}");
    }
}

#[tokio::test]
async fn odd_names_and_values_come_back_as_they_were() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let store = open(&url).await;
    for account in ["", " ", "a{b}c", "}{", "hardtack:schema", "zwölf Boxkämpfer\r\n*3\r\n", "\u{0}\u{1f511}", "*"] {
        let odd = format!("v:{account}");
        let data = Data::from([(account.to_owned(), String::new()), (odd, "{\"a\": [1e400]}".to_owned())]);
        let device = Device { label: account.to_owned(), address: String::new() };
        let owner = Owner { account: Some(account.to_owned()), device: Some(device) };
        let record = Record { owner, data, ..record(None) };
        let id = new_id();
        assert!(store.create(&id, &record).await.expect("an answer"));
        assert_eq!(
            store.load(&id, NOW).await.expect("an answer"),
            Loaded::Live(id, record.clone().into()),
            "{account:?}"
        );
        let values = [(account.to_owned(), Some("1".to_owned())), ("id".to_owned(), Some("2".to_owned()))].into();
        let changes = Changes { values, max_data: 1 << 20, ..Changes::default() };
        assert_eq!(store.apply(&id, &changes, NOW).await.expect("an answer"), Applied::Done(2));
        let Ok(Loaded::Live(_, now)) = store.load(&id, NOW).await else { panic!("a live session") };
        assert_eq!((now.data[account].as_str(), now.data["id"].as_str(), now.data.len()), ("1", "2", 3), "{account:?}");
        assert_eq!(store.list(account, Order::Used(None), 1000, NOW).await.expect("an answer").len(), 1, "{account:?}");
        assert!(!store.end_by_handle(Some("me"), &record.handle).await.expect("an answer"), "{account:?}");
        assert_eq!(store.end_by_account(account, None).await.expect("an answer"), 1, "{account:?}");
    }
    let (id, record) = begin(&store, None).await;
    assert_eq!(store.end_by_account("", None).await.expect("an answer"), 0, "no account is not an empty name");
    assert!(!store.end_by_handle(Some(""), &record.handle).await.expect("an answer"));
    assert!(is_live(&store, &id).await);
}

#[tokio::test]
async fn many_values_at_once_are_set_and_removed() {
    if !Program::Redis.is_here() {
        return;
    }
    let store = open(&servers::redis().await).await;
    let (id, _) = begin(&store, None).await;
    let all = |value: Option<&str>| {
        let values = (0..20_000).map(|n| (format!("name {n}"), value.map(str::to_owned)));
        Changes { values: values.collect(), max_data: 1 << 20, ..Changes::default() }
    };
    assert_eq!(store.apply(&id, &all(Some("1")), NOW).await.expect("an answer"), Applied::Done(2));
    let Ok(Loaded::Live(_, record)) = store.load(&id, NOW).await else { panic!("a live session") };
    assert_eq!(record.data.len(), 20_001);
    assert_eq!(store.apply(&id, &all(None), NOW).await.expect("an answer"), Applied::Done(3));
    let Ok(Loaded::Live(_, record)) = store.load(&id, NOW).await else { panic!("a live session") };
    assert_eq!(record.data.len(), 1);
}

#[tokio::test]
async fn lives_that_last_for_ever_are_kept() {
    if !Program::Redis.is_here() {
        return;
    }
    let store = open(&servers::redis().await).await;
    let longest = Duration::from_millis(i64::MAX as u64);
    for lifetime in [Lifetime { idle: longest, absolute: longest }, Lifetime { idle: longest, ..Lifetime::default() }] {
        let (id, record) = (new_id(), Record { lifetime, ..record(Some("me")) });
        assert!(store.create(&id, &record).await.expect("an answer"));
        assert_eq!(store.load(&id, NOW).await.expect("an answer"), Loaded::Live(id, record.clone().into()));
        assert_eq!(store.apply(&id, &change("2"), NOW).await.expect("an answer"), Applied::Done(2));
        let new = new_id();
        let longer = Changes { lifetime: Some(lifetime), ..change("3") };
        assert_eq!(store.apply(&id, &longer, NOW).await.expect("an answer"), Applied::Done(3));
        assert_eq!(store.rotate(&id, &sign_in(new, "me"), NOW).await.expect("an answer"), Applied::Done(4));
        assert!(store.touch(&new, NOW).await.expect("an answer"));
    }
    assert_eq!(store.sweep(NOW, 10).await.expect("an answer").sessions, 0);
    assert_eq!(store.list("me", Order::Used(None), 1000, NOW).await.expect("an answer").len(), 2);
}

#[tokio::test]
async fn s22_the_servers_own_clock_ends_nothing() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let store = open(&url).await;
    // By the server's clock, the first session expired half a century ago, and the second begins in the future.
    for now in [hardtack_session::clock::Timestamp(0), NOW] {
        let record = Record::new(Data::new(), Lifetime::default(), now);
        let id = new_id();
        assert!(store.create(&id, &record).await.expect("an answer"));
        assert!(store.touch(&id, now).await.expect("an answer"));
        assert_eq!(store.load(&id, now).await.expect("an answer"), Loaded::Live(id, record.into()));
    }
    let mut server = past(&url).await;
    let (hour, idle) = (3_600_000, i64::try_from(Lifetime::default().idle.as_millis()).expect("small"));
    let mut lasting = Vec::new();
    for key in keys(&mut server).await {
        let left: i64 = ask(&mut server, cmd("PTTL").arg(&key)).await;
        if key.starts_with("hardtack:{") {
            assert!((hour..=hour + idle).contains(&left), "an hour longer than the session: {key} {left}");
        } else if left < 0 {
            lasting.push(key);
        }
    }
    assert!(lasting.iter().all(|key| key == "hardtack:schema" || key.starts_with("hardtack:due:")), "{lasting:?}");
}

#[tokio::test]
async fn s101_a_damaged_record_is_corrupt_and_the_others_work() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let store = open(&url).await;
    let mut server = past(&url).await;
    let (whole, other) = begin(&store, Some("me")).await;
    let hunter = "hunter2";
    let damages: [(&str, &[&str]); 7] = [
        ("HSET", &["created", hunter]),
        ("HSET", &["version", "-1"]),
        ("HSET", &["id", hunter]),
        ("HSET", &["v:a", "\u{fffd}"]),
        ("HDEL", &["id"]),
        ("HDEL", &["seen"]),
        ("SET", &[hunter]),
    ];
    for (command, arguments) in damages {
        let (id, record) = begin(&store, Some("me")).await;
        let key = format!("hardtack:{{{}}}", record.handle);
        let mut damage = cmd(command);
        damage.arg(&key);
        for argument in arguments {
            // Bytes that are not UTF-8.
            damage.arg(if *argument == "\u{fffd}" { &b"\xff\xfe"[..] } else { argument.as_bytes() });
        }
        if command == "SET" {
            ask::<()>(&mut server, cmd("DEL").arg(&key)).await;
        }
        ask::<()>(&mut server, &damage).await;
        let Err(StoreError::Corrupt(error)) = store.load(&id, NOW).await else { panic!("{arguments:?} is no session") };
        assert!(!format!("{error} {error:?}").contains(hunter), "{error:?}");
        let new = new_id();
        for answer in [
            store.apply(&id, &change("2"), NOW).await.map(drop),
            store.rotate(&id, &sign_in(new, "me"), NOW).await.map(drop),
            store.touch(&id, NOW).await.map(drop),
        ] {
            assert!(!matches!(answer, Err(StoreError::Unavailable(_))), "{arguments:?} must be no outage: {answer:?}");
        }
        let listed = store.list("me", Order::Used(None), 1000, NOW).await.expect("an answer");
        assert!(listed.iter().any(|listed| listed.handle == other.handle), "the other sessions are listed");
        store.browse(None, 10, NOW).await.expect("an answer");
        // The session may have rotated, because a value that is not UTF-8 does not prevent that.
        let ended = [store.end(&id).await, store.end(&new).await].map(|ended| ended.expect("an answer"));
        assert!(ended[0] || ended[1], "{arguments:?}: the session can be ended");
        assert_eq!(store.load(&id, NOW).await.expect("an answer"), Loaded::Absent);
    }
    let (_, spoilt) = begin(&store, None).await;
    let key = format!("hardtack:{{{}}}", spoilt.handle);
    ask::<()>(&mut server, cmd("HSET").arg(&key).arg("seen").arg("?")).await;
    assert_eq!(store.sweep(NOW, 10).await.expect("an answer").sessions, 0);
    assert_eq!(store.sweep(spoilt.deadline(), 10).await.expect("an answer").sessions, 2, "swept after its deadline");
    assert!(store.load(&whole, NOW).await.is_ok());
}

#[tokio::test]
async fn s101_a_record_of_an_older_version_is_read() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let store = open(&url).await;
    let (id, record) = begin(&store, None).await;
    let mut server = past(&url).await;
    let key = format!("hardtack:{{{}}}", record.handle);
    ask::<()>(&mut server, cmd("HDEL").arg(&key).arg("renewed")).await;
    ask::<()>(&mut server, cmd("HSET").arg(&key).arg("of a newer version").arg("?")).await;
    assert_eq!(store.load(&id, NOW).await.expect("an answer"), Loaded::Live(id, record.into()));
    let (new, later) = (new_id(), NOW + Duration::from_secs(1));
    assert_eq!(store.rotate(&id, &sign_in(new, "me"), later).await.expect("an answer"), Applied::Done(2));
    let Ok(Loaded::Live(_, record)) = store.load(&new, later).await else { panic!("a live session") };
    assert_eq!(record.renewed, later);
}

#[tokio::test]
async fn g3_an_id_that_was_given_anew_leads_to_its_new_session() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let (one, other) = (open(&url).await, open(&url).await);
    let (id, _) = begin(&one, None).await;
    assert!(is_live(&other, &id).await, "both stores have cached the id");
    assert!(one.end(&id).await.expect("an answer"));
    assert!(!is_live(&other, &id).await, "a cached id does not revive a session");
    let again = record(Some("me"));
    assert!(one.create(&id, &again).await.expect("an answer"));
    for store in [&one, &other] {
        assert_eq!(store.load(&id, NOW).await.expect("an answer"), Loaded::Live(id, again.clone().into()));
    }
    assert_eq!(other.apply(&id, &change("2"), NOW).await.expect("an answer"), Applied::Done(2));
    assert!(other.end(&id).await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_a_change_whose_answer_is_lost_is_made_once() {
    if !Program::Redis.is_here() {
        return;
    }
    let url = servers::redis().await;
    let (id, _) = begin(&open(&url).await, None).await;
    let (server, database) = url.strip_prefix("redis://127.0.0.1:").and_then(|at| at.split_once('/')).expect("one");
    let wire = Wire::before(server.parse().expect("a port")).await;
    let store = open_within(&format!("redis://127.0.0.1:{}/{database}", wire.port), PATIENCE).await;
    recovers(&store, &id, NOW, 1, || true).await;
    wire.break_after(1);
    let answer = store.apply(&id, &change("2"), NOW).await;
    wire.mend();
    let lost = matches!(answer, Err(StoreError::Unavailable(_)));
    let Ok(Loaded::Live(_, record)) = open(&url).await.load(&id, NOW).await else { panic!("a live session") };
    assert!(lost && record.version <= 2 || record.version == 2, "{answer:?}: {}", record.version);
}

#[tokio::test]
async fn a_full_memory_lets_everybody_leave() {
    if !Program::Redis.is_here() {
        return;
    }
    let server = Server::redis(&[]).await;
    let store = open(&server.url("0")).await;
    let (id, _) = begin(&store, Some("me")).await;
    let (other, session) = begin(&store, Some("me")).await;
    let mut past = past(&server.url("0")).await;
    ask::<()>(&mut past, cmd("CONFIG").arg("SET").arg("maxmemory").arg(1)).await;
    let full = store.apply(&id, &change("2"), NOW).await.expect_err("no room").to_string();
    assert!(full.contains("OOM"), "{full}");
    assert!(store.ping().await.is_err(), "it must not report that it is healthy");
    let Ok(Loaded::Live(_, record)) = store.load(&id, NOW).await else { panic!("the session can be read") };
    assert_eq!((record.version, record.data.len()), (1, 1), "the change was not written");
    assert!(store.touch(&id, NOW).await.expect("an answer"));
    assert!(store.end(&id).await.expect("an answer"));
    assert_eq!(store.end_by_account("me", None).await.expect("an answer"), 1);
    assert!(!is_live(&store, &other).await);
    assert!(store.lead(&session.handle, NOW, NOW).await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_a_replica_is_not_asked() {
    if !Program::Redis.is_here() {
        return;
    }
    let server = Server::redis(&[]).await;
    let store = open(&server.url("0")).await;
    let (id, _) = begin(&store, Some("me")).await;
    // Demotes the server, as a failover does.
    let mut past = past(&server.url("0")).await;
    // The port is unused, so that the server keeps its data.
    ask::<()>(&mut past, cmd("REPLICAOF").arg("127.0.0.1").arg(servers::free_port())).await;
    let kept: usize = ask(&mut past, &cmd("DBSIZE")).await;
    assert!(kept > 1, "it still has data");
    for _ in 0..3 {
        let error = store.load(&id, NOW).await.expect_err("a replica may still have an ended session").to_string();
        assert!(error.contains("replica"), "{error}");
    }
    ask::<()>(&mut past, cmd("REPLICAOF").arg("NO").arg("ONE")).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !matches!(store.load(&id, NOW).await, Ok(Loaded::Live(..))) {
        assert!(Instant::now() < deadline, "the store does not use the server after its promotion");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
