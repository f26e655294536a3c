#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The congestion control request: what is asked for is used, in IPv4 and IPv6; policy, unknown ids, no vegas, SYN cookies, hostile
# peers; and vegas itself, whose queue stays short.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

experiment() {
    {
        echo "name: $1"
        cat <<'EOF'
title: "test"
topology: bottleneck
set: [bottleneck.rate=unlimited, bottleneck.delay=0ms]
captures: [{point: "client:bottleneck", filter: tcp}]
EOF
        cat
    } >"$TMP/$1.yaml"
}
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" "${@:2}" >"$TMP/out" 2>&1; }
good() { if run "$2" "${@:3}"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out")"; fi; }
value() { awk -F, -v m="$2" -v v="${3:-v}" '$4 == m && $2 == v { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
cc() { value "$1" "server.cc-request.$2" "$3"; }
# Is the vegas of this test's first run still registered? Another run at the same time has its own.
registered() { bpftool struct_ops dump 2>/dev/null | grep -c "$(grep -ohE 'vegas_[0-9a-f]{8}' "$TMP/ss.vegas-all-6" | head -n 1)" || true; }

# What the client asks for, what the server may give, and what its socket must then use. ss, in the server's namespace, is the judge.
experiment granted <<EOF
at_once: 6
parameters: [{name: ask, value: reno}, {name: allow, value: all}]
workloads:
  - {name: s, kind: stream, from: client, to: server, seconds: 1.2, rate: 800kbit}
  - {name: look, kind: command, from: server, at: 0.6, seconds: 10, command: "ss -tinH 'sport = 5000' >$TMP/ss.\${ask}-\${allow}-{family}"}
sockets: [{name: srv, host: server, port: 5000}]
programs:
  - {host: client, program: cc-request, set: ["ask=\${ask}"]}
  - {host: server, program: cc-request, set: ["allow=\${allow}"]}
  - {host: server, program: vegas}
variants:
  - {name: reno, parameters: [ask=reno]}
  - {name: cubic, parameters: [ask=cubic]}
  - {name: bbr, parameters: [ask=bbr]}
  - {name: vegas, parameters: [ask=vegas]}
  - {name: cubic6, family: 6, parameters: [ask=cubic]}
  - {name: vegas6, family: 6, parameters: [ask=vegas]}
  - {name: nothing, parameters: [ask=none]}
  - {name: forbidden, parameters: [ask=bbr, allow=cubic+vegas]}
  - {name: forbidden6, family: 6, parameters: [ask=cubic, allow=none]}
checks:
  - {name: "the request is in the SYN", variants: [cubic, cubic6, forbidden6], point: "client:bottleneck", from: client, segments: SYN, option: cc_request, field: name, value: cubic}
  - {name: "also the one that is refused", variants: [forbidden], point: "client:bottleneck", from: client, segments: SYN, option: cc_request, value: "3"}
  - {name: "the server sends none", point: "client:bottleneck", from: server, segments: all, option: cc_request, absent: yes}
  - {name: "and none where nothing is asked", variants: [nothing], point: "client:bottleneck", segments: all, option: cc_request, absent: yes}
EOF
good "requests: the run and its wire checks" granted
for v in reno:reno cubic:cubic bbr:bbr vegas:vegas cubic6:cubic vegas6:vegas nothing:reno forbidden:reno forbidden6:reno; do
    is "${v%:*}: the server's socket uses ${v#*:}, and nothing else" 1 "$(value granted "srv.congestion.${v#*:}" "${v%:*}")"
done
for v in reno cubic bbr vegas cubic6 vegas6; do
    is "$v: granted, nothing refused" "1 0 0 0" "$(cc granted granted $v) $(cc granted refused $v) $(cc granted unknown $v) $(cc granted kernel $v)"
done
for v in forbidden forbidden6; do
    is "$v: refused and counted" "0 1 1" "$(cc granted granted $v) $(cc granted refused $v) $(cc granted received_syn $v)"
done
is "forbidden: the events say what was asked and refused" "3 3 " \
    "$(value granted server.cc-request.cc_asked forbidden) $(value granted server.cc-request.cc_refused forbidden) $(value granted server.cc-request.cc_granted forbidden)"
is "granted: and what was granted" "4 4" "$(value granted server.cc-request.cc_granted vegas) $(value granted server.cc-request.cc_granted vegas6)"
is "ss sees cubic" cubic "$(grep -oE '\b(reno|cubic|bbr)\b' "$TMP/ss.cubic-all-6" | head -n 1)"
is "ss sees bbr" bbr "$(grep -oE '\b(reno|cubic|bbr)\b' "$TMP/ss.bbr-all-4" | head -n 1)"
like "ss sees vegas under the run's name" 'vegas_[0-9a-f]{8}' "$(cat "$TMP/ss.vegas-all-6")"
is "ss sees reno where bbr was refused" reno "$(grep -oE '\b(reno|cubic|bbr)\b' "$TMP/ss.bbr-cubic+vegas-4" | head -n 1)"
is "vegas is registered no longer" 0 "$(registered)"

experiment lacking <<'EOF'
at_once: 2
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 0.5, rate: 400kbit}]
sockets: [{name: srv, host: server, port: 5000}]
programs:
  - {host: client, program: cc-request, set: [ask=vegas]}
  - {host: server, program: cc-request, set: [allow=all]}
variants: [{name: v}]
EOF
good "allowed, but not there: the connection works" lacking
is "it is counted, and nothing changes" "0 1 1" "$(cc lacking granted v) $(cc lacking kernel v) $(value lacking srv.congestion.reno)"

# SYN cookies: the SYN's option is lost, the first segments say it again.
sed "s|net.ipv4.tcp_congestion_control=reno|net.ipv4.tcp_congestion_control=reno\", \"net.ipv4.tcp_syncookies=2|" "$TOP/topologies/bottleneck.yaml" >"$TMP/cookies-topology.yaml"
experiment cookies <<'EOF'
at_once: 2
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 0.5, rate: 400kbit}]
sockets: [{name: srv, host: server, port: 5000}]
programs:
  - {host: client, program: cc-request, set: [ask=cubic]}
  - {host: server, program: cc-request}
variants: [{name: v}, {name: v6, family: 6}]
EOF
sed -i "s|^topology: .*|topology: $TMP/cookies-topology.yaml|" "$TMP/cookies.yaml"
good "SYN cookies: the run" cookies
for v in v v6; do
    is "$v: learnt from the ACK" "0 1 1" "$(cc cookies received_syn $v) $(cc cookies granted $v) $(value cookies srv.congestion.cubic $v)"
done

# Hostile peers. The option for cubic is fe05e8c102, for vegas fe05e8c104.
experiment hostile <<EOF
at_once: 8
programs: [{host: server, program: cc-request, set: [allow=cubic]}]
parameters: [{name: syn, value: "-"}, {name: ack, value: "-"}, {name: data, value: "-"}]
sockets: [{name: srv, host: server, port: 5000, interval: 0.02}]
workloads:
  - {name: sink, kind: command, from: server, server: yes, port: 5000, command: "$EXTCP stream server --bind {server}"}
  - {name: raw, kind: command, from: client, seconds: 20, command: "iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP && $TOP/$O/tests/tools/rawtcp {client} {server} 5000 \${syn} \${ack} \${data}; sleep 0.1"}
variants:
  - {name: good, parameters: [syn=fe05e8c102]}
  - {name: id-0, parameters: [syn=fe05e8c100]}
  - {name: id-5, parameters: [syn=fe05e8c105]}
  - {name: id-255, parameters: [syn=fe05e8c1ff]}
  - {name: id-34, parameters: [syn=fe05e8c122]}
  - {name: policy, parameters: [syn=fe05e8c103]}
  - {name: short, parameters: [syn=fe04e8c1]}
  - {name: long, parameters: [syn=fe06e8c10202]}
  - {name: length-0, parameters: [syn=fe00e8c102]}
  - {name: past-header, parameters: [syn=fe28e8c102]}
  - {name: repeated, parameters: [syn=fe05e8c102fe05e8c102]}
  - {name: other-exid, parameters: [syn=fe05e8cc02]}
  - {name: kind-253, parameters: [syn=fd05e8c102]}
  - {name: in-data, parameters: [data=fe05e8c102]}
  - {name: changed, parameters: [syn=fe05e8c102, data=fe05e8c104]}
EOF
good "hostile peers: every connection works" hostile
is "the good one is granted" "1 1" "$(cc hostile granted good) $(value hostile srv.congestion.cubic good)"
for v in id-0 id-5 id-255 id-34; do
    is "$v: unknown" "0 1 1" "$(cc hostile granted $v) $(cc hostile unknown $v) $(value hostile srv.congestion.reno $v)"
done
is "policy: refused" "0 1 1" "$(cc hostile granted policy) $(cc hostile refused policy) $(value hostile srv.congestion.reno policy)"
for v in short long length-0 past-header; do
    is "$v: malformed" "0 1 1" "$(cc hostile granted $v) $(cc hostile malformed $v) $(value hostile srv.congestion.reno $v)"
done
is "repeated: counted" "0 1 1" "$(cc hostile granted repeated) $(cc hostile repeated repeated) $(value hostile srv.congestion.reno repeated)"
for v in other-exid kind-253; do
    is "$v: not ours" "0 0 1" "$(cc hostile granted $v) $(cc hostile received_syn $v) $(value hostile srv.congestion.reno $v)"
done
is "in-data: too late" "0 1 1" "$(cc hostile granted in-data) $(cc hostile late in-data) $(value hostile srv.congestion.reno in-data)"
is "changed: the first one stays" "1 1 1" "$(cc hostile granted changed) $(cc hostile again changed) $(value hostile srv.congestion.cubic changed)"

sed 's/ask=vegas/ask=tahoe/' "$TMP/lacking.yaml" >"$TMP/bad.yaml"
"$EXTCP" "$TMP/bad.yaml" >/dev/null 2>"$TMP/err"
is "an unknown algorithm in a file: exit 2" 2 $?
like "and what is accepted" "bad.yaml:[0-9]+: .*'ask=tahoe': accepted: ask=VALUE with VALUE one of none, reno, cubic, bbr, vegas" "$(cat "$TMP/err")"

# Vegas on 8 Mbit/s, 80 ms and a queue of 1000 packets: the queue stays short, and the link is used.
cat >"$TMP/vegas.yaml" <<'EOF'
name: vegas
title: "test"
topology: bottleneck
at_once: 4
parameters: [{name: ask, value: vegas}]
captures: [{point: "server:r1-server", filter: tcp}]
workloads: [{name: app, kind: iperf3, from: client, to: server, seconds: 6, reverse: yes}]
measures:
  - {name: rtt, kind: rtt, point: "server:r1-server", from: server}
sockets: [{name: srv, host: server, port: 5201}]
programs:
  - {host: client, program: cc-request, set: ["ask=${ask}"]}
  - {host: server, program: cc-request, set: [allow=vegas+reno]}
  - {host: server, program: vegas}
variants: [{name: v}, {name: v6, family: 6}, {name: short, topology: ["bottleneck.queue=20"]}, {name: reno, parameters: [ask=reno]}]
EOF
good "vegas: the run" vegas
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 < b) }'; }
for v in v v6; do
    is "$v: both sockets of iperf3 use vegas" 1 "$(value vegas srv.congestion.vegas $v)"
    check "$v: the median RTT stays near the base of 80 ms: $(value vegas rtt.median $v) s" less "$(value vegas rtt.median $v)" 0.095
    check "$v: and 95 %, with slow start and what a busy machine does, below 400 ms: $(value vegas rtt.p95 $v) s" less "$(value vegas rtt.p95 $v)" 0.400
    check "$v: and the link is used: $(value vegas app.goodput $v) bit/s" less 6400000 "$(value vegas app.goodput $v)"
    is "$v: nothing was lost" 0 "$(value vegas app.retransmits $v)"
    check "$v: slow start was left by the comparison ($(value vegas server.vegas.left_slow_start $v)), the window held ($(value vegas server.vegas.held $v) of $(value vegas server.vegas.rounds $v) rounds)" \
        test "$(value vegas server.vegas.left_slow_start $v)" -ge 1
done
check "a queue of 20, which slow start overruns, does not stop it: $(value vegas app.goodput short) bit/s" less 3000000 "$(value vegas app.goodput short)"
check "reno on the same link fills the queue: $(value vegas rtt.median reno) s" less 0.3 "$(value vegas rtt.median reno)"
finish
