/* SPDX-License-Identifier: BSD-2-Clause */
/* The subtypes of MPTCP's option, kind 30: RFC 8684 section 3. Figures are those of that RFC. */
#include "decode.h"

#include <stdio.h>
#include <sys/socket.h>

#include "decode_internal.h"
#include "util.h"

static bool put_u64(struct out *w, uint64_t v)
{
    out_u64(w, v);
    return true;
}

static bool put_hex(struct out *w, uint64_t v, unsigned digits)
{
    out_hex(w, v, digits);
    return true;
}

static bool put_yes(struct out *w, bool yes)
{
    out_str(w, yes ? "yes" : "no");
    return true;
}

static void named_hex(struct out *w, const char *name, uint64_t v, unsigned digits)
{
    out_str(w, name);
    out_hex(w, v, digits);
}

static void named_u64(struct out *w, const char *name, uint64_t v)
{
    out_str(w, name);
    out_u64(w, v);
}

/* --- MP_CAPABLE, figure 4: version and flags, then nothing (SYN), the sender's key (SYN-ACK), both
 * keys (third ACK), both and a length (first data), and with a checksum. In version 0 (RFC 6824)
 * the SYN has a key too. --- */
enum { CAP_CHECKSUM = 0x80, CAP_EXTENSIBILITY = 0x40, CAP_NO_MORE = 0x20, CAP_SHA256 = 0x01 };

static const char *capable_check(const struct tcp_option *o)
{
    switch (o->len) {
    case 4:
    case 12:
    case 20:
    case 22:
    case 24:
        return NULL;
    default:
        return "its length is not 4, 12, 20, 22 or 24";
    }
}

static bool capable_field(const struct tcp_option *o, const char *field, struct out *w)
{
    const uint8_t *d = o->data;

    if (!strcmp(field, "version"))
        return put_u64(w, d[0] & 15);
    if (!strcmp(field, "flags"))
        return put_hex(w, d[1], 2);
    if (!strcmp(field, "checksum_required"))
        return put_yes(w, d[1] & CAP_CHECKSUM);
    if (!strcmp(field, "extensibility"))
        return put_yes(w, d[1] & CAP_EXTENSIBILITY);
    if (!strcmp(field, "no_more_subflows"))
        return put_yes(w, d[1] & CAP_NO_MORE);
    if (!strcmp(field, "hmac_sha256"))
        return put_yes(w, d[1] & CAP_SHA256);
    if (!strcmp(field, "key"))
        return o->len >= 12 && put_hex(w, get64(d + 2), 16);
    if (!strcmp(field, "peer_key"))
        return o->len >= 20 && put_hex(w, get64(d + 10), 16);
    if (!strcmp(field, "data_length"))
        return o->len >= 22 && put_u64(w, get16(d + 18));
    return !strcmp(field, "checksum") && o->len == 24 && put_hex(w, get16(d + 20), 4);
}

static void capable_print(const struct tcp_option *o, struct out *w)
{
    const uint8_t *d = o->data;

    named_u64(w, "mptcp MP_CAPABLE v", d[0] & 15);
    out_str(w, o->len == 4 || (o->len == 12 && !(o->seg_flags & SEG_ACK)) ? " SYN"
               : o->len == 12                                             ? " SYN-ACK"
               : o->len == 20                                             ? " ACK"
                                                                          : " data");
    if (o->len >= 12)
        named_hex(w, " key ", get64(d + 2), 16);
    if (o->len >= 20)
        named_hex(w, " peer key ", get64(d + 10), 16);
    if (o->len >= 22)
        named_u64(w, " length ", get16(d + 18));
    if (o->len == 24)
        named_hex(w, " checksum ", get16(d + 20), 4);
    named_hex(w, " flags ", d[1], 2);
    if (d[1] & CAP_CHECKSUM)
        out_str(w, " checksum-required");
    if (d[1] & CAP_EXTENSIBILITY)
        out_str(w, " extensibility");
    if (d[1] & CAP_NO_MORE)
        out_str(w, " no-more-subflows");
    if (d[1] & CAP_SHA256)
        out_str(w, " hmac-sha256");
}

/* --- MP_JOIN, figures 6 to 8: SYN (token, nonce), SYN-ACK (truncated HMAC, nonce), ACK (HMAC) ---
 */
static const char *join_check(const struct tcp_option *o)
{
    return o->len == 12 || o->len == 16 || o->len == 24
               ? NULL
               : "its length is not 12 (SYN), 16 (SYN-ACK) or 24 (ACK)";
}

static bool join_field(const struct tcp_option *o, const char *field, struct out *w)
{
    const uint8_t *d = o->data;

    if (!strcmp(field, "address_id"))
        return o->len < 24 && put_u64(w, d[1]);
    if (!strcmp(field, "backup"))
        return o->len < 24 && put_yes(w, d[0] & 1);
    if (!strcmp(field, "token"))
        return o->len == 12 && put_hex(w, get32(d + 2), 8);
    if (!strcmp(field, "nonce"))
        return o->len < 24 && put_hex(w, get32(d + (o->len == 12 ? 6 : 10)), 8);
    if (strcmp(field, "hmac") != 0 || o->len == 12)
        return false;
    out_bytes(w, d + 2, o->len == 16 ? 8 : 20);
    return true;
}

static void join_print(const struct tcp_option *o, struct out *w)
{
    const uint8_t *d = o->data;

    if (o->len == 24) {
        out_str(w, "mptcp MP_JOIN ACK hmac ");
        out_bytes(w, d + 2, 20);
        return;
    }
    if (o->len == 12) {
        named_hex(w, "mptcp MP_JOIN SYN token ", get32(d + 2), 8);
        named_hex(w, " nonce ", get32(d + 6), 8);
    } else {
        named_hex(w, "mptcp MP_JOIN SYN-ACK hmac ", get64(d + 2), 16);
        named_hex(w, " nonce ", get32(d + 10), 8);
    }
    named_u64(w, " id ", d[1]);
    if (d[0] & 1)
        out_str(w, " backup");
}

/* --- DSS, figure 9: which parts are there, and how long they are, is in the flags; the checksum is
 * there when the length leaves room for it --- */
enum { DSS_ACK = 0x01, DSS_ACK8 = 0x02, DSS_MAP = 0x04, DSS_DSN8 = 0x08, DSS_FIN = 0x10 };

static unsigned dss_ack_len(unsigned flags)
{
    return !(flags & DSS_ACK) ? 0 : flags & DSS_ACK8 ? 8 : 4;
}

static unsigned dss_dsn_len(unsigned flags)
{
    return !(flags & DSS_MAP) ? 0 : flags & DSS_DSN8 ? 8 : 4;
}

static const char *dss_check(const struct tcp_option *o)
{
    unsigned flags, map, len;

    if (o->len < 4)
        return "its length is less than 4";
    flags = o->data[1];
    map = dss_dsn_len(flags);
    len = 4 + dss_ack_len(flags) + (map ? map + 6 : 0);
    return o->len == len || (map && o->len == len + 2) ? NULL
                                                       : "its length does not go with its flags";
}

static void dss_parse(const struct tcp_option *o, struct mptcp_dss *s)
{
    const uint8_t *p = o->data + 2, *end = o->data + o->data_len;

    *s = (struct mptcp_dss){.flags = o->data[1]};
    s->ack_len = dss_ack_len(s->flags);
    s->dsn_len = dss_dsn_len(s->flags);
    if (s->ack_len)
        s->ack = s->ack_len == 8 ? get64(p) : get32(p);
    p += s->ack_len;
    if (!s->dsn_len)
        return;
    s->dsn = s->dsn_len == 8 ? get64(p) : get32(p);
    p += s->dsn_len;
    s->subflow_seq = get32(p);
    s->data_len = get16(p + 4);
    s->has_checksum = end - p >= 8;
    if (s->has_checksum)
        s->checksum = get16(p + 6);
}

bool mptcp_dss_read(const struct tcp_option *o, struct mptcp_dss *d)
{
    if (o->kind != 30 || o->subtype != 2 || o->malformed)
        return false;
    dss_parse(o, d);
    return true;
}

static bool dss_field(const struct tcp_option *o, const char *field, struct out *w)
{
    struct mptcp_dss s;

    dss_parse(o, &s);
    if (!strcmp(field, "flags"))
        return put_hex(w, s.flags, 2);
    if (!strcmp(field, "data_fin"))
        return put_yes(w, s.flags & DSS_FIN);
    if (!strcmp(field, "data_ack"))
        return s.ack_len && put_u64(w, s.ack);
    if (!strcmp(field, "data_ack_bytes"))
        return put_u64(w, s.ack_len);
    if (!strcmp(field, "dsn_bytes"))
        return put_u64(w, s.dsn_len);
    if (!strcmp(field, "dsn"))
        return s.dsn_len && put_u64(w, s.dsn);
    if (!strcmp(field, "subflow_seq"))
        return s.dsn_len && put_u64(w, s.subflow_seq);
    if (!strcmp(field, "data_length"))
        return s.dsn_len && put_u64(w, s.data_len);
    return !strcmp(field, "checksum") && s.has_checksum && put_hex(w, s.checksum, 4);
}

static void dss_print(const struct tcp_option *o, struct out *w)
{
    struct mptcp_dss s;

    dss_parse(o, &s);
    out_str(w, "mptcp DSS");
    if (s.flags & DSS_FIN)
        out_str(w, " fin");
    if (s.ack_len)
        named_u64(w, s.ack_len == 8 ? " ack8 " : " ack4 ", s.ack);
    if (s.dsn_len) {
        named_u64(w, s.dsn_len == 8 ? " dsn8 " : " dsn4 ", s.dsn);
        named_u64(w, " subflow seq ", s.subflow_seq);
        named_u64(w, " length ", s.data_len);
    }
    if (s.has_checksum)
        named_hex(w, " checksum ", s.checksum, 4);
}

/* --- ADD_ADDR, figure 12: E (echo) has no HMAC; the family and the port follow from the length ---
 */
static unsigned add_addr_bare(const struct tcp_option *o)
{
    return o->len - (o->data[0] & 1 ? 0 : 8u);
}

static const char *add_addr_check(const struct tcp_option *o)
{
    if (o->len < 8 || (!(o->data[0] & 1) && o->len < 16))
        return "its length has no room for an address";
    switch (add_addr_bare(o)) {
    case 8:
    case 10:
    case 20:
    case 22:
        return NULL;
    default:
        return "its length fits neither an IPv4 nor an IPv6 address, with or without a port";
    }
}

static unsigned add_addr_len(const struct tcp_option *o)
{
    return add_addr_bare(o) < 20 ? 4 : 16;
}

static bool add_addr_has_port(const struct tcp_option *o)
{
    return add_addr_bare(o) % 4 == 2;
}

static void add_addr_address(const struct tcp_option *o, struct out *w)
{
    out_addr(w, add_addr_len(o) == 4 ? AF_INET : AF_INET6, o->data + 2);
}

static uint16_t add_addr_port(const struct tcp_option *o)
{
    return get16(o->data + 2 + add_addr_len(o));
}

static uint64_t add_addr_hmac(const struct tcp_option *o)
{
    return get64(o->data + o->data_len - 8);
}

bool mptcp_add_addr_read(const struct tcp_option *o, struct mptcp_add_addr *a)
{
    if (o->kind != 30 || o->subtype != 3 || o->malformed)
        return false;
    *a = (struct mptcp_add_addr){.echo = o->data[0] & 1,
                                 .id = o->data[1],
                                 .family = add_addr_len(o) == 4 ? AF_INET : AF_INET6};
    memcpy(a->addr, o->data + 2, add_addr_len(o));
    if (add_addr_has_port(o))
        a->port = add_addr_port(o);
    if (!a->echo)
        a->hmac = add_addr_hmac(o);
    return true;
}

static bool add_addr_field(const struct tcp_option *o, const char *field, struct out *w)
{
    bool echo = o->data[0] & 1;

    if (!strcmp(field, "address")) {
        add_addr_address(o, w);
        return true;
    }
    if (!strcmp(field, "address_id"))
        return put_u64(w, o->data[1]);
    if (!strcmp(field, "family"))
        return put_u64(w, add_addr_len(o) == 4 ? 4 : 6);
    if (!strcmp(field, "echo"))
        return put_yes(w, echo);
    if (!strcmp(field, "port"))
        return add_addr_has_port(o) && put_u64(w, add_addr_port(o));
    return !strcmp(field, "hmac") && !echo && put_hex(w, add_addr_hmac(o), 16);
}

static void add_addr_print(const struct tcp_option *o, struct out *w)
{
    bool echo = o->data[0] & 1;

    out_str(w, echo ? "mptcp ADD_ADDR echo " : "mptcp ADD_ADDR ");
    add_addr_address(o, w);
    if (add_addr_has_port(o))
        named_u64(w, " port ", add_addr_port(o));
    named_u64(w, " id ", o->data[1]);
    if (!echo)
        named_hex(w, " hmac ", add_addr_hmac(o), 16);
}

/* --- REMOVE_ADDR, figure 13: one identifier or more --- */
static const char *remove_addr_check(const struct tcp_option *o)
{
    return o->len >= 4 ? NULL : "it names no address";
}

static void remove_addr_ids(const struct tcp_option *o, struct out *w, const char *between)
{
    for (unsigned i = 1; i < o->data_len; i++) {
        if (i > 1)
            out_str(w, between);
        out_u64(w, o->data[i]);
    }
}

static bool remove_addr_field(const struct tcp_option *o, const char *field, struct out *w)
{
    if (!strcmp(field, "address_ids")) {
        remove_addr_ids(o, w, ",");
        return true;
    }
    return !strcmp(field, "count") && put_u64(w, o->data_len - 1u);
}

static void remove_addr_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "mptcp REMOVE_ADDR id ");
    remove_addr_ids(o, w, " ");
}

/* --- MP_PRIO, figure 11; the address identifier of RFC 6824 is gone --- */
static const char *prio_check(const struct tcp_option *o)
{
    return o->len == 3 ? NULL : "its length is not 3";
}

static bool prio_field(const struct tcp_option *o, const char *field, struct out *w)
{
    return !strcmp(field, "backup") && put_yes(w, o->data[0] & 1);
}

static void prio_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, o->data[0] & 1 ? "mptcp MP_PRIO backup" : "mptcp MP_PRIO not backup");
}

/* --- MP_FAIL, figure 16: the data sequence number where it went wrong --- */
static const char *check_12(const struct tcp_option *o)
{
    return o->len == 12 ? NULL : "its length is not 12";
}

static bool fail_field(const struct tcp_option *o, const char *field, struct out *w)
{
    return !strcmp(field, "dsn") && put_u64(w, get64(o->data + 2));
}

static void fail_print(const struct tcp_option *o, struct out *w)
{
    named_u64(w, "mptcp MP_FAIL dsn ", get64(o->data + 2));
}

/* --- MP_FASTCLOSE, figure 14: the receiver's key --- */
static bool fastclose_field(const struct tcp_option *o, const char *field, struct out *w)
{
    return !strcmp(field, "key") && put_hex(w, get64(o->data + 2), 16);
}

static void fastclose_print(const struct tcp_option *o, struct out *w)
{
    named_hex(w, "mptcp MP_FASTCLOSE key ", get64(o->data + 2), 16);
}

/* --- MP_TCPRST, figure 15; reasons: section 3.6 --- */
static const char *tcprst_check(const struct tcp_option *o)
{
    return o->len == 4 ? NULL : "its length is not 4";
}

static const char *tcprst_reason(uint8_t reason)
{
    static const char *const reasons[] = {
        "unspecified error",           "MPTCP-specific error",      "lack of resources",
        "administratively prohibited", "too much outstanding data", "unacceptable performance",
        "middlebox interference"};

    return reason < ARRAY_SIZE(reasons) ? reasons[reason] : "unknown reason";
}

static bool tcprst_field(const struct tcp_option *o, const char *field, struct out *w)
{
    if (!strcmp(field, "reason"))
        return put_u64(w, o->data[1]);
    if (!strcmp(field, "transient"))
        return put_yes(w, o->data[0] & 1);
    return !strcmp(field, "flags") && put_hex(w, o->data[0] & 15, 1);
}

static void tcprst_print(const struct tcp_option *o, struct out *w)
{
    named_u64(w, "mptcp MP_TCPRST reason ", o->data[1]);
    out_str(w, " (");
    out_str(w, tcprst_reason(o->data[1]));
    out_str(w, o->data[0] & 1 ? ") transient" : ")");
    if (o->data[0] & 14) /* U, V, W: no meaning yet */
        named_hex(w, " flags ", o->data[0] & 15, 1);
}

/* --- subtype 0xf, for experiments in closed networks (section 7.2), and what is not assigned ---
 */
static const char *any_check(const struct tcp_option *o)
{
    return o->len >= 3 ? NULL : "it has no room for a subtype";
}

static bool any_field(const struct tcp_option *o, const char *field, struct out *w)
{
    return !strcmp(field, "flags") && put_hex(w, o->data[0] & 15, 1);
}

static void any_print(const struct tcp_option *o, struct out *w)
{
    if (o->subtype == 15)
        out_str(w, "mptcp MP_EXPERIMENTAL");
    else
        named_u64(w, "mptcp unknown subtype ", o->subtype);
    named_hex(w, " flags ", o->data[0] & 15, 1);
    if (o->data_len > 1) {
        out_str(w, " data ");
        out_bytes(w, o->data + 1, o->data_len - 1u);
    }
}

#define ANY_FIELDS ((const char *const[]){"data", "flags", "subtype", "kind", "length", NULL})
#define MPTCP_UNKNOWN(n)                                                                           \
    [n] = {"mptcp.unknown-" #n, ANY_FIELDS, true, any_check, any_field, any_print}

const struct option_type mptcp_types[16] = {
    [0] = {"mptcp.mp_capable",
           OPTION_FIELDS("version", "flags", "checksum_required", "extensibility",
                         "no_more_subflows", "hmac_sha256", "key", "peer_key", "data_length",
                         "checksum", "subtype"),
           true, capable_check, capable_field, capable_print},
    [1] = {"mptcp.mp_join",
           OPTION_FIELDS("address_id", "backup", "token", "nonce", "hmac", "subtype"), true,
           join_check, join_field, join_print},
    [2] = {"mptcp.dss",
           OPTION_FIELDS("dsn", "subflow_seq", "data_length", "checksum", "data_ack", "data_fin",
                         "flags", "dsn_bytes", "data_ack_bytes", "subtype"),
           true, dss_check, dss_field, dss_print},
    [3] = {"mptcp.add_addr",
           OPTION_FIELDS("address", "address_id", "port", "family", "echo", "hmac", "subtype"),
           true, add_addr_check, add_addr_field, add_addr_print},
    [4] = {"mptcp.remove_addr", OPTION_FIELDS("address_ids", "count", "subtype"), true,
           remove_addr_check, remove_addr_field, remove_addr_print},
    [5] = {"mptcp.mp_prio", OPTION_FIELDS("backup", "subtype"), true, prio_check, prio_field,
           prio_print},
    [6] = {"mptcp.mp_fail", OPTION_FIELDS("dsn", "subtype"), true, check_12, fail_field,
           fail_print},
    [7] = {"mptcp.mp_fastclose", OPTION_FIELDS("key", "subtype"), true, check_12, fastclose_field,
           fastclose_print},
    [8] = {"mptcp.mp_tcprst", OPTION_FIELDS("reason", "transient", "flags", "subtype"), true,
           tcprst_check, tcprst_field, tcprst_print},
    MPTCP_UNKNOWN(9),
    MPTCP_UNKNOWN(10),
    MPTCP_UNKNOWN(11),
    MPTCP_UNKNOWN(12),
    MPTCP_UNKNOWN(13),
    MPTCP_UNKNOWN(14),
    [15] = {"mptcp.mp_experimental", ANY_FIELDS, true, any_check, any_field, any_print},
};
