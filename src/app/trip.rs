//! A diagram of a session's path: from the browser with the cookie to the server and the store, and back.

use hardtack_doctor::Hop;
use leptos::prelude::*;

/// The diagram with its caption. It is no island, because it shows no data of the session.
#[component]
pub fn Trip() -> impl IntoView {
    view! {
        <figure class="trip">
            <Drawing/>
            <figcaption>
                <ol>
                    <li>"Your browser sends the cookie with each request."</li>
                    <li>"The server checks its signature and finds the session in the store."</li>
                    <li>"The server saves the changes."</li>
                    <li>"Only then does it send the response."</li>
                </ol>
            </figcaption>
        </figure>
    }
    .into_any()
}

/// The diagram: browser, cookie, server and store, with arrows between them.
#[component]
pub fn Drawing(
    /// The step that fails, which is drawn as broken.
    #[prop(default = None)]
    broken: Option<Hop>,
) -> impl IntoView {
    let part = |hops: &[Hop], class: &'static str| match broken {
        Some(hop) if hops.contains(&hop) => "broken",
        _ => class,
    };
    let there = part(&[Hop::Reach, Hop::Ask], "accent");
    let back = part(&[Hop::Read], "");
    let kept = part(&[Hop::Keep, Hop::Return], "accent");
    let known = part(&[Hop::Know], "");
    view! {
        <svg
            viewBox="0 0 288 264"
            width="288"
            height="264"
            role="img"
            aria-labelledby="trip-title trip-desc"
            fill="none"
            stroke="currentColor"
            stroke-width="1.5"
            stroke-linecap="round"
            stroke-linejoin="round"
        >
            <title id="trip-title">"The path of a session"</title>
            <desc id="trip-desc">
                "The browser sends the cookie along with a request to the server. The server looks the session up in \
                 the store, saves the changes there, and only then sends the response."
                {broken.map(|hop| format!(" It fails here: {}.", hop.fails()))}
            </desc>
            {browser()}
            {cookie(kept)}
            {server()}
            {store(known)}
            {ways(there, back, known)}
            {labels()}
        </svg>
    }
    .into_any()
}

fn browser() -> impl IntoView {
    view! {
        <g>
            <rect x="4" y="54" width="68" height="52" rx="6"/>
            <path d="M4 68h68"/>
            <path d="M12 61h.01M18 61h.01M24 61h.01"/>
            <path class="faint" d="M14 80h34M14 88h46M14 96h24"/>
        </g>
    }
}

/// Draws the cookie: a ship's biscuit with its rows of holes.
fn cookie(class: &'static str) -> impl IntoView {
    view! {
        <g class=class>
            <rect x="129" y="24" width="30" height="30" rx="7"/>
            <path d="M137 32h.01M144 32h.01M151 32h.01M137 39h.01M144 39h.01M151 39h.01M137 46h.01M144 46h.01M151 46h.01"/>
        </g>
    }
}

fn server() -> impl IntoView {
    view! {
        <g>
            <rect x="216" y="50" width="68" height="28" rx="5"/>
            <rect x="216" y="82" width="68" height="28" rx="5"/>
            <path d="M226 64h.01M233 64h.01M226 96h.01M233 96h.01"/>
            <path class="faint" d="M252 64h22M252 96h22"/>
        </g>
    }
}

fn store(class: &'static str) -> impl IntoView {
    view! {
        <g class=class>
            <ellipse cx="250" cy="188" rx="32" ry="9"/>
            <path d="M218 188v38c0 5 14 9 32 9s32-4 32-9v-38"/>
            <path class="faint" d="M218 201c0 5 14 9 32 9s32-4 32-9M218 213c0 5 14 9 32 9s32-4 32-9"/>
        </g>
    }
}

fn ways(there: &'static str, back: &'static str, store: &'static str) -> impl IntoView {
    view! {
        <g class="ways">
            <path class=there d="M82 68h124m-6-5 6 5-6 5"/>
            <path class=back d="M206 94H82m6-5-6 5 6 5"/>
            <path class=store d="M240 138v34m-5-6 5 6 5-6"/>
            <path class=store d="M260 172v-34m-5 6 5-6 5 6"/>
        </g>
    }
}

fn labels() -> impl IntoView {
    view! {
        <g class="labels" stroke="none" fill="currentColor" text-anchor="middle" font-size="13">
            <text x="38" y="126">"browser"</text>
            <text x="144" y="14">"cookie"</text>
            <text x="250" y="128">"server"</text>
            <text x="250" y="256">"store"</text>
        </g>
    }
}
