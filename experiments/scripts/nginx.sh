#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nginx.sh PORT MBYTES: serves /file, MBYTES of reproducible bytes, from the working directory, until it is stopped.
set -eu
port=$1 mbytes=$2
dir=$PWD/nginx
mkdir -p "$dir/www"
# The same bytes on every server, so that a download can go on from another one.
yes "extcp: the bytes of a file that every server has" | head -c "$((mbytes * 1000000))" >"$dir/www/file"
cat >"$dir/nginx.conf" <<EOF
daemon off;
master_process off;
pid $dir/pid;
error_log stderr warn;
events { worker_connections 256; }
http {
    access_log $dir/access.log;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    sendfile on;
    server {
        listen $port;
        listen [::]:$port;
        root $dir/www;
    }
}
EOF
exec nginx -p "$dir" -c "$dir/nginx.conf" -e stderr
