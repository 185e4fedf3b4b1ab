# shellcheck shell=bash
# Shared by the scripts: messages, system packages, Rust, child processes. Source this file; do not run it.

say() { printf '==> %s\n' "$*" >&2 || true; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Succeeds if version $1 is at least $2.
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# ---- Packages -------------------------------------------------------------------------------------------------------

# Runs a command as root, with sudo if necessary.
as_root() {
  if [ "$EUID" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Succeeds if apt-get can be used: the system has it, and the user is root or may use sudo.
apt_usable() {
  command -v apt-get >/dev/null || return 1
  [ "$EUID" = 0 ] || { command -v sudo >/dev/null && sudo true; }
}

# Prints the version of package $1 that apt-get would install, without its epoch, or nothing if there is no such package.
# $2 describes the package in messages.
apt_candidate() {
  command -v apt-get >/dev/null ||
    die "$2 is missing, and this system has no apt-get. Install $1 with your system's package manager, then run this again."
  # sudo asks for the password here, where its prompt is visible.
  as_root true ||
    die "$2 is missing, and installing it needs root or sudo. Run this once as root, or ask for $1 to be installed."
  say "Looking for $2 with apt-get"
  # A third-party repository that does not answer must not block the distribution's own.
  as_root apt-get -qq update >/dev/null || say "apt-get update reports an error (above); continuing"
  apt_offered "$1"
}

# Prints the same version as the package lists of this machine have it.
apt_offered() { apt-cache policy "$1" | sed -nE 's/^ *Candidate: ([0-9]+:)?([0-9].*)/\2/p'; }

# Installs packages. Shows the output of apt-get only on failure.
apt_install() {
  local log status=0
  say "Installing $* with apt-get"
  log=$(mktemp)
  # A new cloud machine often upgrades itself at first and holds the lock.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
    install "$@" >"$log" 2>&1 || status=$?
  [ "$status" = 0 ] || tail -n 20 "$log" >&2
  rm -f "$log"
  [ "$status" = 0 ] || die "apt-get could not install $*; its output is above."
}

# ---- Rust -----------------------------------------------------------------------------------------------------------

# Makes sure that cargo, a C compiler, and a Rust compiler that is new enough for Cargo.toml are installed.
need_rust() {
  local wanted found
  # rustup extends the PATH of login shells only.
  command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  command -v cargo >/dev/null || die "Rust is missing. Install it as https://rustup.rs describes, then run this again."
  wanted=$(sed -nE 's/^rust-version = "(.*)"/\1/p' Cargo.toml | head -n 1)
  found=$(rust_version)
  at_least "$found" "$wanted" ||
    die "SyncScript needs Rust $wanted or newer, and this is Rust $found. Run \`rustup update\`, then run this again."
  # The allocator is written in C and built with make.
  if ! command -v cc >/dev/null || ! command -v make >/dev/null; then
    apt_candidate gcc "a C compiler, which Rust needs," >/dev/null
    apt_install gcc libc6-dev make
  fi
}

# The file that records the instruction counts of the hot paths, and the Rust compiler that they belong to.
INSTRUCTIONS=outbox-worker/benches/instructions.txt

rust_version() { rustc --version | cut -d ' ' -f 2; }
rust_recorded() { sed -n 's/^compiler //p' "$INSTRUCTIONS"; }

# Selects the recorded compiler for this process and its children, and installs it with rustup if another one is the
# default. A rust-toolchain.toml would name one for every developer, and fail where rustup may install nothing.
pin_rust() {
  local wanted
  wanted=$(rust_recorded)
  [ "$(rust_version)" != "$wanted" ] || return 0
  command -v rustup >/dev/null || return 1
  say "Installing Rust $wanted, which the instruction counts were recorded with"
  rustup toolchain install "$wanted" --profile minimal --component clippy --component rustfmt || return 1
  export RUSTUP_TOOLCHAIN=$wanted
}

# Prints the directory that cargo builds to: the default, CARGO_TARGET_DIR, or the one of a configuration file.
target_dir() {
  cargo metadata --locked --no-deps --format-version 1 | sed -E 's/.*"target_directory":"([^"]*)".*/\1/'
}

# Exports SYNCSCRIPT_COMMIT, which the programs report as their commit, unless the caller has set it. Only the workspace's
# own checkout counts, not a repository that contains it.
export_commit() {
  if [ -z "${SYNCSCRIPT_COMMIT:-}" ] && [ -e .git ]; then
    SYNCSCRIPT_COMMIT=$(git rev-parse --verify --quiet HEAD 2>/dev/null) || true
  fi
  export SYNCSCRIPT_COMMIT
}

# ---- Child processes ------------------------------------------------------------------------------------------------

# Long work runs in the background, in its own process group (`set -m`). The shell can then react to a signal at once and
# stop the whole group by its id. A separate group does not receive the terminal's Ctrl-C, so the script decides in which
# order its processes stop.
child=

start_child() {
  set -m
  # Descriptor 9 is the lock of scripts/run: a process that outlives the script must not hold it.
  "$@" </dev/null 9>&- &
  child=$!
  set +m
}

# Waits for the child and returns its status.
wait_child() {
  local status=0
  wait "$child" || status=$?
  child=
  return "$status"
}

# Runs a command as the child and waits for it: bash does not handle a signal while a foreground command runs.
in_child() {
  start_child "$@"
  wait_child
}

# Stops the child's group, if there is one, and kills it after $1 seconds.
stop_child() {
  [ -n "$child" ] || return 0
  local group=$child tenths=$(($1 * 10))
  child=
  kill -TERM -- "-$group" 2>/dev/null || return 0
  while kill -0 -- "-$group" 2>/dev/null; do
    if [ "$tenths" = 0 ]; then
      say "Process group $group did not stop within $1 s; killing it"
      kill -KILL -- "-$group" 2>/dev/null
      return 0
    fi
    tenths=$((tenths - 1))
    sleep 0.1
  done
}

# Runs `$1` when the script ends, for whatever reason. After a signal, the exit status is 128 plus the signal's number.
at_exit() {
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # Nothing may interrupt the clean-up: no second Ctrl-C, no closed terminal, no failed command.
  # shellcheck disable=SC2064  # $1 is meant to be expanded now
  trap "status=\$?; trap '' HUP INT TERM PIPE; set +e; $1; exit \$status" EXIT
}
