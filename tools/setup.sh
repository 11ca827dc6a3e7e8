#!/bin/sh
# Installs what a build or a test needs and this machine lacks, into a cache folder of the user's, so that a second
# clone finds it there. Each tool is made in a scratch folder and then moved into place: what is there is whole.
#   tools/setup.sh build        what `make build` and `make serve` need
#   tools/setup.sh test         that, and Chromium
#   tools/setup.sh lighthouse   that, and Lighthouse
#   tools/setup.sh path         prints what to put in front of PATH
set -eu

repo=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$repo"
. tools/versions.env
channel=$(sed -n 's/^channel *= *"\(.*\)".*/\1/p' rust-toolchain.toml)
cache=${PETADAY_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/petaday}
trunk_dir=$cache/trunk-$TRUNK
bindgen_dir=$cache/wasm-bindgen-cli-$WASM_BINDGEN
target=wasm32-unknown-unknown
did=

say() { printf 'setup: %s\n' "$*"; }
doing() { did=yes; say "$@"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

scratch=
trap 'if [ -n "$scratch" ]; then rm -rf "$scratch"; fi' EXIT
trap 'exit 130' INT TERM HUP
new_scratch() {
    if [ -n "$scratch" ]; then rm -rf "$scratch"; fi
    mkdir -p "$cache"
    scratch=$(mktemp -d "$cache/tmp.XXXXXX")
}
# place FROM TO: another run may have put the same thing there meanwhile; then its copy is as good.
place() {
    if [ -e "$2" ]; then rm -rf "$1"; else mv "$1" "$2"; fi
}

sha256() {
    if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

needs() {
    have cargo && have rustup || fail "needs rustup and cargo: see https://rustup.rs"
    have node && have npm || fail "needs node 20 or newer, with npm: see https://nodejs.org, or your system's package nodejs"
    node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || fail "needs node 20 or newer, and this is $(node --version)"
    locked=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/version = |"/, ""); print }' Cargo.lock)
    [ "$locked" = "$WASM_BINDGEN" ] ||
        fail "Cargo.lock has wasm-bindgen $locked and tools/versions.env $WASM_BINDGEN: make them equal, in Trunk.toml too"
}

rust() {
    # Called by name: rustup may be set never to install a toolchain by itself.
    if ! rustup run "$channel" rustc --version >/dev/null 2>&1; then
        doing "installing Rust $channel (about a minute)"
        rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy --target $target
    fi
    if ! rustup target list --toolchain "$channel" --installed | grep -qx $target; then
        doing "adding $target to Rust $channel (seconds)"
        rustup target add --toolchain "$channel" $target
    fi
    for component in rustfmt clippy; do
        if ! rustup component list --toolchain "$channel" --installed | grep -q "^$component"; then
            doing "adding $component to Rust $channel (seconds)"
            rustup component add --toolchain "$channel" $component
        fi
    done
    case $(cargo --version 2>&1) in
        "cargo $channel"*) ;;
        *) fail "the cargo at $(command -v cargo) is not rustup's (it is not $channel): put ~/.cargo/bin first in PATH" ;;
    esac
}

download() { # URL FILE: gives up soon, since there is another way
    curl --fail --silent --location --connect-timeout 10 --speed-limit 1000 --speed-time 10 --output "$2" "$1" 2>/dev/null
}

# prebuilt NAME URL CHECKSUM-URL: the program NAME out of a release archive, into $scratch/install/bin.
prebuilt() {
    have curl && have tar || return 1
    download "$2" "$scratch/archive" || return 1
    if download "$3" "$scratch/sum"; then
        [ "$(cut -d ' ' -f 1 "$scratch/sum" | head -n 1)" = "$(sha256 "$scratch/archive")" ] ||
            fail "$2 does not match its checksum: not using it"
    fi
    mkdir -p "$scratch/unpacked" "$scratch/install/bin"
    tar -xzf "$scratch/archive" -C "$scratch/unpacked" || return 1
    find "$scratch/unpacked" -type f -name "$1" -exec mv {} "$scratch/install/bin/" \;
    # A program that this system can't run (an older C library) is no use: then build it.
    "$scratch/install/bin/$1" --version >/dev/null 2>&1
}

trunk() {
    if [ -x "$trunk_dir/bin/trunk" ]; then return; fi
    doing "fetching Trunk $TRUNK (seconds)"
    new_scratch
    case $(uname -sm) in
        "Linux x86_64") triple=x86_64-unknown-linux-gnu ;;
        "Linux aarch64") triple=aarch64-unknown-linux-gnu ;;
        "Darwin arm64") triple=aarch64-apple-darwin ;;
        "Darwin x86_64") triple=x86_64-apple-darwin ;;
        *) triple= ;;
    esac
    url=https://github.com/trunk-rs/trunk/releases/download/v$TRUNK/trunk-$triple.tar.gz
    if [ -z "$triple" ] || ! prebuilt trunk "$url" "$url.sha256"; then
        say "no prebuilt Trunk to be had: compiling it (once, about 7 minutes on two cores)"
        cargo install trunk --locked --version "$TRUNK" --root "$scratch/install"
    fi
    place "$scratch/install" "$trunk_dir"
}

wasm_bindgen() {
    if [ -x "$bindgen_dir/bin/wasm-bindgen" ]; then return; fi
    doing "fetching wasm-bindgen $WASM_BINDGEN (seconds)"
    new_scratch
    case $(uname -sm) in
        "Linux x86_64") triple=x86_64-unknown-linux-musl ;;
        "Linux aarch64") triple=aarch64-unknown-linux-musl ;;
        "Darwin arm64") triple=aarch64-apple-darwin ;;
        "Darwin x86_64") triple=x86_64-apple-darwin ;;
        *) triple= ;;
    esac
    url=https://github.com/wasm-bindgen/wasm-bindgen/releases/download/$WASM_BINDGEN/wasm-bindgen-$WASM_BINDGEN-$triple.tar.gz
    if [ -z "$triple" ] || ! prebuilt wasm-bindgen "$url" "$url.sha256sum"; then
        say "no prebuilt wasm-bindgen to be had: compiling it (once, about 4 minutes on two cores)"
        # Without --locked: its lock file has named crates that were not published.
        cargo install wasm-bindgen-cli --version "$WASM_BINDGEN" --root "$scratch/install"
    fi
    place "$scratch/install" "$bindgen_dir"
}

# node_packages FOLDER WORDS: what FOLDER's lock file names, kept under that file's hash, and linked to.
node_packages() {
    kept=$cache/node-$(sha256 "$1/package-lock.json")
    if [ ! -d "$kept/node_modules" ]; then
        doing "installing $2 with npm (under a minute)"
        new_scratch
        mkdir "$scratch/install"
        cp "$1/package.json" "$1/package-lock.json" "$scratch/install/"
        (cd "$scratch/install" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
        place "$scratch/install" "$kept"
    fi
    if [ "$(readlink "$1/node_modules" 2>/dev/null || true)" != "$kept/node_modules" ]; then
        rm -rf "$1/node_modules"
        ln -s "$kept/node_modules" "$1/node_modules"
    fi
}

chromium_found() { # the places that tools/browser.mjs looks in
    if [ -n "${CHROME_PATH:-}" ]; then
        [ -x "$CHROME_PATH" ] || fail "CHROME_PATH names $CHROME_PATH, which is no program"
        return 0
    fi
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if have $name; then return 0; fi
    done
    [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] ||
        [ -x "/Applications/Chromium.app/Contents/MacOS/Chromium" ]
}

install_chromium() {
    if chromium_found; then return; fi
    # Debian's own package; Ubuntu's of that name is a snap, which a container can't install.
    if grep -qx 'ID=debian' /etc/os-release 2>/dev/null; then
        [ "$(id -u)" = 0 ] || fail "no Chromium found. Run: sudo apt-get install -y chromium"
        doing "installing Chromium with apt-get (about half a minute)"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
    elif [ "$(uname -s)" = Darwin ]; then
        fail "no Chrome or Chromium found. Run: brew install --cask google-chrome (or set CHROME_PATH)"
    else
        fail "no Chromium found. Run: sudo apt-get install -y chromium (or your system's like), or set CHROME_PATH"
    fi
}

build() {
    needs
    rust
    node_packages tools "wasm-opt, puppeteer and axe"
    wasm_bindgen
    trunk
}

case ${1:-} in
    path) printf '%s\n' "$trunk_dir/bin:$bindgen_dir/bin:$repo/tools/node_modules/.bin"; exit ;;
    build) build ;;
    test) build; install_chromium ;;
    lighthouse) build; install_chromium; node_packages tools/lighthouse Lighthouse ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
if [ -n "$did" ]; then say "done"; else say "all tools are there"; fi
