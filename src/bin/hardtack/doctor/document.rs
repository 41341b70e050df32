//! The reports as JSON documents. Fields keep their names and meanings in later versions.

use hardtack_doctor::{Evidence, Finding, State, Topology, Verdict};
use serde_json::{Value, json};

/// Returns the document about settings.
pub(super) fn setup(topology: &Topology, found: &[Finding]) -> Value {
    let pages: Vec<_> = topology.pages.iter().map(hardtack_doctor::Address::origin).collect();
    json!({
        "server": topology.server.origin(), "pages": pages, "cookie": topology.cookie.name,
        "error": null, "findings": findings(found),
    })
}

/// Returns the document about settings that cannot be used.
pub(super) fn unusable(error: &str) -> Value {
    json!({ "server": null, "pages": [], "cookie": null, "error": error, "findings": [] })
}

/// Returns the document about a server that was probed.
pub(super) fn visit(evidence: &Evidence, found: &[Finding], verdicts: &[Verdict]) -> Value {
    let exchanges = evidence.exchanges.iter().map(|exchange| {
        let pairs = |headers: Vec<(&str, String)>| -> Vec<_> {
            headers.into_iter().map(|(name, value)| json!([name, value])).collect()
        };
        let [asked, told] = exchange.told();
        json!({
            "step": evidence.purpose(exchange.step), "method": exchange.method, "url": exchange.url,
            "request": pairs(asked), "status": exchange.status, "answer": pairs(told),
            "milliseconds": u64::try_from(exchange.took.as_millis()).unwrap_or(u64::MAX),
        })
    });
    let unanswered = evidence.unanswered.iter();
    let unanswered = unanswered.map(|(step, why)| json!({ "step": evidence.purpose(*step), "why": why.to_string() }));
    let tls = evidence.tls.as_ref().map(|tls| {
        json!({
            "accepted": tls.is_accepted(), "trusted": tls.trusted, "incomplete": tls.incomplete, "names_host": tls.names_host, "begun": tls.begun,
            "days_left": tls.term.days_left(), "issuer": tls.issuer,
        })
    });
    let (taken, others) = evidence.candidates();
    json!({
        "cookies": { "taken": taken, "others": others },
        "server": evidence.url, "page": evidence.page.origin(), "addresses": evidence.addresses,
        "failure": evidence.failure.map(|failure| failure.to_string()), "tls": tls,
        "findings": findings(found), "verdicts": verdicts.iter().map(verdict).collect::<Vec<_>>(),
        "exchanges": exchanges.collect::<Vec<_>>(), "unanswered": unanswered.collect::<Vec<_>>(),
    })
}

/// Returns the document without any cookie's value, wherever a server repeats one.
pub(super) fn hidden(document: Value, hide: &dyn Fn(&str) -> String) -> Value {
    match document {
        Value::String(text) => Value::String(hide(&text)),
        Value::Array(values) => values.into_iter().map(|value| hidden(value, hide)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, hidden(value, hide))).collect(),
        other => other,
    }
}

fn findings(found: &[Finding]) -> Vec<Value> {
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code, "severity": finding.severity, "what": finding.what, "why": finding.why,
            "cure": finding.cure, "link": finding.link(),
        })
    };
    found.iter().map(finding).collect()
}

fn verdict(verdict: &Verdict) -> Value {
    let hop = |(hop, state): &(hardtack_doctor::Hop, State)| {
        let (state, why) = match state {
            State::Fine => ("fine", None),
            State::Broken(why) => ("broken", Some(why)),
            State::Unseen => ("unseen", None),
        };
        json!({ "hop": hop.to_string(), "state": state, "why": why })
    };
    json!({
        "browser": verdict.browser.maker.to_string(), "third_party_cookies": !verdict.browser.blocks_third_parties,
        "holds": verdict.holds(), "asks": verdict.asks, "hops": verdict.hops.iter().map(hop).collect::<Vec<_>>(),
    })
}
