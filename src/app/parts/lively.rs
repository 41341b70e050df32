//! What islands are made of, each of one type.
//!
//! Generic code is compiled once for every closure and future that it is given, one to three kilobytes a
//! time. Boxed, they are of one type, and the browser downloads that code once.

use crate::browser;
use leptos::ev::MouseEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::pin::Pin;
use std::rc::Rc;
use web_sys::Element;

/// A text that follows the signals it reads.
pub type Words = Rc<dyn Fn() -> String>;

/// A piece of a view that follows the signals it reads.
pub type Lively<T> = Box<dyn Fn() -> T + Send>;

/// A handler of clicks.
pub type OnClick = Box<dyn FnMut(MouseEvent)>;

/// Makes a piece of a view follow the signals that `show` reads.
pub fn lively<T: 'static>(show: impl Fn() -> T + Send + 'static) -> Lively<T> {
    Box::new(show)
}

/// Makes a text follow the signals that `show` reads: for [`says`], and as it is now, for the element to hold.
pub fn words(show: impl Fn() -> String + 'static) -> (Words, Option<String>) {
    let now = untrack(&show);
    (Rc::new(show), Some(now).filter(|now| !now.is_empty()))
}

/// Keeps the text of an element in step: `<p use:says=words>{now}</p>`.
///
/// It is written to the element. Translators replace the texts in an element by their own, and what is written to a text
/// that is in the page no more is never seen.
pub fn says(element: Element, words: Words) {
    let mut said = untrack(&*words);
    follow(Box::new(move || {
        let now = words();
        if now != said {
            element.set_text_content(Some(&now));
            said = now;
        }
    }));
}

/// Runs `then` once, when the island wakes in the browser; never on the server.
pub fn on_wake(then: impl Fn() + 'static) {
    follow(Box::new(move || untrack(&then)));
}

/// Runs `act` in the browser, and again when a signal changes that it reads.
fn follow(mut act: Box<dyn FnMut()>) {
    Effect::new(move |_| act());
}

/// Asks, once the island is awake, for what the page came without.
pub fn catch_up(call: impl Future<Output = ()> + 'static) {
    browser::came_without_session();
    start(call);
}

/// Handles a click on a button that would post its form: instead of posting, `act`.
pub fn instead_of_posting(act: impl Fn() + 'static) -> OnClick {
    Box::new(move |event| {
        event.prevent_default();
        act();
    })
}

/// Handles a click on a link: instead of following it, `act`. A click that asks for another tab or window, or to keep what is
/// behind the link, is the browser's.
pub fn instead_of_following(act: impl Fn() + 'static) -> OnClick {
    Box::new(move |event| {
        if event.button() == 0 && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key()) {
            event.prevent_default();
            act();
        }
    })
}

/// Runs a call in the background of the page.
pub fn start(call: impl Future<Output = ()> + 'static) {
    let call: Pin<Box<dyn Future<Output = ()>>> = Box::pin(call);
    spawn_local(call);
}
