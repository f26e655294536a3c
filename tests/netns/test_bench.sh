#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# bench: a repository of its own whose "extcp" is ours, with a benchmark whose values are known; the gate in both directions, baselines in
# files, what CI systems read, and being stopped.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
home=$TMP/home
mkdir -p "$home/bench" "$home/experiments"
cp -r "$TOP/topologies" "$TOP/plots" "$home/"
# `make` of a revision: an extcp of its own place, so that its home is there.
cat >"$home/Makefile" <<MAKE
all:
	mkdir -p build && cp $EXTCP build/extcp
tools:
MAKE
cat >"$home/bench/known.yaml" <<'YAML'
name: known
title: "Values that are known"
topology: direct
repetitions: 1
workloads:
  - {name: w, kind: command, from: client, seconds: 10, command: "sh {home}/bench/value.sh"}
variants:
  - {name: v}
  - {name: base}
bench:
  - {name: time, metric: w.time, variant: v, better: lower, threshold: 5%}
  - {name: score, metric: w.score, variant: v, over: base, better: higher, threshold: 5%}
YAML
# What is measured wobbles by 2 % and is this many per cent slower.
value() {
    cat >"$home/bench/value.sh" <<SH
awk -v seed="\$(od -An -N3 -tu4 /dev/urandom)" 'BEGIN { srand(seed); t = (1 + 0.02 * (rand() - 0.5)) * $1;
    print "extcp-metric time s " t; print "extcp-metric score 1 " 100 / t }'
SH
}
commit() { git -C "$home" add -A && git -C "$home" -c user.name=t -c user.email=t@t commit -qm "$1"; }
git -C "$home" init -q
value 1.0
commit one
value 1.2
commit slower
extcp() { EXTCP_HOME=$home "$EXTCP" "$@"; }

out=$(extcp bench --reps 2 --out "$TMP/plain" 2>&1)
is "plain: exit status" 0 $?
like "plain: the value" 'time +1\.[12][0-9]* s ' "$out"
is "plain: the files" "bench.json github-benchmark-bigger.json github-benchmark-smaller.json junit.xml summary.md" "$(cd "$TMP/plain" && echo *.*)"
is "plain: every raw value" "2 2" "$(jq '.metrics[].values | length' "$TMP/plain/bench.json" | xargs)"

out=$(extcp bench --baseline HEAD~1 --out "$TMP/gate" 2>&1)
is "20 % slower: exit status" 1 $?
like "20 % slower: named, with both values, interval and direction" 'REGRESSION time: was [19].*s .*, is 1\.[12].* s .*higher, where lower is better; ratio 1\.[12][0-9]* .1\.[12].*p = ' "$out"
is "bench.json says so" "regression" "$(jq -r '.metrics[] | select(.name == "time").verdict' "$TMP/gate/bench.json")"
check "JUnit is XML with one failure" python3 -c "
import sys, xml.etree.ElementTree as t
s = t.parse('$TMP/gate/junit.xml').getroot().find('testsuite')
sys.exit(not (s.get('tests') == '2' and s.get('failures') == '1' and len(s.findall('testcase/failure')) == 1))"
like "Markdown" '\| time \| [19].*s .*\| regression after (12|16) rounds \|' "$(cat "$TMP/gate/summary.md")"
is "github-action-benchmark: smaller is better" '["name","range","unit","value"] time s' "$(jq -r '.[0] | "\(keys | tojson) \(.name) \(.unit)"' "$TMP/gate/github-benchmark-smaller.json")"
is "a ratio within one run does not change" "no regression" "$(jq -r '.metrics[] | select(.name == "score").verdict' "$TMP/gate/bench.json" | sed 's/undecided/no regression/')"

out=$(extcp bench time --baseline HEAD 2>&1)
is "no such benchmark: exit status" 2 $?
like "no such benchmark" 'accepted: known' "$out"
out=$(extcp bench --baseline HEAD --out "$TMP/same" 2>&1)
is "the same: exit status" 0 $?
is "the same: found before an alarm could be raised" 6 "$(jq -r '.metrics[] | select(.name == "time").judged_after' "$TMP/same/bench.json")"
like "the same: the table says after how many" 'no regression after 6 rounds' "$out"
like "the same: what is undecided, after each look" 'after 6: undecided: (nothing|score; [0-9]+ s to the next look, at most [0-9]+ s in all)' "$out"
is "the same: verdict" "no regression" "$(jq -r '.metrics[] | select(.name == "time").verdict' "$TMP/same/bench.json")"
git -C "$home" checkout -q HEAD~1
out=$(extcp bench --baseline master --out "$TMP/faster" 2>&1 || extcp bench --baseline main --out "$TMP/faster" 2>&1)
is "faster: exit status" 0 $?
is "faster: verdict" "improvement" "$(jq -r '.metrics[] | select(.name == "time").verdict' "$TMP/faster/bench.json")"

out=$(extcp bench --bless "$TMP/base.json" --out "$TMP/bless" 2>&1)
is "bless: exit status" 0 $?
out=$(extcp bench --baseline "$TMP/base.json" --out "$TMP/file" 2>&1)
is "a file: exit status" 0 $?
is "a file: times are not compared" "null" "$(jq -r '.metrics[] | select(.name == "time").verdict' "$TMP/file/bench.json")"
jq '(.metrics[] | select(.name == "score").values[]) *= 1.5' "$TMP/base.json" >"$TMP/better.json"
out=$(extcp bench --baseline "$TMP/better.json" --out "$TMP/file2" 2>&1)
is "a ratio that was better: exit status" 1 $?
like "a ratio that was better" 'REGRESSION score: was 1\.[45].*, is [01]\.' "$out"

disk=$TMP/disk
mkdir "$disk"
mount -t tmpfs -o size=2m tmpfs "$disk"
at_exit "umount -l $disk"
fill() { dd if=/dev/zero of="$disk/ballast" bs=64k 2>/dev/null; }
space='No space left on device'
fill
out=$(extcp bench --reps 1 --out "$disk/b" 2>&1)
is "a full disk: exit status" 4 $?
like "a full disk: named" "$disk/b.*$space" "$out"
out=$(TMPDIR=$disk extcp bench --reps 1 --out "$TMP/scratch" 2>&1)
is "a full disk for the samples: exit status" 4 $?
like "a full disk for the samples: named" "$disk/.*$space" "$out"
out=$(extcp bench --reps 1 --bless "$disk/base.json" --out "$TMP/bless2" 2>&1)
is "a full disk for the baseline: exit status" 4 $?
like "a full disk for the baseline: named" "$disk/base.json.*$space" "$out"
is "nothing half made" "" "$(find "$disk" "$TMP/scratch" "$TMP/bless2" -type f ! -name ballast)"
rm "$disk/ballast"
EXTCP_HOME=$home "$EXTCP" bench --reps 2 --out "$disk/b" >"$TMP/fills.log" 2>&1 &
pid=$!
check "a round is done" wait_for 30 grep -q 'round 1' "$TMP/fills.log"
fill
wait $pid
is "a disk that fills up while it measures: it has set aside what its files take" 0 $?
is "they are whole" "2" "$(jq '.metrics[0].values | length' "$disk/b/bench.json")"
rm "$disk/ballast"

out=$(extcp bench --baseline nothing-like-it 2>&1)
is "no such revision: exit status" 2 $?
like "no such revision" "there is no such file, and git knows no such revision" "$out"
printf '{}' >"$TMP/bad.json"
out=$(extcp bench --baseline "$TMP/bad.json" 2>&1)
is "a bad baseline: exit status" 2 $?
printf 'all:\n\tfalse\n' >"$home/Makefile"
commit broken
out=$(extcp bench --baseline HEAD 2>&1)
is "a revision that does not build: exit status" 4 $?
check "and leaves nothing half made" bash -c "! ls -d '$home'/build/baseline/*.tmp"

EXTCP_HOME=$home "$EXTCP" bench --baseline HEAD~1 >"$TMP/int.log" 2>&1 &
pid=$!
begun() { grep -q 'round 1' "$TMP/int.log"; }
check "a gate begins" wait_for 30 begun
kill -TERM $pid
wait $pid
is "SIGTERM: exit status" 4 $?
check "no scratch directory is left" bash -c '! ls -d /tmp/.extcp-bench-* 2>/dev/null'

EXTCP_HOME=$home "$EXTCP" bench --baseline HEAD~1 >"$TMP/kill.log" 2>&1 &
pid=$!
begun() { grep -q 'round 1' "$TMP/kill.log"; }
check "a gate begins" wait_for 30 begun
kill -9 $pid
wait $pid 2>/dev/null
cleaned() { "$EXTCP" clean >/dev/null && ! ls -d /tmp/.extcp-bench-* "$home"/results/bench/.*.tmp 2>/dev/null; }
check "kill -9, then clean: nothing of it is left" wait_for 10 cleaned
finish
