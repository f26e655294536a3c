#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A disk that fills up: before a run, in its captures, in each file it leaves; paper, bench, merge and report. Full is a small tmpfs, or, where
# one file is to fail and no other, a link of its name to /dev/full that is put there beforehand.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
# shellcheck source=tests/netns/small.sh
. "$(dirname "${BASH_SOURCE[0]}")/small.sh"
experiment alpha 0.2 "They sent a little."
experiment beta 0.2 "They sent more."

disk=$TMP/disk
mkdir "$disk"
mount -t tmpfs -o size=6m tmpfs "$disk"
at_exit "umount -l $disk"
fill() { dd if=/dev/zero of="$disk/ballast" bs=64k 2>/dev/null; }
room() { rm -f "$disk/ballast"; }
space='No space left on device'
# failed NAME STATUS REGEX: of a command whose output is in $out and whose status came with it
failed() {
    is "$1: exit status" 4 "$2"
    like "$1: names the file and says why" "$3.*$space" "$out"
}
hidden() { find "$disk" -name '.*' ! -path "$disk" -print; }
# The networks that the runs here have built, as far as something of them is left.
left() {
    local id
    { find "$TMP" -name run.json -exec jq -r '.repetitions[].testbed // empty' {} + && cat "$TMP/held"; } | sort -u >"$TMP/testbeds"
    while read -r id; do
        find /run/extcp /run/netns /sys/fs/cgroup -maxdepth 2 \( -name "$id" -o -name "extcp-$id*" \) -print 2>/dev/null
    done <"$TMP/testbeds"
}

# --- one run ---
fill
out=$(extcp alpha --reps 1 --out "$disk" 2>&1)
failed "full before a run" $? "$disk/alpha"
is "full before a run: nothing half made" "" "$(hidden)"
room

EXTCP_HOME=$home "$EXTCP" alpha --variant four --reps 3 --out "$disk" >"$TMP/capture.log" 2>&1 &
pid=$!
check "a first repetition ends" wait_for 60 grep -q '^\[1/3\]' "$TMP/capture.log"
fill
wait $pid
rc=$?
out=$(tr '\n' ' ' <"$TMP/capture.log")
failed "full during a repetition" $rc "$disk/alpha/[^ ]*"
run=$(readlink -f "$disk/alpha/latest")
like "full during a repetition: run.json says so" "broke.*$space" "$(jq -r '"\(.status) \(.error)"' "$run/run.json")"
is "the first repetition is whole" "1" "$(awk -F, '$4 == "app.survived" { print $3 }' "$run/data.csv" | xargs)"
check "and its capture" "$EXTCP" decode "$run/captures/four-1-server-cable.pcap"
is "no other capture is there" "$(jq -r '.repetitions[].captures[].file' "$run/run.json" | sort)" "$(cd "$run" && find captures -type f | sort)"
room
check "report reads it" extcp report --out "$TMP/broken.html" "$run"
like "report says so" "$space" "$(cat "$TMP/broken.html")"

# --- each file of a run, alone ---
begun() { test -d "$TMP"/one/alpha/.*.tmp/parts; }
# without FILE...: a run that finds no space for these; its directory is $run
without() {
    local tmp
    rm -rf "$TMP/one"
    EXTCP_HOME=$home "$EXTCP" alpha --variant four --reps 1 --out "$TMP/one" >"$TMP/one.log" 2>&1 &
    pid=$!
    wait_for 30 begun
    tmp=$(echo "$TMP"/one/alpha/.*.tmp)
    for f in "$@"; do ln -s /dev/full "$tmp/$f"; done
    wait $pid
    rc=$?
    out=$(tr '\n' ' ' <"$TMP/one.log")
    run=$(readlink -f "$TMP/one/alpha/latest")
}
for f in data.csv run.json.tmp; do
    without "$f"
    failed "no space for $f" $rc "the results could not be written: [^ ]*/${f%.tmp}: "
    is "no space for $f: no results" "" "$(ls -A "$TMP/one/alpha")"
done
for f in series.csv wire.csv figures/goodput.csv figures/goodput.gp.tmp; do
    without "$f"
    failed "no space for $f" $rc "${f%.tmp}: cannot write"
    check "no space for $f: the rest can be read" extcp report --out "$TMP/rest.html" "$run"
done
without parts/four-1.json.tmp
failed "no space for the result of a repetition" $rc "parts/four-1.json: cannot write"

# --- report and merge ---
good() { # a run, in parts, that is whole
    extcp alpha --variant four --reps 2 --shard "$1/2" --out "$TMP/part$1" >/dev/null 2>&1
    readlink -f "$TMP/part$1/alpha/latest"
}
one=$(good 1) two=$(good 2)
fill
out=$(extcp merge "$one" "$two" --out "$disk/merged" 2>&1)
failed "merge onto a full disk" $? "$disk/merged"
is "merge leaves nothing half made" "" "$(hidden)"
room
check "merge with space" extcp merge "$one" "$two" --out "$disk/merged"
merged=$(readlink -f "$disk/merged/alpha/latest")
echo old >"$disk/r.html"
fill
out=$(extcp report --out "$disk/r.html" "$merged" 2>&1)
failed "report onto a full disk" $? "$disk/r.html"
is "the report that was there is whole" "old" "$(cat "$disk/r.html")"
check "no half report beside it" test ! -e "$disk/r.html.tmp"
room
fallocate -l $(($(df --output=avail -k "$disk" | tail -n 1) - 28))K "$disk/ballast" # enough for what gnuplot reads, not for what it draws
out=$(extcp compare "$one" "$two" --metric app.goodput --out "$disk/cmp" 2>&1)
failed "a figure" $? "$disk/cmp"
is "a figure: no half of it" "" "$(find "$disk/cmp" -name '*.svg' -o -name '*.png')"
out=$(extcp list 2>&1 >/dev/full)
failed "stdout" $? 'stdout: cannot write'
room

# --- paper ---
fill
out=$(extcp paper --out "$disk" 2>&1)
failed "paper on a full disk" $? "$disk/paper"
is "paper on a full disk: nothing half made" "" "$(find "$disk/paper" -mindepth 1)"
room
EXTCP_HOME=$home "$EXTCP" paper --out "$disk" >"$TMP/paper.log" 2>&1 &
pid=$!
check "the second experiment begins" wait_for 60 grep -q '\[2/2\] beta' "$TMP/paper.log"
check "the second experiment has a repetition" wait_for 60 bash -c "sed '1,/beta/d' '$TMP/paper.log' | grep -q '^.1/4'"
fill
wait $pid
rc=$?
out=$(tr '\n' ' ' <"$TMP/paper.log")
failed "paper, full in its second experiment" $rc "stopped after 1 of 2 experiments; once there is space.*$disk/paper/[^ ]*"
paper=$(echo "$disk"/paper/2*)
is "the first is done, the second is not" "true false" "$(jq -r '.experiments[].done' "$paper/paper.json" | xargs)"
check "the first is whole" extcp report --out "$TMP/first.html" "$paper/runs/alpha/latest"
room
ln -s /dev/full "$paper/report.html.tmp"
out=$(extcp paper --out "$disk" 2>&1)
failed "no space for the report" $? "$paper/report.html"
like "it had gone on" 'going on with .*: 1 of 2 experiments are left' "$out"
check "no half a report" test ! -e "$paper/report.html"
out=$(extcp paper --out "$disk" 2>&1)
is "nothing but the report is left: exit status" 0 $?
like "nothing but the report is left" 'going on with .*: 0 of 2' "$out"
is "nothing ran twice" 1 "$(find "$paper/runs/alpha" -maxdepth 1 -name '2*' | wc -l)"
began() { jq -r '.started | "\(.[:10]) \(.[11:16])"' "$paper/runs/$1/latest/run.json"; }
like "the report says when each ran" "alpha.*Run of $(began alpha) UTC.*beta.*Run of $(began beta) UTC" "$(tr '\n' ' ' <"$paper/report.html")"
# --- killed as a whole, two at once, whole results that paper.json does not know of ---
rm -rf "$disk"/paper
EXTCP_HOME=$home setsid "$EXTCP" paper --out "$disk" >"$TMP/group.log" 2>&1 &
group=$!
check "a paper is in its second experiment" wait_for 60 bash -c "sed '1,/beta$/d' '$TMP/group.log' | grep -q '^.1/4'"
paper=$(echo "$disk"/paper/2*)
EXTCP_HOME=$home "$EXTCP" paper --out "$disk" >"$TMP/two.log" 2>&1 &
two=$!
check "a second paper begins" wait_for 30 grep -q '=== .1/2. alpha' "$TMP/two.log"
check "the first is still at work" kill -0 $group
for lock in /run/extcp/*/lock; do # what the group holds, which the one that goes on has to remove
    [ "$(ps -o pgid= -p "$(cat "$lock")" | xargs)" != $group ] || basename "$(dirname "$lock")"
done >"$TMP/held" 2>/dev/null
kill -9 -- -$group
kill -INT $two
wait $two
is "a second paper, interrupted: exit status" 4 $?
like "a second paper says whose machine it shares" "another process works on $paper" "$(cat "$TMP/two.log")"
is "it has a directory of its own" 2 "$(find "$disk/paper" -mindepth 1 -maxdepth 1 | wc -l)"
find "$disk/paper" -mindepth 1 -maxdepth 1 ! -path "$paper" -exec rm -r {} +
wait $group 2>/dev/null
check "the killed one held something" test -s "$TMP/held"
jq '.experiments[0] = {experiment: "alpha", done: false, exit: 0}' "$paper/paper.json" >"$TMP/p.json" && cp "$TMP/p.json" "$paper/paper.json"
out=$(extcp paper --out "$disk" 2>&1)
is "killed as a whole, gone on with: exit status" 0 $?
like "alpha was whole before paper.json said so" '1/2. alpha: its run of .* is whole.*=== .2/2. beta' "$(tr '\n' ' ' <<<"$out")"
is "alpha did not run twice, beta once to its end" "1 1" "$(for x in alpha beta; do find "$paper/runs/$x" -maxdepth 1 -name '2*' | wc -l; done | xargs)"
is "nothing half made is left" "" "$(hidden)"
is "no network is left" "" "$(left)"
check "there were networks" test "$(wc -l <"$TMP/testbeds")" -gt 10
finish
