//! The page of an account: what the server knows of it.

use super::access::{Access, SECURITY};
use super::parts::Frame;
use super::parts::elsewhere::With;
use crate::model::account::Profile;
use crate::model::viewer::Viewer;
use leptos::prelude::*;
use leptos_meta::Title;

/// What the server knows of whoever is signed in. In a file the places are empty, and an island fills them.
#[component]
pub fn ProfilePage() -> impl IntoView {
    let profile = use_context::<Viewer>().unwrap_or_default().profile();
    let (name, username) = profile.map(|Profile { name, username, .. }| (name, username)).unwrap_or_default();
    view! {
        <Title text="Profile · Hardtack"/>
        <Frame access=Access::SignedIn>
            <section class="door">
                <div class="words">
                    <h1>"Your profile."</h1>
                    <p class="lead">"What your account holds. No other visitor is shown it."</p>
                </div>
                <dl class="card">
                    <dt>"Name"</dt>
                    <dd data-profile="name" data-testid="name" dir="auto">
                        {name}
                    </dd>
                    <dt>"E-mail address, by which you sign in"</dt>
                    <dd data-profile="username" data-testid="username">
                        {username}
                    </dd>
                    <dt>"Password"</dt>
                    <dd>
                        <With factor=Profile::PASSWORD>
                            "Kept as a hash, never as you typed it. " <a href=SECURITY>"Change it"</a>
                        </With>
                        <With factor=Profile::PASSWORD lacks=true>
                            "None: you sign in by another service. " <a href=SECURITY>"Choose one"</a>
                        </With>
                    </dd>
                </dl>
            </section>
        </Frame>
    }
}
