#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# How true the emulated links are: for 5, 20, 80 ms and 1, 10, 100 Mbit/s, with each back end that the kernel has: the error of the delay, of the
# rate and of the loss, and TCP's throughput through a delay of 5 ms. Every value in build/bench/link.csv.
# Targets on an idle machine: delay p99 within 1 ms, rate within 2 %, loss inside the binomial 99 % interval, 1 Gbit/s through nfqueue.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh --quiet run check
O=${O:-build} ROUNDS=${ROUNDS:-5}
mkdir -p "$O/bench"
csv=$O/bench/link.csv
echo "backend,delay_ms,rate_bps,loss,round,direction,delay_median_ms,delay_p99_ms,rate_measured_bps,loss_sent,loss_lost" >"$csv"
backends=nfqueue rc=0
if "$O/extcp" doctor --json | jq -e 'select(.name == "netem") | .ok' >/dev/null; then
    backends="nfqueue netem"
else
    echo "this kernel has no netem: only nfqueue is measured"
fi
for delay in 5ms 20ms 80ms; do
    for rate in 1mbit 10mbit 100mbit; do
        for b in $backends; do "$O/bench/bench_link" "$b" "$delay" "$rate" 0% "$ROUNDS" >>"$csv"; done
    done
    for b in $backends; do "$O/bench/bench_link" "$b" "$delay" 10mbit 1% "$ROUNDS" >>"$csv"; done
done
awk -F, '
    function judge(ok) { missed += !ok; return ok ? "ok" : "OFF" }
    NR == 1 { next }
    {
        key = $1 "," $2 "," $3 "," $4
        if (!(key in n)) order[++k] = key
        n[key]++
        e = $7 - $2; if (e < 0) e = -e; if (e > median[key]) median[key] = e
        e = $8 - $2; if (e > p99[key]) p99[key] = e
        if ($9) { e = ($9 / $3 - 1) * 100; if (e < 0) e = -e; if (e > rate[key]) rate[key] = e; m[key]++ }
        sent[key] += $10; lost[key] += $11
    }
    END {
        printf "%-8s %8s %9s %5s  %22s %22s %18s  %s\n", "backend", "delay", "rate", "loss", "worst median error", "worst p99 error", "worst rate error", "lost"
        for (i = 1; i <= k; i++) {
            split(order[i], f, ","); key = order[i]
            s = ""
            if (sent[key]) {
                x = lost[key] / sent[key]; w = 2.5758 * sqrt(f[4] * (1 - f[4]) / sent[key])
                s = sprintf("%.2f %% of %d (99 %%: %.2f to %.2f) %s", 100 * x, sent[key], 100 * (f[4] - w), 100 * (f[4] + w), judge(x > f[4] - w && x < f[4] + w))
            }
            printf "%-8s %5s ms %4d Mbit %5s  %16.3f ms %s %16.3f ms %s %15.2f %% %s  %s\n", f[1], f[2], f[3] / 1e6, f[4] * 100 "%", median[key],
                "  ", p99[key], judge(p99[key] <= 1), rate[key], !m[key] ? "-" : judge(rate[key] <= 2), s
        }
        exit missed
    }' "$csv" || rc=1
for b in $backends; do
    exp=$(mktemp --suffix=.yaml)
    out=$(mktemp -d)
    cat >"$exp" <<EOF
name: throughput
title: "TCP through a link of 5 ms without a rate"
topology: routed
set: [client-r1.rate=unlimited, client-r1.delay=5ms, client-r1.offloads=on, r1-server.rate=unlimited, r1-server.delay=0ms, r1-server.offloads=on]
repetitions: 3
workloads: [{name: tcp, kind: iperf3, from: client, to: server, seconds: 5, congestion: cubic}]
variants: [{name: $b}]
EOF
    "$O/extcp" "$exp" --backend "$b" --out "$out" >/dev/null
    awk -F, -v b="$b" '$4 == "tcp.goodput" { printf "%s: TCP through 5 ms each way: %.2f Gbit/s (target 1)\n", b, $6 / 1e9; missed += $6 < 1e9 } END { exit missed || !NR }' \
        "$out/throughput/latest/data.csv" || rc=1
    rm -rf "$exp" "$out"
done
echo "every value: $csv"
[ $rc -eq 0 ] && echo "all targets met" || echo "a target was missed (see OFF, or the throughput)"
exit $rc
