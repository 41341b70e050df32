//! The connection between browser and server, below HTTP: HT016, HT027, HT030, HT041, HT042.

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
        found.push(scheme_unknown(server, &format!("is reached over {is}, but believes that it is on {believes}")));
    }
    if edge.tls == Tls::Own {
        let what = format!(
            "The certificate of `{}` is signed by the server's own authority, which browsers on other machines do not \
             know.",
            server.origin()
        );
        found.push(Code::Certificate.note(what, trust()));
    }
    found.extend(edge.term.and_then(|term| ending(server, term)));
    if let Some(bound) = edge.bound.filter(|bound| *bound != server.port()) {
        found.push(Code::Unreachable.warning(
            format!(
                "Browsers use port {} of `{}`, but the server listens on port {bound}.",
                server.port(),
                server.host()
            ),
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
                "`{}` sends its certificate without that of `{}`, which signed it: browsers fetch the missing one, \
                 other clients do not.",
                url.origin(),
                tls.issuer
            );
            let cure = "Send the whole chain: `ssl_certificate …/fullchain.pem` in nginx, `cert` in Node. To probe on \
                        as browsers do: `--insecure`.";
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
            let what = format!("The certificate of `{}` is not valid yet.", url.origin());
            found.push(
                Code::Certificate
                    .error(what, Cure::any("Set the clocks of both machines, or use another certificate.")),
            );
        }
        (Some(failure @ (Failure::OldTls | Failure::NoHost)), _) => {
            let what = format!("Browsers cannot use TLS with `{}`: {failure}.", url.origin());
            let cure = if *failure == Failure::OldTls {
                Cure::any("Let the server speak TLS 1.2 and 1.3 (nginx: `ssl_protocols TLSv1.2 TLSv1.3;`).")
            } else {
                trust()
            };
            found.push(Code::Certificate.error(what, cure));
        }
        (Some(Failure::Tls), _) => found.push(Code::Unreachable.warning(
            format!(
                "`{}` was not probed: it has no protocol in common with the doctor, which speaks HTTP/1.1 over TLS 1.3 \
                 and the newer cipher suites of TLS 1.2 (ECDHE with GCM or ChaCha20). Browsers may have one.",
                url.origin()
            ),
            Cure::any(
                "Let the server speak HTTP/1.1 too, over TLS 1.3 or the newer suites of TLS 1.2, or test it with a \
                 browser.",
            ),
        )),
        (Some(Failure::NoAuthorities), _) => found.push(Code::Unreachable.warning(
            format!(
                "`{}` was not probed: this machine knows no certificate authorities, so it can trust no certificate.",
                url.origin()
            ),
            Cure::any(
                "Install them where the doctor runs (Debian: `ca-certificates`), or name their file in \
                 `SSL_CERT_FILE`.",
            ),
        )),
        (Some(Failure::Slow), _) => found.push(Code::Unreachable.warning(
            format!(
                "`{}` accepted the call, but sent no response while the doctor waited. Browsers wait longer.",
                url.origin()
            ),
            Cure::any("If the server starts at the first call, wait longer: `--timeout 60s`."),
        )),
        (Some(failure), _) if evidence.proxied => found.push(behind_proxy(url, &failure.to_string())),
        (Some(failure), _) => found.push(unreachable(url, &failure.to_string())),
        (None, Some(tls)) => found.extend(ending(url, tls.term)),
        (None, None) => {}
    }
    // A preflight has findings of its own. The call of the unknown page is left out, because the page does not make it.
    let unanswered = evidence.unanswered.iter().filter(|(step, _)| !matches!(step, Step::Preflight | Step::Stranger));
    found.extend(unanswered.map(|(step, failure)| {
        let why = format!("a call ({}) had no response, because {failure}", evidence.purpose(*step));
        unreachable(url, &why).graded(Severity::Warning)
    }));
    if let Some(back) = evidence.exchanges.iter().find(|exchange| leads_to_http(exchange)) {
        found.push(scheme_unknown(&back.url, "is reached over https and redirects to http"));
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
            "app.set('trust proxy', 1), and let the proxy send `X-Forwarded-Proto` (nginx: `proxy_set_header \
             X-Forwarded-Proto $scheme`).",
        ),
    )
}

pub(super) fn unreachable(url: &Address, why: &str) -> Finding {
    Code::Unreachable.error(
        format!("`{}` cannot be reached: {why}.", url.origin()),
        Cure::any(
            "Start the server, compare host and port with those that it logs at its start, and list the server in the \
             `connect-src` of the page's Content-Security-Policy.",
        ),
    )
}

/// Returns the finding about a server that this machine's proxy does not reach. Visitors' browsers may reach it,
/// because they need not use that proxy.
fn behind_proxy(url: &Address, why: &str) -> Finding {
    Code::Unreachable.error(
        format!(
            "`{}` cannot be reached: {why}. This machine uses a proxy (`HTTPS_PROXY`, `HTTP_PROXY`).",
            url.origin()
        ),
        Cure::any(format!(
            "List `{}` in `NO_PROXY` if this machine reaches it without the proxy; otherwise let the proxy \
             (`http://HOST:PORT`) connect to port {}.",
            url.host(),
            url.port()
        )),
    )
}

fn ending(server: &Address, term: Term) -> Option<Finding> {
    let server = server.origin();
    let cure = || Cure::any("Renew it, and let a program (certbot, Caddy) do that automatically from now on.");
    let when = match term.days_left() {
        0 => format!("{} hours", term.left / 3600),
        days => format!("{days} days"),
    };
    if term.has_ended() {
        return Some(Code::Certificate.error(format!("The certificate of `{server}` has expired."), cure()));
    }
    term.ends_soon()
        .then(|| Code::CertificateEnds.warning(format!("The certificate of `{server}` expires in {when}."), cure()))
}

fn plain_http(server: &Address) -> Option<Finding> {
    (!server.is_trusted()).then(|| {
        let what =
            format!("`{}` is plain http: an attacker on the network path can take over sessions.", server.origin());
        let https = server.over_https();
        Code::PlainHttp.warning(what, Cure::new(format!("[site]\nurl = \"{https}\""), format!("Serve it as {https}.")))
    })
}

fn beyond(server: &Address) -> Finding {
    Code::PlainHttp.warning(
        format!(
            "`{}` is this machine, but the server also accepts plain http from other machines: an attacker on the \
             network path can take over their sessions.",
            server.origin()
        ),
        Cure::new(
            format!(
                "[site]\nlisten = \"127.0.0.1:{}\" # in a container: publish the port only for 127.0.0.1",
                server.port()
            ),
            format!("app.listen({}, '127.0.0.1')", server.port()),
        ),
    )
}

/// Returns the finding if a page of another origin is on plain http. Source: GO-2025-3884.
fn plain_page(page: &Address) -> Option<Finding> {
    (!page.is_trusted()).then(|| {
        let what = format!(
            "The page `{}` is plain http: an attacker who changes it on the network path can use sessions.",
            page.origin()
        );
        let https = page.over_https();
        let hardtack = format!("[site]\nfront_ends = [\"{https}\"] # in addition to the others");
        Code::PlainHttp.warning(what, Cure::new(hardtack, format!("Serve the page as {https}.")))
    })
}

fn trust() -> Cure {
    Cure::new(
        "For this machine: `hardtack cert trust`, then restart the browser. For others: `[tls] mode = \"files\"` with \
         a certificate of a known authority, including its chain.",
        "For this machine: mkcert. For others: a certificate of a known authority (Let's Encrypt), including its \
         chain.",
    )
}
