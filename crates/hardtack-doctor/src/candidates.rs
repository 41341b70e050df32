//! The choice of the session cookie among the cookies that a server sets.

use super::evidence::{Evidence, Step};
use super::exchange::Exchange;
use super::set_cookie::{LineError, SetCookie};

/// A `Set-Cookie` line of a response, as browsers parse it.
pub(super) type Line<'a> = (&'a Exchange, Result<SetCookie, LineError>);

/// The cookies of load balancers, bot filters and analytics, which hold no session. `*` stands for any ending.
///
/// Source: the documentation of Cloudflare, Azure, AWS, Google Cloud, F5, Imperva, Akamai, DataDome, Heroku, HAProxy,
/// ingress-nginx, Traefik and Google Analytics.
const INFRASTRUCTURE: [&str; 46] = [
    "__cf_bm",
    "_cfuvid",
    "__cfruid",
    "__cflb",
    "__cfwaitingroom*",
    "cf_clearance",
    "cf_chl*",
    "ARRAffinity*",
    "ApplicationGatewayAffinity*",
    "TiPMix",
    "x-ms-routing-name",
    "AWSALB*",
    "AWSELB*",
    "aws-waf-token",
    "GCLB",
    "GCILB",
    "GAESA",
    "INGRESSCOOKIE",
    "BIGipServer*",
    "F5_*",
    "visid_incap_*",
    "incap_ses_*",
    "nlbi_*",
    "reese84",
    "ak_bmsc",
    "bm_sv",
    "bm_sz",
    "bm_mi",
    "_abck",
    "akavpau_*",
    "datadome",
    "heroku-session-affinity",
    "SERVERID",
    "SRVNAME",
    "lb",
    "route",
    "_traefik*",
    "fly-instance-id",
    "_ga*",
    "_gid",
    "FPID",
    "FPLC",
    "_gcl_*",
    "_fbp",
    "_pk_*",
    "ajs_*",
];

/// Returns whether the cookie belongs to a load balancer, a bot filter or an analytics script.
fn is_infrastructure(name: &str) -> bool {
    // F5 names are `TS` and eight hexadecimal digits.
    let f5 = name.strip_prefix("TS").is_some_and(|rest| rest.len() >= 8 && rest.bytes().all(|b| b.is_ascii_hexdigit()));
    f5 || INFRASTRUCTURE.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *known,
    })
}

/// Returns whether frameworks give their session cookie such a name: `connect.sid`, `JSESSIONID`, `laravel_session`,
/// `sessionid`, `__Secure-next-auth.session-token`, `.AspNetCore.Cookies`, `wordpress_logged_in_…`.
fn is_named_like_a_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = name.split(|sign: char| !sign.is_ascii_alphanumeric());
    name.contains("sess")
        || words.into_iter().any(|word| matches!(word, "sid" | "auth" | "token" | "identity"))
        || name.starts_with(".aspnetcore.")
        || name.starts_with("wordpress_logged_in_")
        || (name.starts_with('_') && name.ends_with("_key"))
}

/// Returns whether the cookie protects a form or a sign-in, or holds a message for the next page.
fn is_beside_a_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = [
        ".sig",
        "csrf",
        "xsrf",
        "antiforgery",
        "flash",
        "messages",
        "nonce",
        "pkce",
        "callback",
        "state",
        "correlation",
    ];
    words.iter().any(|word| name.contains(word))
}

impl Evidence {
    /// Returns the cookies that may be the session cookie, with the responses that set them. Lines that browsers cannot
    /// parse are included.
    ///
    /// If the operator gave a name, only that name counts. Otherwise these cookies are left out: those of load
    /// balancers, bot filters and analytics, tokens of forms and sign-ins, messages for the next page, and those of the
    /// response to the URL that does not exist. Of the rest, the cookies count that are named like a session cookie; if
    /// there are none, those that are `HttpOnly`; if there are none either, all.
    pub(super) fn session_cookies(&self) -> Vec<Line<'_>> {
        let lines = self.calls().flat_map(|exchange| exchange.cookies().map(move |cookie| (exchange, cookie)));
        let lines: Vec<Line<'_>> = lines.collect();
        let named = |line: &Line<'_>, name: &str| line.1.as_ref().is_ok_and(|cookie| cookie.name == name);
        if let Some(name) = &self.cookie {
            let live = lines.iter().any(|line| named(line, name) && !is_removal(line));
            return lines
                .into_iter()
                .filter(|line| line.1.is_err() || (named(line, name) && !(live && is_removal(line))))
                .collect();
        }
        let counts = |(exchange, cookie): &Line<'_>| match cookie {
            Err(_) => true,
            Ok(SetCookie { name, .. }) => {
                exchange.step != Step::Error && !is_infrastructure(name) && !is_beside_a_session(name)
            }
        };
        let set: Vec<_> = lines.into_iter().filter(|line| counts(line) && !is_removal(line)).collect();
        let ways: [&dyn Fn(&SetCookie) -> bool; 2] =
            [&|cookie| is_named_like_a_session(&cookie.name), &|cookie| cookie.http_only];
        let some = |way: &&&dyn Fn(&SetCookie) -> bool| set.iter().any(|(_, cookie)| cookie.as_ref().is_ok_and(**way));
        let chosen = ways.iter().find(some).copied();
        set.into_iter()
            .filter(|(_, cookie)| cookie.as_ref().map_or(true, |cookie| chosen.is_none_or(|chosen| chosen(cookie))))
            .collect()
    }

    /// Returns the names of the cookies that count as session cookies, and the names of all others.
    #[must_use]
    pub fn candidates(&self) -> (Vec<String>, Vec<String>) {
        let mut taken: Vec<String> = Vec::new();
        for cookie in self.session_cookies().into_iter().filter_map(|(_, cookie)| cookie.ok()) {
            if !taken.contains(&cookie.name) {
                taken.push(cookie.name);
            }
        }
        let mut others: Vec<String> = Vec::new();
        for cookie in self.calls().flat_map(Exchange::cookies).filter_map(Result::ok) {
            if !taken.contains(&cookie.name) && !others.contains(&cookie.name) {
                others.push(cookie.name);
            }
        }
        (taken, others)
    }
}

/// Returns whether a line removes a cookie. Without a value, any past date counts, because ASP.NET writes one of 1999
/// and many applications write yesterday.
fn is_removal((exchange, cookie): &Line<'_>) -> bool {
    let now = i64::try_from(exchange.at).unwrap_or(i64::MAX);
    let is_empty = |cookie: &SetCookie| matches!(cookie.value.as_str(), "" | "\"\"");
    let is_over = |cookie: &SetCookie| cookie.ends(exchange.at, exchange.date()).is_some_and(|ends| ends <= now);
    cookie.as_ref().is_ok_and(|cookie| cookie.is_removal() || (is_empty(cookie) && is_over(cookie)))
}
