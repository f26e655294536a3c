#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# How often the gate of `bench` is wrong: AA gates of unchanged code against itself, half of them with a load on every processor, and AB gates
# of a build whose decoder is 10 % slower (it prints every tenth line twice into the void). NAMES are the benchmarks: with `all` as long
# as a gate really takes, with the default the two fast ones. Every gate is a line of build/bench/gate.csv.
# RESUME=1 goes on with the gates that are not in the CSV yet; what it holds must be of the same NAMES and revision. ANALYSE=1 only says
# what the CSV comes to. Targets: at most 1 alarm in 40 unchanged ones, at least 19 of 20 slower ones found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
AA=${AA:-40} AB=${AB:-20} NAMES=${NAMES:-decode topology}
[ "$NAMES" != all ] || NAMES=''
mkdir -p build/bench
csv=build/bench/gate.csv
head="kind,load,seed,exit,seconds,rounds,metrics_worse,names,revision"
revision=$(git rev-parse --short HEAD)
label=${NAMES:-all}
analyse() {
    awk -F, '
    $1 == "same" { aa++; alarms += $4; s += $5; r += $6; if ($5 + 0 > longest) longest = $5; if ($2 == "load") { l++; la += $4 } }
    $1 == "slower" { ab++; found += $4; sb += $5; rb += $6 }
    END {
        if (aa) printf "unchanged: %d alarms in %d gates (%d of them in %d under load); %.0f s and %.1f rounds a gate; target: at most 1 in 40\n", alarms, aa, la, l, s / aa, r / aa
        if (aa) printf "unchanged: longest gate %.0f s\n", longest
        if (ab) printf "10 %% slower: found %d of %d; %.0f s and %.1f rounds a gate; target: 19 of 20\n", found, ab, sb / ab, rb / ab
        exit (aa && alarms > aa / 40) || (ab && found < ab * 0.95)
    }' "$csv"
}
if [ "${ANALYSE:-0}" = 1 ]; then
    [ -s "$csv" ] || { echo "bench-gate: there is no $csv to analyse; accepted: what a run of this script leaves" >&2; exit 2; }
    analyse
    exit
fi
if [ "${RESUME:-0}" = 1 ] && [ -s "$csv" ]; then
    awk -F, -v head="$head" -v names="$label" -v revision="$revision" '
        NR == 1 ? $0 != head : $8 != ($1 == "slower" ? "decode" : names) || $9 != revision {
            printf "bench-gate: line %d is not of %s at %s: %s; run it without RESUME=1 to begin anew\n", NR, names, revision, $0
            exit 2
        }' "$csv" >&2
else
    echo "$head" >"$csv"
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/extcp-gate.XXXXXX")
load=()
unload() { [ ${#load[@]} -eq 0 ] || kill "${load[@]}" 2>/dev/null || true; load=(); }
trap 'unload; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
reload() {
    local i
    for ((i = 0; i < $(nproc); i++)); do
        # half of the time busy, half asleep: a neighbour, not a wall
        while :; do timeout 0.05 sh -c 'while :; do :; done' || true; sleep 0.05; done &
        load+=($!)
    done
}

# Two clones: the same, and the slower one.
git clone -q . "$tmp/same"
git clone -q . "$tmp/slower"
sed -i 's/^    put_line(d, p);$/    put_line(d, p);\n    if (d->packets % 10 == 0) {\n        size_t used = d->used;\n        put_line(d, p);\n        d->used = used;\n    }/' \
    "$tmp/slower/harness/cmd_decode.c"
git -C "$tmp/slower" diff --quiet && { echo "bench-gate: the slow-down does not fit cmd_decode.c any more" >&2; exit 1; }
git -C "$tmp/slower" -c user.name=bench -c user.email=bench@localhost commit -qam "slower by 10 %"
for d in same slower; do make -C "$tmp/$d" -s -j"$(nproc)" all tools >/dev/null; done

gate() { # KIND LOAD DIRECTORY BASELINE SEED NAMES...
    local kind=$1 with=$2 dir=$3 baseline=$4 seed=$5 status=0
    shift 5
    grep -q "^$kind,$with,$seed," "$csv" && return
    if [ "$with" = load ]; then reload; fi
    "$dir/build/extcp" bench "$@" --baseline "$baseline" --seed "$seed" --out "$tmp/out" >"$tmp/log" 2>&1 || status=$?
    unload
    [ "$status" -le 1 ] || { cat "$tmp/log" >&2; exit 4; }
    echo "$kind,$with,$seed,$status,$(jq -r '[.seconds, .rounds, ([.metrics[] | select(.verdict == "regression").name] | join(" "))] | @csv' "$tmp/out/bench.json" | tr -d '"'),${*:-all},$revision" |
        tee -a "$csv"
}
for ((i = 1; i <= AA; i++)); do
    with=none
    if [ $((i % 2)) -eq 0 ]; then with=load; fi
    # shellcheck disable=SC2086
    gate same $with "$tmp/same" HEAD $i $NAMES
done
for ((i = 1; i <= AB; i++)); do gate slower none "$tmp/slower" HEAD~1 "$i" decode; done
analyse
