//! The sign-in page.

use super::access::{Access, PROFILE, REGISTER};
use super::parts::Frame;
use super::parts::elsewhere::Elsewhere;
use super::parts::form::{Field, PostForm, Wrong, wanted};
use leptos::prelude::*;
use leptos_meta::Title;

/// The sign-in page: a form for e-mail address and password, and a button for each provider.
#[component]
pub fn Login() -> impl IntoView {
    let wrong = Wrong::asked(&["username", "password"]);
    let next = wanted();
    let register = next.as_ref().map_or_else(|| REGISTER.to_owned(), |next| next.behind(REGISTER));
    let lead = match &next {
        Some(_) => "Sign in to see the page that you asked for.",
        None => "Your session keeps its data and gets a new ID. The old ID stops working at once.",
    };
    view! {
        <Title text="Sign in · Hardtack"/>
        <Frame access=Access::Nobody>
            <section class="door">
                <div class="words">
                    <h1>"Sign in"</h1>
                    <p class="lead">{lead}</p>
                    <p>
                        "New here? " <a href=register>"Create an account"</a>
                    </p>
                </div>
                <div class="ways">
                    <PostForm to="/api/login" button="Sign in" then=PROFILE next=next.clone() wrong>
                        <Field label="E-mail address" name="username" kind="email" autocomplete="username" wrong/>
                        <Field label="Password" name="password" kind="password" autocomplete="current-password" wrong/>
                        <label class="choice">
                            <input type="checkbox" name="keep" value="true"/>
                            "Keep me signed in"
                        </label>
                    </PostForm>
                    <Elsewhere next/>
                </div>
            </section>
        </Frame>
    }
}
