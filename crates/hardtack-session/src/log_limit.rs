//! A rate limit for log lines that clients can cause, so that requests cannot fill a disk.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rate limit for one log line: it lets one line through in each span of time and counts the lines that it holds
/// back.
///
/// One value belongs to one log line: as a `static` beside it, or as a field of the object that the line is about.
///
/// # Examples
///
/// ```
/// use hardtack_session::LogLimit;
///
/// static ODD: LogLimit = LogLimit::a_minute();
///
/// if let Some(held_back) = ODD.turn() {
///     tracing::warn!(held_back, "a request was odd");
/// }
/// # assert_eq!(ODD.turn(), None);
/// ```
#[derive(Debug)]
pub struct LogLimit {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The time of the last line that was written.
    last: Option<Instant>,
    held_back: u64,
}

impl LogLimit {
    /// Creates a limit of one line in each span of this length.
    #[must_use]
    pub const fn new(every: Duration) -> Self {
        Self { every, state: Mutex::new(State { last: None, held_back: 0 }) }
    }

    /// Creates a limit of one line a minute.
    #[must_use]
    pub const fn a_minute() -> Self {
        Self::new(Duration::from_secs(60))
    }

    /// Returns the number of lines held back since the last one, if this line may be written; otherwise counts this
    /// line.
    pub fn turn(&self) -> Option<u64> {
        self.turn_at(Instant::now())
    }

    fn turn_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < self.every) {
            state.held_back = state.held_back.saturating_add(1);
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_each_span_is_written_and_says_how_many_were_held_back() {
        let (limit, begun) = (LogLimit::a_minute(), Instant::now());
        let at = |seconds| limit.turn_at(begun + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(59)], [Some(0), None, None]);
        assert_eq!([at(60), at(61)], [Some(2), None]);
        assert_eq!(at(500), Some(1));
    }
}
