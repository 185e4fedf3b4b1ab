# shellcheck shell=bash
# The web pages for the scripts. Source this file after common.sh and node.sh; do not run it.

# Vite 8 needs this version. Debian 13 and Ubuntu 25.04 have it; Debian 12 does not.
PAGES_NODE_OLDEST=20.19

pages_node_fits() {
  node_fits && at_least "$(node --version | tr -d v)" "$PAGES_NODE_OLDEST"
}

# Succeeds if a source of the pages is newer than the built pages.
pages_stale() {
  [ ! -f test-ui/dist/index.html ] ||
    [ -n "$(find test-ui clients/typescript \( -name node_modules -o -name 'dist*' \) -prune -o \
      -type f -newer test-ui/dist/index.html -print -quit)" ]
}

# Builds the pages into test-ui/dist. The pages import the client's source, so the client needs no build.
build_pages() {
  npm_install test-ui
  npm --prefix test-ui run build
}
