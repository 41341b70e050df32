//! Signing in by other services (OpenID Connect).

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

/// The form that asks once more who it is, by the last part of the address that it posts to.
pub const CONFIRM: &str = "confirm";

/// Where one is led to a provider.
pub const BEGIN: &str = "/sign-in";

/// Returns a fixed sentence about the error that happened on the way to a provider or back.
#[must_use]
pub fn complaint() -> Option<&'static str> {
    outcome().error.filter(|kind| is_of_providers(*kind)).map(Kind::sentence)
}

/// Whether an error is about a provider, and not about what was typed.
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

/// The providers that one may sign in by, a button each; nothing where there is none.
#[component]
pub fn Elsewhere(
    /// Where its visitor wanted to go.
    next: Option<Next>,
) -> impl IntoView {
    let Providers(all) = use_context().unwrap_or_default();
    if all.is_empty() {
        return ().into_any();
    }
    let buttons: Vec<_> = all.into_iter().map(|provider| button(provider, "Continue with")).collect();
    view! {
        <form class="form elsewhere" method="post" action=at_server(BEGIN) aria-label="Other ways">
            <p class="wrong" role="alert">
                {complaint()}
            </p>
            <input type="hidden" name=Next::NAME value=next.map(|next| next.path().to_owned()).unwrap_or_default()/>
            {buttons}
            <label class="choice">
                <input type="checkbox" name="keep" value="true"/>
                "Keep me signed in on this device"
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

/// What is only for who signs in by a factor (`password`, or a provider's short name), or for who does not.
///
/// A file cannot tell, and holds both; its head takes away what does not fit.
#[component]
pub fn With(
    /// The factor.
    #[prop(into)]
    factor: String,
    /// Whether it is for who does not.
    #[prop(optional)]
    lacks: bool,
    /// What it is.
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

/// Whether what is wrong is about the form that asks once more: another one on the page may have a field of the same name.
#[must_use]
pub fn is_about_again() -> bool {
    outcome().form.as_deref() == Some(CONFIRM)
}

/// Asks once more who it is. Hidden until the server wants it.
#[component]
pub fn Again(
    /// The page that it stands on.
    page: &'static str,
) -> impl IntoView {
    let wrong = Wrong::asked(&["current"]).filter(|_| is_about_again());
    let wanted = outcome().error == Some(Kind::SignInAgain);
    // What is wrong with a password stands at its field; the rest is said by the words above.
    let wrong = wrong.filter(|wrong| !wanted && wrong.is_about("current"));
    let Providers(all) = use_context().unwrap_or_default();
    let providers = all.into_iter().map(|provider| {
        let id = provider.id.clone();
        view! {
            <With factor=id>
                <form class="form" method="post" action=at_server(BEGIN)>
                    <input type="hidden" name="purpose" value="confirm"/>
                    <input type="hidden" name=Next::NAME value=page/>
                    {button(provider.clone(), "Go on with")}
                </form>
            </With>
        }
    });
    view! {
        <section id=AGAIN hidden=!(wanted || wrong.is_some()) aria-labelledby="again-title">
            <h2 id="again-title">"Is it you?"</h2>
            <p>"You signed in some time ago. Prove once more who you are, then go on."</p>
            <With factor=Profile::PASSWORD>
                <PostForm to="/api/confirm" button="Go on" then=page wrong>
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
