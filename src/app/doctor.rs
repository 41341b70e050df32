//! The doctor's page: it examines the visitor's browser and shows the step at which a session is lost.
//!
//! The examination itself is `src/server/doctor.js`. It opens this page again, with its results in `?tries=`. So pages
//! of every origin can be examined, even if they may not read this server's responses.

use super::access::DOCTOR;
use super::parts::{Frame, at_server};
use super::trip::Drawing;
use crate::api::doctor::diagnose;
use crate::api::overview::read_overview;
use crate::model::doctor::Examiner;
use crate::model::error::WireError;
use crate::model::exported::Exported;
use hardtack_doctor::{Diagnosis, Finding, Hop, State};
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

/// The path of the script that examines the browser, on pages of every origin.
pub const SCRIPT: &str = "/doctor.js";

/// The content of the page.
#[derive(Clone, Deserialize, Serialize)]
enum Found {
    /// No examination yet. The flag tells whether there was a session when the server rendered the page.
    Start(Option<bool>),
    Diagnosed(Result<Diagnosis, WireError>),
}

/// The page before and after the examination.
#[component]
pub fn DoctorPage() -> impl IntoView {
    let tries = use_query_map().get_untracked().get("tries");
    let exported = use_context::<Exported>().is_some();
    let found = Resource::new_blocking(
        || (),
        move |()| {
            let tries = tries.clone();
            async move {
                match tries {
                    Some(tries) => Found::Diagnosed(diagnose(tries).await),
                    // An exported page holds no data of a visitor.
                    None if exported => Found::Start(None),
                    None => Found::Start(read_overview().await.ok().map(|overview| overview.kept.is_some())),
                }
            }
        },
    );
    view! {
        <Title text="Doctor · Hardtack"/>
        <Suspense>
            {move || Suspend::new(async move {
                let (content, notice) = match found.await {
                    Found::Start(rendered) => (start(rendered), None),
                    Found::Diagnosed(Ok(diagnosis)) => (report(diagnosis), None),
                    Found::Diagnosed(Err(error)) => (start(None), Some(error.message)),
                };
                view! { <Frame notice>{content} <script src=SCRIPT defer nonce=use_nonce()></script></Frame> }
            })}
        </Suspense>
    }
}

fn start(rendered: Option<bool>) -> AnyView {
    let rendered = rendered.map(|rendered| rendered.to_string());
    let origin = use_context::<Examiner>().map(|examiner| examiner.origin).unwrap_or_default();
    let script = format!("{origin}{SCRIPT}");
    view! {
        <section class="door">
            <div class="words">
                <h1>"Why is my session lost?"</h1>
                <p class="lead">
                    "The doctor sends test cookies between this browser and the server. It shows where a session is \
                     lost, why, and how to fix it."
                </p>
                <ul class="plain">
                    <li>"It sets two test cookies, which expire after a minute."</li>
                    <li>"It sends about fifteen requests, each with one more requirement than the one before."</li>
                    <li>"Its report contains no cookie values, so you can share it."</li>
                </ul>
            </div>
            <div class="form examination" data-doctor="examination" data-rendered=rendered data-server=origin.clone()>
                // Disabled until its script has loaded. It is there from the start, so that nothing moves then.
                <button type="button" data-doctor="examine" disabled>
                    "Examine this browser"
                </button>
                <p role="status" class="hint" data-doctor="status"></p>
                <p hidden data-doctor="unreached">
                    "Your browser cannot reach " <code>{origin.clone()}</code> ". "
                    <a href=at_server(DOCTOR)>"Open the report there"</a>
                    ". If that does not open either, your browser says why: the server does not respond (HT030), or \
                     its certificate is not trusted (HT027)."
                </p>
                <noscript>
                    <p>"The examination needs JavaScript. Allow it for this page."</p>
                </noscript>
            </div>
        </section>
        <section aria-labelledby="elsewhere">
            <h2 id="elsewhere">"Examine your own page"</h2>
            <p>
                "The result depends on the page that sends the requests. Add this element to your page, or run the \
                 code below it in that page’s console. The browser then opens the report here."
            </p>
            <pre tabindex="0">{format!("<script src=\"{script}\"></script>")}</pre>
            <pre tabindex="0">
                {format!(
                    "document.head.append(Object.assign(document.createElement(\"script\"), {{ src: \"{script}\" }}))",
                )}
            </pre>
            <p>
                "Before that, the page may give the doctor its own HTTP client. The doctor then also finds faults of \
                 that client, such as requests without credentials."
            </p>
            <pre tabindex="0">"globalThis.hardtackDoctor = { client: (url) => axios.get(url) }"</pre>
        </section>
    }
    .into_any()
}

fn report(diagnosis: Diagnosis) -> AnyView {
    let broken = diagnosis.broken();
    let Diagnosis { hops, findings, text } = diagnosis;
    let unseen = hops.iter().any(|(hop, state)| *hop == Hop::Know && *state == State::Unseen);
    let (title, lead) = match (broken, findings.is_empty()) {
        (Some(hop), _) => ("The session is lost", format!("In this browser, {}.", hop.fails())),
        (None, _) if unseen => ("Cookies work", "The server got the test cookies, but saw no session.".to_owned()),
        (None, true) => ("No problem found", "The session works in this browser.".to_owned()),
        (None, false) => ("The session works", "But read the findings below.".to_owned()),
    };
    view! {
        <section class="diagnosis">
            <div class="words">
                <h1>{title}</h1>
                <p class="lead">{lead}</p>
                <ol class="hops">{hops.into_iter().map(hop).collect::<Vec<_>>()}</ol>
                {(broken.is_none() && unseen).then(without_session)}
            </div>
            <figure class="trip">
                <Drawing broken/>
            </figure>
        </section>
        {findings.into_iter().map(finding).collect::<Vec<_>>()}
        <section aria-labelledby="text">
            <h2 id="text">"Text report"</h2>
            <p>"The whole result as text. It contains no cookie values."</p>
            <pre tabindex="0" data-doctor="text">
                {text}
            </pre>
            <p class="after">
                <button type="button" data-doctor="copy" hidden>
                    "Copy the text"
                </button>
                <a href=DOCTOR>"Examine this browser here"</a>
            </p>
        </section>
    }
    .into_any()
}

fn without_session() -> AnyView {
    view! {
        <p>
            "Begin a session, for example by signing in, and examine again. If another page loses the session, "
            <a href=format!("{DOCTOR}#elsewhere")>"examine that page"</a> "."
        </p>
    }
    .into_any()
}

fn hop((hop, state): (Hop, State)) -> AnyView {
    let told = hop.told(&state);
    let (class, said, more) = match (hop, state) {
        (_, State::Fine) => ("good", "Fine: ", None),
        (_, State::Broken(why)) => ("bad", "Broken: ", Some(why)),
        (Hop::Know, State::Unseen) => {
            ("unseen", "Not seen: ", Some("There is no session yet, or its cookie was not sent.".to_owned()))
        }
        (_, State::Unseen) => ("unseen", "Not seen: ", None),
    };
    view! {
        <li class=class>
            <span class="place">{hop.place()}</span>
            <span>
                <span class="aside">{said}</span>
                {told}
                {more.map(|more| view! { <span class="hint">{marked(&more)}</span> })}
            </span>
        </li>
    }
    .into_any()
}

fn finding(finding: Finding) -> AnyView {
    let Finding { code, severity, what, why, cure } = finding;
    let id = code.to_string().to_lowercase();
    let heading = id.clone();
    let express = (cure.express != cure.hardtack).then_some(cure.express);
    view! {
        <section class="finding" aria-labelledby=id>
            <h2 id=heading>
                <span class=format!("severity {severity}")>{format!("{code} {severity}")}</span>
                {marked(code.title())}
            </h2>
            <p>{marked(&what)}</p>
            <p class="hint">{marked(&why)}</p>
            <h3>{if express.is_some() { "How to fix it in Hardtack" } else { "How to fix it" }}</h3>
            {copied(&cure.hardtack)}
            {express.map(|express| view! { <h3>"In Express"</h3> {copied(&express)} })}
        </section>
    }
    .into_any()
}

/// Renders a cure: its prose as a paragraph, and its code in a block that is easy to copy.
fn copied(cure: &str) -> AnyView {
    let (words, code) = match cure.split_once("\n\n") {
        Some((words, code)) if words.ends_with(':') => (Some(words), Some(code)),
        _ if cure.ends_with('.') => (Some(cure), None),
        _ => (None, Some(cure)),
    };
    let words = words.map(|words| view! { <p>{marked(words)}</p> });
    let code = code.map(|code| view! { <pre tabindex="0">{code.to_owned()}</pre> });
    (words, code).into_any()
}

/// Renders a text, with the parts between backticks as code.
fn marked(text: &str) -> Vec<AnyView> {
    let part = |(at, part): (usize, &str)| {
        let part = part.to_owned();
        if at % 2 == 1 { view! { <code>{part}</code> }.into_any() } else { part.into_any() }
    };
    text.split('`').enumerate().map(part).collect()
}
