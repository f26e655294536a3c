#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs what is missing, builds, and hands over to build/extcp.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bash "$top/scripts/setup.sh" build run || exit $?
[ "${1:-}" != setup ] || { bash "$top/scripts/setup.sh" build run check lint && echo "setup: everything is installed"; exit $?; }
if ! make -C "$top" --no-print-directory -s -j"$(nproc)" all >&2; then
    echo "run.sh: the build failed (see above)" >&2
    exit 4
fi
exec "$top/build/extcp" "$@"
