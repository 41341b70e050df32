//! The page that creates an account.

use super::access::{Access, LOGIN, PROFILE};
use super::parts::Frame;
use super::parts::elsewhere::Elsewhere;
use super::parts::form::{Field, PostForm, Wrong, wanted};
use crate::model::error::Kind;
use crate::model::next::Next;
use crate::model::sign_up::SignUp;
use leptos::prelude::*;
use leptos_meta::Title;

/// The page that creates an account. It has no form while registration is closed.
#[component]
pub fn Register() -> impl IntoView {
    let rules = use_context::<SignUp>().unwrap_or_default();
    let next = wanted();
    let login = next.as_ref().map_or_else(|| LOGIN.to_owned(), |next| next.behind(LOGIN));
    let (lead, form) = if rules.open {
        ("You need a name, an e-mail address and a password.", Some(form(rules, next)))
    } else {
        (Kind::RegistrationClosed.sentence(), None)
    };
    view! {
        <Title text="Create an account · Hardtack"/>
        <Frame access=Access::Nobody>
            <section class="door">
                <div class="words">
                    <h1>"Create an account"</h1>
                    <p class="lead">{lead}</p>
                    <p>
                        "Already have an account? " <a href=login>"Sign in"</a>
                    </p>
                </div>
                {form}
            </section>
        </Frame>
    }
}

fn form(rules: SignUp, next: Option<Next>) -> impl IntoView {
    let wrong = Wrong::asked(&["name", "username", "password"]);
    let hint = password_hint(rules);
    view! {
        <div class="ways">
            <PostForm to="/api/register" button="Create account" then=PROFILE next=next.clone() wrong>
                <Field label="Name" name="name" autocomplete="name" wrong/>
                <Field
                    label="E-mail address"
                    name="username"
                    kind="email"
                    autocomplete="username"
                    hint="You sign in with it. Nothing is sent to it."
                    wrong
                />
                <Field
                    label="Password"
                    name="password"
                    kind="password"
                    autocomplete="new-password"
                    hint
                    min=rules.password_min
                    wrong
                />
            </PostForm>
            <Elsewhere next/>
        </div>
    }
}

/// Returns the rule for passwords, which the page shows before the visitor types one.
pub(super) fn password_hint(rules: SignUp) -> String {
    format!("At least {} characters, of any kind. A sentence is easy to remember.", rules.password_min)
}
