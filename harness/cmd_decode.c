/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "decode.h"
#include "decode_internal.h"
#include "util.h"

#define OUT_BUFFER (1u << 18)
/* A header has 40 bytes of options at most; the longest words for them (40 malformed bytes, each
 * option of one byte) stay far below this. */
#define LINE_MAX_LEN 8192

struct decode {
    bool json, absolute;
    uint64_t first_ns;
    uint64_t packets, segments, other, broken, malformed;
    char *buf; /* OUT_BUFFER + LINE_MAX_LEN */
    size_t used;
};

static int flush_out(struct decode *d)
{
    size_t done = 0;

    while (done < d->used) {
        ssize_t n = write(STDOUT_FILENO, d->buf + done, d->used - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    d->used = 0;
    return 0;
}

/* Seconds with nine digits, since 1970 or since the first packet; captures may go back in time. */
static void put_time(struct out *w, const struct decode *d, uint64_t t_ns)
{
    uint64_t from = d->absolute ? 0 : d->first_ns, ns;
    char nine[10] = ".";

    if (t_ns < from)
        out_chr(w, '-');
    ns = t_ns < from ? from - t_ns : t_ns - from;
    out_u64(w, ns / NSEC_PER_SEC);
    ns %= NSEC_PER_SEC;
    for (unsigned i = 9; i; i--, ns /= 10)
        nine[i] = (char)('0' + ns % 10);
    out_mem(w, nine, sizeof(nine));
}

static void put_line(struct decode *d, const struct capture_packet *p)
{
    struct out w = {d->buf + d->used, LINE_MAX_LEN, 0};

    out_u64(&w, p->index);
    out_chr(&w, ' ');
    put_time(&w, d, p->t_ns);
    out_chr(&w, ' ');
    if (p->parsed) {
        out_str(&w, "broken TCP segment, ");
        out_u64(&w, p->captured);
        out_str(&w, " of ");
        out_u64(&w, p->original);
        out_str(&w, " bytes captured");
    } else {
        w.len += (size_t)segment_print(w.buf + w.len, w.size - w.len, p->seg);
    }
    out_chr(&w, '\n');
    if (w.len > w.size) /* a line that was cut would be a wrong one */
        abort();
    d->used += w.len;
}

static json_t *option_json(const struct tcp_option *o, const char *const *fields)
{
    char text[512];
    json_t *f = json_object(), *j;

    for (; fields && *fields; fields++)
        if (!tcp_option_field(o, *fields, text, sizeof(text)))
            json_object_set_new(f, *fields, json_string(text));
    tcp_option_print(text, sizeof(text), o);
    j = json_pack("{s:s, s:s, s:o}", "name", tcp_option_name(o), "text", text, "fields", f);
    if (o->malformed)
        json_object_set_new(j, "malformed", json_string(o->malformed));
    return j;
}

static const char *const *fields_of(const char *name)
{
    static const char *const unknown[] = {"data", "kind", "length", NULL};
    const char *const *fields;
    const char *known;

    for (unsigned i = 0; (known = tcp_option_known(i, &fields)); i++)
        if (!strcmp(known, name))
            return fields;
    return unknown;
}

static json_t *segment_json(const struct segment *s)
{
    char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
    json_t *options = json_array(), *j;
    struct tcp_option_iter it;
    struct tcp_option o;

    inet_ntop(s->family, s->src, src, sizeof(src));
    inet_ntop(s->family, s->dst, dst, sizeof(dst));
    tcp_option_begin(&it, s);
    while (tcp_option_next(&it, &o))
        json_array_append_new(options, option_json(&o, fields_of(tcp_option_name(&o))));
    j = json_pack("{s:s, s:i, s:s, s:i, s:i, s:I, s:I, s:i, s:I, s:o}", "src", src, "sport",
                  s->sport, "dst", dst, "dport", s->dport, "flags", s->flags, "seq",
                  (json_int_t)s->seq, "ack", (json_int_t)s->ack, "window", s->window, "len",
                  (json_int_t)s->payload_len, "options", options);
    if (s->options_missing)
        json_object_set_new(j, "options_missing", json_integer(s->options_missing));
    return j;
}

static int put_json(const struct capture_packet *p)
{
    json_t *j = p->parsed ? json_object() : segment_json(p->seg);
    int rc;

    json_object_set_new(j, "packet", json_integer((json_int_t)p->index));
    json_object_set_new(j, "t_ns", json_integer((json_int_t)p->t_ns));
    if (p->parsed)
        json_object_set_new(j, "broken", json_true());
    rc = json_dumpf(j, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER) || putchar('\n') == EOF;
    json_decref(j);
    return rc ? -EIO : 0;
}

static void count_malformed(struct decode *d, const struct segment *s)
{
    struct tcp_option_iter it;
    struct tcp_option o;

    tcp_option_begin(&it, s);
    while (tcp_option_next(&it, &o))
        d->malformed += o.malformed != NULL;
}

static int on_packet(const struct capture_packet *p, void *arg)
{
    struct decode *d = arg;

    if (!d->packets++)
        d->first_ns = p->t_ns;
    if (p->parsed == -ENOMSG) {
        d->other++;
        return 0;
    }
    if (p->parsed) {
        d->broken++;
    } else {
        d->segments++;
        count_malformed(d, p->seg);
    }
    if (d->json)
        return put_json(p);
    put_line(d, p);
    return d->used >= OUT_BUFFER ? flush_out(d) : 0;
}

static void usage(FILE *f)
{
    fputs(
        "usage: extcp decode [--json] [--absolute] [--filter EXPRESSION] FILE.pcap\n"
        "\n"
        "Prints every TCP segment of a capture (pcap or pcapng; - is standard input) on a line of\n"
        "its own: number, seconds since the first packet, and the segment with every TCP and "
        "MPTCP\n"
        "option in words. How many there were goes to stderr.\n"
        "\n"
        "  --json               one JSON object a line, with each option's fields\n"
        "  --absolute           seconds since 1970\n"
        "  --filter EXPRESSION  only packets that match, pcap-filter(7)\n"
        "  -h, --help           this text\n"
        "\n"
        "Exit status: 0; 2 wrong usage or a file that is not a whole capture; 4 no room for the "
        "output.\n",
        f);
}

static int run(struct decode *d, const char *path, const char *filter)
{
    struct err e = ERR_INIT;
    int rc, flushed;

    d->buf = xcalloc(1, OUT_BUFFER + LINE_MAX_LEN);
    rc = capture_each(path, filter, on_packet, d, &e);
    flushed = flush_out(d);
    if (fflush(stdout) && !flushed)
        flushed = -errno;
    free(d->buf);
    if (flushed || (rc && !e.code)) {
        rc = flushed ? flushed : rc;
        err_broke(&e, rc, "cannot write the output: %s", strerror(-rc));
    }
    if (e.code)
        return cmd_fail("decode", &e);
    fprintf(stderr,
            "%" PRIu64 " packets: %" PRIu64 " TCP segments, %" PRIu64 " malformed options, %" PRIu64
            " broken segments, %" PRIu64 " that are not TCP\n",
            d->packets, d->segments, d->malformed, d->broken, d->other);
    return EXIT_OK;
}

int cmd_decode(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"absolute", no_argument, NULL, 'a'},
                                            {"filter", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct decode d = {0};
    const char *filter = NULL;
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'j':
            d.json = true;
            break;
        case 'a':
            d.absolute = true;
            break;
        case 'f':
            filter = optarg;
            break;
        case 'h':
            usage(stdout);
            return EXIT_OK;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "extcp decode: %s\n\n",
                optind == argc ? "which capture?" : "one capture at a time");
        usage(stderr);
        return EXIT_USAGE;
    }
    return run(&d, argv[optind], filter);
}
