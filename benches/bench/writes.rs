//! Durable writes on SQLite, and the memory of sessions in the memory store.

use super::fill::{data, fill, id, live, now};
use super::report::{Aim, Report, whole};
use super::stores::{Stores, open};
use super::{Scope, progress, usage};
use hardtack_session::Lifetime;
use hardtack_session::record::{Changes, Record};
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::store::{Applied, Loaded, Store};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The number of sessions that are written, and of concurrent writers.
const SESSIONS: u32 = 10_000;
const WRITERS: usize = 32;

/// Writes for a while, and checks that every write is stored.
pub(crate) async fn durable(scope: &Scope, stores: &Stores, report: &mut Report) {
    progress("durable writes: sqlite");
    let place = stores.place("sqlite", "writes").await.expect("a file");
    fill(&place, &live(), 0..SESSIONS).await;
    let store = open(&place.url).await;
    let written = Arc::new(AtomicU32::new(0));
    let span = Duration::from_secs(if scope.quick { 2 } else { 10 });
    let (begun, cpu) = (Instant::now(), usage::own_cpu());
    let writers: Vec<_> =
        (0..WRITERS).map(|_| tokio::spawn(write(Arc::clone(&store), Arc::clone(&written), begun + span))).collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    let (took, cpu) = (begun.elapsed(), usage::own_cpu().saturating_sub(cpu));
    let written = written.load(Ordering::Relaxed);

    // Counted through a new store on the file, which has an empty cache.
    let mut kept = 0;
    let store = open(&place.url).await;
    for number in 0..SESSIONS {
        let Loaded::Live(_, record) = store.load(&id(number), now()).await.expect("an answer") else {
            report.failed("a session that was written to is gone");
            continue;
        };
        kept += record.version - 1;
    }
    if kept != u64::from(written) {
        report.failed(&format!("{written} writes were answered but {kept} are in the file"));
    }
    stores.clear(&place).await;
    let rate = f64::from(written) / took.as_secs_f64();
    report.heading("Durable writes on SQLite");
    report.text(&format!(
        "{} writes/s, {:.1} µs of CPU each: {WRITERS} writers for {} s, each write in its own transaction, with all {} \
         of them in the file afterwards.",
        whole(rate),
        cpu.as_secs_f64() * 1e6 / f64::from(written),
        span.as_secs(),
        whole(f64::from(written)),
    ));
    report.aim(Aim {
        what: "durable writes on sqlite a second".to_owned(),
        asked: "at least 5,000".to_owned(),
        found: whole(rate),
        met: rate >= 5000.0,
    });
}

async fn write(store: Arc<dyn Store>, written: Arc<AtomicU32>, deadline: Instant) {
    while Instant::now() < deadline {
        let turn = written.fetch_add(1, Ordering::Relaxed);
        let values = [("draft".to_owned(), Some(turn.to_string()))].into();
        let changes = Changes { values, max_data: 16 * 1024, ..Changes::default() };
        let applied = store.apply(&id(turn % SESSIONS), &changes, now()).await.expect("an answer");
        assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
    }
}

/// Fills a memory store in a separate process, which prints the memory that it took.
pub(crate) fn memory(scope: &Scope, report: &mut Report) {
    progress("memory: filling the memory store");
    let sessions = if scope.quick { 200_000 } else { 1_000_000 };
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.args(["fill-memory", &sessions.to_string()]).output().expect("a process");
    let bytes: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number of bytes");
    let each = bytes / f64::from(sessions);
    let values = data();
    report.heading("Memory of the memory store");
    report.text(&format!(
        "{} MB per million sessions ({} bytes each), by {} sessions of {} small values, {} bytes of data, without an \
         account.",
        whole(each),
        whole(each),
        whole(f64::from(sessions)),
        values.len(),
        hardtack_session::record::size(&values),
    ));
}

/// Fills a memory store and prints by how many bytes this process has grown.
pub(crate) async fn fill_memory(sessions: u32) {
    let store = MemoryStore::new(usize::MAX);
    let before = usage::own_memory();
    for number in 0..sessions {
        let record = Record::new(data(), Lifetime::default(), now());
        assert!(store.create(&id(number), &record).await.expect("created"));
    }
    println!("{}", usage::own_memory() - before);
}
