#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# MPTCP in the testbed: each kind of path manager, subflows of captures and sockets judged by tshark and ss, checks that fail.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

if [ ! -e /proc/sys/net/mptcp/pm_type ]; then
    skip "path managers" "this kernel has no MPTCP"
    finish
fi

# What ss says of each subflow in the middle of the run, and when it was asked, before and after.
cat >"$TMP/ss.sh" <<'END'
echo "extcp-metric before s $(($(date +%s%N) - EXTCP_T0_NS))e-9"
ss -tinHO state established "( dport = :5000 )" | sed -n 's/^[^ ]* *[^ ]* *\([^ ]*\):[0-9]* *\([^ ]*\):5000.* bytes_acked:\([0-9]*\).*tcp-ulp-mptcp.*/\1 \2 \3/p' |
    sed -E 's/%[a-z0-9]+//; s/[][]//g' | while read -r from to bytes; do echo "extcp-metric bytes.$from-$to byte $bytes"; done
echo "extcp-metric after s $(($(date +%s%N) - EXTCP_T0_NS))e-9"
END
cat >"$TMP/mesh.yaml" <<END
name: mesh
title: "Every kind of path manager, for a moment"
topology: mesh-2x2
set: [c1.rate=unlimited, c1.delay=0ms, c2.rate=unlimited, c2.delay=0ms, s1.rate=unlimited, s1.delay=0ms, s2.rate=unlimited, s2.delay=0ms]
parameters:
  - {name: expected, value: 4}
  - {name: id, value: 7}
mptcp:
  - {host: server, manager: kernel, subflows: 8, endpoints: [{link: s2, id: "\${id}", flags: [signal]}]}
captures:
  - {point: "client:any", filter: "tcp port 5000"}
workloads:
  - {name: app, kind: stream, from: client, to: server, seconds: 2, rate: 4mbit, mptcp: yes}
  - {name: ss, kind: command, from: client, at: 1, seconds: 1, command: "sh $TMP/ss.sh"}
sockets:
  - {name: sock, host: client, port: 5000}
variants:
  - name: kernel
    mptcp: &kernel
      - {host: client, manager: kernel, subflows: 8, add_addr_accepted: 7,
         endpoints: [{link: c1, flags: [subflow, fullmesh]}, {link: c2, id: 9, flags: [subflow, fullmesh]}]}
  - {name: kernel6, family: 6, mptcp: *kernel}
  - {name: ebpf, mptcp: [{host: client, manager: "ebpf:fullmesh"}]}
  - {name: mptcpd, mptcp: [{host: client, manager: mptcpd}]}
  - {name: addr_adv, mptcp: [{host: client, manager: "mptcpd:addr_adv", subflows: 8, add_addr_accepted: 8}]}
  - {name: none, mptcp: [{host: client, manager: none}]}
checks:
  - {name: mesh, point: "client:any", mptcp: joins, from: client, to: server}
  - {name: hmac, point: "client:any", mptcp: hmac}
  - {name: announced, point: "client:any", mptcp: add_addr, from: server, address: "server:s2", id: 7}
  - {name: subflows, point: "client:any", mptcp: subflows, value: "\${expected}"}
measures:
  - {name: join, kind: mptcp_join, point: "client:any"}
  - {name: sub, kind: mptcp_subflows, point: "client:any"}
END
run() { timeout 100 "$EXTCP" "$TMP/mesh.yaml" --out "$TMP/results" "$@" >"$TMP/out" 2>"$TMP/err"; }
run_json() { jq -r "$1" "$TMP/results/mesh/latest/run.json"; }
metric() { awk -F, -v v="$1" -v m="$2" '$2 == v && $4 == m { print $6 }' "$TMP/results/mesh/latest/data.csv"; }

run --variant kernel --variant kernel6 --variant ebpf --variant mptcpd --variant addr_adv && rc=0 || rc=$?
is "with every manager all pairs are joined, announced, echoed, and every HMAC is valid" 0 "$rc"
[ "$rc" -eq 0 ] || sed 's/^/# /' "$TMP/out" "$TMP/err"
is "run.json has the endpoints as the kernel has them" "10.0.0.1 subflow fullmesh
10.0.1.1 subflow fullmesh" "$(run_json '.repetitions[] | select(.variant == "kernel") | .managers[] | select(.host == "client") | .endpoints[] | .address + " " + .flags' | sort)"
is "with their numbers and limits" "9 8 7" "$(run_json '.repetitions[] | select(.variant == "kernel") | .managers[] | select(.host == "client") | "\(.endpoints[] | select(.address == "10.0.1.1") | .id) \(.subflows) \(.add_addr_accepted)"')"
is "and whose connections wait for user space" "1 1 0 0 0" "$(run_json '[("ebpf", "mptcpd", "addr_adv", "kernel", "kernel6") as $v | .repetitions[] | select(.variant == $v) | .managers[] | select(.host == "client") | .sysctls.pm_type] | join(" ")')"
is "mptcpd told the in-kernel manager both addresses, of both families" 4 "$(run_json '.repetitions[] | select(.variant == "addr_adv") | .managers[] | select(.host == "client") | .endpoints | length')"
is "the eBPF manager's counters are metrics" 3 "$(metric ebpf client.pm.done)"
for v in kernel kernel6 ebpf mptcpd addr_adv; do
    pcap=$TMP/results/mesh/latest/captures/$v-1-client-any.pcap
    # tshark groups subflows by itself: one MPTCP stream, four TCP streams.
    is "$v: tshark sees one connection of as many subflows" "1 $(metric $v sub.complete)" \
        "$(tshark -r "$pcap" -Y 'mptcp.stream' -T fields -e mptcp.stream 2>/dev/null | sort -u | wc -l) $(tshark -r "$pcap" -Y 'mptcp.stream' -T fields -e tcp.stream 2>/dev/null | sort -u | wc -l)"
    # From the third ACK with MP_CAPABLE to the first SYN with MP_JOIN.
    delay=$(tshark -r "$pcap" -Y 'tcp.options.mptcp.subtype == 0 && tcp.flags.syn == 0' -T fields -e frame.time_relative 2>/dev/null | head -n 1)
    joined=$(tshark -r "$pcap" -Y 'tcp.options.mptcp.subtype == 1 && tcp.flags.syn == 1 && tcp.flags.ack == 0' -T fields -e frame.time_relative 2>/dev/null | head -n 1)
    is "$v: the delay of the join is tshark's" "$(awk -v a="$delay" -v b="$joined" 'BEGIN { printf "%.9f", b - a }')" "$(metric $v join.delay_median | awk '{ printf "%.9f", $1 }')"
    is "$v: four subflows of one connection among the sockets" "1 4" "$(metric $v sock.connections) $(metric $v sock.subflows)"
done
# Each of ss's numbers lies between the samples before and after it was asked.
between() {
    awk -F, -v v="$1" '
        FNR == NR && $2 == v && $4 == "ss.before" { before = $6 }
        FNR == NR && $2 == v && $4 == "ss.after" { after = $6 }
        FNR == NR && $2 == v && sub(/^ss\.bytes\./, "", $4) { ss[$4] = $6 }
        FNR != NR && $2 == v && sub(/^sock\.bytes_acked\./, "", $4) {
            if ($5 <= before) low[$4] = $6
            if ($5 >= after && !($4 in high)) high[$4] = $6
        }
        END { for (p in ss) if ((p in high) && low[p] + 0 <= ss[p] && ss[p] <= high[p]) n++; print n + 0 }' \
        "$TMP/results/mesh/latest/data.csv" "$TMP/results/mesh/latest/series.csv"
}
for v in kernel kernel6 ebpf; do is "$v: bytes acknowledged on each subflow as ss sees them" 4 "$(between $v)"; done
is "the shares of the paths sum up to 1" "1.0000" "$(awk -F, '$2 == "kernel" && $4 ~ /^sock.share/ { s += $6 } END { printf "%.4f", s }' "$TMP/results/mesh/latest/data.csv")"
is "each path has its own series" 4 "$(awk -F, '$2 == "kernel" && $4 ~ /^sock.backup/ { print $4 }' "$TMP/results/mesh/latest/series.csv" | sort -u | wc -l)"

run --variant none && rc=0 || rc=$?
is "without a manager the checks fail" 1 "$rc"
like "a missing join is named" "no MP_JOIN SYN from 10\.0\.0\.1 to 10\.0\.7\.2 in the connection of 10\.0\.0\.1:" "$(cat "$TMP/out")"
run --variant kernel --set id=8 && rc=0 || rc=$?
is "an announcement with another number fails" 1 "$rc"
like "and says which it had" "has id 8 and was echoed" "$(cat "$TMP/out")"
run --variant kernel --set expected=5 && rc=0 || rc=$?
is "another number of subflows fails" 1 "$rc"

# Short connections, each with its subflows; a subflow that is reset comes back.
cat >"$TMP/more.yaml" <<'END'
name: more
title: "Short connections, and a subflow that is reset"
topology: dual-homed
set: [c1.rate=unlimited, c1.delay=0ms, c2.rate=unlimited, c2.delay=0ms]
captures:
  - {point: "client:any", filter: "tcp port 5000"}
variants:
  - name: short
    mptcp: [{host: client, manager: "ebpf:fullmesh"}]
    workloads: [{name: app, kind: requests, from: client, to: server, seconds: 1, connections: 20, hold: 0.3, mptcp: yes}]
  - name: reset
    mptcp: [{host: client, manager: "ebpf:recovery"}]
    workloads: [{name: app, kind: stream, from: client, to: server, seconds: 2, rate: 1mbit, mptcp: yes}]
    events: [{name: rst, at: 1, host: client, reset: c2}]
checks:
  - {name: "two subflows each", point: "client:any", mptcp: subflows, value: "2", variants: [short]}
measures:
  - {name: join, kind: mptcp_join, point: "client:any"}
  - {name: rejoin, kind: mptcp_rejoin, point: "client:any"}
END
timeout 60 "$EXTCP" "$TMP/more.yaml" --out "$TMP/results" >"$TMP/out" 2>"$TMP/err" && rc=0 || rc=$?
is "short connections and a reset: the run passes" 0 "$rc"
[ "$rc" -eq 0 ] || sed 's/^/# /' "$TMP/out" "$TMP/err"
more() { awk -F, -v v="$1" -v m="$2" '$2 == v && $4 == m { print $6 }' "$TMP/results/more/latest/data.csv"; }
is "each of 20 connections was answered and joined" "20 0 20" "$(more short app.completed) $(more short app.failed) $(more short join.joined)"
is "the reset is on the wire, and the subflow comes back" "1 1" "$(more reset rejoin.resets) $(more reset rejoin.rejoined)"
is "the stream survives it" 1 "$(more reset app.survived)"

sed -e 's/^topology: mesh-2x2/topology: mesh-2x2-off/' "$TMP/mesh.yaml" >"$TMP/off.yaml"
sed -e 's/^name: mesh-2x2/name: mesh-2x2-off/' -e 's/{name: client}/{name: client, sysctls: [net.mptcp.enabled=0]}/' "$TOP/topologies/mesh-2x2.yaml" >"$TMP/mesh-2x2-off.yaml"
sed -i "s,^topology: .*,topology: $TMP/mesh-2x2-off.yaml," "$TMP/off.yaml"
timeout 60 "$EXTCP" "$TMP/off.yaml" --variant kernel --out "$TMP/results" >"$TMP/out" 2>"$TMP/err" && rc=0 || rc=$?
is "a host without MPTCP: exit 3" 3 "$rc"
like "and the reason" "client: MPTCP is switched off there: net.mptcp.enabled is 0" "$(cat "$TMP/out" "$TMP/err")"

finish
