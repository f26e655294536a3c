# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# For what runs inside `extcp shell TOPOLOGY client -- bash SCRIPT`: commands on the nodes of that testbed, path managers there.
TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
O=${O:-build}
EXTCP=$TOP/$O/extcp
PM_ID=$(ip netns identify $$)
PM_ID=${PM_ID#extcp-}
PM_ID=${PM_ID%%-*}
PM_CGROUP=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)/extcp-$PM_ID
PM_DIR=${PM_DIR:-$(mktemp -d /tmp/extcp-pm.XXXXXX)}
# on NODE COMMAND...: in its namespace and cgroup. become: the same in place of this shell, for what goes to the background.
become() {
    local node=$1
    shift
    echo $BASHPID >"$PM_CGROUP/$node/cgroup.procs"
    exec nsenter --net="/run/netns/extcp-$PM_ID-$node" "$@"
}
on() { (become "$@"); }
# NODE's n-th address of a family: address NODE 4 1
address() { on "$1" ip -o "-$2" addr show scope global | awk -v n="$3" 'NR == n { split($4, a, "/"); print a[1] }'; }
# wait_until SECONDS COMMAND...: until the command succeeds
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "timeout: $*" >&2; return 1; }
        sleep 0.05
    done
}
# pm_start NAME NODE OPTION...: a path manager; its output is in $PM_DIR/NAME.out and .err, its process id in $PM_DIR/NAME.pid
pm_start() {
    local name=$1 node=$2
    shift 2
    : >"$PM_DIR/$name.out"
    become "$node" "$EXTCP" pm "$@" >"$PM_DIR/$name.out" 2>"$PM_DIR/$name.err" &
    echo $! >"$PM_DIR/$name.pid"
    wait_until 20 grep -q '^ready$' "$PM_DIR/$name.out" || { cat "$PM_DIR/$name.err" >&2; return 1; }
}
# pm_stop NAME [SIGNAL]: its exit status
pm_stop() {
    local pid
    pid=$(cat "$PM_DIR/$1.pid")
    kill "-${2:-TERM}" "$pid"
    wait "$pid"
}
# metric NAME METRIC: what it printed at its end
metric() { awk -v m="$2" '$1 == "extcp-metric" && $2 == m { print $4 }' "$PM_DIR/$1.out"; }
# mib NODE COUNTER: of nstat
mib() { on "$1" nstat -asz "$2" 2>/dev/null | awk -v c="$2" '$1 == c { print $2 }'; }
