//! The page of guarantees is true: what it names exists, and each guarantee and each item of the checklist has a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of ours")
}

/// Every test and every promise of the contract, as `path/of/file::name`.
fn tests() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec!["tests".to_owned(), "src".to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).expect("a folder");
        for entry in entries {
            let name = entry.expect("an entry").file_name().into_string().expect("text");
            let path = format!("{folder}/{name}");
            if let Some(module) = path.strip_suffix(".rs") {
                // A macro of a test's own may make one for each kind of store.
                let text = read(&path);
                let named = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                found.extend(named.filter(|word| is_numbered(word)).map(|word| format!("{module}::{word}")));
            } else if !name.contains('.') {
                folders.push(path);
            }
        }
    }
    found
}

/// `g3_…` or `s25_…`.
fn is_numbered(word: &str) -> bool {
    let number = word.strip_prefix(['g', 's']).and_then(|rest| rest.split_once('_'));
    number.is_some_and(|(number, rest)| number.parse::<u32>().is_ok() && !rest.is_empty())
}

/// The numbers in a test's name: `g3_s25_s27_…` has three.
fn numbers(test: &str) -> BTreeSet<String> {
    let name = test.rsplit("::").next().unwrap_or_default();
    let is_number = |word: &&str| word.strip_prefix(['g', 's']).is_some_and(|number| number.parse::<u32>().is_ok());
    name.split('_').take_while(is_number).map(str::to_owned).collect()
}

#[test]
fn every_guarantee_and_every_item_has_a_test_or_a_reason() {
    let tested: BTreeSet<_> = tests().iter().flat_map(|test| numbers(test)).collect();
    let page = read("docs/GUARANTEES.md");
    let items = (2..=4)
        .chain(7..=12)
        .chain(15..=29)
        .chain([32, 33, 34, 35, 38])
        .chain(39..=52)
        .chain([54])
        .chain(56..=69)
        .chain([71])
        .chain(75..=82)
        .chain(83..=87)
        .chain(96..=108)
        .chain(113..=118)
        .chain([120]);
    let missing: Vec<_> = (1..=12)
        .chain([15])
        .map(|n| format!("g{n}"))
        .chain(items.map(|n| format!("s{n}")))
        .filter(|number| !tested.contains(number))
        .filter(|number| !page.contains(&format!("- item {}:", &number[1..])))
        .collect();
    assert!(missing.is_empty(), "neither a test nor a reason: {missing:?}");
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = read("docs/GUARANTEES.md");
    let tests = tests();
    let mut named = 0;
    for quoted in page.split('`').skip(1).step_by(2) {
        let Some((module, name)) = quoted.rsplit_once("::").filter(|(_, name)| name.ends_with('…')) else { continue };
        let (file, prefix) = (module.replace("::", "/"), name.trim_end_matches('…'));
        let there = tests.iter().any(|test| {
            let (path, name) = test.rsplit_once("::").unwrap_or_default();
            path.ends_with(&format!("/{file}")) && name.contains(prefix)
        });
        assert!(there, "docs/GUARANTEES.md names `{quoted}`, and there is no such test");
        named += 1;
    }
    assert!(named > 30, "the names are found: {named}");
}
