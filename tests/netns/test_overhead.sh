#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# An option on every segment, judged by tshark; programs that no socket uses are not called; run-time statistics; captures of some variants
# and of the loopback interface; requests and responses; workloads bound to a CPU.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

value() { awk -F, -v m="$2" -v v="$3" '$4 == m && $2 == v { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" "${@:2}" >"$TMP/out" 2>&1; }
good() { if run "$2" "${@:3}"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out")"; fi; }
# segments FILE FILTER: how many of them tshark sees
segments() { tshark -r "$TMP/results/every/latest/captures/$1.pcap" -Y "$2" 2>/dev/null | wc -l; }
sum() { # sum RUN VARIANT PREFIX: of the counters that begin so
    awk -F, -v p="$3" -v v="$2" 'index($4, p) == 1 && $2 == v { n += $6 } END { print n + 0 }' "$TMP/results/$1/latest/data.csv"
}

cat >"$TMP/every.yaml" <<'YAML'
name: every
title: "test"
topology: direct
parameters: [{name: size, value: 8}]
captures:
  - {point: "client:cable", variants: [unused, insert, largest, floor]}
  - {point: "client:lo", variants: [lo]}
workloads:
  - {name: s, kind: stream, from: client, to: server, seconds: 1, chunk: 20000, echo: yes, rate: 10mbit, cpu: 0, batch: yes}
variants:
  - {name: unused, bpf_stats: yes, programs: [{host: client, program: overhead, set: [mode=0]}, {host: server, program: overhead, set: [mode=0]}]}
  - {name: insert, programs: &insert [{host: client, program: overhead, set: [mode=1, "size=${size}"]}, {host: server, program: overhead, set: [mode=1, "size=${size}"]}]}
  - name: largest
    family: 6
    parameters: [size=20]
    bpf_stats: yes
    programs:
      - {host: client, program: overhead, set: [mode=3, "size=${size}"]}
      - {host: server, program: overhead, set: [mode=3, "size=${size}"]}
  - {name: policy, bpf_stats: yes, programs: [{host: server, program: cc-request}, {host: server, program: iw-request}]}
  - {name: floor, programs: [{host: client, program: overhead-floor}, {host: server, program: overhead-floor}]}
  - {name: lo, programs: *insert, workloads: [{name: s, to: client}]}
checks:
  - {name: "every segment", variants: [insert, largest, floor], point: "client:cable", segments: all, option: overhead, value: "${size}"}
  - {name: "every segment", variants: [lo], point: "client:lo", segments: all, option: overhead, value: "${size}"}
  - {name: "no segment", variants: [unused], point: "client:cable", segments: all, option: overhead, absent: yes}
YAML
good "the option is on every segment, where it is to be" every
cap=insert-1-client-cable
is "tshark: every segment has the ExID" "$(segments $cap tcp)" "$(segments $cap 'tcp.options.experimental.exid == 0xe8c3')"
for side in "client tcp.dstport" "server tcp.srcport"; do
    # shellcheck disable=SC2086
    set -- $side
    is "$1: as many were counted as are on the wire" "$(segments $cap "$2 == 5000")" "$(sum every insert "$1.overhead.sent_")"
done
check "and there were some ($(segments $cap tcp))" test "$(segments $cap tcp)" -gt 100
is "inserting alone reads nothing" 0 "$(sum every insert server.overhead.received_)"
n=$(segments largest-1-client-cable 'tcp.dstport == 5000')
got=$(sum every largest server.overhead.received_)
# The very last ACK may find no socket any more.
check "mode 3: each one that came was read ($got of $n)" test "$got" -ge $((n - 1)) -a "$got" -le "$n"
is "and bpf_setsockopt was called for it" "$got 0" "$(value every server.overhead.set largest) $(value every server.overhead.set_failed largest)"
runs=$(value every client.overhead.run_count largest)
check "bpf_stats: at least two runs a segment ($runs)" test "$runs" -ge $((2 * n))
check "that took time ($(value every client.overhead.run_ns largest) ns)" test "$(value every client.overhead.run_ns largest)" -gt "$runs"
runs=$(value every client.overhead.run_count unused)
check "a program that no socket uses is not called for segments ($runs runs, $(segments unused-1-client-cable tcp) segments)" \
    test "$runs" -lt 20 -a "$(segments unused-1-client-cable tcp)" -gt 100
for p in cc-request iw-request; do
    runs=$(value every server.$p.run_count policy)
    check "nor is a server's $p that nobody asks ($runs runs)" test "$runs" -gt 0 -a "$runs" -lt 20
done
is "without bpf_stats there are no such metrics" "" "$(value every client.overhead.run_count insert)"
check "CPU time of a host ($(value every server.cpu_s insert) s)" awk -v c="$(value every server.cpu_s insert)" 'BEGIN { exit !(c > 0.001 && c < 2) }'

cat >"$TMP/ping.yaml" <<'YAML'
name: ping
title: "test"
topology: routed
set: [client-r1.rate=unlimited, client-r1.delay=5ms, r1-server.rate=unlimited, r1-server.delay=5ms]
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 1, chunk: 100, echo: yes, ping: yes}]
variants: [{name: v}]
YAML
good "requests and responses over 20 ms" ping
check "the median is a round trip ($(value ping s.ping_median v) s)" \
    awk -v p="$(value ping s.ping_median v)" -v m="$(value ping s.ping_min v)" 'BEGIN { exit !(m >= 0.0199 && p >= m && p < 0.03) }'
n=$(value ping s.exchanges v)
is "every byte went both ways and the end is in order" "1 $((n * 100))" "$(value ping s.survived v) $(value ping s.bytes_written v)"

sed -i 's/echo: yes, ping: yes/ping: yes/' "$TMP/ping.yaml"
run ping
is "ping without echo: exit 2" 2 $?
like "and what it needs" "needs .echo: yes" "$(cat "$TMP/out")"
run every --variant insert --set cable.gso_max_segs=0
is "gso_max_segs 0: exit 2" 2 $?
sed -i 's/cpu: 0/cpu: 1000/' "$TMP/every.yaml"
run every --variant insert
is "a CPU that is not there: exit 3" 3 $?
like "and which" "no CPU 1000" "$(cat "$TMP/out")"
finish
