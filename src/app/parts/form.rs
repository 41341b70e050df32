//! Forms that work without WebAssembly, and better with it.

use super::at_server;
use super::elsewhere::is_of_providers;
use super::island::island;
use super::posting::{DONE, Submit};
use crate::model::error::Kind;
use crate::model::next::Next;
use crate::model::outcome::Outcome;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// What is wrong with a form that was posted and came back: fixed words, and none from the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The name of the field, or nothing when it is none.
    about: &'static str,
    /// What is said of it.
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

    /// Whether it is this field that is wrong.
    #[must_use]
    pub fn is_about(self, field: &str) -> bool {
        self.about == field
    }

    fn of(wrong: Option<Self>, about: &str) -> Option<&'static str> {
        wrong.filter(|wrong| wrong.about == about).map(|wrong| wrong.sentence)
    }
}

/// Returns the outcome of a form of the page, as its server tells it. It is empty when no form was posted.
#[must_use]
pub fn outcome() -> Outcome {
    use_context().unwrap_or_default()
}

/// An island is told the server's own words. Here only kind and field have come back, so this says all that may be meant.
const fn sentence(kind: Kind, about: &str) -> &'static str {
    match (kind, about.as_bytes()) {
        (Kind::Invalid, b"name") => "Write what you want to be called.",
        (Kind::Invalid, b"username") => "Write one e-mail address, like ada@example.com.",
        (Kind::Invalid, b"password" | b"new") => {
            "Choose another one: long enough, not among those that many people use, and without your own name or this site’s."
        }
        (Kind::BadCredentials, b"current") => "That is not your password.",
        _ => kind.sentence(),
    }
}

/// A label, its field, what is to be known before, and the place of a complaint.
#[component]
pub fn Field(
    /// What is asked for.
    label: &'static str,
    /// The name that it is sent under.
    name: &'static str,
    /// What it is called by in the page, where its name would be twice.
    #[prop(optional)]
    id: Option<&'static str>,
    /// The type of the field.
    #[prop(default = "text")]
    kind: &'static str,
    /// What a password manager or a browser may fill in.
    autocomplete: &'static str,
    /// What is to be known before one writes.
    #[prop(optional, into)]
    hint: Option<String>,
    /// How many characters it is at least.
    #[prop(optional)]
    min: Option<usize>,
    /// What came back.
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

/// A form of fields and one button.
#[component]
pub fn PostForm(
    /// The server function that it posts to.
    to: &'static str,
    /// What the button says.
    button: &'static str,
    /// Where success leads.
    #[prop(optional)]
    then: Option<&'static str>,
    /// What is said of success, where it leads nowhere.
    #[prop(optional)]
    done: Option<String>,
    /// Whether that is said already: the form was posted.
    #[prop(optional)]
    is_done: bool,
    /// Where its visitor wanted to go.
    #[prop(optional)]
    next: Option<Option<Next>>,
    /// What came back.
    wrong: Option<Wrong>,
    /// The fields.
    children: Children,
) -> impl IntoView {
    let complaint = Wrong::of(wrong, "");
    // Empty in a file: there the island reads the address.
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

/// Where the visitor wanted to go, as the address says, if that is a path of ours.
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
