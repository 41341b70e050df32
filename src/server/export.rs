//! The export of the pages as files, for any web server: `hardtack export`.

use super::assets::Assets;
use super::doctor::{EXAMINATION, examiner, serves};
use super::document;
use super::headers::digest;
use super::router::PAGES;
use super::settings::Settings;
use super::whole;
use crate::app::access::of;
use crate::app::doctor::SCRIPT;
use crate::model::doctor::Examiner;
use crate::model::exported::Exported;
use crate::model::provider::Providers;
use crate::model::sign_up::SignUp;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::middleware::map_response;
use hardtack_session::policy::Origin;
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes as _, render_app_async_with_context};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use tower::ServiceExt as _;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// The list of written files, so that the next export may write there again.
const MANIFEST: &str = "hardtack-export.json";
/// The list of files that are being written. If it exists, an export was interrupted.
const DRAFT: &str = "hardtack-export.draft.json";

/// The reason why the pages could not be exported, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The built front end is missing.
    #[error("the built site is not in {}; run `make run` or `cargo leptos build --release` first", .0.display())]
    NotBuilt(PathBuf),
    /// A file that no export has written is in the way.
    #[error("{} was not written by an export, or has been changed since; move it away, or choose another folder", .0.display())]
    Foreign(PathBuf),
    /// The folder cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The path that could not be read or written.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The folder is inside the built site, so the next export would export it.
    #[error("{} is inside {}, the folder that is exported; choose another folder", .0.display(), .1.display())]
    Inside(PathBuf, PathBuf),
    /// The pages would be made with the settings of another server.
    #[error(
        "`--api {api}` is not `site.url`, which is `{own}`: the pages would call another server than the one whose settings \
         (providers, registration, the doctor) they show; run this with the settings of that server \
         (`HARDTACK_SITE_URL={api}` and its others)"
    )]
    OtherServer {
        /// The server that the pages were to call.
        api: Origin,
        /// The server of these settings.
        own: Origin,
    },
    /// A page could not be rendered.
    #[error("the page {0} could not be rendered")]
    Page(String),
}

/// The manifest of an export: each file by its path in the folder, with the SHA-256 of its contents in base64.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// The origin that the pages call; empty: the origin that they are served from.
    pub api: String,
    /// The files.
    pub files: BTreeMap<String, String>,
}

/// Writes all pages and files of the site below `out`. The pages call the server at `api`; without it, the origin that
/// they are served from.
///
/// Replaces the files of an earlier export, and removes those that no longer exist. Before it changes anything, it
/// checks that an export has written every file in the way.
///
/// # Errors
///
/// When `api` is not `site.url`, the site is not built, a page cannot be rendered, or a file is in the way that no
/// export has written.
pub async fn export(settings: &Settings, out: &Path, api: Option<&Origin>) -> Result<Manifest, ExportError> {
    let own = &settings.site.url;
    if let Some(api) = api.filter(|api| *api != own) {
        return Err(ExportError::OtherServer { api: api.clone(), own: own.clone() });
    }
    let assets = Assets::find(&settings.leptos);
    if !assets.root().join(assets.script.trim_start_matches('/')).is_file() {
        return Err(ExportError::NotBuilt(assets.root().to_owned()));
    }
    let (root, folder) = (canonical(assets.root()), canonical(out));
    if folder.starts_with(&root) {
        return Err(ExportError::Inside(folder, root));
    }
    let exported = Exported { api: api.map(ToString::to_string).unwrap_or_default() };
    let mut files = BTreeMap::new();
    collect(assets.root(), assets.root(), &mut files)?;
    let names = settings.sign_in.providers.iter().map(|provider| (provider.id.as_str(), provider.name.as_str()));
    let told = (document::sign_up(&settings.account_rules()), document::providers(names));
    let examines = settings.examines_from_pages(own).then(|| examiner(own, settings));
    if examines.is_some() {
        files.insert(SCRIPT.trim_start_matches('/').to_owned(), EXAMINATION.as_bytes().to_vec());
    }
    pages(assets, &exported, told, examines, &mut files).await?;
    let manifest = Manifest {
        api: exported.api,
        files: files.iter().map(|(path, bytes)| (path.clone(), digest(bytes))).collect(),
    };
    let known = [earlier(out, MANIFEST)?, earlier(out, DRAFT)?, manifest.clone()];
    for path in known.iter().flat_map(|known| known.files.keys()) {
        is_ours(out, path, &known)?;
    }
    note(out, DRAFT, &manifest)?;
    for (path, bytes) in &files {
        write(&out.join(path), bytes)?;
    }
    for gone in known.iter().flat_map(|known| known.files.keys()).filter(|path| !files.contains_key(*path)) {
        remove(&out.join(gone))?;
    }
    note(out, MANIFEST, &manifest)?;
    remove(&out.join(DRAFT))?;
    Ok(manifest)
}

fn note(out: &Path, name: &str, manifest: &Manifest) -> Result<(), ExportError> {
    let path = out.join(name);
    match serde_json::to_string_pretty(manifest) {
        Ok(text) => write(&path, text.as_bytes()),
        Err(error) => Err(ExportError::File { path, source: error.into() }),
    }
}

/// Collects the built files, including the compressed ones.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), ExportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ExportError::File { path, source }
    };
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            files.insert(name, fs::read(&path).map_err(failed(&path))?);
        }
    }
    Ok(())
}

/// Renders every page as for an unknown visitor; plain and compressed.
async fn pages(
    assets: Assets,
    exported: &Exported,
    (sign_up, providers): (SignUp, Providers),
    examiner: Option<Examiner>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), ExportError> {
    let options = assets.options.clone();
    let has_doctor = examiner.is_some();
    let context = {
        let exported = exported.clone();
        move || {
            provide_context(exported.clone());
            provide_context(sign_up);
            provide_context(providers.clone());
            examiner.iter().cloned().for_each(provide_context);
        }
    };
    let shell = {
        let (assets, exported) = (Arc::new(assets), exported.clone());
        move || document::exported(&assets, &exported)
    };
    let not_found = render_app_async_with_context(context.clone(), shell.clone());
    let router: Router = Router::new()
        .leptos_routes_with_context(&options, PAGES.clone(), context, shell)
        .fallback(not_found)
        .with_state(options)
        .layer(map_response(document::up_to_its_end))
        .layer(CompressionLayer::new().quality(CompressionLevel::Best));
    // The list also holds the server functions, which are not pages.
    let listed = PAGES.iter().map(|page| page.path().to_owned()).filter(|path| of(path).is_some());
    let listed = listed.filter(|path| serves(path, has_doctor));
    for page in listed.chain(["/404".to_owned()]) {
        let file = match page.as_str() {
            "/404" => "404.html".to_owned(),
            path => format!("{}/index.html", path.trim_matches('/')).trim_start_matches('/').to_owned(),
        };
        for (encoding, ending) in [("identity", ""), ("br", ".br"), ("gzip", ".gz")] {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = page.parse().map_err(|_| ExportError::Page(page.clone()))?;
            request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
            let Ok(answer) = router.clone().oneshot(request).await;
            if answer.status() != StatusCode::OK {
                return Err(ExportError::Page(page));
            }
            let body = to_bytes(answer.into_body(), usize::MAX).await.map_err(|_| ExportError::Page(page.clone()))?;
            files.insert(file.clone() + ending, body.to_vec());
        }
    }
    Ok(())
}

/// Returns the path without symbolic links, as far as it exists.
fn canonical(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    existing.map_or_else(|| path.clone(), |(above, real)| real.join(path.strip_prefix(above).unwrap_or(Path::new(""))))
}

/// Loads the manifest of an earlier export; an empty one, if there was none.
fn earlier(out: &Path, name: &str) -> Result<Manifest, ExportError> {
    let path = out.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|_| ExportError::Foreign(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Manifest::default()),
        Err(source) => Err(ExportError::File { path, source }),
    }
}

/// Checks that the file may be replaced or removed: an export has written it, or it does not exist.
fn is_ours(out: &Path, name: &str, known: &[Manifest]) -> Result<(), ExportError> {
    let path = out.join(name);
    let parts = Path::new(name).components();
    if !parts.clone().all(|part| matches!(part, Component::Normal(_))) {
        return Err(ExportError::Foreign(path));
    }
    // A symbolic link in the path, or in the file's place, leads to a file that no export has written.
    let mut reached = out.to_owned();
    for part in parts {
        reached.push(part);
        match fs::symlink_metadata(&reached) {
            Ok(found) if found.is_symlink() => return Err(ExportError::Foreign(reached)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(ExportError::File { path: reached, source }),
        }
    }
    match fs::read(&path) {
        Ok(bytes) if known.iter().any(|known| known.files.get(name) == Some(&digest(&bytes))) => Ok(()),
        Ok(_) => Err(ExportError::Foreign(path)),
        Err(source) => Err(ExportError::File { path, source }),
    }
}

/// Writes a file that a web server may serve at the same time.
fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(folder).and_then(|()| whole::write(path, 0o644, bytes));
    written.map_err(|source| ExportError::File { path: path.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), ExportError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(ExportError::File { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}
