/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp doctor: what this machine can do, found out by trying it, in namespaces and cgroups of our
 * own. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "cmd.h"
#include "connections.h"
#include "linkemu.h"
#include "pins.h"
#include "program.h"
#include "util.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum need {
    NEEDED, /* nothing works without it: exit 3 */
    BETTER, /* something else is used, or an experiment cannot run */
};

struct finding {
    bool ok;
    char what[256];    /* what was seen */
    char instead[256]; /* where it is not ok: what is used instead, or what cannot be done */
    char remedy[256];  /* the command that provides it, or "" */
};

static void say(struct finding *f, bool ok, const char *what)
{
    f->ok = ok;
    snprintf(f->what, sizeof(f->what), "%s", what);
}

static void otherwise(struct finding *f, const char *instead, const char *remedy)
{
    snprintf(f->instead, sizeof(f->instead), "%s", instead);
    snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
}

static void probe_root(struct finding *f)
{
    say(f, geteuid() == 0, geteuid() == 0 ? "running as root" : "not root");
    otherwise(f, "only list, decode and the unit tests work", "sudo ./run.sh doctor");
}

static void probe_netns(struct finding *f)
{
    int status = -1;
    pid_t pid = fork();

    if (!pid)
        _exit(unshare(CLONE_NEWNET) ? errno & 0xff : 0);
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        say(f, false, "cannot try");
    else
        say(f, !WEXITSTATUS(status),
            WEXITSTATUS(status) ? strerror(WEXITSTATUS(status)) : "unshare works");
    otherwise(f, "no testbed can be built", "a kernel with CONFIG_NET_NS, and root");
}

static void probe_cgroup(struct finding *f)
{
    struct err e = ERR_INIT;
    char path[256];

    if (cgroup_mount(path, sizeof(path), &e))
        say(f, false, e.msg);
    else
        say(f, true, path);
    otherwise(f, "no eBPF program can be attached", "mount -t cgroup2 none /sys/fs/cgroup/unified");
}

static void probe_bpf(struct finding *f)
{
    struct err e = ERR_INIT;
    int rc = program_probe(&e);

    say(f, !rc, rc ? e.msg : "a sock_ops program loads");
    otherwise(f, "no option can be added", "a kernel from 5.10 with CONFIG_CGROUP_BPF, and root");
}

static void probe_btf(struct finding *f)
{
    bool ok = access("/sys/kernel/btf/vmlinux", R_OK) == 0;

    say(f, ok, ok ? "/sys/kernel/btf/vmlinux" : "no /sys/kernel/btf/vmlinux");
    otherwise(f, "CO-RE programs cannot be relocated", "a kernel with CONFIG_DEBUG_INFO_BTF");
}

static void probe_bpffs(struct finding *f)
{
    struct err e = ERR_INIT;
    char *path = pins_root(&e);

    say(f, path, path ? path : "it is not mounted");
    otherwise(f, "extcp attach cannot keep a program attached", "mount -t bpf bpf /sys/fs/bpf");
    free(path);
}

static void probe_iterator(struct finding *f)
{
    struct err e = ERR_INIT;
    int rc = connections_probe(&e);

    say(f, !rc, rc ? e.msg : "an iterator over sockets loads");
    otherwise(f, "extcp status cannot list connections", "a kernel from 5.9 with BTF, and root");
}

static void probe_netem(struct finding *f)
{
    bool ok = linkemu_have_netem();

    say(f, ok, ok ? "sch_netem works" : "the kernel has no sch_netem");
    otherwise(f, "links are emulated by our nfqueue process instead",
              "modprobe sch_netem (where the kernel has modules)");
}

static void probe_nfqueue(struct finding *f)
{
    struct err e = ERR_INIT;
    int rc = linkemu_have_nfqueue(&e);

    say(f, !rc, rc ? e.msg : "NFQUEUE works");
    otherwise(f, "without netem, no link can have delay or loss",
              "apt-get install iptables; modprobe xt_NFQUEUE nfnetlink_queue");
}

static void probe_realtime(struct finding *f)
{
    struct sched_param p = {.sched_priority = 1};
    int status = -1;
    pid_t pid = fork();

    if (!pid)
        _exit(sched_setscheduler(0, SCHED_FIFO, &p) ? errno & 0xff : 0);
    if (pid > 0)
        waitpid(pid, &status, 0);
    say(f, WIFEXITED(status) && !WEXITSTATUS(status),
        WIFEXITED(status) && !WEXITSTATUS(status) ? "SCHED_FIFO is allowed"
                                                  : "SCHED_FIFO is refused");
    otherwise(f, "the emulator's delays have more jitter",
              "root without a restricting container, or CAP_SYS_NICE");
}

static void probe_mptcp(struct finding *f)
{
    int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

    say(f, fd >= 0, fd >= 0 ? "an MPTCP socket opens" : strerror(errno));
    otherwise(f, "no MPTCP experiment can run",
              "a kernel with CONFIG_MPTCP and net.mptcp.enabled=1");
    if (fd >= 0)
        close(fd);
}

static bool in_path(const char *command)
{
    char *dirs = xstrdup(getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin:/sbin:/bin"),
         *save = NULL;
    bool found = false;

    for (char *d = strtok_r(dirs, ":", &save); d && !found; d = strtok_r(NULL, ":", &save)) {
        char *path = xasprintf("%s/%s", d, command);
        found = access(path, X_OK) == 0;
        free(path);
    }
    free(dirs);
    return found;
}

/* mptcpize, or the eBPF hook that does the same in the kernel: would that load? */
static void probe_mptcpize(struct finding *f)
{
    const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
                                     {.code = BPF_JMP | BPF_EXIT}};
    DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = BPF_MODIFY_RETURN);
    char what[256];
    int id, fd, rc;

    libbpf_set_print(NULL);
    id = libbpf_find_vmlinux_btf_id("update_socket_protocol", BPF_MODIFY_RETURN);
    o.attach_btf_id = (unsigned)(id > 0 ? id : 0);
    fd = id > 0 ? bpf_prog_load(BPF_PROG_TYPE_TRACING, "extcp_probe", "GPL", insns,
                                ARRAY_SIZE(insns), &o)
                : id;
    rc = fd < 0 ? -fd : 0;
    snprintf(what, sizeof(what), "mptcpize %s (eBPF's fmod_ret on update_socket_protocol: %s)",
             in_path("mptcpize") ? "is used" : "is not in PATH",
             rc ? strerror(rc) : "the kernel would load it; it is not used");
    say(f, in_path("mptcpize"), what);
    otherwise(f, "no workload can run over MPTCP", "apt-get install mptcpize");
    if (fd >= 0)
        close(fd);
}

static void probe_mptcpd(struct finding *f)
{
    bool ok = access("/usr/libexec/mptcpd", X_OK) == 0 || in_path("mptcpd");

    say(f, ok, ok ? "found" : "not there");
    otherwise(f, "variants with the path manager mptcpd cannot run",
              "apt-get install mptcpd mptcpd-plugins");
}

static void probe_congestion(struct finding *f)
{
    char *text = NULL;

    if (read_file("/proc/sys/net/ipv4/tcp_available_congestion_control", &text, NULL, NULL)) {
        say(f, false, "cannot be read");
    } else {
        text[strcspn(text, "\n")] = '\0';
        say(f, true, text);
    }
    free(text);
}

static void probe_command(struct finding *f, const char *command, const char *package,
                          const char *instead)
{
    char remedy[128];

    say(f, in_path(command), in_path(command) ? "found" : "not in PATH");
    snprintf(remedy, sizeof(remedy), "apt-get install %s", package);
    otherwise(f, instead, remedy);
}

static void probe_iperf3(struct finding *f)
{
    probe_command(f, "iperf3", "iperf3", "iperf3 workloads cannot run");
}

static void probe_gnuplot(struct finding *f)
{
    probe_command(f, "gnuplot", "gnuplot-nox",
                  "no figures: an experiment with figures breaks at its end");
}

static void probe_nginx(struct finding *f)
{
    probe_command(f, "nginx", "nginx-light", "experiments that download from nginx cannot run");
}

static void probe_curl(struct finding *f)
{
    probe_command(f, "curl", "curl", "experiments that download with curl cannot run");
}

static void probe_tshark(struct finding *f)
{
    probe_command(f, "tshark", "tshark", "the decoder's tests have no judge: make check needs it");
}

static const struct {
    const char *name;
    enum need need;
    void (*probe)(struct finding *f);
} probes[] = {
    {"root", NEEDED, probe_root},
    {"network namespaces", NEEDED, probe_netns},
    {"cgroup v2", NEEDED, probe_cgroup},
    {"kernel BTF", NEEDED, probe_btf},
    {"eBPF sock_ops", NEEDED, probe_bpf},
    {"bpffs", BETTER, probe_bpffs},
    {"eBPF iterators", BETTER, probe_iterator},
    {"netem", BETTER, probe_netem},
    {"NFQUEUE", BETTER, probe_nfqueue},
    {"real-time priority", BETTER, probe_realtime},
    {"congestion control", BETTER, probe_congestion},
    {"MPTCP", BETTER, probe_mptcp},
    {"MPTCP for workloads", BETTER, probe_mptcpize},
    {"mptcpd", BETTER, probe_mptcpd},
    {"iperf3", BETTER, probe_iperf3},
    {"gnuplot", BETTER, probe_gnuplot},
    {"nginx", BETTER, probe_nginx},
    {"curl", BETTER, probe_curl},
    {"tshark", BETTER, probe_tshark},
};

/* With --json: one object a line. */
static void print_finding(const char *name, enum need need, const struct finding *f, bool json)
{
    const char *state = f->ok ? "ok" : need == NEEDED ? "missing" : "absent";

    if (json) {
        print_json_line(json_pack("{s:s, s:b, s:b, s:s, s:s, s:s}", "name", name, "ok", (int)f->ok,
                                  "needed", need == NEEDED, "found", f->what, "instead",
                                  f->ok ? "" : f->instead, "remedy", f->ok ? "" : f->remedy));
        return;
    }
    printf("%-8s %-20s %s\n", state, name, f->what);
    if (!f->ok && *f->instead)
        printf("         %-20s so: %s\n", "", f->instead);
    if (!f->ok && *f->remedy)
        printf("         %-20s try: %s\n", "", f->remedy);
}

int cmd_doctor(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct utsname u;
    bool lacks = false, json = false;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json")) {
            json = true;
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            printf("usage: extcp doctor [--json]\nTries what extcp needs, in namespaces of its "
                   "own. Exit 0, or 3 when something is "
                   "missing that nothing works without.\n");
            return EXIT_OK;
        } else {
            err_usage(&e, -EINVAL, "unknown argument '%s'; accepted: --json, --help", argv[i]);
            return cmd_fail("doctor", &e);
        }
    }
    uname(&u);
    if (!json)
        printf("kernel %s, %ld CPUs\n", u.release, sysconf(_SC_NPROCESSORS_ONLN));
    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        struct finding f = {0};
        probes[i].probe(&f);
        lacks |= !f.ok && probes[i].need == NEEDED;
        print_finding(probes[i].name, probes[i].need, &f, json);
    }
    return lacks ? EXIT_LACKS : EXIT_OK;
}
