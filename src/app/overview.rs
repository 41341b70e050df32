//! The session in the browser (its cookie) and on the server (its keys and deadlines).

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::parts::lively::{Lively, Words, catch_up, lively, on_wake, says, start, words};
use super::parts::notice;
use crate::api::overview::read_overview;
use crate::model::overview::{self, Kept};
use leptos::prelude::*;
use leptos::web_sys::js_sys::Date;
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    // Only the browser uses these, because a thread of the server serves many pages.

    /// The panels of this page, once they are hydrated.
    static AWAKE: Cell<Option<Panels>> = const { Cell::new(None) };

    /// The arrival of the overview that they show, in milliseconds: by a clock that is never set, and by one that goes
    /// on while the machine sleeps.
    static TOLD: Cell<[f64; 2]> = const { Cell::new([0.0; 2]) };
}

/// Returns both clocks' times now.
fn clocks() -> [f64; 2] {
    let steady = window().performance().map(|performance| performance.now());
    [steady.unwrap_or_default(), Date::now()]
}

/// Returns both clocks' times at which the response with the page arrived.
fn rendered() -> [f64; 2] {
    let Some(performance) = window().performance() else { return clocks() };
    let came = performance.timing().response_start();
    // A browser that does not report the time returns no positive number.
    if came.is_nan() || came <= 0.0 {
        return clocks();
    }
    [came - performance.time_origin(), came]
}

/// Requests the overview again. For use after a call that used the session, because its deadlines have moved.
pub fn refresh() {
    if let Some(panels) = AWAKE.get() {
        start(panels.ask());
    }
}

/// Both panels. The deadlines count down once the island is hydrated; before, they are as the server sent them.
#[island]
pub fn Overview(
    /// The session as the server sees it. `None`: the island requests it.
    overview: Option<overview::Overview>,
) -> impl IntoView {
    let missing = overview.is_none();
    let panels = Panels { known: RwSignal::new(overview), elapsed: RwSignal::new(0) };
    on_wake(move || {
        AWAKE.set(Some(panels));
        TOLD.set(rendered());
        set_interval(move || panels.tick(), Duration::from_secs(1));
        if missing {
            catch_up(panels.ask());
        }
    });
    let (says_cookie, cookie) = panels.text(cookie);
    let (says_age, age) = panels.text(age);
    let (says_idle, idle_left) = panels.text(idle_left);
    let (says_absolute, absolute_left) = panels.text(absolute_left);
    let (says_store, store) = panels.text(store);
    let (says_state, state) = panels.text(state);
    let chips = |list: List| panels.chips(list);
    view! {
        <section class="end browser-end" data-testid="browser-end" aria-labelledby="browser-end">
            <h3 id="browser-end">"The browser holds"</h3>
            <dl>
                <dt>"Cookie"</dt>
                <dd>
                    <code translate="no" use:says=says_cookie>
                        {cookie}
                    </code>
                </dd>
                <dt>"Attributes"</dt>
                <dd>
                    <ul class="chips" translate="no">
                        {chips(attributes)}
                    </ul>
                </dd>
                <dt>"Value"</dt>
                <dd>
                    "Hidden from scripts by HttpOnly. A script that could read it could steal the session."
                </dd>
            </dl>
        </section>
        <section class="end server-end" data-testid="server-end" aria-labelledby="server-end">
            <h3 id="server-end">"The server holds"</h3>
            <dl>
                <dt>"Keys"</dt>
                <dd>
                    <ul class="chips" translate="no">
                        {chips(keys)}
                    </ul>
                </dd>
                <dt>"Age"</dt>
                <dd class="clock" translate="no" use:says=says_age>
                    {age}
                </dd>
                <dt>"Idle timeout, restarted by each use"</dt>
                <dd class="clock" data-testid="idle-left" translate="no" use:says=says_idle>
                    {idle_left}
                </dd>
                <dt>"Absolute timeout, even when in use"</dt>
                <dd class="clock" data-testid="absolute-left" translate="no" use:says=says_absolute>
                    {absolute_left}
                </dd>
                <dt>"Store"</dt>
                <dd>
                    <code translate="no" use:says=says_store>
                        {store}
                    </code>
                </dd>
            </dl>
            <p class="state" role="status" use:says=says_state>
                {state}
            </p>
        </section>
    }
}

#[derive(Clone, Copy)]
struct Panels {
    known: RwSignal<Option<overview::Overview>>,
    /// The whole seconds since `known` arrived.
    elapsed: RwSignal<u64>,
}

impl Panels {
    async fn ask(self) {
        match read_overview().await {
            Ok(overview) => {
                TOLD.set(clocks());
                self.elapsed.set(0);
                self.known.set(Some(overview));
            }
            Err(error) => notice::show(&error.message),
        }
    }

    /// Reads the clocks instead of counting calls, because timers are slowed in the background and stop during sleep.
    /// The clock that shows the longer time is right: one stands still during sleep, and the other may be set back.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no clock runs backwards")]
    fn tick(self) {
        let ([steady, date], told) = (clocks(), TOLD.get());
        self.elapsed.set(((steady - told[0]).max(date - told[1]) / 1000.0) as u64);
    }

    fn text(self, text: Text) -> (Words, Option<String>) {
        words(move || {
            let elapsed = self.elapsed.get();
            self.known.with(|known| text(known.as_ref(), elapsed))
        })
    }

    fn chips(self, list: List) -> Lively<Vec<impl IntoView + use<>>> {
        lively(move || {
            let words = self.known.with(|known| known.as_ref().map(list));
            words.unwrap_or_default().into_iter().map(chip).collect()
        })
    }
}

/// A function that returns a text about the session, given the seconds since the overview arrived.
type Text = fn(Option<&overview::Overview>, u64) -> String;

/// A function that returns a list from the overview.
type List = fn(&overview::Overview) -> Vec<String>;

/// The text in place of a missing value.
const NOTHING: &str = "–";

fn chip(word: String) -> impl IntoView {
    view! {
        <li>
            <code>{word}</code>
        </li>
    }
}

fn attributes(overview: &overview::Overview) -> Vec<String> {
    overview.cookie.attributes.clone()
}

fn keys(overview: &overview::Overview) -> Vec<String> {
    overview.kept.as_ref().map(|kept| kept.keys.clone()).unwrap_or_default()
}

fn cookie(overview: Option<&overview::Overview>, _: u64) -> String {
    overview.map_or(NOTHING, |overview| &overview.cookie.name).to_owned()
}

fn store(overview: Option<&overview::Overview>, _: u64) -> String {
    overview.map_or(NOTHING, |overview| &overview.store).to_owned()
}

fn age(overview: Option<&overview::Overview>, elapsed: u64) -> String {
    clock(kept(overview).map(|kept| kept.age + elapsed.min(lifetime(kept))))
}

fn idle_left(overview: Option<&overview::Overview>, elapsed: u64) -> String {
    clock(kept(overview).map(|kept| kept.idle_left.saturating_sub(elapsed)))
}

fn absolute_left(overview: Option<&overview::Overview>, elapsed: u64) -> String {
    clock(kept(overview).map(|kept| kept.absolute_left.saturating_sub(elapsed)))
}

fn state(overview: Option<&overview::Overview>, elapsed: u64) -> String {
    let sentence = match (overview, kept(overview)) {
        (Some(_), None) => "No session yet. It begins with the first stored value.",
        (_, Some(kept)) if elapsed >= lifetime(kept) => "This session has ended. Reload the page to begin a new one.",
        _ => "",
    };
    sentence.to_owned()
}

fn kept(overview: Option<&overview::Overview>) -> Option<&Kept> {
    overview.and_then(|overview| overview.kept.as_ref())
}

/// Returns the seconds until the first of the session's two deadlines.
fn lifetime(kept: &Kept) -> u64 {
    kept.idle_left.min(kept.absolute_left)
}

/// Formats seconds like a clock: `29:58`, `11:59:58`.
fn clock(seconds: Option<u64>) -> String {
    let Some(seconds) = seconds else {
        return NOTHING.to_owned();
    };
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::overview::CookieShape;

    #[test]
    fn seconds_read_as_a_clock() {
        let clock = |seconds| clock(Some(seconds));
        assert_eq!(clock(0), "0:00");
        assert_eq!(clock(1798), "29:58");
        assert_eq!(clock(3600), "1:00:00");
        assert_eq!(clock(43_198), "11:59:58");
        assert_eq!(clock(30 * 86_400), "720:00:00");
    }

    #[test]
    fn a_session_ends_at_the_first_of_its_deadlines() {
        let overview = overview::Overview {
            cookie: CookieShape { name: "hardtack_sess".into(), attributes: vec![] },
            kept: Some(Kept { keys: vec![], age: 7, idle_left: 3, absolute_left: 9 }),
            store: "memory".into(),
        };
        let overview = Some(&overview);
        assert_eq!(state(overview, 2), "");
        assert!(state(overview, 3).contains("has ended"));
        assert_eq!(idle_left(overview, 5), "0:00");
        assert_eq!(absolute_left(overview, 5), "0:04");
        assert_eq!(age(overview, 5), "0:10");
    }
}
