/* SPDX-License-Identifier: BSD-2-Clause */
#include "metadata.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd.h"
#include "program.h"
#include "util.h"

static const char *const sysctls[] = {"net/ipv4/tcp_congestion_control",
                                      "net/ipv4/tcp_available_congestion_control",
                                      "net/ipv4/tcp_sack",
                                      "net/ipv4/tcp_timestamps",
                                      "net/ipv4/tcp_window_scaling",
                                      "net/ipv4/tcp_ecn",
                                      "net/ipv4/tcp_fastopen",
                                      "net/ipv4/tcp_syncookies",
                                      "net/ipv4/tcp_retries2",
                                      "net/ipv4/tcp_rmem",
                                      "net/ipv4/tcp_wmem",
                                      "net/ipv4/tcp_slow_start_after_idle",
                                      "net/ipv4/tcp_early_retrans",
                                      "net/ipv4/tcp_recovery",
                                      "net/core/rmem_max",
                                      "net/core/wmem_max",
                                      "net/core/default_qdisc",
                                      "net/core/bpf_jit_enable",
                                      "net/mptcp/enabled"};

static json_t *first_line_of_file(const char *path)
{
    char *text = NULL;
    json_t *j;

    if (read_file(path, &text, NULL, NULL))
        return json_null();
    text[strcspn(text, "\n")] = '\0';
    j = json_string(text);
    free(text);
    return j ? j : json_null();
}

/* The first line that a command prints; null where it does not run. */
static json_t *first_line_of(const char *command)
{
    char *line = NULL, *shell = xasprintf("%s 2>/dev/null", command);
    size_t size = 0;
    FILE *f = popen(shell, "re");
    json_t *j = NULL;

    if (f && getline(&line, &size, f) > 0) {
        line[strcspn(line, "\n")] = '\0';
        j = json_string(line);
    }
    if (f && pclose(f) != 0) {
        json_decref(j);
        j = NULL;
    }
    free(line);
    free(shell);
    return j ? j : json_null();
}

static json_t *git(const char *what)
{
    /* another user's tree (sudo) is still this tree */
    char *command = xasprintf("git -c safe.directory='*' -C '%s' %s", extcp_home(), what);
    json_t *j = first_line_of(command);

    free(command);
    return j;
}

static json_t *value_after(const char *path, const char *key)
{
    char *text = NULL, *p;
    json_t *j = NULL;

    if (read_file(path, &text, NULL, NULL))
        return json_null();
    p = strstr(text, key);
    if (p) {
        p += strlen(key);
        p += strspn(p, " \t:=\"");
        p[strcspn(p, "\"\n")] = '\0';
        j = json_string(p);
    }
    free(text);
    return j ? j : json_null();
}

json_t *metadata_collect(void)
{
    json_t *j = json_object(), *tools = json_object(), *ctl = json_object(),
           *changed = git("status --porcelain");
    struct utsname u;

    uname(&u);
    json_object_set_new(j, "git_revision", git("rev-parse HEAD"));
    json_object_set_new(j, "git_changed", json_boolean(json_is_string(changed)));
    json_decref(changed);
    json_object_set_new(j, "kernel", json_string(u.release));
    json_object_set_new(j, "kernel_version", json_string(u.version));
    json_object_set_new(j, "architecture", json_string(u.machine));
    json_object_set_new(j, "distribution", value_after("/etc/os-release", "PRETTY_NAME"));
    json_object_set_new(j, "processor", value_after("/proc/cpuinfo", "model name"));
    json_object_set_new(j, "processors", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    json_object_set_new(
        j, "clocksource",
        first_line_of_file("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    json_object_set_new(j, "load", first_line_of_file("/proc/loadavg"));
    json_object_set_new(tools, "iperf3", first_line_of("iperf3 --version"));
    json_object_set_new(tools, "gnuplot", first_line_of("gnuplot --version"));
    json_object_set_new(tools, "curl", first_line_of("curl --version"));
    json_object_set_new(tools, "nginx", first_line_of("nginx -v 2>&1"));
    json_object_set_new(tools, "libpcap", json_string(pcap_lib_version()));
    json_object_set_new(tools, "libbpf", json_string(program_library()));
    json_object_set_new(j, "tools", tools);
    for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
        char *path = xasprintf("/proc/sys/%s", sysctls[i]);
        json_object_set_new(ctl, sysctls[i], first_line_of_file(path));
        free(path);
    }
    json_object_set_new(j, "sysctls", ctl);
    return j;
}
