#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Prints a capture of a million segments with extcp and with tshark, in turns, and compares the medians.
# EXTCP_BENCH_SEGMENTS (1000000) and EXTCP_BENCH_REPS (5) change the size. Exit 1 when the target is missed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh --quiet run check
O=${O:-build}
segments=${EXTCP_BENCH_SEGMENTS:-1000000} reps=${EXTCP_BENCH_REPS:-5} target=20
out=$O/bench
csv=$out/decode.csv
mkdir -p "$out"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/extcp-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
pcap=$tmp/segments.pcap

# Three jobs, each prints a line for every segment:
#   extcp          every option with every value, in words
#   tshark         its summary, the fastest way that tshark has to print; without MPTCP and UTO
#   tshark-fields  addresses, ports, flags, numbers and the values of every option that the capture has
fields=(frame.number frame.time_relative ip.src tcp.srcport ip.dst tcp.dstport tcp.flags.str tcp.seq_raw tcp.ack_raw
    tcp.window_size_value tcp.len tcp.option_kind tcp.option_len tcp.options.mss_val tcp.options.wscale.shift
    tcp.options.sack_le tcp.options.sack_re tcp.options.timestamp.tsval tcp.options.timestamp.tsecr
    tcp.options.user_to_granularity tcp.options.user_to_val tcp.options.mptcp.subtype tcp.options.mptcp.version
    tcp.options.mptcp.flags tcp.options.mptcp.rawdataack tcp.options.mptcp.rawdataseqno tcp.options.mptcp.subflowseqno
    tcp.options.mptcp.datalvllen)
args=()
for f in "${fields[@]}"; do args+=(-e "$f"); done
declare -A command=(
    [extcp]="$O/extcp decode $pcap"
    [tshark]="tshark -n -r $pcap"
    [tshark-fields]="tshark -n -r $pcap -T fields ${args[*]}"
)
jobs=(extcp tshark tshark-fields)

"$O/tests/tools/gen_pcap" segments "$segments" "$pcap"
echo "capture: $segments segments, $(stat -c %s "$pcap") bytes; $(nproc) cores; $(tshark --version 2>/dev/null | head -n 1)"
for j in "${jobs[@]}"; do
    # shellcheck disable=SC2086
    lines=$(${command[$j]} 2>/dev/null | wc -l) # also warms the page cache
    [ "$lines" = "$segments" ] || { echo "bench-decode: $j printed $lines lines, not $segments" >&2; exit 1; }
    shown=${command[$j]}
    echo "$j: ${shown//$pcap/FILE}"
done

echo "tool,repetition,seconds" >"$csv.tmp"
for ((r = 1; r <= reps; r++)); do
    for ((k = 0; k < ${#jobs[@]}; k++)); do
        j=${jobs[(k + r) % ${#jobs[@]}]} # nobody is always first
        start=$EPOCHREALTIME
        # shellcheck disable=SC2086
        ${command[$j]} >/dev/null 2>"$tmp/err" || { cat "$tmp/err" >&2; exit 1; }
        echo "$j,$r,$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.6f", b - a }')" | tee -a "$csv.tmp"
    done
done
mv "$csv.tmp" "$csv"

# median min max
summary() {
    awk -F , -v t="$1" '$1 == t { print $3 }' "$csv" | sort -n |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2, v[1], v[NR] }'
}
read -r ours lo hi <<<"$(summary extcp)"
printf '\n%-14s %10s %10s %10s %12s\n' tool median_s min_s max_s "times slower"
printf '%-14s %10.3f %10.3f %10.3f\n' extcp "$ours" "$lo" "$hi"
for j in tshark tshark-fields; do
    read -r m l h <<<"$(summary $j)"
    # The range of the ratio is the widest that the single runs allow.
    awk -v j="$j" -v m="$m" -v l="$l" -v h="$h" -v o="$ours" -v ol="$lo" -v oh="$hi" \
        'BEGIN { printf "%-14s %10.3f %10.3f %10.3f %8.1f (%.1f to %.1f)\n", j, m, l, h, m / o, l / oh, h / ol }'
done
read -r fast _ <<<"$(summary tshark)"
ratio=$(awk -v a="$fast" -v b="$ours" 'BEGIN { printf "%.1f", a / b }')
echo "values: $csv"
if awk -v r="$ratio" -v t="$target" 'BEGIN { exit !(r >= t) }'; then
    echo "target met: extcp decode is $ratio times faster than tshark's summary; target $target"
else
    echo "target missed: extcp decode is $ratio times faster than tshark's summary; target $target"
    exit 1
fi
