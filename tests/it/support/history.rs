//! Histories of the clients of a store, and a check whether the guarantees allow them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An operation of a client, from before its request until after its response.
#[derive(Clone, Debug)]
pub struct Event {
    pub session: usize,
    pub begun: Duration,
    pub done: Duration,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A value was set. Without an acknowledgement it may take effect at any later time, or never.
    Set { key: char, value: u32, acknowledged: bool },
    /// A value was read.
    Get { key: char, value: u32 },
    /// The counter was incremented, with the number in the response. Without a response the increment may take effect
    /// at any later time, or never.
    Counted { told: Option<u32> },
    /// The session was used in another way.
    Used,
    /// The session did not exist any more.
    Gone,
    /// The session was ended. Without an acknowledgement it may or may not have been.
    Revoke { acknowledged: bool },
}

/// The operations of all clients on one clock.
#[derive(Debug)]
pub struct History {
    origin: Instant,
    events: Mutex<Vec<Event>>,
}

impl History {
    pub fn new() -> Self {
        Self { origin: Instant::now(), events: Mutex::default() }
    }

    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Adds an operation that has just completed.
    pub fn note(&self, session: usize, begun: Duration, what: What) {
        let event = Event { session, begun, done: self.now(), what };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the violated guarantees, each as a sentence.
    ///
    /// Each key has one writer, which sets growing values one after the other. Any client reads.
    pub fn broken(&self) -> Vec<String> {
        let mut sessions: BTreeMap<usize, Vec<Event>> = BTreeMap::new();
        for event in self.events() {
            sessions.entry(event.session).or_default().push(event);
        }
        sessions.values().flat_map(|events| broken(events)).collect()
    }
}

/// Returns the violated guarantees of one session.
fn broken(events: &[Event]) -> Vec<String> {
    let revokes = || events.iter().filter(|event| matches!(event.what, What::Revoke { .. }));
    let over =
        revokes().filter(|event| event.what == What::Revoke { acknowledged: true }).map(|event| event.done).min();
    let ending = revokes().map(|event| event.begun).min();
    let mut broken = Vec::new();
    for event in events {
        let used = match &event.what {
            What::Get { key, value } => {
                broken.extend(unfit(events, event, *key, *value));
                true
            }
            What::Set { acknowledged, .. } => *acknowledged,
            What::Counted { told: Some(told) } => {
                broken.extend(miscounted(events, event, *told));
                true
            }
            What::Used => true,
            What::Gone => {
                if ending.is_none_or(|ending| event.done < ending) {
                    broken.push(format!("lost, although it was not ended: {event:?}"));
                }
                false
            }
            What::Counted { told: None } | What::Revoke { .. } => false,
        };
        if used && over.is_some_and(|over| over < event.begun) {
            broken.push(format!("used after its end: {event:?}, ended at {over:?}"));
        }
    }
    broken
}

/// Returns the fault in a value that was read, if there is one.
fn unfit(events: &[Event], get: &Event, key: char, value: u32) -> Option<String> {
    let sets = || {
        events.iter().filter_map(|event| match event.what {
            What::Set { key: of, value, acknowledged } if of == key => Some((event, value, acknowledged)),
            _ => None,
        })
    };
    let Some((set, _, acknowledged)) = sets().find(|(_, set, _)| *set == value) else {
        return Some(format!("a value that was never set: {get:?}"));
    };
    if set.begun > get.done {
        return Some(format!("a value of the future: {get:?}"));
    }
    let newer = sets().any(|(event, newer, acknowledged)| acknowledged && newer > value && event.done < get.begun);
    // A write without an acknowledgement may take effect late, over a newer one.
    (acknowledged && newer).then(|| format!("a value that was superseded before: {get:?}"))
}

/// Returns the fault in a number of the counter, if there is one.
fn miscounted(events: &[Event], count: &Event, told: u32) -> Option<String> {
    let counts = || {
        events.iter().filter_map(|event| match event.what {
            What::Counted { told } => Some((event, told)),
            _ => None,
        })
    };
    let before = counts().filter(|(event, told)| told.is_some() && event.done < count.begun).count();
    let begun = counts().filter(|(event, _)| event.begun <= count.done).count();
    let moment = |event: &Event| (event.done, event.begun);
    if counts().any(|(event, other)| other == Some(told) && moment(event) < moment(count)) {
        return Some(format!("counted twice to the same number: {count:?}"));
    }
    let told = told as usize;
    (told <= before || told > begun)
        .then(|| format!("{before} counts were done before and {begun} were begun: {count:?}"))
}

/// Returns the faults of a made-up history, with times in milliseconds.
fn told(events: &[(u64, u64, What)]) -> Vec<String> {
    let at = Duration::from_millis;
    let event = |(begun, done, what): &(u64, u64, What)| Event {
        session: 1,
        begun: at(*begun),
        done: at(*done),
        what: what.clone(),
    };
    broken(&events.iter().map(event).collect::<Vec<_>>())
}

#[test]
fn a_history_that_can_be_is_believed() {
    let set = |value, acknowledged| What::Set { key: 'a', value, acknowledged };
    let get = |value| What::Get { key: 'a', value };
    let history = [
        (0, 1, set(1, true)),
        (2, 3, get(1)),
        // A read during a write may return either value.
        (4, 8, set(2, true)),
        (5, 6, get(1)),
        (5, 7, get(2)),
        // A failed write may still take effect, and late.
        (10, 11, set(3, false)),
        (12, 13, get(2)),
        (14, 15, set(4, true)),
        (16, 17, get(3)),
        (17, 18, What::Counted { told: Some(1) }),
        (17, 18, What::Counted { told: None }),
        (18, 19, What::Counted { told: Some(3) }),
        (20, 24, What::Revoke { acknowledged: true }),
        (21, 25, get(4)),
        (26, 27, What::Gone),
    ];
    assert_eq!(told(&history), [] as [String; 0]);
}

#[test]
fn a_history_that_cannot_be_is_not() {
    let set = |value, acknowledged| What::Set { key: 'a', value, acknowledged };
    let get = |value| What::Get { key: 'a', value };
    let revoked = (2, 3, What::Revoke { acknowledged: true });
    let counted = |told| What::Counted { told: Some(told) };
    let cases = [
        (vec![(0, 1, set(1, true)), (2, 3, get(2))], "never set"),
        (vec![(0, 1, set(1, true)), (2, 3, set(2, true)), (4, 5, get(1))], "superseded"),
        (vec![(0, 1, set(1, true)), (2, 3, get(2)), (4, 5, set(2, true))], "future"),
        (vec![(0, 1, set(1, true)), revoked.clone(), (4, 5, get(1))], "after its end"),
        (vec![revoked.clone(), (4, 5, set(1, true))], "after its end"),
        (vec![revoked.clone(), (4, 5, What::Used)], "after its end"),
        (vec![(0, 1, What::Gone), revoked], "lost"),
        (vec![(0, 1, What::Gone)], "lost"),
        (vec![(0, 1, counted(1)), (2, 3, counted(3))], "2 were begun"),
        (vec![(0, 1, counted(2)), (1, 2, counted(0))], "were begun"),
        (vec![(2, 3, counted(1)), (0, 1, What::Counted { told: None }), (4, 5, counted(1))], "twice"),
    ];
    for (history, says) in cases {
        let found = told(&history);
        assert!(found.len() == 1 && found[0].contains(says), "{history:?}: {found:?}");
    }
}
