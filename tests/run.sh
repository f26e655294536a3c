#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the tests: every build/tests/unit/test_* (cmocka) and, as root, every tests/netns/test_*.sh (TAP).
#   tests/run.sh [--unit] [--netns] [--strict] [NAME]...
# --strict: a skipped test is a failure. The last line says "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export O=${O:-build} TOP=$PWD
unit='' netns='' strict=${EXTCP_STRICT:-} names=()
for a in "$@"; do
    case $a in
    --unit) unit=1 ;;
    --netns) netns=1 ;;
    --strict) strict=1 ;;
    -*) echo "tests/run.sh: unknown option '$a'; accepted: --unit --netns --strict NAME..." >&2; exit 2 ;;
    *) names+=("$a") ;;
    esac
done
[ -n "$unit$netns" ] || { unit=1; netns=1; }
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
wanted() {
    [ ${#names[@]} -eq 0 ] && return 0
    local n
    for n in "${names[@]}"; do [[ $1 == *"$n"* ]] && return 0; done
    return 1
}
count() { grep -cE "$1" "$log" || true; }

if [ -n "$unit" ]; then
    for src in tests/unit/test_*.c; do
        name=$(basename "${src%.c}")
        wanted "$name" || continue
        if CMOCKA_MESSAGE_OUTPUT=stdout timeout 120 "$O/tests/unit/$name" >"$log" 2>&1 && [ "$(count '^\[       OK \]')" -gt 0 ]; then
            n=$(count '^\[       OK \]') && passed=$((passed + n))
            echo "ok   unit  $name ($n tests)"
        else
            n=$(count '^\[  FAILED  \] [a-z_0-9]+$') && failed=$((failed + (n > 0 ? n : 1)))
            echo "FAIL unit  $name"
            sed 's/^/     | /' "$log"
        fi
        n=$(count '^\[  SKIPPED \] [a-z_0-9]+$') && skipped=$((skipped + n))
    done
fi
if [ -n "$netns" ]; then
    for script in tests/netns/test_*.sh; do
        name=$(basename "${script%.sh}")
        wanted "$name" || continue
        start=$SECONDS
        timeout -k 10 600 bash "$script" >"$log" 2>&1 </dev/null
        rc=$?
        ok=$(count '^ok [0-9]+') sk=$(count '^ok [0-9]+.*# SKIP') no=$(count '^not ok [0-9]+') plan=$(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$log" | tail -n 1)
        ok=$((ok - sk)) bad=$no
        # No plan, a plan that was not kept, or a bad exit without a failed line: the script itself broke.
        [ "${plan:-x}" = "$((ok + sk + no))" ] || bad=$((bad + 1))
        [ "$rc" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
        passed=$((passed + ok)) skipped=$((skipped + sk)) failed=$((failed + bad))
        if [ "$bad" -gt 0 ]; then
            echo "FAIL netns $name (exit $rc, $ok of ${plan:-no plan} passed, $((SECONDS - start)) s)"
            sed 's/^/     | /' "$log"
        else
            echo "ok   netns $name ($ok tests, $sk skipped, $((SECONDS - start)) s)"
            [ "$sk" -eq 0 ] || grep -E '^ok [0-9]+.*# SKIP' "$log" | sed 's/^/     | /'
        fi
    done
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] || exit 1
[ "$passed" -gt 0 ] || { echo "tests/run.sh: no test ran" >&2; exit 1; }
[ -z "$strict" ] || [ "$skipped" -eq 0 ] || { echo "tests/run.sh: strict: a skip is a failure" >&2; exit 1; }
