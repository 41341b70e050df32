//! What islands are made of, each of one type.
//!
//! Generic code is compiled once for every closure and future that it is given, one to three kilobytes a
//! time. Boxed, they are of one type, and the browser downloads that code once.

use leptos::ev::MouseEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::pin::Pin;

/// A piece of a view that follows the signals it reads.
pub type Lively<T> = Box<dyn Fn() -> T + Send>;

/// A handler of clicks.
pub type OnClick = Box<dyn FnMut(MouseEvent)>;

/// Makes a piece of a view follow the signals that `show` reads.
pub fn lively<T: 'static>(show: impl Fn() -> T + Send + 'static) -> Lively<T> {
    Box::new(show)
}

/// Runs `then` once, when the island wakes in the browser; never on the server.
pub fn on_wake(then: impl Fn() + 'static) {
    let then: Box<dyn Fn()> = Box::new(then);
    Effect::new(move |_| untrack(&*then));
}

/// Handles a click on a button that would post its form: instead of posting, `act`.
pub fn instead_of_posting(act: impl Fn() + 'static) -> OnClick {
    Box::new(move |event| {
        event.prevent_default();
        act();
    })
}

/// Runs a call in the background of the page.
pub fn start(call: impl Future<Output = ()> + 'static) {
    let call: Pin<Box<dyn Future<Output = ()>>> = Box::pin(call);
    spawn_local(call);
}
