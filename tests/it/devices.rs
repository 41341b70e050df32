//! The devices of an account over HTTP: the list, remote sign-out, and the required permission.

use crate::support::app::App;
use crate::support::people::{PASSWORD, Person, Told};
use crate::support::process::Place;
use crate::support::{SHARED, open};
use serde_json::{Value, json};
use std::time::Duration;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn ada(app: &App) -> Person {
    Person::at(&app.url(""), "ada@example.com").registered().await
}

async fn devices(person: &Person) -> Vec<Value> {
    let told = person.get("/api/devices").await;
    assert_eq!(told.status, 200, "{told:?}");
    told.body["devices"].as_array().expect("a list").clone()
}

/// Returns the handle of the only other device.
async fn other(person: &Person) -> Value {
    let all = devices(person).await;
    assert_eq!((all.len(), &all[0]["current"], &all[1]["current"]), (2, &json!(true), &json!(false)), "{all:?}");
    all[1]["handle"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_told_by_label_address_and_times_and_this_one_is_first() {
    let app = App::start().await;
    let desk = ada(&app).await;
    app.clock.advance(Duration::from_secs(600));
    let phone = desk.elsewhere();
    let login = json!({"username": phone.username, "password": PASSWORD});
    let answer = phone.request("/api/login", &login).header("user-agent", FIREFOX).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let told = desk.get("/api/devices").await;
    let now = told.body["now"].as_i64().expect("a moment");
    let all = devices(&desk).await;
    assert_eq!((&all[0]["current"], all[0]["created"].as_i64()), (&json!(true), Some(now - 600)));
    let phone = &all[1];
    assert_eq!((&phone["label"], &phone["ip"]), (&json!("Firefox on Linux"), &json!("127.0.0.1")), "{phone}");
    assert_eq!((phone["created"].as_i64(), phone["seen"].as_i64()), (Some(now), Some(now)), "{phone}");
    assert_eq!(phone.as_object().expect("an object").len(), 6, "six fields: {phone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_s28_what_is_signed_out_on_one_node_is_refused_by_the_other_for_the_very_next_request() {
    for kind in SHARED {
        let own = open(kind).await;
        let place = Place::on(&own.url);
        let servers = [place.serve(&[]).await, place.serve(&[]).await];
        let desk = Person::at(&servers[0].url(""), "ada@example.com").registered().await;
        let [phone, tablet] =
            [0, 1].map(|_| Person { server: servers[1].url("").trim_end_matches('/').to_owned(), ..desk.elsewhere() });
        assert_eq!(phone.login(PASSWORD).await.status, 200, "on {kind:?}");
        let told = desk.post("/api/devices/end", json!({"handle": other(&desk).await})).await;
        assert_eq!((told.status, &told.body["ended"]), (200, &json!(1)), "{told:?} on {kind:?}");
        assert!(!phone.is_signed_in().await && desk.is_signed_in().await, "on {kind:?}");

        for person in [&phone, &tablet] {
            assert_eq!(person.login(PASSWORD).await.status, 200, "on {kind:?}");
        }
        let told = desk.post("/api/devices/end-others", json!({})).await;
        assert_eq!((told.status, &told.body["ended"]), (200, &json!(2)), "{told:?} on {kind:?}");
        assert!(!phone.is_signed_in().await && !tablet.is_signed_in().await, "on {kind:?}");
        assert_eq!(devices(&desk).await.len(), 1, "on {kind:?}");
        assert_eq!(desk.post("/api/devices/end-others", json!({})).await.body["ended"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s30_a_foreign_an_unknown_and_a_senseless_handle_get_one_answer() {
    let app = App::start().await;
    let ada = ada(&app).await;
    let bob = Person { username: "bob@example.com".to_owned(), ..ada.elsewhere() }.registered().await;
    let foreign = devices(&bob).await[0]["handle"].clone();
    let mut answers = Vec::new();
    for handle in [foreign, json!("b9a5d1f2-3c40-4b1f-9a57-1de0b7c2a111"), json!("../x"), json!("")] {
        let told = ada.post("/api/devices/end", json!({"handle": handle})).await;
        answers.push((told.status, told.body, told.headers));
    }
    assert_eq!((answers[0].0, &answers[0].1["kind"]), (404, &json!("not_found")), "{:?}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert!(bob.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_this_device_out_is_signed_out_and_loses_the_cookie() {
    let app = App::start().await;
    let ada = ada(&app).await;
    let told = ada.post("/api/devices/end", json!({"handle": devices(&ada).await[0]["handle"]})).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert!(told.cookies.iter().any(|cookie| cookie.contains("Max-Age=0")), "{told:?}");
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_s31_s38_an_old_sign_in_must_be_proved_once_more_and_gets_a_new_id() {
    let app = App::start_with(&[("SESSION_IDLE", "2h")]).await;
    let desk = ada(&app).await;
    let phone = desk.elsewhere();
    assert_eq!(phone.login(PASSWORD).await.status, 200);
    app.clock.advance(Duration::from_secs(15 * 60 + 1));
    let handle = other(&desk).await;
    for (path, body) in [("/api/devices/end", json!({"handle": handle})), ("/api/devices/end-others", json!({}))] {
        let told = desk.post(path, body).await;
        assert_eq!((told.status, told.kind()), (403, "sign_in_again"), "{path}");
    }
    let told = desk.post("/api/confirm", json!({"current": "le sel de la terre"})).await;
    assert_eq!((told.status, told.kind(), &told.body["field"]), (401, "bad_credentials", &json!("current")));
    assert_eq!(desk.post("/api/devices/end", json!({"handle": handle})).await.status, 403, "the password was wrong");
    let told = desk.post("/api/confirm", json!({"current": PASSWORD})).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert!(told.cookies.iter().any(|cookie| cookie.starts_with("hardtack_sess=")), "a new id: {told:?}");
    assert!(phone.is_signed_in().await, "no device is signed out yet");
    assert_eq!(desk.post("/api/devices/end", json!({"handle": handle})).await.status, 200);
    assert!(!phone.is_signed_in().await && desk.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_devices() {
    let app = App::start().await;
    let nobody = Person::at(&app.url(""), "ada@example.com");
    let told = nobody.get("/api/devices").await;
    assert_eq!((told.status, told.kind()), (401, "not_signed_in"));
    for path in ["/api/devices/end", "/api/devices/end-others", "/api/confirm"] {
        let told = nobody.post(path, json!({"handle": "x", "current": PASSWORD})).await;
        assert_eq!((told.status, told.kind()), (401, "not_signed_in"), "{path}");
    }
    assert_eq!(app.sessions().await, 0, "no session begins");
}

#[tokio::test(flavor = "multi_thread")]
async fn s28_more_than_a_hundred_devices_come_in_parts_as_json_and_as_pages() {
    let app = App::start_with(&[("SESSION_PER_ACCOUNT", "0")]).await;
    let ada = ada(&app).await;
    let told = ada.get("/api/devices").await;
    assert!(told.body.get("next").is_none(), "{told:?}");
    app.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) \
         INSERT INTO session (id_hash, handle, account, device_label, device_address, data, version, created, renewed, seen, \
         idle, absolute, expires) SELECT randomblob(32), randomblob(16), account, 'Device ' || i, '192.0.2.1', '{}', 1, \
         created, renewed, seen - i, idle, absolute, expires - i FROM n, session WHERE account IS NOT NULL",
    )
    .await;
    let first = ada.get("/api/devices").await;
    let next = first.body["next"].as_str().expect("a next part").to_owned();
    let second = ada.get(&format!("/api/devices?after={next}")).await;
    assert!(second.body.get("next").is_none(), "{second:?}");
    let handles = |told: &Told| -> Vec<String> {
        let devices = told.body["devices"].as_array().expect("a list");
        devices.iter().map(|device| device["handle"].to_string()).collect()
    };
    let mut all = [handles(&first), handles(&second)].concat();
    assert_eq!((handles(&first).len(), all.len(), &first.body["devices"][0]["current"]), (100, 151, &json!(true)));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 151, "each device once");
    for wrong in ["x", "1.2", "4000000000000", "99999999999999999999.b9a5d1f2-3c40-4b1f-9a57-1de0b7c2a111"] {
        let told = ada.get(&format!("/api/devices?after={wrong}")).await;
        assert_eq!((told.kind(), &told.body["field"]), ("invalid", &json!("after")), "{wrong}");
    }
    let page = async |path: &str| {
        let asked = ada.browser.get(format!("{}{path}", ada.server)).header("accept", "text/html").send().await;
        asked.expect("a page").text().await.expect("HTML")
    };
    let (one, two) = (page("/devices").await, page(&format!("/devices?after={next}")).await);
    assert!(
        one.contains(&format!("/devices?after={next}")) && one.contains("(this one)"),
        "a link without WebAssembly"
    );
    assert!(two.contains("Device 150") && !two.contains("(this one)") && !two.contains("?after="), "{two}");
    let told = ada.post("/api/devices/end-others", json!({})).await;
    assert_eq!((told.status, &told.body["ended"]), (200, &json!(150)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s35_a_hundred_devices_are_enough_unless_they_are_in_use() {
    let app = App::start().await;
    let ada = ada(&app).await;
    app.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120) \
         INSERT INTO session (id_hash, handle, account, data, version, created, renewed, seen, idle, absolute, expires) \
         SELECT randomblob(32), randomblob(16), account, '{}', 1, created, renewed, \
         iif(i <= 60, seen, seen - 600000 - i), idle, absolute, expires FROM n, session WHERE account IS NOT NULL",
    )
    .await;
    assert!(ada.is_signed_in().await);
    assert_eq!(app.sessions().await, 121, "a visit ends no session");
    let phone = ada.elsewhere();
    assert_eq!(phone.login(PASSWORD).await.status, 200);
    assert!(ada.is_signed_in().await && phone.is_signed_in().await);
    assert_eq!(app.sessions().await, 100, "the least recently used sessions beyond the limit end");
}
