#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nginx-pages.sh EXTCP PORT PAGES ORIGINS SEED: makes PAGES web pages from SEED (extcp page make) in the working directory's pages/ and
# serves them, each of the ORIGINS on a port of its own from PORT on, until it is stopped. Connections stay open, and nothing is compressed.
set -eu
extcp=$1 port=$2 pages=$3 origins=$4 seed=$5
dir=$PWD/pages
"$extcp" page make --dir "$dir" --pages "$pages" --origins "$origins" --seed "$seed"
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
    open_file_cache max=100000 inactive=1h;
    server {
$(listen)
        root $dir/www;
    }
}
CONF
exec nginx -p "$dir" -c "$dir/nginx.conf" -e stderr
