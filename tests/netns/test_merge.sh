#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# --shard and merge: the parts of a run, joined, are what one run would have been.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
# shellcheck source=tests/netns/small.sh
. "$(dirname "${BASH_SOURCE[0]}")/small.sh"
experiment alpha 0.2 ""

part() { # NAME ARGUMENTS: a run into $TMP/NAME; prints its directory
    local name=$1
    shift
    extcp alpha --out "$TMP/$name" "$@" >"$TMP/$name.log" 2>&1
    echo "$?" >"$TMP/$name.exit"
    readlink -f "$TMP/$name/alpha/latest"
}
whole=$(part whole --reps 3 --seed 7)
one=$(part one --reps 3 --seed 7 --shard 1/2)
two=$(part two --reps 3 --seed 7 --shard 2/2)
is "a part ends well" "0 0" "$(cat "$TMP/one.exit" "$TMP/two.exit" | xargs)"
like "a part does not judge claims" 'claims are judged when the parts are joined' "$(cat "$TMP/one.log")"
is "a part says so" '[1,2] null' "$(jq -c '.shard, .claims[0].held' "$one/run.json" | xargs)"
order() { jq -c '.order[]' "$@"; }
is "the parts are the plan" "$(order "$whole/run.json" | sort)" "$(order "$one/run.json" "$two/run.json" | sort)"
is "no repetition is in both" "" "$(order "$one/run.json" "$two/run.json" | sort | uniq -d)"

out=$(extcp merge "$two" "$one" --out "$TMP/merged" 2>&1)
is "merge: exit status" 0 $?
like "merge: verdict" 'verdict: PASS .6 of 6 repetitions, 6 of 6 wire checks passed, 1 of 1 claims held' "$out"
merged=$TMP/merged/alpha/latest
same() { # FILE: what identifies a row, without what was measured
    cut -d, -f"$2" "$1" | sort
}
is "data.csv: the same rows" "$(same "$whole/data.csv" 1-5)" "$(same "$merged/data.csv" 1-5)"
is "data.csv: the values of the parts" "$(cat "$one/data.csv" "$two/data.csv" | sort -u)" "$(sort -u "$merged/data.csv")"
is "series.csv: the rows of the parts" "$(cat "$one/series.csv" "$two/series.csv" | sort -u)" "$(sort -u "$merged/series.csv")"
is "wire.csv: the same rows" "$(same "$whole/wire.csv" 1-5)" "$(same "$merged/wire.csv" 1-5)"
is "the order of the whole" "$(order "$whole/run.json")" "$(order "$merged/run.json")"
is "the captures" "$(cd "$whole" && ls captures)" "$(cd "$merged/" && ls captures)"
is "claims are judged" true "$(jq .claims[0].held "$merged/run.json")"
is "run.json says what was joined" "2 1" "$(jq '.merged[].shard[0]' "$merged/run.json" | xargs)"
is "the same members of run.json, and merged" "$(jq -r 'keys[]' "$whole/run.json"; echo merged)" "$(jq -r 'keys - ["merged"] | .[]' "$merged/run.json"; jq -r 'keys - (keys - ["merged"]) | .[]' "$merged/run.json")"
check "a figure" test -s "$merged/figures/goodput.svg"
is "the log of each repetition" "$(grep -c '^---' "$whole/log.txt")" "$(grep -c '^---' "$merged/log.txt")"

refuse() { # NAME REGEX ARGUMENTS
    local name=$1 regex=$2
    shift 2
    out=$(extcp merge "$@" --out "$TMP/refused" 2>&1)
    is "$name: exit status" 2 $?
    like "$name: says why" "$regex" "$out"
}
refuse "a part twice" 'part 1 of 2 is there twice' "$one" "$one"
refuse "a part missing" 'of 2 parts these are missing: 2 .--force' "$one"
refuse "no part at all" 'is no part of a run' "$whole" "$one"
other=$(part other --reps 3 --seed 8 --shard 2/2)
refuse "another seed" 'seed is 8 here and 7 there' "$one" "$other"
refuse "another number of repetitions" 'options is' "$one" "$(part reps --reps 2 --seed 7 --shard 2/2)"
cp -r "$two" "$TMP/rev"
jq '.machine.source.revision = "feed"' "$two/run.json" >"$TMP/rev/run.json"
refuse "another revision" 'the revision is .*feed.* here .*--force' "$one" "$TMP/rev"
check "another revision, with --force" extcp merge "$one" "$TMP/rev" --force --out "$TMP/forced"
out=$(extcp merge "$one" --force --out "$TMP/partly" 2>&1)
like "a part missing, with --force" '3 of 6 repetitions' "$out"
check "nothing is left of those refused" test ! -e "$TMP/refused"
out=$(extcp alpha --shard 3/2 2>&1)
is "a bad part: exit status" 2 $?
like "a bad part" "--shard '3/2': accepted: K/N" "$out"
finish
