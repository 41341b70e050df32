//! Simulated systems, called as the probe calls: step by step, including redirects.

use super::*;
use std::time::Duration;

/// A system, as far as a probe sees it. Without rules it behaves like a healthy one.
pub(super) struct System {
    pub(super) name: &'static str,
    /// The origin of the page that calls.
    pub(super) page: &'static str,
    pub(super) url: &'static str,
    /// The `Set-Cookie` lines of each response to a request without cookies.
    pub(super) sets: &'static [&'static str],
    pub(super) rules: &'static [Rule],
    pub(super) way: Way,
    /// The name of the session cookie, if the operator gives it.
    pub(super) cookie: Option<&'static str>,
}

/// A difference from a healthy system: the responses that differ, the header, and its values there. The name `:status`
/// stands for the status. A `+` before a name keeps the values that are there.
pub(super) type Rule = (On, &'static str, &'static [&'static str]);

/// The responses to which a rule applies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum On {
    All,
    Of(Step),
    /// The response to the second of the calls with the cookie.
    Last,
    /// All responses at a path.
    At(&'static str),
    /// All responses over plain http.
    Plain,
}

/// The state of the connection to the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Open,
    /// No call gets a response.
    Fails(Failure),
    /// The certificate is signed by an unknown authority.
    Unknown,
    /// The server leaves out the certificate that signed its own.
    Incomplete,
    /// The certificate is for another name.
    OtherName,
    /// The certificate has expired.
    Ended,
    /// The name of the server resolves to 192.168.1.5.
    Near,
}

pub(super) type Headers = Vec<(String, String)>;

/// Calls a server with these responses as the probe does, and adds the exchanges to the evidence.
pub(super) fn play(evidence: &mut Evidence, answer: &dyn Fn(Step, usize, &Ask) -> (u16, Headers)) {
    for (nth, step) in evidence.steps().enumerate() {
        let at = probes::NOW + nth as u64;
        let mut ask = Some(evidence.ask(step, at));
        for _ in 0..=REDIRECTS {
            let Some(now) = ask.take() else { break };
            let (status, headers) = answer(step, nth, &now);
            let asked = now.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            let (method, url) = (now.method, now.url);
            let exchange = Exchange { step, method, url, asked, status, headers, at, took: Duration::ZERO };
            ask = evidence.follow(&exchange, at);
            evidence.exchanges.push(exchange);
            ask = ask.filter(|_| evidence.exchanges.last().is_some_and(Exchange::is_redirect));
        }
    }
}

/// Returns a certificate that browsers accept.
pub(super) fn accepted() -> TlsSeen {
    TlsSeen {
        trusted: true,
        incomplete: false,
        names_host: true,
        begun: true,
        term: Term { left: 60 * 86400, life: 90 * 86400 },
        issuer: "R10".to_owned(),
    }
}

/// Returns the registrable domain of a host of the corpora by the public suffix list.
fn registrable(host: &str) -> Option<String> {
    const PUBLIC: [&str; 5] = ["github.io", "vercel.app", "up.railway.app", "onrender.com", "co.uk"];
    if PUBLIC.contains(&host) || host == "com" {
        return None;
    }
    let below = PUBLIC.iter().find_map(|suffix| Some((suffix, host.strip_suffix(suffix)?.strip_suffix('.')?)));
    match below {
        Some((suffix, below)) => Some(format!("{}.{suffix}", below.rsplit('.').next()?)),
        None => Sites::default().registrable(host),
    }
}

impl System {
    /// Returns the evidence that a probe sees of it.
    pub(super) fn seen(&self) -> Evidence {
        let (page, url) = (address(self.page), address(self.url));
        let domains = self.sets.iter().filter_map(|line| SetCookie::read(line).ok()?.domain);
        let hosts: Vec<_> = [page.host().to_owned(), url.host().to_owned()].into_iter().chain(domains).collect();
        let mut evidence = Evidence::new(page, url, Sites::look_up(hosts, registrable));
        evidence.cookie = self.cookie.map(str::to_owned);
        let tls = accepted();
        let refused = match self.way {
            Way::Open | Way::Near | Way::Fails(_) => None,
            Way::Unknown => Some(TlsSeen { trusted: false, issuer: "Example Root CA".to_owned(), ..tls.clone() }),
            Way::Incomplete => Some(TlsSeen { trusted: false, incomplete: true, ..tls.clone() }),
            Way::OtherName => Some(TlsSeen { names_host: false, ..tls.clone() }),
            Way::Ended => Some(TlsSeen { term: Term { left: -1, life: 90 * 86400 }, ..tls.clone() }),
        };
        if self.way == Way::Near {
            evidence.addresses = vec![[192, 168, 1, 5].into()];
        }
        if let Way::Fails(failure) = self.way {
            evidence.failure = Some(failure);
        } else if refused.is_some() {
            evidence.tls = refused;
        } else if evidence.is_sent() {
            evidence.tls = evidence.url.is_https().then_some(tls);
            play(&mut evidence, &|step, nth, ask| self.answer(step, nth, ask));
        }
        evidence
    }

    fn answer(&self, step: Step, nth: usize, ask: &Ask) -> (u16, Headers) {
        let mut status = match step {
            Step::Preflight => 204,
            Step::Error => 404,
            Step::First | Step::Again | Step::Post | Step::Stranger => 200,
        };
        let mut headers: Headers = Vec::new();
        let mut add = |name: &str, value: &str| {
            let value = value.replace("{n}", &format!("value{nth}"));
            let value = value.replace("{big}", &"v".repeat(4000)).replace("{large}", &"v".repeat(4100));
            headers.push((name.to_owned(), value));
        };
        let page = address(self.page);
        let has = |name: &str| ask.headers.iter().any(|(known, _)| *known == name);
        if !page.is_origin_of(&address(self.url)) {
            add("access-control-allow-origin", &page.origin());
            add("access-control-allow-credentials", "true");
            add("vary", "Origin");
        }
        if step == Step::Preflight {
            add("access-control-allow-methods", "GET,HEAD,PUT,PATCH,POST,DELETE");
            add("access-control-allow-headers", "content-type");
        } else {
            add("cache-control", "no-store");
        }
        if !has("cookie") && !matches!(step, Step::Preflight | Step::Error) {
            self.sets.iter().for_each(|line| add("set-cookie", line));
        }
        let second = Step::ALL.len() - 4;
        let origin = ask.headers.iter().find(|(name, _)| *name == "origin").map_or("", |(_, value)| value.as_str());
        for (on, name, values) in self.rules {
            let last = step == Step::Again && nth + usize::from(page.is_origin_of(&address(self.url))) == second;
            let applies = match on {
                On::All => true,
                On::Of(of) => *of == step,
                On::Last => last,
                On::At(path) => ask.url.path() == *path,
                On::Plain => !ask.url.is_https(),
            };
            if !applies {
                continue;
            }
            if *name == ":status" {
                status = values.concat().parse().expect("a status");
                continue;
            }
            let kept = name.strip_prefix('+');
            headers.retain(|(known, _)| kept.is_some() || known != name);
            for value in *values {
                let value = value.replace("{n}", &format!("value{nth}")).replace("{origin}", origin);
                headers.push((kept.unwrap_or(name).to_owned(), value));
            }
        }
        (status, headers)
    }
}
