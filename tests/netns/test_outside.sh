#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs outside the testbed: attach, detach, set, status, and run. bpftool is the judge of what is attached and of what is left.
# shellcheck source=tests/netns/machine.sh
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
cd "$TMP" || exit 1
web=/sys/fs/cgroup/web
mkdir $web /sys/fs/cgroup/other
# extcp ARGUMENT...: its status in $rc, what it printed in $out
extcp() { out=$(timeout 30 "$EXTCP" "$@" 2>&1) && rc=0 || rc=$?; }
# fails STATUS REGEX NAME ARGUMENT...
fails() {
    extcp "${@:4}"
    if [ "$rc" = "$1" ] && [[ $out =~ $2 ]]; then ok "$3"; else not_ok "$3" "expected $1 and: $2"$'\n'"found $rc and: $out"; fi
}
works() {
    extcp "${@:2}"
    if [ "$rc" = 0 ]; then ok "$1"; else not_ok "$1" "exit $rc: $out"; fi
}
attached() { bpftool cgroup list "${1:-$web}" | tail -n +2 | wc -l; }
pins() { find /sys/fs/bpf -mindepth 2 -not -name '*.debug' | wc -l; }
in_web() { echo $BASHPID >$web/cgroup.procs && exec "$@"; }
nothing() { is "$1" "0 0 0" "$(attached) $(attached /sys/fs/cgroup/other) $(pins)"; }

# Usage, and what is not there.
for verb in attach carry detach set status run; do
    works "$verb --help" $verb --help
    like "it has a usage" "^usage: extcp $verb" "$out"
done
chmod 755 "$TMP"
for arguments in "attach uto --cgroup $web" "detach uto --cgroup $web" "set uto --cgroup $web adv_uto_s=1" "status" "run --with uto -- true"; do
    # shellcheck disable=SC2086
    out=$("${nobody[@]}" "$EXTCP" $arguments 2>&1) && rc=0 || rc=$?
    is "not root: ${arguments%% *} exits 3" 3 "$rc"
    like "and says who can" "root" "$out"
done
fails 2 "--cgroup PATH is missing" "attach without a cgroup" attach uto
fails 2 "PROGRAM is missing" "attach without a program" attach --cgroup $web
fails 2 "no program 'nope'; accepted: .*uto" "attach: an unknown program" attach nope --cgroup $web
fails 2 "uto has no parameter 'nope'; accepted: .*adv_uto_s" "attach: an unknown parameter" attach uto --cgroup $web --set nope=1
fails 2 "'l_limit_s=0': accepted: l_limit_s=N with N from 1 to" "attach: a value out of range" attach uto --cgroup $web --set l_limit_s=0
fails 2 "cgroup '/sys/fs/cgroup/nope': No such file.*below /sys/fs/cgroup" "attach: no such cgroup" attach uto --cgroup /sys/fs/cgroup/nope
fails 2 "cgroup '$TMP': is not a group of cgroup v2" "attach: a directory that is none" attach uto --cgroup "$TMP"
fails 2 "unknown option '--nope'" "attach: an unknown option" attach uto --nope
fails 2 "unexpected argument 'more'" "attach: too many arguments" attach uto more --cgroup $web
fails 2 "fullmesh is a path manager" "attach: a path manager" attach fullmesh --cgroup $web
echo "not an object" >bad.bpf.o
fails 2 "no eBPF object" "attach: a file that is no object" attach ./bad.bpf.o --cgroup $web
fails 2 "nope.bpf.o: No such file" "attach: a file that is not there" attach ./nope.bpf.o --cgroup $web
fails 2 "Bad.bpf.o': accepted: an object file called NAME.bpf.o" "attach: a file with a bad name" attach ./Bad.bpf.o --cgroup $web
mkdir "$TMP/bpf" && mount -t bpf bpf "$TMP/bpf"
umount /sys/fs/bpf && mount -t bpf bpf /sys/fs/bpf
works "another bpffs, mounted before the usual one" attach uto --cgroup $web
check "is not what is used" test -d /sys/fs/bpf/extcp -a ! -e "$TMP/bpf/extcp"
works "detach" detach --all
umount "$TMP/bpf" /sys/fs/bpf
fails 3 "mount -t bpf bpf /sys/fs/bpf" "attach without bpffs names the command that mounts it" attach uto --cgroup $web
works "status without bpffs" status
mount -t bpf bpf /sys/fs/bpf
nothing "nothing is there after all of that"

# Attached, changed, seen, detached.
works "status of nothing" status
like "says so" "^nothing is attached" "$out"
works "attach" attach uto --cgroup $web --set adv_uto_s=500
is "bpftool sees one program, pinned" "1 6" "$(attached) $(pins)"
id=$(bpftool cgroup list $web -j | jq '.[0].id')
fails 2 "uto is there already on $web" "attach the same again" attach uto --cgroup $web --set adv_uto_s=9
mkdir $web/below
fails 2 "uto is in effect there already, on this cgroup or above it" "attach the same to a group below" attach uto --cgroup $web/below
rmdir $web/below
is "the first one is as it was" "1 $id 6" "$(attached) $(bpftool cgroup list $web -j | jq '.[0].id') $(pins)"
works "another program beside it" attach hooks --cgroup $web --set step=7
is "bpftool sees both" 7 "$(attached)"
in_web "$EXTCP" stream server --bind 127.0.0.1 --port 5000 >/dev/null 2>&1 &
server=$!
wait_for 10 bash -c "ss -tlnH 'sport = 5000' | grep -q ."
"$EXTCP" run --with uto:adv_uto_s=200,l_limit_s=10 -- "$EXTCP" stream client --to 127.0.0.1 --port 5000 --seconds 60 --rate 100kbit >client.json 2>run.err &
client=$!
decided() { "$EXTCP" status --cgroup "$web" | grep -q '<-.*asked for'; }
check "a client with the option connects" wait_for 10 decided
works "status" status --cgroup $web
like "when it was attached, and where it is kept" "uto on $web"$'\n'"  attached     [0-9]+ s ago, by extcp attach \(/sys/fs/bpf/extcp/[0-9]+-uto\)" "$out"
like "its settings" "settings     .*u_limit_s=3600 s.*adv_uto_s=500 s" "$out"
like "what it counted" "counters     .*received_syn 1" "$out"
like "who asked for what, and what it got" "127.0.0.1:5000 <- 127.0.0.1:[0-9]+  ESTABLISHED  [0-9]+ s  the peer asked for 200 s: granted, in effect is 500 s \(our own value goes further\)" "$out"
like "the other program" "hooks on $web.*step=7" "$out"
works "status of everything" status
pid=$client
like "a running command's program: who holds it, and its side of the connection" "uto on /sys/fs/cgroup/extcp-[0-9a-f]{6}"$'\n'"  attached     [0-9]+ s ago, by process $pid, and goes with it.*127.0.0.1:[0-9]+ -> 127.0.0.1:5000  ESTABLISHED .*asked for 500 s: granted \(as asked\)" "$out"
fails 2 "process $pid holds it" "detach of that one" detach uto --cgroup "$(echo /sys/fs/cgroup/extcp-*)"
works "set" set uto --cgroup $web adv_uto_s=900
changed() { "$EXTCP" status --json | jq -e '[.[].connections[] | select(.granted == 900)] | length == 2'; }
check "both sides use the new value" wait_for 10 changed
works "status --json" status --json
is "has it all" "hooks uto uto|900|passive|127.0.0.1:5000" \
    "$(jq -r '[([.[].program] | sort | join(" ")), (.[] | select(.pinned and .program == "uto") | .settings.adv_uto_s, (.connections[0] | (if .opened_by == "peer" then "passive" else "active" end), .local))] | join("|")' <<<"$out")"
fails 2 "adv_uto_s=99999999': accepted" "set: a value out of range" set uto --cgroup $web adv_uto_s=99999999
fails 2 "'u_limit_s' is fixed when it is loaded" "set: a parameter that is fixed; nothing of it is done" set uto --cgroup $web adv_uto_s=1 u_limit_s=5
is "the value is still 900" 900 "$("$EXTCP" status --cgroup $web --json | jq '.[] | select(.program == "uto") | .settings.adv_uto_s')"
fails 2 "tarr is not attached to $web" "set: a program that is not there" set tarr --cgroup $web x=1
fails 2 "no setting is given" "set: nothing to set" set uto --cgroup $web
works "detach" detach uto --cgroup $web
is "the other program stays" 6 "$(attached)"
check "the program is gone from the kernel" bash -c "! bpftool prog show id $id"
check "its connections go on" bash -c "ss -tnH state established 'sport = 5000' | grep -q ."
fails 2 "uto is not attached to $web" "detach again" detach uto --cgroup $web
kill -TERM $client
wait $client
is "SIGTERM is passed on: 143" 143 $?
like "what it counted is printed at the end" "uto: sent_syn 1.*adopted 2" "$(cat run.err)"
kill $server
wait $server 2>/dev/null
works "detach --all" detach --all
nothing "nothing is left"

# Whoever attached it.
mkfifo in
"$TOP/$O/tests/tools/attach_tool" $web link "" uto <in >tool.out 2>&1 &
tool=$!
exec 7>in
wait_for 10 grep -q attached tool.out
fails 2 "in effect there already, on this cgroup or above it, attached by process $tool" "attach where another process has it" attach uto --cgroup $web
is "it is as it was, and nothing of ours is left" "1 0" "$(attached) $(pins)"
# Seen from a container: there, but none of its business.
out=$(echo $BASHPID >/sys/fs/cgroup/other/cgroup.procs && unshare --cgroup --mount bash -c "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && '$EXTCP' status" 2>&1)
like "from within another cgroup namespace it is not listed, but said" "^nothing is attached"$'\n'"\(and [0-9]+ on cgroups that cannot be seen from here\)$" "$out"
exec 7>&-
wait $tool
mkfifo in2
"$TOP/$O/tests/tools/attach_tool" $web link "" fullmesh <in2 >tool2.out 2>&1 &
tool=$!
exec 7>in2
wait_for 10 grep -q attached tool2.out
works "status of a path manager, whose connections are something else" status --cgroup $web
like "it is listed all the same" "fullmesh on $web" "$out$(cat tool2.out)"
exec 7>&-
wait $tool

# Congestion controls: one name for the whole machine.
works "attach a congestion control" attach ca-test --cgroup $web
check "registered by its own name" bash -c "bpftool struct_ops dump | grep -qw catest"
fails 4 "with the name of its 'catest' is registered already" "attach it to another group" attach ca-test --cgroup /sys/fs/cgroup/other
is "nothing of that is left" "0 5" "$(attached /sys/fs/cgroup/other) $(pins)"
works "status has its counters" status
like "by name" "ca-test on $web" "$out"
works "run it at the same time: it has a name of its own" run --with ca-test -- true
works "detach it" detach ca-test --cgroup $web
is "it is not registered any more" 0 "$(bpftool struct_ops dump | grep -cw '"\?catest"\?' || true)"

# Several options and a congestion control on one server, each with its policy: one request is granted, the other refused.
works "a congestion control for all" attach vegas --cgroup $web
works "cc-request with a policy" attach cc-request --cgroup $web --set allow=reno+vegas
works "iw-request with a policy" attach iw-request --cgroup $web --set max_iw=10
in_web "$EXTCP" stream server --bind 127.0.0.1 --port 5001 >/dev/null 2>&1 &
server=$!
wait_for 10 bash -c "ss -tlnH 'sport = 5001' | grep -q ."
"$EXTCP" run --with cc-request:ask=vegas --with iw-request:ask=20 -- "$EXTCP" stream client --to 127.0.0.1 --port 5001 --seconds 60 --rate 100kbit >/dev/null 2>&1 &
client=$!
answered() { [ "$("$EXTCP" status --cgroup "$web" | grep -c '<-.*asked for')" = 2 ]; }
check "a client asks for both" wait_for 10 answered
works "status" status
like "granted, and the value in words" "cc-request on $web.*allow=reno\+vegas.*127.0.0.1:5001 <- .*the peer asked for vegas: granted \(as asked\)" "$out"
like "ss agrees" "vegas" "$(ss -tinH state established 'sport = 5001')"
like "refused by the policy" "127.0.0.1:5001 <- .*the peer asked for 20 segments: refused, it stays 10 segments \(the policy does not allow it\)" "$out"
like "the client's side" "127.0.0.1:[0-9]+ -> 127.0.0.1:5001 .*we asked for vegas: the peer does not say" "$out"
kill $client && wait $client
kill $server && wait $server
works "detach them" detach --all --cgroup $web

# Two, and more, at once.
for i in 1 2 3 4 5 6; do
    "$EXTCP" attach uto --cgroup $web >"race.$i" 2>&1 && echo won >>"race.$i" &
done
wait
is "six at once on one cgroup: one wins" "1 1 6" "$(cat race.* | grep -c won) $(attached) $(pins)"
is "and the others say why" 5 "$(grep -l 'there already' race.* | wc -l)"
"$EXTCP" attach hooks --cgroup $web >/dev/null & "$EXTCP" attach hooks --cgroup /sys/fs/cgroup/other >/dev/null &
wait
is "on two cgroups: both" "7 6" "$(attached) $(attached /sys/fs/cgroup/other)"
works "detach --all of one cgroup" detach --all --cgroup /sys/fs/cgroup/other
is "leaves the other" "7 0" "$(attached) $(attached /sys/fs/cgroup/other)"

# What a SIGKILL leaves.
dir=$(find /sys/fs/bpf/extcp -name '*-uto')
mv "$dir" /sys/fs/bpf/extcp/new-12345678
flock /sys/fs/bpf/extcp/new-12345678 "$EXTCP" clean >clean.out
is "clean leaves one alone that is being made" 7 "$(attached)"
works "clean" clean
like "removes it when its maker is dead" "removed /sys/fs/bpf/extcp/new-12345678: left by a command that was killed" "$out"
is "and only that" 6 "$(attached)"
mkdir /sys/fs/cgroup/short && "$EXTCP" attach uto --cgroup /sys/fs/cgroup/short >/dev/null && rmdir /sys/fs/cgroup/short
works "status after the cgroup was removed" status
like "says so" "uto on a cgroup that is gone \('extcp clean' removes the rest\)" "$out"
works "clean removes that" clean
like "and says why" "removed .*-uto: its cgroup is gone" "$out"
works "detach the rest" detach --all
nothing "nothing is left after all of that"

# The real thing: killed at any moment, it is there whole, or nothing is after clean.
whole=0 none=0 broken=0
start=$(date +%s%N)
"$EXTCP" attach uto --cgroup $web >/dev/null && took=$(($(date +%s%N) - start)) && "$EXTCP" detach --all >/dev/null
for i in $(seq 20); do
    "$EXTCP" attach uto --cgroup $web >/dev/null 2>&1 &
    pid=$!
    sleep "$(awk "BEGIN { print $took * $i / 16e9 }")"
    { kill -KILL $pid; wait $pid; } 2>/dev/null
    "$EXTCP" clean >/dev/null
    case "$(attached) $(pins)" in
    "0 0") none=$((none + 1)) ;;
    "1 6") whole=$((whole + 1)) && "$EXTCP" detach uto --cgroup $web >/dev/null ;;
    *) broken=$((broken + 1)) ;;
    esac
done
is "killed at 20 moments ($whole whole, $none not there)" 0 "$broken"
nothing "and nothing is left"

# Every option at once, as users would do it.
options=$("$EXTCP" list --json | jq -r 'select(.kind == "program" and (.source | startswith("bpf/options/"))) | .name' 2>/dev/null)
[ -n "$options" ] || options=$("$EXTCP" list --json | jq -r '.programs[] | select(.source | startswith("bpf/options/")) | .name')
for o in $options; do works "attach $o" attach "$o" --cgroup $web; done
works "status of all" status --json --cgroup $web
is "lists all, with their settings" "$(sort <<<"$options" | tr '\n' ' ')" "$(jq -r '[.[] | select(.settings != {}) | .program] | sort[]' <<<"$out" | tr '\n' ' ')"
works "detach --all" detach --all
nothing "and nothing is left of that"

# A command with programs. Its sleep is told from that of others by its length.
naps() { pgrep -fc "^sleep $1\.$$\$"; }
napping() { for n in "$@"; do [ "$(naps "$n")" -gt 0 ] || return 1; done; }
awake() { [ "$(naps "$1")" = 0 ]; }
groups() { find /sys/fs/cgroup -maxdepth 1 -name 'extcp-*' | wc -l; }
for status in 0 1 7 255; do
    extcp run --with uto -- sh -c "exit $status"
    is "run: exit status $status is the command's" $status "$rc"
done
extcp run --with uto -- sh -c 'kill -KILL $$' && is "a command that is killed: 128 + 9" 137 "$rc"
extcp run --with uto -- ./no-such-command && is "no such command: 127" 127 "$rc"
like "and it says so" "cannot run './no-such-command'" "$out"
is "the command's output is its own" "hello" "$("$EXTCP" run --with uto -- echo hello 2>/dev/null)"
is "and so is its input" "hello" "$(echo hello | "$EXTCP" run --with uto -- cat 2>/dev/null)"
works "several programs, with settings" run --with uto:adv_uto_s=9,l_limit_s=5 --with hooks:step=5 -- true
like "each has its line" "uto: nothing was counted.*hooks: nothing was counted" "$(tr '\n' ' ' <<<"$out")"
fails 2 "no program is named" "run without --with" run -- true
fails 2 "no command is given" "run without a command" run --with uto
fails 2 "uto has no parameter 'x'" "run with a bad setting" run --with uto:x=1 -- true
fails 2 "there is no program 'nope'" "run with an unknown program" run --with nope -- true
fails 2 "hooks is in effect there already" "run with the same twice" run --with hooks --with hooks -- true
is "no cgroup is left by any" 0 "$(groups)"
works "attach to the group of a shell" attach uto --cgroup $web
out=$(echo $BASHPID >$web/cgroup.procs && "$EXTCP" run --with hooks -- cat /proc/self/cgroup 2>/dev/null)
like "a command's cgroup is below that of its shell" "0::/web/extcp-[0-9a-f]{6}$" "$out"
out=$(echo $BASHPID >$web/cgroup.procs && "$EXTCP" run --with uto -- true 2>&1) && rc=0 || rc=$?
like "what is attached there is in effect already" "^2 .*uto is in effect there already" "$rc $out"
works "detach" detach --all
is "and no cgroup is left there" 0 "$(find $web -mindepth 1 -type d | wc -l)"
extcp run --with uto -- sh -c "trap '' TERM; sleep 300.$$ & setsid sleep 300.$$ & exit 5"
is "processes that it leaves behind: its status all the same" 5 "$rc"
like "they are ended, and it says so" "ended 2 processes that the command left behind" "$out"
is "none is left" "0 0" "$(groups) $(naps 300)"
for sig in INT TERM HUP; do
    # A shell without job control has its background commands ignore SIGINT.
    env --default-signal=INT "$EXTCP" run --with uto -- sh -c "exec sleep 300.$$" 2>/dev/null &
    pid=$!
    check "a command starts" wait_for 10 napping 300
    kill -$sig $pid
    wait $pid && rc=0 || rc=$?
    is "SIG$sig ends it: 128 + N" $((128 + $(kill -l $sig))) "$rc"
    is "SIG$sig: nothing is left" "0 0" "$(groups) $(naps 300)"
done
"$EXTCP" run --with uto -- sleep 300.$$ 2>/dev/null &
pid=$!
"$EXTCP" run --with uto -- sleep 301.$$ 2>/dev/null &
second=$!
check "two at once" wait_for 10 napping 300 301
is "have a cgroup each" 2 "$(groups)"
{ kill -KILL $pid; wait $pid; } 2>/dev/null
check "SIGKILL: its command dies with it" wait_for 10 awake 300
works "clean" clean
is "clean leaves the other one" "1 1" "$(groups) $(naps 301)"
kill $second
wait $second
is "nothing is left of both" "0 nothing to clean" "$(groups) $("$EXTCP" clean)"

# A signal that comes while it is being set up is not lost.
env --default-signal=INT "$EXTCP" run --with uto --with hooks --with overhead -- sleep 300.$$ 2>/dev/null &
pid=$!
wait_for 10 bash -c 'ls -d /sys/fs/cgroup/extcp-*'
kill -TERM $pid
wait $pid && rc=0 || rc=$?
is "SIGTERM while it is set up" "143 0" "$rc $(groups)"

# The words of the command line are no names of experiments.
sed 's/^name: .*/name: run/' "$TOP/experiments/uto.yaml" >run.yaml
fails 2 "run.yaml:[0-9]+: .*'run' is a verb of the command line" "an experiment called run" ./run.yaml
"$EXTCP" run --with uto -- sh -c 'trap "" TERM; echo >stubborn; while :; do sleep 0.2; done' 2>/dev/null &
pid=$!
wait_for 10 test -e stubborn && kill -TERM $pid
wait $pid && rc=0 || rc=$?
is "a command that ignores SIGTERM is killed after 10 s" 137 "$rc"
is "and nothing is left of it" 0 "$(groups)"
nothing "nothing is left at the end"
finish
