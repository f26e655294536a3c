#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Captures in a namespace: complete to the last packet, through a link that goes down, errors that are told.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
tool=$TOP/$O/tests/tools/capture_tool
a=wirecap-$$-a b=wirecap-$$-b
at_exit "ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null"
ip netns add "$a" && ip netns add "$b" || exit 1
ip link add wc0 netns "$a" type veth peer name wc1 netns "$b" || exit 1
ip -n "$a" addr add 10.99.7.1/24 dev wc0
ip -n "$b" addr add 10.99.7.2/24 dev wc1
ip -n "$a" link set wc0 up
ip -n "$b" link set wc1 up
wait_for 5 ip netns exec "$a" ping -c 1 -W 1 10.99.7.2 || exit 1

# start FILE [FILTER]: a capture in the background, stopped by closing descriptor 9. A FIFO's writer holds it open.
start() {
    rm -f "$TMP/in" && mkfifo "$TMP/in"
    : >"$TMP/out"
    "$tool" "$a" wc0 "$@" <"$TMP/in" >"$TMP/out" 2>&1 &
    pid=$!
    exec 9>"$TMP/in"
    wait_for 5 grep -q ready "$TMP/out" || { not_ok "capture starts" "$(cat "$TMP/out")"; return 1; }
}
stop() {
    exec 9>&-
    timeout 20 tail -s 0.05 --pid="$pid" -f /dev/null || kill -9 "$pid" # one that does not end fails by its status
    wait "$pid"
    rc=$?
    packets=$(sed -n 's/^packets \([0-9]*\) .*/\1/p' "$TMP/out")
}
count() { tshark -n -r "$1" -T fields -e frame.number 2>/dev/null | wc -l; }
ping_n() { ip netns exec "$a" ping -q -f -c "$1" -W 2 10.99.7.2; }

# Nothing may be missing that was on the wire before the end; ten times, because a race would show only sometimes.
missing=
for i in 1 2 3 4 5 6 7 8 9 10; do
    start "$TMP/c$i.pcap" icmp || break
    ping_n 50 >/dev/null
    stop
    [ "$packets" = 100 ] && [ "$(count "$TMP/c$i.pcap")" = 100 ] || missing+="round $i: reported $packets, in the file $(count "$TMP/c$i.pcap"); "
done
is "every packet before the stop is in the file, ten rounds" "" "$missing"
is "nanosecond pcap" "4d3cb2a1" "$(od -An -tx1 -N4 "$TMP/c1.pcap" | tr -d ' ')"
odd=$(tshark -n -r "$TMP/c1.pcap" -T fields -e frame.time_epoch | grep -cv '000$')
check "timestamps resolve nanoseconds (of 100, $odd are no multiple of a microsecond)" test "$odd" -gt 50

start "$TMP/big.pcap" icmp
ping_n 20000 >/dev/null
stop
is "40000 packets at full speed: all there, none dropped" "packets 40000 kernel 0 iface 0" "$(tail -n 1 "$TMP/out")"
is "and in the file" 40000 "$(count "$TMP/big.pcap")"

# A capture that is held up until far more than its ring of 32 MB went by: what is missing is told.
start "$TMP/slow.pcap" icmp
kill -STOP "$pid"
ip netns exec "$a" ping -q -f -c 30000 -s 1400 -W 2 10.99.7.2 >/dev/null
kill -CONT "$pid"
stop
dropped=$(sed -n 's/^packets [0-9]* kernel \([0-9]*\) .*/\1/p' "$TMP/out")
check "packets that the kernel dropped are counted (${dropped:-0})" test "${dropped:-0}" -gt 1000
is "with those that were read they are all" 60000 $((packets + dropped))

start "$TMP/down.pcap" icmp
ping_n 10 >/dev/null
ip -n "$a" link set wc0 down
ip -n "$a" link set wc0 up
wait_for 5 ip netns exec "$a" ping -c 1 -W 1 10.99.7.2
before=$(awk '{print $14 + $15}' "/proc/$pid/stat")
ip -n "$a" link set wc0 down
sleep 0.5 # an interval to measure the processor time of a capture that has nothing to do
after=$(awk '{print $14 + $15}' "/proc/$pid/stat")
ip -n "$a" link set wc0 up
wait_for 5 ip netns exec "$a" ping -c 1 -W 1 10.99.7.2
ping_n 10 >/dev/null
stop
is "a link that goes down and up does not end the capture" 0 "$rc"
check "packets from before and after are there ($(tail -n 1 "$TMP/out"))" test "${packets:-0}" -ge 44
check "it does not spin while the link is down ($((after - before)) ticks in half a second)" test $((after - before)) -le 10

start "$TMP/busy.pcap" icmp
ip netns exec "$a" ping -q -f -w 30 10.99.7.2 >/dev/null 2>&1 9>&- &
flood=$!
wait_for 5 test -s "$TMP/busy.pcap" || not_ok "traffic is captured" "$(ls -l "$TMP/busy.pcap")"
stop
is "traffic that goes on does not keep the stop waiting" "0 still there" "$rc $(kill "$flood" 2>&1 && echo still there)"
wait "$flood" 2>/dev/null

start "$TMP/filter.pcap" "icmp[icmptype] == icmp-echo"
ping_n 10 >/dev/null
stop
is "the filter holds" 10 "$packets"
start "$TMP/none.pcap"
ping_n 10 >/dev/null
stop
is "the default filter is TCP" "0 0" "$packets $rc"

start /dev/full icmp
ping_n 10 >/dev/null
stop
is "a full disk fails the capture" 4 "$rc"
like "and says so" "/dev/full: .*No space left on device" "$(cat "$TMP/out")"

out=$("$tool" "$a" nosuch "$TMP/x.pcap" </dev/null 2>&1)
is "an interface that is not there" "4 capture on nosuch: the namespace has no such interface" "$? $out"
out=$("$tool" "$a" wc0 "$TMP/x.pcap" "tcp prot" </dev/null 2>&1)
is "a filter that is wrong is a usage error" 2 $?
like "and is quoted" "filter 'tcp prot': .*pcap-filter" "$out"
out=$("$tool" "$a" wc0 "$TMP/no/x.pcap" </dev/null 2>&1)
is "a file that cannot be created" "4 $TMP/no/x.pcap: cannot write the capture: No such file or directory" "$? $out"
finish
