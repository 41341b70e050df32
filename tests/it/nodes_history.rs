//! Histories of many clients on two servers under a nemesis, which kills servers, freezes the store and cuts
//! connections. Each history must be one that the guarantees allow.

use crate::support::chance::Chance;
use crate::support::history::{History, What};
use crate::support::nemesis::{Nemesis, SKEW};
use crate::support::node::Answer;
use crate::support::{Kind, SHARED};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// The number of client pairs. The two clients of a pair share a session.
const PAIRS: usize = 4;
const KEYS: [char; 2] = ['a', 'b'];

/// A session as its two clients see it.
#[derive(Debug)]
struct Visit {
    number: usize,
    handle: String,
    /// All ids of the session, the newest last.
    cookies: Mutex<Vec<String>>,
    /// The session is over, or its id is lost: the pair begins another one.
    left: AtomicBool,
    /// A response with a new id was lost.
    adrift: AtomicBool,
}

impl Visit {
    fn cookie(&self) -> String {
        self.cookies.lock().expect("no panic").last().expect("at least one").clone()
    }
}

/// The state that all clients share.
struct World {
    nemesis: Nemesis,
    history: History,
    visits: Mutex<Vec<Arc<Visit>>>,
    numbers: AtomicUsize,
    over: AtomicBool,
    /// The number of acknowledged ends: by the visitor, and by the session's handle.
    ended: [AtomicUsize; 2],
}

impl World {
    async fn ask(&self, chance: &mut Chance, cookie: &str, path: &str) -> Option<Answer> {
        let answer = self.nemesis.ask(chance.below(2), cookie, path).await;
        if answer.as_ref().is_none_or(|answer| answer.status == 503) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        answer
    }

    /// Begins a session with a value under both keys. Returns `None` when a fault came between.
    async fn begin(&self, chance: &mut Chance) -> Option<Arc<Visit>> {
        let cookie = self.ask(chance, "", "/step/sign-in").await?.cookie?;
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        for key in KEYS {
            let begun = self.history.now();
            let set = self.ask(chance, &cookie, &format!("/put/{key}/{number}-{key}-0")).await?;
            if set.status != 200 {
                return None;
            }
            self.history.note(number, begun, What::Set { key, value: 0, acknowledged: true });
        }
        let handle = self.ask(chance, &cookie, "/handle").await.filter(|answer| answer.status == 200)?.text;
        let (left, adrift) = (AtomicBool::new(false), AtomicBool::new(false));
        let visit = Arc::new(Visit { number, handle, cookies: Mutex::new(vec![cookie]), left, adrift });
        self.visits.lock().expect("no panic").push(Arc::clone(&visit));
        Some(visit)
    }

    async fn set(&self, chance: &mut Chance, visit: &Visit, key: char, value: u32) {
        let begun = self.history.now();
        let path = format!("/put/{key}/{}-{key}-{value}", visit.number);
        let what = match self.ask(chance, &visit.cookie(), &path).await {
            Some(answer) if answer.status == 200 && answer.set.is_empty() => {
                What::Set { key, value, acknowledged: true }
            }
            // The session was ended during the request, or before it, so that another session has begun.
            Some(answer) if matches!(answer.status, 200 | 409) => What::Gone,
            _ => What::Set { key, value, acknowledged: false },
        };
        self.came_of_it(visit, begun, what);
    }

    async fn get(&self, chance: &mut Chance, visit: &Visit) {
        let (begun, key) = (self.history.now(), *chance.of(&KEYS));
        let Some(answer) = self.ask(chance, &visit.cookie(), &format!("/get/{key}")).await else { return };
        assert!(answer.set.is_empty() && matches!(answer.status, 200 | 503), "{answer:?}");
        if answer.status == 200 {
            let what = match value_of(visit, key, &answer.text) {
                Some(value) => What::Get { key, value },
                None => What::Gone,
            };
            self.came_of_it(visit, begun, what);
        }
    }

    /// Counts. Both clients of a pair do so, on either server.
    async fn count(&self, chance: &mut Chance, visit: &Visit) {
        let begun = self.history.now();
        let what = match self.ask(chance, &visit.cookie(), "/count").await {
            Some(answer) if answer.status == 200 && answer.set.is_empty() => {
                What::Counted { told: Some(answer.text.parse().expect("a number")) }
            }
            Some(answer) if matches!(answer.status, 200 | 409) => What::Gone,
            _ => What::Counted { told: None },
        };
        self.came_of_it(visit, begun, what);
    }

    async fn rotate(&self, chance: &mut Chance, visit: &Visit) {
        let begun = self.history.now();
        match self.ask(chance, &visit.cookie(), "/step/rotate").await {
            Some(Answer { status: 200, cookie: Some(new), .. }) => {
                visit.cookies.lock().expect("no panic").push(new);
                self.history.note(visit.number, begun, What::Used);
            }
            Some(Answer { status: 200 | 409, .. }) => self.came_of_it(visit, begun, What::Gone),
            _ => {
                visit.adrift.store(true, Ordering::SeqCst);
                visit.left.store(true, Ordering::SeqCst);
            }
        }
    }

    async fn revoke(&self, chance: &mut Chance, visit: &Visit) {
        let begun = self.history.now();
        let way = chance.below(2);
        let (cookie, path) = match way {
            0 => (visit.cookie(), "/step/end".to_owned()),
            _ => (String::new(), format!("/revoke/ada/{}", visit.handle)),
        };
        let answer = self.ask(chance, &cookie, &path).await;
        let acknowledged = answer.is_some_and(|answer| answer.status == 200);
        self.ended[way].fetch_add(usize::from(acknowledged), Ordering::SeqCst);
        self.history.note(visit.number, begun, What::Revoke { acknowledged });
        visit.left.store(true, Ordering::SeqCst);
    }

    fn came_of_it(&self, visit: &Visit, begun: Duration, what: What) {
        visit.left.fetch_or(what == What::Gone, Ordering::SeqCst);
        self.history.note(visit.number, begun, what);
    }
}

/// Returns the number in a value of this session's key. Panics at a value of another session.
fn value_of(visit: &Visit, key: char, text: &str) -> Option<u32> {
    let own = format!("{}-{key}-", visit.number);
    let number = text.strip_prefix(&own);
    assert!(text.is_empty() || number.is_some(), "{own} expected, foreign data found: {text}");
    number.map(|number| number.parse().expect("a number"))
}

/// The client of a pair that rotates the id and begins the next session.
async fn lead(world: Arc<World>, current: Arc<Mutex<Option<Arc<Visit>>>>, mut chance: Chance) {
    let mut value = 0;
    while !world.over.load(Ordering::SeqCst) {
        let visit = current.lock().expect("no panic").clone();
        let Some(visit) = visit.filter(|visit| !visit.left.load(Ordering::SeqCst)) else {
            value = 0;
            let next = world.begin(&mut chance).await;
            *current.lock().expect("no panic") = next;
            continue;
        };
        match chance.below(10) {
            0 => world.rotate(&mut chance, &visit).await,
            1 => world.count(&mut chance, &visit).await,
            2..5 => {
                value += 1;
                world.set(&mut chance, &visit, 'a', value).await;
            }
            _ => world.get(&mut chance, &visit).await,
        }
    }
}

/// The client of a pair that ends the session.
async fn follow(world: Arc<World>, current: Arc<Mutex<Option<Arc<Visit>>>>, mut chance: Chance) {
    let mut last = (0, 0);
    while !world.over.load(Ordering::SeqCst) {
        let visit = current.lock().expect("no panic").clone();
        let Some(visit) = visit.filter(|visit| !visit.left.load(Ordering::SeqCst)) else {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        };
        if last.0 != visit.number {
            last = (visit.number, 0);
        }
        match chance.below(60) {
            0 => world.revoke(&mut chance, &visit).await,
            1..10 => world.count(&mut chance, &visit).await,
            10..25 => {
                last.1 += 1;
                world.set(&mut chance, &visit, 'b', last.1).await;
            }
            _ => world.get(&mut chance, &visit).await,
        }
    }
}

/// Checks the final state, without faults: a session that was not ended is live under one id, and an ended one under
/// none.
async fn is_as_it_should_be(world: &World, kind: Kind) {
    let events = world.history.events();
    world.nemesis.advance(Duration::from_secs(71) + SKEW).await;
    let live = world.nemesis.handles().await;
    let visits = world.visits.lock().expect("no panic").clone();
    for visit in visits {
        let revoked = |sure| {
            let what = What::Revoke { acknowledged: sure };
            events.iter().any(|event| event.session == visit.number && event.what == what)
        };
        let mut opens = Vec::new();
        let cookies = visit.cookies.lock().expect("no panic").clone();
        for cookie in &cookies {
            let answer = world.nemesis.surely(visit.number % 2, cookie, "/get/a").await;
            opens.push(value_of(&visit, 'a', &answer.text).is_some());
        }
        let (last, earlier) = opens.split_last().expect("at least one");
        assert!(!earlier.contains(&true), "on {kind:?}: a retired id still leads to {visit:?}");
        if *last {
            let told = world.nemesis.surely(visit.number % 2, &cookies[cookies.len() - 1], "/counted").await.text;
            let told = if told.is_empty() { 0 } else { told.parse().expect("a number") };
            let counts = |sure: bool| {
                let counts = |what: &What| matches!(what, What::Counted { told } if told.is_some() || !sure);
                events.iter().filter(|event| event.session == visit.number && counts(&event.what)).count()
            };
            let (sure, most) = (counts(true), counts(false));
            assert!((sure..=most).contains(&told), "on {kind:?}: {told} and not {sure} to {most}: {visit:?}");
        }
        let lives = live.contains(&visit.handle);
        let adrift = visit.adrift.load(Ordering::SeqCst);
        assert!(lives || !last, "on {kind:?}: an id leads to it but it is not listed: {visit:?}");
        assert!(*last || !lives || adrift, "on {kind:?}: it is listed but no id leads to it: {visit:?}");
        if revoked(true) {
            assert!(!lives, "on {kind:?}: it was ended but is live: {visit:?}");
        } else if !revoked(false) {
            assert!(lives, "on {kind:?}: it was not ended but is gone: {visit:?}");
        }
    }
}

async fn holds_against_a_nemesis(kind: Kind, mut chance: Chance) {
    let world = Arc::new(World {
        nemesis: Nemesis::on(kind).await,
        history: History::new(),
        visits: Mutex::default(),
        numbers: AtomicUsize::new(1),
        over: AtomicBool::new(false),
        ended: [AtomicUsize::new(0), AtomicUsize::new(0)],
    });
    let mut clients = JoinSet::new();
    for pair in 0..PAIRS {
        let current = Arc::new(Mutex::new(None));
        clients.spawn(lead(Arc::clone(&world), Arc::clone(&current), chance.fork(2 * pair)));
        clients.spawn(follow(Arc::clone(&world), current, chance.fork(2 * pair + 1)));
    }
    let lacks_ends = || world.ended.iter().any(|ended| ended.load(Ordering::SeqCst) == 0);
    let mut strikes = 0;
    // At least one end of each kind must be acknowledged, because an unacknowledged one may be lost.
    while strikes < 8 || (lacks_ends() && strikes < 40) {
        strikes += 1;
        tokio::time::sleep(Duration::from_millis(150) + chance.span(Duration::from_millis(200))).await;
        world.nemesis.strike(&mut chance).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.over.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap_or_else(|error| panic!("on {kind:?}: {error}"));
    }
    let events = world.history.events();
    assert_eq!(world.history.broken(), [] as [String; 0], "on {kind:?}");
    is_as_it_should_be(&world, kind).await;
    let count = |wanted: fn(&What) -> bool| events.iter().filter(|event| wanted(&event.what)).count();
    let acknowledged = count(|what| matches!(what, What::Set { acknowledged: true, .. }));
    let counted = count(|what| matches!(what, What::Counted { told: Some(_) }));
    let ended = world.ended.each_ref().map(|ended| ended.load(Ordering::SeqCst));
    let (read, used) = (count(|what| matches!(what, What::Get { .. })), count(|what| *what == What::Used));
    println!("{kind:?}: {acknowledged} set, {read} read, {used} rotated, {counted} counted, {ended:?} ended");
    assert!(acknowledged > 50 && read > 50 && used > 0 && counted > 20, "on {kind:?}: too little happened");
    assert!(ended.iter().all(|ended| *ended > 0), "on {kind:?}: a kind of end was never acknowledged: {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_g2_g3_g4_s99_no_history_against_a_nemesis_breaks_a_promise() {
    let chance = Chance::new("a nemesis");
    for (number, kind) in SHARED.into_iter().enumerate() {
        holds_against_a_nemesis(kind, chance.fork(number)).await;
    }
}
