//! The head of a response as browsers read it, with the lines that the HTTP client drops.
//!
//! A line with a control character may hold the very cookie that the probe looks for, but HTTP libraries drop such
//! lines. So the incoming bytes are recorded until the head is complete, and its lines are read from the record.

use hardtack_doctor::header_text;
use std::io::Result;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that are recorded: more than any head that is accepted.
const MOST: usize = 512 << 10;

/// A stream that records the incoming bytes.
pub(super) struct Recorded<S> {
    stream: S,
    came: Arc<Mutex<Vec<u8>>>,
}

/// The recorded bytes.
pub(super) struct Record(Arc<Mutex<Vec<u8>>>);

impl<S> Recorded<S> {
    pub(super) fn new(stream: S) -> (Self, Record) {
        let came = Arc::new(Mutex::new(Vec::new()));
        (Self { stream, came: Arc::clone(&came) }, Record(came))
    }
}

impl Record {
    /// Returns the lines of the head, with names in lower case; `None` when browsers reject the head.
    pub(super) fn lines(&self) -> Option<Vec<(String, String)>> {
        lines(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        if came.len() < MOST {
            came.extend_from_slice(buffer.filled().get(before..).unwrap_or_default());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Returns the lines of the first head that is not interim (103). Chromium drops a head with a NUL as a whole: `None`.
///
/// Source: RFC 9112, 5 and 5.2 (folded lines); Chromium's `HttpResponseHeaders` for blanks before a colon.
fn lines(came: &[u8]) -> Option<Vec<(String, String)>> {
    let mut all = came.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    loop {
        let status = all.next()?;
        let mut lines: Vec<(String, Vec<u8>)> = Vec::new();
        let nul = |line: &[u8]| line.contains(&0);
        let mut dropped = nul(status);
        for line in all.by_ref().take_while(|line| !line.is_empty()) {
            dropped |= nul(line);
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some((_, value)) = lines.last_mut() {
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
            } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
                let name = header_text(line[..colon].trim_ascii()).to_ascii_lowercase();
                lines.push((name, trimmed(&line[colon + 1..]).to_vec()));
            }
        }
        let code = status.split(|byte| *byte == b' ').find(|word| word.len() == 3);
        if code.is_none_or(|code| !code.starts_with(b"1") || code == b"101") {
            let text = |(name, value): (String, Vec<u8>)| (name, header_text(&value));
            return (!dropped).then(|| lines.into_iter().map(text).collect());
        }
    }
}

/// Trims blanks and tabs. Other control characters belong to the cookie.
fn trimmed(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(start, |end| end + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(came: &[u8]) -> Option<Vec<(String, String)>> {
        lines(came)
    }

    fn owned(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn lines_are_read_as_browsers_read_them() {
        for (came, expected) in [
            (
                &b"HTTP/1.1 200 OK\r\nA: b\r\nSet-Cookie: sid=a\x01b\r\n\r\nbody: no"[..],
                &[("a", "b"), ("set-cookie", "sid=a\u{1}b")][..],
            ),
            (b"HTTP/1.1 200 OK\nA: b\n\n", &[("a", "b")]),
            (
                b"HTTP/1.1 200 OK\r\nX-Odd : a\r\nFolded: a\r\n  b\r\nno colon\r\n\r\n",
                &[("x-odd", "a"), ("folded", "a b")],
            ),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n", &[("a", "b")]),
            (b"HTTP/1.1 200\r\nA:\r\n\r\n", &[("a", "")]),
        ] {
            assert_eq!(read(came), Some(owned(expected)), "{}", String::from_utf8_lossy(came));
        }
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=\0\r\n\r\n"), None, "dropped whole");
        let latin = read(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=\xE9\r\n\r\n").expect("a head");
        assert_eq!(hardtack_doctor::header_bytes(&latin[0].1), b"a=\xE9");
    }
}
