//! The messages of an open page about the end of its session. `public/events.js` shows them.

use crate::app::access::{Access, LOGIN};
use crate::model::viewer::Own;
use leptos::prelude::*;

/// The messages, hidden until one applies, and a template: the sign-in link that replaces the account menu at the end
/// of the session.
#[component]
pub fn Ending(
    /// The audience of the page. When the session ends, a page for signed-in visitors is reloaded; any other page hides
    /// the data of the session.
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
                "Your session was not extended: the server did not respond. Try again."
            </p>
            <p data-session="over" hidden>
                "Your session may have expired, and the server does not respond. Your data is hidden until it does."
            </p>
            <p data-session="ended" hidden>
                "Your session has ended. Your data was removed from this page."
            </p>
            <template data-session="nobody">
                <a href=LOGIN>"Sign in"</a>
            </template>
        </div>
    }
    .into_any()
}
