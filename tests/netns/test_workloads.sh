#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# iperf3 in every way it can be asked for, commands, what happens when one fails, and links that change while traffic runs.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# experiment NAME: a file with one variant; the rest of it comes from standard input
experiment() { { printf 'name: %s\ntitle: "test"\nvariants: [{name: v}]\n' "$1" && cat; } >"$TMP/$1.yaml"; }
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" "${@:2}" >"$TMP/out" 2>&1; }
good() { if run "$2" "${@:3}"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out")"; fi; }
fails() { # NAME STATUS EXPERIMENT REGEX
    local rc=0
    run "$3" || rc=$?
    is "$1: exit $2" "$2" "$rc"
    like "and says why" "$4" "$(cat "$TMP/out")"
}
value() { awk -F, -v m="$2" '$4 == m { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
between() { # NAME LOW HIGH VALUE
    if awk -v v="${4:-x}" -v l="$2" -v h="$3" 'BEGIN { exit !(v == v + 0 && v >= l && v <= h) }'; then ok "$1 ($4)"; else not_ok "$1" "expected $2 to $3, found ${4:-nothing}"; fi
}
fast='topology: routed
set: [client-r1.rate=20mbit, client-r1.delay=1ms, r1-server.rate=unlimited, r1-server.delay=0ms]
calibrate: {budget: 50}'

experiment iperf3 <<EOF
$fast
captures: [{point: "server:r1-server", filter: "tcp[tcpflags] & tcp-syn != 0"}]
workloads:
  - {name: fixed, kind: iperf3, from: client, to: server, bytes: 1000000}
  - {name: many, kind: iperf3, from: client, to: server, at: 1, seconds: 1, port: 5202, parallel: 4}
  - {name: back, kind: iperf3, from: client, to: server, at: 2.5, seconds: 1, port: 5203, reverse: yes, congestion: reno}
  - {name: paced, kind: iperf3, from: client, to: server, at: 4, seconds: 1, port: 5204, rate: 2mbit}
  - {name: cmd, kind: command, from: client, seconds: 5, command: "echo extcp-metric here 1 7; echo {client} {server:r1-server} {family} >where; cat where >&2"}
EOF
good "iperf3: fixed bytes, parallel, reverse, a rate; a command" iperf3
# iperf3's client stops when it has written them; what is on its way then the server does not count
between "bytes" 500000 1200000 "$(value iperf3 fixed.bytes)"
is "parallel: four connections and the one for control" 5 \
    "$(tshark -r "$TMP/results/iperf3/latest/captures/v-1-server-r1-server.pcap" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.dstport == 5202' 2>/dev/null | wc -l)"
between "parallel: they share the link" 14e6 20e6 "$(value iperf3 many.goodput)"
between "reverse: the server sends" 14e6 20e6 "$(value iperf3 back.goodput)"
between "a rate holds" 1.5e6 2.5e6 "$(value iperf3 paced.goodput)"
is "a command's metric" 7 "$(value iperf3 cmd.here)"
between "series of 0.1 s" 8 12 "$(grep -c ',back.goodput,' "$TMP/results/iperf3/latest/series.csv")"
is "the header of series.csv" "experiment,variant,repetition,series,t_s,value" "$(head -n 1 "$TMP/results/iperf3/latest/series.csv")"

experiment nocc <<EOF
$fast
workloads: [{name: x, kind: iperf3, from: client, to: server, seconds: 1, congestion: nosuchcc}]
EOF
fails "a congestion control that is not there" 4 nocc "workload x: iperf3: .*TCP_CONGESTION"
experiment exit3 <<EOF
$fast
workloads: [{name: x, kind: command, from: client, seconds: 5, command: "echo the reason >&2; exit 3"}]
EOF
fails "a command that fails" 4 exit3 "x client.*status 3.*the reason"
experiment slow <<EOF
$fast
workloads: [{name: x, kind: command, from: client, seconds: 1, time_limit: 1, command: "sleep 60"}]
EOF
fails "a command that does not end" 4 slow "x client.*time limit"
experiment deaf <<EOF
$fast
workloads:
  - {name: srv, kind: command, from: server, server: yes, port: 80, command: "echo cannot listen >&2; exit 1"}
  - {name: x, kind: command, from: client, seconds: 5, command: "true"}
EOF
fails "a server that ends before it listens" 4 deaf "srv server.*before it listened.*cannot listen"
experiment nonsense <<EOF
$fast
workloads: [{name: x, kind: command, from: client, seconds: 5, command: "echo extcp-metric a b c"}]
EOF
fails "a metric that is no number" 4 nonsense "extcp-metric a b c.*accepted"
experiment where <<EOF
$fast
workloads: [{name: x, kind: command, from: client, seconds: 5, command: "echo {nobody}"}]
EOF
fails "an address of nobody" 2 where "\{nobody\}.*accepted"

# A rate that changes: what the receiver gets per second before and after, and a shaper that says so.
experiment rate <<EOF
$fast
workloads: [{name: x, kind: iperf3, from: client, to: server, seconds: 4}]
events: [{name: slower, at: 2, link: client-r1, direction: forward, set: [rate=4mbit]}]
EOF
good "a rate that changes while it runs" rate
rates=$(awk -F, '$4 == "x.goodput" { if ($5 > 0.8 && $5 < 1.9) { a += $6; n++ } if ($5 > 2.9 && $5 < 3.9) { b += $6; m++ } } END { print a / n / 1e6, b / m / 1e6 }' "$TMP/results/rate/latest/series.csv")
between "20 Mbit/s before" 15 21 "${rates% *}"
between "4 Mbit/s after" 2.5 5 "${rates#* }"
between "the event's real time is a metric" 2 2.2 "$(value rate event.slower_s)"

# Loss, down and up: no answer comes while the link is dark or unplugged, and every one does before, between and after.
cat >"$TMP/ping.sh" <<'EOF'
ping -D -i 0.05 -c 90 -W 1 "$1" | awk -v t0="$EXTCP_T0_NS" '
    /icmp_seq/ && / ttl=/ { t = substr($1, 2) - t0 / 1e9; w = int(t); f = t - w; if (f > 0.1 && f < 0.9) n[w]++ }
    END { for (w = 0; w < 5; w++) print "extcp-metric second" w " count " n[w] + 0 }'
EOF
experiment timeline <<EOF
$fast
workloads: [{name: ping, kind: command, from: client, seconds: 10, command: "sh $TMP/ping.sh {server}"}]
events:
  - {at: 1, link: client-r1, set: [loss=100%]}
  - {at: 2, link: client-r1, set: [loss=0%]}
  - {at: 3, link: r1-server, state: down}
  - {at: 4, link: r1-server, state: up}
EOF
good "loss, down and up while it runs" timeline
for w in 0 2 4; do between "answers in second $w" 7 17 "$(value timeline ping.second$w)"; done
for w in 1 3; do is "none in second $w" 0 "$(value timeline ping.second$w)"; done

# A link that is not what was asked for: a tolerance that no machine can hold fails the run, and the measurement is in run.json.
experiment off <<EOF
topology: routed
calibrate: {delay: 0.01, budget: 50}
workloads: [{name: x, kind: command, from: client, seconds: 5, command: "true"}]
EOF
fails "a link that is off by more than the tolerance" 4 off "not what was asked for, 3 times.*one-way delay .* instead of 10.00 ms .tolerance 0.01 ms"
is "run.json says broke, and has every attempt" "broke 3" \
    "$(jq -r '"\(.status) \([.repetitions[0].calibration[].attempt] | unique | length)"' "$TMP/results/off/latest/run.json")"
is "with what was configured and what was measured" "10 true" \
    "$(jq -r '.repetitions[0].calibration[0].forward | "\(.delay_configured_ms) \(.delay_median_ms > 10)"' "$TMP/results/off/latest/run.json")"
finish
