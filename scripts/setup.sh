#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs what extcp needs (scripts/packages.sh). Exit 3 with the exact list where it cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/packages.sh
. "$here/packages.sh"

usage() {
    cat <<'END'
usage: ./run.sh setup [--json] [--quiet] [build|run|check|lint|bench]...
Installs the Debian packages that are missing, with apt-get, as root. Without a group: build run check lint.

  --json    one JSON object on stdout: what was installed, what is missing
  --quiet   says nothing where nothing is missing

Exit status: 0 everything is there, 2 usage, 3 something is missing and cannot be installed here (the message has the list).
With EXTCP_SETUP=skip in the environment nothing is checked: for machines whose packages have other names.
END
}
json='' quiet='' groups=() wanted=()
for a in "$@"; do
    case $a in
    --json) json=1 ;;
    --quiet) quiet=1 ;;
    -h | --help)
        usage
        exit 0
        ;;
    build | run | check | lint | bench) groups+=("$a") ;;
    *)
        echo "setup: unknown argument '$a'; accepted: --json --quiet --help build run check lint bench" >&2
        exit 2
        ;;
    esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build run check lint)
for g in "${groups[@]}"; do
    list="PACKAGES_${g^^}[@]"
    wanted+=("${!list}")
done

# array WORD...: a JSON array; package names need no quoting
array() {
    local out='' w
    for w in "$@"; do out+="${out:+,}\"$w\""; done
    echo "[$out]"
}
# result OK INSTALLED MISSING: what --json and people get to see at the end
result() {
    if [ -n "$json" ]; then
        echo "{\"event\":\"setup\",\"ok\":$1,\"groups\":$(array "${groups[@]}"),\"installed\":$2,\"missing\":$3}"
    elif [ "$1" = true ] && [ -z "$quiet" ]; then
        echo "setup: everything is installed"
    fi
}
# refuse WHY: exit 3 with the list
refuse() {
    printf 'setup: %s\n' "$1" >&2
    result false '[]' "$(array "${missing[@]}")"
    exit 3
}

if [ "${EXTCP_SETUP:-}" = skip ]; then
    result true '[]' '[]'
    exit 0
fi
missing=("${wanted[@]}")
os=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${PRETTY_NAME:-}") || os=unknown
if ! command -v dpkg-query >/dev/null 2>&1; then
    refuse "this is not Debian (it is: ${os#* }), so packages can neither be checked nor installed here. Debian 12 calls what extcp needs:
  ${missing[*]}
Install the same from your distribution, then set EXTCP_SETUP=skip."
fi
missing=()
for p in "${wanted[@]}"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -eq 0 ]; then
    result true '[]' '[]'
    exit 0
fi
if [ "${os%% *}" != debian ]; then
    refuse "packages are missing, and this is not Debian (it is: ${os#* }), where their names may differ. Debian 12 calls them:
  ${missing[*]}
Install the same from your distribution, then set EXTCP_SETUP=skip."
fi
if [ "$(id -u)" -ne 0 ]; then
    refuse "packages are missing, and only root can install them. As root:
  apt-get install -y --no-install-recommends ${missing[*]}"
fi

echo "setup: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A service that a package brings (nginx) must not start on the machine: the testbed starts its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
    trap 'rm -f "$log" '"$policy" EXIT
fi
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    refuse "apt-get could not install: ${missing[*]}"
fi
result true "$(array "${missing[@]}")" '[]'
