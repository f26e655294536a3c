#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Acknowledging less often, or for each segment: no strategy stalls, TARR asks and is obeyed by its rules, hostile requests.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# Round trip 60 ms: a sender that is rescued by its own tail loss probe (two round trips) is far off what is accepted here.
{
    sed 's/^name: .*/name: far/; s/^defaults: .*/defaults: {delay: 15ms}/' "$TOP/topologies/routed.yaml"
    cat <<'YAML'
routes:
  - {node: server, to: default, via: [10.0.1.1], table: 200, quickack: yes}
  - {node: server, to: default, via: ["fd00:0:0:1::1"], table: 200, quickack: yes}
rules:
  - {node: server, mark: 172, table: 200}
YAML
} >"$TMP/far.yaml"
sed 's/{name: server}/{name: server, sysctls: ["net.ipv4.tcp_rmem=4096 16384 16384"]}/' "$TMP/far.yaml" >"$TMP/small-window.yaml"
experiment() {
    { printf 'name: %s\ntitle: test\ntopology: %s\n' "$1" "${2:-$TMP/far.yaml}" && cat; } >"$TMP/$1.yaml"
}
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" "${@:2}" >"$TMP/out" 2>&1; }
good() { if run "$2" "${@:3}"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out")"; fi; }
value() { awk -F, -v m="$2" -v v="$3" '$4 == m && $2 == v { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
# between NAME FOUND LEAST MOST
between() { check "$1 (${2:-nothing}, accepted $3 to $4)" awk -v f="${2:-none}" -v l="$3" -v m="$4" 'BEGIN { exit !(f + 0 == f && f >= l && f <= m) }'; }

# Bursts of every length from 1 to 200 segments with pauses of 5 to 94 ms. At the receiver, the newest data of every ACK has waited no
# longer than the kernel's shortest delayed ACK, 40 ms (half of the round trip, the longest time bound here, is less), and 40 ms for
# this machine. That measure leaves out what was sent twice, so the sender says how long it waited: at most a round trip, 40 ms, and
# 60 ms for this machine, where a tail loss probe that saved it would have come after 128 ms and been answered after 188 ms.
experiment bursts <<YAML
at_once: 2
captures: [{point: "server:r1-server", filter: "tcp port 5000"}]
measures:
  - {name: delay, kind: rtt, point: "server:r1-server", from: client, port: 5000}
  - {name: acks, kind: acks, point: "server:r1-server", from: client, port: 5000}
parameters: [{name: more, value: ""}]
workloads:
  - {name: sink, kind: command, from: server, server: yes, port: 5000, command: "$EXTCP stream server --bind {server}"}
  - {name: b, kind: command, from: client, seconds: 30, command: "$TOP/$O/tests/tools/bursts {server} 5000 8 1 200 \${more}"}
variants:
  - {name: default}
  - name: every
    programs: [{host: server, program: ack-rate, set: [segments=1, quick_mark=172]}]
  - name: ten
    programs: &ten [{host: server, program: ack-rate, set: [segments=10, rtt_div=4]}]
  - {name: ten-not-pushed, parameters: [more=more], programs: *ten}
  - name: hundred
    programs: &hundred [{host: server, program: ack-rate, set: [segments=100, rtt_div=2]}]
  - {name: hundred-ipv6, family: 6, programs: *hundred}
  - name: tarr
    programs: &tarr
      - {host: client, program: tarr}
      - {host: server, program: tarr, set: [quick_mark=172]}
  - {name: tarr-ipv6, family: 6, programs: *tarr}
YAML
good "bursts of 1 to 200 segments: the run" bursts
for v in default every ten ten-not-pushed hundred hundred-ipv6 tarr tarr-ipv6; do
    is "$v: every burst was acknowledged" 200 "$(value bursts b.bursts $v)"
    between "$v: (nearly) nothing was sent twice" "$(value bursts b.retransmits $v)" 0 2
    between "$v: the sender's longest wait for the last byte of a burst" "$(value bursts b.last $v)" 0.059 0.160
    between "$v: and for any progress" "$(value bursts b.gap $v)" 0.059 0.160
    between "$v: the longest wait at the receiver" "$(value bursts delay.max $v)" 0 0.080
done
between "every: an ACK for each segment" "$(value bursts acks.acks_per_segment every)" 0.95 1.02
for v in ten ten-not-pushed hundred hundred-ipv6 tarr tarr-ipv6; do
    between "$v: fewer ACKs" "$(value bursts acks.acks_per_segment $v)" 0 "$(awk -v d="$(value bursts acks.acks_per_segment default)" 'BEGIN { print d * 0.6 }')"
done
between "hundred: the late ACKs were carried" "$(value bursts server.ack-rate.acks_late hundred)" 100 2000
is "and none had to go out for want of a carrier" 0 "$(value bursts server.ack-rate.acks_unsafe hundred)"

# tshark reads what was sent: the option of the SYNs, and the requests, as often as the program says.
pcap=$TMP/results/bursts/latest/captures/tarr-1-server-r1-server.pcap
fields() { tshark -r "$pcap" -Y "$1" -T fields -e "$2" 2>/dev/null; }
is "tshark: every SYN and SYN-ACK has the option" 16 "$(fields 'tcp.flags.syn == 1 && tcp.options.experimental.exid == 0x00ac' frame.number | wc -l)"
asked=$(fields 'tcp.options.tarr.rate' tcp.options.tarr.rate | sort -n | uniq)
check "tshark: the requests are powers of two from 1 to 64 ($(tr '\n' ' ' <<<"$asked"))" awk 'NF { n++; r = $1; while (r > 1 && r % 2 == 0) r /= 2; if (r != 1 || $1 > 64) bad = 1 } END { exit bad || !n }' <<<"$asked"
is "tshark: the server asks for nothing" 0 "$(fields 'tcp.srcport == 5000 && tcp.options.tarr.rate' frame.number | wc -l)"

# What the sender asks for: R = 1 on a loss, nothing of a peer that does not know the option, R = 0 when it is told to.
experiment sender <<'YAML'
at_once: 4
captures: [{point: "client:client-r1", filter: "tcp port 5201"}]
workloads: [{name: bulk, kind: iperf3, from: client, to: server, seconds: 2, congestion: cubic}]
variants:
  - name: lossy
    topology: [r1-server.forward.loss=1%, client-r1.rate=20mbit]
    programs: &both [{host: client, program: tarr}, {host: server, program: tarr}]
  - {name: alone, programs: [{host: client, program: tarr}]}
  - name: at-once
    family: 6
    programs: *both
    events: [{at: 1, host: client, program: tarr, set: [ask_at_once=1]}]
checks:
  - {name: "R = 1 on a loss", variants: [lossy], point: "client:client-r1", from: client, segments: any, option: tarr, field: rate, value: "1"}
  - {name: "asked although nobody listens", variants: [alone], point: "client:client-r1", from: client, segments: all, option: tarr, field: rate, absent: yes}
  - {name: "the SYN-ACK of a server without the program", variants: [alone], point: "client:client-r1", from: server, segments: all, option: tarr, absent: yes}
  - {name: "R = 0", variants: [at-once], point: "client:client-r1", from: client, segments: any, option: tarr, field: rate, value: "0"}
YAML
good "what a sender asks for: the run and its wire checks" sender
between "lossy: the receiver obeys" "$(value sender server.tarr.honoured lossy)" 2 1000
is "alone: nothing was asked" 0 "$(value sender client.tarr.asked alone)"
# Two connections of iperf3; segmentation offload copies an option to every segment of a packet.
between "at once: the receiver was asked" "$(value sender server.tarr.at_once at-once)" 1 100

# A peer of raw segments. 40 segments: R = 8 makes 5 ACKs; the kernel alone makes 20, or more while its window grows. SYN: MSS
# 1460 and TARR.
experiment asked <<YAML
at_once: 4
parameters: [{name: syn, value: 020405b4fe0400ac}, {name: steps, value: ""}]
programs: [{host: server, program: tarr, set: [quick_mark=172, max_r=64, rtt_div=1]}]
workloads:
  - {name: sink, kind: command, from: server, server: yes, port: 5000, command: "$EXTCP stream server --bind {server}"}
  - {name: raw, kind: command, from: client, seconds: 20, command: "iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP && $TOP/$O/tests/tools/tarr_peer {client} {server} 5000 \${syn} 40:- \${steps}"}
variants:
  - {name: kernel, parameters: ["steps=40:-"]}
  - {name: eight, parameters: ["steps=40:fe0500ac10 40:- 1:-"]}
  - {name: reserved-bit, parameters: ["steps=40:fe0500ac11 40:-"]}
  - {name: at-once, parameters: ["steps=40:fe0500ac10 1:fe0500ac00 40:-"]}
  - {name: each, parameters: ["steps=40:fe0500ac02 40:-"]}
  - {name: policy, parameters: ["steps=40:fe0500acfe 40:-"]}
  - {name: not-negotiated, parameters: [syn=020405b4, "steps=40:fe0500ac10 40:-"]}
YAML
good "requests of a raw peer: the run" asked
between "no request: an ACK for at most two segments, about" "$(value asked raw.acks1 kernel)" 14 41
is "R = 8: honoured" 1 "$(value asked server.tarr.honoured eight)"
between "one ACK for eight segments" "$(value asked raw.acks2 eight)" 4 7
between "and a single one waits until the sender may have stopped: 40 ms" "$(value asked raw.last3 eight)" 0.095 0.14
between "the reserved bit changes nothing" "$(value asked raw.acks2 reserved-bit)" 4 7
is "R = 0: counted" 1 "$(value asked server.tarr.at_once at-once)"
between "R = 0: the ACK comes at once" "$(value asked raw.last2 at-once)" 0.06 0.085
between "and the ratio stays" "$(value asked raw.acks3 at-once)" 4 7
between "R = 1: an ACK for each" "$(value asked raw.acks2 each)" 38 40
is "R over max_r: refused" "1 0" "$(value asked server.tarr.refused policy) $(value asked server.tarr.honoured policy)"
between "and nothing changes" "$(value asked raw.acks2 policy)" 14 41
is "a request without the SYN's option: counted" "1 0" "$(value asked server.tarr.not_negotiated not-negotiated) $(value asked server.tarr.honoured not-negotiated)"
between "and nothing changes" "$(value asked raw.acks2 not-negotiated)" 14 41
{ sed '/^variants:/q' "$TMP/asked.yaml" | sed "s|^name: .*|name: window|; s|^topology: .*|topology: $TMP/small-window.yaml|; s/40:- \\\\\${steps}/4:- \\\${steps}/" && echo '  - {name: v, parameters: ["steps=4:fe0500ac80 4:fe0500ac04"]}'; } | sed 's/40:-/4:-/' >"$TMP/window.yaml"
good "a small window: the run" window
is "R x MSS over the window is ignored, a smaller one is not" "1 1" "$(value window server.tarr.over_window v) $(value window server.tarr.honoured v)"

# Hostile requests on SYN, ACK and data. TARR of the SYN is fe0400ac, R = 10 is fe0500ac14, MSS 020405b4.
experiment hostile <<YAML
at_once: 8
programs: [{host: server, program: tarr}]
parameters: [{name: syn, value: 020405b4fe0400ac}, {name: ack, value: "-"}, {name: data, value: "-"}]
workloads:
  - {name: sink, kind: command, from: server, server: yes, port: 5000, command: "$EXTCP stream server --bind {server}"}
  - {name: raw, kind: command, from: client, seconds: 20, command: "iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP && $TOP/$O/tests/tools/rawtcp {client} {server} 5000 \${syn} \${ack} \${data}"}
variants:
  - {name: good-ack, parameters: [ack=fe0500ac14]}
  - {name: good-data, parameters: [data=fe0500ac14]}
  - {name: request-on-syn, parameters: [syn=020405b4fe0500ac14, data=fe0500ac14]}
  - {name: long, parameters: [ack=fe0600ac1400, data=fe0600ac1400]}
  - {name: no-data, parameters: [ack=fe0400ac, data=fe0400ac]}
  - {name: short, parameters: [ack=fe0300, data=fe0300]}
  - {name: length-0, parameters: [ack=fe0000ac14, data=fe0000ac14]}
  - {name: length-1, parameters: [ack=fe0100ac14, data=fe0100ac14]}
  - {name: past-header, parameters: [ack=fe2800ac14, data=fe2800ac14]}
  - {name: repeated, parameters: [ack=fe0500ac14fe0500ac16, data=fe0500ac14fe0500ac16]}
  - {name: kind-253, parameters: [ack=fd0500ac14, data=fd0500ac14]}
  - {name: other-exid, parameters: [ack=fe0500ad14, data=fe0500ad14]}
YAML
good "hostile requests: every connection works" hostile
for v in good-ack good-data; do is "$v: honoured" 1 "$(value hostile server.tarr.honoured $v)"; done
for v in request-on-syn long no-data short length-0 length-1 past-header repeated kind-253 other-exid; do
    is "$v: nothing is honoured" 0 "$(value hostile server.tarr.honoured $v)"
done
for v in request-on-syn long no-data; do between "$v: counted" "$(value hostile server.tarr.malformed $v)" 1 20; done
for v in length-0 length-1 past-header; do between "$v: counted" "$(value hostile server.tarr.malformed $v)" 1 20; done
between "repeated: counted" "$(value hostile server.tarr.repeated repeated)" 1 20
is "nothing is left behind" "nothing to clean" "$("$EXTCP" clean)"
finish
