//! Forms after hydration: they send a request instead of loading a page, and show errors beside the fields.
//!
//! One island serves all forms and knows none of them. Each form holds its data in attributes: `action`; the page after
//! a success (`data-then`; in a form with a field `next`, the `next` of the page's address comes first) or the message
//! after a success (`data-done`); the places of errors (`data-about`: the name of a field, or empty).

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::lively::{OnClick, start};
use super::notice;
use crate::app::access::LOGIN;
use crate::browser::{self, Account, Request};
use crate::model::error::{Kind, WireError};
use crate::model::next::Next;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use web_sys::{Element, FormData, HtmlButtonElement, HtmlElement, HtmlFormElement, UrlSearchParams};

/// The id of the re-authentication section, which is hidden until it is needed.
pub const AGAIN: &str = "again";

/// The `data-about` of the message after a success.
pub const DONE: &str = "done";

/// The button of a form. Before hydration, or without WebAssembly, the browser posts the form, and a page comes back.
#[island]
pub fn Submit(
    /// The text of the button.
    label: String,
) -> impl IntoView {
    view! { <button on:click=ask_instead()>{label}</button> }
}

/// Returns a handler for a click on the button of a form, or Enter in one of its fields. It sends a request instead of
/// posting.
pub fn ask_instead() -> OnClick {
    Box::new(|event| {
        let button = event.current_target().and_then(|target| target.dyn_into::<HtmlButtonElement>().ok());
        let Some(form) = button.and_then(|button| button.form()) else { return };
        event.prevent_default();
        // The browser itself reports missing fields, as it does before it posts.
        if !form.has_attribute(BUSY) && form.report_validity() {
            start(ask(form));
        }
    })
}

const BUSY: &str = "aria-busy";
const INVALID: &str = "aria-invalid";

async fn ask(form: HtmlFormElement) {
    // Each pass takes the first match that is left.
    while let Some(complaint) = one(&form, "[data-about]:not(:empty)") {
        complaint.set_text_content(None);
    }
    while let Some(field) = one(&form, "[aria-invalid]") {
        set(&field, INVALID, None);
    }
    let Some(call) = call(&form) else { return };
    set(&form, BUSY, Some("true"));
    let answer = call.send().await;
    // Also after a success, because a page in the back/forward cache must work when it is shown again.
    set(&form, BUSY, None);
    match answer {
        Ok(_) => done(&form),
        Err(failure) => complain(&form, &failure.error),
    }
}

/// Returns the request that the browser would post, so that a form means the same with and without WebAssembly.
fn call(form: &HtmlFormElement) -> Option<Request> {
    let action = form.get_attribute("action")?;
    let fields = FormData::new_with_form(form).ok()?;
    let fields = UrlSearchParams::new_with_str_sequence_sequence(&fields).ok()?;
    // Without the origin, because the client adds it.
    let path = browser::path_at_server(&action)?;
    let text = String::from(fields.to_string());
    Some(Request::post(path).body("application/x-www-form-urlencoded", text))
}

fn done(form: &HtmlFormElement) {
    notice::dismiss();
    if let Some(sentence) = form.get_attribute("data-done") {
        form.reset();
        say(form, DONE, &sentence);
        return;
    }
    let then = form.get_attribute("data-then");
    let signs_in = one(form, "[name=next]").is_some();
    if signs_in {
        browser::know(Some(Account::Entered));
    } else if matches!(then.as_deref(), Some("/" | LOGIN)) {
        // Signed out: by the account menu, or by the entry of this device in the list. The form of another device leads
        // back to the list, and leaves this one signed in.
        browser::know(None);
    }
    let wanted = browser::next().filter(|_| signs_in).map(|next| next.path().to_owned());
    browser::go(&wanted.or(then).unwrap_or_default());
}

fn complain(form: &HtmlFormElement, error: &WireError) {
    if error.kind == Kind::NotSignedIn {
        return sign_in();
    }
    if error.kind == Kind::SignInAgain
        && let Some(place) = document().get_element_by_id(AGAIN)
    {
        set(&place, "hidden", None);
        if let Ok(Some(field)) = place.query_selector("input:not([type=hidden]),button") {
            // It is visible now, so it can take the focus.
            drop(field.unchecked_into::<HtmlElement>().focus());
        }
        return;
    }
    let about = error.blames();
    if let Some(field) = one(form, &["[name='", about, "']"].concat()) {
        set(&field, INVALID, Some("true"));
        // If it is hidden, the browser leaves the focus where it is.
        drop(field.unchecked_into::<HtmlElement>().focus());
    }
    // The notice shows server errors, such as an outage, and errors that the form has no place for.
    if error.kind.status() >= 500 || !(say(form, about, &error.message) || say(form, "", &error.message)) {
        notice::show(&error.message);
    }
}

/// Opens the sign-in page, which leads back to this page.
pub fn sign_in() {
    // An exported page is an `index.html` in a folder. Without the slash, some web servers redirect there and lose the
    // query.
    let login = if browser::is_elsewhere() { [LOGIN, "/"].concat() } else { LOGIN.to_owned() };
    let back = browser::here().map(|here: Next| here.behind(&login));
    browser::go(&back.unwrap_or(login));
}

fn say(form: &HtmlFormElement, about: &str, sentence: &str) -> bool {
    let place = one(form, &["[data-about='", about, "']"].concat());
    place.inspect(|place| place.set_text_content(Some(sentence))).is_some()
}

/// Returns the first match of a selector in a part of the page.
pub fn one(part: &Element, selector: &str) -> Option<Element> {
    part.query_selector(selector).ok().flatten()
}

/// Sets an attribute, or removes it. Errors are ignored, because all names used here are valid.
pub fn set(element: &Element, name: &str, value: Option<&str>) {
    drop(match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    });
}
