#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Several options on one connection: UTO, congestion control, initial window and ACK rate in one SYN, in all 24 orders of attachment over
# IPv4 and in every third over IPv6, each with its effect; and on MPTCP connections, where they do not all fit: who was attached first has the space.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

value() { [ -e "$TMP/results/$1/latest/data.csv" ] || return 0; awk -F, -v m="$2" -v v="$3" '$4 == m && $2 == v { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
run() { timeout 150 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" >"$TMP/out" 2>&1; }
good() { if run "$2"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out")"; fi; }

declare -A size=([uto]=4 [cc-request]=5 [iw-request]=6 [tarr]=4)      # on the SYN
declare -A wire=([uto]=uto [cc-request]=cc_request [iw-request]=iw_request [tarr]=tarr)
declare -A client=([uto]="adv_uto_s=200" [cc-request]="ask=reno" [iw-request]="ask=7" [tarr]="ask=0")
declare -A server=([uto]="adv_uto_s=150" [cc-request]="allow=reno" [iw-request]="max_iw=20" [tarr]="ask=0")

orders=()
for a in uto cc-request iw-request tarr; do
    for b in uto cc-request iw-request tarr; do
        for c in uto cc-request iw-request tarr; do
            for d in uto cc-request iw-request tarr; do
                [ "$(printf '%s\n' $a $b $c $d | sort -u | wc -l)" -ne 4 ] || orders+=("$a $b $c $d")
            done
        done
    done
done
is "there are 24 orders" 24 ${#orders[@]}

# variant NAME FAMILY ORDER...: the programs attached in this order at both ends
variant() {
    local name=$1 family=$2 p
    shift 2
    echo "  - name: $name"
    echo "    family: $family"
    echo "    parameters: [name=$name]"
    echo "    programs:"
    for p in "$@"; do
        echo "      - {host: client, program: $p, set: [${client[$p]}]}"
        echo "      - {host: server, program: $p, set: [${server[$p]}]}"
    done
    echo "    events: [{at: 0.8, host: client, program: tarr, set: [ask_at_once=1]}]"
}
base() {
    cat <<YAML
name: $1
title: "test"
topology: direct
at_once: 8
parameters: [{name: name, value: x}]
captures: [{point: "client:cable"}]
workloads:
  - {name: s, kind: stream, from: client, to: server, seconds: 1.2, rate: 400kbit$2}
  - {name: judge, kind: command, from: server, at: 1, seconds: 5, command: "ss -tnio state established '( sport = :5000 )' >$TMP/ss.\${name}"}
variants:
YAML
}

{
    base all ""
    i=0
    for o in "${orders[@]}"; do
        i=$((i + 1))
        # shellcheck disable=SC2086
        variant "o$i-v4" 4 $o
        # shellcheck disable=SC2086
        [ $((i % 3)) -ne 0 ] || variant "o$i-v6" 6 $o
    done
    echo "checks:"
    echo "  - {name: timeout, point: 'client:cable', from: client, segments: SYN, option: uto, value: '200'}"
    echo "  - {name: algorithm, point: 'client:cable', from: client, segments: SYN, option: cc_request, value: '1'}"
    echo "  - {name: window, point: 'client:cable', from: client, segments: SYN, option: iw_request, value: '7'}"
    echo "  - {name: rate, point: 'client:cable', from: client, segments: SYN, option: tarr}"
    echo "  - {name: 'timeout back', point: 'client:cable', from: server, segments: SYN-ACK, option: uto, value: '150'}"
    echo "  - {name: 'rate back', point: 'client:cable', from: server, segments: SYN-ACK, option: tarr}"
} >"$TMP/all.yaml"
good "all four options are in one SYN, in every order, IPv4 and IPv6" all
bad=''
for i in $(seq 24); do
    for v in o$i-v4 o$i-v6; do
        [[ $v != *v6 || $((i % 3)) -eq 0 ]] || continue
        got="$(value all server.uto.adopted "$v") $(value all server.cc-request.granted "$v") $(value all server.iw-request.granted "$v") $(value all server.tarr.at_once "$v") $(value all s.survived "$v")"
        [ "$got" = "1 1 1 1 1" ] || bad="$bad"$'\n'"$v (${orders[i - 1]}): $got"
        [[ $(cat "$TMP/ss.$v" 2>/dev/null) == *" reno "*" cwnd:7 "* ]] || bad="$bad"$'\n'"$v: ss says $(cat "$TMP/ss.$v" 2>&1)"
        for p in uto cc-request iw-request tarr; do
            n="$(value all client.$p.no_space "$v") $(value all server.$p.no_space "$v")"
            [ "$n" = "0 0" ] || bad="$bad"$'\n'"$v: $p had no space: $n"
        done
    done
done
is "each has its effect in every order: timeout adopted, reno and 7 segments (ss), an ACK at once" "" "$bad"

# On an MPTCP connection a SYN has 16 bytes left: 40 - MSS 4 - SACK and timestamps 12 - window scale 4 - MP_CAPABLE 4.
sample=(0 9 14 23)
{
    base mptcp ", mptcp: yes"
    for i in "${sample[@]}"; do
        # shellcheck disable=SC2086
        variant "m$i-v4" 4 ${orders[i]} && variant "m$i-v6" 6 ${orders[i]}
    done
    echo "checks:"
    echo "  - {name: MPTCP, point: 'client:cable', from: client, segments: SYN, option: mptcp.mp_capable}"
    echo "  - {name: 'MPTCP it is', point: 'client:cable', from: client, segments: any, option: mptcp.dss}"
    for i in "${sample[@]}"; do
        left=16
        for p in ${orders[i]}; do
            if [ "${size[$p]}" -le $left ]; then
                left=$((left - size[$p])) absent=no
            else
                absent=yes
            fi
            echo "  - {name: '$p in m$i: absent $absent', variants: [m$i-v4, m$i-v6], point: 'client:cable', from: client, segments: SYN, option: ${wire[$p]}, absent: $absent}"
        done
    done
} >"$TMP/mptcp.yaml"
good "MPTCP: who was attached first is in the SYN, what does not fit is not" mptcp
bad=''
for i in "${sample[@]}"; do
    for v in m$i-v4 m$i-v6; do
        left=16
        [ "$(value mptcp s.survived "$v")" = 1 ] || bad="$bad"$'\n'"$v: the connection did not survive"
        for p in ${orders[i]}; do
            sent=$(value mptcp "client.$p.sent_syn" "$v") none=$(value mptcp "client.$p.no_space" "$v")
            if [ "${size[$p]}" -le $left ]; then
                left=$((left - size[$p]))
                [ "$sent" -ge 1 ] || bad="$bad"$'\n'"$v: $p fits and was sent $sent times"
            else
                [ "$sent" -eq 0 ] && [ "$none" -ge 1 ] || bad="$bad"$'\n'"$v: $p does not fit, was sent $sent times, no_space $none"
            fi
        done
    done
done
is "MPTCP: what was left out is counted, and every connection works" "" "$bad"
finish
