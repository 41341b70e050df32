//! The doctor parses headers as browsers do, byte for byte, and reports TLS versions that it cannot speak.

use crate::doctor_probe::assert_found;
use hardtack::server::{Visit, probe};
use hardtack_doctor::{Code, Evidence, Severity, Verdict, diagnose, verdicts};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The bytes that a server received, call by call.
type Calls = Arc<Mutex<Vec<Vec<u8>>>>;

/// Starts a server that sends these bytes in response to every call.
async fn serve(answer: Vec<u8>) -> (u16, Calls) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let calls = Calls::default();
    let kept = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut call = vec![0; 64 << 10];
            let read = stream.read(&mut call).await.unwrap_or_default();
            call.truncate(read);
            kept.lock().expect("no panic").push(call);
            let _ = stream.write_all(&answer).await;
        }
    });
    (port, calls)
}

/// Returns what the doctor observes of a server that sends this head, and the calls.
async fn seen(head: &[u8]) -> (Evidence, Calls) {
    let answer = [b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n", head, b"\r\n{}"].concat();
    let (port, calls) = serve(answer).await;
    let mut visit = Visit::new(&format!("http://localhost:{port}/"), None, None).expect("a visit");
    visit.post = false;
    (probe(&visit).await, calls)
}

/// Returns whether one of the calls contained these bytes.
fn brought(calls: &Calls, bytes: &[u8]) -> bool {
    calls.lock().expect("no panic").iter().any(|call| call.windows(bytes.len()).any(|part| part == bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_browsers_take_has_no_finding() {
    let many: Vec<u8> = (0..105).flat_map(|at| format!("X-Line-{at}: a\r\n").into_bytes()).collect();
    let sid = b"Set-Cookie: sid=a-secret; Path=/; HttpOnly; SameSite=Lax\r\n";
    for (case, head) in [
        ("105 lines", many.as_slice()),
        ("a blank before the colon, and a folded line", b"X-Odd Header : a\r\nX-Folded: a\r\n  b\r\n"),
        ("a line without a colon", b"no colon\r\n"),
        ("a control character in another header", b"X-Odd: a\x01b\r\n"),
    ] {
        let (evidence, calls) = seen(&[head, sid].concat()).await;
        assert_eq!(diagnose(&evidence), [], "{case}");
        assert!(verdicts(&evidence).iter().all(Verdict::holds), "{case}");
        assert!(brought(&calls, b"sid=a-secret"), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_with_a_control_character_is_found_and_its_neighbour_goes_along() {
    let (evidence, calls) = seen(b"Set-Cookie: sid=ab\x01cd; HttpOnly\r\nSet-Cookie: good=one; HttpOnly\r\n").await;
    assert_found(Code::Unreadable, "a control character", &diagnose(&evidence));
    assert!(brought(&calls, b"good=one") && !brought(&calls, b"sid="));
    // A browser drops a response with a NUL in a header.
    let (evidence, _) = seen(b"Set-Cookie: sid=ab\0cd; HttpOnly\r\n").await;
    assert_found(Code::Unreachable, "a NUL", &diagnose(&evidence));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_beyond_utf_8_are_counted_and_sent_back_as_they_came() {
    let value = [0xE9; 1500];
    let (evidence, calls) = seen(&[b"Set-Cookie: sid=", &value[..], b"; HttpOnly\r\n"].concat()).await;
    assert_eq!(diagnose(&evidence), []);
    assert!(brought(&calls, &[b"sid=", &value[..], b"\r\n"].concat()));
    let large = [0xE9; 4100];
    let (evidence, _) = seen(&[b"Set-Cookie: sid=", &large[..], b"; HttpOnly\r\n"].concat()).await;
    assert_found(Code::TooLarge, "4100 bytes", &diagnose(&evidence));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_that_the_doctor_cannot_speak_is_a_warning_about_the_doctor() {
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    const UNRECOGNIZED_NAME: u8 = 112;
    for (alert, code, severity, broken) in [
        (HANDSHAKE_FAILURE, Code::Unreachable, Severity::Warning, 0),
        (PROTOCOL_VERSION, Code::Certificate, Severity::Error, 6),
        (UNRECOGNIZED_NAME, Code::Certificate, Severity::Error, 6),
    ] {
        // A fatal alert. Sources: RFC 8446, 5.1 and 6.
        let (port, _) = serve(vec![21, 3, 3, 0, 2, 2, alert]).await;
        let visit = Visit::new(&format!("https://localhost:{port}/"), None, None).expect("a visit");
        let evidence = probe(&visit).await;
        let found = diagnose(&evidence);
        let [finding] = &found[..] else { panic!("{found:#?}") };
        assert_eq!((finding.code, finding.severity), (code, severity), "{alert}");
        let lost = verdicts(&evidence).iter().filter(|verdict| verdict.broken().is_some()).count();
        assert_eq!(lost, broken, "{alert}");
        assert!(verdicts(&evidence).iter().all(|verdict| !verdict.holds()), "{alert}");
    }
}
