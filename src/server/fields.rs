//! Header fields of requests, read by the grammar of RFC 9110 and as bytes.
//!
//! Clients and proxies can write anything into a field. An unreadable part costs only that part: an entry of a list
//! never hides its neighbours, and a byte that is not text never hides the field.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::borrow::Cow;

/// Returns the text of a field. A byte that is not text becomes a replacement character.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<Cow<'_, str>> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
}

/// Returns the type and subtype of a `Content-Type`, without its parameters. Source: RFC 9110, 8.3.1.
pub(super) fn essence(content_type: &HeaderValue) -> &[u8] {
    let end = |byte: &u8| *byte == b';';
    content_type.as_bytes().split(end).next().unwrap_or_default().trim_ascii()
}

/// Returns whether a client names this type itself in `Accept`, with a quality above 0. Wildcards do not count, because
/// every client sends them. Source: RFC 9110, 12.5.1.
pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter();
    let mut ranges = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    ranges.any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let named = parts.next().is_some_and(|named| named.eq_ignore_ascii_case(media_type.as_bytes()));
        named && !parts.any(is_zero)
    })
}

/// Returns whether a parameter is the quality 0: `q=0`, `q=0.000`.
fn is_zero(parameter: &[u8]) -> bool {
    let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { return false };
    let (name, value) = (parameter[..equals].trim_ascii(), parameter[equals + 1..].trim_ascii());
    let zero = value.strip_prefix(b"0").is_some_and(|rest| rest.iter().all(|byte| matches!(byte, b'.' | b'0')));
    name.eq_ignore_ascii_case(b"q") && zero
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &HeaderName, lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_bytes(line).expect("a value"));
        }
        headers
    }

    #[test]
    fn s56_accept_is_a_list_of_types_with_qualities() {
        for (lines, page) in [
            (&[b"text/html" as &[u8]][..], true),
            (&[b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], true),
            (&[b"TEXT/HTML ; charset=utf-8 ; q=0.5"], true),
            (&[b"application/json", b"text/html"], true),
            (&[b"\xff\xfe, text/html"], true),
            (&[b"text/html;level=\xff"], true),
            (&[b"text/html;q=0"], false),
            (&[b"text/html ; Q = 0.000"], false),
            (&[b"text/htmlx, xtext/html, application/text/html"], false),
            (&[b"*/*"], false),
            (&[b"text/*"], false),
            (&[b""], false),
            (&[], false),
        ] {
            assert_eq!(accepts(&of(&header::ACCEPT, lines), "text/html"), page, "{lines:?}");
        }
    }

    #[test]
    fn s56_a_content_type_is_its_essence() {
        for (line, expected) in [
            (b"application/json" as &[u8], b"application/json" as &[u8]),
            (b"application/json;charset=\"utf-8\"", b"application/json"),
            (b" application/json ; charset=\xff", b"application/json"),
            (b";", b""),
        ] {
            assert_eq!(essence(&HeaderValue::from_bytes(line).expect("a value")), expected);
        }
    }
}
