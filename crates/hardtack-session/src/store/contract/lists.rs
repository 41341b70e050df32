//! Lists, ends by handle and by account, the sweep, and the sweep lease.

use super::rotation::{recognised, rotation};
use super::{NOW, begin, begin_for, data, did, lifetime, listed, live, new_id};
use crate::id::Handle;
use crate::record::{Device, Owner, Record, Rotation};
use crate::store::{Listed, Order, Stats, Store, Swept};
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) async fn prove(store: &dyn Store) {
    lists_and_ends_by_account(store).await;
    lists_in_order_and_in_parts(store).await;
    ends_what_is_unused(store).await;
    ends_an_account_in_parts(store).await;
    lists_who_signs_in_and_out(store).await;
    browses_all_that_live(store).await;
    ends_by_handle(store).await;
    sweeps_the_oldest_first(store).await;
    one_sweeper_leads(store).await;
}

async fn lists_and_ends_by_account(store: &dyn Store) {
    let (me, stranger) = (Handle::generate().to_string(), Handle::generate().to_string());
    let (first, one) = begin_for(store, &[], Some(&me)).await;
    let (second, two) = begin_for(store, &[], Some(&me)).await;
    let (third, three) = begin_for(store, &[], Some(&me)).await;
    let (foreign, _) = begin_for(store, &[], Some(&stranger)).await;
    let later = NOW + Duration::from_secs(5);
    did(store.touch(&second, later).await);
    let found = listed(store, &me, later).await;
    assert_eq!(found.len(), 3, "a list holds the sessions of its account");
    assert_eq!((found[0].handle, found[0].seen), (two.handle, later), "the last used session comes first");
    assert_eq!(listed(store, &me, NOW + Duration::from_secs(60)).await.len(), 1, "an expired session is not listed");
    assert!(!did(store.end_by_handle(Some(&stranger), &one.handle).await), "a stranger cannot end a session");
    assert!(!did(store.end_by_handle(Some(&me), &Handle::generate()).await));
    assert!(did(store.end_by_handle(Some(&me), &one.handle).await));
    assert_eq!(live(store, &first, NOW).await, None);
    assert_eq!(did(store.end_by_account(&me, Some(&three.handle)).await), 1, "all sessions but one end");
    assert!(live(store, &third, NOW).await.is_some() && live(store, &second, NOW).await.is_none());
    assert_eq!(did(store.end_by_account(&me, None).await), 1, "all sessions end");
    assert_eq!(listed(store, &me, NOW).await, []);
    assert!(live(store, &foreign, NOW).await.is_some(), "sessions of other accounts stay");
}

async fn lists_in_order_and_in_parts(store: &dyn Store) {
    let me = Handle::generate().to_string();
    let mut handles = Vec::new();
    for n in 0..7 {
        let (id, record) = begin_for(store, &[], Some(&me)).await;
        let sign_in = NOW + Duration::from_secs(100 - n);
        let signing = Rotation {
            owner: Some(Owner { account: Some(me.clone()), device: None }),
            signed_in: Some(sign_in),
            ..rotation(new_id(), recognised())
        };
        did(store.rotate(&id, &signing, NOW).await);
        // Two sessions are used at the same moment, so that their handles decide the order.
        did(store.touch(&signing.to, NOW + Duration::from_secs(n.max(1))).await);
        handles.push((n.max(1), record.handle));
    }
    let found = |listed: Vec<Listed>| listed.iter().map(|listed| listed.handle).collect::<Vec<_>>();
    let signed_in: Vec<_> = handles.iter().map(|(_, handle)| *handle).collect();
    assert_eq!(found(did(store.list(&me, Order::SignedIn, 100, NOW).await)), signed_in, "the latest sign-in first");
    assert_eq!(
        found(did(store.list(&me, Order::SignedIn, 2, NOW).await)),
        signed_in[..2],
        "a list has at most `limit` sessions"
    );
    handles.sort_unstable();
    let unused: Vec<_> = handles.iter().map(|(_, handle)| *handle).collect();
    assert_eq!(found(did(store.list(&me, Order::Unused, 100, NOW).await)), unused, "the longest unused comes first");
    assert_eq!(found(did(store.list(&me, Order::Unused, 3, NOW).await)), unused[..3]);
    let (mut used, mut after) = (Vec::new(), None);
    loop {
        let part = did(store.list(&me, Order::Used(after), 2, NOW).await);
        assert!(part.len() <= 2, "a part has at most `limit` sessions");
        let Some(last) = part.last() else { break };
        // The position stays valid after its session has ended.
        did(store.end_by_handle(Some(&me), &last.handle).await);
        after = Some(last.place());
        used.extend(found(part));
    }
    used.reverse();
    assert_eq!(used, unused, "the last used session comes first, and each is in one part");
    did(store.end_by_account(&me, None).await);
}

async fn ends_what_is_unused(store: &dyn Store) {
    let me = Handle::generate().to_string();
    let (_, idle) = begin_for(store, &[], Some(&me)).await;
    let (used, in_use) = begin_for(store, &[], Some(&me)).await;
    let (foreign, strangers) = begin_for(store, &[], Some("a stranger")).await;
    let later = NOW + Duration::from_secs(1);
    did(store.touch(&used, later).await);
    let all = [idle.handle, in_use.handle, strangers.handle, Handle::generate()];
    assert_eq!(did(store.end_those(&me, &all, Some(NOW)).await), [idle.handle], "a session used later stays");
    assert_eq!(did(store.end_those(&me, &all, Some(NOW)).await), [], "a second call finds no session");
    assert_eq!(did(store.end_those(&me, &[], None).await), [], "an empty list ends no session");
    assert_eq!(did(store.end_those(&me, &all, None).await), [in_use.handle], "without a moment, use does not matter");
    assert_eq!(live(store, &used, NOW).await, None);
    assert!(live(store, &foreign, NOW).await.is_some(), "sessions of other accounts stay");
    did(store.end(&foreign).await);
}

async fn ends_an_account_in_parts(store: &dyn Store) {
    let me = Handle::generate().to_string();
    let mut ids = Vec::new();
    for _ in 0..25 {
        ids.push(begin_for(store, &[], Some(&me)).await);
    }
    let (own, kept) = ids.pop().expect("25 sessions");
    let (mut ended, mut cursor, mut parts) = (0, None, 0);
    loop {
        let part = did(store.end_some(&me, Some(&kept.handle), cursor.as_deref(), 10).await);
        (ended, parts) = (ended + part.sessions, parts + 1);
        cursor = part.next;
        if cursor.is_none() {
            break;
        }
        assert!(parts < 100, "the parts come to an end");
    }
    assert_eq!(ended, 24, "each ended session counts once");
    for (id, _) in &ids {
        assert_eq!(live(store, id, NOW).await, None, "no other session is left");
    }
    assert!(live(store, &own, NOW).await.is_some(), "the excepted session stays");
    assert_eq!(did(store.end_by_account(&me, None).await), 1);
}

async fn browses_all_that_live(store: &dyn Store) {
    let mut expected = BTreeSet::new();
    for n in 0..25 {
        let (_, record) = begin_for(store, &[], Some(&format!("browsed {n}"))).await;
        expected.insert(record.handle);
    }
    let (gone, over) = (begin(store, &[]).await, begin(store, &[]).await);
    did(store.end(&gone.0).await);
    let (mut seen, mut cursor, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let page = did(store.browse(cursor.as_deref(), 7, NOW).await);
        seen.extend(page.sessions.iter().map(|session| session.handle));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        assert!(pages < 10_000, "the pages come to an end");
    }
    assert!(expected.is_subset(&seen), "each live session is on a page");
    assert!(!seen.contains(&gone.1.handle), "an ended session is on no page");
    let later = NOW + Duration::from_secs(60);
    let mut cursor = None;
    loop {
        let page = did(store.browse(cursor.as_deref(), 100, later).await);
        assert!(page.sessions.iter().all(|session| session.handle != over.1.handle), "an expired session is not on it");
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
}

async fn ends_by_handle(store: &dyn Store) {
    let (id, record) = begin(store, &[]).await;
    assert!(!did(store.end_by_handle(Some("anybody"), &record.handle).await), "the session has no account");
    assert!(did(store.end_by_handle(None, &record.handle).await), "an operator ends any session");
    assert_eq!(live(store, &id, NOW).await, None);
    assert!(!did(store.end_by_handle(None, &record.handle).await), "a second end finds no session");
}

async fn lists_who_signs_in_and_out(store: &dyn Store) {
    let me = Handle::generate().to_string();
    let (first, record) = begin(store, &[]).await;
    let device = Device { label: "Chromium on Linux".to_owned(), address: "192.0.2.1".to_owned() };
    let signed_in = Owner { account: Some(me.clone()), device: Some(device) };
    let sign_in = Rotation { owner: Some(signed_in.clone()), ..rotation(new_id(), recognised()) };
    did(store.rotate(&first, &sign_in, NOW).await);
    let found = listed(store, &me, NOW).await;
    assert_eq!(found.len(), 1, "a session is listed after a sign-in");
    assert_eq!((found[0].handle, &found[0].owner), (record.handle, &signed_in), "the list has the device");
    assert_eq!((found[0].created, found[0].deadline), (NOW, NOW + lifetime().idle));
    let renewal = rotation(new_id(), recognised());
    did(store.rotate(&sign_in.to, &renewal, NOW).await);
    assert_eq!(listed(store, &me, NOW).await.len(), 1, "a session with a new id is listed once");
    let sign_out = Rotation { owner: Some(Owner::default()), ..rotation(new_id(), recognised()) };
    did(store.rotate(&renewal.to, &sign_out, NOW).await);
    assert_eq!(listed(store, &me, NOW).await, [], "a session is not listed after a sign-out");
    assert_eq!(did(store.end_by_account(&me, None).await), 0);
    assert!(live(store, &sign_out.to, NOW).await.is_some());
}

async fn sweeps_the_oldest_first(store: &dyn Store) {
    while did(store.sweep(NOW + Duration::from_secs(100_000), 1000).await).more {}
    let mut ids = Vec::new();
    for second in [3, 1, 2] {
        let id = new_id();
        let record = Record::new(data(&[]), lifetime(), NOW + Duration::from_secs(second));
        did(store.create(&id, &record).await);
        ids.push(id);
    }
    let at = |second| NOW + Duration::from_secs(second);
    assert_eq!(did(store.sweep(at(60), 10).await), Swept { sessions: 0, more: false }, "a live session is not swept");
    assert_eq!(did(store.stats(at(62)).await), Stats { live: 1, over: 2 });
    let first = did(store.sweep(at(62), 1).await);
    assert_eq!((first.sessions, first.more), (1, true), "a sweep removes at most a batch, and reports more");
    assert_eq!(did(store.stats(at(60)).await).live, 2, "the sweep began with the session that expired first");
    assert_eq!(did(store.sweep(at(62), 10).await).sessions, 1);
    assert!(live(store, &ids[0], NOW).await.is_some());
    assert!(did(store.touch(&ids[0], at(62)).await));
    assert_eq!(did(store.sweep(at(63), 10).await).sessions, 0, "a session used meanwhile has not expired");
    assert_eq!(did(store.stats(at(63)).await), Stats { live: 1, over: 0 });
    let mut swept = 0;
    for _ in 0..3 {
        swept += did(store.sweep(at(122), 10).await).sessions;
    }
    assert_eq!(swept, 1, "a used session is swept once it has expired");
}

async fn one_sweeper_leads(store: &dyn Store) {
    let (one, other) = (Handle::generate(), Handle::generate());
    // So late that every lease from before this suite has run out.
    let now = NOW + Duration::from_secs(1_000_000);
    let until = now + Duration::from_secs(60);
    assert!(did(store.lead(&one, until, now).await), "the lease is free");
    assert!(!did(store.lead(&other, until, now).await), "a held lease is refused to others");
    assert!(did(store.lead(&one, until + Duration::from_secs(1), now).await), "the holder may extend the lease");
    let over = until + Duration::from_secs(1);
    assert!(!did(store.lead(&other, over, until).await));
    assert!(did(store.lead(&other, over + Duration::from_secs(60), over).await), "the lease has run out");
    assert!(!did(store.lead(&one, over + Duration::from_secs(60), over).await));
    assert!(did(store.lead(&other, over, over).await), "the holder may give the lease back early");
    assert!(did(store.lead(&one, now, over).await), "another sweeper may take a lease that was given back");
}
