#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# failover.sh ADDRESS1 ADDRESS2 PORT APP_TIMEOUT_S: downloads /file from server 1 and, when that fails, goes on from server 2 where it stopped.
# Prints metrics for extcp.
set -eu
url() { case $1 in *:*) printf 'http://[%s]:%s/file' "$1" "$2" ;; *) printf 'http://%s:%s/file' "$1" "$2" ;; esac }
now() { date +%s%N; }
since() { awk -v t="$1" -v t0="$EXTCP_T0_NS" 'BEGIN { printf "%.6f", (t - t0) / 1e9 }'; }

# The application's own patience: whoever downloads gives up when the file has not grown for APP_TIMEOUT_S.
impatient() {
    size=-1 patience=$(($1 * 10)) left=0
    while [ -e downloading ]; do
        new=$(wc -c <file)
        if [ "$new" -ne "$size" ]; then
            size=$new left=$patience
        elif left=$((left - 1)) && [ "$left" -le 0 ]; then
            kill "$(cat downloading)"
            return
        fi
        sleep 0.1
    done
}

# Keep-alive probes once a second: without anything to send, only they can find out that the other end is gone. How long they may
# go unanswered is what the User Timeout decides (tcp(7), TCP_USER_TIMEOUT); without it, nine probes, which is longer than the patience.
: >file
: >downloading
impatient "$4" &
rc=0
sh -c 'echo $$ >downloading; exec curl --silent --show-error --keepalive-time 1 -o file "$1"' sh "$(url "$1" "$3")" || rc=$?
rm -f downloading
failed=$(now)
[ "$rc" -ne 0 ] || { echo "failover.sh: server 1 was never lost: the download ended before the outage" >&2; exit 1; }
echo "extcp-metric given_up_s s $(since "$failed")"
echo "extcp-metric curl_status code $rc"
echo "extcp-metric bytes_from_server1 byte $(wc -c <file)"
start=$(now)
first=$(curl --silent --show-error -C - -o file -w '%{time_starttransfer}' "$(url "$2" "$3")")
done=$(now)
echo "extcp-metric first_byte_s s $(awk -v t="$start" -v t0="$EXTCP_T0_NS" -v f="$first" 'BEGIN { printf "%.6f", (t - t0) / 1e9 + f }')"
echo "extcp-metric whole_s s $(since "$done")"
bytes=$(wc -c <file)
echo "extcp-metric bytes byte $bytes"
# What nginx.sh made, on both servers.
intact=0
yes "extcp: the bytes of a file that every server has" | head -c "$bytes" | cmp -s - file && intact=1
echo "extcp-metric intact 1 $intact"
