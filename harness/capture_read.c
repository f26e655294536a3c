/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "util.h"

#define READ_BUFFER (1u << 20)

struct reader {
    pcap_t *pcap;
    int linktype;
    bool filtered;
    struct bpf_program filter;
    capture_packet_fn fn;
    void *arg;
    uint64_t index;
    int stopped; /* what fn returned */
};

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
    struct reader *r = (struct reader *)user;
    struct segment seg;
    struct capture_packet p = {.seg = &seg, .captured = h->caplen, .original = h->len};

    p.index = ++r->index;
    /* Not with pcap_setfilter: the packets it drops would not be counted, and the number would no
     * longer be the one that Wireshark shows. */
    if (r->filtered && !pcap_offline_filter(&r->filter, h, bytes))
        return;
    /* Nanosecond precision was asked for, so tv_usec holds nanoseconds. */
    p.t_ns = (uint64_t)h->ts.tv_sec * NSEC_PER_SEC + (uint64_t)h->ts.tv_usec;
    p.parsed = segment_parse(&seg, r->linktype, bytes, h->caplen, h->len);
    r->stopped = r->fn(&p, r->arg);
    if (r->stopped)
        pcap_breakloop(r->pcap);
}

static bool link_is_known(int linktype)
{
    switch (linktype) {
    case DLT_EN10MB:
    case DLT_LINUX_SLL:
    case DLT_LINUX_SLL2:
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
    case DLT_NULL:
    case DLT_LOOP:
        return true;
    default:
        return false;
    }
}

static int reader_open(struct reader *r, const char *path, const char *filter, struct err *e)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    const char *name;

    if (!f)
        return err_usage(e, -errno, "%s: cannot open the capture: %s", path, strerror(errno));
    setvbuf(f, NULL, _IOFBF, READ_BUFFER);
    r->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
    if (!r->pcap) {
        if (f != stdin)
            fclose(f);
        return err_usage(e, -EBADMSG, "%s: not a pcap or pcapng capture: %s", path, why);
    }
    r->linktype = pcap_datalink(r->pcap);
    if (!link_is_known(r->linktype)) {
        name = pcap_datalink_val_to_name(r->linktype);
        return err_usage(e, -EPROTONOSUPPORT,
                         "%s: link type %d (%s) is not supported; accepted: EN10MB, LINUX_SLL, "
                         "LINUX_SLL2, RAW, IPV4, IPV6, NULL, LOOP",
                         path, r->linktype, name ? name : "unknown");
    }
    if (!filter)
        return 0;
    if (pcap_compile(r->pcap, &r->filter, filter, 1, PCAP_NETMASK_UNKNOWN))
        return err_usage(e, -EINVAL, "filter '%s': %s; accepted: pcap-filter(7)", filter,
                         pcap_geterr(r->pcap));
    r->filtered = true;
    return 0;
}

static void reader_close(struct reader *r)
{
    if (r->filtered)
        pcap_freecode(&r->filter);
    if (r->pcap)
        pcap_close(r->pcap);
}

int capture_each(const char *path, const char *filter, capture_packet_fn fn, void *arg,
                 struct err *e)
{
    struct reader r = {.fn = fn, .arg = arg};
    int rc = reader_open(&r, path, filter, e);

    if (!rc && pcap_loop(r.pcap, -1, on_packet, (u_char *)&r) == PCAP_ERROR)
        rc = err_usage(e, -EBADMSG, "%s: broken after packet %llu: %s", path,
                       (unsigned long long)r.index, pcap_geterr(r.pcap));
    reader_close(&r);
    return rc ? rc : r.stopped;
}

struct segments_only {
    capture_fn fn;
    void *arg;
};

static int on_segment(const struct capture_packet *p, void *arg)
{
    const struct segments_only *s = arg;

    return p->parsed ? 0 : s->fn(p->seg, p->t_ns, p->index, s->arg);
}

int capture_read(const char *path, capture_fn fn, void *arg, struct err *e)
{
    struct segments_only s = {fn, arg};

    return capture_each(path, NULL, on_segment, &s, e);
}
