//! Rules of the source tree that neither cargo nor clippy can hold: the order of modules, feature gates, first lines.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules in their order: a module uses only modules to its left.
const CHAIN: [&str; 5] = ["model", "backend", "api", "app", "server"];

/// Returns whether a module may use another one.
///
/// One module is outside of the chain: `browser` is for the browser's build of `api` and `app`.
fn may_use(module: &str, other: &str) -> bool {
    let place = |name: &str| CHAIN.iter().position(|known| *known == name);
    match (module, other) {
        ("browser", "model") | ("api" | "app", "browser") => true,
        _ => module == other || place(module).zip(place(other)).is_some_and(|(module, other)| other < module),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files below a folder whose names have one of these endings, without the files that tools create.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let theirs = ["node_modules", "target", "test-results", "playwright-report"].contains(&name.as_str());
            if path.is_dir() && !theirs {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the Rust files of a folder as pairs of path and text.
fn sources_of(folder: &str) -> Vec<(String, String)> {
    let below = |path: &Path| path.strip_prefix(root().join(folder)).expect("a source").display().to_string();
    let sources: Vec<_> = files(folder, &[".rs"]).iter().map(|path| (below(path), read(path))).collect();
    assert!(sources.len() > 40, "too few sources are found");
    sources
}

/// Returns the Rust files in `src`.
fn sources() -> Vec<(String, String)> {
    sources_of("src")
}

/// Returns the Rust files of the libraries.
fn libraries() -> Vec<(String, String)> {
    let doctor = sources_of("crates/hardtack-doctor/src");
    sources_of("crates/hardtack-session/src").into_iter().chain(doctor).collect()
}

/// Returns the code without comments and without the unit tests at its end.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(|line| {
        let comment = line.trim_start().starts_with("//");
        if comment { "" } else { line.split(" // ").next().unwrap_or_default() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the modules at the crate's root that this code names, written as `crate::a`, as `crate::{a::b, c}`, or as
/// `super::super::a` when that reaches the root.
fn used_modules(path: &str, code: &str) -> Vec<String> {
    let depth = path.trim_end_matches("/mod.rs").trim_end_matches(".rs").split('/').count();
    let climb = "super::".repeat(depth);
    let mut used = Vec::new();
    for prefix in ["crate::", climb.as_str()] {
        for (_, rest) in code.match_indices(prefix).map(|(at, _)| code.split_at(at + prefix.len())) {
            if let Some(group) = rest.strip_prefix('{') {
                used.extend(heads(group));
            } else if !rest.starts_with("super::") {
                used.push(word(rest));
            }
        }
    }
    used
}

/// Returns the first names in a group of imports: `a` and `c` of `a::{x, y}, c}`.
fn heads(group: &str) -> Vec<String> {
    let (mut deep, mut heads, mut fresh) = (0, Vec::new(), true);
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => deep += 1,
            '}' if deep == 0 => break,
            '}' => deep -= 1,
            ',' if deep == 0 => fresh = true,
            sign if fresh && !sign.is_whitespace() => {
                heads.push(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect()
}

#[test]
fn a_module_uses_only_what_stands_to_its_left() {
    let mut seen = 0;
    for (path, text) in sources() {
        let user = path.split(['/', '.']).next().unwrap_or_default();
        if user == "lib" || user == "bin" {
            continue;
        }
        assert!(CHAIN.contains(&user) || user == "browser", "src/{path} belongs to no module of the chain");
        for used in used_modules(&path, &code(&text)) {
            seen += 1;
            assert!(may_use(user, &used), "src/{path}: `{user}` must not use `{used}`");
        }
    }
    assert!(seen > 50, "too few imports are found: {seen}");
}

#[test]
fn the_reader_of_imports_sees_every_spelling() {
    let used = |path: &str, code: &str| used_modules(path, code).join(" ");
    assert_eq!(used("api/x.rs", "use crate::model::error::Kind;"), "model");
    assert_eq!(used("api/x.rs", "use crate::{backend::{a, b}, model::Kind, app};"), "backend model app");
    assert_eq!(used("api/x.rs", "let x = crate::server::run();"), "server");
    assert_eq!(used("api/x.rs", "use super::super::server::run;"), "server");
    assert_eq!(used("api/mod.rs", "use super::server::run;"), "server");
    assert_eq!(used("server/settings/x.rs", "use super::super::y;"), "");
    assert!(may_use("server", "model") && may_use("app", "api") && may_use("app", "browser"));
    assert!(!may_use("backend", "api") && !may_use("model", "backend") && !may_use("server", "browser"));
}

#[test]
fn a_page_holds_each_island_with_its_shape() {
    let app: Vec<_> = sources().into_iter().filter(|(path, _)| path.starts_with("app/")).collect();
    let mut islands = 0;
    for (_, text) in &app {
        for island in text.split("#[island]\npub fn ").skip(1).map(word) {
            islands += 1;
            for (path, text) in &app {
                let code = code(text).split_whitespace().collect::<Vec<_>>().join(" ");
                for (at, _) in code.match_indices(&format!("<{island}")) {
                    let is_it = word(&code[at + 1..]) == island;
                    assert!(!is_it || code[..at].ends_with("island(view! { "), "src/{path}: <{island}/> never wakes");
                }
            }
        }
    }
    assert!(islands > 5, "too few islands are found: {islands}");
}

#[test]
fn each_module_keeps_to_its_own_libraries() {
    for (path, text) in sources() {
        let strangers: &[&str] = match path.split('/').next().unwrap_or_default() {
            "model" => &["axum", "leptos", "tokio", "sqlx", "tracing"],
            "backend" => &["axum", "leptos", "leptos_axum", "server_fn", "http", "tower"],
            "app" => &["axum", "sqlx", "tokio", "leptos_axum"],
            _ => continue,
        };
        for stranger in strangers {
            let names = format!("{stranger}::");
            let code = code(&text);
            let whole = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':'));
            let known = code.match_indices(&names).any(|(at, _)| whole(at));
            assert!(!known, "src/{path} knows `{stranger}`");
        }
    }
}

#[test]
fn gates_of_the_application_stand_in_lib_and_nowhere_else() {
    for (path, text) in sources() {
        let gates = text.lines().filter(|line| line.contains("feature = \"") && !line.trim_start().starts_with("//"));
        let gates: Vec<_> = gates.collect();
        if path == "lib.rs" {
            assert!((1..=5).contains(&gates.len()), "at most four gates and one more: {gates:#?}");
        } else {
            assert!(gates.is_empty(), "src/{path}: {gates:#?}");
        }
        let macros = ["cfg_if!", "cfg!(feature", "#[ssr", "#![cfg("];
        assert!(!macros.iter().any(|gate| text.contains(gate)), "src/{path} has a gate of another kind");
    }
}

#[test]
fn every_source_says_first_what_it_is_about() {
    let tests = files("tests", &[".rs"]).into_iter().map(|path| (path.display().to_string(), read(&path)));
    for (path, text) in sources().into_iter().chain(libraries()).chain(tests) {
        let first = text.lines().next().unwrap_or_default();
        // The crate documentation is the README, so that its examples are compiled.
        let said = if path == "lib.rs" { "#![doc = include_str!(\"../README.md\")]" } else { "//! " };
        assert!(first.starts_with(said) && first.len() > 10, "{path} begins with {first:?}");
    }
}

#[test]
fn no_source_panics_prints_or_is_unfinished() {
    for (path, text) in sources().into_iter().chain(libraries()) {
        let code = code(&text);
        for word in [".unwrap()", "todo!", "unimplemented!", "dbg!", "FIXME", "XXX"] {
            assert!(!code.contains(word), "src/{path} has {word}");
        }
        let prints = code.contains("println!") || code.contains("print!");
        assert!(!prints || path.starts_with("bin/"), "src/{path} prints");
        let open = text.contains("TODO") || text.contains("FIXME");
        assert!(!open, "src/{path} is unfinished");
    }
}

/// A doc comment says what an item is or does, in a sentence with a subject.
#[test]
fn no_doc_comment_begins_with_a_question_word() {
    let tests = files("tests", &[".rs"]).into_iter().map(|path| (path.display().to_string(), read(&path)));
    let mut whose = 0;
    for (path, text) in sources().into_iter().chain(libraries()).chain(tests) {
        for line in text.lines().map(str::trim_start) {
            let doc = line.strip_prefix("/// ").or_else(|| line.strip_prefix("//! ")).unwrap_or_default();
            let odd =
                ["What ", "Who ", "Whoever ", "Nobody ", "Where ", "How "].iter().find(|word| doc.starts_with(**word));
            assert_eq!(odd, None, "{path}: {line}");
            let words = line.strip_prefix("//").unwrap_or_default().to_lowercase();
            // In the tests `nobody` is a value of a route.
            let counts = !path.contains("/tests/it/");
            whose += usize::from(
                counts && ["whoever", "nobody", "somebody", "whose"].iter().any(|word| words.contains(word)),
            );
        }
    }
    assert!(whose <= 40, "{whose} comments say whoever, nobody, somebody or whose");
}

/// Sources: RUSTSEC-2024-0332, -2024-0003 and -2023-0034 (h2), -2024-0336 and -2024-0399 (rustls).
#[test]
fn s112_the_libraries_of_the_protocols_are_past_the_floods_that_stopped_them() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("the lock file");
    for (library, least) in [("h2", [0, 4, 4]), ("rustls", [0, 23, 18])] {
        let versions: Vec<Vec<u32>> = lock
            .split("[[package]]")
            .filter(|package| package.contains(&format!("\nname = \"{library}\"\n")))
            .filter_map(|package| package.split("version = \"").nth(1)?.split('"').next())
            .map(|version| version.split('.').filter_map(|part| part.parse().ok()).collect())
            .collect();
        assert!(!versions.is_empty(), "{library} is in the lock file");
        assert!(versions.iter().all(|version| version[..] >= least[..]), "{library}: {versions:?}");
    }
}
