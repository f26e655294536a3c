#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The User Timeout option (RFC 5482): what is on the wire, what is adopted, SYN cookies, Fast Open, IPv6, hostile peers.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

base() {
    cat <<'EOF'
title: "test"
topology: routed
set: [client-r1.rate=unlimited, client-r1.delay=0ms, r1-server.rate=unlimited, r1-server.delay=0ms]
captures: [{point: "client:client-r1", filter: tcp}]
EOF
}
experiment() { { echo "name: $1" && base && cat; } >"$TMP/$1.yaml"; }
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" "${@:2}" >"$TMP/out" 2>&1; }
good() { if run "$2" "${@:3}"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out")"; fi; }
value() { awk -F, -v m="$2" -v v="${3:-v}" '$4 == m && $2 == v { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
event() { awk -F, -v m="$2" -v v="${3:-v}" '$4 == m && $2 == v { r = $6 } END { print r }' "$TMP/results/$1/latest/series.csv"; }

# One connection of two seconds; each variant has its own parameters, and what each side must adopt follows from RFC 5482, section 3.1.
experiment rule <<'EOF'
at_once: 8
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 1, rate: 400kbit}]
variants:
  - name: longer-counts
    programs:
      - {host: client, program: uto, set: [adv_uto_s=200, l_limit_s=100]}
      - {host: server, program: uto, set: [adv_uto_s=300, l_limit_s=100]}
  - name: lower-limit
    programs:
      - {host: client, program: uto, set: [adv_uto_s=5]}
      - {host: server, program: uto, set: [adv_uto_s=7]}
  - name: upper-limit
    programs:
      - {host: client, program: uto, set: [adv_uto_s=5, u_limit_s=600]}
      - {host: server, program: uto, set: [adv_uto_s=32767, u_limit_s=60000]}
  - name: minutes
    family: 6
    programs:
      - {host: client, program: uto, set: [adv_uto_s=120, minutes=1, u_limit_s=100000]}
      - {host: server, program: uto, set: [adv_uto_s=40000, u_limit_s=100000]}
  - name: disabled
    programs:
      - {host: client, program: uto, set: [adv_uto_s=200, enabled=0]}
      - {host: server, program: uto, set: [adv_uto_s=300]}
  - name: not-changeable
    programs:
      - {host: client, program: uto, set: [adv_uto_s=200, changeable=0]}
      - {host: server, program: uto, set: [adv_uto_s=300]}
  - name: nothing-sent
    programs:
      - {host: client, program: uto, set: [adv_uto_s=0]}
      - {host: server, program: uto, set: [adv_uto_s=300]}
checks:
  - {name: "40000 s are 667 minutes", variants: [minutes], point: "client:client-r1", from: server, segments: SYN-ACK, option: uto, field: seconds, value: "40020"}
  - {name: "G is set", variants: [minutes], point: "client:client-r1", from: client, segments: SYN, option: uto, field: granularity, value: "minutes"}
  - {name: "zero is never sent", variants: [nothing-sent], point: "client:client-r1", from: client, segments: all, option: uto, absent: yes}
  - {name: "disabled: nothing", variants: [disabled], point: "client:client-r1", from: client, segments: all, option: uto, absent: yes}
  - {name: "SYN-ACK", variants: [longer-counts, upper-limit], point: "client:client-r1", from: server, segments: SYN-ACK, option: uto}
  - {name: "the server's first ACKs say it again", variants: [longer-counts], point: "client:client-r1", from: server, segments: any, option: uto, value: "300"}
  - {name: "first data of the client", variants: [longer-counts], point: "client:client-r1", from: client, segments: first data, option: uto, value: "200"}
EOF
good "the rule of RFC 5482: the run and its wire checks" rule
is "the longer one counts, at the client" 300 "$(event rule client.uto.uto_adopted longer-counts)"
is "and at the server" 300 "$(event rule server.uto.uto_adopted longer-counts)"
is "L_LIMIT: never less than 100 s by default" 100 "$(event rule client.uto.uto_adopted lower-limit)"
is "U_LIMIT bounds what the peer asks for" 600 "$(event rule client.uto.uto_adopted upper-limit)"
is "and is counted" 1 "$(value rule client.uto.bounded upper-limit)"
is "minutes, over IPv6" 40020 "$(event rule client.uto.uto_adopted minutes)"
is "minutes the other way: its own is longer" 40000 "$(event rule server.uto.uto_adopted minutes)"
is "disabled: nothing is adopted" "0 0" "$(value rule client.uto.adopted disabled) $(value rule client.uto.sent_syn disabled)"
is "CHANGEABLE false: refused and counted" "0 1" "$(value rule client.uto.adopted not-changeable) $(value rule client.uto.refused not-changeable)"
is "ADV_UTO 0: the peer's is adopted all the same" 300 "$(event rule client.uto.uto_adopted nothing-sent)"

experiment app <<'EOF'
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 1, rate: 400kbit, user_timeout: 33}]
programs:
  - {host: client, program: uto, set: [adv_uto_s=200]}
  - {host: server, program: uto, set: [adv_uto_s=300]}
variants: [{name: v}]
EOF
good "an application that sets its own timeout: the run" app
is "keeps it: CHANGEABLE becomes false" "1 0 33" "$(value app client.uto.app_set) $(value app client.uto.adopted) $(event app client.uto.uto_app_set)"

experiment changed <<'EOF'
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 3, rate: 400kbit}]
programs:
  - {host: client, program: uto, set: [adv_uto_s=200]}
  - {host: server, program: uto, set: [adv_uto_s=300]}
events: [{at: 1, host: client, program: uto, set: [adv_uto_s=900]}]
variants: [{name: v}, {name: v6, family: 6}]
checks:
  - {name: "the new value is advertised", point: "client:client-r1", from: client, segments: any, option: uto, value: "900"}
EOF
good "a value changed while the connection lives: the run" changed
is "the client adopts it" 900 "$(event changed client.uto.uto_adopted)"
is "and the server, from a data segment" 900 "$(event changed server.uto.uto_adopted)"
is "sent once" 1 "$(value changed client.uto.sent_data)"
is "the server, which uses a new timeout now, says its own again, once" 1 "$(value changed server.uto.sent_data)"
is "the last event of each kind is a metric" "900 900" "$(value changed client.uto.uto_adopted) $(value changed server.uto.uto_adopted)"

# RFC 5482, section 4.2. curl asks for keep-alives after 5 s; with 300 s adopted the first one comes after more than that.
cat >"$TMP/keepalive.sh" <<'EOS'
mkfifo in
curl --silent --keepalive-time 5 "telnet://$1:5000" <in &
exec 3>in
for _ in $(seq 100); do
    left=$(ss -tnoH dst "$1" | sed -n 's/.*timer:(keepalive,\([^,]*\),.*/\1/p')
    case $left in *min*) break ;; esac
    sleep 0.05
done
kill $!
echo "extcp-metric minutes count ${left%%min*}"
EOS
experiment keepalive <<EOF
workloads:
  - {name: sink, kind: command, from: server, server: yes, port: 5000, command: "$EXTCP stream server --bind {server}"}
  - {name: curl, kind: command, from: client, seconds: 10, command: "bash $TMP/keepalive.sh {server}"}
programs:
  - {host: client, program: uto, set: [adv_uto_s=200]}
  - {host: server, program: uto, set: [adv_uto_s=300]}
variants: [{name: v}]
claims: [{name: "the keep-alive timer is longer than the timeout", kind: each, metric: curl.minutes, min: 4, max: 5}]
EOF
good "keep-alives wait for longer than the adopted timeout" keepalive

experiment cookies <<'EOF'
workloads: [{name: s, kind: stream, from: client, to: server, seconds: 1, rate: 400kbit}]
programs:
  - {host: client, program: uto, set: [adv_uto_s=200]}
  - {host: server, program: uto, set: [adv_uto_s=300]}
variants: [{name: v}, {name: v6, family: 6}]
EOF
sed -i "s|^topology: .*|topology: $TMP/cookies-topology.yaml|" "$TMP/cookies.yaml"
sed 's/{name: server}/{name: server, sysctls: ["net.ipv4.tcp_syncookies=2", "net.ipv4.tcp_fastopen=3"]}/; s/{name: client}/{name: client, sysctls: ["net.ipv4.tcp_fastopen=3"]}/' "$TOP/topologies/routed.yaml" >"$TMP/cookies-topology.yaml"
good "SYN cookies: the run" cookies
for v in v v6; do
    is "$v: the SYN's option was lost" 0 "$(value cookies server.uto.received_syn $v)"
    is "$v: the server learnt it from the ACK and adopts" 300 "$(event cookies server.uto.uto_adopted $v)"
done

sed 's/"net.ipv4.tcp_syncookies=2", //' "$TMP/cookies-topology.yaml" >"$TMP/tfo-topology.yaml"
experiment tfo <<'EOF'
workloads:
  - {name: first, kind: stream, from: client, to: server, seconds: 0.5, rate: 400kbit, fast_open: yes}
  - {name: second, kind: stream, from: client, to: server, at: 1.5, seconds: 0.5, rate: 400kbit, fast_open: yes, port: 5001}
programs:
  - {host: client, program: uto, set: [adv_uto_s=200]}
  - {host: server, program: uto, set: [adv_uto_s=300]}
variants: [{name: v}, {name: v6, family: 6}]
checks:
  - {name: "the SYN carries it, with data or without", point: "client:client-r1", from: client, segments: SYN, option: uto, value: "200"}
  - {name: "the SYN-ACK too", point: "client:client-r1", from: server, segments: SYN-ACK, option: uto, value: "300"}
EOF
sed -i "s|^topology: .*|topology: $TMP/tfo-topology.yaml|" "$TMP/tfo.yaml"
good "TCP Fast Open: the run and its wire checks" tfo --set r1-server.delay=20ms
for v in v v6; do
    # The second server has the option with the SYN and may adopt only when the handshake is over, a round trip later.
    gap=$(awk -F, -v v=$v '$2 == v && $4 == "server.uto.uto_received" { r = $5 } $2 == v && $4 == "server.uto.uto_adopted" { a = $5 } END { print a - r }' \
        "$TMP/results/tfo/latest/series.csv")
    check "$v: adopted in a synchronised state only, $gap s after the SYN" awk -v g="$gap" 'BEGIN { exit !(g > 0.035) }'
    is "$v: both connections adopt at both ends" "2 2" "$(value tfo client.uto.adopted $v) $(value tfo server.uto.adopted $v)"
done
syn_data=$(tshark -r "$TMP/results/tfo/latest/captures/v-1-client-client-r1.pcap" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.len > 0' 2>/dev/null | wc -l)
is "the second SYN carried data" 1 "$syn_data"

# Hostile peers: segments that no kernel sends. Nothing is adopted, everything is counted, and the connection works.
# UTO 300 s is 1c04012c. MSS is 020405b4.
experiment hostile <<EOF
at_once: 8
programs: [{host: server, program: uto, set: [adv_uto_s=300]}]
parameters: [{name: syn, value: "-"}, {name: ack, value: "-"}, {name: data, value: "-"}]
workloads:
  - {name: sink, kind: command, from: server, server: yes, port: 5000, command: "$EXTCP stream server --bind {server}"}
  - {name: raw, kind: command, from: client, seconds: 20, command: "iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP && $TOP/$O/tests/tools/rawtcp {client} {server} 5000 \${syn} \${ack} \${data}"}
variants:
  - {name: good-syn, parameters: [syn=020405b41c04012c]}
  - {name: good-ack, parameters: [ack=1c04012c]}
  - {name: good-data, parameters: [data=1c04012c]}
  - {name: short, parameters: [syn=1c0301, ack=1c0301, data=1c0301]}
  - {name: long, parameters: [syn=1c06012c0000, ack=1c06012c0000, data=1c06012c0000]}
  - {name: length-0, parameters: [syn=1c00012c, ack=1c00012c, data=1c00012c]}
  - {name: length-1, parameters: [syn=1c01012c, ack=1c01012c, data=1c01012c]}
  - {name: past-header, parameters: [syn=1c28012c, ack=1c28012c, data=1c28012c]}
  - {name: last-byte, parameters: [syn=0101011c, ack=0101011c, data=0101011c]}
  - {name: repeated, parameters: [syn=1c04012c1c040258, ack=1c04012c1c040258, data=1c04012c1c040258]}
  - {name: zero, parameters: [syn=1c040000, ack=1c048000, data=1c040000]}
EOF
good "hostile peers: every connection works" hostile
for v in good-syn good-ack good-data; do
    is "$v: adopted once" 1 "$(value hostile server.uto.adopted $v)"
done
is "each was received where it was sent" "1 1 1" "$(value hostile server.uto.received_syn good-syn) $(value hostile server.uto.received_first good-ack) $(value hostile server.uto.received_data good-data)"
for v in short long length-0 length-1 past-header last-byte repeated zero; do
    is "$v: nothing is adopted" 0 "$(value hostile server.uto.adopted $v)"
done
for v in short long length-0 length-1 past-header last-byte; do
    n=$(value hostile server.uto.malformed $v)
    # Where the lengths do not add up, the kernel's own parser gives up on a data segment and no program is called for it.
    case $v in short | long) least=3 ;; *) least=2 ;; esac
    check "$v: counted as malformed (${n:-0})" test "${n:-0}" -ge $least
done
n=$(value hostile server.uto.repeated repeated) && check "repeated: counted (${n:-0})" test "${n:-0}" -ge 3
n=$(value hostile server.uto.zero zero) && check "zero: counted (${n:-0})" test "${n:-0}" -ge 3
is "nothing is left behind" "nothing to clean" "$("$EXTCP" clean)"
finish
