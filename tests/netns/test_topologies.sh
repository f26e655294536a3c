#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every shipped topology is built, and every host reaches every address of every other, over IPv4 and IPv6.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# In the shell of a topology's first host: ping each address of each other namespace of this run.
cat >"$TMP/all-pairs.sh" <<'EOF'
id=$(ip netns identify | cut -d- -f2)
bad=0 n=0
addresses=$(for ns in $(ip netns list | awk '{print $1}' | grep "^extcp-$id-"); do
    ip -n "$ns" -o addr show scope global | awk '{print $4}' | cut -d/ -f1
done)
for ns in $(ip netns list | awk '{print $1}' | grep "^extcp-$id-"); do
    [ "$(ip netns exec "$ns" cat /proc/sys/net/ipv4/ip_forward)" = 0 ] || continue # a router
    for a in $addresses; do
        n=$((n + 1))
        ip netns exec "$ns" ping -q -c 1 -W 3 "$a" >/dev/null || { echo "$ns cannot reach $a"; bad=1; }
    done
done
echo "$n pairs"
exit $bad
EOF
for file in "$TOP"/topologies/*.yaml; do
    name=$(basename "${file%.yaml}")
    host=$(awk '/^hosts:/{h=1} h && /name:/{match($0, /name: *[a-z0-9]+/); s=substr($0, RSTART, RLENGTH); sub(/name: */, "", s); print s; exit}' "$file")
    [ "$name" != star ] || host=h1
    like "$name starts with a diagram" '^#.*(─|-)' "$(head -n 2 "$file" | tr '\n' ' ')"
    check "$name: every host reaches every address" "$EXTCP" shell "$name" "$host" -- bash "$TMP/all-pairs.sh"
done

out=$("$EXTCP" shell routed client -- ping -q -c 5 -i 0.02 10.0.1.2)
rtt=$(sed -nE 's|^rtt [^=]*= ([0-9.]+)/.*|\1|p' <<<"$out")
check "routed: the round trip is 40 ms ($rtt)" awk -v r="$rtt" 'BEGIN { exit !(r >= 40 && r < 42) }'
out=$("$EXTCP" shell routed client --set client-r1.delay=1ms --set r1-server.forward.delay=30ms -- ping -q -c 5 -i 0.02 10.0.1.2)
rtt=$(sed -nE 's|^rtt [^=]*= ([0-9.]+)/.*|\1|p' <<<"$out")
check "--set changes it, one direction too: 42 ms ($rtt)" awk -v r="$rtt" 'BEGIN { exit !(r >= 42 && r < 44) }'

# Source-based routing: what is sent from an interface's address leaves through that interface.
route=$("$EXTCP" shell two-path client -- ip -j route get 10.0.1.2 from 10.0.2.1 | jq -r '.[0].dev')
is "two-path: from the second address through the second interface" c-r2 "$route"
is "ecmp: four next hops on the router" 4 \
    "$("$EXTCP" shell ecmp r1 -- ip -j route show 10.0.5.0/24 | jq '.[0].nexthops | length')"
is "ecmp: the router hashes on ports" 1 "$("$EXTCP" shell ecmp r1 -- sysctl -n net.ipv4.fib_multipath_hash_policy)"
is "star: any number of hosts" 0 "$("$EXTCP" shell star h30 --set h.count=30 -- ping -q -c 1 -W 3 10.0.0.1 >/dev/null; echo $?)"

"$EXTCP" shell routed nobody >/dev/null 2>"$TMP/err" && rc=0 || rc=$?
is "an unknown node exits 2" 2 "$rc"
like "and names the nodes" "accepted: client, server, r1" "$(cat "$TMP/err")"
"$EXTCP" shell nowhere client >/dev/null 2>"$TMP/err" && rc=0 || rc=$?
is "an unknown topology exits 2" 2 "$rc"
like "and names the topologies" "direct.*star" "$(cat "$TMP/err")"
"$EXTCP" shell routed client -- sh -c 'exit 7' && rc=0 || rc=$?
is "the command's exit status is the shell's" 7 "$rc"
is "nothing is left behind" "nothing to clean" "$("$EXTCP" clean)"
finish
