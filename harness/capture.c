/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "netns.h"
#include "util.h"

#define RING_BYTES      (32u << 20)
#define SNAPLEN_DEFAULT 262144u
#define FILE_BUFFER     (1u << 20)
/*
 * How long the kernel may keep a packet before its block of the ring is handed over. Not libpcap's
 * immediate mode: that needs TPACKET_V2, whose slots all have the size of the largest packet, so
 * that 32 MB would hold a few hundred offloaded packets only.
 */
#define RETIRE_MS 10
/* At stop: how long the ring has to stay empty, where the kernel's count cannot tell that it is. */
#define IDLE_MS 200

struct capture {
    pcap_t *pcap;
    pcap_dumper_t *dump;
    char *file_buffer;
    char *path, *iface;
    int ns_fd;   /* our own copy */
    int stop_fd; /* eventfd: wakes the thread */
    pthread_t thread;
    uint64_t read; /* packets that libpcap has handed over */
    uint64_t iface_drops_before;
    int write_errno;
    struct err failed; /* of the thread */
    struct pcap_stat stat;
};

/* Packets that the device itself had to drop, from the kernel's link statistics: libpcap reads them
 * through /sys, which is the host's and not that of the namespace. */
static int iface_drops(int ns_fd, const char *iface, uint64_t *drops)
{
    struct nl_sock *sk = nl_socket_alloc();
    struct rtnl_link *link = NULL;
    int saved, rc;

    *drops = 0;
    if (!strcmp(iface, CAPTURE_ANY_IFACE)) {
        nl_socket_free(sk);
        return 0;
    }
    saved = netns_enter(ns_fd);
    if (saved < 0 || !sk) {
        nl_socket_free(sk);
        if (saved >= 0)
            netns_leave(saved);
        return saved < 0 ? saved : -ENOMEM;
    }
    rc = nl_connect(sk, NETLINK_ROUTE);
    netns_leave(saved);
    if (!rc)
        rc = rtnl_link_get_kernel(sk, 0, iface, &link);
    if (!rc)
        *drops = rtnl_link_get_stat(link, RTNL_LINK_RX_MISSED_ERR) +
                 rtnl_link_get_stat(link, RTNL_LINK_RX_FIFO_ERR);
    rtnl_link_put(link);
    nl_socket_free(sk);
    return rc ? -EIO : 0;
}

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
    struct capture *c = (struct capture *)user;

    c->read++;
    /* After an error nothing more is written, but the ring is still emptied: what it drops would
     * only blur the message. */
    if (c->write_errno)
        return;
    errno = 0;
    pcap_dump((u_char *)c->dump, h, bytes);
    if (ferror(pcap_dump_file(c->dump)))
        c->write_errno = errno ? errno : EIO;
}

/* Hands over what is ready. False on an error that ends the capture. That the interface goes down,
 * which an experiment does on purpose, is none: libpcap (from 1.10 on) goes on when it is up again.
 */
static bool dispatch(struct capture *c)
{
    /* Once, not until nothing is ready: traffic that never pauses must not keep a stop waiting.
     */
    if (pcap_dispatch(c->pcap, -1, on_packet, (u_char *)c) >= 0)
        return true;
    err_broke(&c->failed, -EIO, "capture on %s: %s", c->iface, pcap_geterr(c->pcap));
    return false;
}

/* Until as many packets were read as the kernel had put into the ring when the stop came, or the
 * ring has been empty for so long that its last block must have been handed over. The count alone
 * would not do: it includes what came in before the filter was set and is filtered out by libpcap.
 */
static void drain(struct capture *c)
{
    uint64_t idle_since = now_mono_ns(), wanted = UINT64_MAX;
    struct pcap_stat st;

    if (!pcap_stats(c->pcap, &st))
        wanted = st.ps_recv - st.ps_drop;
    while (c->read < wanted && now_mono_ns() - idle_since <= IDLE_MS * 1000000ull) {
        struct pollfd p = {.fd = pcap_get_selectable_fd(c->pcap), .events = POLLIN};
        uint64_t before = c->read;

        poll(&p, 1, RETIRE_MS);
        if (!dispatch(c))
            return;
        if (c->read != before)
            idle_since = now_mono_ns();
    }
}

static void *capture_thread(void *arg)
{
    struct capture *c = arg;
    sigset_t all;

    /* Signals are for the thread that cleans up. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (;;) {
        struct pollfd p[2] = {{.fd = c->stop_fd, .events = POLLIN},
                              {.fd = pcap_get_selectable_fd(c->pcap), .events = POLLIN}};
        int n = poll(p, 2, -1);

        if (n < 0 && errno != EINTR) {
            err_broke(&c->failed, -errno, "capture on %s: poll: %s", c->iface, strerror(errno));
            break;
        }
        if (n > 0 && p[0].revents)
            break;
        if (!dispatch(c))
            break;
    }
    if (!c->failed.code)
        drain(c);
    if (pcap_stats(c->pcap, &c->stat) && !c->failed.code)
        err_broke(&c->failed, -EIO, "capture on %s: %s", c->iface, pcap_geterr(c->pcap));
    return NULL;
}

static void capture_free(struct capture *c)
{
    if (!c)
        return;
    if (c->dump)
        pcap_dump_close(c->dump);
    if (c->pcap)
        pcap_close(c->pcap);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    if (c->ns_fd >= 0)
        close(c->ns_fd);
    free(c->file_buffer);
    free(c->path);
    free(c->iface);
    free(c);
}

static int activate(struct capture *c, unsigned snaplen, struct err *e)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    int rc;

    c->pcap = pcap_create(c->iface, why);
    if (!c->pcap)
        return err_broke(e, -EIO, "capture on %s: %s", c->iface, why);
    pcap_set_snaplen(c->pcap, (int)(snaplen ? snaplen : SNAPLEN_DEFAULT));
    pcap_set_promisc(c->pcap, 0);
    pcap_set_timeout(c->pcap, RETIRE_MS);
    pcap_set_buffer_size(c->pcap, RING_BYTES);
    if (pcap_set_tstamp_precision(c->pcap, PCAP_TSTAMP_PRECISION_NANO))
        return err_lacks(e, -ENOTSUP, "capture on %s: no nanosecond timestamps", c->iface);
    rc = pcap_activate(c->pcap);
    if (rc == PCAP_ERROR_PERM_DENIED)
        return err_lacks(e, -EPERM, "capture on %s: %s; run as root", c->iface,
                         pcap_geterr(c->pcap));
    if (rc == PCAP_ERROR_NO_SUCH_DEVICE)
        return err_broke(e, -ENODEV, "capture on %s: the namespace has no such interface",
                         c->iface);
    if (rc < 0)
        return err_broke(e, -EIO, "capture on %s: %s (%s)", c->iface, pcap_geterr(c->pcap),
                         pcap_statustostr(rc));
    return 0;
}

int capture_filter_check(const char *filter, struct err *e)
{
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, SNAPLEN_DEFAULT);
    struct bpf_program prog;
    int rc = 0;

    if (!dead)
        return err_broke(e, -ENOMEM, "filter '%s': no memory", filter);
    if (pcap_compile(dead, &prog, filter, 1, PCAP_NETMASK_UNKNOWN))
        rc = err_usage(e, -EINVAL, "bad filter '%s': %s; accepted: pcap-filter(7)", filter,
                       pcap_geterr(dead));
    else
        pcap_freecode(&prog);
    pcap_close(dead);
    return rc;
}

static int set_filter(struct capture *c, const char *filter, struct err *e)
{
    struct bpf_program prog;
    char why[PCAP_ERRBUF_SIZE] = "";
    int rc = 0;

    if (pcap_compile(c->pcap, &prog, filter, 1, PCAP_NETMASK_UNKNOWN))
        return err_usage(e, -EINVAL, "capture on %s: filter '%s': %s; accepted: pcap-filter(7)",
                         c->iface, filter, pcap_geterr(c->pcap));
    if (pcap_setfilter(c->pcap, &prog))
        rc = err_broke(e, -EIO, "capture on %s: filter '%s': %s", c->iface, filter,
                       pcap_geterr(c->pcap));
    pcap_freecode(&prog);
    if (!rc && pcap_setnonblock(c->pcap, 1, why))
        rc = err_broke(e, -EIO, "capture on %s: %s", c->iface, why);
    return rc;
}

static int open_file(struct capture *c, struct err *e)
{
    FILE *f = fopen(c->path, "wbe");

    if (!f)
        return err_broke(e, -errno, "%s: cannot write the capture: %s", c->path, strerror(errno));
    c->file_buffer = xcalloc(1, FILE_BUFFER);
    setvbuf(f, c->file_buffer, _IOFBF, FILE_BUFFER);
    c->dump = pcap_dump_fopen(c->pcap, f);
    if (!c->dump) {
        fclose(f);
        return err_broke(e, -EIO, "%s: %s", c->path, pcap_geterr(c->pcap));
    }
    return 0;
}

int capture_start(struct capture **out, int ns_fd, const char *iface, const char *filter,
                  unsigned snaplen, const char *path, struct err *e)
{
    struct capture *c = xcalloc(1, sizeof(*c));
    int rc, saved;

    *out = NULL;
    c->path = xstrdup(path);
    c->iface = xstrdup(iface);
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    c->ns_fd = dup(ns_fd);
    if (c->stop_fd < 0 || c->ns_fd < 0) {
        rc = err_broke(e, -errno, "capture on %s: %s", iface, strerror(errno));
        goto fail;
    }
    saved = netns_enter(c->ns_fd);
    if (saved < 0) {
        rc = err_broke(e, saved, "capture on %s: cannot enter the namespace: %s", iface,
                       strerror(-saved));
        goto fail;
    }
    rc = activate(c, snaplen, e);
    netns_leave(saved);
    if (!rc)
        rc = set_filter(c, filter ? filter : "tcp", e);
    if (!rc)
        rc = open_file(c, e);
    if (rc)
        goto fail;
    if (iface_drops(c->ns_fd, iface, &c->iface_drops_before)) {
        rc = err_broke(e, -EIO, "capture on %s: cannot read its statistics", iface);
        goto fail;
    }
    rc = pthread_create(&c->thread, NULL, capture_thread, c);
    if (rc) {
        rc = err_broke(e, -rc, "capture on %s: no thread: %s", iface, strerror(rc));
        goto fail;
    }
    *out = c;
    return 0;
fail:
    capture_free(c);
    return rc;
}

/* Everything to the disk; 0 or the errno that says what is lost. */
static int flush_file(struct capture *c)
{
    FILE *f = pcap_dump_file(c->dump);

    if (c->write_errno)
        return c->write_errno;
    errno = 0;
    if (pcap_dump_flush(c->dump) || ferror(f))
        return errno ? errno : EIO;
    /* What is no regular file (a pipe, /dev/null) cannot be synced. */
    if (fsync(fileno(f)) && errno != EINVAL && errno != EROFS)
        return errno;
    return 0;
}

int capture_stop(struct capture *c, struct capture_stats *st, struct err *e)
{
    uint64_t one = 1, drops = 0;
    int rc = 0, lost;

    if (!c)
        return 0;
    while (write(c->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    pthread_join(c->thread, NULL);
    lost = flush_file(c);
    if (lost) {
        rc = err_broke(e, -lost, "%s: cannot write the capture of %s: %s", c->path, c->iface,
                       strerror(lost));
        unlink_regular(
            c->path); /* nobody shall take a part for the whole; and it frees the space */
    } else if (c->failed.code)
        rc = err_broke(e, c->failed.code, "%s", c->failed.msg);
    /* An interface that is gone by now has no statistics, and nothing is known about its drops
     * beyond what was dropped in the ring. */
    if (iface_drops(c->ns_fd, c->iface, &drops))
        drops = c->iface_drops_before;
    if (st)
        *st = (struct capture_stats){.packets = c->read,
                                     .dropped_kernel = c->stat.ps_drop,
                                     .dropped_iface = drops - c->iface_drops_before};
    capture_free(c);
    return rc;
}
