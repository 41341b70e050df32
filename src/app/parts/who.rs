//! The account menu in the header of every page.

use super::island::island;
use super::lively::start;
use super::posting::{Submit, one, set, sign_in};
use super::{at_server, notice};
use crate::api::account::read_profile;
use crate::app::access::{Access, DEVICES, LOGIN, PROFILE, SECURITY};
use crate::browser::{self, Account};
use crate::model::account::SignedIn;
use crate::model::error::Kind;
use crate::model::exported::Exported;
use crate::model::viewer::Viewer;
use leptos::prelude::*;
use web_sys::Element;

/// Marks elements for signed-in visitors, or for signed-out ones, on an exported page.
const WHEN: &str = "data-when";

/// Holds the audience of an exported page, on its `main`.
const FOR: &str = "data-for";

/// Marks elements for accounts with a sign-in method; the next one marks those for accounts without it.
const FACTOR: &str = "data-factor";
const LACKS: &str = "data-lacks";

/// The account menu: a link to sign in; or the name, the pages of the account, and a button to sign out. A page without
/// a session links to the profile page. An exported page holds both menus, and finds out in the browser which one to
/// show.
#[component]
pub fn Who() -> impl IntoView {
    let links = match (use_context::<Exported>(), use_context::<Viewer>().unwrap_or_default()) {
        (Some(_), _) => view! { {nobody(Some(""))} {somebody(String::new(), Some(""))} }.into_any(),
        (None, Viewer::SignedIn(profile)) => somebody(profile.name, None).into_any(),
        (None, Viewer::Nobody) => nobody(None).into_any(),
        (None, Viewer::Unknown) => view! { <a href=PROFILE>"Your account"</a> }.into_any(),
    };
    view! {
        <nav class="who" aria-label="Account">
            {links}
        </nav>
    }
    .into_any()
}

fn nobody(file: Option<&'static str>) -> impl IntoView {
    view! {
        <a href=LOGIN data-when=file.map(|_| Access::NOBODY)>
            "Sign in"
        </a>
    }
}

fn somebody(name: String, file: Option<&'static str>) -> impl IntoView {
    let when = file.map(|_| Access::SIGNED_IN);
    view! {
        // `dir`, so that a right-to-left name does not change the order of the links beside it.
        <a href=PROFILE class="name" dir="auto" data-profile="name" data-when=when hidden=file>
            {name}
        </a>
        <a href=DEVICES data-when=when hidden=file>
            "Devices"
        </a>
        <a href=SECURITY data-when=when hidden=file>
            "Security"
        </a>
        <form method="post" action=at_server("/api/logout") data-then="/" data-when=when hidden=file>
            {island(view! { <Submit label="Sign out".to_owned()/> })}
        </form>
    }
}

/// Finds out on an exported page whether the visitor is signed in.
pub fn wake() {
    if browser::is_elsewhere() {
        if browser::knows(Account::Lost) {
            browser::know(None);
            each("[data-cookies][hidden]", &|place| set(place, "hidden", None));
        }
        // A server would have rendered these: the page that the visitor wanted, and the error of a sign-in at a
        // provider.
        if let Some(next) = browser::next() {
            each("[name=next]:not([value^='/'])", &|field| set(field, "value", Some(next.path())));
        }
        if let Some(error) = browser::asked("error").as_deref().and_then(Kind::named) {
            // After the islands are hydrated, because one whose structure differs from the server's is not hydrated.
            start(async move { notice::show(error.sentence()) });
        }
        start(find_out());
    }
}

/// Requests the account, but only if the response can change what the page shows.
async fn find_out() {
    let main = document().get_element_by_id("main");
    let access = main.and_then(|main| main.get_attribute(FOR)).unwrap_or_default();
    let guarded = access == Access::SIGNED_IN;
    if !guarded && ![Account::Known, Account::Entered].into_iter().any(browser::knows) {
        return;
    }
    match read_profile().await {
        Ok(_) if access == Access::NOBODY => {
            browser::know(Some(Account::Known));
            let wanted = browser::next();
            browser::go(wanted.as_ref().map_or(PROFILE, |next| next.path()));
        }
        Ok(SignedIn { profile }) => {
            browser::know(Some(Account::Known));
            fill("[data-profile=name]", &profile.name);
            fill("[data-profile=username]", &profile.username);
            each("[data-factor]", &|part| fit(part, FACTOR, |factor| profile.has(factor)));
            each("[data-lacks]", &|part| fit(part, LACKS, |factor| !profile.has(factor)));
            each("[data-when]", &|part| {
                let nobody = part.get_attribute(WHEN).is_some_and(|when| when == Access::NOBODY);
                set(part, "hidden", nobody.then_some(""));
                set(part, WHEN, None);
            });
            // Until now, the style hides it.
            each("[data-for]", &|main| set(main, FOR, None));
        }
        Err(error) if error.kind == Kind::NotSignedIn => {
            // Records that the cookie of a sign-in was lost, so that the sign-in page can say why it is shown again.
            browser::know(browser::knows(Account::Entered).then_some(Account::Lost));
            if guarded {
                sign_in();
            }
        }
        Err(error) => notice::show_with_a_way_on(&error.message),
    }
}

/// Keeps an element that is for this account, and removes any other.
fn fit(part: &Element, such: &str, is_for: impl Fn(&str) -> bool) {
    if part.get_attribute(such).is_some_and(|factor| is_for(&factor)) {
        set(part, such, None);
    } else {
        part.remove();
    }
}

/// Puts a text into its places, of which one may be an input.
fn fill(places: &str, text: &str) {
    each(places, &|place| {
        place.set_text_content(Some(text));
        set(place, "value", Some(text));
        set(place, "data-profile", None);
    });
}

/// Changes matching elements until none matches any more.
fn each(such: &str, change: &dyn Fn(&Element)) {
    while let Some(element) = document().body().and_then(|body| one(&body, such)) {
        change(&element);
    }
}
