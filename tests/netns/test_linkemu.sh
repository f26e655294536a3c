#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Emulated links: what TCP gets through them, losses, changes while running, the emulator's death, bad requests.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# experiment NAME: a file with one variant; the rest of it comes from standard input
experiment() {
    { printf 'name: %s\ntitle: "test"\n' "$1" && cat; } >"$TMP/$1.yaml"
}
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" "${@:2}" >"$TMP/out" 2>&1; }
why() { sed 's/^/# /' "$TMP/out"; }
value() { awk -F, -v m="$2" '$4 == m { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
between() { # NAME LOW HIGH VALUE
    if awk -v v="${4:-x}" -v l="$2" -v h="$3" 'BEGIN { exit !(v == v + 0 && v >= l && v <= h) }'; then ok "$1 ($4)"; else not_ok "$1" "expected $2 to $3, found ${4:-nothing}"; fi
}

experiment tcp <<'EOF'
topology: routed
set: [client-r1.rate=50mbit, r1-server.rate=50mbit, client-r1.delay=5ms, r1-server.delay=5ms]
workloads:
  - {name: up, kind: iperf3, from: client, to: server, seconds: 3, congestion: cubic}
  - {name: down, kind: iperf3, from: client, to: server, at: 4, seconds: 3, port: 5202, reverse: yes, congestion: cubic}
variants: [{name: v}]
EOF
run tcp && rc=0 || rc=$?
is "TCP in both directions: the run ends well" 0 "$rc"
[ "$rc" -eq 0 ] || why
between "client to server gets the rate of the link" 43e6 50e6 "$(value tcp up.goodput)"
between "server to client too" 43e6 50e6 "$(value tcp down.goodput)"
cal=$(jq -c '[.repetitions[0].calibration[] | select(.ok) | .forward, .backward | .rate_measured_bps / 1e6, .delay_median_ms] | map(round) | unique' "$TMP/results/tcp/latest/run.json")
is "the emulator has real-time priority where it may have it" "$("$EXTCP" doctor --json | jq 'select(.name == "real-time priority").ok')" \
    "$(jq '.repetitions[0].link_realtime' "$TMP/results/tcp/latest/run.json")"
is "calibration measured 50 Mbit/s and 5 ms everywhere" "[5,50]" "$cal"

experiment lossy <<'EOF'
topology: routed
set: [client-r1.forward.loss=5%, r1-server.backward.loss=10%, r1-server.backward.loss_burst=3]
workloads: [{name: p, kind: command, from: client, seconds: 5, may_fail: yes, command: "ping -q -i 0.002 -c 500 {server} | tee ping.txt; cat ping.txt | sed -nE 's/.* ([0-9]+) received.*/extcp-metric received count \\1/p'"}]
variants: [{name: v}]
EOF
run lossy && rc=0 || rc=$?
is "losses: the run ends well" 0 "$rc"
[ "$rc" -eq 0 ] || why
# 500 * 0.95 * 0.90 = 427, and bursts of three widen it
between "5 % one way and 10 % in bursts the other way" 370 475 "$(value lossy p.received)"
lost=$(jq '[.repetitions[0].links[].lost] | add' "$TMP/results/lossy/latest/run.json")
between "the emulator's counters are in the results" 100 1000 "$lost"

experiment changing <<'EOF'
topology: routed
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 4, rate: 1mbit}]
events:
  - {name: slower, at: 1, link: r1-server, set: [delay=60ms]}
  - {name: dark, at: 2, link: client-r1, direction: forward, set: [loss=100%]}
  - {name: light, at: 2.3, link: client-r1, direction: forward, set: [loss=0%]}
  - {name: unplug, at: 2.6, link: r1-server, state: down}
  - {name: plug, at: 2.9, link: r1-server, state: up}
variants: [{name: v}, {name: v6, family: 6}]
claims: [{name: "it survives", kind: each, metric: s.survived, min: 1, max: 1}]
EOF
run changing && rc=0 || rc=$?
is "delay, loss, unplugging and plugging in while it runs, IPv4 and IPv6" 0 "$rc"
[ "$rc" -eq 0 ] || why
rtts=$(awk -F, '$4 == "s.rtt" && $2 == "v" { if ($5 > 0.5 && $5 < 0.9) a = $6; if ($5 > 1.7 && $5 < 2) b = $6 } END { print (a > 0.039 && a < 0.05) " " (b > 0.130 && b < 0.150) }' "$TMP/results/changing/latest/series.csv")
is "the round trip was 40 ms, then 140 ms" "1 1" "$rtts"

experiment shared <<'EOF'
topology: half-duplex
workloads:
  - {name: up, kind: iperf3, from: client, to: server, seconds: 3, rate: 20mbit}
  - {name: down, kind: iperf3, from: client, to: server, seconds: 3, port: 5202, reverse: yes, rate: 20mbit}
variants: [{name: v}]
EOF
run shared && rc=0 || rc=$?
is "half duplex: the run ends well" 0 "$rc"
[ "$rc" -eq 0 ] || why
between "both directions together get less than the medium" 2.2e6 5.6e6 \
    "$(awk -v a="$(value shared up.goodput)" -v b="$(value shared down.goodput)" 'BEGIN { print a + b }')"

# Packets that went through a shaper in front of the router's other interfaces are seen by captures at the next host.
for t in routed half-duplex; do
    first=client-r1
    [ $t = routed ] || first=medium
    experiment "seen-$t" <<EOF
topology: $t
captures: [{point: "client:$first", filter: tcp}, {point: "server:r1-server", filter: tcp}]
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 0.5, rate: 400kbit}]
variants: [{name: v}, {name: v6, family: 6}]
at_once: 2
checks:
  - {name: "sent", point: "client:$first", from: client, segments: first data, option: timestamps}
  - {name: "received", point: "server:r1-server", from: client, segments: first data, option: timestamps}
  - {name: "answer sent", point: "server:r1-server", from: server, segments: SYN-ACK, option: mss}
  - {name: "answer received", point: "client:$first", from: server, segments: SYN-ACK, option: mss}
EOF
    run "seen-$t" && rc=0 || rc=$?
    is "$t: captures at both ends see both directions" 0 "$rc"
    [ "$rc" -eq 0 ] || why
done

experiment dying <<'EOF'
topology: routed
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 30, rate: 1mbit}]
variants: [{name: v}]
EOF
run dying &
pid=$!
# the emulator of this run and of no other: it has its run's command line
emulator() { pgrep -x extcp-linkemu | while read -r p; do tr '\0' ' ' <"/proc/$p/cmdline" | grep -q "$TMP/dying.yaml" && echo "$p"; done; }
streaming() { [ -n "$(emulator)" ] && [ -s "$(echo "$TMP"/results/dying/.*.tmp/parts/v-1.work/s.client.out)" ]; }
check "a run starts" wait_for 20 streaming
kill -KILL "$(emulator)"
wait $pid && rc=0 || rc=$?
is "a dead emulator fails the run with 4" 4 "$rc"
like "and says so" "link emulator died" "$(cat "$TMP/out")"

# Without anybody to answer, packets pass: nothing is blocked for ever.
"$EXTCP" shell routed client -- sh -c '
    id=$(ip netns identify | cut -d- -f2)
    for p in $(cat /sys/fs/cgroup/*/extcp-$id/harness/cgroup.procs /sys/fs/cgroup/extcp-$id/harness/cgroup.procs 2>/dev/null); do
        kill -KILL $p
        until grep -qs "^State:.*Z" /proc/$p/status; do sleep 0.01; done
    done
    ping -q -c 3 -i 0.02 -W 2 10.0.1.2' >"$TMP/out" 2>&1
like "traffic goes on without the emulator" "3 received" "$(cat "$TMP/out")"

experiment impossible <<'EOF'
topology: direct
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 1}]
events: [{at: 0.5, link: cable, set: [delay=10ms]}]
variants: [{name: v}]
EOF
run impossible && rc=0 || rc=$?
is "a link between two hosts cannot change: exit 2" 2 "$rc"
like "and why" "between two hosts" "$(cat "$TMP/out")"
experiment jitter <<'EOF'
topology: routed
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 1}]
events: [{at: 0.2, link: client-r1, set: [jitter=11ms]}]
variants: [{name: v}]
EOF
run jitter && rc=0 || rc=$?
is "a jitter that becomes larger than the delay: exit 2" 2 "$rc"
like "and says so" "link client-r1: the jitter .11000 us. is larger than the delay .10000 us." "$(cat "$TMP/out")"
experiment half <<'EOF'
topology: half-duplex
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 1}]
events: [{at: 0.2, link: medium, direction: backward, set: [rate=1mbit]}]
variants: [{name: v}]
EOF
run half && rc=0 || rc=$?
is "a half-duplex medium has no rate of one direction: exit 2" 2 "$rc"
like "and says so" "events.0..direction: bad value 'backward'.*half duplex.*accepted: both" "$(cat "$TMP/out")"
run tcp --backend netem && rc=0 || rc=$?
if "$EXTCP" doctor --json | jq -e 'select(.name == "netem") | .ok' >/dev/null; then
    is "the netem back end" 0 "$rc"
else
    is "asking for netem where there is none: exit 3" 3 "$rc"
fi
finish
