//! CPU time and memory of processes, from Linux's `/proc`.

use std::fs;
use std::time::Duration;

/// Returns the CPU time of a process, user and system, of all its threads.
///
/// It reads each thread's `schedstat`, which counts nanoseconds, because `stat` counts hundredths of a second.
pub(crate) fn cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let spent = threads.filter_map(|thread| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// Returns the CPU time of this process.
pub(crate) fn own_cpu() -> Duration {
    cpu(std::process::id())
}

/// Returns the CPU time of a process and its live children, because PostgreSQL has a child for each connection.
///
/// The time of a child is lost when it ends, so a later value can be smaller.
pub(crate) fn family_cpu(pid: u32) -> Duration {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&other| other == pid || parent(other) == Some(pid)).map(cpu).sum()
}

/// Returns the parent of a process.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The state and the parent come after the name, which is in brackets and may contain any character.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Returns the resident memory of this process in bytes.
pub(crate) fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Returns whether this system's `/proc` has these values.
pub(crate) fn can_be_told() -> bool {
    own_cpu() > Duration::ZERO && own_memory() > 0
}
