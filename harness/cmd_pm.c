/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp pm: a path manager in eBPF, and the daemon that carries its commands out, in the namespace
 * where it is called. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cgroup.h"
#include "cmd.h"
#include "pm.h"
#include "pm_host.h"
#include "util.h"

#define MAX_SET 64

static const char *const usage =
    "usage: extcp pm --policy NAME [options]\n"
    "Manages the subflows of the MPTCP connections in this network namespace with an eBPF program "
    "(./run.sh list), until\n"
    "SIGTERM or Ctrl-C. The policy runs in the kernel; this process carries its commands out over "
    "netlink (hybrid).\n"
    "\n"
    "  --policy NAME     the path manager\n"
    "  --set KEY=VALUE   one of its parameters (again for more); an interface's number also by "
    "name\n"
    "  --cgroup PATH     only connections of this cgroup v2 and those below (default: all)\n"
    "  --dev NAME        only addresses of this interface (again for more; default: all)\n"
    "  --family 4|6      only addresses of IPv4, or of IPv6 (default: both)\n"
    "  --host            allowed in the machine's own namespace: sets the sysctl net.mptcp.pm_type "
    "to 1 while it runs\n"
    "  --connections N   manages at most so many at the same time, 1 to 65536 (default: 65536)\n"
    "  --ring BYTES      room for the commands of each processor, a power of two, 4096 to 16777216 "
    "(default: 1048576)\n"
    "  --buffer BYTES    receive buffer for the kernel's events, 4096 to 268435456 (default: "
    "8388608)\n"
    "  --quiet           no events\n"
    "  --json            events as JSON lines\n"
    "\n"
    "Standard output: the line `ready` when it manages, and at the end its counters as lines "
    "`extcp-metric NAME UNIT VALUE`.\n"
    "Standard error: events and warnings, one a line. If it is killed, connections go on with the "
    "subflows they have.\n";

struct request {
    struct pm_options o;
    char *settings[MAX_SET], *interfaces[MAX_SET];
    bool json, quiet, host, help;
    char cgroup[PATH_MAX];
};

static void on_ready(void *arg)
{
    (void)arg;
    puts("ready");
    fflush(stdout);
}

static void on_event(const struct program_event *ev, void *arg)
{
    const struct request *r = arg;
    char token[16];

    snprintf(token, sizeof(token), "%08x", (unsigned)ev->cookie);
    if (r->json) {
        json_t *j = json_pack("{s:I, s:s, s:s, s:s, s:I}", "t_ns", (json_int_t)ev->t_mono_ns,
                              "event", ev->type, "connection", token, "text", ev->text, "value",
                              (json_int_t)ev->value);
        json_dumpf(j, stderr, JSON_COMPACT);
        fputc('\n', stderr);
        json_decref(j);
    } else {
        fprintf(stderr, "%.6f %s connection %s %s\n", (double)ev->t_mono_ns / 1e9, ev->type, token,
                ev->text);
    }
}

static void on_warning(const char *text, void *arg)
{
    const struct request *r = arg;

    if (r->json) {
        json_t *j = json_pack("{s:s, s:s}", "event", "warning", "text", text);
        json_dumpf(j, stderr, JSON_COMPACT);
        fputc('\n', stderr);
        json_decref(j);
    } else {
        fprintf(stderr, "extcp pm: %s\n", text);
    }
}

/* A parameter that is the number of an interface may be given by name: KEY=eth0. */
static int name_to_number(struct request *r, unsigned i, const struct program_decl *d)
{
    char *eq = strchr(r->settings[i], '=');
    unsigned index;

    for (unsigned k = 0; eq && k < d->n_params; k++) {
        if (strncmp(d->params[k].name, r->settings[i], (size_t)(eq - r->settings[i])) ||
            d->params[k].name[eq - r->settings[i]] || strcmp(d->params[k].unit, "interface"))
            continue;
        index = if_nametoindex(eq + 1);
        if (index) {
            char *number = xasprintf("%.*s=%u", (int)(eq - r->settings[i]), r->settings[i], index);
            free(r->settings[i]);
            r->settings[i] = number;
        }
    }
    return 0;
}

static int check(struct request *r, struct err *e)
{
    struct program_decl *d;
    int rc;

    if (!r->o.policy)
        return err_usage(e, -EINVAL, "--policy NAME is missing; ./run.sh list shows the names");
    rc = program_declares(r->o.policy, &d, e);
    if (rc)
        return rc;
    if (!d->path_manager)
        rc = err_usage(e, -EINVAL, "'%s' is no path manager (it is %s)", r->o.policy, d->source);
    for (unsigned i = 0; !rc && i < r->o.n_settings; i++) {
        name_to_number(r, i, d);
        rc = program_check_setting(r->o.policy, r->settings[i], e);
    }
    program_decl_free(d);
    for (unsigned i = 0; !rc && i < r->o.addresses.n_interfaces; i++)
        if (!if_nametoindex(r->interfaces[i]))
            rc = err_usage(e, -ENODEV, "--dev '%s': there is no such interface here",
                           r->interfaces[i]);
    if (!rc && pm_host_is_machine() && !r->host)
        rc = err_usage(e, -EPERM,
                       "this is the machine's own network namespace; --host allows it: "
                       "net.mptcp.pm_type is 1 while it runs, and all new MPTCP connections of the "
                       "machine then depend on it");
    return rc;
}

/* Every cgroup, where it named none: it is the namespace that says which connections are ours. */
static int default_cgroup(struct request *r, struct err *e)
{
    int rc = r->o.cgroup ? 0 : cgroup_mount(r->cgroup, sizeof(r->cgroup), e);

    if (!rc && !r->o.cgroup)
        r->o.cgroup = r->cgroup;
    return rc;
}

static int add_text(char **list, unsigned *n, const char *key, const char *value, struct err *e)
{
    if (*n >= MAX_SET)
        return err_usage(e, -E2BIG, "%s: accepted: at most %d times", key, MAX_SET);
    list[(*n)++] = xstrdup(value);
    return 0;
}

static int parse_u32(const char *key, uint64_t min, uint64_t max, uint32_t *out, struct err *e)
{
    uint64_t v = 0;
    int rc = cmd_whole_number(key, optarg, min, max, &v, e);

    if (!rc)
        *out = (uint32_t)v;
    return rc;
}

static int parse(struct request *r, int argc, char **argv, struct err *e)
{
    static const struct option options[] = {{"policy", required_argument, NULL, 'p'},
                                            {"set", required_argument, NULL, 's'},
                                            {"cgroup", required_argument, NULL, 'c'},
                                            {"dev", required_argument, NULL, 'd'},
                                            {"family", required_argument, NULL, 'f'},
                                            {"host", no_argument, NULL, 'H'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"ring", required_argument, NULL, 'r'},
                                            {"buffer", required_argument, NULL, 'b'},
                                            {"connections", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int c, rc = 0;

    while (!rc && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'p':
            r->o.policy = optarg;
            break;
        case 's':
            rc = add_text(r->settings, &r->o.n_settings, "--set", optarg, e);
            break;
        case 'c':
            r->o.cgroup = optarg;
            break;
        case 'd':
            rc = add_text(r->interfaces, &r->o.addresses.n_interfaces, "--dev", optarg, e);
            break;
        case 'f':
            if (strcmp(optarg, "4") && strcmp(optarg, "6"))
                rc = err_usage(e, -EINVAL, "--family '%s': accepted: 4, 6", optarg);
            r->o.addresses.family = *optarg == '4' ? AF_INET : AF_INET6;
            break;
        case 'n':
            rc = parse_u32("connections", 1, PM_MAX_CONNS, &r->o.connections, e);
            break;
        case 'b':
            rc = parse_u32("buffer", 4096, 1 << 28, &r->o.events_bytes, e);
            break;
        case 'r':
            rc = parse_u32("ring", 4096, 1 << 24, &r->o.ring_bytes, e);
            if (!rc && r->o.ring_bytes & (r->o.ring_bytes - 1))
                rc = err_usage(e, -EINVAL, "--ring '%s': accepted: a power of two", optarg);
            break;
        case 'H':
            r->host = true;
            break;
        case 'q':
            r->quiet = true;
            break;
        case 'j':
            r->json = true;
            break;
        case 'h':
            r->help = true;
            return 0;
        default:
            rc = err_usage(e, -EINVAL, "see extcp pm --help");
        }
    }
    if (!rc && optind != argc)
        rc = err_usage(e, -EINVAL, "unexpected argument '%s'; see extcp pm --help", argv[optind]);
    if (!rc && r->quiet)
        rc = add_text(r->settings, &r->o.n_settings, "--set", "quiet=1", e);
    r->o.settings = r->settings;
    r->o.addresses.interfaces = r->interfaces;
    return rc;
}

static void print_delay(const char *name, const struct pm_delays *d)
{
    if (!d->n)
        return;
    printf("extcp-metric %s_median s %.9f\n", name, (double)pm_delays_quantile(d, 0.5) / 1e9);
    printf("extcp-metric %s_p99 s %.9f\n", name, (double)pm_delays_quantile(d, 0.99) / 1e9);
    printf("extcp-metric %s_max s %.9f\n", name, (double)d->max_ns / 1e9);
}

static void print_report(const struct pm_report *r)
{
    for (unsigned i = 0; i < r->declaration->n_counters; i++)
        printf("extcp-metric %s count %" PRIu64 "\n", r->declaration->counters[i], r->counters[i]);
    printf("extcp-metric executed count %" PRIu64 "\n", r->commands.executed);
    printf("extcp-metric retried count %" PRIu64 "\n", r->commands.retried);
    printf("extcp-metric overruns count %" PRIu64 "\n", r->overruns);
    printf("extcp-metric left_connections count %" PRIu64 "\n", r->left_connections);
    printf("extcp-metric left_subflows count %" PRIu64 "\n", r->left_subflows);
    print_delay("wake", &r->commands.wake);
    print_delay("syn", &r->commands.syn);
    print_delay("done", &r->commands.done);
    printf("extcp-metric cpu_user_s s %.6f\n", r->cpu_user_s);
    printf("extcp-metric cpu_system_s s %.6f\n", r->cpu_system_s);
    printf("extcp-metric managed_s s %.3f\n", r->seconds);
    fflush(stdout);
}

/* The signals that end it, as a descriptor; they are blocked from here on. */
static int stop_signals(struct err *e)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? err_broke(e, -errno, "signalfd: %s", strerror(errno)) : fd;
}

static int manage(struct request *r, struct err *e)
{
    struct pm_report *report = xcalloc(1, sizeof(*report));
    struct err late = ERR_INIT;
    struct pm *pm = NULL;
    int rc;

    r->o.stop_fd = stop_signals(e);
    rc = r->o.stop_fd < 0 ? r->o.stop_fd : pm_start(&pm, &r->o, e);
    if (!rc)
        rc = pm_run(pm, e);
    if (pm && !pm_report(pm, report, rc ? NULL : e))
        print_report(report);
    if (pm_stop(pm, &late) && !rc) {
        *e = late;
        rc = late.code;
    }
    if (r->o.stop_fd >= 0)
        close(r->o.stop_fd);
    free(report);
    return rc;
}

int cmd_pm(int argc, char **argv)
{
    struct request r = {
        .o = {.on_ready = on_ready,
              .on_event = on_event,
              .on_warning = on_warning,
              .connections = PM_MAX_CONNS,
              .ring_bytes = PM_RING_BYTES,
              .events_bytes = 8 << 20 /* thousands of connections that open or close at once */}};
    struct err e = ERR_INIT;
    int rc = parse(&r, argc, argv, &e);

    r.o.arg = &r;
    if (!rc && r.help) {
        fputs(usage, stdout);
    } else {
        if (!rc)
            rc = check(&r, &e);
        if (!rc)
            rc = default_cgroup(&r, &e);
        if (!rc)
            rc = manage(&r, &e);
    }
    for (unsigned i = 0; i < r.o.n_settings; i++)
        free(r.settings[i]);
    for (unsigned i = 0; i < r.o.addresses.n_interfaces; i++)
        free(r.interfaces[i]);
    return rc ? cmd_fail("pm", &e) : EXIT_OK;
}
