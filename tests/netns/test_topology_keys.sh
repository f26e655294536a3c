#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every key of docs/topologies.md, read back from the kernel with iproute2, ethtool and sysctl; delay, loss, reordering and duplication
# are read back from what packets do.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

cat >"$TMP/keys.yaml" <<'EOF'
# h1, h2 ── r1 ══ r2 ── s
name: keys
description: "every key once"
defaults: {mtu: 1400}
hosts:
  - {name: h, count: 2, sysctls: ["net.ipv4.tcp_ecn=1"]}
  - {name: s}
routers:
  - {name: r1, hash: l4}
  - {name: r2, hash: l3-inner}
links:
  - {name: in, between: [h, r1]}
  - {name: up, between: [r1, r2], rate: 8mbit, delay: 5ms, queue: 33, mtu: 1300}
  - {name: low, between: [r1, r2], forward: {rate: 3mbit}, backward: {rate: 2mbit}}
  - {name: dear, between: [r1, r2], cost: 7, offloads: on}
  - {between: [r2, s], rate: 5mbit, overhead: 40}
EOF
# on NODE COMMAND...: in a network of that file
on() { "$EXTCP" shell "$TMP/keys.yaml" "$1" -- "${@:2}"; }
links() { jq -r "map({(.ifname): .mtu}) | add | $1"; }
tbf() { jq -r --arg d "$1" '.[] | select(.dev == $d and .kind == "tbf") | .options.rate * 8'; }
pfifo() { jq '.[] | select(.kind == "pfifo") | .options.limit'; }
check "the file loads and is built" on h1 true
is "count: h1 and h2, with a link each" "in1 in2" "$(on r1 ip -j link | jq -r '.[].ifname | select(startswith("in"))' | sort | xargs)"
is "sysctls" 1 "$(on h2 sysctl -n net.ipv4.tcp_ecn)"
is "only where they are asked for" "$(unshare --net sysctl -n net.ipv4.tcp_ecn)" "$(on s sysctl -n net.ipv4.tcp_ecn)"
is "hash: l4" "1 1" "$(on r1 sysctl -n net.ipv4.fib_multipath_hash_policy net.ipv6.fib_multipath_hash_policy | xargs)"
is "hash: l3-inner" "2 2" "$(on r2 sysctl -n net.ipv4.fib_multipath_hash_policy net.ipv6.fib_multipath_hash_policy | xargs)"
is "mtu: the default and a link's own" "1400 1300" "$(on r1 ip -j link | links '"\(.in1) \(.up)"')"
is "at both ends" "1400 1300" "$(on r2 ip -j link | links '"\(.low) \(.up)"')"
is "rate, of both directions" "8000000 8000000" "$(on r1 tc -j qdisc | tbf up) $(on r2 tc -j qdisc | tbf up)"
is "rate, of each direction" "3000000 2000000" "$(on r1 tc -j qdisc | tbf low) $(on r2 tc -j qdisc | tbf low)"
is "no rate: no shaper" "" "$(on r1 tc -j qdisc | tbf dear)"
is "queue: packets" 33 "$(on r1 tc -j qdisc show dev up | pfifo)"
# the longest round trip is 10 ms: at 3 Mbit/s that are fewer than 20 packets
is "queue: at least 20 packets by default" 20 "$(on r1 tc -j qdisc show dev low | pfifo)"
like "overhead: the shaper counts it" "overhead 40" "$(on r2 tc -d qdisc show dev r2-s)"
offloads() { on r1 ethtool -k "$1" | awk '/tx-tcp6?-segmentation:|^generic-(segmentation|receive)-offload:/ { print $2 }' | sort -u | xargs; }
is "offloads: off by default" off "$(offloads low)"
is "offloads: on" on "$(offloads dear)"
is "cost: the dear link is on no shortest path" "low up" "$(on r1 ip -j route show 10.0.5.0/24 | jq -r '.[0].nexthops[].dev' | sort | xargs)"
is "the same in IPv6" "low up" "$(on r1 ip -j -6 route show fd00:0:0:5::/64 | jq -r '.[] | (.nexthops // [.])[].dev' | sort | xargs)"
is "addresses: link N has 10.X.Y.0/24 and fd00:0:0:N::/64" "10.0.2.1/24 fd00:0:0:2::1/64" \
    "$(on r1 ip -j addr show dev up scope global | jq -r '.[0].addr_info[] | "\(.local)/\(.prefixlen)"' | xargs)"
is "duplex: half has one shaper for both directions" "1 6000000" \
    "$("$EXTCP" shell half-duplex r1 -- tc -j qdisc | jq -r '[.[] | select(.kind == "tbf") | .options.rate * 8] | "\(length) \(.[0])"')"

cat >"$TMP/manual.yaml" <<'EOF'
name: manual
addressing: manual
routing: manual
hosts: [{name: a}, {name: b}]
routers: [{name: r}]
links:
  - {between: [a, r]}
  - {name: a2, between: [a, r]}
  - {between: [r, b]}
addresses:
  - {node: a, link: a-r, address: 192.0.2.1/28}
  - {node: a, link: a2, address: 192.0.2.17/28}
  - {node: r, link: a-r, address: 192.0.2.2/28}
  - {node: r, link: a2, address: 192.0.2.18/28}
  - {node: r, link: r-b, address: "2001:db8:1::1/64"}
  - {node: b, link: r-b, address: "2001:db8:1::2/64"}
routes:
  - {node: a, to: default, via: [192.0.2.2, 192.0.2.18], metric: 5}
  - {node: a, to: 198.51.100.0/24, link: a2, table: 42}
  - {node: b, to: "2001:db8::/32", via: ["2001:db8:1::1"]}
rules:
  - {node: a, from: 192.0.2.17, table: 42, priority: 777}
EOF
by_hand() { "$EXTCP" shell "$TMP/manual.yaml" "$1" -- "${@:2}"; }
is "addresses by hand, and no others" "192.0.2.1/28 192.0.2.17/28" \
    "$(by_hand a ip -j addr show scope global | jq -r '.[].addr_info[]? | "\(.local)/\(.prefixlen)"' | xargs)"
is "a multipath route by hand, with its metric" "a-r 192.0.2.2, a2 192.0.2.18, metric 5" \
    "$(by_hand a ip -j route show default | jq -r '.[0] | ([.nexthops[] | "\(.dev) \(.gateway)"] | join(", ")) + ", metric \(.metric)"')"
is "a route in a table, by link" "198.51.100.0/24 a2" "$(by_hand a ip -j route show table 42 | jq -r '.[] | "\(.dst) \(.dev)"')"
is "an IPv6 route" "2001:db8:1::1" "$(by_hand b ip -j -6 route show 2001:db8::/32 | jq -r '.[0].gateway')"
is "a rule" "777 192.0.2.17 42" "$(by_hand a ip -j rule | jq -r '.[] | select(.priority == 777) | "\(.priority) \(.src) \(.table)"')"

# What the emulator does to packets: 400 pings through one impaired direction.
ping_with() { # KEY=VALUE...: ping's report
    local set=() kv
    for kv in "$@"; do set+=(--set "r1-server.forward.$kv"); done
    "$EXTCP" shell routed client --set client-r1.delay=0ms --set client-r1.rate=unlimited --set r1-server.delay=0ms --set r1-server.rate=unlimited \
        "${set[@]}" -- ping -i 0.003 -c 400 -W 1 10.0.1.2
}
between() { # NAME LOW HIGH VALUE
    if awk -v v="${4:-x}" -v l="$2" -v h="$3" 'BEGIN { exit !(v == v + 0 && v >= l && v <= h) }'; then ok "$1 ($4)"; else not_ok "$1" "expected $2 to $3, found ${4:-nothing}"; fi
}
sequence() { sed -n 's/.*icmp_seq=\([0-9]*\) ttl.*/\1/p'; }
times() { sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p'; }
rtt() { sed -nE "s|^rtt [^=]*= (.*) ms.*|\1|p" | cut -d/ -f"$1"; } # 1: min, 2: mean, 3: max
# "losses, runs of losses", from the sequence numbers that are missing
runs() { sequence | sort -nu | awk '{ if ($1 > last + 1) { n += $1 - last - 1; r++ } last = $1 } END { print n + 0, r + 0 }'; }

# 40 are expected, with a standard deviation of 6; the interval is four of them
between "loss: 10 % of 400" 16 64 "$(ping_with loss=10% | runs | cut -d' ' -f1)"
read -r n r <<<"$(ping_with loss=20% loss_burst=8 | runs)"
# 80 losses in runs of 8 are about 10 runs; independent ones would be 64 runs, of 1.25
between "loss_burst: 20 % of 400" 15 200 "$n"
between "in long runs" 3 30 "$(awk -v n="$n" -v r="$r" 'BEGIN { print r ? n / r : 0 }')"
between "duplicate: 10 % of 400" 16 64 "$(ping_with duplicate=10% | grep -c 'DUP!')"
out=$(ping_with delay=30ms reorder=25%)
between "reorder: a quarter of 400 skips the delay" 55 145 "$(times <<<"$out" | awk '$1 < 15 { n++ } END { print n + 0 }')"
between "and comes before others" 40 200 "$(sequence <<<"$out" | awk '$1 < last { n++ } { last = $1 } END { print n + 0 }')"
out=$(ping_with delay=20ms jitter=10ms)
between "delay: the mean of 20 ms" 19 25 "$(rtt 2 <<<"$out")"
between "jitter: the shortest" 9.9 14 "$(rtt 1 <<<"$out")"
between "jitter: the longest" 26 40 "$(rtt 3 <<<"$out")"
finish
