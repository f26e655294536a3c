#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What an option decides about a connection, read back while the connection lives: who asked for what, what was granted, and why.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
# A network of its own: both ends are on its loopback.
if [ -z "${IN_NETNS:-}" ]; then
    IN_NETNS=1 unshare --net bash "$0"
    exit $?
fi
ip link set lo up
tool=$TOP/$O/tests/tools/attach_tool
root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)/extcp-test.$$
mkdir -p "$root/server" "$root/client" && at_exit "rmdir $root/server $root/client $root"
# to be called with &: becomes the command
in_group() { exec 7>&- 8>&- && echo $BASHPID >"$root/$1/cgroup.procs" && exec "${@:2}"; }
# attach SIDE FD PROGRAM [KEY=VALUE]...: in the background, until stop
attach() {
    mkfifo "$TMP/in"
    "$tool" "$root/$1" link "" "${@:3}" <"$TMP/in" >"$TMP/$1" 2>&1 7>&- 8>&- &
    eval "exec $2>$TMP/in"
    rm "$TMP/in"
    wait_for 10 grep -q attached "$TMP/$1"
}
# connections SIDE FD: a line for each
connections() {
    local dots
    dots=$(grep -c '^\.$' "$TMP/$1")
    echo >&"$2"
    wait_for 10 more_dots "$1" "$dots"
    tail -n +2 "$TMP/$1" | awk '$0 == "." { last = block; block = ""; next } { block = block $0 "\n" } END { printf "%s", last }'
}
more_dots() { [ "$(grep -c '^\.$' "$TMP/$1")" -gt "$2" ]; }
start() {
    attach server 7 uto "${server[@]}"
    attach client 8 uto "${client[@]}"
    in_group server "$EXTCP" stream server --bind "$address" --port 5000 >"$TMP/log" 2>&1 &
    listener=$!
    wait_for 10 bash -c "ss -tlnH 'sport = 5000' | grep -q ."
    in_group client "$EXTCP" stream client "$@" --to "$address" --port 5000 --seconds 30 --rate 100kbit >"$TMP/log" 2>&1 &
    sender=$!
    check "a connection with both decided" wait_for 10 decided
}
decided() { connections client 8 | grep -qE '^ESTAB.*[0-9]( s)? [a-z]+$' && ! { connections client 8; connections server 7; } | grep -q none; }
stop() {
    kill $sender $listener 2>/dev/null
    wait $sender $listener
    exec 7>&- 8>&-
    wait
}

address=127.0.0.1 server=(adv_uto_s=300) client=(adv_uto_s=200)
start
like "the client: the peer's longer one is granted" '^ESTABLISHED active 127.0.0.1:[0-9]+ 127.0.0.1:5000 asked 300 s granted 300 s granted$' "$(connections client 8)"
like "the server: its own goes further" '^ESTABLISHED passive 127.0.0.1:5000 127.0.0.1:[0-9]+ asked 200 s granted 300 s local$' "$(connections server 7)"
port=$(connections client 8 | awk '{ sub(/.*:/, "", $3); print $3 }')
is "ss sees the same port" "$port" "$(ss -tnH "dport = 5000" | awk '{ sub(/.*:/, "", $4); print $4 }')"
stop

address=::1 server=(adv_uto_s=30000 u_limit_s=600) client=(adv_uto_s=200 u_limit_s=500)
start
like "IPv6, bounded by our limit" '^ESTABLISHED active \[::1\]:[0-9]+ \[::1\]:5000 asked 30000 s granted 500 s bounded$' "$(connections client 8)"
stop

address=127.0.0.1 server=(adv_uto_s=300) client=(adv_uto_s=200 changeable=0)
start
like "refused by the policy, the default stays" ' asked 300 s granted 0 s policy$' "$(connections client 8)"
stop

server=(adv_uto_s=300) client=(adv_uto_s=200)
start --user-timeout 33000
like "refused: the application has its own" ' asked 300 s granted 33 s application$' "$(connections client 8)"
stop
finish
