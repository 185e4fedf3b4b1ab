# shellcheck shell=bash
# What the scripts share: messages, packages of the system, Rust, child processes. Sourced, never run.

say() { printf '==> %s\n' "$*" >&2 || true; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Is version $1 at least $2?
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# ---- Packages -------------------------------------------------------------------------------------------------------

# Runs a command as root, by sudo where that is needed.
as_root() {
  if [ "$EUID" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The version that apt-get would install of a package, without epoch; empty if it knows none. $2 says what for.
apt_candidate() {
  command -v apt-get >/dev/null ||
    die "$2 is missing, and so is apt-get to install it with. Install it in your system's own way, then run this again."
  # Asks for sudo's password here, if it wants one, where the output is not hidden.
  as_root true ||
    die "$2 is missing, and installing it takes root or sudo. Run this once as root, or have $1 installed, then run this again."
  say "Looking for $2 with apt-get"
  # A third-party repository that does not answer must not be in the way of the distribution's own.
  as_root apt-get -qq update >/dev/null || say "apt-get update reports an error (above); trying on"
  apt-cache policy "$1" | sed -nE 's/^ *Candidate: ([0-9]+:)?([0-9].*)/\2/p'
}

# Installs packages. The long output of apt-get is of interest only if it fails.
apt_install() {
  local log status=0
  say "Installing $* with apt-get"
  log=$(mktemp)
  # A fresh cloud machine often runs its own upgrades at first: wait for their lock.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
    install "$@" >"$log" 2>&1 || status=$?
  [ "$status" = 0 ] || tail -n 20 "$log" >&2
  rm -f "$log"
  [ "$status" = 0 ] || die "apt-get could not install $*; what it said is above."
}

# ---- Rust -----------------------------------------------------------------------------------------------------------

# Makes sure that cargo, a compiler new enough for Cargo.toml, and one of C are there.
need_rust() {
  local wanted found
  # rustup extends the PATH of login shells only.
  command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  command -v cargo >/dev/null || die "Rust is missing: install it as https://rustup.rs says, then run this again."
  wanted=$(sed -nE 's/^rust-version = "(.*)"/\1/p' Cargo.toml | head -n 1)
  found=$(rustc --version | cut -d ' ' -f 2)
  at_least "$found" "$wanted" || die "This needs Rust $wanted or newer, and found $found: run \`rustup update\`, then this again."
  # The allocator is C, and is built with make.
  if ! command -v cc >/dev/null || ! command -v make >/dev/null; then
    apt_candidate gcc "a C compiler, which Rust needs," >/dev/null
    apt_install gcc libc6-dev make
  fi
}

# Where cargo builds to, whether by default, by CARGO_TARGET_DIR or by a configuration file.
target_dir() {
  cargo metadata --locked --no-deps --format-version 1 | sed -E 's/.*"target_directory":"([^"]*)".*/\1/'
}

# ---- Child processes ------------------------------------------------------------------------------------------------

# Long work runs in the background, in a process group of its own (that is what `set -m` does): the shell then answers
# a signal at once instead of at the end of the work, and can stop the whole group by its id. As a group apart it does
# not get the terminal's Ctrl-C itself, so that the order of stopping is ours.
child=

start_child() {
  set -m
  # Descriptor 9 is the lock of scripts/run: who outlives the script must not hold it.
  "$@" </dev/null 9>&- &
  child=$!
  set +m
}

# Waits for the child; its status is the result.
wait_child() {
  local status=0
  wait "$child" || status=$?
  child=
  return "$status"
}

# Ends the child's group, if one is under way: it gets $1 seconds to end by itself.
stop_child() {
  [ -n "$child" ] || return 0
  local group=$child tenths=$(($1 * 10))
  child=
  kill -TERM -- "-$group" 2>/dev/null || return 0
  while kill -0 -- "-$group" 2>/dev/null; do
    if [ "$tenths" = 0 ]; then
      say "Process group $group did not end within $1 s; killing it"
      kill -KILL -- "-$group" 2>/dev/null
      return 0
    fi
    tenths=$((tenths - 1))
    sleep 0.1
  done
}

# Has `$1` run whenever the script ends, however it ends. A signal's exit status is the usual 128 + its number.
at_exit() {
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # Nothing may cut the clean-up short: no second Ctrl-C, no closed terminal, no failed command.
  # shellcheck disable=SC2064  # $1 is meant to be expanded now
  trap "status=\$?; trap '' HUP INT TERM PIPE; set +e; $1; exit \$status" EXIT
}
