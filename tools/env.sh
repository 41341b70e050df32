# shellcheck shell=bash
# Sourced by the scripts of this folder: where things are, which versions, and a PATH on which cargo-leptos finds
# sass, wasm-opt and wasm-bindgen (what is not there it would download).

set -eu -o pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=versions.env
. tools/versions.env

# Tools that cargo installs have a folder each, by version: other projects of this machine may need other versions,
# and a fresh checkout finds what an earlier one installed.
tools_home=${XDG_CACHE_HOME:-$HOME/.cache}/hardtack/tools
PATH=$tools_home/cargo-leptos-$CARGO_LEPTOS/bin:$tools_home/wasm-bindgen-cli-$WASM_BINDGEN/bin:$PATH
PATH=$tools_home/sslyze-$SSLYZE/bin:$PATH
PATH=$root/tools/node_modules/.bin:$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export PATH

# What the browser loads names source files in its panics: not by where this machine keeps them. Handed on by tools/front/cargo
# and tools/client as a list in TOML, because a variable of cargo's splits its flags at blanks, and a home may have one.
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
registry=${registry//\\/\\\\}
registry=${registry//\"/\\\"}
export FRONT_CONFIG="target.wasm32-unknown-unknown.rustflags=[\"--remap-path-prefix=$registry=crates\"]"

say() { printf '%s\n' "$*" >&2; }

stop() {
    say "$*"
    exit 1
}

# Where cargo builds: CARGO_TARGET_DIR, a configuration file, or ./target.
target_dir() {
    cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

# SHA-256 of the files whose names arrive separated by NUL, or of standard input with `-`.
digest() {
    local with=(sha256sum)
    command -v sha256sum >/dev/null || with=(shasum -a 256)
    if [ "${1:-}" = - ]; then "${with[@]}"; else xargs -0 "${with[@]}"; fi
}
