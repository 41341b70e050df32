//! Who is signed in: in the head of every page.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::lively::{Lively, lively, on_wake, start};
use super::posting::{ask_instead, sign_in};
use super::{at_server, notice};
use crate::api::account::read_profile;
use crate::app::access::{Access, LOGIN, PROFILE};
use crate::browser;
use crate::model::account::SignedIn;
use crate::model::error::Kind;
use leptos::prelude::*;
use web_sys::Element;

/// The way to sign in; or the name, the pages of the account, and the way out.
///
/// The server knows who looks. A page that is a file asks, where only an answer can say what is to be seen.
#[island]
pub fn Who(
    /// The name of whoever is signed in.
    name: Option<String>,
) -> impl IntoView {
    let name = RwSignal::new(name);
    on_wake(move || {
        if browser::is_elsewhere() {
            start(find_out(name));
        }
    });
    let hidden = move || -> Lively<Option<&'static str>> { lively(move || name.with(Option::is_none).then_some("")) };
    view! {
        <nav class="who" aria-label="Account">
            <a
                class="name"
                href=lively(move || Some(if name.with(Option::is_some) { PROFILE } else { LOGIN }))
            >
                {lively(move || name.get().or_else(|| Some("Sign in".to_owned())))}
            </a>
            <a href="/devices" hidden=hidden()>
                "Devices"
            </a>
            <a href="/security" hidden=hidden()>
                "Security"
            </a>
            <form method="post" action=at_server("/api/logout") data-then="/" hidden=hidden()>
                <button on:click=ask_instead()>"Sign out"</button>
            </form>
        </nav>
    }
}

async fn find_out(name: RwSignal<Option<String>>) {
    let Some(main) = document().get_element_by_id("main") else { return };
    let access = main.get_attribute("data-for").unwrap_or_default();
    let guarded = access == Access::SIGNED_IN;
    if !guarded && !browser::knows() {
        return;
    }
    match read_profile().await {
        Ok(SignedIn { profile }) => {
            browser::know(true);
            if access == Access::NOBODY {
                let wanted = browser::next();
                return browser::go(wanted.as_ref().map_or(PROFILE, |next| next.path()));
            }
            fill("[data-profile=name]", &profile.name);
            fill("[data-profile=username]", &profile.username);
            name.set(Some(profile.name));
            show(&main);
        }
        Err(error) if error.kind == Kind::NotSignedIn => {
            browser::know(false);
            if guarded {
                sign_in();
            }
        }
        Err(error) => notice::show(error.message),
    }
}

/// Puts a text into its place, which may be a field.
fn fill(place: &str, text: &str) {
    if let Ok(Some(place)) = document().query_selector(place) {
        place.set_text_content(Some(text));
        // An attribute of this name cannot be refused.
        drop(place.set_attribute("value", text));
    }
}

/// Shows what the style hides until it is known who looks.
fn show(main: &Element) {
    drop(main.remove_attribute("data-for"));
}
