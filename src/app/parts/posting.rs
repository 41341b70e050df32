//! Forms, once they are awake: they ask without loading a page, and say what is wrong where it is wrong.
//!
//! One island for all forms, and nothing of it knows which. What it needs stands in the form: `action`; where success leads
//! (`data-then`; a field `next` says that the page's address may know better) or what is said of it (`data-done`); the
//! places of complaints (`data-about`, the name of a field or nothing).

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

/// The place that asks once more who it is, hidden until it is wanted.
pub const AGAIN: &str = "again";

/// Where success is spoken of.
pub const DONE: &str = "done";

/// The button of a form. Before WebAssembly, and without it, the browser posts, and a page comes back.
#[island]
pub fn Submit(
    /// What it says.
    label: String,
) -> impl IntoView {
    view! { <button on:click=ask_instead()>{label}</button> }
}

/// Handles a click on the button of a form, or Enter in one of its fields: asks instead of posting.
pub fn ask_instead() -> OnClick {
    Box::new(|event| {
        let button = event.current_target().and_then(|target| target.dyn_into::<HtmlButtonElement>().ok());
        let Some(form) = button.and_then(|button| button.form()) else { return };
        event.prevent_default();
        // What is missing the browser says itself, as it does before it posts.
        if !form.has_attribute(BUSY) && form.report_validity() {
            start(ask(form));
        }
    })
}

const BUSY: &str = "aria-busy";
const INVALID: &str = "aria-invalid";

async fn ask(form: HtmlFormElement) {
    // Each time the first of those that are left.
    while let Some(complaint) = one(&form, "[data-about]:not(:empty)") {
        complaint.set_text_content(None);
    }
    while let Some(field) = one(&form, "[aria-invalid]") {
        set(&field, INVALID, None);
    }
    let Some(call) = call(&form) else { return };
    set(&form, BUSY, Some("true"));
    let answer = call.send().await;
    // In any case: a page that a browser has kept must work when it is shown again.
    set(&form, BUSY, None);
    match answer {
        Ok(_) => done(&form),
        Err(failure) => complain(&form, &failure.error),
    }
}

/// What the browser would post, and nothing else: one meaning with and without WebAssembly.
fn call(form: &HtmlFormElement) -> Option<Request> {
    let action = form.get_attribute("action")?;
    let fields = FormData::new_with_form(form).ok()?;
    let fields = UrlSearchParams::new_with_str_sequence_sequence(&fields).ok()?;
    // The client knows itself where the server is.
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
        // Out, by the head of the page or as the device that this is. What ends another device leaves this one signed in.
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
            // It can be seen now.
            drop(field.unchecked_into::<HtmlElement>().focus());
        }
        return;
    }
    let about = error.blames();
    if let Some(field) = one(form, &["[name='", about, "']"].concat()) {
        set(&field, INVALID, Some("true"));
        // It can be seen, or the browser leaves the focus where it is.
        drop(field.unchecked_into::<HtmlElement>().focus());
    }
    // What the form has no place for, an outage first of all, is the page's to say.
    if error.kind.status() >= 500 || !(say(form, about, &error.message) || say(form, "", &error.message)) {
        notice::show(&error.message);
    }
}

/// Leads to where one signs in, and from there back to this page.
pub fn sign_in() {
    // A file is an `index.html` in a folder: without the slash some web servers lead there and lose the query on the way.
    let login = if browser::is_elsewhere() { [LOGIN, "/"].concat() } else { LOGIN.to_owned() };
    let back = browser::here().map(|here: Next| here.behind(&login));
    browser::go(&back.unwrap_or(login));
}

fn say(form: &HtmlFormElement, about: &str, sentence: &str) -> bool {
    let place = one(form, &["[data-about='", about, "']"].concat());
    place.inspect(|place| place.set_text_content(Some(sentence))).is_some()
}

/// The first such element in a part of the page.
pub fn one(part: &Element, selector: &str) -> Option<Element> {
    part.query_selector(selector).ok().flatten()
}

/// Sets an attribute, or takes it away. One of these names cannot be refused.
pub fn set(element: &Element, name: &str, value: Option<&str>) {
    drop(match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    });
}
