//! Tests that the model of Chrome behaves like Chromium. `end2end/matrix/cookies.ts` runs the same table in Chromium.

use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;

const TABLE: &str = include_str!("chromium.json");

/// A time long after every past date of the table, and long before every future one.
pub(super) const NOW: u64 = 1_800_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Played {
    pub(super) name: String,
    /// Whether third parties are blocked.
    #[serde(default)]
    pub(super) blocked: bool,
    pub(super) requests: Vec<Asked>,
}

/// One request of a case: the cookies that it carries and those that are withheld, and the effect of the line in its
/// response.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    page: Address,
    #[serde(default)]
    by: By,
    pub(super) to: Address,
    pub(super) carries: Option<String>,
    #[serde(default)]
    withheld: BTreeMap<String, Lost>,
    pub(super) sets: Option<String>,
    pub(super) kept: Option<String>,
    /// The `Date` of its response.
    date: Option<String>,
    /// The days for which the jar's only cookie lives.
    pub(super) days: Option<u64>,
    refused: Option<Lost>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    #[default]
    Fetch,
    Link,
    Post,
}

/// The reason of the model for a loss, and those of Chromium, which may give none.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lost {
    model: String,
    chromium: Vec<String>,
}

impl Asked {
    pub(super) fn request(&self, now: u64) -> Request<'_> {
        let kind = match self.by {
            By::Fetch => Kind::Fetch,
            By::Link => Kind::Link,
            By::Post => Kind::Post,
        };
        Request { to: &self.to, page: &self.page, kind, now, date: self.date.as_deref().and_then(set_cookie::date) }
    }
}

/// Expands repetitions: `{v*4096}` becomes 4096 times `v`.
pub(super) fn spelt(text: &str) -> String {
    let many = || {
        let (before, rest) = text.split_once('{')?;
        let (many, after) = rest.split_once('}')?;
        let (sign, times) = many.split_once('*')?;
        Some(format!("{before}{}{}", sign.repeat(times.parse().ok()?), spelt(after)))
    };
    many().unwrap_or_else(|| text.to_owned())
}

pub(super) fn cases() -> Vec<Played> {
    serde_json::from_str(TABLE).expect("the table")
}

#[test]
fn the_model_does_what_chromium_did() {
    let cases = cases();
    let sites = Sites::default();
    for Played { name, blocked, requests } in &cases {
        let mut jar = Jar::new(Browser::new(Maker::Chrome, *blocked));
        for (asked, now) in requests.iter().zip(NOW..) {
            let (request, case) = (asked.request(now), format!("{name} (blocked: {blocked}), {}", asked.to));
            assert_eq!(jar.header(&request, &sites), asked.carries.as_deref().map(spelt), "{case}");
            let withheld = jar.withheld(&request, &sites).into_iter();
            let withheld: BTreeMap<_, _> =
                withheld.map(|(name, loss)| (name.to_owned(), format!("{loss:?}"))).collect();
            let expected = asked.withheld.iter().map(|(name, lost)| (name.clone(), lost.model.clone()));
            assert_eq!(withheld, expected.collect(), "{case}");
            let Some(line) = &asked.sets else { continue };
            let became = jar.set(&spelt(line), &request, &sites);
            let expected = asked.refused.as_ref().map(|lost| lost.model.clone());
            assert_eq!(became.err().map(|loss| format!("{loss:?}")), expected, "{case}: {line}");
            assert_eq!(became.ok().map(|kept| format!("{kept:?}")), asked.kept, "{case}: {line}");
            if let Some(end) = asked.days.map(|days| now + days * 86400) {
                let there = |now| jar.header(&asked.request(now), &sites).is_some();
                assert_eq!((there(end - 1), there(end)), (true, false), "{case}: {line}");
            }
        }
    }
}

/// All losses. A new one first makes the `match` in `words` fail to compile, and must then be added here.
const LOSSES: [Loss; 15] = [
    Loss::Unreadable,
    Loss::TooLarge,
    Loss::Expired,
    Loss::Domain,
    Loss::Insecure,
    Loss::ShadowsSecure,
    Loss::CrossSite,
    Loss::NoneWithoutSecure,
    Loss::PartitionedWithoutSecure,
    Loss::Prefix,
    Loss::HttpPrefix,
    Loss::ThirdParty,
    Loss::OtherPartition,
    Loss::OtherHost,
    Loss::OtherPath,
];

/// Returns the names that Chromium has for a loss. An empty one means that Chromium may give no reason.
const fn words(loss: Loss) -> &'static [&'static str] {
    match loss {
        Loss::Unreadable => &["DisallowedCharacter", "NoCookieContent"],
        Loss::TooLarge => &["NameValuePairExceedsMaxSize"],
        Loss::Expired | Loss::PartitionedWithoutSecure | Loss::OtherPartition => &[""],
        Loss::Domain => &["InvalidDomain"],
        Loss::Insecure => &["SecureOnly", "InvalidPrefix", ""],
        Loss::ShadowsSecure => &["OverwriteSecure"],
        Loss::CrossSite => {
            &["SchemefulSameSiteLax", "SchemefulSameSiteStrict", "SchemefulSameSiteUnspecifiedTreatedAsLax"]
        }
        Loss::NoneWithoutSecure => &["SameSiteNoneInsecure", ""],
        Loss::Prefix | Loss::HttpPrefix => &["InvalidPrefix"],
        Loss::ThirdParty => &["UserPreferences"],
        Loss::OtherHost => &["DomainMismatch"],
        Loss::OtherPath => &["NotOnPath"],
    }
}

#[test]
fn every_loss_is_shown_and_means_what_chromium_says() {
    let cases = cases();
    let lost = |asked: &Asked| asked.refused.iter().chain(asked.withheld.values()).cloned().collect::<Vec<_>>();
    let shown: Vec<_> =
        cases.iter().flat_map(|case| case.requests.iter().flat_map(lost).map(move |it| (case, it))).collect();
    for loss in LOSSES {
        let words = words(loss);
        let mut shown = shown.iter().filter(|(_, lost)| lost.model == format!("{loss:?}")).peekable();
        assert!(shown.peek().is_some(), "no case shows {loss:?}");
        for (case, Lost { chromium, .. }) in shown {
            // For a blocked third party Chromium names the setting, and does not check the cookie any further.
            let known = |word: &String| words.contains(&word.as_str()) || (case.blocked && word == "UserPreferences");
            let fits = if chromium.is_empty() { words.contains(&"") } else { chromium.iter().any(known) };
            assert!(fits, "{}: {loss:?} is not {chromium:?}", case.name);
        }
    }
}
