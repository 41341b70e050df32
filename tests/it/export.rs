//! The export of pages as files: their names and content, and files that are never overwritten.

use super::support::process::Place;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardtack::app::access::{Access, DOCTOR, PAGES};
use hardtack::server::export;
use hardtack::server::settings::Settings;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A small built site, and a folder for the export.
struct Stage {
    folder: TempDir,
    settings: Settings,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let site = folder.path().join("site");
        fs::create_dir_all(site.join("pkg")).expect("folders");
        for name in ["pkg/hardtack.js", "pkg/hardtack.js.br", "pkg/hardtack.wasm", "pkg/hardtack.css", "robots.txt"] {
            fs::write(site.join(name), name).expect("a file");
        }
        let file = folder.path().join("Leptos.toml");
        fs::write(&file, format!("[leptos]\nsite_root = '{}'\nhash_files = false", site.display())).expect("a file");
        let settings = Settings::load(Some(&file), []).expect("settings");
        Self { folder, settings }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("made/on/the/way")
    }

    fn page(&self, name: &str) -> String {
        fs::read_to_string(self.out().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    async fn export(&self, api: Option<&str>) -> Result<BTreeSet<String>, String> {
        let api = api.map(|api| api.parse().expect("an origin"));
        let mut settings = self.settings.clone();
        settings.site.url = api.clone().unwrap_or(settings.site.url);
        let manifest = export(&settings, &self.out(), api.as_ref()).await.map_err(|error| error.to_string())?;
        Ok(manifest.files.into_keys().collect())
    }
}

fn below(folder: &Path, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = [name, &entry.file_name().into_string().expect("text")].concat();
        if entry.path().is_dir() {
            found.extend(below(&entry.path(), &format!("{name}/")));
        } else {
            found.insert(name);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_and_files_are_there_plain_and_compressed_and_a_list_of_them() {
    let stage = Stage::set();
    let mut files = stage.export(Some("https://api.example.com")).await.expect("exported");
    for name in ["index.html", "404.html"] {
        for ending in ["", ".br", ".gz"] {
            assert!(files.contains(&format!("{name}{ending}")), "{name}{ending}: {files:?}");
        }
    }
    assert!(files.contains("pkg/hardtack.js.br") && files.contains("robots.txt"), "{files:?}");
    assert!(files.iter().all(|name| !name.starts_with("api/")), "API paths are not exported: {files:?}");
    for name in ["index.html", "404.html"] {
        let (plain, read) =
            (stage.page(name).into_bytes(), |ending| fs::read(stage.out().join(format!("{name}{ending}"))));
        for ending in [".br", ".gz"] {
            let compressed = read(ending).expect("a file");
            assert!(compressed.len() < plain.len() * 2 / 3, "{name}{ending}: {} of {}", compressed.len(), plain.len());
        }
        assert!(read(".gz").expect("a file").starts_with(&[0x1f, 0x8b]), "the magic number of gzip");
    }
    files.insert("hardtack-export.json".to_owned());
    assert_eq!(below(&stage.out(), ""), files, "the list names all files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_where_its_server_is_and_knows_nothing_of_a_visitor() {
    let stage = Stage::set();
    stage.export(Some("https://API.example.com:443/")).await.expect("exported");
    for name in ["index.html", "404.html"] {
        let page = stage.page(name);
        assert!(page.contains(r#"<meta name="hardtack-api" content="https://api.example.com">"#), "{page}");
        let policy = page.split("http-equiv=\"content-security-policy\" content=\"").nth(1).expect("a policy");
        let policy = policy.split('"').next().expect("its end");
        assert!(policy.contains("connect-src 'self' https://api.example.com;"), "{policy}");
        assert!(
            policy.contains("'sha256-") && !policy.contains("nonce") && !policy.contains("unsafe-inline"),
            "{policy}"
        );
        assert!(!page.contains("nonce="), "{page}");
    }
    let page = stage.page("index.html");
    assert!(page.contains(r#"action="https://api.example.com/api/session""#), "forms post to the server: {page}");
    assert!(page.contains("data-testid=\"visits\"") && !page.contains("for the first time"), "{page}");
    assert!(stage.page("404.html").contains("There is nothing here."));
    stage.export(None).await.expect("exported");
    let page = stage.page("index.html");
    assert!(page.contains(r#"<meta name="hardtack-api" content="">"#) && page.contains(r#"action="/api/session""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_for_everybody_says_so_and_holds_nothing_of_anybody() {
    let stage = Stage::set();
    stage.export(Some("https://api.example.com")).await.expect("exported");
    for (path, access) in PAGES.into_iter().filter(|(path, _)| *path != DOCTOR) {
        let page = stage.page(format!("{path}/index.html").trim_start_matches('/'));
        let said = access.name().map(|name| format!("data-for=\"{name}\""));
        assert_eq!(said.is_some(), page.contains("data-for"), "{path}: {page}");
        assert!(said.is_none_or(|said| page.contains(&said)), "{path}: {page}");
        let noscript = page.contains("<noscript>") && page.contains("href=\"https://api.example.com/profile\"");
        assert_eq!(noscript, access == Access::SignedIn, "{path}: {page}");
    }
    let page = stage.page("profile/index.html");
    let name = page.split_once("data-testid=\"name\"").and_then(|(_, rest)| rest.split(['>', '<']).nth(1));
    assert_eq!(name.map(str::trim), Some(""), "the island fills in the name: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_is_exported_where_the_server_that_the_pages_call_has_one() {
    let mut stage = Stage::set();
    let (here, there) = (Some("http://localhost:3000"), Some("https://api.example.com"));
    for (enabled, api, exported) in
        [(None, here, true), (None, there, false), (Some(true), there, true), (Some(false), here, false)]
    {
        stage.settings.doctor.enabled = enabled;
        let files = stage.export(api).await.expect("exported");
        for file in ["doctor/index.html", "doctor.js"] {
            assert_eq!(files.contains(file), exported, "{enabled:?} {api:?} {file}");
        }
        assert_eq!(stage.page("index.html").contains("href=\"/doctor\""), exported, "{enabled:?} {api:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_export_replaces_the_first_and_takes_away_what_is_no_more() {
    let stage = Stage::set();
    stage.export(Some("https://api.example.com")).await.expect("exported");
    fs::remove_file(stage.folder.path().join("site/robots.txt")).expect("removed");
    let files = stage.export(Some("https://api.example.org")).await.expect("exported again");
    assert!(!files.contains("robots.txt") && !stage.out().join("robots.txt").exists());
    assert!(stage.page("index.html").contains("https://api.example.org"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_export_has_written_is_never_touched() {
    let stage = Stage::set();
    fs::create_dir_all(stage.out()).expect("a folder");
    fs::write(stage.out().join("index.html"), "somebody's page").expect("a file");
    let error = stage.export(None).await.expect_err("refused");
    assert!(error.contains("index.html was not written by an export"), "{error}");
    assert_eq!(below(&stage.out(), "").len(), 1, "no other file was written");
    fs::remove_file(stage.out().join("index.html")).expect("removed");
    stage.export(None).await.expect("exported");
    fs::write(stage.out().join("robots.txt"), "edited by hand").expect("a file");
    fs::write(stage.out().join("notes.txt"), "in nobody's way").expect("a file");
    let error = stage.export(None).await.expect_err("refused");
    assert!(error.contains("robots.txt was not written by an export, or has been changed since"), "{error}");
    assert_eq!(stage.page("robots.txt"), "edited by hand");
    fs::remove_file(stage.out().join("robots.txt")).expect("removed");
    stage.export(None).await.expect("exported");
    assert_eq!(stage.page("notes.txt"), "in nobody's way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_leads_out_of_the_folder_removes_nothing_there() {
    let stage = Stage::set();
    fs::create_dir_all(stage.out()).expect("a folder");
    let canary = stage.folder.path().join("Leptos.toml");
    let kept = fs::read(&canary).expect("the settings");
    let digest = STANDARD.encode(Sha256::digest(&kept));
    let list = format!(r#"{{"api":"","files":{{"../../../../Leptos.toml":"{digest}"}}}}"#);
    fs::write(stage.out().join("hardtack-export.json"), list).expect("a file");
    let error = stage.export(None).await.expect_err("refused");
    assert!(error.contains("Leptos.toml was not written by an export"), "{error}");
    assert_eq!(fs::read(&canary).expect("it is there"), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_was_broken_off_is_taken_up() {
    let stage = Stage::set();
    stage.export(None).await.expect("exported");
    let first = stage.page("hardtack-export.json");
    stage.export(Some("https://api.example.com")).await.expect("exported");
    // The state of an interrupted export: some files are new, and their list is still a draft.
    fs::rename(stage.out().join("hardtack-export.json"), stage.out().join("hardtack-export.draft.json"))
        .expect("renamed");
    fs::write(stage.out().join("hardtack-export.json"), first).expect("the old list");
    stage.export(Some("https://api.example.org")).await.expect("exported again");
    assert!(stage.page("404.html").contains("https://api.example.org"));
    assert!(!stage.out().join("hardtack-export.draft.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_followed_to_nobodys_files() {
    let stage = Stage::set();
    let elsewhere = stage.folder.path().join("elsewhere");
    fs::create_dir_all(&elsewhere).expect("a folder");
    fs::create_dir_all(stage.out()).expect("a folder");
    for (link, to) in [("pkg", elsewhere.clone()), ("index.html", stage.folder.path().join("nothing"))] {
        symlink(to, stage.out().join(link)).expect("a link");
        let error = stage.export(None).await.expect_err("refused");
        assert!(error.contains(&format!("{link} was not written by an export")), "{error}");
        fs::remove_file(stage.out().join(link)).expect("removed");
    }
    assert_eq!(below(&elsewhere, "").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_not_exported_into_itself() {
    let stage = Stage::set();
    let site = stage.folder.path().join("site");
    for out in [site.clone(), site.join("out/deep"), site.join("pkg/../out")] {
        let error = export(&stage.settings, &out, None).await.expect_err("refused").to_string();
        assert!(error.contains("the folder that is exported"), "{error}");
    }
    assert!(!site.join("out").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_not_built_is_not_exported() {
    let stage = Stage::set();
    fs::remove_file(stage.folder.path().join("site/pkg/hardtack.js")).expect("removed");
    let error = stage.export(None).await.expect_err("refused");
    assert!(error.contains("make run") && !stage.out().exists(), "{error}");
}

#[test]
fn pages_are_not_made_of_the_settings_of_another_server() {
    let place = Place::new();
    for own in ["http://localhost:3000", "https://api.example.com:8443", "https://app.example.com"] {
        let arguments = ["export", "--out", "out", "--api", "https://api.example.com"];
        let said = place.refusal(2, &arguments, &[("SITE_URL", own)]);
        let words = format!("`--api https://api.example.com` is not `site.url`, which is `{own}`:");
        assert!(said.contains(&words) && said.contains("HARDTACK_SITE_URL=https://api.example.com"), "{said}");
        assert!(!place.path().join("out").exists());
    }
}

#[test]
fn the_command_names_a_wrong_origin() {
    let place = Place::on("memory:");
    for api in ["api.example.com", "https://api.example.com/v1", "*"] {
        let output = place.run(&["export", "--out", "out", "--api", api], &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(api), "{said}");
    }
}
