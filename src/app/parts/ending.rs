//! What an open page says of its session: that it ends soon, and that it has ended. Filled in by `public/events.js`.

use crate::app::access::{Access, LOGIN};
use crate::model::viewer::Own;
use leptos::prelude::*;

/// The place of it, hidden until there is something to say; and what takes the place of the account in the head then.
#[component]
pub fn Ending(
    /// Who may see the page: one for whoever is signed in is left when the session ends, any other is emptied.
    access: Access,
) -> impl IntoView {
    let (own, left) = use_context::<Own>().map(|Own { handle, left }| (handle, left.to_string())).unzip();
    let guarded = (access == Access::SignedIn).then_some("");
    view! {
        <div
            class="ending"
            role="status"
            data-session="page"
            data-own=own
            data-left=left
            data-guarded=guarded
            data-testid="ending"
        >
            <p data-session="soon" hidden>
                "Your session ends in "
                <span role="timer" aria-live="off" data-session="left"></span>
            </p>
            <button type="button" data-session="stay" hidden>
                "Stay signed in"
            </button>
            <p data-session="unkept" hidden>
                "It was not kept: the server did not answer. Try again."
            </p>
            <p data-session="over" hidden>
                "The time of your session is up, and the server does not answer. What is yours is hidden until it does."
            </p>
            <p data-session="ended" hidden>
                "Your session has ended. What was yours here is gone from this page."
            </p>
            <template data-session="nobody">
                <a href=LOGIN>"Sign in"</a>
            </template>
        </div>
    }
    .into_any()
}
