# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# TAP for the namespace tests: source it, call `check NAME COMMAND...` or `is NAME EXPECTED FOUND`, end with `finish`.
set -uo pipefail
TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
O=${O:-build}
# shellcheck disable=SC2034
EXTCP=$TOP/$O/extcp
tap_n=0 tap_bad=0
TMP=$(mktemp -d /tmp/extcp-test.XXXXXX)
tap_cleanup=()
at_exit() { tap_cleanup=("$1" "${tap_cleanup[@]}"); }
tap_exit() {
    local c
    for c in "${tap_cleanup[@]}"; do eval "$c"; done
    rm -rf "$TMP"
}
trap tap_exit EXIT
trap 'exit 130' INT TERM
ok() { tap_n=$((tap_n + 1)) && echo "ok $tap_n - $1"; }
not_ok() {
    tap_n=$((tap_n + 1)) tap_bad=$((tap_bad + 1))
    echo "not ok $tap_n - $1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/# /'
}
skip() { tap_n=$((tap_n + 1)) && echo "ok $tap_n - $1 # SKIP $2"; }
# A user who is not root. It may read what root may, so that a checkout that only root can enter is no reason to fail.
# shellcheck disable=SC2034
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups "--inh-caps=-all,+dac_read_search" "--ambient-caps=-all,+dac_read_search")
# check NAME COMMAND...: passes when the command exits 0; its output is shown when it does not.
check() {
    local name=$1 out rc
    shift
    out=$("$@" 2>&1) && rc=0 || rc=$?
    if [ "$rc" -eq 0 ]; then ok "$name"; else not_ok "$name" "exit $rc from: $*"$'\n'"$out"; fi
}
# is NAME EXPECTED FOUND
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected: $2"$'\n'"found:    $3"; fi; }
# like NAME REGEX FOUND
like() { if [[ $3 =~ $2 ]]; then ok "$1"; else not_ok "$1" "expected to match: $2"$'\n'"found: $3"; fi; }
# wait_for SECONDS COMMAND...: until the command exits 0, for a condition and never for time.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}
# fast_mesh SCRIPT: runs it with the argument `inside` at the client of mesh-2x2, whose links have no delay and no limit here.
fast_mesh() {
    local l set=()
    for l in c1 c2 s1 s2; do set+=(--set "$l.rate=unlimited" --set "$l.delay=0ms"); done
    "$EXTCP" shell mesh-2x2 client "${set[@]}" -- bash "$1" inside 2>/dev/null
}
finish() {
    echo "1..$tap_n"
    [ "$tap_bad" -eq 0 ]
    exit $?
}
