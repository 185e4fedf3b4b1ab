# shellcheck shell=bash
# Python for the scripts. Sourced after common.sh, never run.

# The oldest that what the tests use takes.
PYTHON_OLDEST=3.10

python_fits() {
  command -v python3 >/dev/null &&
    at_least "$(python3 -c 'import platform; print(platform.python_version())')" "$PYTHON_OLDEST"
}

# Makes the environment in directory $1 with what the file $2 lists, unless that was done since the file last changed.
# Fails, having said why, where the system or the network does not allow it.
python_venv() {
  if [ "$1/.made" -nt "$2" ]; then return 0; fi
  rm -rf "$1"
  if ! python_fits || ! python3 -c 'import ensurepip' 2>/dev/null; then
    # In a shell of its own: it gives up by ending it.
    (
      apt_candidate python3-venv "Python $PYTHON_OLDEST or newer, with venv," >/dev/null
      apt_install python3-venv
    ) || true
    hash -r
    python_fits || return 1
  fi
  say "Making a Python environment in $1"
  python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2" || return 1
  touch "$1/.made"
}
