//! Tests that the models of Firefox and Safari behave like Firefox ESR and WebKitGTK. `end2end/engines/cookies.spec.ts`
//! runs the table of `chromium.json` in both.
//!
//! `firefox.json` and `webkit.json` list the differences of each engine from Chromium or from the model. Neither engine
//! says why it drops a cookie. So the tests compare only that a cookie is dropped, and the reason is the model's own.

use super::chromium::{Asked, NOW, Played, cases, spelt};
use super::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Engine {
    differs: Vec<Differing>,
    unplayed: Vec<Unplayed>,
}

/// A case in which an engine differs from Chromium.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Differing {
    name: String,
    #[serde(default)]
    blocked: bool,
    requests: Vec<Asked>,
    /// The reason why the model does not follow the engine, if it does not.
    apart: Option<String>,
}

/// A case that the engine cannot run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unplayed {
    name: String,
    #[serde(default)]
    blocked: bool,
    why: String,
}

/// Returns the first difference of the model from the measured requests.
fn difference(browser: Browser, requests: &[Asked]) -> Option<String> {
    let sites = Sites::default();
    let mut jar = Jar::new(browser);
    requests.iter().zip(NOW..).find_map(|(asked, now)| {
        let request = asked.request(now);
        let carried = jar.header(&request, &sites);
        if carried != asked.carries.as_deref().map(spelt) {
            return Some(format!("{}: {carried:?} is sent instead of {:?}", asked.to, asked.carries));
        }
        let line = asked.sets.as_deref()?;
        let became = jar.set(&spelt(line), &request, &sites);
        if became.ok().map(|kept| format!("{kept:?}")) != asked.kept {
            return Some(format!("{line}: {became:?} instead of {:?}", asked.kept));
        }
        let end = asked.days.map(|days| now + days * 86400)?;
        let there = |now| jar.header(&asked.request(now), &sites).is_some();
        (!there(end - 1) || there(end)).then(|| format!("{line}: does not end after {:?} days", asked.days))
    })
}

fn held_against(maker: Maker, table: &str) {
    let Engine { differs, unplayed } = serde_json::from_str(table).expect("the table");
    let chromium = cases();
    let known = |name: &str, blocked| chromium.iter().any(|case| case.name == name && case.blocked == blocked);
    for Unplayed { name, blocked, why } in &unplayed {
        assert!(known(name, *blocked) && why.ends_with('.'), "{name}");
    }
    let mut wrong = Vec::new();
    let mut judge = |name: &str, blocked: bool, requests: &[Asked], apart: Option<&str>| {
        let difference = difference(Browser::new(maker, blocked), requests);
        if difference.is_some() != apart.is_some() {
            wrong.push(format!("{name} (blocked: {blocked}): {difference:?}, {apart:?}"));
        }
    };
    for Differing { name, blocked, requests, apart } in &differs {
        judge(name, *blocked, requests, apart.as_deref());
    }
    for Played { name, blocked, requests } in &chromium {
        let is_other = differs.iter().any(|case| case.name == *name && case.blocked == *blocked);
        let is_unplayed = unplayed.iter().any(|case| case.name == *name && case.blocked == *blocked);
        assert!(!(is_other && is_unplayed), "{name}");
        if !is_other && !is_unplayed {
            judge(name, *blocked, requests, None);
        }
    }
    assert!(wrong.is_empty(), "{maker}: {wrong:#?}");
}

#[test]
fn the_model_of_firefox_does_what_firefox_esr_did() {
    held_against(Maker::Firefox, include_str!("firefox.json"));
}

#[test]
fn the_model_of_safari_does_what_webkitgtk_did() {
    held_against(Maker::Safari, include_str!("webkit.json"));
}
