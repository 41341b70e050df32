//! The page's one notice: says that a call failed, and what to do.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::lively::instead_of_posting;
use super::posting::set;
use leptos::prelude::*;

/// Shows a sentence until it is dismissed or the next call succeeds.
pub fn show(sentence: &str) {
    put(Some(sentence));
}

/// Shows a sentence, and a link that loads the page anew: for a page that shows nothing without what has failed.
pub fn show_with_a_way_on(sentence: &str) {
    put(Some(sentence));
    if let Ok(Some(way)) = document().query_selector("[data-again]") {
        set(&way, "hidden", None);
    }
}

/// Takes the notice away.
pub fn dismiss() {
    put(None);
}

/// Written to its place and not by the island: that one may not be awake yet, or never, and what it would have to say must
/// be seen all the same.
fn put(sentence: Option<&str>) {
    if let Ok(Some(place)) = document().query_selector("[data-notice]") {
        place.set_text_content(sentence);
    }
    if let Ok(Some(way)) = document().query_selector("[data-again]") {
        set(&way, "hidden", Some(""));
    }
}

/// The place of the notice, there before anything is wrong: screen readers announce only what changes in a
/// region that they know. While the paragraph is empty, the style hides what is in it.
#[island]
pub fn Notice(
    /// What it says when the page arrives.
    text: Option<String>,
) -> impl IntoView {
    view! {
        <div class="notice" role="alert" data-testid="notice">
            <p data-notice="">{text}</p>
            // Without WebAssembly it loads the page anew.
            <form action="/">
                <button on:click=instead_of_posting(dismiss)>"Dismiss"</button>
            </form>
            <a href="" hidden data-again="">
                "Try again"
            </a>
        </div>
    }
}
