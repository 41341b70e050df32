//! The home page: the visit count, the handshake, and the session in the browser and on the server.

use super::greeting::Greeting;
use super::handshake::{Handshake, Said};
use super::overview::Overview;
use super::parts::Frame;
use super::parts::form::outcome;
use super::parts::island::island;
use super::trip::Trip;
use crate::api::handshake::read_handshake;
use crate::api::overview::read_overview;
use crate::api::visits::count_visit;
use crate::model::error::{Kind, WireError};
use crate::model::exported::Exported;
use crate::model::outcome::Outcome;
use crate::model::overview;
use crate::model::viewer::Unseen;
use leptos::prelude::*;
use leptos_meta::Title;
use serde::{Deserialize, Serialize};

/// The data for one view of the page.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Found {
    value: Option<String>,
    greeting: Option<String>,
    overview: Option<overview::Overview>,
    failed: Option<Kind>,
}

impl Found {
    /// Loads the data, one call after the other, because the first two calls change the same session.
    ///
    /// Stops at the first error, so that the page waits only once for a store that is down. The islands request the
    /// rest.
    async fn gather(unseen: bool) -> Self {
        let mut found = Self::default();
        if let Err(error) = found.ask(unseen).await {
            found.failed = Some(error.kind);
        }
        found
    }

    async fn ask(&mut self, unseen: bool) -> Result<(), WireError> {
        // A speculative request gets an empty value. Its page requests the value again when it is shown.
        self.value = Some(read_handshake().await?.id).filter(|id| !id.is_empty());
        // The visit is counted then, too.
        if !unseen {
            self.greeting = Some(count_visit().await?.message);
        }
        self.overview = Some(read_overview().await?);
        Ok(())
    }
}

/// The result of a form that was posted without WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CameBack {
    Said(Said),
    Failed(Kind),
}

impl CameBack {
    fn read(Outcome { done, error, .. }: &Outcome) -> Option<Self> {
        match (done.as_deref(), *error) {
            (Some("session"), _) => Some(Self::Said(Said::Confirmed)),
            (_, Some(Kind::Mismatch)) => Some(Self::Said(Said::Mismatch)),
            (_, failed) => failed.map(Self::Failed),
        }
    }
}

/// The home page.
#[component]
pub fn Home() -> impl IntoView {
    let came_back = CameBack::read(&outcome());
    let exported = use_context::<Exported>().is_some();
    let unseen = use_context::<Unseen>().is_some();
    let found = Resource::new_blocking(
        || (),
        // An exported page holds no data of a visitor.
        move |()| async move { if exported { Found::default() } else { Found::gather(unseen).await } },
    );
    view! {
        <Title text="Hardtack: session cookies that hold"/>
        <Suspense>{move || Suspend::new(async move { page(found.await, came_back) })}</Suspense>
    }
}

fn page(found: Found, came_back: Option<CameBack>) -> impl IntoView {
    let Found { value, greeting, overview, failed } = found;
    let (said, refused) = match came_back {
        Some(CameBack::Said(said)) => (said, None),
        Some(CameBack::Failed(kind)) => (Said::Nothing, Some(kind)),
        None => (Said::Nothing, None),
    };
    let notice = failed.or(refused).map(|kind| kind.sentence().to_owned());
    view! {
        <Frame notice>
            {hero(greeting)}
            {handshake(value, said)}
            {both_ends(overview)}
        </Frame>
    }
}

// The sections are type-erased, because their nested futures exceed the compiler's recursion limit.

fn hero(greeting: Option<String>) -> AnyView {
    view! {
        <section class="hero">
            <h1>"Session cookies that hold."</h1>
            <p class="lead">
                "Hardtack keeps a visitor’s session between a browser and a server. No data is lost, an ended session \
                 stays ended, and a stolen store contains no valid cookie."
            </p>
            <div data-session="own">{island(view! { <Greeting message=greeting/> })}</div>
        </section>
    }
    .into_any()
}

fn handshake(value: Option<String>, said: Said) -> AnyView {
    view! {
        <section aria-labelledby="handshake" data-session="own">
            <h2 id="handshake">"Handshake"</h2>
            <p>
                "The server keeps this value in your session. Send it back, and the server compares the two. Change a \
                 letter first to see an error."
            </p>
            {island(view! { <Handshake value said/> })}
        </section>
    }
    .into_any()
}

fn both_ends(overview: Option<overview::Overview>) -> AnyView {
    view! {
        <section aria-labelledby="both-ends" data-session="own">
            <h2 id="both-ends">"Your session in the browser and on the server"</h2>
            <p>"The browser holds a cookie that no script can read. All data stays on the server."</p>
            <div class="ends">
                {island(view! { <Overview overview/> })}
                <Trip/>
            </div>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posted_form_comes_back_with_known_words_only() {
        let read = |name, word| CameBack::read(&Outcome::read([(name, word)]));
        assert_eq!(read("done", "session"), Some(CameBack::Said(Said::Confirmed)));
        assert_eq!(read("error", "mismatch"), Some(CameBack::Said(Said::Mismatch)));
        assert_eq!(read("error", "unavailable"), Some(CameBack::Failed(Kind::Unavailable)));
        for unknown in ["", "unknown", "Mismatch", "<b>", "no_such_kind"] {
            assert_eq!((read("done", unknown), read("error", unknown)), (None, None), "{unknown}");
        }
    }
}
