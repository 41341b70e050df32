//! The scripts in `tools/`: they must work in folders with unusual names and with the bash of every system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the scripts that bash runs.
fn scripts() -> Vec<PathBuf> {
    let listed = ["tools", "tools/front"].into_iter().flat_map(|folder| {
        fs::read_dir(Path::new(CHECKOUT).join(folder)).expect(folder).map(|entry| entry.expect("an entry").path())
    });
    let is_bash = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.starts_with("#!/usr/bin/env bash") || text.starts_with("# shellcheck shell=bash")
    };
    listed.filter(|path| path.is_file()).filter(is_bash).collect()
}

#[test]
fn scripts_keep_to_the_bash_that_macos_has() {
    let scripts = scripts();
    assert!(scripts.len() > 8, "{scripts:?}");
    // These came with bash 4 or later.
    let newer = [
        "mapfile",
        "readarray",
        "declare -A",
        "local -A",
        "local -n",
        ",,}",
        "^^}",
        "&>>",
        "|&",
        "coproc",
        "EPOCHSECONDS",
    ];
    for script in scripts {
        let text = fs::read_to_string(&script).expect("a script");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
            let found = newer.iter().find(|newer| line.contains(*newer));
            assert_eq!(found, None, "{}:{}: {line}", script.display(), number + 1);
        }
    }
}

/// Returns a folder with a blank, a bracket and a quote in its name, as a home or a checkout may have.
fn odd() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let odd = folder.path().join("Ada \"[b] Lovelace");
    fs::create_dir(&odd).expect("a folder");
    (folder, odd)
}

#[test]
fn the_front_end_is_built_where_a_home_has_a_blank_and_a_checkout_brackets() {
    let (_folder, odd) = odd();
    let front = odd.join("tools/front");
    fs::create_dir_all(&front).expect("folders");
    fs::copy(Path::new(CHECKOUT).join("tools/front/cargo"), front.join("cargo")).expect("a copy");
    fs::set_permissions(front.join("cargo"), PermissionsExt::from_mode(0o755)).expect("a mode");
    let krate = odd.join("crate");
    fs::create_dir_all(krate.join("src")).expect("folders");
    let manifest = "[package]\nname = \"front\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";
    fs::write(krate.join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(krate.join("src/lib.rs"), "//! Nothing.\n").expect("a library");
    fs::copy(Path::new(CHECKOUT).join("rust-toolchain.toml"), krate.join("rust-toolchain.toml")).expect("a copy");
    // As `tools/build` calls cargo-leptos, and as cargo-leptos calls cargo.
    let script = "cd \"$CHECKOUT\" && . tools/env.sh && cd \"$KRATE\" && PATH=$FRONT:$PATH && exec cargo build --package=front --lib \
                  --target-dir=built --target=wasm32-unknown-unknown --verbose";
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).env("CHECKOUT", CHECKOUT).env("KRATE", &krate).env("FRONT", &front);
    bash.env("CARGO_HOME", odd.join(".cargo")).env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
    let built = bash.output().expect("bash");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    let remap = format!("--remap-path-prefix={}/registry/src=crates", odd.join(".cargo").display());
    assert!(said.contains(&remap), "the path must be one argument: {said}");
    assert!(said.contains("--crate-type cdylib") && !said.contains("--crate-type rlib"), "{said}");
}

#[test]
fn tools_are_installed_by_contents_and_not_by_name_alone() {
    let read = |name: &str| fs::read_to_string(Path::new(CHECKOUT).join(name)).expect(name);
    let install = read("tools/install");
    assert!(install.contains("--require-hashes -r tools/sslyze.txt"), "pip must check hashes");
    assert!(install.contains("--strategies crate-meta-data"), "only builds of the projects themselves");
    assert!(install.contains("npm ci --ignore-scripts"), "npm must check the lock file");
    let pinned = read("tools/sslyze.txt").replace("\\\n", " ");
    for line in pinned.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains("==") && line.contains("--hash=sha256:"), "{line}");
    }
}
