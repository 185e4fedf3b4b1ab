# shellcheck shell=bash
# The programs that only the checks need (tools.txt), and the rule that nothing is left out. Source this file after common.sh;
# do not run it.

# Succeeds with CI=true. A check that cannot run is then a failure; elsewhere it is skipped with a notice.
strict() { [ "${CI:-}" = true ]; }

# Leaves out a check that cannot run on this machine, for the reason given: a failure with CI=true, otherwise a notice.
leave_out() {
  if strict; then die "with CI=true nothing may be left out: $*"; fi
  say "SKIPPED: $*"
}

# Succeeds if one of the commands $1 (name|name) can be run. Other users' PATH often lacks the system's programs.
tool_found() {
  local command
  for command in ${1//|/ }; do
    case $command in
      # A module of Python, which Debian packages separately.
      python3-venv) python3 -c 'import ensurepip' </dev/null 2>/dev/null && return 0 ;;
      *) PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null && return 0 ;;
    esac
  done
  return 1
}

# Prints the commands and the package of each missing tool, for the steps and parts given, or for all.
missing_tools() {
  local user commands package
  while read -r user commands package; do
    case $user in "#"* | "") continue ;; esac
    [ $# = 0 ] || [[ " $* " == *" $user "* ]] || continue
    tool_found "$commands" || printf '%s %s\n' "$commands" "$package"
  done <scripts/lib/tools.txt
}

# Installs the missing tools of the steps and parts given, or of all, with one call of apt-get. Exits if any is still missing.
install_tools() {
  local missing package packages=() offered=()
  missing=$(missing_tools "$@")
  [ -n "$missing" ] || return 0
  while read -r _ package; do
    # An installed package whose command is missing would not get the command from an upgrade.
    dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^.i' || packages+=("$package")
  done <<<"$missing"
  if [ ${#packages[@]} -gt 0 ]; then
    apt_candidate "${packages[*]}" "$(cut -d ' ' -f 1 <<<"$missing" | paste -sd ' ')" >/dev/null
    for package in "${packages[@]}"; do
      # An unknown package would keep apt-get from installing the others.
      [ -z "$(apt_offered "$package")" ] || offered+=("$package")
    done
    [ ${#offered[@]} = 0 ] || apt_install "${offered[@]}"
    hash -r
    missing=$(missing_tools "$@")
    [ -n "$missing" ] || return 0
  fi
  die "not on the PATH: $(sed -E 's/(.*) (.*)/\1 (package \2)/' <<<"$missing" | paste -sd , | sed 's/,/, /g')." \
    "Install what is missing, then run this again."
}
