//! Reads during a sweep: their latency must stay even while a million expired sessions are removed.

use super::fill::{expired, fill, id, live, now, scattered};
use super::latency::Latencies;
use super::report::{Aim, Report, ratio, whole};
use super::stores::{Place, Stores, open, settle_redis};
use super::{Scope, progress};
use hardtack_session::clock::Clock;
use hardtack_session::store::{Loaded, Store, Swept};
use hardtack_session::sweep::sweep_out;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// The number of readers and the interval of each reader: 2,000 reads a second in all.
const READERS: usize = 4;
const PACE: Duration = Duration::from_millis(2);

struct Plan {
    live: u32,
    expired: u32,
    /// The time in which reads are measured before the sweep.
    idle: Duration,
}

/// Measures, and adds the table and the aims to the report.
pub(crate) async fn run(scope: &Scope, stores: &Stores, report: &mut Report) {
    let plan = if scope.quick {
        Plan { live: 20_000, expired: 20_000, idle: Duration::from_secs(2) }
    } else {
        Plan { live: 200_000, expired: 1_000_000, idle: Duration::from_secs(15) }
    };
    report.heading("Sweep");
    let mut rows = Vec::new();
    for name in ["sqlite", "postgres", "redis"] {
        let Some(place) = stores.place(name, "sweep").await else { continue };
        progress(&format!("sweep: {name}, filling in {} sessions", plan.live + plan.expired));
        let begun = Instant::now();
        fill(&place, &live(), 0..plan.live).await;
        fill(&place, &expired(), plan.live..plan.live + plan.expired).await;
        if name == "redis" {
            settle_redis(&place.url).await;
        }
        progress(&format!("sweep: {name}, after {} s of filling", begun.elapsed().as_secs()));
        rows.push(measure(&place, &plan, report).await);
        stores.clear(&place).await;
    }
    let head =
        ["store", "over", "swept", "in s", "reads before", "p50 µs", "p99 µs", "reads meanwhile", "p50 µs", "p99 µs"];
    report.table(&head, &rows);
}

async fn measure(place: &Place, plan: &Plan, report: &mut Report) -> Vec<String> {
    let store = open(&place.url).await;
    // The first reads open the connections, so they are not measured.
    drop(read_for(&store, plan.live, plan.idle / 10).await);
    let mut before = read_for(&store, plan.live, plan.idle).await;

    let over = Arc::new(AtomicBool::new(false));
    let reading = tokio::spawn(read(Arc::clone(&store), plan.live, Arc::clone(&over)));
    let begun = Instant::now();
    let mut swept = Swept { sessions: 0, more: true };
    while swept.more {
        let round = sweep_out(&*store, &Clock::System).await.expect("swept");
        swept = Swept { sessions: swept.sessions + round.sessions, more: round.more };
    }
    let took = begun.elapsed();
    over.store(true, Ordering::Relaxed);
    let mut meanwhile = reading.await.expect("no panic");

    let times = meanwhile.percentile(99) / before.percentile(99);
    report.aim(Aim {
        what: format!("p99 of reads on {} during a sweep, beside its idle value", place.name),
        asked: "less than 2.00".to_owned(),
        found: ratio(times),
        met: times < 2.0,
    });
    let mut row = vec![place.name.to_owned(), whole(f64::from(plan.expired))];
    row.extend([
        whole(f64::from(u32::try_from(swept.sessions).expect("at most the plan's number"))),
        format!("{:.1}", took.as_secs_f64()),
    ]);
    for latencies in [&mut before, &mut meanwhile] {
        let reads = f64::from(u32::try_from(latencies.len()).expect("fewer than in a minute"));
        row.extend([whole(reads), whole(latencies.percentile(50)), whole(latencies.percentile(99))]);
    }
    row
}

async fn read_for(store: &Arc<dyn Store>, live: u32, span: Duration) -> Latencies {
    let over = Arc::new(AtomicBool::new(false));
    let reading = tokio::spawn(read(Arc::clone(store), live, Arc::clone(&over)));
    sleep(span).await;
    over.store(true, Ordering::Relaxed);
    reading.await.expect("no panic")
}

/// Reads live sessions at an even pace until `over` is set.
async fn read(store: Arc<dyn Store>, live: u32, over: Arc<AtomicBool>) -> Latencies {
    let readers: Vec<_> = (0..READERS)
        .map(|reader| tokio::spawn(read_alone(reader, Arc::clone(&store), live, Arc::clone(&over))))
        .collect();
    let mut all = Latencies::default();
    for reader in readers {
        all.append(reader.await.expect("no panic"));
    }
    all
}

async fn read_alone(reader: usize, store: Arc<dyn Store>, live: u32, over: Arc<AtomicBool>) -> Latencies {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut latencies = Latencies::default();
    let mut turn = reader;
    while !over.load(Ordering::Relaxed) {
        pace.tick().await;
        let id = id(scattered(turn, live));
        turn += READERS;
        let begun = Instant::now();
        let loaded = store.load(&id, now()).await.expect("an answer");
        latencies.push(begun.elapsed());
        assert!(matches!(loaded, Loaded::Live(..)), "a live session is found");
    }
    latencies
}
