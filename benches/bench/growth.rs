//! The cost of a read among few sessions and among many.
//!
//! Each read is of another session, through a store that was just opened, so that no cache of the engine contains it.
//! The files are in the system's cache, as on a busy server.

use super::fill::{fill, id, live, now, scattered};
use super::latency::Latencies;
use super::report::{Aim, Report, ratio, whole};
use super::stores::{Place, Stores, open};
use super::{Scope, progress};
use hardtack_session::id::Secret;
use hardtack_session::store::Loaded;
use std::time::Instant;

/// The small number of sessions.
pub(crate) const SMALL: u32 = 10_000;
/// The number of reads in a round. It is smaller than the number of sessions.
const READS: usize = 5_000;

struct Cost {
    /// CPU time per read in microseconds, of this process and the store's server.
    cpu: f64,
    latencies: Latencies,
}

/// Measures, and adds the table and the aims to the report.
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
        // Opens the connections and prepares the statements before the measurement.
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
            assert!(matches!(loaded, Loaded::Live(..)), "a filled-in session is found");
        }
        let spent = place.cpu().saturating_sub(before);
        cpus.push(spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(READS).expect("few")));
    }
    cpus.sort_by(f64::total_cmp);
    Cost { cpu: cpus[rounds / 2], latencies }
}

/// Returns a number of sessions in words.
fn millions(sessions: u32) -> String {
    match sessions {
        n if n.is_multiple_of(1_000_000) => format!("{} million", n / 1_000_000),
        n => format!("{} thousand", n / 1000),
    }
}
