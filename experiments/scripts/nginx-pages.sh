#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nginx-pages.sh EXTCP PORT PAGES ORIGINS SEED: makes PAGES web pages from SEED (extcp page make) and serves them, each of the ORIGINS on a
# port of its own from PORT on, until it is stopped. Their manifest is pages/manifest.json in the working directory. Connections stay open,
# and nothing is compressed.
#
# The files, thousands of them, are in a tmpfs that only this process sees and that goes with it: a busy disk would take seconds.
set -eu
if [ -z "${EXTCP_PAGES_PRIVATE:-}" ]; then
    EXTCP_PAGES_PRIVATE=1 exec unshare --mount sh "$0" "$@"
fi
extcp=$1 port=$2 pages=$3 origins=$4 seed=$5
dir=$PWD/pages
mkdir -p "$dir/memory"
mount -t tmpfs -o mode=755 extcp-pages "$dir/memory"
"$extcp" page make --dir "$dir/memory/set" --pages "$pages" --origins "$origins" --seed "$seed"
cp "$dir/memory/set/manifest.json" "$dir/manifest.json.new"
mv "$dir/manifest.json.new" "$dir/manifest.json"
listen() {
    i=0
    while [ "$i" -lt "$origins" ]; do
        echo "        listen $((port + i)) backlog=1024;"
        echo "        listen [::]:$((port + i)) backlog=1024;"
        i=$((i + 1))
    done
}
cat >"$dir/nginx.conf" <<CONF
daemon off;
master_process off;
pid $dir/pid;
error_log stderr warn;
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    sendfile on;
    tcp_nopush on;
    gzip off;
    keepalive_timeout 75;
    keepalive_requests 100000;
    server {
$(listen)
        root $dir/memory/set/www;
    }
}
CONF
exec nginx -p "$dir" -c "$dir/nginx.conf" -e stderr
