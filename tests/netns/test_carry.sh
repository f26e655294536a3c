#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A program that thins ACKs, attached outside of the testbed: it holds nothing back until extcp carry runs, and again when that is gone.
# shellcheck source=tests/netns/machine.sh
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

g=/sys/fs/cgroup/receiver
mkdir $g && ip link set lo mtu 1500 gso_max_segs 2
counter() { "$EXTCP" status --cgroup $g | sed -nE "s/^  counters .* $1 ([0-9]+).*/\1/p" | head -n 1; }
fails() { # STATUS REGEX NAME ARGUMENTS...
    local out rc
    out=$("$EXTCP" "${@:4}" 2>&1) && rc=0 || rc=$?
    is "$3: exits $1" "$1" "$rc"
    like "$3: says so" "$2" "$out"
}
# Bursts of 1 to 60 segments on four connections: every one is acknowledged.
bursts() { "$TOP/$O/tests/tools/bursts" 127.0.0.1 5000 4 1 60 | awk '$2 == "bursts" { print $4 }'; }
fails 2 "not attached to $g" "carry before attach" carry ack-rate --cgroup $g
out=$("$EXTCP" attach ack-rate --cgroup $g --set segments=100 --set rtt_div=2 2>&1)
like "attach says that nothing is held back yet" "note: ack-rate holds no ACK back until 'extcp carry ack-rate --cgroup $g'" "$out"
(echo $BASHPID >$g/cgroup.procs && exec "$EXTCP" stream server --bind 127.0.0.1 >/dev/null) &
server=$!
at_exit "kill $server 2>/dev/null; wait $server 2>/dev/null; '$EXTCP' detach --all >/dev/null 2>&1; rmdir $g"
wait_for 5 sh -c 'ss -Hltn sport = :5000 | grep -q .'

is "without a carrier: the bursts" 60 "$(bursts)"
is "nothing is held back" "" "$(counter acks_held)"
check "and it is counted" test "$(counter acks_unsafe)" -gt 0

"$EXTCP" carry ack-rate --cgroup $g >"$TMP/carry" &
carrier=$!
check "carry says that it runs" wait_for 5 grep -q "are sent until SIGINT or SIGTERM" "$TMP/carry"
is "with a carrier: the bursts" 60 "$(bursts)"
held=$(counter acks_held)
check "ACKs are held back (${held:-none})" test "${held:-0}" -gt 0
check "and the late ones are carried" test "$(counter acks_late)" -gt 0

kill -TERM $carrier
wait $carrier && rc=0 || rc=$?
is "SIGTERM ends it in order" 0 "$rc"
held=$(counter acks_held)
is "the bursts" 60 "$(bursts)"
is "from that moment on nothing is held back" "$held" "$(counter acks_held)"

"$EXTCP" carry ack-rate --cgroup $g >"$TMP/carry2" &
carrier=$!
check "it can be started again" wait_for 5 grep -q "are sent until" "$TMP/carry2"
is "the bursts" 60 "$(bursts)"
check "ACKs are held back again" test "$(counter acks_held)" -gt "$held"
kill -KILL $carrier
wait $carrier 2>/dev/null
# The last sign of life is good for 300 ms.
dead() { local before; before=$(counter acks_unsafe) && bursts >/dev/null && [ "$(counter acks_unsafe)" -gt "$before" ]; }
check "SIGKILL: soon the ACKs go out again" wait_for 5 dead
held=$(counter acks_held)
is "the bursts" 60 "$(bursts)"
is "nothing more is held back" "$held" "$(counter acks_held)"
"$EXTCP" attach uto --cgroup $g >/dev/null 2>&1
fails 4 "no late ACKs come from there" "carry for a program that has none" carry uto --cgroup $g
finish
