//! The first call of a page that came without a session goes alone.
//!
//! Three calls at once, none of them with a cookie, would begin three sessions, and the browser would keep the one whose
//! answer comes last: what the others hold is lost. So the others wait for the cookie of the first. A page that the server
//! rendered has brought its cookie along, and no call waits; unless an island of it says that it came without, because it
//! was rendered while the store did not answer, or for a prefetch.

use super::base::base;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

thread_local! {
    static GATE: RefCell<Gate> = const { RefCell::new(Gate::Free) };
    /// Whether a page that the server rendered came without a session.
    static WITHOUT: Cell<bool> = const { Cell::new(false) };
}

/// Says that the page came without a session, although the server rendered it.
pub fn came_without_session() {
    WITHOUT.set(true);
}

enum Gate {
    /// No call has come back yet, and none is under way.
    Free,
    /// The first call is under way, and these wait for it.
    Taken(Vec<Waker>),
    /// A call has come back.
    Open,
}

/// The turn of a call that goes alone. When it is dropped without an answer, the next one goes alone.
pub(super) struct First {
    answered: bool,
}

impl First {
    /// Waits until no first call is under way. `None`: all may go.
    pub(super) async fn turn() -> Option<Self> {
        if base().is_none() && !WITHOUT.get() {
            return None;
        }
        poll_fn(|context| {
            GATE.with_borrow_mut(|gate| match gate {
                Gate::Open => Poll::Ready(None),
                Gate::Free => {
                    *gate = Gate::Taken(Vec::new());
                    Poll::Ready(Some(Self { answered: false }))
                }
                Gate::Taken(waiting) => {
                    waiting.push(context.waker().clone());
                    Poll::Pending
                }
            })
        })
        .await
    }

    /// The server has done as it was asked, and if a session has begun, the browser has its cookie.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let next = if self.answered { Gate::Open } else { Gate::Free };
        if let Gate::Taken(waiting) = GATE.replace(next) {
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}
