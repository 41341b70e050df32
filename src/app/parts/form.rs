//! Forms that work without WebAssembly, and are enhanced by it.

use super::at_server;
use super::elsewhere::is_of_providers;
use super::island::island;
use super::posting::{DONE, Submit};
use crate::model::error::Kind;
use crate::model::next::Next;
use crate::model::outcome::Outcome;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// The error of a form that was posted without WebAssembly. Its message is a fixed text; none of it comes from the
/// address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The name of the field, or empty if the error is about no field.
    about: &'static str,
    /// The message.
    sentence: &'static str,
}

impl Wrong {
    /// Returns the error of a form with these fields, if it has one.
    #[must_use]
    pub fn asked(fields: &[&'static str]) -> Option<Self> {
        Self::read(fields, &outcome())
    }

    fn read(fields: &[&'static str], Outcome { error, field, .. }: &Outcome) -> Option<Self> {
        let kind = error.filter(|kind| !is_of_providers(*kind))?;
        let about = fields.iter().find(|known| Some(**known) == field.as_deref()).copied().unwrap_or_default();
        Some(Self { about, sentence: sentence(kind, about) })
    }

    /// Returns whether the error is about this field.
    #[must_use]
    pub fn is_about(self, field: &str) -> bool {
        self.about == field
    }

    fn of(wrong: Option<Self>, about: &str) -> Option<&'static str> {
        wrong.filter(|wrong| wrong.about == about).map(|wrong| wrong.sentence)
    }
}

/// Returns the outcome of a posted form, as the server found it. It is empty if no form was posted.
#[must_use]
pub fn outcome() -> Outcome {
    use_context().unwrap_or_default()
}

/// Returns the message for an error. It covers all its causes, because only kind and field have come back. An island
/// shows the server's own message instead.
const fn sentence(kind: Kind, about: &str) -> &'static str {
    match (kind, about.as_bytes()) {
        (Kind::Invalid, b"name") => "Enter a name of 1 to 100 visible characters.",
        (Kind::Invalid, b"username") => "Enter one e-mail address, like ada@example.com.",
        (Kind::Invalid, b"password" | b"new") => {
            "Choose another password: long enough, not a common one, and without your name or this site’s name."
        }
        (Kind::BadCredentials, b"current") => "Wrong password.",
        _ => kind.sentence(),
    }
}

/// A label, a hint, an input, and the place of an error.
#[component]
pub fn Field(
    /// The text of the label.
    label: &'static str,
    /// The name of the input.
    name: &'static str,
    /// The id of the input, if its name is not unique on the page.
    #[prop(optional)]
    id: Option<&'static str>,
    /// The type of the input.
    #[prop(default = "text")]
    kind: &'static str,
    /// The `autocomplete` value, for browsers and password managers.
    autocomplete: &'static str,
    /// The hint, which is shown before the visitor types.
    #[prop(optional, into)]
    hint: Option<String>,
    /// The minimum number of characters.
    #[prop(optional)]
    min: Option<usize>,
    /// The error that came back.
    wrong: Option<Wrong>,
) -> impl IntoView {
    let complaint = Wrong::of(wrong, name);
    let id = id.unwrap_or(name);
    let described = match hint {
        Some(_) => format!("{id}-hint {id}-wrong"),
        None => format!("{id}-wrong"),
    };
    let hint = hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> });
    view! {
        <div class="field">
            <label for=id>{label}</label>
            {hint}
            <input
                id=id
                name=name
                type=kind
                required
                minlength=min.map(|min| min.to_string())
                autocomplete=autocomplete
                autocapitalize=(kind != "text").then_some("none")
                spellcheck="false"
                aria-describedby=described
                aria-invalid=complaint.map(|_| "true")
                autofocus=complaint.is_some()
            />
            <p class="wrong" id=format!("{id}-wrong") role="alert" data-about=name>
                {complaint}
            </p>
        </div>
    }
    .into_any()
}

/// A form with fields and one button.
#[component]
pub fn PostForm(
    /// The path of the server function that it posts to.
    to: &'static str,
    /// The text of the button.
    button: &'static str,
    /// The page after a success.
    #[prop(optional)]
    then: Option<&'static str>,
    /// The message after a success, if the page stays.
    #[prop(optional)]
    done: Option<String>,
    /// Whether the message is shown now, because the form was posted.
    #[prop(optional)]
    is_done: bool,
    /// The page that the visitor wanted to see.
    #[prop(optional)]
    next: Option<Option<Next>>,
    /// The error that came back.
    wrong: Option<Wrong>,
    /// The fields.
    children: Children,
) -> impl IntoView {
    let complaint = Wrong::of(wrong, "");
    // Empty on an exported page, where the account menu fills it from the address.
    let next = next.map(|next| next.map(|next| next.path().to_owned()).unwrap_or_default());
    let next = next.map(|next| view! { <input type="hidden" name=Next::NAME value=next/> });
    let said = done.clone().map(|done| {
        view! {
            <p class="done" role="status" data-about=DONE>
                {is_done.then_some(done)}
            </p>
        }
    });
    view! {
        <form class="form" method="post" action=at_server(to) data-then=then data-done=done>
            <p class="wrong" role="alert" data-about="" tabindex="-1" autofocus=complaint.is_some()>
                {complaint}
            </p>
            {children()}
            {next}
            {island(view! { <Submit label=button.to_owned()/> })}
            {said}
        </form>
    }
    .into_any()
}

/// Returns the page that the visitor wanted to see, from the query parameter `next`. `None` if it is no path of this
/// site.
#[must_use]
pub fn wanted() -> Option<Next> {
    use_query_map().get_untracked().get_str(Next::NAME).and_then(Next::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s55_a_form_comes_back_with_known_words_only() {
        let read =
            |error, field| Wrong::read(&["username", "password"], &Outcome::read([("error", error), ("field", field)]));
        let told = |about| read("bad_credentials", about).map(|wrong| wrong.about);
        assert_eq!(told("password"), Some("password"));
        assert_eq!(told("current"), Some(""), "no field of this form");
        assert_eq!(told(""), Some(""));
        for unknown in ["", "unknown", "Invalid", "<b>"] {
            assert_eq!(read(unknown, "password"), None, "{unknown:?}");
        }
    }
}
