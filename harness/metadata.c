/* SPDX-License-Identifier: BSD-2-Clause */
#include "metadata.h"

#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
/* libpcap and the kernel both call a type bpf_insn; only the version is asked for here. */
#define PCAP_DONT_INCLUDE_PCAP_BPF_H
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd.h"
#include "netns.h"
#include "tool.h"
#include "util.h"

#define TOOL_LIMIT_MS 10000

/* Those of net.core that a namespace does not have of its own are read all the same where the
 * kernel shows them there, and are null where it does not. */
static const char *const sysctls[] = {
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_available_congestion_control",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_retries1",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_orphan_retries",
    "net.ipv4.tcp_user_timeout",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_rto_min_us",
    "net.ipv4.tcp_rto_max_ms",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_dsack",
    "net.ipv4.tcp_fack",
    "net.ipv4.tcp_recovery",
    "net.ipv4.tcp_frto",
    "net.ipv4.tcp_early_retrans",
    "net.ipv4.tcp_thin_linear_timeouts",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_fastopen",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_moderate_rcvbuf",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_limit_output_bytes",
    "net.ipv4.tcp_min_tso_segs",
    "net.ipv4.tcp_tso_win_divisor",
    "net.ipv4.tcp_autocorking",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_reordering",
    "net.ipv4.tcp_max_reordering",
    "net.ipv4.tcp_comp_sack_delay_ns",
    "net.ipv4.tcp_comp_sack_nr",
    "net.ipv4.tcp_pacing_ca_ratio",
    "net.ipv4.tcp_pacing_ss_ratio",
    "net.ipv4.ip_forward",
    "net.ipv4.fib_multipath_hash_policy",
    "net.ipv6.fib_multipath_hash_policy",
    "net.core.default_qdisc",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.core.netdev_max_backlog",
    "net.core.netdev_budget",
    "net.core.somaxconn",
    "net.core.bpf_jit_enable",
    "net.core.bpf_jit_harden",
    "net.mptcp.enabled",
    "net.mptcp.pm_type",
    "net.mptcp.path_manager",
    "net.mptcp.scheduler",
    "net.mptcp.add_addr_timeout",
    "net.mptcp.stale_loss_cnt",
    "net.mptcp.checksum_enabled",
    "kernel.bpf_stats_enabled",
};

/* Text as JSON may have it: what is not UTF-8 becomes '?'. NULL becomes null. */
static json_t *text_or_null(const char *s)
{
    json_t *j;
    char *copy;

    if (!s)
        return json_null();
    j = json_string(s);
    if (j)
        return j;
    copy = xstrdup(s);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    j = json_string(copy);
    free(copy);
    return j;
}

/* The file's text without blanks at its ends, or NULL. The caller frees. */
static char *file_text(const char *path)
{
    char *text;
    size_t len;

    if (read_file(path, &text, &len, NULL))
        return NULL;
    while (len && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

static void set_file(json_t *j, const char *key, const char *path)
{
    char *text = file_text(path);

    json_object_set_new(j, key, text_or_null(text && *text ? text : NULL));
    free(text);
}

/* What a command prints, without the newline at its end, or NULL where it fails or is not there. */
static char *command_text(char *const *argv)
{
    char *out;
    int status;
    size_t len;

    if (tool_run(argv, NULL, TOOL_LIMIT_MS, &out, &status, NULL))
        return NULL;
    if (status) {
        free(out);
        return NULL;
    }
    len = strlen(out);
    while (len && isspace((unsigned char)out[len - 1]))
        out[--len] = '\0';
    return out;
}

/* The first line of `TOOL --version`. */
static void set_version(json_t *j, const char *tool, const char *option)
{
    char *out = command_text((char *[]){(char *)tool, (char *)option, NULL});

    if (out)
        out[strcspn(out, "\n")] = '\0';
    json_object_set_new(j, tool, text_or_null(out && *out ? out : NULL));
    free(out);
}

/* git in the source tree, whoever owns it, and without running what its configuration may name. */
static char *git(const char *home, const char *verb, const char *option)
{
    return command_text((char *[]){(char *)"git", (char *)"-c", (char *)"safe.directory=*",
                                   (char *)"-c", (char *)"core.fsmonitor=false", (char *)"-C",
                                   (char *)home, (char *)verb, (char *)option, NULL});
}

/* A tree that was unpacked inside some other repository has no revision of its own. */
static json_t *source(void)
{
    char *home = realpath(extcp_home(), NULL), *revision = NULL, *changes = NULL;
    char *toplevel = home ? git(home, "rev-parse", "--show-toplevel") : NULL;
    json_t *j = json_object();

    if (toplevel && !strcmp(toplevel, home)) {
        revision = git(home, "rev-parse", "HEAD");
        changes = git(home, "status", "--porcelain");
    }
    json_object_set_new(j, "revision", text_or_null(revision));
    json_object_set_new(j, "dirty", changes ? json_boolean(*changes) : json_null());
    free(changes);
    free(revision);
    free(toplevel);
    free(home);
    return j;
}

static json_t *kernel(void)
{
    json_t *j = json_object();
    struct utsname u;
    bool known = uname(&u) == 0;

    json_object_set_new(j, "release", text_or_null(known ? u.release : NULL));
    json_object_set_new(j, "version", text_or_null(known ? u.version : NULL));
    json_object_set_new(j, "machine", text_or_null(known ? u.machine : NULL));
    return j;
}

/* The value behind the first line that starts with `key` and has `separator` after it. */
static json_t *value_of(const char *path, const char *key, char separator)
{
    char *text = file_text(path), *line = text;
    json_t *j = NULL;

    for (; line && !j; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        size_t len = strlen(key), end;
        char *p = line + len;

        if (strncmp(line, key, len))
            continue;
        p += strspn(p, " \t");
        if (*p++ != separator)
            continue;
        p += strspn(p, " \t\"");
        end = strcspn(p, "\"\n");
        p[end] = '\0';
        j = text_or_null(p);
        break;
    }
    free(text);
    return j ? j : json_null();
}

static json_t *load_average(void)
{
    json_t *j = json_array();
    double load[3];

    if (getloadavg(load, 3) != 3) {
        json_decref(j);
        return json_null();
    }
    for (unsigned i = 0; i < 3; i++)
        json_array_append_new(j, json_real(load[i]));
    return j;
}

static json_t *memory_bytes(void)
{
    struct sysinfo s;

    return sysinfo(&s) == 0 ? json_integer((json_int_t)s.totalram * s.mem_unit) : json_null();
}

static json_t *tools(void)
{
    json_t *j = json_object();

    set_version(j, "iperf3", "--version");
    set_version(j, "gnuplot", "--version");
    set_version(j, "curl", "--version");
    set_version(j, "nginx", "-v");
    set_version(j, "clang", "--version");
    json_object_set_new(j, "libpcap", text_or_null(pcap_lib_version()));
    json_object_set_new(j, "libbpf", text_or_null(libbpf_version_string()));
    json_object_set_new(j, "jansson", text_or_null(jansson_version_str()));
    json_object_set_new(j, "compiler", text_or_null(__VERSION__));
    return j;
}

json_t *metadata_collect(void)
{
    json_t *j = json_object();
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    json_object_set_new(j, "source", source());
    json_object_set_new(j, "kernel", kernel());
    json_object_set_new(j, "os", value_of("/etc/os-release", "PRETTY_NAME", '='));
    json_object_set_new(j, "cpu", value_of("/proc/cpuinfo", "model name", ':'));
    json_object_set_new(j, "cpus", cpus > 0 ? json_integer(cpus) : json_null());
    json_object_set_new(j, "memory_bytes", memory_bytes());
    set_file(j, "clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    json_object_set_new(j, "load", load_average());
    json_object_set_new(j, "tools", tools());
    return j;
}

json_t *metadata_command(int argc, char *const *argv)
{
    json_t *j = json_array();

    for (int i = 0; i < argc; i++)
        json_array_append_new(j, text_or_null(argv[i]));
    return j;
}

json_t *metadata_sysctls(int ns_fd)
{
    json_t *j = json_object();
    int saved = ns_fd < 0 ? -1 : netns_enter(ns_fd);
    bool there = ns_fd < 0 || saved >= 0;

    for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
        char *path = xasprintf("/proc/sys/%s", sysctls[i]);

        for (char *p = path + strlen("/proc/sys/"); *p; p++)
            *p = *p == '.' ? '/' : *p;
        if (there)
            set_file(j, sysctls[i], path);
        else
            json_object_set_new(j, sysctls[i], json_null());
        free(path);
    }
    if (saved >= 0)
        netns_leave(saved);
    return j;
}
