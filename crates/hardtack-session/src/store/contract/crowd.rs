//! Concurrent calls from many tasks.

use super::rotation::{recognised, rotation};
use super::{NOW, begin, begin_for, changes, did, listed, live, new_id, owner};
use crate::id::Handle;
use crate::record::{Changes, Grace, Rotation};
use crate::store::{Applied, Loaded, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

pub(super) async fn prove(store: &Arc<dyn Store>) {
    g2_lets_one_writer_win_a_version(Arc::clone(store)).await;
    g1_loses_nothing_among_writers(Arc::clone(store)).await;
    g3_lets_no_writer_revive(Arc::clone(store)).await;
    g4_lets_one_of_many_rotate(Arc::clone(store)).await;
    g3_ends_an_account_while_it_signs_in(Arc::clone(store)).await;
}

async fn g2_lets_one_writer_win_a_version(store: Arc<dyn Store>) {
    let (id, _) = begin(&*store, &[("n", "0")]).await;
    let won = at_once(32, move |n| {
        let store = Arc::clone(&store);
        let value = n.to_string();
        async move {
            let change = Changes { if_version: Some(1), ..changes(&[("n", Some(&value))]) };
            did(store.apply(&id, &change, NOW).await) == Applied::Done(2)
        }
    })
    .await;
    assert_eq!(won.into_iter().filter(|won| *won).count(), 1, "of many changes for one version, one is made");
}

async fn g1_loses_nothing_among_writers(store: Arc<dyn Store>) {
    let (id, _) = begin(&*store, &[]).await;
    let writers = Arc::clone(&store);
    at_once(64, move |n| {
        let store = Arc::clone(&writers);
        let name = n.to_string();
        async move { did(store.apply(&id, &changes(&[(&name, Some("1"))]), NOW).await) }
    })
    .await;
    let record = live(&*store, &id, NOW).await.expect("a live session");
    assert_eq!((record.data.len(), record.version), (64, 65), "the value of every writer is stored");
}

async fn g3_lets_no_writer_revive(store: Arc<dyn Store>) {
    for _ in 0..8 {
        let (id, _) = begin(&*store, &[("a", "1")]).await;
        let crowd = Arc::clone(&store);
        at_once(16, move |n| {
            let store = Arc::clone(&crowd);
            async move {
                match n % 4 {
                    0 => drop(did(store.end(&id).await)),
                    1 => drop(did(store.apply(&id, &changes(&[("a", Some("2"))]), NOW).await)),
                    2 => drop(did(store.touch(&id, NOW).await)),
                    _ => drop(did(store.load(&id, NOW).await)),
                }
            }
        })
        .await;
        assert_eq!(live(&*store, &id, NOW).await, None, "no concurrent write revives an ended session");
    }
}

async fn g4_lets_one_of_many_rotate(store: Arc<dyn Store>) {
    let until = NOW + Duration::from_secs(10);
    for grace in [Grace::Recognised(until), Grace::Reaches(until)] {
        let (old, record) = begin(&*store, &[("a", "1")]).await;
        let crowd = Arc::clone(&store);
        let done = at_once(32, move |n| {
            let store = Arc::clone(&crowd);
            async move {
                if n % 4 == 0 {
                    did(store.apply(&old, &changes(&[(&n.to_string(), Some("1"))]), NOW).await);
                    return None;
                }
                let to = new_id();
                let rotated = did(store.rotate(&old, &rotation(to, grace), NOW).await);
                matches!(rotated, Applied::Done(_)).then_some(to)
            }
        })
        .await;
        let won: Vec<_> = done.into_iter().flatten().collect();
        assert_eq!(won.len(), 1, "of many rotations of one id, one is made");
        let Loaded::Live(id, now) = did(store.load(&won[0], NOW).await) else { panic!("the new id has no session") };
        assert_eq!((id, now.handle), (won[0], record.handle));
        assert_eq!(now.data.len() as u64, now.version - 1, "exactly the changes that were acknowledged are stored");
    }
}

async fn g3_ends_an_account_while_it_signs_in(store: Arc<dyn Store>) {
    for _ in 0..8 {
        let me = Handle::generate().to_string();
        let mut ids = Vec::new();
        for _ in 0..8 {
            ids.push((begin(&*store, &[]).await.0, new_id()));
        }
        begin_for(&*store, &[], Some(&me)).await;
        let (crowd, signing, account) = (Arc::clone(&store), ids.clone(), me.clone());
        at_once(9, move |n| {
            let (store, account, pair) = (Arc::clone(&crowd), account.clone(), signing.get(n).copied());
            async move {
                let Some((old, new)) = pair else {
                    did(store.end_by_account(&account, None).await);
                    return;
                };
                let sign_in = Rotation { owner: Some(owner(Some(&account))), ..rotation(new, recognised()) };
                did(store.rotate(&old, &sign_in, NOW).await);
            }
        })
        .await;
        let mut alive = 0;
        for (_, new) in &ids {
            alive += usize::from(live(&*store, new, NOW).await.is_some());
        }
        assert_eq!(listed(&*store, &me, NOW).await.len(), alive, "every live session is listed");
        did(store.end_by_account(&me, None).await);
        for (old, new) in &ids {
            let left = (live(&*store, old, NOW).await, live(&*store, new, NOW).await);
            assert_eq!(left, (None, None), "no session of the account is left");
        }
    }
}

/// Runs `count` tasks that start at the same moment, and returns their results.
async fn at_once<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let (barrier, task) = (Arc::clone(&barrier), task(n));
        tasks.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    tasks.join_all().await
}
