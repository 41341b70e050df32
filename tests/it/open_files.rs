//! Limits of open files: each connection takes one, and responses and the store need some too.

use super::support::process::{Place, Running};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENT: (&str, &str) = ("LIMITS_HEADER_TIMEOUT", "60s");

/// Opens connections with an incomplete request head.
async fn half_sent(server: &Running, count: usize) -> Vec<TcpStream> {
    let mut begun = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(b"GET /robots.txt HTTP/1.1\r\nHost: localhost\r\n").await.expect("sent");
        begun.push(stream);
    }
    begun
}

/// Completes the head and returns the status line of the response.
async fn finished(stream: &mut TcpStream) -> String {
    stream.write_all(b"Connection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

fn site(place: &Place) {
    let folder = place.path().join("site");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("robots.txt"), "User-agent: *\n").expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_that_the_system_begins_with_is_raised_to_what_it_allows() {
    let place = Place::new();
    site(&place);
    let settings = [PATIENT, ("LEPTOS_SITE_ROOT", "site")];
    // The store, the listener and 60 connections would exceed the initial limit.
    let server = place.wait_for(place.with_files(64, 4096, &settings)).await;
    let mut begun = half_sent(&server, 200).await;
    for at in [199, 0, 100] {
        assert_eq!(finished(&mut begun[at]).await, "HTTP/1.1 200 OK", "connection {at}");
    }
    drop(begun);
    let log = server.stop().await.join("\n");
    assert!(!log.contains("limits.connections") && !log.contains("os error 24"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_taken_than_leave_files_for_answers_and_store() {
    let place = Place::new();
    site(&place);
    let settings = [PATIENT, ("LEPTOS_SITE_ROOT", "site")];
    let server = place.wait_for(place.with_files(64, 200, &settings)).await;
    let told = server.said.wait_for("limits.connections is 1024").await;
    assert!(told.contains("WARN") && told.contains("enough for 52") && told.contains("LimitNOFILE="), "{told}");
    // More than the limit allows, and fewer than the system's backlog.
    let mut begun = half_sent(&server, 120).await;
    for stream in &mut begun[..52] {
        assert_eq!(finished(stream).await, "HTTP/1.1 200 OK");
    }
    // The other connections have waited for a free place.
    assert_eq!(finished(&mut begun[60]).await, "HTTP/1.1 200 OK");
    drop(begun);
    let log = server.stop().await.join("\n");
    assert!(!log.contains("os error 24"), "{log}");
}

#[test]
fn too_few_files_for_the_store_refuse_the_start_in_one_sentence() {
    let place = Place::new();
    let output = Place::to_its_end(place.with_files(64, 64, &[("SITE_LISTEN", "127.0.0.1:0")]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(
        said.contains("limits.connections: this process may open 64 files") && said.contains("LimitNOFILE="),
        "{said}"
    );
    assert!(!place.path().join("data").exists(), "no file was created before");
}
