#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Path managers that judge paths: priority (a slow path becomes a backup, and is tried again) and cap (a metered interface).
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
if [ "${1:-}" != inside ]; then
    "$EXTCP" shell mesh-2x2 client --set c1.rate=unlimited --set c1.delay=60ms --set c2.rate=20mbit --set c2.delay=2ms --set s1.rate=unlimited --set s1.delay=0ms \
        --set s2.rate=unlimited --set s2.delay=0ms -- bash "${BASH_SOURCE[0]}" inside 2>/dev/null
    exit
fi
PM_DIR=$TMP
# shellcheck source=tests/netns/pm.sh
. "$(dirname "${BASH_SOURCE[0]}")/pm.sh"
TO=$(address server 4 1)
on server ip mptcp limits set subflows 8 add_addr_accepted 8
become server mptcpize run iperf3 -s >"$TMP/iperf.out" &
wait_until 10 grep -q listening "$TMP/iperf.out"
# bytes that subflows from this address have had acknowledged: of the larger connection
acked() { ss -tniH state established "( dport = :5201 and src $1 )" | grep -o 'bytes_acked:[0-9]*' | cut -d: -f2 | sort -n | tail -n 1; }
events() { grep -c " pm_backup .* local $1:.* value $2\$" "$TMP/c.err"; }
happened() { [ "$(events "$1" "$2")" -ge "${3:-1}" ]; }

# The first subflow goes over c1: 120 ms.
pm_start c client --policy priority --family 4 --set high_ms=80 --set low_ms=60 --set settle_ms=300 --set retry_ms=2500
mptcpize run iperf3 -c "$TO" -t 9 -b 2M >/dev/null &
iperf=$!
check "priority: the path with 120 ms becomes a backup" wait_for 5 happened 10.0.0.1 1
check "the peer is told (MP_PRIO)" test "$(mib client MPTcpExtMPPrioTx)" -ge 1
# what was on its way has been acknowledged, then nothing more: half a second without a byte
silent() { local b; b=$(acked 10.0.0.1) && sleep 0.5 && [ "$b" = "$(acked 10.0.0.1)" ]; }
check "nothing goes over it then" wait_for 3 silent
check "the good path carries it" test "$(acked 10.0.1.1)" -gt 100000
is "and is no backup" 0 "$(events 10.0.1.1 1)"
check "after a while it is tried again" wait_for 5 happened 10.0.0.1 0
check "is still slow, and a backup once more" wait_for 5 happened 10.0.0.1 1 2
kill $iperf
wait $iperf 2>/dev/null
pm_stop c
check "counted" test "$(metric c demoted)" -ge 2 -a "$(metric c failed)" -eq 0

pm_start c client --policy cap --family 4 --set interface=c2 --set rate_kbit=2000
mptcpize run iperf3 -c "$TO" -t 5 >/dev/null &
iperf=$!
busy() { [ "$(acked 10.0.1.1)" -gt 100000 ]; }
check "cap: the metered interface is used" wait_for 5 busy
before=$(acked 10.0.1.1)
sleep 2
after=$(acked 10.0.1.1)
check "at no more than 2 Mbit/s ($(((after - before) * 4)) bit/s)" test $(((after - before) * 4)) -lt 2400000
check "and no less than half of that" test $(((after - before) * 4)) -gt 1000000
kill $iperf
wait $iperf 2>/dev/null
pm_stop c
check "counted" test "$(metric c paced)" -ge 1
finish
