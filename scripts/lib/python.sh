# shellcheck shell=bash
# Python for the scripts. Source this file after common.sh and tools.sh; do not run it.

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
  # In a subshell, because install_tools exits on failure.
  (install_tools contract) || return 1
  hash -r
  python_fits || return 1
  say "Creating a Python environment in $1"
  python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2" || return 1
  touch "$1/.made"
}
