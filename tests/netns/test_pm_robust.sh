#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Path managers that missed something: netlink sockets that overran, rings and maps that were full, connections that were half-way when the
# daemon came. Judged by ss, nstat and /proc/net/netlink.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
if [ "${1:-}" != inside ]; then
    fast_mesh "${BASH_SOURCE[0]}"
    exit
fi
PM_DIR=$TMP
# shellcheck source=tests/netns/pm.sh
. "$(dirname "${BASH_SOURCE[0]}")/pm.sh"
BENCH=$TOP/$O/bench/bench_pm
TO=$(address server 4 1)
become server "$BENCH" server :: 7000 >"$TMP/echo.out" &
wait_until 10 grep -q ready "$TMP/echo.out"

# Established subflows that the client opened.
ports() { ss -tnH state established "( dport = :7000 )" | grep -v '^mptcp' | awk '{ print $3, $4 }'; }
there_are() {
    local n
    n=$(ports | wc -l)
    [ "$n" = "$1" ] || { echo "$n subflows"; false; }
}
pairs() { ports | sed -E 's/%[a-z0-9]+//; s/:[0-9]+ / /; s/:7000$//' | sort -u | wc -l; }
# hold N SUBFLOWS: N connections that stay, as a background job; release: they end.
hold() { "$BENCH" client "$TO" 7000 "$1" 2000 60000 1 >/dev/null 2>&1 & HELD+=($!); }
HELD=()
release() {
    [ ${#HELD[@]} = 0 ] || { kill "${HELD[@]}" && wait "${HELD[@]}"; } 2>/dev/null
    HELD=()
    wait_for 10 there_are 0
}
# drops NAME FAMILY: what netlink sockets of that daemon lost; family 0 is rtnetlink, 16 generic netlink
drops() {
    local inodes
    inodes=$(find "/proc/$(cat "$TMP/$1.pid")/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')
    awk -v f="$2" 'NR == FNR { ours[$1] = 1; next } $2 == f && ($NF in ours) { n += $(NF - 1) } END { print n + 0 }' <(echo "$inodes") <(on client cat /proc/net/netlink)
}
lost() { [ "$(drops "$1" "$2")" -gt 0 ]; }
said() { grep -q "$2" "$TMP/$1.err"; }
pause() { kill -STOP "$(cat "$TMP/$1.pid")"; }
resume() { kill -CONT "$(cat "$TMP/$1.pid")"; }
up_now() { awk -v a="local $1" '/ pm_local_(up|down) / && index($0, a) { s = $2 } END { exit s != "pm_local_up" }' "$TMP/c.err"; }
left() { echo "$(metric "$1" left_connections) $(metric "$1" left_subflows)"; }

# mptcp_pm_events overruns while the daemon stands still: connections open, end, and stay
pm_start s server --policy fullmesh --family 4
pm_start c client --policy fullmesh --family 4 --buffer 4096
hold 5
check "five connections with four subflows each" wait_for 10 there_are 20
pause c
"$BENCH" client "$TO" 7000 60 400 20 1 >/dev/null 2>&1
release
hold 5
check "the events of connections that ended are lost" wait_for 10 lost c 16
resume c
check "the daemon says so" wait_for 10 said c "events of the kernel were lost"
check "those that were opened meanwhile have two subflows each, one more where the announcement was heard" wait_for 10 eval '[ "$(ports | wc -l)" -ge 10 ]'
"$BENCH" client "$TO" 7000 5 400 1000 4 >"$TMP/after.out" 2>&1
is "those that are opened afterwards have all of theirs" 0 "$(awk '$2 == "without_subflows" { print $4 }' "$TMP/after.out")"
release
pm_stop c
is "nothing is left of those that were gone, nor of the others" "0 0" "$(left c)"
check "the overrun is counted" test "$(metric c overruns)" -ge 1
pm_stop s

# rtnetlink overruns: addresses come and go while the daemon stands still
pm_start c client --policy fullmesh --family 4 --buffer 4096
hold 1
check "an address of ours each to the peer's: two subflows" wait_for 10 there_are 2
pause c
for i in $(seq 40); do printf 'address add 10.0.1.%d/24 dev c2\naddress del 10.0.1.%d/24 dev c2\n' $((100 + i)) $((100 + i)); done >"$TMP/batch"
on client ip -batch "$TMP/batch"
check "rtnetlink's messages are lost" lost c 0
on client ip address add 10.0.1.99/24 dev c2
on client ip address add 10.0.0.99/24 dev c1
on client ip address del 10.0.0.99/24 dev c1
resume c
check "an address that came meanwhile is known" wait_for 10 up_now 10.0.1.99
check "and has its subflow: three" wait_for 10 there_are 3
is "one that came and went is not" 0 "$(grep -c 'pm_local_up.*10\.0\.0\.99' "$TMP/c.err")"
pause c
on client ip -batch "$TMP/batch"
on client ip address del 10.0.1.99/24 dev c2
resume c
check "one that went meanwhile is known too" wait_for 10 said c 'pm_local_down.*10\.0\.1\.99'
check "and its subflow is closed: two" wait_for 10 there_are 2
release
pm_stop c
is "nothing failed, nothing is left" "0 0 0" "$(metric c failed) $(left c)"

on server ip mptcp limits set subflows 8
# a ring of 4096 bytes, for about forty commands, while the daemon stands still
pm_start c client --policy ndiffports --set n=4 --ring 4096
pause c
hold 200
check "two hundred connections without their subflows" wait_for 10 there_are 200
resume c
check "the ring was full; all of them have four in the end" wait_for 20 there_are 800
release
pm_stop c
check "counted ($(metric c overflowed) commands had no room in the ring)" test "$(metric c overflowed)" -gt 400
is "none is lost, none failed, none is made twice, nothing is left" "0 0 600 0 0" "$(metric c no_room) $(metric c failed) $(metric c "done") $(left c)"

# a map with room for ten connections, and then fifteen
pm_start c client --policy ndiffports --set n=2 --connections 10
hold 10
check "ten connections with two subflows each" wait_for 10 there_are 20
FIRST=${HELD[0]}
hold 5
check "five for which there is no room" wait_for 10 there_are 25
check "it says so" wait_for 10 said c "more connections than there is room for (10)"
kill "$FIRST"
check "the ten end: the five are found, and have their subflows" wait_for 10 there_are 10
release
pm_stop c
is "adopted: the five; nothing is left" "5 0 0" "$(metric c adopted) $(left c)"

# daemons that come when a connection is half-way. Without a daemon, pm_type stays 1 only when one was killed.
# silent N: a connection that says nothing before `speak`
silent() {
    mkfifo "$TMP/say.$1"
    # shellcheck disable=SC2016
    mptcpize run bash -c 'exec 5<>"/dev/tcp/$1/7000"; touch "$2.open"; read -r x <"$2"; echo "$x" >&5; read -r y <&5; sleep 60' - "$TO" "$TMP/say.$1" &
    HELD+=($!)
    wait_for 10 test -e "$TMP/say.$1.open"
}
speak() { echo x >"$TMP/say.$1"; }
both_killed() {
    pm_start s server --policy fullmesh --family 4
    pm_start c client --policy fullmesh --family 4
    pm_stop s KILL
    pm_stop c KILL
}
joins() { mib client MPTcpExtMPJoinSynTx; }

both_killed
silent 1
check "a connection that has said nothing yet" there_are 1
before=$(joins)
pm_start c client --policy fullmesh --family 4
speak 1
check "adopted by the client before its first byte: two subflows when it speaks" wait_for 10 there_are 2
pm_start s server --policy fullmesh --family 4
check "adopted by the server: it announces, and there are four" wait_for 10 there_are 4
is "each of them once" "4 3" "$(pairs) $(($(joins) - before))"
release
pm_stop c
pm_stop s
is "adopted once at each end" "1 1 0 0 0 0" "$(metric c adopted) $(metric s adopted) $(left c) $(left s)"

# What the server announces before the client's daemon is there is lost (docs/path-managers.md); the rest is not.
both_killed
silent 2
before=$(joins)
pm_start s server --policy fullmesh --family 4
pm_start c client --policy fullmesh --family 4
speak 2
check "the server first, then the client, then the first byte: a subflow from each address of the client" wait_for 10 there_are 2
is "each of them once" "2 1" "$(pairs) $(($(joins) - before))"
release
pm_stop c
pm_stop s
is "nothing is left" "0 0 0 0" "$(left c) $(left s)"

# The first byte is sent, and no acknowledgement comes back; then a further subflow's handshake that is under way.
both_killed
silent 3
on server ip rule add pref 1 to 10.0.0.0/16 blackhole
speak 3
before=$(joins)
pm_start c client --policy fullmesh --family 4
is "nothing is acknowledged yet: no MP_JOIN" 0 "$(($(joins) - before))"
on server ip rule del pref 1
on server ip rule add pref 1 to 10.0.1.0/24 blackhole
asked() { [ "$(($(joins) - before))" -ge 1 ]; }
check "it is: an MP_JOIN is sent, and not answered" wait_for 10 asked
pm_stop c KILL
pm_start c client --policy fullmesh --family 4
on server ip rule del pref 1
check "the daemon came anew meanwhile: two subflows" wait_for 10 there_are 2
pm_start s server --policy fullmesh --family 4
check "and four with the server's" wait_for 10 there_are 4
is "one for each pair, each asked for once" "4 3" "$(pairs) $(($(joins) - before))"
release
pm_stop c
pm_stop s
is "nothing is left, nothing failed" "0 0 0" "$(left c) $(metric c failed)"
finish
