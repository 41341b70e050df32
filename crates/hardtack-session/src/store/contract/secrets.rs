//! The stored bytes: they hold no secrets, and damage to them causes no panic.

use super::{Behind, NOW, begin, data, did, lifetime, live};
use crate::clock::{Clock, ManualClock};
use crate::id::Secret;
use crate::record::Record;
use crate::store::{Loaded, Store, StoreError};
use crate::{CookieSettings, Key, Keys, Session, Sessions};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::sync::Arc;
use tower::ServiceExt as _;

pub(super) async fn prove(store: &Arc<dyn Store>, behind: &dyn Behind) {
    g5_s96_holds_no_secret(&**store, behind).await;
    s101_bears_what_it_cannot_read(&**store, behind).await;
    s101_serves_whoever_has_a_spoilt_session_as_nobody(store, behind).await;
}

async fn g5_s96_holds_no_secret(store: &dyn Store, behind: &dyn Behind) {
    let secret = Secret::generate().expect("random numbers");
    let record = Record::new(data(&[("canary", "\"look for me\"")]), lifetime(), NOW);
    assert!(did(store.create(&secret.hash(), &record).await));
    let dump = behind.dump().await;
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"look for me"), "the dump holds the stored values");
    let text = secret.encode();
    let raw = URL_SAFE_NO_PAD.decode(&text).expect("base64");
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    let hex: String = raw.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    for form in [raw.clone(), text.into_bytes(), STANDARD_NO_PAD.encode(&raw).into_bytes()] {
        assert!(!holds(&form), "the store holds a token");
    }
    assert!(!holds(hex.as_bytes()) && !holds(hex.to_uppercase().as_bytes()), "the store holds a token, as hex");
}

async fn s101_bears_what_it_cannot_read(store: &dyn Store, behind: &dyn Behind) {
    let (id, record) = begin(store, &[("a", "1")]).await;
    let (other, whole) = begin(store, &[("a", "2")]).await;
    behind.spoil(&id, &record.handle).await;
    match store.load(&id, NOW).await {
        // A store keeps values as text, so the engine and not the store notices invalid JSON.
        Ok(Loaded::Live(_, loaded)) => assert_ne!(*loaded, record, "the record is damaged"),
        Ok(Loaded::Absent | Loaded::Retired) | Err(StoreError::Corrupt(_)) => {}
        Err(error) => panic!("a damaged record counts as an outage: {error}"),
    }
    assert_eq!(live(store, &other, NOW).await, Some(whole), "other sessions are unharmed");
    did(store.end(&id).await);
    assert_eq!(live(store, &id, NOW).await, None, "a damaged session can be ended");
}

async fn s101_serves_whoever_has_a_spoilt_session_as_nobody(store: &Arc<dyn Store>, behind: &dyn Behind) {
    const COUNT: Key<u32> = Key::new("count");
    let count = async |session: Session| match session.update(COUNT, |n| n.unwrap_or(0) + 1).await {
        Ok(count) => count.to_string(),
        Err(error) => error.to_string(),
    };
    let sessions = Sessions::shared(Arc::clone(store), Keys::generate().expect("random numbers"))
        .cookie(CookieSettings::new(false))
        .expect("a cookie that browsers keep")
        .clock(Clock::Manual(ManualClock::at(NOW)));
    let app = Router::new().route("/", get(count)).layer(sessions);
    let visit = async |cookie: &str| {
        let request = Request::get("/").header(header::COOKIE, cookie).body(Body::empty()).expect("a request");
        let answer = app.clone().oneshot(request).await.expect("an answer");
        let cookie = answer.headers().get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
        (cookie.map(|text| text.split(';').next().unwrap_or_default().to_owned()), body(answer).await)
    };
    let (cookie, _) = visit("").await;
    let cookie = cookie.expect("a session begins");
    assert_eq!(visit(&cookie).await, (None, "2".to_owned()));
    let secret = cookie.split_once('=').and_then(|(_, value)| value.split_once('.')).expect("a signed value").0;
    let id = Secret::decode(secret.as_bytes()).expect("a secret").hash();
    let record = live(&**store, &id, NOW).await.expect("a live session");
    behind.spoil(&id, &record.handle).await;
    let (new, count) = visit(&cookie).await;
    assert_eq!(count, "1", "a new session replaces the damaged one");
    assert_ne!(new.expect("a new session"), cookie, "the new session has a token of its own");
}

async fn body(answer: Response<Body>) -> String {
    let bytes = to_bytes(answer.into_body(), 1 << 16).await.expect("a body");
    String::from_utf8_lossy(&bytes).into_owned()
}
