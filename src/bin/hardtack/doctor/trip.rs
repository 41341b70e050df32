//! The report on a session's path: the drawing, the verdicts of the browsers, and the evidence for both.

use super::report::{bad, bold, dim, good};
use crate::table::{escaped, table};
use hardtack_doctor::{Browser, Code, Evidence, Exchange, Finding, Hop, State, Verdict};
use std::fmt::Write as _;

/// Draws the path from the page to the server and back, in browsers with their usual settings.
pub(super) fn drawn(evidence: &Evidence, verdicts: &[Verdict]) -> String {
    let usual: Vec<_> = verdicts.iter().filter(|verdict| Browser::USUAL.contains(&verdict.browser)).collect();
    let mut text = format!("  browser, on a page of {}\n", bold(&evidence.page.origin()));
    let own = evidence.page.is_origin_of(&evidence.url);
    for hop in [Hop::Reach, Hop::Ask, Hop::Read, Hop::Keep, Hop::Return, Hop::Know] {
        // A page needs no permission on its own server.
        if own && hop.needs_leave() {
            continue;
        }
        let states = usual.iter().filter_map(|verdict| {
            let state = verdict.hops.iter().find(|(known, _)| *known == hop).map(|(_, state)| state)?;
            Some((verdict.browser.maker.to_string(), state))
        });
        let states: Vec<_> = states.collect();
        if states.is_empty() {
            continue;
        }
        text.push_str(&leg(hop, &states));
        let asks = usual.iter().filter(|verdict| hop == Hop::Reach && verdict.asks);
        for verdict in asks {
            let _ = writeln!(text, "    │          the browser asks the visitor first ({})", verdict.browser.maker);
        }
    }
    let _ = write!(text, "    ▼\n  session, at {}\n\n", bold(&escaped(&evidence.url.to_string())));
    text
}

/// Draws one step, with the browsers that fail at it and their reasons.
fn leg(hop: Hop, states: &[(String, &State)]) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (maker, state) in states {
        let State::Broken(why) = state else { continue };
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, makers)) => makers.push(maker),
            None => reasons.push((why, vec![maker])),
        }
    }
    let went = match states.iter().find(|(_, state)| **state != State::Fine) {
        _ if !reasons.is_empty() => State::Broken(String::new()),
        None => State::Fine,
        Some(_) => State::Unseen,
    };
    let paint = match went {
        State::Broken(_) => bad,
        State::Fine => good,
        State::Unseen => dim,
    };
    let sign = paint(&went.sign().to_string());
    let mut text = format!("    │\n    {sign}  {:<7} {}\n", hop.place(), hop.told(&went));
    for (why, makers) in reasons {
        let who = if makers.len() == states.len() { String::new() } else { format!(" ({})", makers.join(", ")) };
        let _ = writeln!(text, "    │          {}{who}", escaped(why));
    }
    text
}

/// Returns the verdict of each browser, by its own rules.
pub(super) fn table_of(verdicts: &[Verdict]) -> String {
    let rows = verdicts.iter().map(|verdict| {
        let blocked = if verdict.browser.blocks_third_parties { "blocked" } else { "allowed" };
        let said = match verdict.broken() {
            Some((hop @ (Hop::Keep | Hop::Return), why)) => format!("lost: {}, {why}", hop.fails()),
            Some((hop, _)) => format!("lost: {}", hop.fails()),
            None if verdict.holds() => "the session holds".to_owned(),
            None if verdict.holds_if_allowed() => {
                "asks first; the session holds only if the visitor allows it".to_owned()
            }
            None => "not all was seen".to_owned(),
        };
        [verdict.browser.maker.to_string(), blocked.to_owned(), said]
    });
    format!("{}\n\n", table(["BROWSER", "THIRD-PARTY COOKIES", "VERDICT"], rows))
}

/// Returns the calls and the headers that decide. The server's clock is among them when it is wrong.
pub(super) fn evidence(evidence: &Evidence, found: &[Finding]) -> String {
    let wrong = found.iter().any(|finding| matches!(finding.code, Code::Clock | Code::Expired));
    let mut rows = Vec::new();
    for exchange in &evidence.exchanges {
        let shown = exchange.shown().into_iter().filter(|(name, _)| *name != "date" || wrong);
        let shown = shown.map(|(name, value)| format!("{name}: {value}"));
        let mut shown = shown.chain([String::new()]);
        let took = format!("{} ms", exchange.took.as_millis());
        let (step, asked) = (evidence.purpose(exchange.step), format!("{} {}", exchange.method, exchange.url));
        rows.push([step, asked, exchange.status.to_string(), took, shown.next().unwrap_or_default()]);
        let more = shown.filter(|line| !line.is_empty());
        rows.extend(more.map(|line| [String::new(), String::new(), String::new(), String::new(), line]));
    }
    for (step, failure) in &evidence.unanswered {
        rows.push([evidence.purpose(*step), String::new(), "-".to_owned(), "-".to_owned(), failure.to_string()]);
    }
    let mut text = format!("\n{}\n", table(["CALL", "REQUEST", "STATUS", "TIME", "DECIDING HEADERS"], rows));
    let addresses: Vec<_> = evidence.addresses.iter().map(ToString::to_string).collect();
    let _ = write!(text, "\n{} is at {}.", escaped(evidence.url.host()), addresses.join(", "));
    if let Some(tls) = &evidence.tls {
        let trusted = if tls.is_accepted() { "is accepted" } else { "is refused" };
        let (days, issuer) = (tls.term.days_left(), escaped(&tls.issuer));
        let _ = write!(text, " Its certificate {trusted}; its issuer is `{issuer}`, and it has {days} days left.");
    }
    text.push('\n');
    let (taken, others) = evidence.candidates();
    if !others.is_empty() && !taken.is_empty() {
        let list =
            |names: &[String]| names.iter().map(|name| format!("`{}`", escaped(name))).collect::<Vec<_>>().join(", ");
        let (taken, others) = (list(&taken), list(&others));
        let _ = writeln!(
            text,
            "Assumed to be the session's cookie: {taken}. Ignored: {others}. Add `--cookie NAME` if that is wrong."
        );
    }
    text
}

/// Returns each request and its response.
pub(super) fn letters(evidence: &Evidence) -> String {
    let letter = |exchange: &Exchange| {
        let lines = |sign: &str, headers: Vec<(&str, String)>| -> String {
            let line = |(name, value): (&str, String)| format!("{sign} {}: {}\n", escaped(name), escaped(&value));
            headers.into_iter().map(line).collect()
        };
        let [asked, told] = exchange.told();
        format!(
            "\n> {} {}\n{}< {}\n{}",
            exchange.method,
            escaped(&exchange.url.to_string()),
            lines(">", asked),
            exchange.status,
            lines("<", told)
        )
    };
    evidence.exchanges.iter().map(letter).collect()
}
