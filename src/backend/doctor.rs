//! The diagnosis of what a visitor's browser has seen.

use super::visitor::device;
use crate::doctor::{Diagnosis, Echo, Sites, Tries, Try};
use crate::model::doctor::Examiner;
use crate::model::error::{Kind, WireError};
use crate::session::{CookieSettings, Session};

/// The longest text of tries, in bytes. A real one has about 1,000.
const LONGEST: usize = 8 * 1024;
/// The purpose of a seal.
const SEAL: &str = "doctor";

/// Judges what a page has tried, told as JSON.
///
/// It comes in an address, which anybody can write. What is repeated of it are words that are known, and what this server has
/// sealed itself.
///
/// # Errors
///
/// `invalid` when it makes no sense.
pub fn diagnose(tries: &str, examiner: Option<Examiner>, session: Option<&Session>) -> Result<Diagnosis, WireError> {
    let told = Some(tries).filter(|tries| tries.len() <= LONGEST);
    let mut tries: Tries = told.and_then(|tries| serde_json::from_str(tries).ok()).ok_or(Kind::Invalid)?;
    tries.sites = sites([tries.page.host(), tries.server.host()]);
    // Of another server nobody here knows what it lists.
    let own = examiner.filter(|examiner| examiner.origin == tries.server.origin());
    tries.listed = own.map(|examiner| examiner.listed);
    tries.browser.agent = browser(&tries.browser.agent);
    if let (Try::Answered(echo), Some(session)) = (&mut tries.credentialed, session) {
        tries.proven = session.is_pseudonym(SEAL, &sealed(echo), &echo.proof);
        if !tries.proven {
            *echo = in_known_words(echo.clone(), session.cookie());
        }
    }
    Ok(Diagnosis::of(&tries))
}

/// Puts the seal of this server, and of all that share its keys, on an answer.
#[must_use]
pub fn seal(echo: Echo, session: &Session) -> Echo {
    Echo { proof: session.pseudonym(SEAL, &sealed(&echo)), ..echo }
}

/// Returns the text that is sealed: all of the answer but the seal.
fn sealed(echo: &Echo) -> String {
    let echo = Echo { proof: String::new(), ..echo.clone() };
    // Texts, numbers and words: nothing of it cannot be written.
    serde_json::to_string(&echo).unwrap_or_default()
}

/// Returns an answer that no key here has sealed, in known words. It comes from another node, which has other keys, or
/// from the author of the address.
fn in_known_words(echo: Echo, cookie: &CookieSettings) -> Echo {
    const WORDS: [&str; 8] = ["same-origin", "same-site", "cross-site", "none", "active", "inactive", "null", "…"];
    let word = |text: Option<String>| text.map(|text| if WORDS.contains(&&*text) { text } else { "…".to_owned() });
    let own = |name: String| if name == cookie.name { name } else { "…".to_owned() };
    Echo {
        cookies: echo.cookies.into_iter().map(own).collect(),
        session_cookie: shown(cookie),
        origin: word(echo.origin),
        fetch_site: word(echo.fetch_site),
        storage_access: word(echo.storage_access),
        ..echo
    }
}

/// A cookie as `Set-Cookie` has it, without its value.
#[must_use]
pub fn shown(cookie: &CookieSettings) -> String {
    format!("{}=; {}", cookie.name, cookie.attributes().join("; "))
}

/// A browser in words of our own, and the products that it names: `Edge on Windows (Chrome/156 Edg/156)`. The doctor tells by
/// them which rules it follows.
fn browser(agent: &str) -> String {
    const PRODUCTS: [&str; 8] =
        ["Chrome/", "Firefox/", "Edg/", "OPR/", "SamsungBrowser/", "FxiOS/", "CriOS/", "Version/"];
    let named = PRODUCTS.iter().filter_map(|product| {
        let (_, rest) = agent.split_once(product)?;
        let version: String = rest.chars().take_while(char::is_ascii_digit).take(4).collect();
        (!version.is_empty()).then(|| format!("{product}{version}"))
    });
    let (device, named) = (device(agent), named.collect::<Vec<_>>().join(" "));
    if named.is_empty() { device } else { format!("{device} ({named})") }
}

/// What the public suffix list says of hosts.
pub fn sites<H: AsRef<str>>(hosts: impl IntoIterator<Item = H>) -> Sites {
    Sites::look_up(hosts, |host| psl::domain_str(host).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_in_words_of_our_own() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux (Chrome/156)");
        assert_eq!(browser(&format!("{chrome} Edg/156.0")), "Edge on Linux (Chrome/156 Edg/156)");
        assert_eq!(browser("Call +1 555 0100 now! Firefox/9999999 Linux"), "Firefox on Linux (Firefox/9999)");
        assert_eq!(browser("Call +1 555 0100 now!"), "An unknown program");
    }
}
