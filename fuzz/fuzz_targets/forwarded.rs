//! Fuzz target: arbitrary bytes as `X-Forwarded-For` and `Forwarded`, a header a line, before the part that a trusted
//! proxy appends. Parsing never panics, and the client is always the one that the proxy has named.
//!
//! The first byte chooses the header, the part of the proxy, and whether the proxy appends to the client's last line.
#![no_main]

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hardtack::server::client_address;
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;
use std::sync::LazyLock;

const FOR: [(&str, &str); 5] = [
    ("198.51.100.7", "198.51.100.7"),
    ("198.51.100.7:4711, 10.0.0.2", "198.51.100.7"),
    ("[2001:470::7]:443", "2001:470::7"),
    ("\"[2001:470::7]:443\" , \"10.0.0.2\"", "2001:470::7"),
    ("2001:470::7%eth0", "2001:470::7"),
];
const FORWARDED: [(&str, &str); 5] = [
    ("for=198.51.100.7", "198.51.100.7"),
    ("for=\"198.51.100.7:4711\";proto=https, For=10.0.0.2", "198.51.100.7"),
    ("proto=https;for=\"[2001:470::7]:443\"", "2001:470::7"),
    ("for=\"[2001:470::7]\" ; host=\"a, for=6.6.6.6\"", "2001:470::7"),
    ("for=198.51.100.7;by=\"_a\\\"b\"", "198.51.100.7"),
];

static TRUSTED: LazyLock<Vec<IpNet>> = LazyLock::new(|| vec!["10.0.0.0/8".parse().expect("a network")]);

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, written)) = bytes.split_first() else { return };
    let proxy: IpAddr = "10.0.0.1".parse().expect("an address");
    let (name, tails) = if choice & 1 == 0 { ("x-forwarded-for", FOR) } else { ("forwarded", FORWARDED) };
    let name = HeaderName::from_static(name);
    let (tail, expected) = tails[usize::from(choice >> 2) % tails.len()];
    let mut lines: Vec<Vec<u8>> = written.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    match lines.last_mut().filter(|_| choice & 2 == 0) {
        Some(last) => last.extend([b", ", tail.as_bytes()].concat()),
        None => lines.push(tail.into()),
    }
    let mut headers = HeaderMap::new();
    for (number, line) in lines.iter().enumerate() {
        match HeaderValue::from_bytes(line) {
            Ok(line) => _ = headers.append(name.clone(), line),
            // A line with a byte that no header can contain never arrives, nor does the part appended to it.
            Err(_) if number + 1 == lines.len() => return,
            Err(_) => {}
        }
    }
    let found = client_address(proxy, &headers, &TRUSTED);
    assert_eq!(found.to_string(), expected, "{headers:?}");
    let stranger: IpAddr = "203.0.113.9".parse().expect("an address");
    assert_eq!(client_address(stranger, &headers, &TRUSTED), stranger, "a header of an untrusted peer must be ignored");
});
