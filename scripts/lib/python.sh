# shellcheck shell=bash
# Python for the scripts. Source this file after common.sh; do not run it.

# The oldest version that the tests' dependencies support.
PYTHON_OLDEST=3.10

python_fits() {
  command -v python3 >/dev/null &&
    at_least "$(python3 -c 'import platform; print(platform.python_version())')" "$PYTHON_OLDEST"
}

# Creates a virtual environment in directory $1 with the packages that file $2 lists, unless it exists and is up to date.
# Fails with a message if the system or the network does not allow it.
python_venv() {
  if [ "$1/.made" -nt "$2" ]; then return 0; fi
  rm -rf "$1"
  if ! python_fits || ! python3 -c 'import ensurepip' 2>/dev/null; then
    # In a subshell, because apt_candidate and apt_install exit on failure.
    (
      apt_candidate python3-venv "Python $PYTHON_OLDEST or newer, with venv," >/dev/null
      apt_install python3-venv
    ) || true
    hash -r
    python_fits || return 1
  fi
  say "Creating a Python environment in $1"
  python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2" || return 1
  touch "$1/.made"
}
