//! The built front end: its files, their names, and the time for which browsers may cache them.

use super::settings::Leptos;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use leptos::prelude::LeptosOptions;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::{Service, ServiceExt as _};
use tower_http::services::ServeDir;

/// The built site.
pub(super) struct Assets {
    root: PathBuf,
    hashed: bool,
    pub(super) style: String,
    pub(super) script: String,
    pub(super) wasm: String,
    /// The script that listens to the session of an open page. Its URL changes with its contents.
    events: String,
    pub(super) options: LeptosOptions,
    /// The port of the WebSocket that reloads pages, while cargo-leptos watches.
    pub(super) reload: Option<String>,
}

/// The script that decides when the islands start, and starts them.
const LOADER: &str = include_str!("loader.js");

impl Assets {
    /// Returns the script that starts the islands.
    pub(super) fn start(&self) -> String {
        format!("({})({:?}, {:?}, {:?})", LOADER.trim(), self.script, self.wasm, self.events)
    }

    /// Returns the folder of the built site.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Finds the files of the last build.
    ///
    /// The build writes the hashes in the files' names beside the executable; in development it writes none.
    pub(super) fn find(settings: &Leptos) -> Self {
        let options = LeptosOptions::builder()
            .output_name(settings.output_name.as_str())
            .site_root(settings.site_root.as_str())
            .hash_files(settings.hash_files)
            .build();
        let hashes = settings.hash_files.then(|| read_hashes(options.hash_file.as_ref())).flatten();
        let name = |kind: &str| {
            let hash = hashes.as_deref().and_then(|hashes| hash_of(hashes, kind));
            let hash = hash.map(|hash| format!(".{hash}")).unwrap_or_default();
            format!("/pkg/{}{hash}.{kind}", settings.output_name)
        };
        let assets = Self {
            root: PathBuf::from(&settings.site_root),
            hashed: hashes.is_some(),
            style: name("css"),
            script: name("js"),
            wasm: name("wasm"),
            events: named_by_contents(Path::new(&settings.site_root), "/events.js"),
            options,
            reload: std::env::var("LEPTOS_WATCH").and_then(|_| std::env::var("LEPTOS_RELOAD_PORT")).ok(),
        };
        if !assets.root.join(assets.script.trim_start_matches('/')).is_file() {
            tracing::warn!(
                file = assets.script,
                "leptos.site_root or leptos.output_name: the built front end is not there, so pages have no style and no islands; \
                 run `make run` or `cargo leptos build`"
            );
        }
        assets
    }
}

fn read_hashes(file: &str) -> Option<String> {
    let folder = std::env::current_exe().ok()?.parent()?.to_owned();
    std::fs::read_to_string(folder.join(file)).ok()
}

/// Returns the URL of a file that keeps its name. A hash in the query lets browsers cache it until its contents change.
fn named_by_contents(root: &Path, path: &str) -> String {
    let said = std::fs::read(root.join(path.trim_start_matches('/'))).unwrap_or_default();
    let name = URL_SAFE_NO_PAD.encode(Sha256::digest(said));
    format!("{path}?{}", &name[..12])
}

fn hash_of<'a>(hashes: &'a str, kind: &str) -> Option<&'a str> {
    hashes.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == kind).map(|(_, h)| h.trim())
}

/// Returns the built files. If their names contain hashes, browsers may cache them for ever.
pub(super) fn package(assets: &Assets) -> Kept {
    let keep = if assets.hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    Kept { files: serve(&assets.root.join("pkg")), keep: HeaderValue::from_static(keep) }
}

/// Returns a handler for the other files of the site: icon, robots.txt.
pub(super) fn files(
    assets: &Assets,
) -> impl Fn(Request<Body>) -> Pin<Box<dyn Future<Output = Response> + Send>> + Clone + use<> {
    let kept = Kept { files: serve(&assets.root), keep: HeaderValue::from_static("public, max-age=3600") };
    move |request| {
        let kept = kept.clone();
        Box::pin(async move { kept.oneshot(request).await.into_response() })
    }
}

fn serve(folder: &Path) -> ServeDir {
    ServeDir::new(folder).precompressed_br().precompressed_gzip().append_index_html_on_directories(false)
}

/// The longest file name that is looked up, in bytes. The suffix of a compressed file has to fit as well.
const NAME: usize = 250;

/// The files of a folder, with their `Cache-Control`.
#[derive(Clone)]
pub(super) struct Kept {
    files: ServeDir,
    keep: HeaderValue,
}

impl Service<Request<Body>> for Kept {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<Body>>::poll_ready(&mut self.files, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // No file system has such a name, and the system's error must not become a server error.
        if request.uri().path().split('/').any(|name| name.len() > NAME) {
            return Box::pin(async { Ok(StatusCode::NOT_FOUND.into_response()) });
        }
        let (found, keep) = (self.files.call(request), self.keep.clone());
        Box::pin(async move {
            let mut response = found.await.into_response();
            let headers = response.headers_mut();
            headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
            // A 304 repeats the header of the 200 (RFC 9110, 15.4.5).
            if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
                response.headers_mut().insert(header::CACHE_CONTROL, keep);
            }
            Ok(response)
        })
    }
}
