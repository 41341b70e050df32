//! The page's one notice: says that a call failed, and what to do.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::lively::{instead_of_posting, lively, on_wake};
use leptos::prelude::*;
use std::cell::Cell;

thread_local! {
    /// The notice of this page, once it is awake. Only the browser sets and reads it: a thread of the server
    /// serves many pages.
    static AWAKE: Cell<Option<RwSignal<Option<String>>>> = const { Cell::new(None) };
    /// What was to be said before it was.
    static EARLY: Cell<Option<String>> = const { Cell::new(None) };
}

/// Shows a sentence until it is dismissed or the next call succeeds.
pub fn show(sentence: String) {
    put(Some(sentence));
}

/// Takes the notice away.
pub fn dismiss() {
    put(None);
}

fn put(sentence: Option<String>) {
    match AWAKE.get() {
        Some(shown) => shown.set(sentence),
        None => EARLY.set(sentence),
    }
}

/// The place of the notice, there before anything is wrong: screen readers announce only what changes in a
/// region that they know. While the paragraph is empty, the style hides what is in it.
#[island]
pub fn Notice(
    /// What it says when the page arrives.
    text: Option<String>,
) -> impl IntoView {
    let shown = RwSignal::new(text);
    on_wake(move || {
        AWAKE.set(Some(shown));
        if let Some(sentence) = EARLY.take() {
            shown.set(Some(sentence));
        }
    });
    view! {
        <div class="notice" role="alert" data-testid="notice">
            <p>{lively(move || shown.get())}</p>
            // Without WebAssembly it loads the page anew.
            <form action="/">
                <button on:click=instead_of_posting(move || shown.set(None))>"Dismiss"</button>
            </form>
        </div>
    }
}
