//! Consistency of `docs/GUARANTEES.md`: the tests that it names exist, and each guarantee and each item of the
//! checklist has a test or is listed there without one.
//!
//! This binary lists its own tests. The unit tests and the browser tests run in other programs, so they are read from
//! their sources. The same reader is checked against the list of this binary.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The items of the checklist.
const ITEMS: std::ops::RangeInclusive<u32> = 1..=121;

/// A test that runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Test {
    /// The module or the file: `engine_cookie`, `hardtack_session::cookie::tests`, `kept.spec.ts`.
    place: String,
    name: String,
}

impl Test {
    /// Returns the numbers in the name, as in `g3_s25_s27_…` and `G3, s25: …`.
    fn numbers(&self) -> BTreeSet<String> {
        let words = self.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let numbers = words.map(str::to_lowercase).take_while(|word| is_number(word));
        numbers.collect()
    }
}

/// Returns whether a word is a number such as `g3` or `s25`.
fn is_number(word: &str) -> bool {
    word.strip_prefix(['g', 's']).is_some_and(|number| number.parse::<u32>().is_ok())
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of the package")
}

/// Returns the files below a folder whose names have this ending, as paths from the package's root.
fn files(folder: &str, end: &str) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = format!("{folder}/{}", entry.file_name().to_str().expect("text"));
            if path.ends_with(end) {
                found.push(path);
            } else if entry.file_type().expect("a type").is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            }
        }
    }
    found
}

/// Returns the tests that this binary runs, as it lists them.
fn of_this_binary() -> Vec<Test> {
    let mut list = Command::new(std::env::current_exe().expect("this binary"));
    let listed = list.args(["--list", "--format", "terse"]).output().expect("a list");
    let listed = String::from_utf8(listed.stdout).expect("text");
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test")?.rsplit_once("::"));
    tests.map(|(place, name)| Test { place: place.to_owned(), name: name.to_owned() }).collect()
}

/// Returns Rust code without comments and string literals, so that only compiled code is left.
fn code(text: &str) -> String {
    let (mut code, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let after = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            end_of_comment(rest)
        } else if let Some(raw) = rest.strip_prefix('r').filter(|raw| raw.trim_start_matches('#').starts_with('"')) {
            let close = format!("\"{}", "#".repeat(raw.len() - raw.trim_start_matches('#').len()));
            let opened = 1 + close.len();
            rest[opened..].find(&close).map_or(rest.len(), |end| opened + end + close.len())
        } else if first == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\'") {
            rest[2..].find('\'').map_or(rest.len(), |end| end + 3)
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[after..];
    }
    code
}

/// Returns the position after a comment and all comments inside it.
fn end_of_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    loop {
        let Some(next) = text[at..].find(['/', '*']) else { return text.len() };
        at += next;
        match text.get(at..at + 2) {
            Some("/*") => (depth, at) = (depth + 1, at + 2),
            Some("*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
}

/// Returns the names of the functions that are marked as tests.
fn marked(source: &str) -> Vec<String> {
    let code = code(source);
    let attributes = code.match_indices("#[").filter(|(at, _)| {
        let attribute = code[at + 2..].trim_start();
        attribute.starts_with("test]") || attribute.starts_with("tokio::test]") || attribute.starts_with("tokio::test(")
    });
    let named = attributes.filter_map(|(at, _)| {
        let mut rest = &code[at..];
        while let Some(attribute) = rest.trim_start().strip_prefix("#[") {
            rest = attribute.split_once(']')?.1;
        }
        let mut words = rest.split_whitespace().skip_while(|word| *word == "async" || word.starts_with("pub"));
        (words.next() == Some("fn")).then_some(())?;
        words.next()?.split(['(', '<']).next().map(str::to_owned)
    });
    // In a macro the name is a parameter, which is left out.
    named.filter(|name| !name.starts_with('$')).collect()
}

/// Returns the unit tests of the library. If `proved`, the functions of the store contract count too, because this
/// binary runs the contract on a store.
fn of_the_library(proved: bool) -> Vec<Test> {
    let mut found = Vec::new();
    for path in files("src", ".rs").into_iter().chain(files("crates", ".rs")) {
        // `crates/hardtack-session/src/cookie.rs` is `hardtack_session::cookie`.
        let below = path.trim_start_matches("crates/").replacen("-session/src", "_session", 1);
        let below = below.replacen("-doctor/src", "_doctor", 1);
        let place = below.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::");
        let place = place.trim_end_matches("::mod").to_owned();
        let source = read(&path);
        found.extend(marked(&source).into_iter().map(|name| Test { place: place.clone(), name }));
        if proved && place.starts_with("hardtack_session::store::contract") {
            let code = code(&source);
            // Each function counts, because the lints reject a function that is never called.
            let named = code.split(" fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(named.map(|name| Test { place: place.clone(), name: name.to_owned() }));
        }
    }
    found
}

/// Returns the browser tests: `test('…', …)` in a `.spec.ts` file, outside of comments. A skipped test does not count.
fn of_the_browser() -> Vec<Test> {
    let mut found = Vec::new();
    for path in files("end2end", ".spec.ts") {
        let place = path.rsplit('/').next().unwrap_or_default().to_owned();
        let mut in_comment = false;
        for line in read(&path).lines().map(str::trim) {
            in_comment |= line.starts_with("/*");
            let title = line.strip_prefix("test(").filter(|_| !in_comment).and_then(|rest| {
                let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'))?;
                rest[1..].split(quote).next()
            });
            found.extend(title.map(|title| Test { place: place.clone(), name: title.to_owned() }));
            in_comment &= !line.contains("*/");
        }
    }
    found
}

fn all() -> Vec<Test> {
    let mut all = of_this_binary();
    let proved = all.iter().any(|test| test.place == "store" && test.name.starts_with("s97_"));
    all.extend(of_the_library(proved));
    all.extend(of_the_browser());
    all
}

/// Returns the part of the page under a heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let part = page.split("\n## ").find_map(|part| part.strip_prefix(heading));
    part.unwrap_or_else(|| panic!("docs/GUARANTEES.md has no heading `## {heading}`"))
}

/// Returns the items that a part of the page lists, each with a reason: `- item 113: …` and `- items 72 and 73: …`.
fn listed(part: &str) -> BTreeSet<u32> {
    let mut items = BTreeSet::new();
    for line in part.lines().filter_map(|line| line.strip_prefix("- item")) {
        let (numbers, reason) = line.split_once(':').unwrap_or_else(|| panic!("no colon in {line}"));
        assert!(reason.trim().len() > 20, "no reason in {line}");
        let numbers = numbers.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
        let before = items.len();
        items.extend(numbers);
        assert!(items.len() > before, "no number in {line}");
    }
    items
}

const APART: &str = "Items of the checklist that do not apply, or have no test of their own";
const OPEN: &str = "Items of the checklist that are open";
const OTHERWISE: &str = "Items of the checklist that are met in another way";

/// Returns the faults of the page's lists, if these numbers have tests.
fn wrong(page: &str, tested: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let (apart, open, otherwise) =
        (listed(section(page, APART)), listed(section(page, OPEN)), listed(section(page, OTHERWISE)));
    for item in ITEMS {
        let has_a_test = tested.contains(&format!("s{item}"));
        let lists = [apart.contains(&item), open.contains(&item)].into_iter().filter(|listed| *listed).count();
        if has_a_test && open.contains(&item) {
            wrong.push(format!("item {item} is listed as open but has a test"));
        } else if has_a_test && apart.contains(&item) {
            wrong.push(format!("item {item} is listed without a test but has one"));
        } else if !has_a_test && lists == 0 {
            wrong.push(format!("item {item} has no test and is on no list"));
        } else if lists > 1 {
            wrong.push(format!("item {item} is on two lists"));
        }
        if otherwise.contains(&item) && !has_a_test {
            wrong.push(format!("item {item} is listed as met in another way but has no test"));
        }
    }
    let strange = apart.iter().chain(&open).chain(&otherwise).filter(|item| !ITEMS.contains(item));
    wrong.extend(strange.map(|item| format!("there is no item {item}")));
    let promised: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## G")?.split_once(". "))
        .map(|(number, _)| format!("g{number}"))
        .collect();
    let shown: BTreeSet<String> = tested.iter().filter(|number| number.starts_with('g')).cloned().collect();
    wrong.extend(promised.difference(&shown).map(|number| format!("{number} is promised but has no test")));
    wrong.extend(shown.difference(&promised).map(|number| format!("{number} has a test but is not promised")));
    if promised.len() < 13 {
        wrong.push(format!("a promise is missing: {promised:?}"));
    }
    wrong
}

fn tested(tests: &[Test]) -> BTreeSet<String> {
    tests.iter().flat_map(Test::numbers).collect()
}

#[test]
fn every_guarantee_and_every_item_has_a_test_or_is_listed_without_one() {
    assert_eq!(wrong(&read("docs/GUARANTEES.md"), &tested(&all())), [] as [String; 0]);
}

#[test]
fn a_list_that_is_wrong_is_noticed() {
    let page = read("docs/GUARANTEES.md");
    let tests = all();
    // Without its tests, each number must be reported as missing.
    for number in tested(&tests) {
        let without: Vec<_> = tests.iter().filter(|test| !test.numbers().contains(&number)).cloned().collect();
        let (item, found) = (number.replacen('s', "item ", 1), wrong(&page, &tested(&without)));
        assert!(found.iter().any(|said| said.starts_with(&format!("{item} "))), "{number}: {found:?}");
    }
    // With a test, each item that is listed without one must be reported.
    for item in listed(section(&page, APART)).union(&listed(section(&page, OPEN))) {
        let mut more = tests.clone();
        more.push(Test { place: "here".to_owned(), name: format!("s{item}_it_holds") });
        let found = wrong(&page, &tested(&more));
        assert!(found.iter().any(|said| said.starts_with(&format!("item {item} is listed"))), "{item}: {found:?}");
    }
}

#[test]
fn the_reader_of_sources_finds_what_the_binary_runs() {
    let runs: BTreeSet<_> = of_this_binary().into_iter().collect();
    let mut read_from_sources = BTreeSet::new();
    for path in files("tests/it", ".rs") {
        let place = path.trim_start_matches("tests/it/").trim_end_matches(".rs").replace('/', "::");
        let place = place.trim_end_matches("::mod").to_owned();
        read_from_sources.extend(marked(&read(&path)).into_iter().map(|name| Test { place: place.clone(), name }));
    }
    let invented: Vec<_> = read_from_sources.difference(&runs).collect();
    assert!(invented.is_empty(), "read from the sources but not run: {invented:?}");
    // Macros generate some tests, which the reader does not find.
    assert!(runs.len() - read_from_sources.len() < 20, "{:?}", runs.difference(&read_from_sources).collect::<Vec<_>>());
    let source = "// #[test]\n// fn g1_a_comment() {}\n/* #[test] fn g2_another() {} */ #[test]\n#[ignore] fn runs() { \
                  let text = \"#[test] fn g3_a_text() {}\"; }\nfn g4_not_marked() {}\n#[tokio::test(start_paused = true)]\n\
                  async fn runs_too() {}";
    assert_eq!(marked(source), ["runs", "runs_too"]);
}

#[test]
fn every_test_that_the_page_names_exists() {
    let (page, tests) = (read("docs/GUARANTEES.md"), all());
    let mut named = 0;
    for quoted in page.split('`').skip(1).step_by(2) {
        if quoted.ends_with(".spec.ts") {
            assert!(
                tests.iter().any(|test| test.place == quoted),
                "docs/GUARANTEES.md names `{quoted}`, which has no test"
            );
            named += 1;
            continue;
        }
        let Some((place, name)) = quoted.rsplit_once("::") else { continue };
        // A test's full name, or its beginning.
        if !name.ends_with('…') && name.matches('_').count() < 3 {
            continue;
        }
        let is_there = tests.iter().any(|test| {
            let begins = |at: usize| at == 0 || test.name[..at].ends_with('_');
            let of_place = test.place == place || test.place.ends_with(&format!("::{place}"));
            match name.strip_suffix('…') {
                Some(beginning) => of_place && test.name.match_indices(beginning).any(|(at, _)| begins(at)),
                None => of_place && test.name == name,
            }
        });
        assert!(is_there, "docs/GUARANTEES.md names `{quoted}`, which is no test");
        named += 1;
    }
    assert!(named > 100, "too few names are found: {named}");
}
