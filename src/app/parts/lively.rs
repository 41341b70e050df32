//! The building blocks of islands, boxed to one type each.
//!
//! Generic code is compiled again for every closure and future that it is given, one to three kilobytes a
//! time. Boxed, they have one type, and the browser downloads that code once.

use crate::browser;
use leptos::ev::MouseEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::pin::Pin;
use std::rc::Rc;
use web_sys::Element;

/// A text that is updated when a signal that it reads changes.
pub type Words = Rc<dyn Fn() -> String>;

/// A part of a view that is updated when a signal that it reads changes.
pub type Lively<T> = Box<dyn Fn() -> T + Send>;

/// A handler of clicks.
pub type OnClick = Box<dyn FnMut(MouseEvent)>;

/// Makes a part of a view that follows the signals that `show` reads.
pub fn lively<T: 'static>(show: impl Fn() -> T + Send + 'static) -> Lively<T> {
    Box::new(show)
}

/// Makes a text that follows the signals that `show` reads. Returns it for [`says`], and its current value for the
/// element.
pub fn words(show: impl Fn() -> String + 'static) -> (Words, Option<String>) {
    let now = untrack(&show);
    (Rc::new(show), Some(now).filter(|now| !now.is_empty()))
}

/// Keeps the text of an element up to date: `<p use:says=words>{now}</p>`.
///
/// It writes to the element and not to its text node, because translators replace text nodes by their own. A change to
/// a node that was removed from the page is never seen.
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

/// Runs `then` once, when the browser hydrates the island; never on the server.
pub fn on_wake(then: impl Fn() + 'static) {
    follow(Box::new(move || untrack(&then)));
}

/// Runs `act` in the browser, and again when a signal that it reads changes.
fn follow(mut act: Box<dyn FnMut()>) {
    Effect::new(move |_| act());
}

/// Requests, after hydration, the data that the page came without.
pub fn catch_up(call: impl Future<Output = ()> + 'static) {
    browser::came_without_session();
    start(call);
}

/// Returns a click handler that runs `act` instead of posting the form of the button.
pub fn instead_of_posting(act: impl Fn() + 'static) -> OnClick {
    Box::new(move |event| {
        event.prevent_default();
        act();
    })
}

/// Returns a click handler that runs `act` instead of following the link. Clicks for a new tab, a new window or a
/// download are left to the browser.
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
