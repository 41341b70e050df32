//! Contradictions in settings: cookie attributes that browsers would drop, and spans of time that make no sense. They
//! are refused before the first request.

use crate::cookie::{CookieSettings, SameSite};
use crate::lifetime::{Clocks, Lifetime};

/// A contradiction: settings that browsers do not keep together, that cannot be written at all, or that end sessions in
/// use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// `SameSite=None` without `Secure`. Source: RFC 6265bis, 5.7.
    NoneWithoutSecure,
    /// `Partitioned` without `Secure`. Source: CHIPS.
    PartitionedWithoutSecure,
    /// A `__Host-` name without `Secure`, with a domain, or with a path. Source: RFC 6265bis, 4.1.3.2.
    HostPrefix,
    /// A `__Secure-` or `__Http-` name without `Secure`. Source: RFC 6265bis, 4.1.3.1.
    SecurePrefix,
    /// A name that is not a token, or so long that its value would not fit. Source: RFC 6265, 4.1.1; RFC 6265bis, 5.6.
    Name,
    /// A path that does not start with `/`, which browsers would ignore.
    RelativePath,
    /// A path of more than 1024 bytes, or with a character that no cookie can carry. Source: RFC 6265bis, 5.6.
    Path,
    /// A domain of more than 253 bytes, or with a character that no host name has. Source: RFC 1035, 2.3.4.
    Domain,
    /// A lifetime of more than 400 days. Source: RFC 6265bis, 5.5.
    Longest,
    /// An idle timeout that is longer than the absolute timeout.
    Idle,
    /// A touch interval so long that a session would expire before its use is stored.
    TouchEvery,
    /// A renewal interval so short that a session would have several ids at once.
    RenewEvery,
}

impl Contradiction {
    /// Returns the first contradiction in `clocks`, if there is one.
    #[must_use]
    pub fn of_clocks(clocks: &Clocks) -> Option<Self> {
        let Clocks { lifetime: Lifetime { idle, absolute }, touch_every, rotation_grace, renew_every } = *clocks;
        let rules = [
            (absolute > Lifetime::LONGEST, Self::Longest),
            (idle > absolute, Self::Idle),
            (touch_every >= idle, Self::TouchEvery),
            (renew_every.is_some_and(|span| span <= rotation_grace), Self::RenewEvery),
        ];
        first(rules)
    }

    /// Returns the first contradiction in `cookie`, if there is one.
    #[must_use]
    pub fn of_cookie(cookie: &CookieSettings) -> Option<Self> {
        let host_bound = cookie.secure && cookie.domain.is_none() && cookie.path == "/";
        let rules = [
            (cookie.same_site == SameSite::None && !cookie.secure, Self::NoneWithoutSecure),
            (cookie.partitioned && !cookie.secure, Self::PartitionedWithoutSecure),
            (begins(&cookie.name, "__Host-") && !host_bound, Self::HostPrefix),
            (["__Secure-", "__Http-"].iter().any(|p| begins(&cookie.name, p)) && !cookie.secure, Self::SecurePrefix),
            (!(1..=255).contains(&cookie.name.len()) || !cookie.name.chars().all(is_token), Self::Name),
            (!cookie.path.starts_with('/'), Self::RelativePath),
            (cookie.path.len() > 1024 || cookie.path.contains(|c: char| !c.is_ascii_graphic() || c == ';'), Self::Path),
            (cookie.domain.as_deref().is_some_and(|domain| !is_host_name(domain)), Self::Domain),
        ];
        first(rules)
    }

    /// Returns a sentence with the setting, the reason and the cure. The name of the setting has `prefix` before it (as
    /// in `session.same_site`).
    #[must_use]
    pub fn sentence(self, prefix: &str) -> String {
        let (attribute, rest) = match self {
            Self::NoneWithoutSecure => {
                ("same_site", "is `none`, which browsers accept only over https; serve https, or use `lax`")
            }
            Self::PartitionedWithoutSecure => {
                ("partitioned", "is true, which browsers accept only over https; serve https, or set it to false")
            }
            Self::HostPrefix => (
                "name",
                "begins with `__Host-`, and browsers keep such a cookie only from https, with the path `/` and without \
                 a domain; choose another name, or change these settings",
            ),
            Self::SecurePrefix => (
                "name",
                "begins with a prefix that browsers accept only over https; serve https, or choose another name",
            ),
            Self::Name => (
                "name",
                "is not a cookie name, which is 1 to 255 letters, digits, `-`, `_` and a few other characters; write \
                 it like `my_app_sess`",
            ),
            Self::RelativePath => {
                ("path", "does not start with `/`, so browsers would ignore it; write it like `/` or `/app`")
            }
            Self::Path => (
                "path",
                "is longer than 1024 bytes or has a character that no cookie can carry; write it like `/` or `/app`, \
                 with other characters percent-encoded",
            ),
            Self::Domain => ("domain", "is not a host name; write it like `example.com`, or leave it out"),
            Self::Longest => (
                "absolute",
                "is longer than 400 days, and no browser keeps a cookie that long; make it 400 days or less",
            ),
            Self::Idle => (
                "idle",
                "is longer than `absolute`, which ends every session earlier; shorten `idle` or lengthen `absolute`",
            ),
            Self::TouchEvery => (
                "touch_every",
                "is not shorter than `idle`, so sessions in use would end; make it a small part of `idle`",
            ),
            Self::RenewEvery => (
                "renew_every",
                "is not longer than `rotation_grace`, so a session would have several ids at once; make it minutes or \
                 more, or turn it off",
            ),
        };
        format!("`{prefix}{attribute}` {rest}.")
    }
}

impl std::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence(""))
    }
}

impl std::error::Error for Contradiction {}

fn first<const N: usize>(rules: [(bool, Contradiction); N]) -> Option<Contradiction> {
    rules.into_iter().find_map(|(broken, contradiction)| broken.then_some(contradiction))
}

/// Returns whether a name begins with a prefix, without regard to case, as browsers compare them. Source: RFC 6265bis,
/// 4.1.3.
fn begins(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_token(c: char) -> bool {
    c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(c)
}

fn is_host_name(domain: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    (1..=253).contains(&domain.len()) && domain.chars().all(letter) && !domain.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn s1_s5_s7_attributes_that_browsers_drop_are_refused_with_a_sentence() {
        let https = || CookieSettings::new(true);
        let http = || CookieSettings::new(false);
        let named = |name: &str, base: CookieSettings| CookieSettings { name: name.to_owned(), ..base };
        let cases = [
            (CookieSettings { same_site: SameSite::None, ..http() }, Contradiction::NoneWithoutSecure),
            (CookieSettings { partitioned: true, ..http() }, Contradiction::PartitionedWithoutSecure),
            (CookieSettings { domain: Some("example.com".to_owned()), ..https() }, Contradiction::HostPrefix),
            (CookieSettings { path: "/app".to_owned(), ..https() }, Contradiction::HostPrefix),
            (named("__hOST-x", http()), Contradiction::HostPrefix),
            (named("__Secure-x", http()), Contradiction::SecurePrefix),
            (named("__http-x", http()), Contradiction::SecurePrefix),
            (named("", http()), Contradiction::Name),
            (named("a b", http()), Contradiction::Name),
            (named("a;b", http()), Contradiction::Name),
            (named(&"n".repeat(256), http()), Contradiction::Name),
            (CookieSettings { path: "app".to_owned(), ..http() }, Contradiction::RelativePath),
            (CookieSettings { path: "/a;b".to_owned(), ..http() }, Contradiction::Path),
            (CookieSettings { path: format!("/{}", "p".repeat(1024)), ..http() }, Contradiction::Path),
            (CookieSettings { domain: Some(".example.com".to_owned()), ..http() }, Contradiction::Domain),
            (CookieSettings { domain: Some("example.com; x".to_owned()), ..http() }, Contradiction::Domain),
            (CookieSettings { domain: Some("d".repeat(254)), ..http() }, Contradiction::Domain),
        ];
        for (cookie, expected) in cases {
            assert_eq!(Contradiction::of_cookie(&cookie), Some(expected), "{cookie:?}");
            let sentence = expected.sentence("session.");
            assert!(
                sentence.starts_with("`session.") && sentence.ends_with('.') && sentence.contains("; "),
                "{sentence}"
            );
        }
        for legal in [
            https(),
            http(),
            CookieSettings { same_site: SameSite::None, partitioned: true, ..https() },
            named("__Host-Http-x", https()),
            CookieSettings { domain: Some("example.com".to_owned()), ..named("x", https()) },
            CookieSettings { domain: Some("d".repeat(253)), ..http() },
            CookieSettings { path: format!("/{}", "p".repeat(1023)), ..http() },
            named(&"n".repeat(255), http()),
        ] {
            assert_eq!(Contradiction::of_cookie(&legal), None, "{legal:?}");
        }
    }

    #[test]
    fn g6_spans_that_end_sessions_in_use_are_refused_with_a_sentence() {
        let second = Duration::from_secs(1);
        let usual = Clocks::default();
        let living = |idle, absolute| Clocks { lifetime: Lifetime { idle, absolute }, ..usual };
        for (clocks, expected) in [
            (living(second * 120, Lifetime::LONGEST + second), Contradiction::Longest),
            (living(second * 121, second * 120), Contradiction::Idle),
            (living(second * 60, second * 120), Contradiction::TouchEvery),
            (Clocks { renew_every: Some(second * 10), ..usual }, Contradiction::RenewEvery),
        ] {
            assert_eq!(Contradiction::of_clocks(&clocks), Some(expected), "{clocks:?}");
            let sentence = expected.sentence("session.");
            assert!(
                sentence.starts_with("`session.") && sentence.ends_with('.') && sentence.contains("; "),
                "{sentence}"
            );
        }
        let longest = living(Lifetime::LONGEST, Lifetime::LONGEST);
        for legal in [usual, longest, Clocks { renew_every: Some(second * 11), ..usual }] {
            assert_eq!(Contradiction::of_clocks(&legal), None, "{legal:?}");
        }
    }
}
