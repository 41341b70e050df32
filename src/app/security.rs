//! The security page: the password and the other sign-in methods of an account.

use super::access::{Access, SECURITY};
use super::parts::Frame;
use super::parts::at_server;
use super::parts::elsewhere::{Again, BEGIN, With, complaint, is_about_again};
use super::parts::form::{Field, PostForm, Wrong, outcome};
use super::parts::island::island;
use super::parts::posting::Submit;
use super::register::password_hint;
use crate::model::account::{PasswordChanged, Profile};
use crate::model::provider::{Provider, Providers};
use crate::model::sign_up::SignUp;
use crate::model::viewer::Viewer;
use leptos::prelude::*;
use leptos_meta::Title;

/// The security page: a section for the password, and one for the providers.
#[component]
pub fn Security() -> impl IntoView {
    view! {
        <Title text="Security · Hardtack"/>
        <Frame access=Access::SignedIn>
            <div class="words">
                <h1>"Security"</h1>
                <p class="lead">"Your password and other ways to sign in."</p>
            </div>
            <Again page=SECURITY/>
            {password()}
            {providers()}
        </Frame>
    }
}

fn password() -> AnyView {
    let rules = use_context::<SignUp>().unwrap_or_default();
    let wrong = Wrong::asked(&["current", "new"]).filter(|_| !is_about_again());
    let is_done = outcome().done.as_deref() == Some("password");
    view! {
        <section class="door" aria-labelledby="password">
            <div class="words">
                <h2 id="password">"Password"</h2>
                <p>
                    "When you change it, your session gets a new ID, and all other devices are signed out unless you \
                     choose otherwise. This also signs out an attacker who knew the old password."
                </p>
            </div>
            <PostForm to="/api/password" button="Change password" done=PasswordChanged::default().message is_done wrong>
                {account()}
                <With factor=Profile::PASSWORD>
                    <Field
                        label="Current password"
                        name="current"
                        kind="password"
                        autocomplete="current-password"
                        wrong
                    />
                </With>
                <Field
                    label="New password"
                    name="new"
                    kind="password"
                    autocomplete="new-password"
                    hint=password_hint(rules)
                    min=rules.password_min
                    wrong
                />
                {others()}
            </PostForm>
        </section>
    }
    .into_any()
}

/// Renders the providers, each with its buttons. Empty if the site has no providers.
fn providers() -> AnyView {
    let Providers(all) = use_context().unwrap_or_default();
    if all.is_empty() {
        return ().into_any();
    }
    view! {
        <section class="door" aria-labelledby="providers">
            <div class="words">
                <h2 id="providers">"Other services"</h2>
                <p>
                    "Sign in with an account that you have at another service. The service sends your name and e-mail \
                     address to this site, and learns that you sign in here."
                </p>
            </div>
            <div class="listed">
                <p class="wrong" role="alert" data-about="">
                    {complaint()}
                </p>
                <ul class="list">{all.into_iter().map(provider).collect::<Vec<_>>()}</ul>
            </div>
        </section>
    }
    .into_any()
}

fn provider(Provider { id, name }: Provider) -> AnyView {
    let named = || view! { <input type="hidden" name="provider" value=id.clone()/> };
    let (disconnect, connect, end) = (named(), named(), format!("{BEGIN}/{id}/end"));
    view! {
        <li>
            <p>
                <strong>{name}</strong>
            </p>
            <With factor=id.clone()>
                <form method="post" action=at_server("/api/disconnect") data-then=SECURITY>
                    {disconnect} {island(view! { <Submit label="Disconnect".to_owned()/> })}
                </form>
                <form method="post" action=at_server(&end)>
                    <button>"Sign out here and at the service"</button>
                </form>
            </With>
            <With factor=id.clone() lacks=true>
                <form method="post" action=at_server(BEGIN)>
                    {connect} <input type="hidden" name="purpose" value="connect"/>
                    <button>"Connect"</button>
                </form>
            </With>
        </li>
    }
    .into_any()
}

/// Renders the user name in a hidden field, so that password managers know the account. The server takes it from the
/// session.
fn account() -> impl IntoView {
    let username = use_context::<Viewer>().unwrap_or_default().profile().map(|profile| profile.username);
    view! {
        <input
            type="text"
            name="username"
            value=username.unwrap_or_default()
            data-profile="username"
            autocomplete="username"
            readonly
            hidden
        />
    }
}

fn others() -> impl IntoView {
    view! {
        <fieldset>
            <legend>"Other devices"</legend>
            <label class="choice">
                <input type="radio" name="end_others" value="true" checked/>
                "Sign them out"
            </label>
            <label class="choice">
                <input type="radio" name="end_others" value="false"/>
                "Leave them signed in"
            </label>
        </fieldset>
    }
}
