//! The pages without a route: for error responses, and for redirects to another site.

use super::parts::{Footer, Header};
use leptos::prelude::*;

/// A complete page for an error. It has no islands and loads no session.
#[component]
pub fn ErrorPage(
    /// The heading: the error in a few words.
    #[prop(into)]
    title: String,
    /// The cause and the cure, in a sentence or two.
    #[prop(into)]
    message: String,
) -> impl IntoView {
    view! {
        <Header/>
        <main id="main" class="page" tabindex="-1">
            <Sorry title message/>
        </main>
        <Footer/>
    }
}

/// A page that redirects to another site. The server adds the redirect itself; the link is for browsers that ignore it.
#[component]
pub fn LeadingPage(
    /// The heading: the target in a few words.
    #[prop(into)]
    title: String,
    /// The URL of the target.
    #[prop(into)]
    to: String,
) -> impl IntoView {
    view! {
        <Header/>
        <main id="main" class="page" tabindex="-1">
            <div class="sorry">
                <h1>{title}</h1>
                <p class="lead">"You are being redirected."</p>
                <p>
                    <a href=to>"Continue"</a>
                </p>
            </div>
        </main>
        <Footer/>
    }
}

/// The heading and the text of an error page, with a link to the home page.
#[component]
pub fn Sorry(
    /// The heading.
    #[prop(into)]
    title: String,
    /// The text: what to do.
    #[prop(into)]
    message: String,
) -> impl IntoView {
    view! {
        <div class="sorry">
            <h1>{title}</h1>
            <p class="lead">{message}</p>
            <p>
                <a href="/">"Go to the home page"</a>
            </p>
        </div>
    }
}
