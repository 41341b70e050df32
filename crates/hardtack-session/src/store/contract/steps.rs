//! Single steps: create, change, touch and end a session, and its expiry at the deadline.

use super::rotation::{recognised, rotation};
use super::{LIMIT, NOW, begin, begin_for, changes, data, did, lifetime, live, new_id};
use crate::clock::Timestamp;
use crate::lifetime::{Lifetime, Terms};
use crate::record::{Changes, Device, Owner, Record};
use crate::store::{Applied, Loaded, Store};
use std::time::Duration;

pub(super) async fn prove(store: &dyn Store) {
    keeps_what_it_was_given(store).await;
    never_overwrites(store).await;
    g1_merges_changes_of_different_values(store).await;
    refuses_changes_of_another_version(store).await;
    s102_keeps_to_its_limit(store).await;
    lets_shrink_what_is_over_the_limit(store).await;
    g3_changes_nothing_that_is_gone(store).await;
    g6_ends_at_the_boundary(store).await;
    g6_takes_new_clocks(store).await;
    g6_keeps_who_set_the_clocks(store).await;
    s22_bears_clocks_that_differ(store).await;
    s100_touches_without_rewriting(store).await;
}

async fn keeps_what_it_was_given(store: &dyn Store) {
    did(store.ping().await);
    let odd = "a \"quoted\" \\ name, ключ, 🔑, \u{7f} and a 'quote'";
    let (id, record) =
        begin_for(store, &[(odd, r#"{"a":[1,null,"x\u0000y"]}"#), ("empty", "\"\""), ("null", "null")], Some("me"))
            .await;
    assert_eq!(
        did(store.load(&id, NOW).await),
        Loaded::Live(id, record.into()),
        "a session is loaded as it was stored"
    );
    assert_eq!(did(store.load(&new_id(), NOW).await), Loaded::Absent, "an unknown id is absent, not an error");
    let device = Device { label: "Firefox on \u{1f427}".to_owned(), address: "2001:db8::1".to_owned() };
    let owner = Owner { account: Some("somebody@example.com".to_owned()), device: Some(device) };
    let (other, signed_in) = (new_id(), Record { owner, ..Record::new(data(&[]), lifetime(), NOW) });
    assert!(did(store.create(&other, &signed_in).await));
    assert_eq!(did(store.load(&other, NOW).await), Loaded::Live(other, signed_in.into()), "it keeps owner and device");
    assert!(did(store.end(&id).await), "a session is ended");
    assert!(!did(store.end(&id).await), "a second end finds no session");
    assert_eq!(live(store, &id, NOW).await, None, "an ended session is gone");
}

async fn never_overwrites(store: &dyn Store) {
    let (id, record) = begin(store, &[("a", "1")]).await;
    let other = Record::new(data(&[("a", "2")]), lifetime(), NOW);
    assert!(!did(store.create(&id, &other).await), "an id in use is not given to another session");
    assert_eq!(live(store, &id, NOW).await, Some(record), "the session under that id is unchanged");
}

async fn g1_merges_changes_of_different_values(store: &dyn Store) {
    let (id, _) = begin(store, &[("kept", "1"), ("changed", "2"), ("removed", "3")]).await;
    let first = changes(&[("changed", Some("{\"deep\":null}")), ("removed", None), ("not there", None)]);
    assert_eq!(did(store.apply(&id, &first, NOW + Duration::from_secs(1)).await), Applied::Done(2));
    assert_eq!(did(store.apply(&id, &changes(&[("added", Some("null"))]), NOW).await), Applied::Done(3));
    let record = live(store, &id, NOW).await.expect("a live session");
    let expected = data(&[("kept", "1"), ("changed", "{\"deep\":null}"), ("added", "null")]);
    assert_eq!(record.data, expected, "each change affects its own values and no others");
    assert_eq!(record.seen, NOW + Duration::from_secs(1), "a change counts as use, and `seen` never moves back");
}

async fn refuses_changes_of_another_version(store: &dyn Store) {
    let (id, _) = begin(store, &[("n", "1")]).await;
    let of = |version| Changes { if_version: Some(version), ..changes(&[("n", Some("2"))]) };
    assert_eq!(did(store.apply(&id, &of(7), NOW).await), Applied::Conflict);
    assert_eq!(did(store.apply(&id, &of(1), NOW).await), Applied::Done(2));
    assert_eq!(did(store.apply(&id, &of(1), NOW).await), Applied::Conflict, "each version allows one change");
}

async fn s102_keeps_to_its_limit(store: &dyn Store) {
    let (id, record) = begin(store, &[("a", "1")]).await;
    let sized = |bytes: usize| changes(&[("b", Some("x".repeat(bytes).as_str()))]);
    // "a" + "1" + "b" are three bytes.
    assert_eq!(did(store.apply(&id, &sized(LIMIT - 2), NOW).await), Applied::TooLarge);
    assert_eq!(live(store, &id, NOW).await, Some(record), "a change that is too large writes nothing");
    assert_eq!(did(store.apply(&id, &sized(LIMIT - 3), NOW).await), Applied::Done(2), "data of exactly the limit fits");
    let quotes = changes(&[("b", Some("\"".repeat(LIMIT - 3).as_str()))]);
    assert_eq!(did(store.apply(&id, &quotes, NOW).await), Applied::Done(3), "plain bytes count, not their encoding");
}

async fn lets_shrink_what_is_over_the_limit(store: &dyn Store) {
    let (id, _) = begin(store, &[("big", &"x".repeat(2 * LIMIT))]).await;
    let sized = |bytes: usize| changes(&[("big", Some("x".repeat(bytes).as_str()))]);
    assert_eq!(did(store.apply(&id, &sized(2 * LIMIT + 1), NOW).await), Applied::TooLarge);
    assert_eq!(
        did(store.apply(&id, &sized(2 * LIMIT), NOW).await),
        Applied::Done(2),
        "data over the limit may keep its size"
    );
    assert_eq!(did(store.apply(&id, &sized(LIMIT + 1), NOW).await), Applied::Done(3), "data over the limit may shrink");
    assert_eq!(did(store.apply(&id, &changes(&[("more", Some("1"))]), NOW).await), Applied::TooLarge);
}

async fn g3_changes_nothing_that_is_gone(store: &dyn Store) {
    let (id, _) = begin(store, &[("a", "1")]).await;
    did(store.end(&id).await);
    assert_eq!(did(store.apply(&id, &changes(&[("a", Some("2"))]), NOW).await), Applied::Gone);
    assert_eq!(did(store.rotate(&id, &rotation(new_id(), recognised()), NOW).await), Applied::Gone);
    assert!(!did(store.touch(&id, NOW).await));
    assert_eq!(live(store, &id, NOW).await, None, "nothing brings an ended session back");
}

async fn g6_ends_at_the_boundary(store: &dyn Store) {
    let (id, _) = begin(store, &[("a", "1")]).await;
    let idle = NOW + Duration::from_secs(60);
    let before = Timestamp(idle.0 - 1);
    assert!(live(store, &id, before).await.is_some(), "a session lives to its last millisecond");
    assert_eq!(live(store, &id, idle).await, None, "a session is over at its deadline, swept or not");
    assert_eq!(did(store.apply(&id, &changes(&[("a", None)]), idle).await), Applied::Gone);
    assert_eq!(did(store.rotate(&id, &rotation(new_id(), recognised()), idle).await), Applied::Gone);
    assert!(!did(store.touch(&id, idle).await), "a touch does not revive an expired session");

    let (id, _) = begin(store, &[("a", "1")]).await;
    for second in (50..600).step_by(50) {
        assert!(did(store.touch(&id, NOW + Duration::from_secs(second)).await), "use keeps a session alive");
    }
    let absolute = NOW + Duration::from_secs(600);
    assert!(live(store, &id, Timestamp(absolute.0 - 1)).await.is_some());
    assert_eq!(live(store, &id, absolute).await, None, "the absolute timeout ends a session in use too");
}

async fn g6_takes_new_clocks(store: &dyn Store) {
    let (id, record) = begin(store, &[("a", "1")]).await;
    let longer = Lifetime { idle: Duration::from_secs(600), absolute: Duration::from_secs(900) };
    let change = Changes { lifetime: Some(longer), ..changes(&[]) };
    assert_eq!(did(store.apply(&id, &change, NOW).await), Applied::Done(2));
    let now = live(store, &id, NOW + Duration::from_secs(599)).await;
    assert_eq!(now, Some(Record { lifetime: longer, version: 2, ..record }), "a change can lengthen the lifetime");
    let shorter = Lifetime { idle: Duration::from_secs(5), ..longer };
    let change = Changes { lifetime: Some(shorter), ..changes(&[]) };
    assert_eq!(did(store.apply(&id, &change, NOW).await), Applied::Done(3));
    assert_eq!(live(store, &id, NOW + Duration::from_secs(5)).await, None, "a change can shorten the lifetime");
    while did(store.sweep(NOW + Duration::from_secs(5), 100).await).more {}
    assert_eq!(did(store.stats(NOW + Duration::from_secs(5)).await).over, 0, "the sweep finds a shortened deadline");
}

async fn g6_keeps_who_set_the_clocks(store: &dyn Store) {
    for terms in [Terms::Common, Terms::Own, Terms::Kept] {
        let (id, record) = (new_id(), Record { terms, ..Record::new(data(&[]), lifetime(), NOW) });
        assert!(did(store.create(&id, &record).await));
        did(store.apply(&id, &changes(&[("a", Some("1"))]), NOW).await);
        assert_eq!(live(store, &id, NOW).await.map(|record| record.terms), Some(terms), "values keep the terms");
        for other in [Terms::Kept, Terms::Common, Terms::Own] {
            let change = Changes { lifetime: Some(lifetime()), terms: Some(other), ..changes(&[]) };
            did(store.apply(&id, &change, NOW).await);
            assert_eq!(live(store, &id, NOW).await.map(|record| record.terms), Some(other), "a change sets new terms");
        }
    }
}

async fn s22_bears_clocks_that_differ(store: &dyn Store) {
    let (id, _) = begin(store, &[("a", "1")]).await;
    let late = Timestamp(NOW.0 - 300_000);
    assert!(live(store, &id, late).await.is_some(), "a node whose clock is behind loads the session");
    assert_eq!(did(store.apply(&id, &changes(&[("b", Some("2"))]), late).await), Applied::Done(2));
    assert!(did(store.touch(&id, late).await));
    let record = live(store, &id, NOW).await.expect("a live session");
    assert_eq!((record.seen, record.deadline()), (NOW, NOW + lifetime().idle), "a late clock shortens nothing");
    assert_eq!(live(store, &id, NOW + lifetime().idle).await, None);
}

async fn s100_touches_without_rewriting(store: &dyn Store) {
    let (id, record) = begin(store, &[("a", "1")]).await;
    let later = NOW + Duration::from_secs(30);
    assert!(did(store.touch(&id, later).await));
    let touched = live(store, &id, later).await.expect("a live session");
    assert_eq!(touched, Record { seen: later, ..record }, "a touch changes `seen` alone, not even the version");
}
