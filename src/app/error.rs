//! The pages that no route has: of an error answer, and on the way to another site.

use super::parts::{Footer, Header};
use leptos::prelude::*;

/// A whole page that says what went wrong. It holds no island and asks for no session.
#[component]
pub fn ErrorPage(
    /// What happened, in a few words: the heading.
    #[prop(into)]
    title: String,
    /// What happened and what to do, in a sentence or two.
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

/// A page on the way to another site.
#[component]
pub fn LeadingPage(
    /// Where it leads, in a few words: the heading.
    #[prop(into)]
    title: String,
    /// Where it leads.
    #[prop(into)]
    to: String,
) -> impl IntoView {
    view! {
        <Header/>
        <main id="main" class="page" tabindex="-1">
            <div class="sorry">
                <h1>{title}</h1>
                <p class="lead">"Your browser goes on by itself."</p>
                <p>
                    <a href=to>"Go on now"</a>
                </p>
            </div>
        </main>
        <Footer/>
    }
}

/// The words of an error page, and the way home.
#[component]
pub fn Sorry(
    /// The heading.
    #[prop(into)]
    title: String,
    /// What to do.
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
