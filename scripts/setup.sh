#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs what extcp needs (scripts/packages.sh): setup.sh [build|run|check|lint|bench]..., default: build run check.
# Exit 3 with the exact list where it cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/packages.sh
. "$here/packages.sh"

wanted=()
for group in "${@:-build run check}"; do
    for g in $group; do
        case $g in
        build) wanted+=("${PACKAGES_BUILD[@]}") ;;
        run) wanted+=("${PACKAGES_RUN[@]}") ;;
        check) wanted+=("${PACKAGES_CHECK[@]}") ;;
        lint) wanted+=("${PACKAGES_LINT[@]}") ;;
        bench) wanted+=("${PACKAGES_BENCH[@]}") ;;
        *)
            echo "setup: unknown group '$g'; accepted: build run check lint bench" >&2
            exit 2
            ;;
        esac
    done
done

missing=()
if command -v dpkg-query >/dev/null 2>&1; then
    for p in "${wanted[@]}"; do
        status=$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)
        [ "$status" = installed ] || missing+=("$p")
    done
else
    # shellcheck source=/dev/null
    os=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-unknown}")
    cat >&2 <<EOF
setup: this is not Debian (it is: ${os:-unknown}), so the packages cannot be checked or installed here.
Debian 12 calls what extcp needs:
  ${wanted[*]}
Install the same from your distribution, then set EXTCP_SETUP=skip.
EOF
    [ "${EXTCP_SETUP:-}" = skip ] && exit 0
    exit 3
fi
[ ${#missing[@]} -gt 0 ] || exit 0
[ "${EXTCP_SETUP:-}" != skip ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    cat >&2 <<EOF
setup: packages are missing, and only root can install them. As root:
  apt-get install -y --no-install-recommends ${missing[*]}
EOF
    exit 3
fi
echo "setup: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A service that a package brings (nginx) must not start on the machine: the testbed starts its own.
policy=/usr/sbin/policy-rc.d
made_policy=''
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made_policy=1
    trap 'rm -f "$log" '"$policy" EXIT
fi
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    echo "setup: apt-get could not install: ${missing[*]}" >&2
    exit 3
fi
[ -z "$made_policy" ] || rm -f $policy
