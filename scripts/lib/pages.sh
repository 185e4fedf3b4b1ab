# shellcheck shell=bash
# The web pages for the scripts. Sourced after common.sh and node.sh, never run.

# Vite 8 needs it. Debian 13 and Ubuntu 25.04 have it; Debian 12 does not.
PAGES_NODE_OLDEST=20.19

pages_node_fits() {
  node_fits && at_least "$(node --version | tr -d v)" "$PAGES_NODE_OLDEST"
}

# Whether anything that the pages are made of is newer than they are.
pages_stale() {
  [ ! -f test-ui/dist/index.html ] ||
    [ -n "$(find test-ui clients/typescript \( -name node_modules -o -name 'dist*' \) -prune -o \
      -type f -newer test-ui/dist/index.html -print -quit)" ]
}

# Builds the pages into test-ui/dist. They take the client from its source, which needs no build.
build_pages() {
  npm_install test-ui
  npm --prefix test-ui run build
}
