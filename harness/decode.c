/* SPDX-License-Identifier: BSD-2-Clause */
#include "decode.h"

#include <errno.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <sys/socket.h>

#include "decode_internal.h"

#define ETHERTYPE_V4    0x0800
#define ETHERTYPE_V6    0x86dd
#define LINKTYPE_RAW_IP 101 /* DLT_RAW as it is written in files */

#define TCP_HEADER_MIN 20
#define V4_HEADER_MIN  20
#define V6_HEADER      40

/* The rest of a packet: what was captured of it, and how long it was on the wire. */
struct rest {
    const uint8_t *p;
    size_t captured;
    size_t wire;
};

static bool rest_skip(struct rest *r, size_t n)
{
    if (n > r->captured)
        return false;
    r->p += n;
    r->captured -= n;
    r->wire -= n;
    return true;
}

/* p is behind an EtherType; goes on behind VLAN tags (802.1Q, 802.1ad and its forerunner). */
static int skip_vlan(struct rest *r, uint16_t type)
{
    while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
        if (r->captured < 4)
            return -ENOMSG;
        type = get16(r->p + 2);
        rest_skip(r, 4);
    }
    return type == ETHERTYPE_V4 || type == ETHERTYPE_V6 ? type : -ENOMSG;
}

static int null_family(const uint8_t *p)
{
    /* The family of the machine that captured, in its byte order: BSDs number AF_INET6 differently.
     */
    uint32_t v = get32(p);

    if (v > 0xffff)
        v = __builtin_bswap32(v);
    switch (v) {
    case 2:
        return ETHERTYPE_V4;
    case 10: /* Linux */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* Darwin */
        return ETHERTYPE_V6;
    default:
        return -ENOMSG;
    }
}

/* Skips the link layer; returns the EtherType of what follows or -ENOMSG. */
static int skip_link(struct rest *r, int linktype)
{
    const uint8_t *p = r->p;
    int type;

    switch (linktype) {
    case DLT_EN10MB:
        return rest_skip(r, 14) ? skip_vlan(r, get16(p + 12)) : -ENOMSG;
    case DLT_LINUX_SLL:
        return rest_skip(r, 16) ? skip_vlan(r, get16(p + 14)) : -ENOMSG;
    case DLT_LINUX_SLL2:
        return rest_skip(r, 20) ? skip_vlan(r, get16(p)) : -ENOMSG;
    case DLT_NULL:
    case DLT_LOOP:
        if (!rest_skip(r, 4))
            return -ENOMSG;
        return null_family(p);
    case DLT_RAW:
    case LINKTYPE_RAW_IP:
    case DLT_IPV4:
    case DLT_IPV6:
        if (!r->captured)
            return -ENOMSG;
        type = p[0] >> 4;
        return type == 4 ? ETHERTYPE_V4 : type == 6 ? ETHERTYPE_V6 : -ENOMSG;
    default:
        return -ENOMSG;
    }
}

/* RFC 9293 section 3.1. r holds the IP payload and nothing behind it. */
static int parse_tcp(struct segment *s, const struct rest *r)
{
    const uint8_t *p = r->p;
    size_t header;

    if (r->captured < TCP_HEADER_MIN)
        return -EBADMSG;
    header = (p[12] >> 4) * 4u;
    if (header < TCP_HEADER_MIN || header > r->wire)
        return -EBADMSG;
    s->sport = get16(p);
    s->dport = get16(p + 2);
    s->seq = get32(p + 4);
    s->ack = get32(p + 8);
    s->flags = (uint16_t)((p[12] & 1) << 8 | p[13]);
    s->window = get16(p + 14);
    s->payload_len = (uint32_t)(r->wire - header);
    s->options = p + TCP_HEADER_MIN;
    s->options_len = (uint8_t)((r->captured < header ? r->captured : header) - TCP_HEADER_MIN);
    s->options_missing = (uint8_t)(header - TCP_HEADER_MIN - s->options_len);
    return 0;
}

/* RFC 791. */
static int parse_v4(struct segment *s, struct rest *r)
{
    const uint8_t *p = r->p;
    size_t header, total;

    if (r->captured < V4_HEADER_MIN)
        return r->captured >= 10 && p[9] == IPPROTO_TCP ? -EBADMSG : -ENOMSG;
    if (p[9] != IPPROTO_TCP || (get16(p + 6) & 0x1fff))
        return -ENOMSG;
    header = (p[0] & 15) * 4u;
    total = get16(p + 2);
    if (!total) /* BIG TCP: longer than the field can say (kernel: iph_totlen) */
        total = r->wire;
    if (p[0] >> 4 != 4 || header < V4_HEADER_MIN || total < header || total > r->wire)
        return -EBADMSG;
    s->family = AF_INET;
    memcpy(s->src, p + 12, 4);
    memcpy(s->dst, p + 16, 4);
    r->wire = total;
    if (r->captured > total) /* padding of short Ethernet frames */
        r->captured = total;
    return rest_skip(r, header) ? parse_tcp(s, r) : -EBADMSG;
}

/* The jumbo payload option of a hop-by-hop header (RFC 2675), or 0. */
static size_t jumbo_length(const uint8_t *header, size_t len)
{
    for (size_t i = 2; i < len;) {
        size_t n;

        if (header[i] == 0) { /* Pad1 */
            i++;
            continue;
        }
        if (len - i < 2)
            break;
        n = 2u + header[i + 1];
        if (header[i] == 0xc2 && n == 6 && len - i >= n)
            return get32(header + i + 2);
        i += n;
    }
    return 0;
}

/* Length of an extension header that starts at p (at least 8 bytes are there); 0: not one. */
static size_t extension_length(uint8_t type, const uint8_t *p)
{
    switch (type) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MH:
    case 139: /* HIP, RFC 7401 */
    case 140: /* Shim6, RFC 5533 */
        return 8u + p[1] * 8u;
    case IPPROTO_FRAGMENT:
        return 8;
    case IPPROTO_AH:
        return 8u + p[1] * 4u;
    default:
        return 0;
    }
}

/* RFC 8200. */
static int parse_v6(struct segment *s, struct rest *r)
{
    const uint8_t *p = r->p;
    size_t payload;
    uint8_t next;

    if (r->captured < V6_HEADER)
        return r->captured >= 7 && p[6] == IPPROTO_TCP ? -EBADMSG : -ENOMSG;
    if (p[0] >> 4 != 6)
        return -ENOMSG;
    next = p[6];
    payload = get16(p + 4);
    s->family = AF_INET6;
    memcpy(s->src, p + 8, 16);
    memcpy(s->dst, p + 24, 16);
    rest_skip(r, V6_HEADER);
    if (!payload) { /* BIG TCP or a jumbogram */
        payload = r->wire;
        if (next == IPPROTO_HOPOPTS && r->captured >= 8) {
            size_t n = extension_length(next, r->p);
            size_t jumbo = jumbo_length(r->p, n < r->captured ? n : r->captured);

            payload = jumbo ? jumbo : payload;
        }
    }
    if (payload > r->wire)
        return next == IPPROTO_TCP ? -EBADMSG : -ENOMSG;
    r->wire = payload;
    if (r->captured > payload)
        r->captured = payload;
    while (next != IPPROTO_TCP) {
        size_t n = r->captured >= 8 ? extension_length(next, r->p) : 0;

        /* Nobody can tell what follows a header that is cut off or unknown. */
        if (!n || n > r->captured)
            return -ENOMSG;
        if (next == IPPROTO_FRAGMENT && (get16(r->p + 2) & 0xfff8))
            return -ENOMSG;
        next = r->p[0];
        rest_skip(r, n);
    }
    return parse_tcp(s, r);
}

int segment_parse(struct segment *s, int linktype, const uint8_t *data, size_t captured,
                  size_t original)
{
    struct rest r = {data, captured, original > captured ? original : captured};
    int type = skip_link(&r, linktype);

    if (type < 0)
        return type;
    return type == ETHERTYPE_V4 ? parse_v4(s, &r) : parse_v6(s, &r);
}

void tcp_option_begin(struct tcp_option_iter *it, const struct segment *s)
{
    it->p = s->options;
    it->left = s->options_len;
    it->missing = s->options_missing;
    it->seg_flags = s->flags;
    it->seg_ack = s->ack;
}

/* Kind, length and data of the option at it->p, or what is wrong with them. Uses up the rest where
 * nobody can say where the next option would start. */
static const char *option_frame(struct tcp_option_iter *it, struct tcp_option *o)
{
    const char *cut = it->missing ? "cut off by the capture" : NULL;
    size_t left = it->left;

    o->data = it->p + (left < 2 ? 1 : 2);
    it->left = 0;
    if (left < 2) {
        o->len = 1;
        return cut ? cut : "its length byte is missing";
    }
    o->len = it->p[1];
    o->data_len = (uint8_t)(left - 2);
    if (o->len < 2)
        return "its length is less than 2";
    if (o->len > left)
        return o->len <= left + it->missing ? "cut off by the capture"
                                            : "it is longer than the header has room for";
    o->data_len = o->len - 2;
    it->p += o->len;
    it->left = left - o->len;
    return NULL;
}

bool tcp_option_next(struct tcp_option_iter *it, struct tcp_option *o)
{
    if (!it->left)
        return false;
    *o = (struct tcp_option){.kind = it->p[0], .seg_flags = it->seg_flags, .seg_ack = it->seg_ack};
    if (o->kind <= 1) { /* end of list, no-operation */
        o->len = 1;
        o->data = it->p + 1;
        it->p++;
        it->left = o->kind ? it->left - 1 : 0;
        return true;
    }
    o->malformed = option_frame(it, o);
    if (o->data_len >= 2 && (o->kind == 253 || o->kind == 254))
        o->exid = get16(o->data);
    if (o->data_len >= 1 && o->kind == 30)
        o->subtype = o->data[0] >> 4;
    if (!o->malformed)
        o->malformed = option_type_of(o)->check(o);
    return true;
}
