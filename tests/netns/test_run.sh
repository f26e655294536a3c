#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Whole runs: the files they leave, verdicts that fail, Ctrl-C, SIGKILL and clean, two at once, bad input.
# Whatever else runs on the machine is not to be counted; only the network is the real one, which must not change.
export MACHINE_NET=
# shellcheck source=tests/netns/machine.sh
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
cat >"$TMP/small.yaml" <<'EOF'
name: small
title: "A short run for the tests"
topology: routed
repetitions: 2
at_once: 2
parameters:
  - {name: uto_s, value: 7}
  - {name: program, value: uto}
  - {name: seconds, value: 1}
captures:
  - {point: "client:client-r1", filter: tcp}
programs:
  - {host: client, program: "${program}", set: []}
workloads:
  - {name: app, kind: stream, from: client, to: server, seconds: "${seconds}", rate: 400kbit}
variants:
  - {name: a}
  - {name: b, family: 6}
checks:
  - {name: "SYN carries the option", point: "client:client-r1", from: client, segments: SYN, option: uto}
claims:
  - {name: "it survives", kind: each, metric: app.survived, min: 1, max: 1}
table: [app.survived]
EOF
run() { timeout 60 "$EXTCP" "$TMP/small.yaml" --out "$TMP/results" "$@" >"$TMP/out" 2>"$TMP/err"; }
ours() {
    ip netns list | grep -cE '^extcp-[0-9a-f]{6}-' || true
    find /sys/fs/cgroup -maxdepth 3 -type d -name 'extcp-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]' | wc -l
    find /run/extcp -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}
# Congestion controls that a run registers are seen by the whole machine; those that have a run's name are somebody else's.
host_network() { ip -j link && ip -j route && ip -j -6 route && sysctl -a 2>/dev/null | grep '^net\.' | sed 's/ [a-z]*_[0-9a-f]\{6,\}//g'; }
nothing=$(printf '0\n0\n0')
"$EXTCP" clean >/dev/null 2>&1
host_network >"$TMP/before"
is "nothing of ours is there before" "$nothing" "$(ours)"

run && rc=0 || rc=$?
is "a run whose checks and claims hold exits 0" 0 "$rc"
[ "$rc" -eq 0 ] || sed 's/^/# /' "$TMP/out" "$TMP/err"
dir=$TMP/results/small/latest
for f in run.json data.csv series.csv wire.csv log.txt; do
    check "it leaves $f" test -s "$dir/$f"
done
is "run.json has its status and version" "pass 1" "$(jq -r '"\(.status) \(.schema_version)"' "$dir/run.json")"
is "with everything that was used" "" "$(jq -r 'paths | map(tostring) | join(".")' "$dir/run.json" >"$TMP/paths"
    for key in title command.0 seed order.0.1 machine.source.revision machine.kernel.release machine.tools.iperf3 machine.tools.libbpf sysctls.net.ipv4.tcp_rmem \
        variants.0.topology.links.0.forward.delay_us variants.0.topology.links.0.offloads summary wire_checks.run claims.0.found \
        repetitions.0.link_backend repetitions.0.link_realtime repetitions.0.sysctls.client repetitions.0.calibration.0.forward.delay_median_ms \
        repetitions.0.calibration.0.forward.rate_measured_bps repetitions.0.links.0.lost repetitions.0.captures.0.dropped_kernel repetitions.0.programs.0.counters; do
        grep -qxF "$key" "$TMP/paths" || echo "missing: $key"
    done)"
is "the command is as it was typed" "./run.sh $TMP/small.yaml --out $TMP/results" "$(jq -r '.command | join(" ")' "$dir/run.json")"
order=$(jq -c .order "$dir/run.json")
run --seed 7 && order7=$(jq -c .order "$dir/run.json")
run --seed 7
is "the same seed gives the same order" "$order7" "$(jq -c .order "$dir/run.json")"
check "another one another" test "$order" != "$order7"
is "a capture for each repetition" 4 "$(find "$dir/captures" -name '*.pcap' | wc -l)"
is "wire.csv has a row for each check" 4 "$(grep -c ',pass$' "$dir/wire.csv")"
is "data.csv has each repetition" 4 "$(grep -c ',app.survived,' "$dir/data.csv")"
check "no parts are left" test ! -e "$dir/parts"
is "tshark sees the option in each capture" 4 \
    "$(for f in "$dir"/captures/*.pcap; do tshark -r "$f" -Y 'tcp.flags.syn==1 && tcp.flags.ack==0 && tcp.option_kind==28' -T fields -e frame.number 2>/dev/null | head -n 1; done | wc -l)"
is "nothing is left behind" "$nothing" "$(ours)"

run --json --reps 1 --variant a && rc=0 || rc=$?
is "--json prints one object a line, the verdict last" "verdict 0" "$(tail -n 1 "$TMP/out" | jq -r '"\(.event) \(.exit)"')"

is "and each line is one" "$(wc -l <"$TMP/out")" "$(jq -Rr 'fromjson | objects | 1' "$TMP/out" | wc -l)"

run --reps 1 --variant a --set program=uto-silent && rc=0 || rc=$?
is "a program that does not write the option: exit 1" 1 "$rc"
like "and the packet in words" "wire check failed.*SYN carries the option.*packet:.*SYN" "$(tr '\n' ' ' <"$TMP/out")"
is "and run.json says fail" fail "$(jq -r .status "$dir/run.json")"

# The process of a repetition, which holds its captures, is stopped until the traffic is over: packets are missing, and the verdict says so.
cat >"$TMP/drops.yaml" <<'EOF'
name: drops
title: "A capture that loses packets"
topology: direct
captures: [{point: "server:cable", filter: tcp}]
workloads: [{name: bulk, kind: iperf3, from: client, to: server, seconds: 3}]
variants: [{name: v}]
EOF
"$EXTCP" "$TMP/drops.yaml" --out "$TMP/results" --json >"$TMP/out" 2>"$TMP/err" &
pid=$!
client() { cat /sys/fs/cgroup/extcp-*/client/cgroup.procs 2>/dev/null; }
check "a run with a capture starts" wait_for 20 eval '[ -n "$(client)" ]'
client=$(client) worker=$(pgrep -P $pid -x extcp)
kill -STOP "$worker"
check "its traffic ends" wait_for 20 grep -qs '^State:.*Z' "/proc/$client/status"
kill -CONT "$worker"
wait $pid
check "dropped packets are in the verdict ($(jq -r 'select(.event == "verdict").capture_drops' "$TMP/out"))" \
    jq -es '.[] | select(.event == "verdict") | .capture_drops > 0' "$TMP/out"
is "and in run.json" true "$(jq '.repetitions[0].captures[0].dropped_kernel > 0' "$TMP/results/drops/latest/run.json")"

for bad in "--reps 0" "--family 5" "--variant nope" "--set nope=1" "--nonsense" "--set client-r1.delay=10parsec"; do
    # shellcheck disable=SC2086
    run $bad && rc=0 || rc=$?
    is "exit 2 for $bad" 2 "$rc"
done
like "an unknown variant names those there are" "accepted: a, b" "$(run --variant nope; cat "$TMP/err")"
sed 's/segments: SYN/segments: SYM/' "$TMP/small.yaml" >"$TMP/bad.yaml"
line=$(grep -n SYM "$TMP/bad.yaml" | cut -d: -f1)
"$EXTCP" "$TMP/bad.yaml" >/dev/null 2>"$TMP/err" && rc=0 || rc=$?
is "a bad file exits 2" 2 "$rc"
like "and names file, line, value and what is accepted" "bad.yaml:$line: .*SYM.*accepted: SYN" "$(cat "$TMP/err")"
"$EXTCP" no-such-experiment >/dev/null 2>"$TMP/err" && rc=0 || rc=$?
is "an unknown experiment exits 2" 2 "$rc"
like "and lists those there are" "experiments: .*uto" "$(cat "$TMP/err")"
chmod 755 "$TMP" && "${nobody[@]}" "$EXTCP" "$TMP/small.yaml" >/dev/null 2>"$TMP/err" && rc=0 || rc=$?
is "not root: exit 3" 3 "$rc"

# started PID: its namespaces are up and a client runs
started() { [ "$(ip netns list | grep -c '^extcp-')" -ge 6 ] && [ -n "$(cat /sys/fs/cgroup/*/extcp-*/client/cgroup.procs 2>/dev/null || cat /sys/fs/cgroup/extcp-*/client/cgroup.procs 2>/dev/null)" ]; }
for sig in INT TERM; do
    "$EXTCP" "$TMP/small.yaml" --out "$TMP/results" --set seconds=60 >"$TMP/out" 2>"$TMP/err" &
    pid=$!
    check "a long run starts" wait_for 20 started
    # A shell without job control starts its children with SIGINT ignored; extcp sets its own handler, so it works all the same.
    kill -$sig $pid
    wait $pid && rc=0 || rc=$?
    is "SIG$sig ends it with 4" 4 "$rc"
    is "SIG$sig leaves nothing behind" "$nothing" "$(ours)"
    is "SIG$sig leaves a result that says so" interrupted "$(jq -r .status "$dir/run.json")"
done

"$EXTCP" "$TMP/small.yaml" --out "$TMP/results" --reps 1 --variant a --keep >"$TMP/out" 2>"$TMP/err" &
pid=$!
check "--keep leaves the network up" wait_for 30 grep -q "^kept:" "$TMP/err"
check "and says how to look into it" sh -c "$(sed -n 's/^  \(ip netns exec .*-client\) sh$/\1/p' "$TMP/err") ping -c 1 -W 2 10.0.1.2"
kill -INT $pid
wait $pid && rc=0 || rc=$?
is "until Ctrl-C: the run is complete and passes" "0 pass" "$rc $(jq -r .status "$dir/run.json")"
is "and nothing is left behind" "$nothing" "$(ours)"

"$EXTCP" shell routed client -- sleep 60 &
pid=$!
check "a shell with a command starts" wait_for 20 sh -c 'test -n "$(cat /sys/fs/cgroup/extcp-*/client/cgroup.procs)"'
kill -TERM $pid
wait $pid && rc=0 || rc=$?
is "SIGTERM ends the command and the shell" 143 "$rc"
is "and nothing is left behind" "$nothing" "$(ours)"

"$EXTCP" "$TMP/small.yaml" --out "$TMP/killed" --set seconds=60 >"$TMP/out" 2>"$TMP/err" &
pid=$!
check "a run to be killed starts" wait_for 20 started
run --reps 1 --variant a && rc=0 || rc=$?
is "a second run beside it passes" 0 "$rc"
"$EXTCP" clean --json >"$TMP/out"
check "clean leaves a living run alone" started
# A run that is just being made has a directory and no lock yet, or a lock that nobody holds yet: it is no dead one.
new=$(mktemp -d /run/extcp/0XXXXX)
"$EXTCP" clean >/dev/null
check "nor does it take one that is being made for a dead one" test -d "$new"
touch -d '1 minute ago' "$new"
like "unless that was long ago" "${new##*/} is dead" "$("$EXTCP" clean)"
{ kill -KILL $pid; wait $pid; } 2>/dev/null
none_left() { ! readlink /proc/[0-9]*/cwd | grep -q "^$TMP/killed"; }
check "its processes die with it" wait_for 10 none_left
check "clean after SIGKILL" "$EXTCP" clean
is "clean leaves nothing behind" "$nothing" "$(ours)"
is "nor unfinished results" 0 "$(find "$TMP/killed" -mindepth 2 | wc -l)"

# A cgroup that cannot go yet (here: something is mounted on it) stays on the list, so that clean finds it later.
cat >"$TMP/busy.sh" <<'SH'
group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
"$1" shell direct client -- sh -c 'cat /proc/self/cgroup >"$0/cgroup"; mount --bind "$0" "$1$(sed -n s/^0:://p "$0/cgroup")"' "$2" "$group" 2>/dev/null
of=$group$(sed -n s/^0:://p "$2/cgroup")
id=${of%/*} && id=${id##*/extcp-}
[ -d "$of" ] && [ -e "/run/extcp/$id/list" ] && echo "kept"
umount "$of"
"$1" clean >/dev/null
[ ! -e "${of%/*}" ] && [ ! -e "/run/extcp/$id" ] && echo "gone"
SH
mkdir "$TMP/mounted"
is "a cgroup that is in use is kept in mind, and clean removes it" "kept gone" \
    "$(unshare --mount --propagation private bash "$TMP/busy.sh" "$EXTCP" "$TMP/mounted" | xargs)"
is "nothing is left of it" "$nothing" "$(ours)"

# A full disk: a clear error, and what was there before is whole.
mkdir "$TMP/full" && mount -t tmpfs -o size=64k none "$TMP/full" && at_exit "umount $TMP/full"
timeout 60 "$EXTCP" "$TMP/small.yaml" --out "$TMP/full" --reps 1 >"$TMP/out" 2>"$TMP/err" && rc=0 || rc=$?
is "a full disk: exit 4" 4 "$rc"
like "and it says so" "No space left on device" "$(cat "$TMP/out" "$TMP/err")"
is "and nothing is left behind" "$nothing" "$(ours)"

host_network >"$TMP/after"
is "the host's own network is the same, byte for byte" "" "$(diff "$TMP/before" "$TMP/after" 2>&1)"
finish
