#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# download.sh ADDRESS PORT SECONDS: downloads /file for so long (or all of it) and prints metrics for extcp.
set -eu
case $1 in *:*) host="[$1]" ;; *) host=$1 ;; esac
rc=0
curl --silent --show-error --max-time "$3" --output /dev/null \
    --write-out 'extcp-metric bytes byte %{size_download}\nextcp-metric seconds s %{time_total}\n' "http://$host:$2/file" || rc=$?
# 28: the time was over, which is how it should end where the file is longer.
[ $rc -eq 0 ] || [ $rc -eq 28 ]
