//! Lists, ends by handle and by account, the sweep.

use super::rotation::{recognised, rotation};
use super::{NOW, begin, begin_for, data, did, lifetime, live, new_id};
use crate::session::id::Handle;
use crate::session::record::{Device, Owner, Record, Rotation};
use crate::session::store::{Stats, Store, Swept};
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) async fn prove(store: &dyn Store) {
    lists_and_ends_by_account(store).await;
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
    let listed = did(store.list(&me, later).await);
    assert_eq!(listed.len(), 3, "an account lists its own sessions");
    assert_eq!((listed[0].handle, listed[0].seen), (two.handle, later), "the one used last comes first");
    assert_eq!(did(store.list(&me, NOW + Duration::from_secs(60)).await).len(), 1, "what is over is not listed");
    assert!(!did(store.end_by_handle(Some(&stranger), &one.handle).await), "nobody ends a stranger's session");
    assert!(!did(store.end_by_handle(Some(&me), &Handle::generate()).await));
    assert!(did(store.end_by_handle(Some(&me), &one.handle).await));
    assert_eq!(live(store, &first, NOW).await, None);
    assert_eq!(did(store.end_by_account(&me, Some(&three.handle)).await), 1, "all but one");
    assert!(live(store, &third, NOW).await.is_some() && live(store, &second, NOW).await.is_none());
    assert_eq!(did(store.end_by_account(&me, None).await), 1, "all");
    assert_eq!(did(store.list(&me, NOW).await), []);
    assert!(live(store, &foreign, NOW).await.is_some(), "and nobody else's");
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
    assert!(!seen.contains(&gone.1.handle), "and none that has ended");
    let later = NOW + Duration::from_secs(60);
    let mut cursor = None;
    loop {
        let page = did(store.browse(cursor.as_deref(), 100, later).await);
        assert!(page.sessions.iter().all(|session| session.handle != over.1.handle), "nor one that is over");
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
}

async fn ends_by_handle(store: &dyn Store) {
    let (id, record) = begin(store, &[]).await;
    assert!(!did(store.end_by_handle(Some("anybody"), &record.handle).await), "nobody's session is not anybody's");
    assert!(did(store.end_by_handle(None, &record.handle).await), "an operator ends any session");
    assert_eq!(live(store, &id, NOW).await, None);
    assert!(!did(store.end_by_handle(None, &record.handle).await), "once");
}

async fn lists_who_signs_in_and_out(store: &dyn Store) {
    let me = Handle::generate().to_string();
    let (first, record) = begin(store, &[]).await;
    let device = Device { label: "Chromium on Linux".to_owned(), address: "192.0.2.1".to_owned() };
    let signed_in = Owner { account: Some(me.clone()), device: Some(device) };
    let sign_in = Rotation { owner: Some(signed_in.clone()), ..rotation(new_id(), recognised()) };
    did(store.rotate(&first, &sign_in, NOW).await);
    let listed = did(store.list(&me, NOW).await);
    assert_eq!(listed.len(), 1, "who signs in is listed");
    assert_eq!((listed[0].handle, &listed[0].owner), (record.handle, &signed_in), "with the device");
    assert_eq!((listed[0].created, listed[0].deadline), (NOW, NOW + lifetime().idle));
    let renewal = rotation(new_id(), recognised());
    did(store.rotate(&sign_in.to, &renewal, NOW).await);
    assert_eq!(did(store.list(&me, NOW).await).len(), 1, "once, whatever its id");
    let sign_out = Rotation { owner: Some(Owner::default()), ..rotation(new_id(), recognised()) };
    did(store.rotate(&renewal.to, &sign_out, NOW).await);
    assert_eq!(did(store.list(&me, NOW).await), [], "who signs out is not");
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
    assert_eq!(did(store.sweep(at(60), 10).await), Swept { sessions: 0, more: false }, "what lives is not swept");
    assert_eq!(did(store.stats(at(62)).await), Stats { live: 1, over: 2 });
    let first = did(store.sweep(at(62), 1).await);
    assert_eq!((first.sessions, first.more), (1, true), "a sweep keeps to its batch, and says that there is more");
    assert_eq!(did(store.stats(at(60)).await).live, 2, "it began with what has been over longest");
    assert_eq!(did(store.sweep(at(62), 10).await).sessions, 1);
    assert!(live(store, &ids[0], NOW).await.is_some());
    assert!(did(store.touch(&ids[0], at(62)).await));
    assert_eq!(did(store.sweep(at(63), 10).await).sessions, 0, "what was used meanwhile is not over");
    assert_eq!(did(store.stats(at(63)).await), Stats { live: 1, over: 0 });
    let mut swept = 0;
    for _ in 0..3 {
        swept += did(store.sweep(at(122), 10).await).sessions;
    }
    assert_eq!(swept, 1, "and is swept when it is");
}

async fn one_sweeper_leads(store: &dyn Store) {
    let (one, other) = (Handle::generate(), Handle::generate());
    // Whoever led before this suite leads no longer.
    let now = NOW + Duration::from_secs(1_000_000);
    let until = now + Duration::from_secs(60);
    assert!(did(store.lead(&one, until, now).await), "the office is free");
    assert!(!did(store.lead(&other, until, now).await), "and then it is not");
    assert!(did(store.lead(&one, until + Duration::from_secs(1), now).await), "its holder may keep it");
    let over = until + Duration::from_secs(1);
    assert!(!did(store.lead(&other, over, until).await));
    assert!(did(store.lead(&other, over + Duration::from_secs(60), over).await), "until its time is over");
    assert!(!did(store.lead(&one, over + Duration::from_secs(60), over).await));
    assert!(did(store.lead(&other, over, over).await), "and may be given back before that");
    assert!(did(store.lead(&one, now, over).await), "to whoever comes next");
}
