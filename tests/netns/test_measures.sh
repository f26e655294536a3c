#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Measures from real captures, judged by tshark; sampled sockets, judged by ss. tshark is asked where the definitions agree:
# tcp.analysis.ack_rtt also takes ACKs of SYN and FIN, which are left out here, and knows no Karn's rule. So without losses the
# samples agree, but for one ACK of each connection that covers data and FIN, and one that follows a tail loss probe; with losses ours are a part of tshark's.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

cat >"$TMP/measures.yaml" <<'EOF'
name: measures
title: "measures of one transfer"
calibrate: {delay: 20, rate: 0.5} # what the links really do does not matter here
topology: routed
at_once: 4
set: [client-r1.delay=5ms, r1-server.delay=5ms, client-r1.queue=2000]
captures: [{point: "client:client-r1"}, {point: "server:r1-server"}]
workloads:
  - {name: app, kind: iperf3, from: client, to: server, seconds: 2, congestion: cubic}
measures:
  - {name: rtt, kind: rtt, point: "client:client-r1", from: client, port: 5201}
  - {name: acks, kind: acks, point: "client:client-r1", from: client}
  - {name: down, kind: goodput, point: "server:r1-server", from: client}
  - {name: other, kind: rtt, point: "client:client-r1", from: client, port: 9}
variants:
  - {name: clean}
  - {name: ipv6, family: 6}
  - {name: lossy, topology: ["client-r1.loss=1%"]}
  - {name: offloads, topology: [client-r1.offloads=on, client-r1.rate=unlimited, r1-server.rate=unlimited]}
EOF
check "the run" timeout 100 "$EXTCP" "$TMP/measures.yaml" --out "$TMP/results"
dir=$TMP/results/measures/latest
value() { awk -F, -v m="$2" -v v="$1" '$4 == m && $2 == v { print $6; exit }' "$dir/data.csv"; }
near() { awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { exit !(a != "" && b != "" && a - b <= t && b - a <= t) }'; }

# A line for each segment but resets: stream, from the client?, length, sequence, ack, SYN, FIN, ACK, round-trip time.
segments() {
    tshark -n -r "$1" -Y "tcp.flags.reset == 0" -T fields -e tcp.stream -e tcp.dstport -e tcp.len -e tcp.seq -e tcp.ack -e tcp.flags.syn -e tcp.flags.fin \
        -e tcp.flags.ack -e tcp.analysis.ack_rtt 2>/dev/null | awk -F '\t' -v OFS='\t' '{ $2 = $2 == 5201; print }'
}
# tshark's samples, without the ACKs of SYN and FIN.
samples() {
    awk -F '\t' '$2 && $7 { fin[$1] = $4 + $3 } !$2 && $9 != "" && $5 > 1 && !($1 in fin && $5 > fin[$1]) { print $9 }' "$1" | sort -g
}
for v in clean ipv6 lossy offloads; do
    [ $v = ipv6 ] && mss=1428 || mss=1448
    segments "$dir/captures/$v-1-client-client-r1.pcap" >"$TMP/$v.client"
    segments "$dir/captures/$v-1-server-r1-server.pcap" >"$TMP/$v.server"
    samples "$TMP/$v.client" >"$TMP/$v.rtt"
    is "$v: data packets" "$(awk '$2 && $3 > 0' "$TMP/$v.client" | wc -l)" "$(value $v acks.data_packets)"
    is "$v: data segments" "$(awk -v m="$mss" '$2 { n += int(($3 + m - 1) / m) } END { print n }' "$TMP/$v.client")" "$(value $v acks.data_segments)"
    is "$v: pure ACKs" "$(awk '$2 && $3 { data[$1] = 1 } !$2 && !$3 && !$6 && !$7 && $8 && data[$1]' "$TMP/$v.client" | wc -l)" "$(value $v acks.pure_acks)"
    is "$v: unique bytes" "$(awk '$2 && $3' "$TMP/$v.server" | sort -k 1,1n -k 4,4n | awk '$1 != stream { stream = $1; end = 0 } { from = $4 > end ? $4 : end } $4 + $3 > from { n += $4 + $3 - from; end = $4 + $3 } END { print n }')" \
        "$(value $v down.bytes)"
    is "$v: no sample of a port that is not there" "0 " "$(value $v other.n) $(value $v other.median)"
done
for v in clean ipv6; do
    n=$(wc -l <"$TMP/$v.rtt")
    check "$v: as many samples as tshark, but for at most 3 ($(value $v rtt.n) and $n)" near "$(value $v rtt.n)" "$n" 3
    check "$v: there are many" test "$n" -gt 500
    # Three samples more or less of several hundred that lie some 0.1 ms apart move a quantile by so much, in the tail further.
    for q in min:0:0.0001 median:0.5:0.0005 p95:0.95:0.001; do
        IFS=: read -r what q tolerance <<<"$q"
        theirs=$(awk -v q="$q" '{ a[NR] = $1 } END { p = 1 + q * (NR - 1); i = int(p); printf "%.9f", a[i] + (p - i) * (a[i < NR ? i + 1 : i] - a[i]) }' "$TMP/$v.rtt")
        check "$v: $what as tshark's within $tolerance s ($(value $v "rtt.$what") and $theirs s)" near "$(value $v "rtt.$what")" "$theirs" "$tolerance"
    done
done
check "lossy: Karn's rule leaves out samples ($(value lossy rtt.n) of $(wc -l <"$TMP/lossy.rtt"))" test "$(value lossy rtt.n)" -lt "$(wc -l <"$TMP/lossy.rtt")"
check "lossy: but keeps most" test "$(value lossy rtt.n)" -gt $(($(wc -l <"$TMP/lossy.rtt") / 2))
for v in clean lossy; do
    missing=$(awk -F, -v v=$v 'FNR == NR { seen[sprintf("%.9f", $1)] = 1; next } $2 == v && $4 == "rtt" { n++; if (!(sprintf("%.9f", $6) in seen)) bad++ } END { print(n > 20 ? bad + 0 : 1000) }' \
        "$TMP/$v.rtt" "$dir/series.csv")
    # One ACK of data and FIN may differ.
    check "$v: each point of the series is one of tshark's (but for $missing)" test "$missing" -le 1
done
check "offloads: super-segments were captured, and are counted as what they are on the wire" \
    test "$(value offloads acks.data_segments)" -gt $((2 * $(value offloads acks.data_packets)))

# Bad files: what is wrong, where, and what is accepted.
bad() { # NAME PATTERN TEXT: TEXT as a line of the file
    sed "s|^  - {name: rtt,.*|$3|" "$TMP/measures.yaml" >"$TMP/bad.yaml"
    "$EXTCP" "$TMP/bad.yaml" >/dev/null 2>"$TMP/err"
    is "$1: exit 2" 2 $?
    like "$1: the message" "$2" "$(cat "$TMP/err")"
}
rtt='  - {name: rtt, kind: rtt, point: "client:client-r1"'
bad "an unknown kind" "bad.yaml:11: measures\[0\].kind: bad value 'rttt'; accepted: rtt, acks, initial_window, goodput" "${rtt/rtt,\ point/rttt, point}}"
bad "a point that is not captured" "bad.yaml:11: .*point: 'server:nope' is not captured; accepted" "${rtt/client:client-r1/server:nope}, from: client}"
bad "no from" "kind rtt needs .from:." "$rtt}"
bad "an unknown node" "there is no node 'nobody' .*accepted: client, server, r1" "$rtt, from: nobody}"
bad "a bad port" "bad value '0'; accepted: a whole number from 1 to 65535" "$rtt, from: client, port: 0}"
bad "an unknown variant" "there is no variant 'x'; accepted: clean, ipv6" "$rtt, from: client, variants: [x]}"
bad "a name twice" "there is another 'down'" "${rtt/name: rtt/name: down}, from: client}"
bad "the name of a workload" "there is another 'app'" "${rtt/name: rtt/name: app}, from: client}"
bad "a name that is none" "accepted: letters, digits and '_'" "${rtt/name: rtt/name: \"a b\"}, from: client}"
like "list has the kinds" "initial_window .*new data before the first ACK" "$("$EXTCP" list)"

# Sockets: a connection that has sent what it had and stays: its numbers stand still, and ss must see the same.
cat >"$TMP/idle.sh" <<'EOF'
exec 3<>"/dev/tcp/$1/5000"
head -c 200000 /dev/zero >&3
# Everything is acknowledged: nothing is in the queues.
until ss -Htn 'dport = 5000' | grep -qE 'ESTAB +0 +0 '; do sleep 0.02; done
sleep 0.6 # what is to be sampled
ss -Htin 'dport = 5000'
EOF
cat >"$TMP/sockets.yaml" <<EOF
name: sockets
title: "one connection, looked at by us and by ss"
calibrate: {delay: 20, rate: 0.5}
topology: routed
at_once: 2
set: [client-r1.delay=5ms, r1-server.delay=5ms]
captures: [{point: "client:client-r1"}]
measures:
  - {name: iw, kind: initial_window, point: "client:client-r1", from: client}
workloads:
  - {name: sink, kind: command, from: server, server: yes, port: 5000, command: "$EXTCP stream server --bind {server}"}
  - {name: app, kind: command, from: client, seconds: 10, command: "bash $TMP/idle.sh {server} >$TMP/ss.{family}"}
sockets:
  - {name: cl, host: client, port: 5000, interval: 0.05}
  - {name: srv, host: server, port: 5000}
  - {name: none, host: r1, port: 5000}
variants: [{name: v4}, {name: v6, family: 6}]
EOF
check "sockets: the run" timeout 60 "$EXTCP" "$TMP/sockets.yaml" --out "$TMP/results"
dir=$TMP/results/sockets/latest
last() { awk -F, -v m="$2" -v v="$1" '$4 == m && $2 == v { r = $6 } END { print r }' "$dir/series.csv"; }
for v in 4 6; do
    ss=$(tail -n 1 "$TMP/ss.$v")
    theirs=$(tshark -n -r "$dir/captures/v$v-1-client-client-r1.pcap" -T fields -e tcp.dstport -e tcp.len -e tcp.ack 2>/dev/null |
        awk '$1 == 5000 && $2 { n++ } $1 != 5000 && $3 > 1 { exit } END { print n }')
    is "IPv$v: the initial window, and what tshark sees before the first ACK" "10 $theirs" "$(value v$v iw.segments_median) 10"
    field() { sed -nE "s/.*[[:space:]]$1[: ]([^ ,\/]+).*/\1/p" <<<"$ss"; }
    # ss: "cubic wscale:10,10 …"; the algorithm comes first, after "ts sack" and the like.
    algorithm=$(grep -oE '\b(reno|cubic|bbr)\b' <<<"$ss" | head -n 1)
    is "IPv$v: congestion control as ss says ($algorithm)" 1 "$(value v$v "cl.congestion.$algorithm")"
    is "IPv$v: cwnd" "$(field cwnd)" "$(last v$v cl.cwnd)"
    is "IPv$v: bytes acknowledged" "$(field bytes_acked)" "$(last v$v cl.bytes_acked)"
    check "IPv$v: round-trip time (ss: $(field rtt) ms, ours: $(last v$v cl.rtt) s)" near "$(awk -v r="$(field rtt)" 'BEGIN { print r / 1000 }')" "$(last v$v cl.rtt)" 0.0000011
    rate=$(field delivery_rate) rate=${rate%bps}
    check "IPv$v: delivery rate (ss: $rate, ours: $(last v$v cl.delivery_rate))" near "$rate" "$(last v$v cl.delivery_rate)" 8
    is "IPv$v: one socket on either side, none on the router" "1 1 0" "$(value v$v cl.sockets) $(value v$v srv.sockets) $(value v$v none.sockets)"
    is "IPv$v: what was never there has no other metrics" "" "$(awk -F, -v v=v$v '$2 == v && $4 ~ /^none\.(cong|cwnd|rtt)/ { print $4 }' "$dir/data.csv")"
    n=$(value v$v cl.samples)
    check "IPv$v: the interval is kept ($n samples of 0.05 s in at least 0.6 s)" test "$n" -ge 9
done
finish
