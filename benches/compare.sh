#!/usr/bin/env bash
# Measures the figures of benches/README.md against PostgreSQL 15, in one run, and prints the ratios.
#
#   benches/compare.sh [--seconds N] [--memory-mib N] [--only select,insert,tpcb,copy,group,local,memory,idle] [--keep]
#
# It starts PostgreSQL (Debian's package, defaults but for shared_buffers) and target/release/distdb, each in a new folder
# on the same file system and on a loopback port of its own, shows every command and its output, and ends both.
# Both are up all the time; only one is asked at a time. Durability is on: synchronous_commit, fsync; distdb knows no other way.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=30 memory_mib=1024 only=select,insert,tpcb,copy,group,local,memory,idle keep=
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=$2; shift 2 ;;
    --memory-mib) memory_mib=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done

bin=/usr/lib/postgresql/15/bin
distdb=${DISTDB_BIN:-target/release/distdb}
[ -x $bin/postgres ] || { echo "PostgreSQL 15 is missing: apt-get install postgresql-15"; exit 1; }
[ -x $distdb ] || { echo "build first: cargo build --release --workspace"; exit 1; }
export PATH=$bin:$PATH PGOPTIONS=
work=$(mktemp -d "${BENCH_DIR:-/var/tmp}/distdb-bench.XXXXXX")
chmod 755 "$work"
results=$work/results.txt node=
: > "$results"

# PostgreSQL refuses to run as root.
as_postgres() { if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

finish() {
  stop_distdb || true
  as_postgres $bin/pg_ctl -D "$work/postgres/data" -m fast stop > /dev/null 2>&1 || true
  if [ -n "$keep" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap finish EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
show() { printf '+ %s\n' "$*" >&2; "$@"; }
want() { [[ ,$only, == *,$1,* ]]; }
title() { printf '\n=== %s\n' "$*"; }
# note FIGURE POSTGRESQL DISTDB UNIT WANTED: WANTED is a ratio such as 2x, a bound such as '<640', or '>1000000'.
note() { printf '%s|%s|%s|%s|%s\n' "$@" >> "$results"; }

start_postgres() {
  pg_port=$(free_port)
  mkdir "$work/postgres"
  [ "$(id -u)" -ne 0 ] || chown postgres "$work/postgres"
  show as_postgres $bin/initdb -D "$work/postgres/data" -U postgres -A trust --locale=C --encoding=UTF8 > "$work/initdb.log"
  show as_postgres $bin/pg_ctl -D "$work/postgres/data" -l "$work/postgres/log" -w \
    -o "-p $pg_port -h 127.0.0.1 -k $work/postgres -c shared_buffers=${memory_mib}MB" start
  show createdb -h 127.0.0.1 -p "$pg_port" -U postgres distdb
}

# start_distdb FOLDER MEMORY_MIB
start_distdb() {
  dd_port=$(free_port) http_port=$(free_port)
  printf '+ %s\n' "$distdb start --data-dir $1 --memory ${2}MiB --pg-port $dd_port --http-port $http_port --log warn &" >&2
  $distdb start --data-dir "$1" --memory "${2}MiB" --pg-port "$dd_port" --http-port "$http_port" --port 25000 --log warn > "$1.log" 2>&1 &
  node=$!
  for _ in $(seq 150); do
    if $distdb status --http-port "$http_port" > /dev/null 2>&1; then return; fi
    kill -0 "$node" 2> /dev/null || break
    sleep 0.2
  done
  echo "distdb did not start:"; cat "$1.log"; exit 1
}

stop_distdb() {
  [ -n "$node" ] || return 0
  kill -TERM "$node" 2> /dev/null || true
  wait "$node" || echo "distdb ended with $?"
  node=
}

# both COMMAND...: runs it with PGHOST, PGPORT and so on set for PostgreSQL, then for distdb; leaves $theirs and $ours.
both() {
  export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=distdb
  echo "-- PostgreSQL"; PGPORT=$pg_port "$@" | tee "$work/theirs"; theirs=$(tail -n 1 "$work/theirs")
  echo "-- distdb"; PGPORT=$dd_port "$@" | tee "$work/ours"; ours=$(tail -n 1 "$work/ours")
}
quietly() { PGPORT=$1 PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=distdb "${@:2}"; }

# Each of these prints its figure on the last line.
tps() { show pgbench "$@" > "$work/pgbench" 2>&1 || { cat "$work/pgbench"; echo 0; return; }
  grep -vE '^(pgbench \(|progress|starting|transaction type|scaling|query mode|number of clients|number of threads|maximum)' "$work/pgbench" || true
  sed -nE 's/^tps = ([0-9.]+).*/\1/p' "$work/pgbench"; }
latency_ms() { printf "+ pgbench %s\n" "$*"; pgbench "$@" > "$work/pgbench" 2>&1 || { cat "$work/pgbench"; echo 0; return; }
  sed -nE 's/^latency average = ([0-9.]+) ms.*/\1/p' "$work/pgbench"; }
timed() { local begin end; begin=$(date +%s.%N); show "$@"; end=$(date +%s.%N); awk -v b="$begin" -v e="$end" 'BEGIN {printf "%.3f\n", e - b}'; }
sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

prepare_pgbench() {
  title "pgbench tables, scale 10"
  both timed pgbench -q -i -s 10
}

bench_select() {
  title "point reads: pgbench -S, prepared, 16 clients"
  both tps -n -S -M prepared -c 16 -j 2 -T "$seconds"
  note "point reads (pgbench -S)" "$theirs" "$ours" "tps" 2x
}

bench_tpcb() {
  title "TPC-B-like: pgbench, prepared, 16 clients"
  both tps -n -M prepared -c 16 -j 2 -T "$seconds" --max-tries=1000
  note "TPC-B-like (pgbench)" "$theirs" "$ours" "tps" 1x
}

bench_insert() {
  title "durable single-row INSERT, prepared, 64 clients"
  both sql -c "DROP TABLE IF EXISTS bench_insert" -c "CREATE TABLE bench_insert (id bigint PRIMARY KEY, value text NOT NULL)"
  both tps -n -f benches/insert.sql -M prepared -c 64 -j 2 -T "$seconds"
  note "durable INSERT, 64 clients" "$theirs" "$ours" "tps" 2x
}

make_rows() {
  [ -e "$work/rows.tsv" ] || awk 'BEGIN { srand(1); t = "the quick brown fox jumps over the lazy dog";
    for (i = 1; i <= 1000000; i++) printf "%d\t%d\t%d\t%d\t%s %d\n", i, int(rand() * 1000), int(rand() * 2e9), i % 100, t, i }' > "$work/rows.tsv"
}

bench_copy() {
  title "bulk load: COPY of 1 000 000 rows, committed (and so synced) at the end"
  make_rows
  both sql -c "DROP TABLE IF EXISTS bench_rows" \
    -c "CREATE TABLE bench_rows (id bigint PRIMARY KEY, a integer NOT NULL, b bigint NOT NULL, c integer NOT NULL, t text NOT NULL)"
  both timed psql -X -q -v ON_ERROR_STOP=1 -c "\\copy bench_rows FROM '$work/rows.tsv'"
  note "COPY of 1 M rows" "$(awk -v s="$theirs" 'BEGIN {printf "%.0f", 1e6 / s}')" "$(awk -v s="$ours" 'BEGIN {printf "%.0f", 1e6 / s}')" "rows/s" 1.5x
}

bench_group() {
  title "GROUP BY over 1 000 000 rows"
  both sql -c "VACUUM ANALYZE bench_rows" -c "SELECT count(*), sum(a), max(b) FROM bench_rows"
  both latency_ms -n -f benches/group.sql -M prepared -c 1 -j 1 -t 20
  note "GROUP BY over 1 M rows" "$(awk -v s="$theirs" 'BEGIN {printf "%.3f", 1000 / s}')" "$(awk -v s="$ours" 'BEGIN {printf "%.3f", 1000 / s}')" "queries/s" 3x
}

bench_local() {
  title "shard-local point get of a hot key, through the library"
  show cargo bench --quiet --bench local 2>&1 | tee "$work/local" || true
  note "shard-local get, per core" - "$(sed -nE 's/^.*get.* ([0-9]+)\/s.*$/\1/p' "$work/local" | head -1)" "gets/s" ">1000000"
}

bench_idle() {
  title "idle node"
  local before after ticks
  ticks=$(getconf CLK_TCK)
  # What the load has left to do: compaction, and statistics of tables that have changed, which come within a minute.
  sleep 90
  before=$(awk '{print $14 + $15}' "/proc/$node/stat"); sleep 30; after=$(awk '{print $14 + $15}' "/proc/$node/stat")
  note "idle node" - "$(awk -v t="$((after - before))" -v c="$ticks" 'BEGIN {printf "%.2f", t / c / 30 * 100}')" "% of a core" "<1"
}

bench_memory() {
  title "memory: 5 000 000 rows of 200 bytes with --memory 512MiB"
  stop_distdb
  mkdir -p "$work/small"
  start_distdb "$work/small/data" 512
  quietly "$dd_port" sql -c "CREATE TABLE bench_memory (id bigint PRIMARY KEY, value text NOT NULL)"
  local value; value=$(printf 'x%.0s' $(seq 200))
  printf '+ %s\n' "awk (5 000 000 rows) | psql -c 'COPY bench_memory FROM STDIN'" >&2
  awk -v v="$value" 'BEGIN { for (i = 1; i <= 5000000; i++) print i "\t" v }' | quietly "$dd_port" sql -c "COPY bench_memory FROM STDIN"
  quietly "$dd_port" sql -c "SELECT count(*) FROM bench_memory"
  grep -E 'VmHWM|VmRSS' "/proc/$node/status"
  note "resident with --memory 512MiB" - "$(awk '/VmHWM/ {printf "%.0f", $2 / 1024}' "/proc/$node/status")" "MiB" "<640"
}

print_table() {
  title "$(nproc) cores, $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), ${memory_mib} MiB each, ${seconds} s a run, $($bin/postgres --version), $($distdb version)"
  awk -F'|' '
    BEGIN { printf "%-30s %14s %14s  %-12s %7s  %-9s %s\n", "", "PostgreSQL", "distdb", "", "ratio", "wanted", "" }
    function number(x) { return x == "-" || x == "" ? x : (x >= 100 ? sprintf("%.0f", x) : sprintf("%.2f", x)) }
    { ratio = ($2 + 0 > 0 && $3 + 0 > 0) ? $3 / $2 : 0; bound = substr($5, 2) + 0
      met = ($5 ~ /x$/) ? ratio >= $5 + 0 : ($5 ~ /^</) ? ($3 != "" && $3 + 0 < bound) : $3 + 0 > bound
      printf "%-30s %14s %14s  %-12s %7s  %-9s %s\n", $1, number($2), number($3), $4, ratio ? sprintf("%.2f", ratio) : "", $5, met ? "met" : "MISSED" }' "$results"
}

start_postgres
start_distdb "$work/data" "$memory_mib"
if want select || want tpcb; then prepare_pgbench; fi
if want select; then bench_select; fi
if want tpcb; then bench_tpcb; fi
if want insert; then bench_insert; fi
if want copy || want group; then bench_copy; fi
if want group; then bench_group; fi
if want idle; then bench_idle; fi
if want memory; then bench_memory; fi
stop_distdb
if want local; then bench_local; fi
print_table
