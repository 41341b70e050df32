//! What a read costs among few sessions and among many.
//!
//! Every read is of another session, by a store that was opened a moment ago: no cache of the engine has it. The files are
//! warm, as those of a busy server are.

use super::fill::{fill, id, live, now, scattered};
use super::latency::Latencies;
use super::report::{Aim, Report, ratio, whole};
use super::stores::{Place, Stores, open};
use super::{Scope, progress};
use hardtack::session::id::Secret;
use hardtack::session::store::Loaded;
use std::time::Instant;

/// How many sessions are few.
pub(crate) const SMALL: u32 = 10_000;
/// How many reads one round does. Fewer than there are sessions.
const READS: usize = 5_000;

struct Cost {
    /// Microseconds a read, of this process and the store's.
    cpu: f64,
    latencies: Latencies,
}

/// Measures, and writes the table and the aims into the report.
pub(crate) async fn run(scope: &Scope, stores: &Stores, report: &mut Report) {
    report.heading("Growth");
    let mut rows = Vec::new();
    for name in ["sqlite", "postgres"] {
        let Some(place) = stores.place(name, "growth").await else { continue };
        let rounds = if scope.quick { 3 } else { 9 };
        progress(&format!("growth: {name}, {SMALL} sessions"));
        fill(&place, &live(), 0..SMALL).await;
        let mut few = measure(&place, SMALL, rounds).await;
        progress(&format!("growth: {name}, {} sessions", scope.sessions));
        fill(&place, &live(), SMALL..scope.sessions).await;
        let mut many = measure(&place, scope.sessions, rounds).await;
        stores.clear(&place).await;

        let (cpu, half) = (many.cpu / few.cpu, many.latencies.percentile(50) / few.latencies.percentile(50));
        for (sessions, cost) in [(SMALL, &mut few), (scope.sessions, &mut many)] {
            let (half, nearly_all) = (cost.latencies.percentile(50), cost.latencies.percentile(99));
            let figures = [whole(f64::from(sessions)), format!("{:.1}", cost.cpu), whole(half), whole(nearly_all)];
            rows.push([vec![name.to_owned()], figures.to_vec()].concat());
        }
        report.aim(Aim {
            what: format!("a read on {name} among {} sessions, beside {}", millions(scope.sessions), millions(SMALL)),
            asked: "less than 1.50".to_owned(),
            found: format!("{} in CPU, {} in time", ratio(cpu), ratio(half)),
            met: cpu.max(half) < 1.5,
        });
    }
    report.table(&["store", "sessions", "CPU µs a read, both processes", "p50 µs", "p99 µs"], &rows);
}

async fn measure(place: &Place, total: u32, rounds: usize) -> Cost {
    let mut cpus = Vec::new();
    let mut latencies = Latencies::default();
    for round in 0..rounds {
        let store = open(&place.url).await;
        // Connections are open and statements prepared before anything counts.
        let unknown = Secret::generate().expect("random numbers").hash();
        for _ in 0..200 {
            assert_eq!(store.load(&unknown, now()).await.expect("an answer"), Loaded::Absent);
        }
        let before = place.cpu();
        for turn in round * READS..(round + 1) * READS {
            let id = id(scattered(turn, total));
            let begun = Instant::now();
            let loaded = store.load(&id, now()).await.expect("an answer");
            latencies.push(begun.elapsed());
            assert!(matches!(loaded, Loaded::Live(..)), "what was filled in is there");
        }
        let spent = place.cpu().saturating_sub(before);
        cpus.push(spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(READS).expect("few")));
    }
    cpus.sort_by(f64::total_cmp);
    Cost { cpu: cpus[rounds / 2], latencies }
}

/// A number of sessions in words.
fn millions(sessions: u32) -> String {
    match sessions {
        n if n.is_multiple_of(1_000_000) => format!("{} million", n / 1_000_000),
        n => format!("{} thousand", n / 1000),
    }
}
