#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The initial window by request: granted, refused, bounded, with SYN cookies, IPv6, hostile peers; web pages and the client that loads them.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

experiment() { { printf 'name: %s\ntitle: "test"\n' "$1" && cat; } >"$TMP/$1.yaml"; }
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" "${@:2}" >"$TMP/out" 2>&1; }
good() { if run "$2" "${@:3}"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out")"; fi; }
value() { awk -F, -v m="$2" -v v="${3:-v}" '$4 == m && $2 == v { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
counters() { # EXPERIMENT VARIANT COUNTER...
    local e=$1 v=$2 c got=()
    shift 2
    for c in "$@"; do got+=("$(value "$e" "server.iw-request.$c" "$v")"); done
    echo "${got[*]}"
}

# A server that has a megabyte to send. What it may send before the first ACK of data is seen on the wire, on its side.
windows() {
    cat <<EOF
topology: $1
set: [r1-server.delay=15ms, r1-server.rate=unlimited]
at_once: 4
captures: [{point: "server:r1-server", filter: tcp}]
measures: [{name: iw, kind: initial_window, point: "server:r1-server", from: server}]
workloads: [{name: dl, kind: iperf3, from: client, to: server, bytes: 1000000, reverse: yes}]
EOF
}
experiment policy <<EOF
$(windows web)
variants:
  - name: granted
    programs: &granted [{host: client, program: iw-request, set: [ask=25]}, {host: server, program: iw-request, set: [max_iw=25]}]
  - {name: granted-v6, family: 6, programs: *granted}
  - name: refused
    programs: [{host: client, program: iw-request, set: [ask=26]}, {host: server, program: iw-request, set: [max_iw=25]}]
  - name: bounded
    programs: [{host: client, program: iw-request, set: [ask=65535]}, {host: server, program: iw-request, set: [max_iw=25, bound=1]}]
  - name: forbidden
    programs: [{host: client, program: iw-request, set: [ask=5]}, {host: server, program: iw-request, set: [max_iw=0, bound=1]}]
  - name: standard
    programs: [{host: client, program: iw-request, set: [ask=11]}, {host: server, program: iw-request}]
  - name: small
    programs: [{host: client, program: iw-request, set: [ask=1]}, {host: server, program: iw-request}]
  - name: nothing-asked
    programs: [{host: client, program: iw-request}, {host: server, program: iw-request}]
checks:
  - {name: "the SYN asks", variants: [granted, granted-v6], point: "server:r1-server", from: client, segments: SYN, option: iw_request, value: "25"}
  - {name: "a refused request is on the wire", variants: [refused], point: "server:r1-server", from: client, segments: SYN, option: iw_request, value: "26"}
  - {name: "so is a hostile one", variants: [bounded], point: "server:r1-server", from: client, segments: SYN, option: iw_request, value: "65535"}
  - {name: "said again until there is data", variants: [granted, granted-v6], point: "server:r1-server", from: client, segments: first data, option: iw_request, value: "25"}
  - {name: "the server never asks", point: "server:r1-server", from: server, segments: all, option: iw_request, absent: yes}
  - {name: "nothing is asked", variants: [nothing-asked], point: "server:r1-server", from: client, segments: all, option: iw_request, absent: yes}
EOF
good "what the policy allows and what it does not: the runs and their wire checks" policy
for v in granted granted-v6; do
    is "$v: both connections get what they ask for" "2 0 0 0 0" "$(counters policy $v granted bounded refused late again)"
    is "$v: the capture shows a window of 25" "25 25 1" "$(value policy iw.segments_min $v) $(value policy iw.segments_max $v) $(value policy iw.connections $v)"
done
is "refused: nothing changes, and it is counted" "0 2" "$(counters policy refused granted refused)"
is "refused: the window is the kernel's own" "10 10" "$(value policy iw.segments_min refused) $(value policy iw.segments_max refused)"
is "bounded: cut to the policy's largest" "2 2 0" "$(counters policy bounded granted bounded refused)"
is "bounded: the capture shows it" 25 "$(value policy iw.segments_max bounded)"
is "a policy of 0 grants nothing, bounded or not" "0 2 10" "$(counters policy forbidden granted refused) $(value policy iw.segments_max forbidden)"
is "the policy allows 10 where nothing is said" "0 2 10" "$(counters policy standard granted refused) $(value policy iw.segments_max standard)"
is "a window of 1" "2 1" "$(counters policy small granted) $(value policy iw.segments_max small)"
is "nothing asked, nothing done" "0 0 0 10" "$(counters policy nothing-asked received_syn granted refused) $(value policy iw.segments_max nothing-asked)"

# tshark counts too: the server's data segments before the first ACK of any of them.
for v in granted:25 granted-v6:25 refused:10 bounded:25; do
    n=$(tshark -r "$TMP/results/policy/latest/captures/${v%:*}-1-server-r1-server.pcap" -T fields -e tcp.stream -e tcp.srcport -e tcp.len -e tcp.ack 2>/dev/null |
        awk '$2 == 5201 && $3 > 0 && !acked[$1] { n[$1]++ } $2 != 5201 && $4 > 1 && n[$1] { acked[$1] = 1 } END { for (s in n) if (n[s] > m) m = n[s]; print m }')
    is "tshark: ${v%:*}" "${v#*:}" "$n"
done

# With SYN cookies the server has forgotten the SYN; the option comes again with the ACK.
sed 's/sysctls:$/sysctls:\n      - "net.ipv4.tcp_syncookies=2"/' "$TOP/topologies/web.yaml" >"$TMP/cookies-topology.yaml"
experiment cookies <<EOF
$(windows "$TMP/cookies-topology.yaml")
programs: [{host: client, program: iw-request, set: [ask=25]}, {host: server, program: iw-request, set: [max_iw=25]}]
variants: [{name: v}, {name: v6, family: 6}]
EOF
good "SYN cookies: the run" cookies
for v in v v6; do
    is "$v: the SYN's option was lost, the ACK's is applied in time" "0 2 0 25" "$(counters cookies $v received_syn granted late) $(value cookies iw.segments_max $v)"
done

# Hostile peers. The option asking for 20 segments: fe 06 e8c2 0014.
experiment hostile <<EOF
topology: web
set: [r1-server.delay=1ms]
at_once: 8
programs: [{host: server, program: iw-request, set: [max_iw=30]}]
parameters: [{name: syn, value: "-"}, {name: ack, value: "-"}, {name: data, value: "-"}, {name: later, value: "-"}]
workloads:
  - {name: echo, kind: command, from: server, server: yes, port: 5000, command: "{extcp} stream server --bind {server} --echo"}
  - {name: raw, kind: command, from: client, seconds: 20, command: "iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP && $TOP/$O/tests/tools/rawtcp {client} {server} 5000 \${syn} \${ack} \${data} \${later}"}
variants:
  - {name: good-syn, parameters: [syn=fe06e8c20014]}
  - {name: good-ack, parameters: [ack=fe06e8c20014]}
  - {name: good-data, parameters: [data=fe06e8c20014]}
  - {name: late, parameters: [later=fe06e8c20014]}
  - {name: zero, parameters: [syn=fe06e8c20000, ack=fe06e8c20014, data=fe06e8c20014]}
  - {name: huge, parameters: [syn=fe06e8c2ffff, ack=fe06e8c2ffff, data=fe06e8c2ffff]}
  - {name: changed-mind, parameters: [syn=fe06e8c20014, ack=fe06e8c2001e, data=fe06e8c2001e]}
  - {name: short, parameters: [syn=fe05e8c214, ack=fe05e8c214, data=fe05e8c214]}
  - {name: long, parameters: [syn=fe07e8c2000014, ack=fe07e8c2000014, data=fe07e8c2000014]}
  - {name: no-value, parameters: [syn=fe04e8c2, ack=fe04e8c2, data=fe04e8c2]}
  - {name: length-0, parameters: [syn=fe00e8c20014, ack=fe00e8c20014]}
  - {name: length-1, parameters: [syn=fe01e8c20014, ack=fe01e8c20014]}
  - {name: past-header, parameters: [syn=fe28e8c20014, ack=fe28e8c20014]}
  - {name: repeated, parameters: [syn=fe06e8c20014fe06e8c2001e, ack=fe06e8c20014fe06e8c2001e, data=fe06e8c20014fe06e8c2001e]}
  - {name: unknown-exid, parameters: [syn=fe06abcd0014, ack=fe06abcd0014, data=fe06abcd0014]}
  - {name: kind-253, parameters: [syn=fd06e8c20014, ack=fd06e8c20014, data=fd06e8c20014]}
EOF
good "hostile peers: every connection works" hostile
for v in good-syn good-ack; do
    is "$v: granted, once" "1 0 0" "$(counters hostile $v granted refused late)"
done
is "good-data: asked for first after the handshake (RFC 6994): late" "0 0 1" "$(counters hostile good-data granted refused late)"
is "late: the server has sent data, and the kernel refuses" "0 1" "$(counters hostile late granted late)"
is "zero: nothing changes, and no second request is heard" "0 1 2" "$(counters hostile zero granted zero again)"
is "65535: refused, counted" "0 1" "$(counters hostile huge granted refused)"
is "another value on the same connection is no request" "1 2" "$(counters hostile changed-mind granted again)"
for v in short long no-value length-0 length-1 past-header repeated unknown-exid kind-253; do
    is "$v: nothing changes" "0 0 0" "$(counters hostile $v granted refused late)"
done
for v in short long no-value; do
    is "$v: counted as malformed, each time" 3 "$(counters hostile $v malformed)"
done
for v in length-0 length-1 past-header; do
    is "$v: counted as malformed, in SYN and ACK" 2 "$(counters hostile $v malformed)"
done
is "repeated: counted, each time" 3 "$(counters hostile repeated repeated)"

# Web pages: made from a seed, served by nginx, loaded and verified over IPv4 and IPv6.
experiment pages <<'EOF'
topology: web
set: [r1-server.rate=unlimited, r1-server.delay=1ms]
at_once: 4
parameters: [{name: spoil, value: "true"}]
workloads:
  - {name: www, kind: command, from: server, server: yes, port: 8007, command: "exec sh {home}/experiments/scripts/nginx-pages.sh {extcp} 8000 3 8 5"}
  - {name: load, kind: command, from: client, seconds: 20, command: "${spoil} && {extcp} page load --manifest pages/manifest.json --server {server} --port 8000 --time-limit 5 --metrics"}
variants:
  - {name: v}
  - {name: v6, family: 6}
EOF
good "pages from nginx" pages
"$EXTCP" page make --dir "$TMP/set" --pages 3 --origins 8 --seed 5
bytes=$(jq '[.pages[].objects[].size] | add' "$TMP/set/manifest.json") objects=$(jq '[.pages[].objects | length] | add' "$TMP/set/manifest.json")
for v in v v6; do
    is "$v: all of them, every byte" "3 $objects $bytes" "$(value pages load.pages $v) $(value pages load.objects $v) $(value pages load.bytes $v)"
    check "$v: at most six connections to an origin at once" test "$(value pages load.peak $v)" -le 6
    is "$v: a raw value for each page" 3 "$(grep -c "^pages,$v,1,load.page00[012]_s,s," "$TMP/results/pages/latest/data.csv")"
done
spoiled() { # NAME MESSAGE COMMAND: what the client does before it loads them
    local rc=0
    run pages --variant v --set "spoil=$3" || rc=$?
    like "$1: the run breaks and says why" "^4 .*$2" "$rc $(grep -A3 BROKE "$TMP/out" | tr '\n' ' ')"
}
# The manifest is changed instead of the files, which only the web server sees.
change() { echo "jq '.pages[1].objects[2].size |= . $1' pages/manifest.json >changed && mv changed pages/manifest.json"; }
spoiled "a missing object" "page 1: http://[0-9.]*:800[0-7]/1/2.html: status 404; expected: 200" "sed -i '/.1.2.css/!b;s/css/html/;n;s/css/html/' pages/manifest.json"
spoiled "a short object" "page 1: http://[0-9.]*:800[0-7]/1/2.css: [0-9]* bytes; expected: [0-9]*, as in the manifest" "$(change +5)"
spoiled "a long object" "page 1: http://[0-9.]*:800[0-7]/1/2.css: more than the [0-9]* bytes of the manifest" "$(change -5)"
spoiled "connections that are reset" "page 0: http://[0-9.]*:8000/0/0.html: .*onnect" "iptables -A OUTPUT -p tcp --dport 8000 -j REJECT --reject-with tcp-reset"
spoiled "a page that never ends" "page 0: 0 of [0-9]* objects were received within the time limit of 5 s" "iptables -A INPUT -p tcp --sport 8000 -m length --length 1000: -j DROP"

rc=0 && out=$("$EXTCP" page make --dir "$TMP/set" 2>&1) || rc=$?
like "page make overwrites nothing" "^2 .*manifest.json is there already" "$rc $out"
rc=0 && out=$("$EXTCP" page load --manifest "$TMP/none.json" --server 127.0.0.1 2>&1) || rc=$?
like "page load without a manifest: exit 2" "^2 .*none.json" "$rc $out"
rc=0 && out=$("$EXTCP" page make --dir "$TMP/x" --pages 0 2>&1) || rc=$?
like "page make --pages 0: exit 2, and what is accepted" "^2 .*--pages '0': accepted: a whole number from 1 to 1000" "$rc $out"
is "and nothing was made" no "$([ -e "$TMP/x" ] && echo yes || echo no)"
like "page show says what pages are made of" "page +objects +origins +depth +bytes" "$("$EXTCP" page show "$TMP/set/manifest.json")"
finish
