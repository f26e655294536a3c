#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Path managers in eBPF: what each policy does, judged by ss, nstat and tshark; a daemon that is killed; a peer that announces anything.
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
SUBFLOWS=(state established "( dport = :7000 )")
subflows() { ss -tnH "${SUBFLOWS[@]}" | grep -v '^mptcp' | awk '{ print $3, $4 }'; }
pairs() { subflows | sed -E 's/%[a-z0-9]+//; s/:[0-9]+ / /; s/:7000$//' | sort -u | wc -l; }
count() { subflows | wc -l; }
there_are() { [ "$(count)" = "$1" ]; }
token_of() { on "$1" ss -niHM state established "( sport = :7000 or dport = :7000 )" | grep -o 'token:[0-9a-f]*' | cut -d: -f2 | sort -u; }
# hold SECONDS: a connection that stays so long
hold() { "$BENCH" client "$TO" 7000 1 1000 "$(($1 * 1000))" 1 >/dev/null & HELD=$!; }
release() { kill $HELD 2>/dev/null; wait $HELD 2>/dev/null; wait_for 10 there_are 0; }

TO=$(address server 4 1) TO6=$(address server 6 1)
become server "$BENCH" server :: 7000 >"$TMP/echo.out" &
wait_until 10 grep -q ready "$TMP/echo.out"

# ndiffports
mkfifo "$TMP/stop"
pm_start c client --policy ndiffports --set n=4
pm_start s server --policy fullmesh --family 4
"$TOP/$O/tests/tools/capture_tool" "extcp-$PM_ID-client" c1 "$TMP/nd.pcap" tcp <"$TMP/stop" >"$TMP/cap.out" & cap=$!
exec 8>"$TMP/stop"
wait_until 10 grep -q ready "$TMP/cap.out"
hold 60
check "ndiffports: four subflows" wait_for 10 there_are 4
is "between one pair of addresses" 1 "$(pairs)"
is "from four ports" 4 "$(subflows | awk '{ print $1 }' | sort -u | wc -l)"
is "nstat: three MP_JOIN SYNs, each answered" "3 3" "$(mib client MPTcpExtMPJoinSynTx) $(mib client MPTcpExtMPJoinSynAckRx)"
exec 8>&-
wait $cap
is "tshark: three SYNs with MP_JOIN, address id 0" "3 0" "$(tshark -r "$TMP/nd.pcap" -Y 'tcp.flags == 2 && tcp.options.mptcp.subtype == 1' -T fields -e tcp.options.mptcp.addrid 2>/dev/null | sort | uniq -c | awk '{ print $1, $2 }')"
release
pm_stop c
is "SIGTERM: exits 0" 0 $?
is "its counters" "1 4 0 0" "$(metric c connections) $(metric c subflows_established) $(metric c failed) $(metric c left_subflows)"
is "the sysctl is as before" 0 "$(on client sysctl -n net.mptcp.pm_type)"

# fullmesh
pm_start c client --policy fullmesh --family 4
hold 60
check "fullmesh: four subflows" wait_for 10 there_are 4
is "one for each pair" 4 "$(pairs)"
routes=$(on client ip route show table all dev c2 | grep -v -E 'local|broadcast|multicast|fe80|fd00')
rm_before=$(mib server MPTcpExtRmAddr)
on client ip link set c2 down
check "an interface is lost: two subflows stay" wait_for 10 there_are 2
is "and the peer is told (RM_ADDR)" 1 "$(($(mib server MPTcpExtRmAddr) - rm_before))"
on client ip link set c2 up
while read -ra r; do on client ip route replace "${r[@]}" dev c2 2>/dev/null; done <<<"$routes"
check "it comes back: four again" wait_for 10 there_are 4
on server ip addr add 10.0.6.77/24 dev s1
check "a new address of the peer: six" wait_for 10 there_are 6
is "one for each pair" 6 "$(pairs)"
on server ip addr del 10.0.6.77/24 dev s1
check "which it loses again: four" wait_for 10 there_are 4
release
TO=$TO6 hold 60
check "IPv6 connection, but only IPv4 addresses may be used: the first subflow, and four" wait_for 10 there_are 5
release
pm_stop c
pm_stop s
is "nothing failed, nothing is left" "0 0 0" "$(metric c failed) $(metric c left_connections) $(metric c left_subflows)"

pm_start c client --policy fullmesh --set subflows=32
pm_start s server --policy fullmesh --set subflows=32
TO=$TO6 hold 60
check "both families in one connection: eight subflows" wait_for 10 there_are 8
is "one for each pair" 8 "$(pairs)"
release
hold 60
check "an IPv4 socket has none of IPv6: four" wait_for 10 there_are 4
release
pm_stop c
pm_stop s

# the daemons are killed and started again, with a connection
pm_start s server --policy fullmesh --family 4
pm_start c client --policy fullmesh --family 4
hold 60
check "before the daemons are killed: four" wait_for 10 there_are 4
before=$(mib server MPTcpExtAddAddrTx)
pm_stop c KILL
pm_stop s KILL
is "killed: the connection has its subflows" 4 "$(count)"
"$BENCH" client "$TO" 7000 1 1000 60000 1 >/dev/null & SECOND=$!
check "and without a daemon a new one works, with one subflow" wait_for 10 there_are 5
pm_start c client --policy fullmesh --family 4
pm_start s server --policy fullmesh --family 4
check "started again: the new one gets its four, the old one keeps its" wait_for 10 there_are 8
is "what was announced is not announced again: one address, for the new one only" 1 "$(($(mib server MPTcpExtAddAddrTx) - before))"
"$BENCH" client "$TO" 7000 1 1000 60000 1 >/dev/null & THIRD=$!
check "and a third gets its own" wait_for 10 there_are 12
kill $SECOND $THIRD
wait $SECOND $THIRD 2>/dev/null
release
pm_stop c
pm_stop s
is "two were adopted at each end, all are gone" "2 2 0 0" "$(metric c adopted) $(metric s adopted) $(metric c left_connections) $(metric s left_connections)"
is "the sysctl is what it was before the first one" "0 0" "$(on client sysctl -n net.mptcp.pm_type) $(on server sysctl -n net.mptcp.pm_type)"

# a daemon that was killed for good
pm_start c client --policy fullmesh --family 4
pm_stop c KILL
is "killed: the sysctl is as it was while it ran" 1 "$(on client sysctl -n net.mptcp.pm_type)"
like "extcp clean says that it puts it back" "sysctl net/mptcp/pm_type is 0 again" "$("$EXTCP" clean)"
is "and does" 0 "$(on client sysctl -n net.mptcp.pm_type)"

# recovery
pm_start c client --policy recovery --family 4 --set first_ms=100
pm_start s server --policy fullmesh --family 4
hold 60
check "recovery: four subflows" wait_for 10 there_are 4
for i in 1 2 3; do
    grep -c pm_subflow_closed "$TMP/c.err" >"$TMP/n"
    ss -KtnH state established "( dport = :7000 and src 10.0.1.1 and dst 10.0.7.2 )" >/dev/null
    closed_more() { [ "$(grep -c pm_subflow_closed "$TMP/c.err")" -gt "$(cat "$TMP/n")" ]; }
    wait_for 5 closed_more
    check "reset $i times: opened again" wait_for 10 there_are 4
done
told() { [ "$(grep -c ' pm_subflow ' "$TMP/c.err")" = 6 ]; }
check "each was told" wait_for 5 told
awk '$2 == "pm_subflow_closed" { t = $1 } $2 == "pm_subflow" && t { printf "%d ", ($1 - t) * 10; t = 0 }' "$TMP/c.err" >"$TMP/pauses"
like "the pause doubles: 100, 200, 400 ms (and a handshake)" "^1 [23] [45] $" "$(cat "$TMP/pauses")"
release
pm_stop c
is "counted" "3" "$(metric c recreated)"

# a hostile peer, on a connection whose daemon knows of fullmesh only
pm_stop s
on server sysctl -qw net.mptcp.pm_type=1
pm_start c client --policy fullmesh --set subflows=6 --set addresses=3
mkfifo "$TMP/announce"
hold 60
check "hostile peer: a connection" wait_for 10 there_are 2
become server "$TOP/$O/tests/tools/pm_peer" "$(token_of server)" <"$TMP/announce" >"$TMP/peer.out" &
exec 9>"$TMP/announce"
own=$(address client 4 2)
{
    printf '%s\n' "0.0.0.0 10 0" "127.0.0.1 11 0" "224.0.0.1 12 0" "255.255.255.255 13 0" "169.254.1.1 14 0" "$own 15 0" "$TO 16 0" ":: 17 0" "::1 18 0" "ff02::1 19 0" "fe80::1 20 0"
    printf '%s\n' "::ffff:127.0.0.1 21 0"
} >&9
announced() { [ "$(wc -l <"$TMP/peer.out")" -ge "$1" ]; }
check "it announces what is no address of a peer" wait_for 20 announced 12
settled() { local a; a=$(grep -c pm_refused "$TMP/c.err") && sleep 0.3 && [ "$a" = "$(grep -c pm_refused "$TMP/c.err")" ]; }
wait_for 10 settled
is "nothing of it is used" "0 2" "$(grep -c 'pm_announced' "$TMP/c.err") $(count)"
for i in $(seq 30 229); do echo "203.0.113.$i $i $((i % 2 ? 0 : 9))" >&9; done
check "then two hundred unreachable addresses" wait_for 30 announced 212
wait_for 10 settled
is "three are kept" 3 "$(grep -c pm_announced "$TMP/c.err")"
check "the subflows stay within the limit" test "$(ss -tnH state established state syn-sent "( dport = :7000 or dport = :9 )" | grep -vc ^mptcp)" -le 6
exec 9>&-
release
pm_stop c
check "and are counted" test "$(metric c addresses_refused)" -ge 200
is "nothing is left" "0 0" "$(metric c left_connections) $(metric c left_subflows)"
finish
