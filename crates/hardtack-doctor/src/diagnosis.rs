//! The diagnosis for the visitor of the doctor's page: the hops, the findings, and both as text.

use super::code::Code;
use super::diagnose_tries;
use super::finding::{Finding, Severity};
use super::tries::{Echo, Known, Tries, Try};
use super::verdict::{Hop, State};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};

/// The problems in a visitor's own browser. It holds no secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The path of the session, from the page to the server and back.
    pub hops: Vec<(Hop, State)>,
    /// The findings, the most severe first.
    pub findings: Vec<Finding>,
    /// Hops and findings as text, for a report.
    pub text: String,
}

/// The hops that a page can observe, in order. `Keep` is not among them, because a page sees only the cookie that comes
/// back.
const HOPS: [Hop; 5] = [Hop::Reach, Hop::Read, Hop::Ask, Hop::Return, Hop::Know];

impl Diagnosis {
    /// Judges the results of a page's calls.
    #[must_use]
    pub fn of(tries: &Tries) -> Self {
        let findings = diagnose_tries(tries);
        let own = tries.page.is_origin_of(&tries.server);
        let hops = HOPS.into_iter().map(|hop| (hop, state(hop, tries, &findings)));
        // CORS does not apply to the server's own pages.
        let needs = |(hop, state): &(Hop, State)| !own || !hop.needs_leave() || state.is_broken();
        let hops: Vec<_> = hops.filter(needs).collect();
        let text = text(tries, &findings, &hops).unwrap_or_default();
        Self { hops, findings, text }
    }

    /// Returns the first hop that fails, if one does.
    #[must_use]
    pub fn broken(&self) -> Option<Hop> {
        self.hops.iter().find(|(_, state)| state.is_broken()).map(|(hop, _)| *hop)
    }
}

fn state(hop: Hop, tries: &Tries, findings: &[Finding]) -> State {
    let echo = tries.credentialed.answer();
    let seen = match hop {
        Hop::Reach => tries.plain.answer().is_some() || tries.opaque.answer().is_some(),
        Hop::Read => echo.is_some(),
        Hop::Ask => tries.json.answer().is_some(),
        Hop::Keep | Hop::Return => echo.is_some_and(|echo| echo.test_cookie || echo.session == Known::Live),
        Hop::Know => echo.is_some_and(|echo| echo.session == Known::Live),
    };
    // A warning may describe a normal case, such as a session that has ended, but if the hop was not observed, it
    // fails.
    let breaks = |finding: &&Finding| {
        hop_of(finding.code, tries) == hop
            && (finding.severity == Severity::Error || (!seen && finding.severity == Severity::Warning))
    };
    match findings.iter().find(breaks) {
        Some(finding) => State::Broken(finding.what.clone()),
        None if seen => State::Fine,
        None => State::Unseen,
    }
}

/// Returns the hop at which a page observes a cause.
const fn hop_of(code: Code, tries: &Tries) -> Hop {
    match code {
        // If `localhost` and `127.0.0.1` cannot call each other, the fault shows before any cookie does.
        Code::LoopbackNames if tries.plain.failed() => Hop::Read,
        Code::SchemeUnknown
        | Code::Certificate
        | Code::CertificateEnds
        | Code::MixedContent
        | Code::LocalNetwork
        | Code::Unreachable
        | Code::Refused
        | Code::Cached => Hop::Reach,
        Code::Wildcard
        | Code::NoCredentials
        | Code::OtherOrigin
        | Code::TwoOrigins
        | Code::ErrorsHidden
        | Code::ExposedSetCookie
        | Code::AnyOrigin
        | Code::DeadEnd
        | Code::Redirected => Hop::Read,
        Code::Preflight | Code::PreflightRedirected | Code::WildcardList | Code::Unlisted => Hop::Ask,
        Code::SharedName | Code::NotForwarded | Code::Forgotten | Code::NodesDiffer => Hop::Know,
        Code::Uncredentialed
        | Code::CrossSite
        | Code::NotSecure
        | Code::ThirdParty
        | Code::SecureOverHttp
        | Code::SecureOnLoopback
        | Code::Domain
        | Code::Prefix
        | Code::HttpPrefix
        | Code::Path
        | Code::TooLarge
        | Code::Expired
        | Code::LoopbackNames
        | Code::SchemesDiffer
        | Code::Strict
        | Code::NoRoom
        | Code::Joined
        | Code::Cleared
        | Code::Clock
        | Code::PlainHttp
        | Code::NoCookie
        | Code::Unreadable
        // Pages do not observe providers, so any hop will do.
        | Code::ProviderUnusable
        | Code::ProviderDiffers
        | Code::ProviderUnnamed => Hop::Return,
    }
}

fn text(tries: &Tries, findings: &[Finding], hops: &[(Hop, State)]) -> Result<String, fmt::Error> {
    let mut text = String::from("Hardtack's doctor, in a visitor's browser\n\n");
    writeln!(text, "page     {}", tries.page)?;
    writeln!(text, "server   {}", tries.server)?;
    writeln!(text, "browser  {}\n", line(&tries.browser.agent))?;
    for (hop, state) in hops {
        writeln!(text, "  {} {:<7}  {}", state.sign(), hop.place(), hop.told(state))?;
    }
    text.push('\n');
    for finding in findings {
        let Finding { why, cure, .. } = finding;
        writeln!(text, "{finding}\n  why   {why}\n  cure, Hardtack\n{}", inset(&cure.hardtack))?;
        if cure.express != cure.hardtack {
            writeln!(text, "  cure, Express\n{}", inset(&cure.express))?;
        }
        writeln!(text, "  {}\n", finding.link())?;
    }
    if findings.is_empty() {
        text.push_str("Nothing is wrong with what was seen.\n\n");
    }
    let calls = [
        ("no-cors", word(&tries.opaque)),
        ("cors", word(&tries.plain)),
        ("with credentials", word(&tries.credentialed)),
        ("with JSON", word(&tries.json)),
        ("an error", word(&tries.failing)),
        ("the application's own", word(&tries.application)),
    ];
    let calls: Vec<_> = calls.iter().map(|(name, word)| format!("{name}: {word}")).collect();
    writeln!(text, "calls    {}", calls.join(", "))?;
    if let Some(echo) = tries.credentialed.answer() {
        let Echo {
            session_cookie, cookies, test_cookie, partitioned_cookie, origin, fetch_site, storage_access, ..
        } = echo;
        let sent = |header: &Option<String>| header.as_deref().map_or_else(|| "not sent".to_owned(), line);
        let came = |came: &bool| if *came { "came back" } else { "did not come back" };
        writeln!(text, "cookie   {}", line(session_cookie))?;
        writeln!(text, "test     {}; with Partitioned {}", came(test_cookie), came(partitioned_cookie))?;
        writeln!(text, "came     {}", if cookies.is_empty() { "none".to_owned() } else { line(&cookies.join(", ")) })?;
        writeln!(text, "sent     Origin: {}, Sec-Fetch-Site: {}", sent(origin), sent(fetch_site))?;
        writeln!(text, "         Sec-Fetch-Storage-Access: {}", sent(storage_access))?;
    }
    Ok(text)
}

/// Replaces control and formatting characters, so that foreign text adds no lines of its own.
fn line(text: &str) -> String {
    // Characters that change the direction of text are replaced too.
    let shown = |sign: char| {
        !sign.is_control()
            && !matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|sign| if shown(sign) { sign } else { ' ' }).collect()
}

const fn word<T>(attempt: &Try<T>) -> &'static str {
    match attempt {
        Try::Skipped => "not made",
        Try::Failed => "failed",
        Try::Answered(_) => "answered",
    }
}

fn inset(text: &str) -> String {
    let lines: Vec<_> =
        text.lines().map(|line| if line.is_empty() { String::new() } else { format!("      {line}") }).collect();
    lines.join("\n")
}
