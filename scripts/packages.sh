# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
# The one place that names the Debian packages extcp needs.
PACKAGES_BUILD=(build-essential pkg-config clang llvm bpftool linux-libc-dev libbpf-dev libelf-dev libnl-3-dev libnl-route-3-dev
    libnl-genl-3-dev libcyaml-dev libyaml-dev libjansson-dev libpcap-dev libnetfilter-queue-dev libmnl-dev
    libcurl4-openssl-dev nettle-dev libmptcpd3-dev libell-dev)
PACKAGES_RUN=(iperf3 gnuplot-nox iptables nginx-light curl mptcpize mptcpd mptcpd-plugins)
PACKAGES_CHECK=(libcmocka-dev tshark iproute2 iputils-ping procps util-linux jq tcpdump git ethtool chromium parallel slurmctld slurmd slurm-client munge python3-yaml)
PACKAGES_LINT=(clang-format cppcheck shellcheck)
PACKAGES_BENCH=(mininet)
