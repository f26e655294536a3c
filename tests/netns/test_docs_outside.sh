#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# docs/outside.md, followed literally with the real nginx and curl.
# shellcheck source=tests/netns/machine.sh
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
# shellcheck source=tests/netns/follow.sh
. "$(dirname "${BASH_SOURCE[0]}")/follow.sh"
cd "$TMP" || exit 1
follow "$TOP/docs/outside.md"
is "curl has the file" 10000 "$(stat -c %s first.bin)"
is "nothing is left" "0 nothing to clean" "$(find /sys/fs/bpf/extcp -mindepth 1 | wc -l) $("$EXTCP" clean)"
[ "$tap_bad" -eq 0 ] || grep bpf /proc/self/mounts | sed "s/^/# /"
finish
