# shellcheck shell=bash
# Node.js for the scripts. Source this file after common.sh; do not run it.

# The oldest version whose test runner can run the tests. Debian 12 and Ubuntu 24.04 have it.
NODE_OLDEST=18.19

node_fits() {
  command -v node >/dev/null && command -v npm >/dev/null && at_least "$(node --version | tr -d v)" "$NODE_OLDEST"
}

# Makes sure that Node.js and npm are installed.
need_node() {
  local offered
  ! node_fits || return 0
  offered=$(apt_candidate nodejs "Node.js $NODE_OLDEST or newer, with npm,")
  at_least "${offered:-0}" "$NODE_OLDEST" ||
    die "The tests need Node.js $NODE_OLDEST or newer, and this system's packages offer ${offered:-none}. Install Node.js" \
      "from https://nodejs.org, then run this again."
  # The packages of nodejs.org's repository include npm and conflict with Debian's npm.
  apt_install nodejs
  command -v npm >/dev/null || apt_install npm
  hash -r
  node_fits ||
    die "The tests need Node.js $NODE_OLDEST or newer with npm. The first on the PATH is $(node --version) at $(command -v node)."
}

# Installs the locked dependencies of the package in directory $1, unless they are installed and up to date.
npm_install() {
  [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] ||
    npm --prefix "$1" ci --no-audit --no-fund
}
