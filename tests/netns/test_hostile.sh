#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Hostile peers, for every option at once: listed blocks (wrong lengths, repeated options, unknown values …), then random ones, good and
# broken, in SYN, SYN-ACK, ACK and data segments. What the
# programs count and what the kernel has in effect on each socket is compared with an independent judge (tests/lib/optoracle.h).
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

hostile=$TOP/$O/tests/tools/hostile
no_rst="iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP"
options=(uto tarr iw-request cc-request)

# programs HOST: all options, with the settings that the judge knows
programs() {
    echo "  - {host: $1, program: uto, set: [adv_uto_s=1, l_limit_s=1, u_limit_s=1000]}"
    echo "  - {host: $1, program: tarr}"
    echo "  - {host: $1, program: iw-request, set: [max_iw=20]}"
    echo "  - {host: $1, program: cc-request, set: [allow=reno+cubic]}"
}
kernel_trouble() { dmesg 2>/dev/null | grep -cE 'BUG:|WARNING:|Oops|general protection|KASAN|UBSAN' || true; }
value() { awk -F, -v m="$2" '$4 == m { print $6; exit }' "$TMP/results/$1/latest/data.csv"; }
run() { timeout 100 "$EXTCP" "$TMP/$1.yaml" --out "$TMP/results" >"$TMP/out" 2>&1; }
good() { if run "$2"; then ok "$1"; else not_ok "$1" "$(cat "$TMP/out" "$TMP/raw.err" 2>/dev/null)"; fi; }

# judged RUN HOST COUNT: the counters and the effects, expected and found
judged() {
    local run=$1 host=$2 count=$3 name want found bad=''
    is "$run: the judge has seen $count connections" "$count" "$(grep -c ^effect "$TMP/expected")"
    for name in "${options[@]}"; do
        bad=''
        while read -r _ counter want; do
            found=$(value "$run" "$host.$counter")
            [ "$found" = "$want" ] || bad="$bad"$'\n'"$counter: expected $want, found ${found:-none}"
        done < <(grep "^counter $name\." "$TMP/expected")
        is "$run: $name counted every segment as the judge did" "" "$bad"
    done
    is "$run: the kernel has in effect what the judge says, on each socket" "" \
        "$(diff <(grep ^effect "$TMP/expected" | sort) <(sort "$TMP/effects") | head -20)"
}
before=$(kernel_trouble)

count=1500 seed=${EXTCP_TEST_SEED:-1}
cat >"$TMP/listener.yaml" <<YAML
name: listener
title: "test"
topology: direct
programs:
$(programs server)
workloads:
  - {name: sink, kind: command, from: server, server: yes, port: 5000, command: "exec $hostile accept {server} 5000 >$TMP/effects"}
  - {name: raw, kind: command, from: client, seconds: 60,
     command: "$no_rst && exec $hostile client {client} {server} 5000 $seed $count >$TMP/expected 2>$TMP/raw.err"}
variants: [{name: v}]
YAML
good "listener: $count random connections (seed $seed) are served" listener
judged listener server $count

count=300
cat >"$TMP/opener.yaml" <<YAML
name: opener
title: "test"
topology: direct
programs:
$(programs client)
workloads:
  - {name: raw, kind: command, from: server, server: yes,
     command: "$no_rst && exec $hostile server {server} 5000 $seed $count >$TMP/expected 2>$TMP/raw.err"}
  - {name: real, kind: command, from: client, seconds: 60,
     command: "until grep -q ready $TMP/raw.err; do sleep 0.02; done; exec $hostile connect {server} 5000 $count >$TMP/effects"}
variants: [{name: v}]
YAML
rm -f "$TMP/raw.err"
good "opener: $count connections to a server of random SYN-ACKs" opener
judged opener client $count
is "the kernel's log has no trouble" "$before" "$(kernel_trouble)"
finish
