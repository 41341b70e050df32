//! The handshake: a form that sends the session's value back and shows the server's response.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::overview;
use super::parts::lively::{catch_up, instead_of_posting, lively, on_wake, says, start, words};
use super::parts::{at_server, notice};
use crate::api::handshake::{read_handshake, send_handshake};
use crate::model::error::Kind;
use crate::model::handshake::Confirmed;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, HtmlElement};
use serde::{Deserialize, Serialize};

/// The state of the handshake.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub enum Said {
    /// No request was sent, or it failed.
    #[default]
    Nothing,
    /// The request was sent, and the server has not responded yet.
    Busy,
    /// The value is the session's own.
    Confirmed,
    /// The value is not the session's.
    Mismatch,
}

impl Said {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Nothing | Self::Busy => "",
            Self::Confirmed => Confirmed::SUCCESS,
            Self::Mismatch => Kind::Mismatch.sentence(),
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Nothing | Self::Busy => "answer",
            Self::Confirmed => "answer confirmed",
            Self::Mismatch => "answer mismatch",
        }
    }
}

/// The form. Before hydration, or without WebAssembly, the browser posts it, and the page comes back with the result.
#[island]
pub fn Handshake(
    /// The session's value. `None`: the island requests it.
    value: Option<String>,
    /// The result of a form that the browser posted.
    said: Said,
) -> impl IntoView {
    let said = RwSignal::new(said);
    let input = NodeRef::<Input>::new();
    let missing = value.is_none();
    on_wake(move || {
        if missing {
            catch_up(fill(input));
        }
    });
    let (answers, answered) = words(move || said.get().sentence().to_owned());
    let busy = move || (said.get() == Said::Busy).then_some("true");
    view! {
        <form class="handshake" method="post" action=at_server("/api/session")>
            <label for="session-value">"Value in the session"</label>
            <div class="row">
                <input
                    id="session-value"
                    name="session"
                    value=value
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    node_ref=input
                />
                // Enter in the field clicks this button, too.
                <button
                    disabled=lively(busy)
                    aria-busy=lively(busy)
                    on:click=instead_of_posting(move || start(send(input, said)))
                >
                    "Send"
                </button>
            </div>
            <p
                role="status"
                aria-live="polite"
                data-testid="answer"
                class=lively(move || said.get().class())
                use:says=answers
            >
                {answered}
            </p>
        </form>
    }
}

/// Puts the session's value into the field, unless the visitor has typed there meanwhile.
async fn fill(input: NodeRef<Input>) {
    match read_handshake().await {
        Ok(handshake) => {
            if let Some(input) = input.get_untracked().filter(|input| input.value().is_empty()) {
                input.set_value(&handshake.id);
            }
        }
        Err(error) => notice::show(&error.message),
    }
}

async fn send(input: NodeRef<Input>, said: RwSignal<Said>) {
    let Some(typed) = input.get_untracked().map(|input| input.value()) else {
        return;
    };
    let focused = document().active_element();
    said.set(Said::Busy);
    let answer = match send_handshake(typed).await {
        Ok(_) => Ok(Said::Confirmed),
        Err(error) if error.kind == Kind::Mismatch => Ok(Said::Mismatch),
        Err(error) => Err(error.message),
    };
    said.set(*answer.as_ref().unwrap_or(&Said::Nothing));
    keep_focus(focused);
    match answer {
        Ok(_) => {
            notice::dismiss();
            overview::refresh();
        }
        Err(sentence) => notice::show(&sentence),
    }
}

/// Restores the focus, because a browser takes it from a button that is disabled.
fn keep_focus(focused: Option<Element>) {
    let is_lost = || document().active_element().is_none_or(|now| now.tag_name() == "BODY");
    if let Some(focused) = focused.filter(|_| is_lost()) {
        // In the next frame, because an effect that runs after this function enables the button. A visitor who has
        // moved on by then keeps the new focus.
        request_animation_frame(move || {
            if is_lost() {
                drop(focused.unchecked_into::<HtmlElement>().focus());
            }
        });
    }
}
