#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The command line: helps, --json, exit statuses, and the set-up on machines that lack something.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
chmod 755 "$TMP"

# status EXPECTED NAME COMMAND...; what it printed is in $TMP/out and $TMP/err
status() {
    local expected=$1 name=$2 rc=0
    shift 2
    "$@" >"$TMP/out" 2>"$TMP/err" </dev/null || rc=$?
    if [ "$rc" = "$expected" ]; then ok "$name"; else not_ok "$name" "exit $rc instead of $expected"$'\n'"$(cat "$TMP/out" "$TMP/err")"; fi
}
run=("$EXTCP")

for verb in list doctor clean shell decode stream uto; do
    status 0 "$verb --help" "${run[@]}" $verb --help
    is "and nothing on stderr" "" "$(cat "$TMP/err")"
done
like "the help of an experiment has its parameters, variants and claims" "short_s.*client-short.*claims.*10 %" "$(tr '\n' ' ' <"$TMP/out")"
status 0 "without arguments: the help" "${run[@]}"
like "with the experiments" "uto-failover" "$(cat "$TMP/out")"
while read -r words; do
    # shellcheck disable=SC2086
    status 2 "exit 2 for '$words'" "${run[@]}" $words
    check "and a reason on stderr" test -s "$TMP/err"
done <<'END'
nosuch
uto --nosuch
uto --reps x
uto --seed -1
uto --set foo
uto --set short_s=abc
uto extra
list foo
doctor foo
clean foo
shell
shell routed
shell routed client --json
decode
decode /nosuch.pcap
END

# --json: each line is one object
for words in "list --json" "doctor --json" "clean --json"; do
    # shellcheck disable=SC2086
    status 0 "$words" "${run[@]}" $words
    [ "$words" != "list --json" ] || cp "$TMP/out" "$TMP/list"
    is "one object a line" "$(wc -l <"$TMP/out")" "$(jq -Rr 'fromjson | objects | 1' "$TMP/out" | wc -l)"
done
for kind in experiment option program topology; do
    check "list names each $kind" jq -es --arg k $kind 'any(.[]; .kind == $k)' "$TMP/list"
done

# doctor says what is missing, what that means, and which command provides it.
mkdir "$TMP/nothing"
status 0 "doctor without iperf3" env PATH="$TMP/nothing" "$EXTCP" doctor
like "says so, what cannot be done, and what to do" "absent +iperf3 +not in PATH.*so: iperf3 workloads cannot run.*try: apt-get install iperf3" "$(tr '\n' ' ' <"$TMP/out")"
status 3 "doctor without root: something is missing that nothing works without" "${nobody[@]}" "$EXTCP" doctor
like "root" "missing +root +not root.*try: sudo ./run.sh doctor" "$(tr '\n' ' ' <"$TMP/out")"

# The set-up, with a package database of our own. The real apt-get is never reached.
bin=$TMP/bin
mkdir "$bin"
printf '#!/bin/sh\nfor p; do :; done\ncase $p in iperf3 | gnuplot-nox) exit 1 ;; esac\necho installed\n' >"$bin/dpkg-query"
printf '#!/bin/sh\necho "$@" >>%s/apt\nexit "$(cat %s/apt-status)"\n' "$TMP" "$TMP" >"$bin/apt-get"
chmod 755 "$bin"/*
echo 0 >"$TMP/apt-status"
setup=(env PATH="$bin:$PATH" bash "$TOP/scripts/setup.sh")
status 0 "setup --help" "${setup[@]}" --help
status 2 "setup: an unknown argument" "${setup[@]}" nonsense
like "and what is accepted" "nonsense.*accepted:.*--json.*build run" "$(cat "$TMP/err")"
status 3 "packages are missing and we are not root: exit 3" "${nobody[@]}" "${setup[@]}"
like "with the exact command" "apt-get install -y --no-install-recommends iperf3 gnuplot-nox$" "$(cat "$TMP/err")"
status 3 "the same for people who only type ./run.sh uto" "${nobody[@]}" env PATH="$bin:$PATH" "$TOP/run.sh" uto
like "with the same command" "apt-get install -y --no-install-recommends iperf3 gnuplot-nox$" "$(cat "$TMP/err")"
status 3 "setup --json" "${nobody[@]}" "${setup[@]}" --json
is "says what is missing" "false iperf3,gnuplot-nox" "$(jq -r '"\(.ok) \(.missing | join(","))"' "$TMP/out")"
check "apt-get was not called" test ! -e "$TMP/apt"

printf 'ID=fedora\nPRETTY_NAME="Fedora Linux 40"\n' >"$TMP/os-release"
on_fedora=(unshare --mount --propagation private sh -c 'mount --bind "$0" "$(readlink -f /etc/os-release)" && exec "$@"' "$TMP/os-release")
status 3 "another distribution: exit 3" "${on_fedora[@]}" "${setup[@]}" run
like "with its name and the list" "Fedora Linux 40.*iperf3 gnuplot-nox" "$(tr '\n' ' ' <"$TMP/err")"
check "apt-get was not called" test ! -e "$TMP/apt"
status 0 "EXTCP_SETUP=skip goes on" "${on_fedora[@]}" env EXTCP_SETUP=skip "${setup[@]}" run
mkdir "$TMP/bare"
for c in bash dirname cat id; do ln -s "$(command -v $c)" "$TMP/bare/$c"; done
status 3 "a machine without dpkg: exit 3" env PATH="$TMP/bare" bash "$TOP/scripts/setup.sh" run
like "with the whole list" "iperf3 gnuplot-nox iptables" "$(cat "$TMP/err")"

# What keeps services from starting (policy-rc.d) is not to be written on the real machine by a test.
mkdir "$TMP/sbin"
private=(unshare --mount --propagation private sh -c 'mount --bind "$0" /usr/sbin && exec "$@"' "$TMP/sbin")
status 0 "root on Debian: apt-get installs" "${private[@]}" "${setup[@]}" run
is "what is missing, and nothing else" "update install -y --no-install-recommends iperf3 gnuplot-nox" "$(xargs <"$TMP/apt")"
echo 100 >"$TMP/apt-status"
status 3 "apt-get fails: exit 3" "${private[@]}" "${setup[@]}" run
like "with the list" "could not install: iperf3 gnuplot-nox" "$(cat "$TMP/err")"
is "policy-rc.d is gone again" "" "$(ls "$TMP/sbin")"
finish
