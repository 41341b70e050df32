//! Rotation: new ids for live sessions, in one atomic step.

use super::{NOW, begin, changes, data, did, lifetime, live, new_id, owner};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::id::IdHash;
use crate::lifetime::Lifetime;
use crate::record::{Changes, Grace, Owner, Record, Rotation};
use crate::store::{Applied, Loaded, Store};
use std::time::Duration;

pub(super) async fn prove(store: &dyn Store) {
    g4_rotates_in_one_step(store).await;
    g4_lets_a_renewed_id_reach(store).await;
    g4_rotates_nothing_by_an_id_that_only_reaches(store).await;
    g4_changes_nothing_with_what_it_refuses(store).await;
    g4_knows_no_earlier_id_of_what_has_ended(store).await;
    g6_begins_both_clocks_anew_at_a_sign_in(store).await;
}

pub(super) fn recognised() -> Grace {
    Grace::Recognised(NOW + Duration::from_secs(10))
}

pub(super) fn rotation(to: IdHash, grace: Grace) -> Rotation {
    Rotation { to, changes: changes(&[]), owner: None, signed_in: None, grace }
}

async fn g4_rotates_in_one_step(store: &dyn Store) {
    let (old, record) = begin(store, &[("kept", "1"), ("removed", "2")]).await;
    let new = new_id();
    let longer = Lifetime { absolute: Duration::from_secs(9000), ..lifetime() };
    let sign_in = Rotation {
        changes: Changes { lifetime: Some(longer), ..changes(&[("removed", None), ("added", Some("3"))]) },
        owner: Some(owner(Some("ada"))),
        ..rotation(new, recognised())
    };
    let moment = NOW + Duration::from_secs(1);
    assert_eq!(did(store.rotate(&old, &sign_in, moment).await), Applied::Done(2));
    let now = live(store, &new, NOW).await.expect("the session lives under its new id");
    let expected = Record {
        owner: owner(Some("ada")),
        data: data(&[("kept", "1"), ("added", "3")]),
        lifetime: longer,
        renewed: moment,
        seen: moment,
        version: 2,
        ..record
    };
    assert_eq!(now, expected, "the handle and the creation stay, the requested changes are made");
    assert_eq!(did(store.load(&old, NOW).await), Loaded::Retired, "the old id is recognised and opens no session");
    assert_eq!(did(store.apply(&old, &changes(&[("a", Some("1"))]), NOW).await), Applied::Gone);
    assert!(!did(store.touch(&old, NOW).await) && !did(store.end(&old).await));
    assert_eq!(did(store.rotate(&old, &rotation(new_id(), recognised()), NOW).await), Applied::Gone);
    assert_eq!(did(store.load(&old, NOW + Duration::from_secs(10)).await), Loaded::Absent, "the old id is unknown");
    let (_, other) = begin(store, &[]).await;
    assert!(!did(store.create(&old, &other).await), "a retired id is given to no other session");

    let sign_out = Rotation { owner: Some(Owner::default()), ..rotation(new_id(), recognised()) };
    assert_eq!(did(store.rotate(&new, &sign_out, NOW).await), Applied::Done(3));
    assert_eq!(live(store, &sign_out.to, NOW).await.expect("a live session").owner.account, None);
}

async fn g4_knows_no_earlier_id_of_what_has_ended(store: &dyn Store) {
    let (old, _) = begin(store, &[]).await;
    let new = new_id();
    did(store.rotate(&old, &rotation(new, recognised()), NOW).await);
    assert_eq!(did(store.load(&old, NOW).await), Loaded::Retired);
    did(store.end(&new).await);
    assert_eq!(did(store.load(&old, NOW).await), Loaded::Absent, "an earlier id of an ended session is unknown");
}

async fn g6_begins_both_clocks_anew_at_a_sign_in(store: &dyn Store) {
    let (old, record) = begin(store, &[("a", "1")]).await;
    let (moment, order) = (NOW + Duration::from_secs(50), NOW + Duration::from_secs(70));
    let sign_in =
        Rotation { owner: Some(owner(Some("ada"))), signed_in: Some(order), ..rotation(new_id(), recognised()) };
    did(store.rotate(&old, &sign_in, moment).await);
    let signed_in = live(store, &sign_in.to, moment).await.expect("a live session");
    assert_eq!(
        (signed_in.created, signed_in.signed_in),
        (moment, order),
        "a sign-in sets the creation and the order of sign-ins"
    );
    assert_eq!((signed_in.handle, &signed_in.data), (record.handle, &record.data), "a sign-in keeps handle and data");
    let renewal = rotation(new_id(), recognised());
    did(store.rotate(&sign_in.to, &renewal, moment + Duration::from_secs(1)).await);
    let renewed = live(store, &renewal.to, moment).await.expect("a live session");
    assert_eq!((renewed.created, renewed.signed_in), (moment, order), "another rotation keeps both moments");
    for second in (100..640).step_by(45) {
        assert!(did(store.touch(&renewal.to, NOW + Duration::from_secs(second)).await), "use keeps a session alive");
    }
    let end = moment + super::lifetime().absolute;
    assert!(live(store, &renewal.to, Timestamp(end.0 - 1)).await.is_some(), "a sign-in restarts the timeout");
    assert_eq!(live(store, &renewal.to, end).await, None, "the absolute timeout ends the session");
}

async fn g4_lets_a_renewed_id_reach(store: &dyn Store) {
    let (old, record) = begin(store, &[("a", "1")]).await;
    let reaches = Grace::Reaches(NOW + Duration::from_secs(10));
    let (second, third) = (new_id(), new_id());
    did(store.rotate(&old, &rotation(second, reaches), NOW).await);
    did(store.rotate(&second, &rotation(third, reaches), NOW).await);
    let now = Record { version: 3, ..record };
    for id in [old, second, third] {
        assert_eq!(
            did(store.load(&id, NOW).await),
            Loaded::Live(third, now.clone().into()),
            "each id leads to the session"
        );
    }
    assert_eq!(did(store.apply(&old, &changes(&[("b", Some("2"))]), NOW).await), Applied::Done(4));
    assert!(did(store.touch(&second, NOW).await));
    assert_eq!(did(store.load(&old, NOW + Duration::from_secs(10)).await), Loaded::Absent, "the grace period is over");
    let fourth = new_id();
    assert_eq!(did(store.rotate(&third, &rotation(fourth, recognised()), NOW).await), Applied::Done(5));
    for id in [old, second, third] {
        let cut_off = did(store.load(&id, NOW).await);
        assert_eq!(cut_off, Loaded::Retired, "after a change of privilege every earlier id is only recognised");
        assert_eq!(did(store.apply(&id, &changes(&[("b", Some("3"))]), NOW).await), Applied::Gone);
        assert!(!did(store.touch(&id, NOW).await));
    }
    did(store.rotate(&fourth, &rotation(new_id(), reaches), NOW).await);
    let Loaded::Live(fifth, _) = did(store.load(&fourth, NOW).await) else { panic!("a renewed id fails") };
    did(store.end(&fifth).await);
    assert_eq!(did(store.load(&fourth, NOW).await), Loaded::Absent, "no id reaches an ended session");
}

async fn g4_rotates_nothing_by_an_id_that_only_reaches(store: &dyn Store) {
    let (old, _) = begin(store, &[]).await;
    let (new, other) = (new_id(), new_id());
    let reaches = Grace::Reaches(NOW + Duration::from_secs(10));
    did(store.rotate(&old, &rotation(new, reaches), NOW).await);
    assert_eq!(did(store.rotate(&old, &rotation(other, reaches), NOW).await), Applied::Gone, "an id is renewed once");
    assert_eq!(live(store, &other, NOW).await, None);
    assert!(matches!(did(store.load(&old, NOW).await), Loaded::Live(id, _) if id == new));
}

async fn g4_changes_nothing_with_what_it_refuses(store: &dyn Store) {
    let (old, record) = begin(store, &[("a", "1")]).await;
    let of_another_version = Changes { if_version: Some(7), ..changes(&[("a", Some("2"))]) };
    let refused = Rotation { changes: of_another_version, ..rotation(new_id(), recognised()) };
    assert_eq!(did(store.rotate(&old, &refused, NOW).await), Applied::Conflict);
    let too_large = changes(&[("a", Some("x".repeat(super::LIMIT).as_str()))]);
    let refused = Rotation { changes: too_large, ..rotation(new_id(), recognised()) };
    assert_eq!(did(store.rotate(&old, &refused, NOW).await), Applied::TooLarge);
    assert_eq!(live(store, &refused.to, NOW).await, None);
    assert_eq!(live(store, &old, NOW).await, Some(record), "the session is unchanged under its old id");
}

/// Must run last, because afterwards the store decides about retired ids by its own clock.
pub(super) async fn s22_nodes_with_other_clocks_agree_on_an_earlier_id(store: &dyn Store) {
    // So long that the duration of the store's calls does not matter.
    let (hour, skew) = (Duration::from_secs(3_600), Duration::from_secs(7_200));
    let [here, ahead] = [NOW, NOW + skew].map(|moment| Clock::Manual(ManualClock::at(moment)));
    if did(store.compare(&here).await).is_none() {
        return;
    }
    let over = hour + Duration::from_secs(60);
    let lifetime = Lifetime { idle: hour * 10, absolute: hour * 10 };
    let (old, renewed, signed_in) = (new_id(), new_id(), new_id());
    assert!(did(store.create(&old, &Record::new(data(&[]), lifetime, NOW)).await));
    did(store.rotate(&old, &rotation(renewed, Grace::Reaches(NOW + hour)), NOW).await);
    assert!(did(store.compare(&ahead).await).is_some(), "the store has a clock");
    let there = NOW + skew;
    let reached = did(store.load(&old, there).await);
    assert!(matches!(reached, Loaded::Live(id, _) if id == renewed), "a node ahead reaches the session: {reached:?}");
    assert_eq!(did(store.apply(&old, &changes(&[("a", Some("1"))]), there).await), Applied::Done(3), "it writes too");
    assert!(did(store.touch(&old, there).await), "it touches too");
    assert_eq!(
        did(store.load(&old, there + over).await),
        Loaded::Absent,
        "the grace period ends as for a node on time"
    );
    did(store.rotate(&renewed, &rotation(signed_in, Grace::Recognised(there + hour)), there).await);
    did(store.compare(&here).await);
    assert_eq!(did(store.load(&renewed, NOW).await), Loaded::Retired, "a node behind recognises the old id");
    assert_eq!(did(store.load(&renewed, NOW + over).await), Loaded::Absent, "the grace period ends there too");
}
