//! Sign-in with other services (OpenID Connect).

use super::at_server;
use super::form::{Field, PostForm, Wrong, outcome};
use super::posting::AGAIN;
use crate::model::account::Profile;
use crate::model::error::Kind;
use crate::model::exported::Exported;
use crate::model::next::Next;
use crate::model::provider::{Provider, Providers};
use crate::model::viewer::Viewer;
use leptos::prelude::*;

/// The name of the re-authentication form: the last segment of the path that it posts to.
pub const CONFIRM: &str = "confirm";

/// The path that begins a sign-in at a provider.
pub const BEGIN: &str = "/sign-in";

/// Returns the message for an error of a sign-in at a provider, if there was one.
#[must_use]
pub fn complaint() -> Option<&'static str> {
    outcome().error.filter(|kind| is_of_providers(*kind)).map(Kind::sentence)
}

/// Returns whether an error is about a provider, and not about the typed values.
#[must_use]
pub const fn is_of_providers(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::SignInLost
            | Kind::Cancelled
            | Kind::EmailUnverified
            | Kind::AccountExists
            | Kind::IdentityTaken
            | Kind::LastFactor
            | Kind::ProviderFailed
    )
}

/// A form with a button for each provider. Empty if the site has no providers.
#[component]
pub fn Elsewhere(
    /// The page that the visitor wanted to see.
    next: Option<Next>,
) -> impl IntoView {
    let Providers(all) = use_context().unwrap_or_default();
    if all.is_empty() {
        return ().into_any();
    }
    let buttons: Vec<_> = all.into_iter().map(|provider| button(provider, "Continue with")).collect();
    view! {
        <form class="form elsewhere" method="post" action=at_server(BEGIN) aria-label="Other ways to sign in">
            <p class="wrong" role="alert">
                {complaint()}
            </p>
            <input type="hidden" name=Next::NAME value=next.map(|next| next.path().to_owned()).unwrap_or_default()/>
            {buttons}
            <label class="choice">
                <input type="checkbox" name="keep" value="true"/>
                "Keep me signed in"
            </label>
        </form>
    }
    .into_any()
}

fn button(Provider { id, name }: Provider, what: &'static str) -> impl IntoView {
    view! {
        <button name="provider" value=id>
            {format!("{what} {name}")}
        </button>
    }
}

/// Content that is shown only to accounts with a sign-in method (`password`, or a provider's short name), or without
/// it.
///
/// An exported page does not know the account and holds both; its account menu removes the one that does not apply.
#[component]
pub fn With(
    /// The sign-in method.
    #[prop(into)]
    factor: String,
    /// Whether the content is for accounts without the method.
    #[prop(optional)]
    lacks: bool,
    /// The content.
    children: Children,
) -> impl IntoView {
    if use_context::<Exported>().is_some() {
        let (has, lacks) = if lacks { (None, Some(factor)) } else { (Some(factor), None) };
        return view! {
            <div data-factor=has data-lacks=lacks>
                {children()}
            </div>
        }
        .into_any();
    }
    let profile = use_context::<Viewer>().unwrap_or_default().profile().unwrap_or_default();
    (profile.has(&factor) != lacks).then(children).into_any()
}

/// Returns whether the error is about the re-authentication form. Another form of the page may have a field of that
/// name.
#[must_use]
pub fn is_about_again() -> bool {
    outcome().form.as_deref() == Some(CONFIRM)
}

/// The re-authentication section. It is hidden until the server requires it.
#[component]
pub fn Again(
    /// The path of the page that holds it.
    page: &'static str,
) -> impl IntoView {
    let wrong = Wrong::asked(&["current"]).filter(|_| is_about_again());
    let wanted = outcome().error == Some(Kind::SignInAgain);
    // An error about the password is shown at its field. The text above says the rest.
    let wrong = wrong.filter(|wrong| !wanted && wrong.is_about("current"));
    let Providers(all) = use_context().unwrap_or_default();
    let providers = all.into_iter().map(|provider| {
        let id = provider.id.clone();
        view! {
            <With factor=id>
                <form class="form" method="post" action=at_server(BEGIN)>
                    <input type="hidden" name="purpose" value="confirm"/>
                    <input type="hidden" name=Next::NAME value=page/>
                    {button(provider.clone(), "Continue with")}
                </form>
            </With>
        }
    });
    view! {
        <section id=AGAIN hidden=!(wanted || wrong.is_some()) aria-labelledby="again-title">
            <h2 id="again-title">"Confirm it’s you"</h2>
            <p>"You signed in some time ago. Sign in again to continue."</p>
            <With factor=Profile::PASSWORD>
                <PostForm to="/api/confirm" button="Continue" then=page wrong>
                    <Field
                        label="Password"
                        name="current"
                        kind="password"
                        autocomplete="current-password"
                        id="again-current"
                        wrong
                    />
                </PostForm>
            </With>
            {providers.collect::<Vec<_>>()}
        </section>
    }
    .into_any()
}
