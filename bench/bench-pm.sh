#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# 2,000 MPTCP connections opened and closed at a steady rate, the path manager `fullmesh` at both ends of mesh-2x2 (four subflows each).
# What must hold: no connection without its subflows, nothing left in the maps. Reported: the CPU of the daemons, and how long a
# command takes from the decision in the kernel to the SYN.
#   COUNT=2000 RATE=200 LIFE_MS=2000 bench/bench-pm.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export O=${O:-build} COUNT=${COUNT:-2000} RATE=${RATE:-200} LIFE_MS=${LIFE_MS:-2000}
if [ "${1:-}" != inside ]; then
    set=()
    for l in c1 c2 s1 s2; do set+=(--set "$l.rate=unlimited" --set "$l.delay=0ms"); done
    exec "$O/extcp" shell mesh-2x2 client "${set[@]}" -- bash "$PWD/bench/bench-pm.sh" inside
fi
# shellcheck source=tests/netns/pm.sh
. tests/netns/pm.sh
trap 'rm -rf "$PM_DIR"' EXIT
# The load is IPv4 over four paths; 4 + 4 addresses of both families would make it eight.
pm_start client client --policy fullmesh --family 4 --quiet
pm_start server server --policy fullmesh --family 4 --quiet
to=$(address server 4 1)
become server "$O/bench/bench_pm" server 0.0.0.0 7000 >"$PM_DIR/echo.out" &
echo=$!
wait_until 10 grep -q ready "$PM_DIR/echo.out"
status=0
on client "$O/bench/bench_pm" client "$to" 7000 "$COUNT" "$RATE" "$LIFE_MS" 4 | tee "$PM_DIR/load.out" || status=1
# Closed connections stay a moment (TIME-WAIT is none of the path manager's business, FINs are).
left() { [ -z "$(on client ss -tnH state established state fin-wait-1 state fin-wait-2 state last-ack state closing state close-wait)" ]; }
wait_until 30 left || status=1
kill $echo && { wait $echo || true; }
pm_stop client || status=1
pm_stop server || status=1
load() { awk -v m="$1" '$2 == m { print $4 }' "$PM_DIR/load.out"; }
for side in client server; do
    awk -v side=$side -v n="$COUNT" '
        $1 == "extcp-metric" { v[$2] = $4 }
        END {
            printf "%s: %d connections, %d subflows, %d commands (%d failed, %d tried again), left in the maps: %d and %d\n", side, v["connections"],
                v["subflows_established"], v["executed"], v["failed"], v["retried"], v["left_connections"], v["left_subflows"]
            cpu = v["cpu_user_s"] + v["cpu_system_s"]
            printf "%s: the daemon took %.3f s of CPU in %.1f s (%.1f %%), %.0f us a connection\n", side, cpu, v["managed_s"], 100 * cpu / v["managed_s"], 1e6 * cpu / n
            if ("syn_median" in v)
                printf "%s: decision to daemon %.0f us (p99 %.0f), to SYN %.0f us (p99 %.0f), to answer %.0f us (p99 %.0f)\n", side, 1e6 * v["wake_median"], 1e6 * v["wake_p99"],
                    1e6 * v["syn_median"], 1e6 * v["syn_p99"], 1e6 * v["done_median"], 1e6 * v["done_p99"]
        }' "$PM_DIR/$side.out"
    [ "$(metric $side left_connections) $(metric $side left_subflows)" = "0 0" ] || { echo "FAIL: something is left in the maps of $side"; status=1; }
    [ "$(metric $side no_room) $(metric $side overruns)" = "0 0" ] || { echo "FAIL: $side had no room, or lost events"; status=1; }
done
[ "$(load without_subflows)" = 0 ] || { echo "FAIL: $(load without_subflows) connections without their subflows"; status=1; }
[ "$status" = 0 ] && echo "pass: $(load opened) connections, each with its 4 subflows"
exit $status
