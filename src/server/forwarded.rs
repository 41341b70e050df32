//! The client addresses that proxies write down: `X-Forwarded-For` and `Forwarded`.
//!
//! Both are lists to which each proxy appends. They are read from the end and as bytes, because a client may have
//! written anything in front of a proxy's entry. Source: RFC 7239, 4 to 6; RFC 9110, 5.6.

use axum::http::{HeaderMap, HeaderName, header};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// An entry of such a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// The address of a client.
    Address(IpAddr),
    /// Anything else: `unknown`, a name that hides the address, nothing, or unreadable text.
    Other(&'a [u8]),
}

/// A function that reads the address in one entry, if there is one.
type Read = fn(&[u8]) -> Option<IpAddr>;

/// Returns the entries of all proxies, the last one first.
///
/// They are those of `X-Forwarded-For`, or of `Forwarded` where there is no `X-Forwarded-For`. With both, it is unknown
/// which one a proxy has written and which one it has only passed on.
pub(super) fn entries(headers: &HeaderMap) -> impl Iterator<Item = Entry<'_>> {
    let (name, read): (_, Read) = match headers.get(FORWARDED_FOR) {
        Some(_) => (FORWARDED_FOR, address),
        None => (header::FORWARDED, |element| address(client(element)?)),
    };
    let lines = headers.get_all(name).iter().rev();
    let elements = lines.flat_map(|line| split(line.as_bytes(), b',').into_iter().rev()).map(<[u8]>::trim_ascii);
    elements.map(move |element| read(element).map_or(Entry::Other(element), Entry::Address))
}

/// The longest quoted string that is recognised, in bytes.
const QUOTED: usize = 256;

/// Splits a list. A separator inside quotes does not count.
///
/// It reads from the end, because the trusted proxy has written there: quotes that a client has opened in front of it
/// hide nothing. A quote that fits no grammar counts as a plain character.
fn split(list: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut parts, mut end, mut at) = (Vec::new(), list.len(), list.len());
    while let Some(before) = at.checked_sub(1) {
        at = before;
        match list[at] {
            b'"' => at = opening(&list[..=at]).unwrap_or(at),
            byte if byte == separator => {
                parts.push(&list[at + 1..end]);
                end = at;
            }
            _ => {}
        }
    }
    parts.push(&list[..end]);
    parts.reverse();
    parts
}

/// Returns the start of the quoted string at the end of a text, if the text ends with one.
fn opening(text: &[u8]) -> Option<usize> {
    let end = text.len() - 1;
    let is_escaped = |at: usize| text[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    let nearest = (end.saturating_sub(QUOTED)..end).rev().find(|at| text[*at] == b'"' && !is_escaped(*at))?;
    let before = text[..nearest].trim_ascii_end().last();
    let begins = before.is_none_or(|byte| matches!(byte, b',' | b';' | b'='));
    (begins && quoted(&text[nearest..]) == Some(end + 1 - nearest)).then_some(nearest)
}

/// Returns the length of the quoted string at the start of a text, if it ends and only a separator follows.
fn quoted(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            b'"' => break,
            _ => at += 1,
        }
    }
    let follows = text[at + 1..].trim_ascii_start().first();
    follows.is_none_or(|byte| matches!(byte, b',' | b';')).then_some(at + 1)
}

/// Returns the value of `for` in an element of `Forwarded`, if there is exactly one.
fn client(element: &[u8]) -> Option<&[u8]> {
    let pairs = split(element, b';').into_iter().filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
    });
    let mut clients = pairs.filter(|(name, _)| name.eq_ignore_ascii_case(b"for"));
    let (_, client) = clients.next()?;
    clients.next().is_none().then_some(client)
}

/// Reads an address in the spellings that proxies use: in quotes, in brackets, with a port, with a zone.
fn address(node: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(node).ok()?;
    let text = text.strip_prefix('"').map_or(Some(text), |rest| rest.strip_suffix('"'))?.trim();
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        is_port(port).then(|| v6(host))??.into()
    } else if let Some(address) = v6(text) {
        address.into()
    } else {
        let port = text.find(':').unwrap_or(text.len());
        is_port(&text[port..]).then(|| text[..port].parse::<Ipv4Addr>().ok())??.into()
    };
    Some(IpAddr::to_canonical(&address))
}

/// Reads an IPv6 address without its zone, which names an interface of the proxy. Source: RFC 4007, 11.
fn v6(text: &str) -> Option<Ipv6Addr> {
    text.split('%').next()?.parse().ok()
}

/// Returns whether the text is empty or a port: `:` and a number, or a name that hides it. Source: RFC 7239, 6.
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else { return text.is_empty() };
    let hides = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    port.parse::<u16>().is_ok() || port.strip_prefix('_').is_some_and(hides)
}
