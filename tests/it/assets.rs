//! Built files: lookup, compression and cache lifetimes.

use super::support::app::App;
use super::support::process::Place;
use reqwest::{Client, Response};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SCRIPT: &str = "// plain: a script of more than a few bytes, so that compressing it would pay.\n";

/// Creates a small built site without hashes in its file names.
fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    build(folder.path(), "");
    fs::write(folder.path().join("Cargo.toml"), "canary").expect("a file");
    folder
}

fn build(folder: &Path, hash: &str) {
    let site = folder.join("site");
    fs::create_dir_all(site.join("pkg/snippets")).expect("folders");
    let script = format!("pkg/hardtack{hash}.js");
    for (name, text) in [
        (script.clone(), SCRIPT.to_owned()),
        (format!("{script}.br"), "brotli of the script".to_owned()),
        (format!("{script}.gz"), "gzip of the script".to_owned()),
        (format!("pkg/hardtack{hash}.css"), "a{}".repeat(100)),
        (format!("pkg/hardtack{hash}.wasm"), "\0asm".to_owned()),
        ("robots.txt".to_owned(), "User-agent: *\nAllow: /\n".to_owned()),
        ("favicon.svg".to_owned(), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_owned()),
    ] {
        fs::write(site.join(name), text).expect("a file");
    }
}

async fn start(site: &TempDir) -> App {
    let root = site.path().join("site");
    App::start_with(&[("LEPTOS_SITE_ROOT", root.to_str().expect("text"))]).await
}

async fn get(app: &App, path: &str, accepts: &str) -> Response {
    let request = Client::new().get(app.url(path));
    request.header("accept-encoding", accepts).send().await.expect("an answer")
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_in_the_best_encoding_that_the_browser_takes() {
    let site = site();
    let app = start(&site).await;
    for (accepts, encoding, body) in [
        ("gzip, deflate, br, zstd", Some("br"), "brotli of the script"),
        ("gzip", Some("gzip"), "gzip of the script"),
        ("br;q=0, gzip", Some("gzip"), "gzip of the script"),
        ("identity", None, SCRIPT),
    ] {
        let answer = get(&app, "/pkg/hardtack.js", accepts).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-encoding")), (200, encoding), "{accepts}");
        let content_type = header(&answer, "content-type").expect("a type");
        assert!(content_type.starts_with("text/javascript"), "{content_type}");
        assert_eq!(header(&answer, "vary"), Some("accept-encoding"), "{accepts}");
        assert_eq!(answer.text().await.expect("text"), body);
    }
    let wasm = get(&app, "/pkg/hardtack.wasm", "identity").await;
    assert_eq!(header(&wasm, "content-type"), Some("application/wasm"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_compressed_by_the_build_is_compressed_on_the_way() {
    let site = site();
    let app = start(&site).await;
    for (path, accepts, encoding) in [
        ("/pkg/hardtack.css", "br", "br"),
        ("/pkg/hardtack.css", "gzip", "gzip"),
        ("/", "br", "br"),
        ("/nothing", "gzip", "gzip"),
    ] {
        let answer = get(&app, path, accepts).await;
        assert_eq!(header(&answer, "content-encoding"), Some(encoding), "{path}");
        let lines = answer.headers().get_all("vary").iter();
        let encodings = lines.filter(|line| line.as_bytes().eq_ignore_ascii_case(b"accept-encoding"));
        assert_eq!(encodings.count(), 1, "{path}: {:?}", answer.headers());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_hashes_in_their_names_files_are_asked_for_again() {
    let site = site();
    let app = start(&site).await;
    for (path, keep) in [
        ("/pkg/hardtack.js", "no-cache"),
        ("/pkg/hardtack.css", "no-cache"),
        ("/robots.txt", "public, max-age=3600"),
        ("/favicon.svg", "public, max-age=3600"),
    ] {
        let answer = get(&app, path, "identity").await;
        assert_eq!(header(&answer, "cache-control"), Some(keep), "{path}");
        let date = header(&answer, "last-modified").expect("a date").to_owned();
        let again = Client::new().get(app.url(path)).header("if-modified-since", date);
        let again = again.send().await.expect("an answer");
        // Source: RFC 9110, 15.4.5: a 304 carries what the 200 would have carried.
        assert_eq!((again.status().as_u16(), header(&again, "cache-control")), (304, Some(keep)));
        assert_eq!(header(&again, "vary"), Some("accept-encoding"));
    }
    let page = get(&app, "/", "identity").await.text().await.expect("a page");
    for name in ["\"/pkg/hardtack.js\"", "\"/pkg/hardtack.wasm\"", "\"/pkg/hardtack.css\""] {
        assert!(page.contains(name), "{name} is missing in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_hashes_in_their_names_files_are_kept_for_ever() {
    let place = Place::with_own_binary();
    build(place.path(), ".h4sh");
    // As cargo-leptos writes it, next to the binary.
    fs::write(place.path().join("bin/hash.txt"), "js: h4sh\nwasm: h4sh\ncss: h4sh\n").expect("a file");
    let server = place.serve(&[("LEPTOS_SITE_ROOT", "site")]).await;
    let get = async |path: &str| Client::new().get(server.url(path)).send().await.expect("an answer");
    let page = get("/").await.text().await.expect("a page");
    for kind in ["js", "wasm", "css"] {
        let path = format!("/pkg/hardtack.h4sh.{kind}");
        assert!(page.contains(&format!("\"{path}\"")), "{path} is missing in {page}");
        let answer = get(&path).await;
        let keep = "public, max-age=31536000, immutable";
        assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (200, Some(keep)));
    }
    let robots = get("/robots.txt").await;
    assert_eq!(header(&robots, "cache-control"), Some("public, max-age=3600"));
    for missing in ["/pkg/hardtack.js", "/pkg/hardtack.01d.js", "/pkg/"] {
        let answer = get(missing).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (404, Some("no-store, no-transform")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_the_headers_of_a_get_and_no_body() {
    let site = site();
    let app = start(&site).await;
    let answer = Client::new().head(app.url("/pkg/hardtack.js")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-length"), Some(SCRIPT.len().to_string().as_str()));
    assert_eq!(header(&answer, "cache-control"), Some("no-cache"));
    assert_eq!(answer.bytes().await.expect("a body"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_takes_no_post() {
    let site = site();
    let app = start(&site).await;
    for path in ["/pkg/hardtack.js", "/robots.txt"] {
        for request in [Client::new().post(app.url(path)), Client::new().delete(app.url(path))] {
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 405, "{path}");
            assert_eq!(header(&answer, "allow"), Some("GET,HEAD"), "{path}");
            assert_eq!(header(&answer, "cache-control"), Some("no-store, no-transform"), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s93_a_missing_file_is_404_and_no_folder_is_listed() {
    let site = site();
    let app = start(&site).await;
    // File systems reject a name of 300 letters, and the server must not report that as its own fault.
    let long = format!("/pkg/{}.js", "x".repeat(300));
    for path in ["/pkg/nothing.js", "/nothing.png", "/pkg", "/pkg/", "/pkg/snippets", "/pkg/snippets/", &long] {
        let answer = get(&app, path, "identity").await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "cache-control")),
            (404, Some("no-store, no-transform")),
            "{path}"
        );
        let body = answer.text().await.expect("a body");
        assert!(
            !body.contains("snippets") && !body.contains(".css.") && body.contains("There is nothing here."),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s93_no_path_leads_out_of_the_site() {
    let site = site();
    let app = start(&site).await;
    for path in [
        "/../Cargo.toml",
        "/pkg/../../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/pkg/%2e%2e/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "/pkg/..%2f..%2fCargo.toml",
        "/..%5cCargo.toml",
        "/..\\Cargo.toml",
        "/....//Cargo.toml",
        "/%252e%252e/Cargo.toml",
        "//Cargo.toml",
        "/%00/../Cargo.toml",
        "/robots.txt%00",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/pkg/%2fetc/passwd",
        "/pkg//etc/passwd",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = super::support::raw::exchange(app.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
        assert!(!answer.contains("canary") && !answer.contains("root:"), "{path}: {answer}");
    }
}
