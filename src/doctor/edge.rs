//! Between browser and server, before HTTP: HT016, HT027, HT030, HT041, HT042.

use super::address::Address;
use super::answer;
use super::code::Code;
use super::evidence::{Evidence, Step};
use super::exchange::Exchange;
use super::finding::{Cure, Finding, Severity};
use super::reach::{Failure, Term};
use super::set_cookie::SameSite;
use super::topology::{Tls, Topology};

pub(super) fn check(topology: &Topology, found: &mut Vec<Finding>) {
    let Topology { server, edge, .. } = topology;
    if edge.believes_https != server.is_https() {
        let (is, believes) = if server.is_https() { ("https", "http") } else { ("http", "https") };
        found.push(scheme_unknown(server, &format!("is reached over {is} and takes itself to be on {believes}")));
    }
    if edge.tls == Tls::Own {
        let what = format!(
            "The certificate of `{}` is of an authority of its own, which other browsers do not know.",
            server.origin()
        );
        found.push(Code::Certificate.note(what, trust()));
    }
    found.extend(edge.term.and_then(|term| ending(server, term)));
    if let Some(bound) = edge.bound.filter(|bound| *bound != server.port()) {
        found.push(Code::Unreachable.warning(
            format!("Browsers are sent to port {} of `{}`, and port {bound} is bound.", server.port(), server.host()),
            Cure::new(
                format!("[site]\nurl = \"{}\" # or `listen` on port {}", server.at_port(bound), server.port()),
                format!("app.listen({})", server.port()),
            ),
        ));
    }
    found.extend(plain_http(server));
    found.extend(edge.open.then(|| beyond(server)));
    found.extend(topology.others().filter_map(plain_page));
}

pub(super) fn diagnose(evidence: &Evidence, found: &mut Vec<Finding>) {
    let url = &evidence.url;
    match (&evidence.failure, &evidence.tls) {
        (_, Some(tls)) if tls.incomplete && !tls.is_refused() => {
            let what = format!(
                "`{}` sends its certificate without the one of `{}`, which signed it: browsers fetch that one, and other clients \
                 do not.",
                url.origin(),
                tls.issuer
            );
            let cure = "Send the chain: nginx `ssl_certificate …/fullchain.pem`, in Node `cert` with all of it. To go on as \
                        browsers do: `--insecure`.";
            found.push(Code::Certificate.warning(what, Cure::any(cure)));
        }
        (_, Some(tls)) if !tls.trusted && !tls.incomplete => {
            let what = format!(
                "The certificate of `{}` is signed by `{}`, which browsers do not know.",
                url.origin(),
                tls.issuer
            );
            found.push(Code::Certificate.error(what, trust()));
        }
        (_, Some(tls)) if !tls.names_host => {
            let what = format!("The certificate of `{}` does not name `{}`.", url.origin(), url.host());
            found.push(Code::Certificate.error(what, trust()));
        }
        (_, Some(tls)) if !tls.begun => {
            let what = format!("The certificate of `{}` does not hold yet.", url.origin());
            found.push(Code::Certificate.error(what, Cure::any("Set the clocks of both machines, or use another.")));
        }
        (Some(failure @ (Failure::OldTls | Failure::NoHost)), _) => {
            let what = format!("No browser speaks TLS with `{}`: {failure}.", url.origin());
            let cure = if *failure == Failure::OldTls {
                Cure::any("Let the server speak TLS 1.2 and 1.3 (nginx: `ssl_protocols TLSv1.2 TLSv1.3;`).")
            } else {
                trust()
            };
            found.push(Code::Certificate.error(what, cure));
        }
        (Some(Failure::Tls), _) => found.push(Code::Unreachable.warning(
            format!(
                "`{}` was not asked: the doctor, which speaks HTTP/1.1 over TLS 1.3 and the newer suites of TLS 1.2 (ECDHE with \
                 GCM or ChaCha20), has no protocol in common with it. Browsers may have.",
                url.origin()
            ),
            Cure::any("Let the server speak HTTP/1.1 too, over TLS 1.3 or the newer suites of TLS 1.2, or ask it by a browser."),
        )),
        (Some(Failure::NoAuthorities), _) => found.push(Code::Unreachable.warning(
            format!("`{}` was not asked: this machine knows no authorities, so that it can trust no certificate.", url.origin()),
            Cure::any("Install them where the doctor runs (Debian: `ca-certificates`), or name them in `SSL_CERT_FILE`."),
        )),
        (Some(Failure::Slow), _) => found.push(Code::Unreachable.warning(
            format!("`{}` took the call, and no answer came while the doctor waited. Browsers wait longer.", url.origin()),
            Cure::any("Wait longer, for a server that starts at the first call: `--timeout 60s`."),
        )),
        (Some(failure), _) if evidence.proxied => found.push(behind_proxy(url, &failure.to_string())),
        (Some(failure), _) => found.push(unreachable(url, &failure.to_string())),
        (None, Some(tls)) => found.extend(ending(url, tls.term)),
        (None, None) => {}
    }
    // Other findings speak of a preflight. The call of a stranger's page is none of the page's calls.
    let unanswered = evidence.unanswered.iter().filter(|(step, _)| !matches!(step, Step::Preflight | Step::Stranger));
    found.extend(unanswered.map(|(step, failure)| {
        let why = format!("a call ({}) had no answer, as {failure}", evidence.purpose(*step));
        unreachable(url, &why).graded(Severity::Warning)
    }));
    if let Some(back) = evidence.exchanges.iter().find(|exchange| leads_to_http(exchange)) {
        found.push(scheme_unknown(&back.url, "is reached over https and leads back to http"));
    } else if url.is_https() {
        let open = evidence.session_cookies().into_iter().find_map(|(_, cookie)| {
            cookie
                .ok()
                .filter(|cookie| !cookie.secure && cookie.same_site != Some(SameSite::None) && !cookie.partitioned)
        });
        found.extend(open.map(|cookie| {
            let how = format!("is reached over https and sets the cookie `{}` without `Secure`", cookie.name);
            scheme_unknown(url, &how).graded(Severity::Warning)
        }));
    }
    if evidence.failure.is_none() && answer::moved(evidence).is_none() {
        found.extend(plain_http(url));
        found.extend(Some(&evidence.page).filter(|page| !page.is_origin_of(url)).and_then(plain_page));
    }
}

fn leads_to_http(exchange: &Exchange) -> bool {
    let Some(target) = exchange.leaves() else { return false };
    exchange.url.is_https() && !target.is_https() && target.host() == exchange.url.host()
}

pub(super) fn scheme_unknown(server: &Address, how: &str) -> Finding {
    Code::SchemeUnknown.error(
        format!("`{}` {how}.", server.origin()),
        Cure::new(
            format!("[site]\nurl = \"{}\"", server.over_https()),
            "app.set('trust proxy', 1), and the proxy sends `X-Forwarded-Proto` (nginx: `proxy_set_header \
             X-Forwarded-Proto $scheme`).",
        ),
    )
}

pub(super) fn unreachable(url: &Address, why: &str) -> Finding {
    Code::Unreachable.error(
        format!("`{}` is not reached: {why}.", url.origin()),
        Cure::any(
            "Start the server, compare host and port with what it logs at its start, and list the server in the \
             `connect-src` of the page's policy.",
        ),
    )
}

/// The way there is this machine's own, so a visitor's browser may reach the server all the same.
fn behind_proxy(url: &Address, why: &str) -> Finding {
    Code::Unreachable.error(
        format!("`{}` is not reached: {why}. This machine uses a proxy (`HTTPS_PROXY`, `HTTP_PROXY`).", url.origin()),
        Cure::any(format!(
            "List `{}` in `NO_PROXY` if this machine reaches it without the proxy; else let the proxy (`http://HOST:PORT`) \
             connect to port {}.",
            url.host(),
            url.port()
        )),
    )
}

fn ending(server: &Address, term: Term) -> Option<Finding> {
    let server = server.origin();
    let cure = || Cure::any("Renew it, and let the program that renews it (certbot, Caddy) run by itself.");
    let when = match term.days_left() {
        0 => format!("{} hours", term.left / 3600),
        days => format!("{days} days"),
    };
    if term.has_ended() {
        return Some(Code::Certificate.error(format!("The certificate of `{server}` has ended."), cure()));
    }
    term.ends_soon()
        .then(|| Code::CertificateEnds.warning(format!("The certificate of `{server}` ends in {when}."), cure()))
}

fn plain_http(server: &Address) -> Option<Finding> {
    (!server.is_trusted()).then(|| {
        let what = format!("`{}` is plain http, and anybody on the way can take over sessions.", server.origin());
        let https = server.over_https();
        Code::PlainHttp.warning(what, Cure::new(format!("[site]\nurl = \"{https}\""), format!("Serve it as {https}.")))
    })
}

fn beyond(server: &Address) -> Finding {
    Code::PlainHttp.warning(
        format!(
            "`{}` is this machine, but the server listens for the network around it too, on plain http: anybody on the way can \
             take over sessions of other machines.",
            server.origin()
        ),
        Cure::new(
            format!("[site]\nlisten = \"127.0.0.1:{}\" # in a container: publish the port for 127.0.0.1 alone", server.port()),
            format!("app.listen({}, '127.0.0.1')", server.port()),
        ),
    )
}

/// Source: GO-2025-3884.
fn plain_page(page: &Address) -> Option<Finding> {
    (!page.is_trusted()).then(|| {
        let what = format!("The page `{}` is plain http: who changes it on the way can use sessions.", page.origin());
        let https = page.over_https();
        let hardtack = format!("[site]\nfront_ends = [\"{https}\"] # beside the others");
        Code::PlainHttp.warning(what, Cure::new(hardtack, format!("Serve the page as {https}.")))
    })
}

fn trust() -> Cure {
    Cure::new(
        "For this machine: `hardtack cert trust`, then restart the browser. For others: `[tls] mode = \"files\"` with \
         a certificate of a known authority, its chain included.",
        "For this machine: mkcert. For others: a certificate of a known authority (Let's Encrypt), its chain included.",
    )
}
