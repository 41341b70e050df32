//! The profile page: the data of an account.

use super::access::{Access, SECURITY};
use super::parts::Frame;
use super::parts::elsewhere::With;
use crate::model::account::Profile;
use crate::model::viewer::Viewer;
use leptos::prelude::*;
use leptos_meta::Title;

/// The profile of the signed-in account. On an exported page the places are empty, and the account menu fills them.
#[component]
pub fn ProfilePage() -> impl IntoView {
    let profile = use_context::<Viewer>().unwrap_or_default().profile();
    let (name, username) = profile.map(|Profile { name, username, .. }| (name, username)).unwrap_or_default();
    view! {
        <Title text="Profile · Hardtack"/>
        <Frame access=Access::SignedIn>
            <section class="door">
                <div class="words">
                    <h1>"Your profile"</h1>
                    <p class="lead">"The data of your account. Other visitors cannot see it."</p>
                </div>
                <dl class="card">
                    <dt>"Name"</dt>
                    <dd data-profile="name" data-testid="name" dir="auto">
                        {name}
                    </dd>
                    <dt>"E-mail address"</dt>
                    <dd data-profile="username" data-testid="username">
                        {username}
                    </dd>
                    <dt>"Password"</dt>
                    <dd>
                        <With factor=Profile::PASSWORD>
                            "Stored only as a hash. " <a href=SECURITY>"Change password"</a>
                        </With>
                        <With factor=Profile::PASSWORD lacks=true>
                            "None: you sign in with another service. " <a href=SECURITY>"Set a password"</a>
                        </With>
                    </dd>
                </dl>
            </section>
        </Frame>
    }
}
