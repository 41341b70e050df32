//! The page where one gets an account.

use super::access::{Access, LOGIN, PROFILE};
use super::parts::Frame;
use super::parts::elsewhere::Elsewhere;
use super::parts::form::{Field, PostForm, Wrong, wanted};
use crate::model::error::Kind;
use crate::model::next::Next;
use crate::model::sign_up::SignUp;
use leptos::prelude::*;
use leptos_meta::Title;

/// Getting an account.
#[component]
pub fn Register() -> impl IntoView {
    let rules = use_context::<SignUp>().unwrap_or_default();
    let next = wanted();
    let login = next.as_ref().map_or_else(|| LOGIN.to_owned(), |next| next.behind(LOGIN));
    let (lead, form) = if rules.open {
        ("A name, an e-mail address and a password are all it takes.", Some(form(rules, next)))
    } else {
        (Kind::RegistrationClosed.sentence(), None)
    };
    view! {
        <Title text="Create an account · Hardtack"/>
        <Frame access=Access::Nobody>
            <section class="door">
                <div class="words">
                    <h1>"Create an account."</h1>
                    <p class="lead">{lead}</p>
                    <p>
                        "You have one? " <a href=login>"Sign in"</a>
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
                    hint="You sign in by it. Nothing is sent there."
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

/// What a password must be, told before one is chosen.
pub(super) fn password_hint(rules: SignUp) -> String {
    format!("At least {} characters, of any kind. A sentence is easy to keep in mind.", rules.password_min)
}
