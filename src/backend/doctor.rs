//! The diagnosis of the probe results from a visitor's browser.

use super::visitor::device;
use crate::model::doctor::Examiner;
use crate::model::error::{Kind, WireError};
use hardtack_doctor::{Diagnosis, Echo, Sites, Tries, Try};
use hardtack_session::{CookieSettings, Session};

/// The longest text of probe results, in bytes. A real one has about 1,000.
const LONGEST: usize = 8 * 1024;
/// The purpose of the keyed hash that seals a response.
const SEAL: &str = "doctor";

/// Returns the diagnosis of probe results, which are JSON.
///
/// The results come from the query string, which can be forged. The diagnosis repeats only known words, and responses
/// that this server has sealed.
///
/// # Errors
///
/// `invalid` when the results cannot be parsed.
pub fn diagnose(tries: &str, examiner: Option<Examiner>, session: Option<&Session>) -> Result<Diagnosis, WireError> {
    let told = Some(tries).filter(|tries| tries.len() <= LONGEST);
    let mut tries: Tries = told.and_then(|tries| serde_json::from_str(tries).ok()).ok_or(Kind::Invalid)?;
    tries.sites = sites([tries.page.host(), tries.server.host()]);
    // The origins that another server lists are not known here.
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

/// Seals a response: adds a keyed hash, which this server and all others with its keys can verify.
#[must_use]
pub fn seal(echo: Echo, session: &Session) -> Echo {
    Echo { proof: session.pseudonym(SEAL, &sealed(&echo)), ..echo }
}

/// Returns the text that is sealed: the response without its seal.
fn sealed(echo: &Echo) -> String {
    let echo = Echo { proof: String::new(), ..echo.clone() };
    // Serialization cannot fail, because a response holds only strings, numbers, booleans and plain enums.
    serde_json::to_string(&echo).unwrap_or_default()
}

/// Returns a response without a valid seal, reduced to known words. It comes from another node with other keys, or from
/// the author of the link.
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

/// Returns a cookie's `Set-Cookie` line without the value.
#[must_use]
pub fn shown(cookie: &CookieSettings) -> String {
    format!("{}=; {}", cookie.name, cookie.attributes().join("; "))
}

/// Returns a browser in known words, with the products that its `User-Agent` names: `Edge on Windows (Chrome/156
/// Edg/156)`. The doctor chooses the browser's rules by these products.
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

/// Looks up the sites of hosts in the public suffix list.
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
        assert_eq!(browser("Call +1 555 0100 now!"), "Unknown browser");
    }
}
