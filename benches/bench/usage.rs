//! What processes use, as Linux tells it in `/proc`.

use std::fs;
use std::time::Duration;

/// The CPU that a process has used, user and system, all its threads together.
///
/// From each thread's `schedstat`, to the nanosecond; `stat` counts in hundredths of a second.
pub(crate) fn cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let spent = threads.filter_map(|thread| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// The same of this process.
pub(crate) fn own_cpu() -> Duration {
    cpu(std::process::id())
}

/// The same of a process and its children that live: PostgreSQL has one for each connection.
///
/// A child that ends takes its share away, so of two such values the later one may be the smaller.
pub(crate) fn family_cpu(pid: u32) -> Duration {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&other| other == pid || parent(other) == Some(pid)).map(cpu).sum()
}

/// The parent of a process.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which is in brackets and may hold anything: state, parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The memory that this process holds, in bytes.
pub(crate) fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Whether `/proc` has what is read here.
pub(crate) fn can_be_told() -> bool {
    own_cpu() > Duration::ZERO && own_memory() > 0
}
