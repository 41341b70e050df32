# shellcheck shell=bash
# Sourced by the scripts in this folder. It sets folders, versions, and a PATH on which cargo-leptos finds sass,
# wasm-opt and wasm-bindgen, which it would download otherwise.

set -eu -o pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=versions.env
. tools/versions.env

# The tools that cargo installs have a folder for each version, because other projects on this machine may need other
# versions, and so that a fresh checkout finds the installed ones.
tools_home=${XDG_CACHE_HOME:-$HOME/.cache}/hardtack/tools
PATH=$tools_home/cargo-leptos-$CARGO_LEPTOS/bin:$tools_home/wasm-bindgen-cli-$WASM_BINDGEN/bin:$PATH
PATH=$tools_home/sslyze-$SSLYZE/bin:$PATH
PATH=$root/tools/node_modules/.bin:$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export PATH

# The browser's program contains the paths of source files in its panics, so the path of the registry is replaced.
# tools/front/cargo and tools/client pass this on as a list in TOML, because cargo's variables are split at blanks,
# which a home folder may contain.
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
registry=${registry//\\/\\\\}
registry=${registry//\"/\\\"}
export FRONT_CONFIG="target.wasm32-unknown-unknown.rustflags=[\"--remap-path-prefix=$registry=crates\"]"

say() { printf '%s\n' "$*" >&2; }

stop() {
    say "$*"
    exit 1
}

# Prints the target directory: CARGO_TARGET_DIR, the one in a configuration file, or ./target.
target_dir() {
    cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

# Prints the SHA-256 of the files named on standard input, separated by NUL, or of standard input with `-`.
digest() {
    local with=(sha256sum)
    command -v sha256sum >/dev/null || with=(shasum -a 256)
    if [ "${1:-}" = - ]; then "${with[@]}"; else xargs -0 "${with[@]}"; fi
}
