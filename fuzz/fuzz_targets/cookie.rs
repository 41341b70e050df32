//! Fuzz target: arbitrary bytes as `Cookie` headers, a header a line. Parsing never panics, and no forged cookie leads
//! to a session.
//!
//! The dictionary contains `hardtack_sess`. The byte `\x01` stands for a signed value, so that the fuzzer can put bytes
//! around it. It leads to its own session or to none.
#![no_main]

use axum::http::{HeaderValue, header};
use hardtack_session::clock::{Clock, Timestamp};
use hardtack_session::store::Store as _;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{Keys, Session, Sessions};
use hardtack_fuzz::{begin, request, runtime, sessions};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;

struct Site {
    runtime: Runtime,
    store: Arc<MemoryStore>,
    sessions: Sessions,
    value: String,
    handle: String,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let runtime = runtime();
    let store = Arc::new(MemoryStore::default());
    let clock = Clock::Manual(hardtack_session::clock::ManualClock::at(Timestamp(4_000_000_000_000)));
    let sessions = sessions(Arc::clone(&store), &Keys::generate().expect("a key")).clock(clock);
    let pair = runtime.block_on(begin(&sessions));
    let (_, value) = pair.split_once('=').expect("a pair");
    let value = value.to_owned();
    let page = runtime.block_on(store.browse(None, 1, Timestamp(4_000_000_000_000))).expect("a page");
    Site { runtime, store, sessions, value, handle: page.sessions[0].handle.to_string() }
});

async fn whose(session: Session) -> String {
    session.facts().await.expect("facts").map_or_else(String::new, |facts| facts.handle.to_string())
}

fuzz_target!(|bytes: &[u8]| {
    let Site { runtime, store, sessions, value, handle } = &*SITE;
    let signed = bytes.contains(&1);
    let spelt: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| if *byte == 1 { value.as_bytes().to_vec() } else { vec![*byte] })
        .collect();
    let lines = spelt.split(|byte| *byte == b'\n');
    let cookies: Vec<_> = lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    runtime.block_on(async {
        let answer = request(sessions, &cookies, whose).await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key(header::SET_COOKIE));
        let body = axum::body::to_bytes(answer.into_body(), 1 << 10).await.expect("a body");
        assert!(body.is_empty() || (signed && body == handle.as_bytes()), "a forged cookie leads to a session");
        let stats = store.stats(Timestamp(4_000_000_000_000)).await.expect("stats");
        assert_eq!((stats.live, stats.over), (1, 0));
    });
});
