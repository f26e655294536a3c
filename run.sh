#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs what is missing, builds, and hands over to build/extcp.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ "${1:-}" = setup ]; then
    exec bash "$top/scripts/setup.sh" "${@:2}"
fi
bash "$top/scripts/setup.sh" --quiet build run || exit $?
if ! make -C "$top" --no-print-directory -s -j"$(nproc)" all >&2; then
    echo "run.sh: the build failed (see above)" >&2
    exit 4
fi
exec "$top/build/extcp" "$@"
