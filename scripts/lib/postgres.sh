# shellcheck shell=bash
# PostgreSQL for the scripts: find or install it, and run a private cluster. Sourced after common.sh, never run.
#
# A private cluster listens on 127.0.0.1 alone, on a port of its own, and wants a generated password (scram): other users
# of the machine can reach the port but not log in. It has no Unix socket, whose path may be no longer than 107 bytes.
# Layout of its directory: data/, log, password and url (both for the owner's eyes only).

PG_OLDEST=15

# Set by need_postgres: the directory of initdb, pg_ctl and postgres.
pg_bin=
# Set by cluster_home: who runs PostgreSQL. Empty for whoever runs the script; never root, as PostgreSQL refuses root.
pg_user=

# ---- Programs -------------------------------------------------------------------------------------------------------

pg_major() { "$1/postgres" --version | sed -E 's/.* ([0-9]+).*/\1/'; }

# Prints the directory of the newest PostgreSQL that is new enough; of major version $1, unless that is `any`.
find_postgres() {
  local dir major best='' best_major=$((PG_OLDEST - 1))
  for dir in "$(dirname "$(readlink -f "$(command -v postgres || echo /)")")" /usr/lib/postgresql/*/bin; do
    if ! [ -x "$dir/postgres" ] || ! [ -x "$dir/initdb" ] || ! [ -x "$dir/pg_ctl" ]; then continue; fi
    major=$(pg_major "$dir")
    if [ "$1" != any ] && [ "$1" != "$major" ]; then continue; fi
    if [ "$major" -gt "$best_major" ]; then best=$dir best_major=$major; fi
  done
  [ -n "$best" ] && printf '%s\n' "$best"
}

# Sets pg_bin; installs PostgreSQL if there is none.
need_postgres() {
  local offered
  pg_bin=$(find_postgres any || true)
  [ -z "$pg_bin" ] || return 0
  offered=$(apt_candidate postgresql "PostgreSQL $PG_OLDEST or newer")
  at_least "${offered:-0}" "$PG_OLDEST" ||
    die "SyncScript needs PostgreSQL $PG_OLDEST or newer, and this system's packages offer ${offered:-none}. Add the" \
      "repository of the PostgreSQL project (https://wiki.postgresql.org/wiki/Apt), or set DATABASE_URL to a server" \
      "that you have, then run this again."
  apt_install postgresql
  pg_bin=$(find_postgres any) || die "PostgreSQL is installed, but not where expected: put its initdb and pg_ctl on the PATH."
}

# ---- Whose processes, and where -------------------------------------------------------------------------------------

# Runs a command as the user who runs PostgreSQL, from a directory that every user can enter.
as_pg() (
  cd /
  exec 9>&-
  [ -n "$pg_user" ] || exec "$@"
  exec setpriv --reuid="$pg_user" --regid="$(id -g "$pg_user")" --init-groups "$@"
)

# Gives a file of the cluster to that user.
own() { [ -z "$pg_user" ] || chown "$pg_user:" "$1"; }

# Makes the directory $1 fit for a cluster and sets pg_user. Fails if the user cannot reach it.
cluster_home() {
  pg_user=
  mkdir -p "$1" || die "cannot make the directory $1."
  if [ "$EUID" = 0 ]; then
    # An existing cluster belongs to someone; otherwise the user that PostgreSQL's packages bring along is the best one.
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
    die "$1 belongs to $(stat -Lc %U "$1"): run this as that user, or remove the directory."
  fi
  chmod 700 "$1"
  as_pg test -w "$1/."
}

# ---- Clusters -------------------------------------------------------------------------------------------------------

# Makes the cluster of directory $1 unless it is there; further arguments go to initdb.
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
  # Made under another name first: an interrupted start leaves no half cluster that the next one would take for whole.
  as_pg rm -rf "$dir/data.new"
  output=$(as_pg "$pg_bin/initdb" -D "$dir/data.new" -U syncscript --pwfile="$dir/password" --auth-local=reject \
    --auth-host=scram-sha-256 -E UTF8 --locale="$locale" "$@" 2>&1) || die "initdb failed: $output"
  output=$(echo 'CREATE DATABASE syncscript' |
    as_pg "$pg_bin/postgres" --single -D "$dir/data.new" template1 2>&1) || die "creating the database failed: $output"
  as_pg mv "$dir/data.new" "$dir/data"
}

# The process id that the cluster's pid file names; fails if there is none or no such process.
cluster_claimed_pid() {
  local pid
  { read -r pid <"$1/data/postmaster.pid"; } 2>/dev/null && [ -d "/proc/$pid" ] && printf '%s\n' "$pid"
}

# Is the cluster of directory $1 running? A server's working directory is its data directory, whatever its number.
cluster_running() {
  local pid
  pid=$(cluster_claimed_pid "$1") && [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f "$1/data")" ]
}

# Starts the cluster of directory $1 on the first free port from $2 on, with the settings that follow (name=value), and
# writes its URL to the file `url`.
cluster_start() {
  local dir=$1 port=$2 options setting
  shift 2
  if cluster_running "$dir"; then
    say "Stopping the PostgreSQL that an earlier run left behind"
    cluster_stop "$dir" fast
  elif cluster_claimed_pid "$dir" >/dev/null; then
    # The machine went down, and another process got the number since: PostgreSQL would take that for itself and refuse.
    # In every other case its own judgement of the file is better than ours.
    rm -f "$dir/data/postmaster.pid"
  fi
  for _ in {1..20}; do
    if port_free 127.0.0.1 "$port"; then
      options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories="
      for setting; do options+=" -c $setting"; done
      # One log for each start, so that it cannot grow for ever.
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

# Stops the cluster of directory $1 if it runs; $2 is PostgreSQL's way of stopping: fast, or immediate to throw it away.
cluster_stop() {
  ! cluster_running "$1" || as_pg "$pg_bin/pg_ctl" stop -D "$1/data" -m "$2" -w -t 60 >/dev/null ||
    say "PostgreSQL in $1 did not stop"
}

# Does nobody listen on this address and port?
port_free() { ! (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# A number that is the same for the same text: tells checkouts apart.
key_of() { printf '%s' "$1" | cksum | cut -d ' ' -f 1; }
