//! Properties of merges and lifetimes, which are tested with random sessions.

use crate::support::{Kind, OwnStore, STORES, id_of, open};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use axum::routing::get;
use hardtack_session::clock::{Clock, ManualClock, Timestamp};
use hardtack_session::id::{IdHash, Secret};
use hardtack_session::record::{Changes, Data, Record, size};
use hardtack_session::store::{Applied, Loaded};
use hardtack_session::{Clocks, CookieSettings, Keys, Lifetime, Session, Sessions};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Barrier;
use tower::Service as _;

const NOW: Timestamp = Timestamp(4_000_000_000_000);

/// Tests random cases. There is no file of regressions, because a failing case becomes a test of its own.
fn try_all<S: Strategy>(runtime: &Runtime, cases: u32, strategy: &S, run: impl AsyncFn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let all = TestRunner::new(config).run(strategy, |case| {
        runtime.block_on(run(case));
        Ok(())
    });
    all.unwrap_or_else(|error| panic!("{error}"));
}

/// Generates names of values, some of which have a meaning in JSON, SQL or paths.
fn name() -> impl Strategy<Value = String> {
    let dear =
        ["", "a", "a.b", "$", "$.a", "\"", "\\", "{", "[0]", "'", "é", "e\u{301}", "\n", "\u{1}", "😀", "null", "#>"];
    let any = any::<String>().prop_filter("the engine refuses it", |name| !name.contains('\0'));
    prop_oneof![3 => proptest::sample::select(dear.map(str::to_owned).to_vec()), 1 => any]
}

/// Generates values of every type, without floats, because a float may change when it is stored.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|quarters| json!(f64::from(quarters) / 4.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The fate of a value during two concurrent requests.
#[derive(Clone, Debug)]
enum Fate {
    Kept,
    Mine(Option<Value>),
    Theirs(Option<Value>),
}

/// The values of a session before, with the request that changes each of them.
type Story = BTreeMap<String, (Option<Value>, Fate)>;

fn story() -> impl Strategy<Value = Story> {
    let new = || proptest::option::weighted(0.7, value());
    let fate = prop_oneof![1 => Just(Fate::Kept), 2 => new().prop_map(Fate::Mine), 2 => new().prop_map(Fate::Theirs)];
    proptest::collection::btree_map(name(), (proptest::option::weighted(0.7, value()), fate), 0..8)
}

fn before(story: &Story) -> BTreeMap<String, Value> {
    story.iter().filter_map(|(name, (before, _))| Some((name.clone(), before.clone()?))).collect()
}

fn after(story: &Story) -> BTreeMap<String, Value> {
    let after = story.iter().filter_map(|(name, (before, fate))| {
        let value = match fate {
            Fate::Kept => before,
            Fate::Mine(value) | Fate::Theirs(value) => value,
        };
        Some((name.clone(), value.clone()?))
    });
    after.collect()
}

type Step = BTreeMap<String, Option<Value>>;

fn mine(story: &Story) -> Step {
    let mine = |(name, (_, fate)): (&String, &(_, Fate))| match fate {
        Fate::Mine(value) => Some((name.clone(), value.clone())),
        _ => None,
    };
    story.iter().filter_map(mine).collect()
}

fn theirs(story: &Story) -> Step {
    let theirs = |(name, (_, fate)): (&String, &(_, Fate))| match fate {
        Fate::Theirs(value) => Some((name.clone(), value.clone())),
        _ => None,
    };
    story.iter().filter_map(theirs).collect()
}

fn texts(values: &BTreeMap<String, Value>) -> Data {
    values.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
}

fn changes(step: &Step) -> Changes {
    let values = step.iter().map(|(name, value)| (name.clone(), value.as_ref().map(Value::to_string))).collect();
    Changes { values, max_data: usize::MAX, ..Changes::default() }
}

#[test]
fn g1_changes_of_different_names_give_the_same_in_any_order() {
    let runtime = Runtime::new().expect("a runtime");
    try_all(&runtime, 256, &story(), async |story| {
        let (mine, theirs) = (changes(&mine(&story)), changes(&theirs(&story)));
        for order in [[&mine, &theirs], [&theirs, &mine]] {
            let mut data = texts(&before(&story));
            for changes in order {
                changes.apply_to(&mut data);
            }
            assert_eq!(data, texts(&after(&story)));
        }
    });
}

/// Sends one request to a handler behind the layer, without a network.
async fn request<F, Fut>(sessions: &Sessions, cookie: Option<&str>, handler: F) -> Response<Body>
where
    F: FnOnce(Session) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let mut app = Router::new().route("/", get(handler)).layer(sessions.clone());
    let mut request = Request::new(Body::empty());
    if let Some(cookie) = cookie {
        request.headers_mut().insert(header::COOKIE, cookie.parse().expect("a header"));
    }
    let answer = app.call(request).await.expect("routers do not fail");
    assert_eq!(answer.status(), 200);
    answer
}

/// Returns the name and value of a response's `Set-Cookie`, and its `Max-Age` in seconds.
fn cookie_set(answer: &Response<Body>) -> Option<(String, Option<u64>)> {
    let set = answer.headers().get(header::SET_COOKIE)?.to_str().expect("text");
    let life = set.split("; ").find_map(|part| part.strip_prefix("Max-Age="));
    Some((set.split(';').next().expect("a pair").to_owned(), life.map(|life| life.parse().expect("seconds"))))
}

async fn take_steps(session: &Session, step: &Step) {
    for (name, value) in step {
        match value {
            Some(value) => session.insert_value(name, value.clone()).await.expect("put"),
            None => session.remove_value(name).await.expect("taken"),
        };
    }
}

fn sessions(own: &OwnStore, clock: ManualClock) -> Sessions {
    Sessions::shared(Arc::clone(&own.store), Keys::generate().expect("a key"))
        .cookie(CookieSettings { persistent: true, ..CookieSettings::new(false) })
        .expect("a cookie that browsers keep")
        .max_data(1 << 20)
        .timeout(Duration::from_secs(20))
        .clock(Clock::Manual(clock))
}

/// Returns the record from the store, past the caches of this process.
async fn kept(own: &OwnStore, id: &IdHash, now: Timestamp) -> Record {
    match own.again().await.load(id, now).await.expect("an answer") {
        Loaded::Live(_, record) => Arc::unwrap_or_clone(record),
        other => panic!("a live session expected: {other:?}"),
    }
}

#[test]
fn g1_what_two_requests_change_at_the_same_time_is_what_the_session_holds_afterwards() {
    let runtime = Runtime::new().expect("a runtime");
    for kind in STORES {
        let own = runtime.block_on(open(kind));
        let sessions = sessions(&own, ManualClock::at(NOW));
        try_all(&runtime, 48, &story(), async |mut story| {
            // A value that stays, because an emptied session ends.
            story.insert("anchor".to_owned(), (Some(json!("holds")), Fate::Kept));
            let begin = before(&story).into_iter().map(|(name, value)| (name, Some(value))).collect::<Step>();
            let first =
                request(&sessions, None, async move |session: Session| take_steps(&session, &begin).await).await;
            let (cookie, _) = cookie_set(&first).expect("a session begins");

            // The first request loads the session before the second changes it, and commits afterwards.
            let (mine, theirs, turn) = (mine(&story), theirs(&story), Arc::new(Barrier::new(2)));
            let (mine_to_come, names) = (Arc::clone(&turn), before(&story));
            let first = request(&sessions, Some(&cookie), async move |session: Session| {
                for (name, value) in names {
                    assert_eq!(session.get_value(&name).await.expect("read"), Some(value));
                }
                mine_to_come.wait().await;
                mine_to_come.wait().await;
                take_steps(&session, &mine).await;
            });
            let second = async {
                turn.wait().await;
                request(&sessions, Some(&cookie), async move |session: Session| take_steps(&session, &theirs).await)
                    .await;
                turn.wait().await;
            };
            futures::join!(first, second);
            assert_eq!(kept(&own, &id_of(&cookie), NOW).await.data, texts(&after(&story)), "on {kind:?}");
        });
    }
}

/// Changes as they are passed to a store.
#[derive(Clone, Debug)]
struct Asked {
    step: Step,
    room: Room,
    /// The expected version, as a difference to the actual one.
    version: Option<u64>,
}

#[derive(Clone, Debug)]
enum Room {
    Ample,
    Exact,
    /// This many bytes too few.
    Short(usize),
}

fn asked() -> impl Strategy<Value = Asked> {
    let step = proptest::collection::btree_map(name(), proptest::option::weighted(0.7, value()), 0..5);
    let room = prop_oneof![Just(Room::Ample), Just(Room::Exact), (1..40_usize).prop_map(Room::Short)];
    let version = prop_oneof![2 => Just(None), 2 => Just(Some(0)), 1 => Just(Some(1))];
    (step, room, version).prop_map(|(step, room, version)| Asked { step, room, version })
}

#[test]
fn g1_s102_every_store_holds_what_the_changes_say_or_refuses_them_whole() {
    let runtime = Runtime::new().expect("a runtime");
    let cases = (proptest::collection::btree_map(name(), value(), 0..5), proptest::collection::vec(asked(), 1..6));
    for kind in STORES {
        let own = runtime.block_on(open(kind));
        try_all(&runtime, 48, &cases, async |(first, all)| {
            let id = Secret::generate().expect("random numbers").hash();
            let mut model = Record::new(texts(&first), Lifetime::default(), NOW);
            assert!(own.store.create(&id, &model).await.expect("created"));
            for Asked { step, room, version } in all {
                let mut data = model.data.clone();
                let mut changes = changes(&step);
                changes.apply_to(&mut data);
                let (was, is) = (size(&model.data), size(&data));
                changes.if_version = version.map(|ahead| model.version + ahead);
                changes.max_data = match room {
                    Room::Ample => usize::MAX,
                    Room::Exact => is,
                    Room::Short(bytes) => is.saturating_sub(bytes),
                };
                let expected = if version == Some(1) {
                    Applied::Conflict
                } else if is > changes.max_data && is > was {
                    Applied::TooLarge
                } else {
                    model.data = data;
                    model.version += 1;
                    Applied::Done(model.version)
                };
                assert_eq!(own.store.apply(&id, &changes, NOW).await.expect("an answer"), expected, "on {kind:?}");
                assert_eq!(kept(&own, &id, NOW).await, model, "on {kind:?}");
            }
        });
    }
}

/// An action of a visitor, or a pause.
#[derive(Clone, Debug)]
enum Visit {
    Wait(u64),
    Read,
    Write,
    Rotate,
    /// A lifetime of its own: the idle and the absolute timeout.
    Live(u64, u64),
}

fn visit() -> impl Strategy<Value = Visit> {
    prop_oneof![
        3 => (0..2_000_000_u64).prop_map(Visit::Wait),
        2 => Just(Visit::Read),
        1 => Just(Visit::Write),
        1 => Just(Visit::Rotate),
        1 => (1_000..3_000_000_u64, 1_000..100_000_000_u64).prop_map(|(idle, absolute)| Visit::Live(idle, absolute)),
        1 => (0..=u64::MAX, 0..=u64::MAX).prop_map(|(idle, absolute)| Visit::Live(idle.max(1_000), absolute.max(1_000))),
    ]
}

#[test]
fn g6_s8_a_persistent_cookie_ends_with_its_session_never_later_and_no_second_earlier() {
    let runtime = Runtime::new().expect("a runtime");
    let cases =
        (1_000..3_000_000_u64, 1_000..100_000_000_u64, 0..200_000_u64, proptest::collection::vec(visit(), 1..20));
    let own = runtime.block_on(open(Kind::Memory));
    try_all(&runtime, 128, &cases, async |(idle, absolute, touch_every, visits)| {
        let clock = ManualClock::at(NOW);
        let span = Duration::from_millis;
        let (idle, touch_every) = (idle.min(absolute), touch_every % idle.min(absolute));
        let lifetime = Lifetime { idle: span(idle), absolute: span(absolute) };
        let clocks = Clocks { lifetime, touch_every: span(touch_every), ..Clocks::default() };
        let sessions = sessions(&own, clock.clone()).clocks(clocks).expect("valid timeouts");
        let mut now = NOW;
        // The browser's jar: the cookie, and the time at which it expires.
        let mut jar: Option<(String, Timestamp)> = None;
        let write = async |session: Session| session.insert("n", uuid::Uuid::new_v4().to_string()).await.expect("put");
        for visit in std::iter::once(Visit::Write).chain(visits) {
            jar = jar.filter(|(_, end)| *end > now);
            let cookie = jar.as_ref().map(|(pair, _)| pair.as_str());
            let answer = match visit {
                Visit::Wait(millis) => {
                    clock.advance(span(millis));
                    now = now + span(millis);
                    continue;
                }
                Visit::Read => {
                    request(&sessions, cookie, async |s: Session| drop(s.facts().await.expect("facts"))).await
                }
                Visit::Write => request(&sessions, cookie, write).await,
                Visit::Rotate => {
                    request(&sessions, cookie, async |s: Session| s.rotate().await.expect("rotated")).await
                }
                Visit::Live(idle, absolute) => {
                    let lifetime = Lifetime { idle: span(idle), absolute: span(absolute) };
                    let live = async move |s: Session| s.set_lifetime(lifetime).await.expect("set");
                    request(&sessions, cookie, live).await
                }
            };
            if let Some((pair, life)) = cookie_set(&answer) {
                let life = life.expect("a persistent cookie");
                assert!(life <= 400 * 24 * 60 * 60);
                jar = Some((pair, now + Duration::from_secs(life)));
            }
            let Some((pair, end)) = &jar else { continue };
            if let Loaded::Live(_, record) = own.store.load(&id_of(pair), now).await.expect("an answer") {
                assert!(*end <= record.deadline(), "the cookie outlives its session");
                assert!(*end + span(1_000) > record.deadline(), "the session outlives its cookie");
            }
        }
    });
}
