//! The greeting: the number of this session's visits.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::overview;
use super::parts::lively::{catch_up, on_wake, says, words};
use super::parts::notice;
use crate::api::visits::count_visit;
use leptos::prelude::*;

/// The greeting. If the page came without one, the island counts the visit itself.
#[island]
pub fn Greeting(
    /// The greeting, if the server has counted this visit.
    message: Option<String>,
) -> impl IntoView {
    let missing = message.is_none();
    let greeting = RwSignal::new(message);
    on_wake(move || {
        if missing {
            catch_up(ask(greeting));
        }
    });
    let (greets, greeted) = words(move || greeting.get().unwrap_or_default());
    view! {
        <p class="visits" data-testid="visits" use:says=greets>
            {greeted}
        </p>
    }
}

async fn ask(greeting: RwSignal<Option<String>>) {
    match count_visit().await {
        Ok(visits) => {
            greeting.set(Some(visits.message));
            overview::refresh();
        }
        Err(error) => notice::show(&error.message),
    }
}
