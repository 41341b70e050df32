//! The cookie itself: HT012, HT014, HT015, HT017 to HT022, HT026, HT044. The jar has the rules of the browsers.

use super::across;
use super::address::Address;
use super::browser::{Browser, Maker};
use super::code::Code;
use super::finding::{Cure, Finding, Severity};
use super::jar::{Jar, Request, default_path};
use super::loss::Loss;
use super::octets::length;
use super::set_cookie::{LineError, SetCookie};
use super::topology::{Pair, Topology};

pub(super) fn check(topology: &Topology, found: &mut Vec<Finding>) {
    let cookie = &topology.cookie;
    for page in topology.users() {
        let pair = topology.pair(page);
        let senders = across::senders(&pair, page.space(), topology.server.space());
        found.extend(judge(cookie, &pair, &senders, &pair.server.at("/"), 0, None));
    }
    if topology.neighbours.contains(&cookie.name) {
        found.push(shared_name(
            &cookie.name,
            format!("Another application on `{}` also has a cookie `{}`.", topology.server.host(), cookie.name),
        ));
    }
}

/// Returns the finding if some of these browsers lose a cookie on the page's calls: they do not store it when `from`
/// sets it, or do not send it to the server.
///
/// `date` is the `Date` of the response. The reason is that of the first browser which loses the cookie. It is an error
/// if Chrome is among them, because most visitors use Chrome; else a warning.
pub(super) fn judge(
    cookie: &SetCookie,
    pair: &Pair,
    browsers: &[Browser],
    from: &Address,
    now: u64,
    date: Option<i64>,
) -> Option<Finding> {
    let losses: Vec<_> = browsers.iter().map(|&browser| lost(browser, cookie, pair, from, now, date)).collect();
    let loss = losses.iter().flatten().next().copied()?;
    let who: Vec<_> = browsers.iter().zip(&losses).filter(|(_, lost)| **lost == Some(loss)).collect();
    let chrome = who.iter().any(|(browser, _)| browser.maker == Maker::Chrome);
    let who: Vec<_> = who.into_iter().map(|(browser, _)| browser.maker.to_string()).collect();
    let severity = if chrome { Severity::Error } else { Severity::Warning };
    Some(explain(loss, cookie, pair, &list(&who)).graded(severity))
}

fn lost(
    browser: Browser,
    cookie: &SetCookie,
    pair: &Pair,
    from: &Address,
    now: u64,
    date: Option<i64>,
) -> Option<Loss> {
    let mut jar = Jar::new(browser);
    if let Err(loss) = jar.keep(cookie, &Request::fetch(pair.page, from, now).dated(date), pair.sites) {
        return Some(loss);
    }
    let back = Request::fetch(pair.page, pair.server, now);
    jar.withheld(&back, pair.sites).first().map(|(_, loss)| *loss)
}

fn explain(loss: Loss, cookie: &SetCookie, pair: &Pair, who: &str) -> Finding {
    let name = &cookie.name;
    match loss {
        Loss::CrossSite => across::cross_site(cookie, pair, who),
        Loss::ThirdParty | Loss::OtherPartition => across::third_party(cookie, pair, who),
        Loss::NoneWithoutSecure | Loss::PartitionedWithoutSecure => Code::NotSecure.error(
            format!(
                "The cookie `{name}` is `SameSite=None` or `Partitioned` and lacks `Secure`: it is dropped by {who}."
            ),
            Cure::new(
                format!("[site]\nurl = \"{}\"", pair.server.over_https()),
                "session({ cookie: { sameSite: 'none', secure: true, partitioned: true } }) over https.",
            ),
        ),
        Loss::Insecure => secure_on_http(cookie, pair, who),
        Loss::Domain | Loss::OtherHost => Code::Domain.error(
            format!(
                "The cookie `{name}` is for the domain `{}`, for which `{}` may not set cookies: it is dropped by \
                 {who}.",
                cookie.domain.as_deref().unwrap_or_default(),
                pair.server.host()
            ),
            Cure::new("[session]\ndomain = \"\"", "Leave `domain` out of `session({ cookie: { … } })`."),
        ),
        Loss::Prefix => Code::Prefix.error(
            format!(
                "The name of the cookie `{name}` requires `Secure`, and with `__Host-` also `Path=/` and no `Domain`: \
                 it is dropped by {who}."
            ),
            renamed(),
        ),
        Loss::HttpPrefix => Code::HttpPrefix.error(
            format!(
                "The name of the cookie `{name}` requires `Secure` and `HttpOnly`, and one is missing: it is dropped \
                 by {who}."
            ),
            renamed(),
        ),
        Loss::OtherPath => Code::Path.error(
            format!(
                "The cookie `{name}` is for the path `{}`, and `{}` is not below it: it is not sent by {who}.",
                cookie.path.as_deref().unwrap_or("of the URL that set it"),
                pair.server
            ),
            Cure::new("[session]\npath = \"/\"", "session({ cookie: { path: '/' } })"),
        ),
        Loss::TooLarge => {
            let bytes = length(name) + length(&cookie.value);
            Code::TooLarge.error(format!("The cookie `{name}` has {bytes} bytes, and 4096 is the maximum."), smaller())
        }
        Loss::Expired => Code::Expired.error(
            format!("The cookie `{name}` has expired when it arrives: it is dropped by {who}."),
            Cure::new(
                "Set the server's clock (NTP). Hardtack's cookie has no expiry unless `session.persistent` is true.",
                "Set the server's clock (NTP), and use `session({ cookie: { maxAge: 30 * 60 * 1000 } })`: `maxAge` is \
                 in milliseconds.",
            ),
        ),
        Loss::ShadowsSecure => {
            let what = format!("The cookie `{name}` is set over plain http, and a `Secure` cookie has the same name.");
            shared_name(name, what)
        }
        Loss::Unreadable => line(LineError::Unreadable, pair.server),
    }
}

/// Returns the finding if a cookie without `Path` is set in a folder, because browsers do not send it to other paths.
pub(super) fn in_a_folder(cookie: &SetCookie, from: &Address) -> Option<Finding> {
    let folder = default_path(from.path());
    (cookie.path.is_none() && folder != "/").then(|| {
        Code::Path.warning(
            format!(
                "The cookie `{}` has no `Path`, so browsers send it only to `{folder}` and below, where `{from}` set \
                 it.",
                cookie.name
            ),
            Cure::new("[session]\npath = \"/\"", "session({ cookie: { path: '/' } })"),
        )
    })
}

/// Returns the finding about a `Secure` cookie on plain http.
fn secure_on_http(cookie: &SetCookie, pair: &Pair, who: &str) -> Finding {
    let (name, server, https) = (&cookie.name, pair.server.origin(), pair.server.over_https());
    let what = format!("The cookie `{name}` is `Secure` and `{server}` is on plain http: it is dropped by {who}.");
    let (code, tls) = if pair.server.is_loopback() {
        (Code::SecureOnLoopback, "\n\n[tls]\nmode = \"local\"")
    } else {
        (Code::SecureOverHttp, "")
    };
    code.error(
        what,
        Cure::new(
            format!("[site]\nurl = \"{https}\"{tls}"),
            format!(
                "Serve it as {https}; behind a proxy, set `app.set('trust proxy', 1)`. For a trial on http: \
                 `session({{ cookie: {{ secure: 'auto' }} }})`."
            ),
        ),
    )
}

/// Returns the finding about two cookies of one name, set by two applications or for two domains.
pub(super) fn shared_name(name: &str, what: String) -> Finding {
    let other = format!("{}_2", name.trim_start_matches("__Host-").trim_start_matches("__Secure-"));
    Code::SharedName.warning(
        what,
        Cure::new(
            format!("[session]\nname = \"{other}\""),
            format!("session({{ name: '{other}' }}), and only one session middleware for each URL."),
        ),
    )
}

/// Returns the finding about a `Set-Cookie` line that browsers ignore.
pub(super) fn line(error: LineError, url: &Address) -> Finding {
    match error {
        LineError::TooLarge => {
            let what = format!("`{url}` sets a cookie of more than 4096 bytes, which every browser drops.");
            Code::TooLarge.error(what, smaller())
        }
        LineError::Unreadable => Code::Unreadable.error(
            format!(
                "`{url}` sends a `Set-Cookie` line with a character that cookies cannot have, or with neither name nor \
                 value."
            ),
            Cure::any("Write the line with a library, and encode the value: `encodeURIComponent`, base64url."),
        ),
    }
}

fn smaller() -> Cure {
    Cure::new(
        "Keep data in the session, not in a cookie: Hardtack's cookie has about 100 bytes.",
        "Use express-session with a store instead of cookie-session, and keep your own cookies small.",
    )
}

fn renamed() -> Cure {
    Cure::new(
        "Remove `session.name`: the right prefix follows from `site.url`, `session.domain` and `session.path`.",
        "session({ name: 'sid', … }), or, over https, session({ name: '__Host-sid', cookie: { secure: true, path: '/' \
         } }).",
    )
}

/// Returns the names as a list in words: `Chrome, Firefox and Safari`.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}
