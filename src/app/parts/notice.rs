//! The notice of a page: it says that a call failed, and what to do.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::lively::instead_of_posting;
use super::posting::set;
use leptos::prelude::*;

/// Shows a sentence until it is dismissed or the next call succeeds.
pub fn show(sentence: &str) {
    put(Some(sentence));
}

/// Shows a sentence, and a link that reloads the page: for a page that has nothing to show after the failure.
pub fn show_with_a_way_on(sentence: &str) {
    put(Some(sentence));
    if let Ok(Some(way)) = document().query_selector("[data-again]") {
        set(&way, "hidden", None);
    }
}

/// Removes the notice.
pub fn dismiss() {
    put(None);
}

/// Sets the text of the notice. It writes to the element and not through the island, because the island may not be
/// hydrated yet, or never, and the text must be seen all the same.
fn put(sentence: Option<&str>) {
    if let Ok(Some(place)) = document().query_selector("[data-notice]") {
        place.set_text_content(sentence);
    }
    if let Ok(Some(way)) = document().query_selector("[data-again]") {
        set(&way, "hidden", Some(""));
    }
}

/// The place of the notice. It exists before there is an error, because screen readers announce only changes in a
/// region that they know. While the paragraph is empty, the style hides the notice.
#[island]
pub fn Notice(
    /// The text when the page loads.
    text: Option<String>,
) -> impl IntoView {
    view! {
        <div class="notice" role="alert" data-testid="notice">
            <p data-notice="">{text}</p>
            // Without WebAssembly, the button loads the home page.
            <form action="/">
                <button on:click=instead_of_posting(dismiss)>"Dismiss"</button>
            </form>
            <a href="" hidden data-again="">
                "Try again"
            </a>
        </div>
    }
}
