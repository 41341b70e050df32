//! Fuzz target: arbitrary text as the names, values and numbers of a stored record, which is read through the engine.
//! The visitor is anonymous or gets the stored value. The engine never panics and never returns another value.
#![no_main]

use arbitrary::Arbitrary;
use axum::http::{HeaderValue, StatusCode};
use hardtack_session::clock::{Clock, ManualClock, Timestamp};
use hardtack_session::record::{Data, Device, Owner, Record};
use hardtack_session::store::Store as _;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{Clocks, Key, Keys, Lifetime, Session};
use hardtack_fuzz::{begin, id_of, request, runtime, sessions};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The only key that is read with a type. All other names are read as raw JSON.
const KEY: Key<Value> = Key::new("k");

#[derive(Arbitrary, Clone, Debug)]
struct Spoilt {
    /// The value of [`KEY`].
    text: Option<Text>,
    values: BTreeMap<String, Text>,
    account: Option<String>,
    device: Option<(String, String)>,
    idle: u64,
    absolute: u64,
    created: i64,
    renewed: i64,
    seen: i64,
    version: u64,
    now: i64,
    persistent: bool,
    renews: bool,
    writes: bool,
}

/// Random bytes are seldom JSON, so the fuzzer can choose to generate some.
#[derive(Arbitrary, Clone, Debug)]
enum Text {
    Any(String),
    Number(f64),
    String(String),
    Nested(u16),
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Any(text) => text.clone(),
            Self::Number(number) => Value::from(*number).to_string(),
            Self::String(text) => Value::from(text.as_str()).to_string(),
            Self::Nested(depth) => format!("{0}{1}", "[".repeat(usize::from(*depth)), "]".repeat(usize::from(*depth))),
        }
    }
}

impl Spoilt {
    fn data(&self) -> Data {
        let mut data: Data = self.values.iter().map(|(name, text)| (name.clone(), text.text())).collect();
        data.extend(self.text.as_ref().map(|text| (KEY.name().to_owned(), text.text())));
        data
    }

    fn record(&self) -> Record {
        let lifetime =
            Lifetime { idle: Duration::from_millis(self.idle), absolute: Duration::from_millis(self.absolute) };
        let device =
            self.device.as_ref().map(|(label, address)| Device { label: label.clone(), address: address.clone() });
        Record {
            owner: Owner { account: self.account.clone(), device },
            created: Timestamp(self.created),
            renewed: Timestamp(self.renewed),
            seen: Timestamp(self.seen),
            // Stores keep versions in 63 bits.
            version: self.version >> 1,
            ..Record::new(self.data(), lifetime, Timestamp(self.created))
        }
    }
}

/// A visitor with a cookie that the server has signed.
static VISITOR: LazyLock<(Runtime, Keys, String)> = LazyLock::new(|| {
    let (runtime, keys) = (runtime(), Keys::generate().expect("a key"));
    let cookie = runtime.block_on(begin(&sessions(Arc::default(), &keys)));
    (runtime, keys, cookie)
});

/// Returns the stored value, if it is JSON.
fn kept(data: &Data, name: &str) -> Option<Value> {
    data.get(name).and_then(|text| serde_json::from_str(text).ok())
}

async fn read(session: Session, spoilt: Spoilt) -> String {
    let data = spoilt.data();
    let facts = session.facts().await.expect("facts");
    let value = session.read(KEY).await.expect("the value, or none");
    assert!(value.is_none() || (facts.is_some() && value == kept(&data, KEY.name())), "another value: {value:?}");
    for name in data.keys() {
        let value = session.get_value(name).await.expect("the value, or none");
        assert!(value.is_none() || value == kept(&data, name), "another value: {value:?}");
    }
    if spoilt.writes {
        session.put(KEY, &Value::from("new")).await.expect("put");
    }
    String::new()
}

fuzz_target!(|spoilt: Spoilt| {
    let (runtime, keys, cookie) = &*VISITOR;
    runtime.block_on(async {
        let store = Arc::new(MemoryStore::default());
        assert!(store.create(&id_of(cookie), &spoilt.record()).await.expect("created"));
        let settings = hardtack_session::CookieSettings {
            persistent: spoilt.persistent,
            ..hardtack_session::CookieSettings::new(false)
        };
        let sessions = sessions(store, keys)
            .cookie(settings)
            .expect("legal")
            .clocks(Clocks {
                rotation_grace: Duration::from_millis(1),
                renew_every: spoilt.renews.then_some(Duration::from_secs(1)),
                ..Clocks::default()
            })
            .expect("legal")
            .clock(Clock::Manual(ManualClock::at(Timestamp(spoilt.now))));
        let cookie = HeaderValue::from_str(cookie).expect("text");
        let answer = request(&sessions, &[cookie], move |session| read(session, spoilt)).await;
        // 500: the stored values leave no room for the handler's write.
        assert!(matches!(answer.status(), StatusCode::OK | StatusCode::INTERNAL_SERVER_ERROR), "{answer:?}");
    });
});
