//! The page of the doctor: examines the visitor's browser, and shows what breaks a session's trip.
//!
//! The examination itself is `src/server/doctor.js`, which leads here again with what it has tried behind `?tries=`: so the
//! pages of every origin can be examined, also where nothing of this server's answers may be read.

use super::access::DOCTOR;
use super::parts::{Frame, at_server};
use super::trip::Drawing;
use crate::api::doctor::diagnose;
use crate::api::overview::read_overview;
use crate::doctor::{Diagnosis, Finding, Hop, State};
use crate::model::doctor::Examiner;
use crate::model::error::WireError;
use crate::model::exported::Exported;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

/// What examines the browser, in pages of every origin.
pub const SCRIPT: &str = "/doctor.js";

/// What there is to show.
#[derive(Clone, Deserialize, Serialize)]
enum Found {
    /// Nothing is examined yet. Whether this page, as it was rendered, knew a session.
    Start(Option<bool>),
    Diagnosed(Result<Diagnosis, WireError>),
}

/// Before the examination, and after it.
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
                    // A file knows nothing of its visitor.
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
                <h1>"Why does it not stick?"</h1>
                <p class="lead">
                    "The doctor sends test cookies from this browser to the server and back. It says where a session’s \
                     trip breaks, why, and what mends it."
                </p>
                <ul class="plain">
                    <li>"Two test cookies are set, which are gone after a minute."</li>
                    <li>"The server is asked some fifteen times, each time in a way that needs one thing more."</li>
                    <li>"No cookie’s value is in what it says, so you can copy it into a report."</li>
                </ul>
            </div>
            <div class="form examination" data-doctor="examination" data-rendered=rendered data-server=origin.clone()>
                // Until its script is there. Nothing moves when it comes.
                <button type="button" data-doctor="examine" disabled>
                    "Examine this browser"
                </button>
                <p role="status" class="hint" data-doctor="status"></p>
                <p hidden data-doctor="unreached">
                    "Nothing arrives at " <code>{origin.clone()}</code> ". "
                    <a href=at_server(DOCTOR)>"Look at it there"</a>
                    ". If that does not open either, your browser says why: nobody answers (HT030), or the certificate is \
                     not trusted (HT027)."
                </p>
                <noscript>
                    <p>"The examination is a script. Allow JavaScript for this page."</p>
                </noscript>
            </div>
        </section>
        <section aria-labelledby="elsewhere">
            <h2 id="elsewhere">"From a page of yours"</h2>
            <p>
                "What a session suffers from depends on the page that calls. Put this into the page, or what follows into its \
                 console, and it leads here with what its browser has seen."
            </p>
            <pre tabindex="0">{format!("<script src=\"{script}\"></script>")}</pre>
            <pre tabindex="0">
                {format!(
                    "document.head.append(Object.assign(document.createElement(\"script\"), {{ src: \"{script}\" }}))",
                )}
            </pre>
            <p>
                "Before that, the page may lend the doctor its own way to call. So it sees what the application does \
                 differently, such as to call without credentials."
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
        (Some(hop), _) => ("The trip breaks.", format!("Here {}.", hop.fails())),
        (None, _) if unseen => ("The way is open.", "Test cookies come through, and no session came along.".to_owned()),
        (None, true) => ("It holds.", "Nothing is wrong with what this browser has seen.".to_owned()),
        (None, false) => ("It holds, but look.", "The session comes through. Read this all the same.".to_owned()),
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
            <h2 id="text">"For a report"</h2>
            <p>"All of it as text. No cookie’s value is in it."</p>
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
            "Begin a session, by signing in for example, and examine again. If it is the calls of a page of yours that lose it, "
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
            ("unseen", "Not seen: ", Some("There is no session yet, or its cookie did not come.".to_owned()))
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
            <h3>{if express.is_some() { "What mends it, in Hardtack" } else { "What mends it" }}</h3>
            {copied(&cure.hardtack)}
            {express.map(|express| view! { <h3>"In Express"</h3> {copied(&express)} })}
        </section>
    }
    .into_any()
}

/// Words are read, and what is to be copied stands by itself.
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

/// What stands between backticks is code.
fn marked(text: &str) -> Vec<AnyView> {
    let part = |(at, part): (usize, &str)| {
        let part = part.to_owned();
        if at % 2 == 1 { view! { <code>{part}</code> }.into_any() } else { part.into_any() }
    };
    text.split('`').enumerate().map(part).collect()
}
