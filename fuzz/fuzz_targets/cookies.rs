//! Fuzz target: a valid session cookie among arbitrary other cookies. It is always found, and no other one counts.
#![no_main]

use arbitrary::Arbitrary;
use axum::http::{HeaderMap, HeaderValue, header};
use hardtack_session::cookie::pairs;
use hardtack_session::store::Store as _;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{Keys, Session, Sessions};
use hardtack_fuzz::{begin, request, runtime, sessions};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;

const NAME: &[u8] = b"hardtack_sess";

#[derive(Arbitrary, Debug)]
struct Sent {
    before: Vec<Vec<u8>>,
    after: Vec<Vec<u8>>,
    /// In quotes, as Java's cookie manager sends it.
    quoted: bool,
    /// Sent twice, as a browser does that has stored it twice.
    twice: bool,
    /// One header for each cookie, as HTTP/2 splits them.
    split: bool,
    blanks: (u8, u8),
}

struct Site {
    runtime: Runtime,
    sessions: Sessions,
    value: String,
    handle: String,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let runtime = runtime();
    let store = Arc::new(MemoryStore::default());
    let sessions = sessions(Arc::clone(&store), &Keys::generate().expect("a key"));
    let pair = runtime.block_on(begin(&sessions));
    let (_, value) = pair.split_once('=').expect("a pair");
    let now = hardtack_session::clock::Clock::System.now();
    let page = runtime.block_on(store.browse(None, 1, now)).expect("a page");
    Site { value: value.to_owned(), handle: page.sessions[0].handle.to_string(), runtime, sessions }
});

async fn whose(session: Session) -> String {
    session.facts().await.expect("facts").map_or_else(String::new, |facts| facts.handle.to_string())
}

impl Sent {
    /// Returns the `Cookie` headers, with the valid cookie among the others.
    fn headers(&self, value: &str) -> Vec<HeaderValue> {
        let blanks = |number: u8| [&b""[..], b" ", b"\t", b" \t "][usize::from(number % 4)];
        let quote = if self.quoted { "\"" } else { "" };
        let good = format!("{}={quote}{value}{quote}", "hardtack_sess").into_bytes();
        let mut parts = self.before.clone();
        parts.push(good.clone());
        parts.extend(self.after.clone());
        if self.twice {
            parts.push(good);
        }
        let parts = parts.into_iter().map(|part| [blanks(self.blanks.0), &part, blanks(self.blanks.1)].concat());
        let parts: Vec<_> = parts.collect();
        let lines = if self.split { parts } else { vec![parts.join(&b';')] };
        lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok()).collect()
    }
}

fuzz_target!(|sent: Sent| {
    let Site { runtime, sessions, value, handle } = &*SITE;
    let cookies = sent.headers(value);
    let mut headers = HeaderMap::new();
    for cookie in &cookies {
        headers.append(header::COOKIE, cookie.clone());
    }
    // A line with a byte that no header can contain was left out, and another cookie may have the session's name.
    let named: Vec<_> = pairs(&headers).filter(|(name, _)| *name == NAME).map(|(_, value)| value).collect();
    let (found, alone) = (!named.is_empty(), named.iter().all(|other| *other == value.as_bytes()));
    let answer = runtime.block_on(request(sessions, &cookies, whose));
    assert_eq!(answer.status(), 200);
    let body = runtime.block_on(axum::body::to_bytes(answer.into_body(), 1 << 10)).expect("a body");
    let expected = if found && alone { handle.as_bytes() } else { b"" };
    assert_eq!(body, expected, "{cookies:?}");
    let is_sent =
        cookies.iter().any(|cookie| cookie.as_bytes().windows(value.len()).any(|part| part == value.as_bytes()));
    assert_eq!(found && alone, is_sent && alone, "the valid cookie must be found");
});
