//! The gate that sends the first call of a page without a session alone.
//!
//! Three calls at once without a cookie would begin three sessions, and the browser would keep the cookie of the last
//! response: the data of the other sessions would be lost. So the other calls wait for the cookie of the first. A page
//! that the server rendered came with its cookie, and no call waits. The exception is a page that was rendered for a
//! prefetch, or while the store was down: its islands report that it came without a session.

use super::base::base;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

thread_local! {
    static GATE: RefCell<Gate> = const { RefCell::new(Gate::Free) };
    /// Whether a page that the server rendered came without a session.
    static WITHOUT: Cell<bool> = const { Cell::new(false) };
}

/// Records that the page came without a session, although the server rendered it.
pub fn came_without_session() {
    WITHOUT.set(true);
}

enum Gate {
    /// No call has succeeded yet, and none is under way.
    Free,
    /// The first call is under way, and these calls wait for it.
    Taken(Vec<Waker>),
    /// A call has succeeded.
    Open,
}

/// The permit of a call that goes alone. When it is dropped without a success, the next call goes alone.
pub(super) struct First {
    answered: bool,
}

impl First {
    /// Waits until no first call is under way. Returns `None` when all calls may go.
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

    /// Opens the gate after a success, because the browser then has the cookie if a session has begun.
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
