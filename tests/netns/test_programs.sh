#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What an eBPF object may contain: every kind of cgroup program, congestion controls with a name per run.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

experiment() {
    {
        echo "name: $1"
        cat <<'YAML'
title: "test"
topology: routed
set: [client-r1.rate=unlimited, client-r1.delay=0ms, r1-server.rate=unlimited, r1-server.delay=0ms]
YAML
        cat
    } >"$TMP/$1.yaml"
}
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" "${@:2}" >"$TMP/out" 2>&1; }
good() { if run "$2" "${@:3}"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out")"; fi; }
value() { awk -F, -v m="$2" -v v="${3:-v}" '$4 == m && $2 == v { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
registered() { bpftool struct_ops 2>/dev/null | grep -c catest || true; }

experiment hooks <<'YAML'
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 0.5, rate: 400kbit}]
programs:
  - {host: client, program: hooks, set: [step=3]}
  - {host: server, program: hooks}
variants: [{name: v}, {name: v6, family: 6}]
YAML
good "an object with six kinds of programs: the run" hooks
for c in sockops egress ingress setsockopt; do
    for h in client server; do
        n=$(value hooks $h.hooks.$c) && check "$h: $c is called (${n:-none})" test "${n:-0}" -gt 0
    done
done
is "connect4 once with IPv4, connect6 not" "3 0" "$(value hooks client.hooks.connect4) $(value hooks client.hooks.connect6)"
is "connect6 once with IPv6, connect4 not" "0 3" "$(value hooks client.hooks.connect4 v6) $(value hooks client.hooks.connect6 v6)"

# Four at once, on both hosts: the same name eight times would be refused.
experiment ca <<YAML
at_once: 4
repetitions: 2
workloads:
  - {name: s, kind: stream, from: client, to: server, seconds: 1.5, rate: 400kbit}
  - {name: look, kind: command, from: client, at: 0.7, seconds: 10, command: "ss -tinH > $TMP/ss.\$\$"}
programs:
  - {host: client, program: ca-test}
  - {host: server, program: ca-test}
variants: [{name: v}, {name: v6, family: 6}]
YAML
good "a congestion control in an object, several runs at once" ca
is "its sockets use it" "1 0" "$(value ca client.ca-test.chosen) $(value ca client.ca-test.refused)"
n=$(value ca client.ca-test.acks) && check "and it is called for their ACKs (${n:-none})" test "${n:-0}" -gt 0
is "ss sees each under a name of its own" "4 4" \
    "$(cat "$TMP"/ss.* | grep -oE 'catest_[0-9a-f]{8}' | wc -l) $(cat "$TMP"/ss.* | grep -oE 'catest_[0-9a-f]{8}' | sort -u | wc -l)"
is "nothing stays registered" 0 "$(registered)"

attach=$TOP/$O/tests/tools/attach_tool
cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)/extcp-test.$$
mkdir "$cgroup" "$cgroup.other" && at_exit "rmdir $cgroup $cgroup.other"
# held ARGUMENT...: attaches in the background, until its standard input ends.
held() {
    mkfifo "$TMP/fifo"
    "$attach" "$cgroup" "$@" <"$TMP/fifo" >"$TMP/held" 2>&1 &
    pid=$!
    exec 7>"$TMP/fifo" && rm "$TMP/fifo"
    wait_for 10 grep -q . "$TMP/held"
}
for how in link plain; do
    held $how t1 ca-test
    is "$how: attached" attached "$(cat "$TMP/held")"
    check "$how: registered under its tag" bash -c "bpftool struct_ops dump | grep -q catest_t1"
    out=$("$attach" "$cgroup.other" $how t1 ca-test </dev/null 2>&1) && rc=0 || rc=$?
    is "$how: the same name again: exit 4" 4 "$rc"
    like "$how: and it says so" "ca-test: a congestion control with the name of its 'catest' is registered already" "$out"
    is "$how: the program of the failed attempt is not left" "1 0" \
        "$(bpftool cgroup list "$cgroup" | grep -c choose) $(bpftool cgroup list "$cgroup.other" | grep -c choose)"
    out=$("$attach" "$cgroup" $how t3 ca-test </dev/null 2>&1) && rc=0 || rc=$?
    like "$how: the same program on the same cgroup" "ca-test is in effect there already" "$out"
    exec 7>&-
    wait $pid
    is "$how: nothing is left when it ends" "0 0" "$(registered) $(bpftool cgroup list "$cgroup" | grep -c choose)"
done
# Where the kernel has no links for it, a registration outlives its process.
for how in link plain; do
    held $how t2 ca-test
    { kill -KILL $pid; wait $pid; } 2>/dev/null
    exec 7>&-
    [ $how = link ] || is "plain: it is there after SIGKILL" 1 "$(registered)"
    "$EXTCP" clean >"$TMP/out"
    is "$how: nothing is left after SIGKILL and clean" "0 0" "$(registered) $(bpftool cgroup list "$cgroup" | grep -c choose)"
done
like "clean says what it unregistered" "removed struct_ops [0-9]+:catest" "$(cat "$TMP/out")"
out=$("$attach" "$cgroup" link much-too-long-a-tag ca-test </dev/null 2>&1) && rc=0 || rc=$?
like "a name that the kernel would not take" "cannot be called catest_much-too-long-a-tag: the kernel takes 15" "$out"
# A control that is all zeros lies in .bss, where its parameters would silently not be found.
sed 's/ SEC(".data") = {.ask = 0};/;/' "$TOP/bpf/options/iw-request.bpf.c" >"$TMP/zero.bpf.c"
check "the object builds" make -C "$TOP" -s program FILE="$TMP/zero.bpf.c"
experiment zero <<YAML
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 0.5, rate: 400kbit}]
programs: [{host: client, program: "$TMP/zero.bpf.o"}]
variants: [{name: v}]
YAML
run zero
is "a control in .bss is refused" 2 $?
like "with what to write instead" "'control' is all zeros.*SEC" "$(cat "$TMP/out")"
finish
