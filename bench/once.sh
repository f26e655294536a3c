#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# One sample of a benchmark of bench/*.yaml, as lines `extcp-metric NAME UNIT VALUE`: once.sh JOB ARGUMENT WORKDIR.
set -euo pipefail
job=$1 what=$2 work=$3
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
TIMEFORMAT='%U %S'
case $job in
decode)
    # CPU time and not the clock's: what else the machine does matters less. Five captures' worth at a time, as it is
    # counted in milliseconds; the median of three, after one for the caches.
    "$what/build/tests/tools/gen_pcap" segments 100000 "$work/segments.pcap" >&2
    decode() { for _ in 1 2 3 4 5; do "$what/build/extcp" decode "$work/segments.pcap"; done >/dev/null 2>&1; }
    "$what/build/extcp" decode "$work/segments.pcap" >/dev/null 2>&1
    for _ in 1 2 3; do { time decode; } 2>&1 | awk '{ print $1 + $2 }'; done | median | sed 's/^/extcp-metric cpu_s s /'
    ;;
topology)
    for _ in 1 2 3; do "$what/build/bench/bench_topology" 50; done >"$work/times"
    cut -d' ' -f1 "$work/times" | median | sed 's/^/extcp-metric start_s s /'
    cut -d' ' -f2 "$work/times" | median | sed 's/^/extcp-metric stop_s s /'
    ;;
ping)
    ping -q -c 1 "$what" >&2 # neighbours are known then
    ping -n -c 50 -i 0.01 "$what" | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | median | awk '{ print "extcp-metric rtt_s s " $1 / 1000 }'
    ;;
*)
    echo "once.sh: unknown job '$job'; accepted: decode topology ping" >&2
    exit 2
    ;;
esac
