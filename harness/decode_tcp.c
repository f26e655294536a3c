/* SPDX-License-Identifier: BSD-2-Clause */
/* The options that are not MPTCP's: one struct option_type each, and how to find it. */
#include "decode.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "decode_internal.h"
#include "lib/cc_algorithms.h"
#include "lib/tcp_exids.h"
#include "util.h"

static const char *check_ok(const struct tcp_option *o)
{
    (void)o;
    return NULL;
}

static const char *check_len(const struct tcp_option *o, unsigned len, const char *what)
{
    return o->len == len ? NULL : what;
}

static bool no_field(const struct tcp_option *o, const char *field, struct out *w)
{
    (void)o, (void)field, (void)w;
    return false;
}

static bool put_u64(struct out *w, uint64_t v)
{
    out_u64(w, v);
    return true;
}

static bool put_str(struct out *w, const char *s)
{
    out_str(w, s);
    return true;
}

static bool put_bytes(struct out *w, const uint8_t *p, size_t n)
{
    out_bytes(w, p, n);
    return true;
}

/* --- end of list, no-operation: RFC 9293 section 3.2 --- */
static void eol_print(const struct tcp_option *o, struct out *w)
{
    (void)o;
    out_str(w, "eol");
}

static void nop_print(const struct tcp_option *o, struct out *w)
{
    (void)o;
    out_str(w, "nop");
}

/* --- maximum segment size: RFC 9293 section 3.7.1 --- */
static const char *mss_check(const struct tcp_option *o)
{
    return check_len(o, 4, "its length is not 4");
}

static bool mss_field(const struct tcp_option *o, const char *field, struct out *w)
{
    return !strcmp(field, "value") && put_u64(w, get16(o->data));
}

static void mss_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "mss ");
    out_u64(w, get16(o->data));
}

/* --- window scale: RFC 7323 section 2; a shift above 14 counts as 14 --- */
static const char *wscale_check(const struct tcp_option *o)
{
    return check_len(o, 3, "its length is not 3");
}

static bool wscale_field(const struct tcp_option *o, const char *field, struct out *w)
{
    unsigned shift = o->data[0];

    if (!strcmp(field, "shift"))
        return put_u64(w, shift);
    return !strcmp(field, "multiplier") && put_u64(w, 1u << (shift < 14 ? shift : 14));
}

static void wscale_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "wscale ");
    out_u64(w, o->data[0]);
    if (o->data[0] > 14)
        out_str(w, " (more than 14, counts as 14)");
}

/* --- selective acknowledgements: RFC 2018, D-SACK RFC 2883 --- */
static const char *sack_permitted_check(const struct tcp_option *o)
{
    return check_len(o, 2, "its length is not 2");
}

static void sack_permitted_print(const struct tcp_option *o, struct out *w)
{
    (void)o;
    out_str(w, "sack_permitted");
}

static const char *sack_check(const struct tcp_option *o)
{
    return o->data_len && o->data_len % 8 == 0 ? NULL : "its length is not 2 + 8 for each block";
}

static bool seq_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* RFC 2883 section 4: the first block reports a duplicate when it is below the cumulative
 * acknowledgement or inside the second block. */
static bool sack_is_dsack(const struct tcp_option *o)
{
    uint32_t left = get32(o->data), right = get32(o->data + 4);

    if ((o->seg_flags & SEG_ACK) && seq_before(left, o->seg_ack))
        return true;
    return o->data_len >= 16 && !seq_before(left, get32(o->data + 8)) &&
           !seq_before(get32(o->data + 12), right);
}

static void sack_blocks(const struct tcp_option *o, struct out *w, const char *between)
{
    for (unsigned i = 0; i < o->data_len; i += 8) {
        if (i)
            out_str(w, between);
        out_u64(w, get32(o->data + i));
        out_chr(w, '-');
        out_u64(w, get32(o->data + i + 4));
    }
}

static bool sack_field(const struct tcp_option *o, const char *field, struct out *w)
{
    if (!strcmp(field, "blocks")) {
        sack_blocks(o, w, ",");
        return true;
    }
    if (!strcmp(field, "count"))
        return put_u64(w, o->data_len / 8);
    if (!strcmp(field, "left"))
        return put_u64(w, get32(o->data));
    if (!strcmp(field, "right"))
        return put_u64(w, get32(o->data + 4));
    return !strcmp(field, "dsack") && put_str(w, sack_is_dsack(o) ? "yes" : "no");
}

static void sack_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, sack_is_dsack(o) ? "sack (first block is a d-sack) " : "sack ");
    sack_blocks(o, w, " ");
}

/* --- timestamps: RFC 7323 section 3 --- */
static const char *timestamps_check(const struct tcp_option *o)
{
    return check_len(o, 10, "its length is not 10");
}

static bool timestamps_field(const struct tcp_option *o, const char *field, struct out *w)
{
    if (!strcmp(field, "value"))
        return put_u64(w, get32(o->data));
    return !strcmp(field, "echo") && put_u64(w, get32(o->data + 4));
}

static void timestamps_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "timestamps ");
    out_u64(w, get32(o->data));
    out_str(w, " echo ");
    out_u64(w, get32(o->data + 4));
}

/* --- TCP-MD5: RFC 2385 --- */
static const char *md5_check(const struct tcp_option *o)
{
    return check_len(o, 18, "its length is not 18");
}

static bool md5_field(const struct tcp_option *o, const char *field, struct out *w)
{
    return !strcmp(field, "digest") && put_bytes(w, o->data, o->data_len);
}

static void md5_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "md5 ");
    out_bytes(w, o->data, o->data_len);
}

/* --- TCP-AO: RFC 5925 section 2.2 --- */
static const char *ao_check(const struct tcp_option *o)
{
    return o->len >= 4 ? NULL : "its length is less than 4";
}

static bool ao_field(const struct tcp_option *o, const char *field, struct out *w)
{
    if (!strcmp(field, "mac"))
        return put_bytes(w, o->data + 2, o->data_len - 2u);
    if (!strcmp(field, "keyid"))
        return put_u64(w, o->data[0]);
    return !strcmp(field, "rnextkeyid") && put_u64(w, o->data[1]);
}

static void ao_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "ao keyid ");
    out_u64(w, o->data[0]);
    out_str(w, " rnextkeyid ");
    out_u64(w, o->data[1]);
    out_str(w, " mac ");
    out_bytes(w, o->data + 2, o->data_len - 2u);
}

/* --- user timeout: RFC 5482 section 3.1; 0 is reserved and ignored by who receives it --- */
static const char *uto_check(const struct tcp_option *o)
{
    return check_len(o, 4, "its length is not 4");
}

static bool uto_field(const struct tcp_option *o, const char *field, struct out *w)
{
    uint32_t v = get16(o->data) & 0x7fff;
    bool minutes = o->data[0] & 0x80;

    if (!strcmp(field, "seconds"))
        return put_u64(w, minutes ? v * 60 : v);
    if (!strcmp(field, "granularity"))
        return put_str(w, minutes ? "minutes" : "seconds");
    return !strcmp(field, "value") && put_u64(w, v);
}

static void uto_print(const struct tcp_option *o, struct out *w)
{
    uint32_t v = get16(o->data) & 0x7fff;

    out_str(w, "uto ");
    out_u64(w, v);
    out_str(w, o->data[0] & 0x80 ? " min" : " s");
    if (!v)
        out_str(w, " (reserved value)");
}

/* --- TCP Fast Open: RFC 7413 sections 2 and 4.1.1; without a cookie it asks for one --- */
static unsigned tfo_skip(const struct tcp_option *o)
{
    return o->kind == 34 ? 0 : 2; /* the experiment identifier */
}

static const char *tfo_check(const struct tcp_option *o)
{
    unsigned n = o->data_len - tfo_skip(o);

    return n == 0 || (n >= 4 && n <= 16 && n % 2 == 0)
               ? NULL
               : "its cookie is not empty and not an even number of 4 to 16 bytes";
}

static bool tfo_field(const struct tcp_option *o, const char *field, struct out *w)
{
    unsigned n = o->data_len - tfo_skip(o);

    if (!strcmp(field, "cookie"))
        return put_bytes(w, o->data + tfo_skip(o), n);
    if (!strcmp(field, "cookie_length"))
        return put_u64(w, n);
    return !strcmp(field, "request") && put_str(w, n ? "no" : "yes");
}

static void tfo_print(const struct tcp_option *o, struct out *w)
{
    unsigned n = o->data_len - tfo_skip(o);

    out_str(w, o->kind == 34 ? "tfo " : "tfo_exp ");
    if (n) {
        out_str(w, "cookie ");
        out_bytes(w, o->data + tfo_skip(o), n);
    } else {
        out_str(w, "cookie request");
    }
}

/* --- ACK rate request: draft-ietf-tcpm-ack-rate-request; on a SYN it only says "I can" --- */
static const char *tarr_check(const struct tcp_option *o)
{
    return o->len == 4 || o->len == 5 ? NULL : "its length is not 4 (SYN) or 5";
}

static bool tarr_field(const struct tcp_option *o, const char *field, struct out *w)
{
    if (o->len == 4)
        return false;
    if (!strcmp(field, "rate"))
        return put_u64(w, o->data[2] >> 1);
    return !strcmp(field, "reserved") && put_u64(w, o->data[2] & 1);
}

static void tarr_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "tarr");
    if (o->len == 4) {
        out_str(w, " supported");
        return;
    }
    out_str(w, " R ");
    out_u64(w, o->data[2] >> 1);
    if (o->data[2] & 1)
        out_str(w, " (reserved bit set)");
}

/* --- our own requests --- */
static const char *cc_name(uint8_t id)
{
    switch (id) {
#define X(number, name)                                                                            \
    case number:                                                                                   \
        return #name;
        CC_ALGORITHMS(X)
#undef X
    default:
        return "unknown";
    }
}

static const char *cc_request_check(const struct tcp_option *o)
{
    return check_len(o, 5, "its length is not 5");
}

static bool cc_request_field(const struct tcp_option *o, const char *field, struct out *w)
{
    if (!strcmp(field, "algorithm"))
        return put_u64(w, o->data[2]);
    return !strcmp(field, "name") && (out_str(w, cc_name(o->data[2])), true);
}

static void cc_request_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "cc_request algorithm ");
    out_u64(w, o->data[2]);
    out_str(w, " (");
    out_str(w, cc_name(o->data[2]));
    out_chr(w, ')');
}

static const char *iw_request_check(const struct tcp_option *o)
{
    return check_len(o, 6, "its length is not 6");
}

static bool iw_request_field(const struct tcp_option *o, const char *field, struct out *w)
{
    return !strcmp(field, "segments") && put_u64(w, get16(o->data + 2));
}

static void iw_request_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "iw_request ");
    out_u64(w, get16(o->data + 2));
    out_str(w, " segments");
}

static void overhead_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, "overhead ");
    out_u64(w, o->len);
    out_str(w, " bytes");
}

/* --- other experiments: RFC 6994 section 3 --- */
static const char *exp_check(const struct tcp_option *o)
{
    return o->data_len >= 2 ? NULL : "it has no room for an experiment identifier";
}

static void exp_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, o->kind == TCPOPT_KIND_EXP1 ? "exp-253 exid " : "exp-254 exid ");
    out_hex(w, o->exid, 4);
    if (o->data_len > 2)
        out_str(w, " data ");
    out_bytes(w, o->data + 2, o->data_len - 2u);
}

static void unknown_print(const struct tcp_option *o, struct out *w)
{
    out_str(w, tcp_option_name(o));
    if (o->data_len)
        out_str(w, " data ");
    out_bytes(w, o->data, o->data_len);
}

enum {
    T_EOL,
    T_NOP,
    T_MSS,
    T_WSCALE,
    T_SACK_PERMITTED,
    T_SACK,
    T_TIMESTAMPS,
    T_MD5,
    T_UTO,
    T_AO,
    T_TFO,
    T_TFO_EXP,
    T_TARR,
    T_CC_REQUEST,
    T_IW_REQUEST,
    T_OVERHEAD,
    T_EXP_253,
    T_EXP_254,
    T_COUNT
};

/* Those whose value is one of the fields that every option has. */
#define OVERHEAD_FIELDS ((const char *const[]){"length", "exid", "kind", "data", NULL})
#define EXP_FIELDS      ((const char *const[]){"data", "exid", "kind", "length", NULL})
#define UNKNOWN_FIELDS  ((const char *const[]){"data", "kind", "length", NULL})

static const struct option_type types[T_COUNT] = {
    [T_EOL] = {"eol", OPTION_NO_FIELDS, false, check_ok, no_field, eol_print},
    [T_NOP] = {"nop", OPTION_NO_FIELDS, false, check_ok, no_field, nop_print},
    [T_MSS] = {"mss", OPTION_FIELDS("value"), true, mss_check, mss_field, mss_print},
    [T_WSCALE] = {"wscale", OPTION_FIELDS("shift", "multiplier"), true, wscale_check, wscale_field,
                  wscale_print},
    [T_SACK_PERMITTED] = {"sack_permitted", OPTION_NO_FIELDS, false, sack_permitted_check, no_field,
                          sack_permitted_print},
    [T_SACK] = {"sack", OPTION_FIELDS("blocks", "count", "left", "right", "dsack"), true,
                sack_check, sack_field, sack_print},
    [T_TIMESTAMPS] = {"timestamps", OPTION_FIELDS("value", "echo"), true, timestamps_check,
                      timestamps_field, timestamps_print},
    [T_MD5] = {"md5", OPTION_FIELDS("digest"), true, md5_check, md5_field, md5_print},
    [T_UTO] = {"uto", OPTION_FIELDS("seconds", "granularity", "value"), true, uto_check, uto_field,
               uto_print},
    [T_AO] = {"ao", OPTION_FIELDS("mac", "keyid", "rnextkeyid"), true, ao_check, ao_field,
              ao_print},
    [T_TFO] = {"tfo", OPTION_FIELDS("cookie", "cookie_length", "request"), true, tfo_check,
               tfo_field, tfo_print},
    [T_TFO_EXP] = {"tfo_exp", OPTION_FIELDS("cookie", "cookie_length", "request", "exid"), true,
                   tfo_check, tfo_field, tfo_print},
    [T_TARR] = {"tarr", OPTION_FIELDS("rate", "reserved", "exid"), true, tarr_check, tarr_field,
                tarr_print},
    [T_CC_REQUEST] = {"cc_request", OPTION_FIELDS("algorithm", "name", "exid"), true,
                      cc_request_check, cc_request_field, cc_request_print},
    [T_IW_REQUEST] = {"iw_request", OPTION_FIELDS("segments", "exid"), true, iw_request_check,
                      iw_request_field, iw_request_print},
    [T_OVERHEAD] = {"overhead", OVERHEAD_FIELDS, true, check_ok, no_field, overhead_print},
    [T_EXP_253] = {"exp-253", EXP_FIELDS, true, exp_check, no_field, exp_print},
    [T_EXP_254] = {"exp-254", EXP_FIELDS, true, exp_check, no_field, exp_print},
};

static const struct option_type unknown_type = {NULL,     UNKNOWN_FIELDS, true,
                                                check_ok, no_field,       unknown_print};

/* Index into types + 1, by kind; 0: unknown. */
static const uint8_t by_kind[256] = {
    [0] = T_EOL + 1,
    [1] = T_NOP + 1,
    [2] = T_MSS + 1,
    [3] = T_WSCALE + 1,
    [4] = T_SACK_PERMITTED + 1,
    [5] = T_SACK + 1,
    [8] = T_TIMESTAMPS + 1,
    [19] = T_MD5 + 1,
    [28] = T_UTO + 1,
    [29] = T_AO + 1,
    [34] = T_TFO + 1,
    [TCPOPT_KIND_EXP1] = T_EXP_253 + 1,
    [TCPOPT_KIND_EXP2] = T_EXP_254 + 1,
};

/* TARR and Fast Open may come under either kind; what extcp defines itself only under 254. */
static const struct option_type *exp_type_of(const struct tcp_option *o)
{
    bool ours = o->kind == TCPOPT_KIND_EXP2;

    if (o->data_len >= 2) {
        if (o->exid == EXID_TARR)
            return &types[T_TARR];
        if (o->exid == EXID_FASTOPEN)
            return &types[T_TFO_EXP];
        if (ours && o->exid == EXID_CC_REQUEST)
            return &types[T_CC_REQUEST];
        if (ours && o->exid == EXID_IW_REQUEST)
            return &types[T_IW_REQUEST];
        if (ours && o->exid == EXID_OVERHEAD)
            return &types[T_OVERHEAD];
    }
    return &types[ours ? T_EXP_254 : T_EXP_253];
}

const struct option_type *option_type_of(const struct tcp_option *o)
{
    if (o->kind == 30)
        return &mptcp_types[o->subtype];
    if (o->kind >= TCPOPT_KIND_EXP1 && by_kind[o->kind])
        return exp_type_of(o);
    return by_kind[o->kind] ? &types[by_kind[o->kind] - 1] : &unknown_type;
}

static char unknown_names[256][12];
static pthread_once_t unknown_once = PTHREAD_ONCE_INIT;

static void unknown_fill(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(unknown_names); i++)
        snprintf(unknown_names[i], sizeof(unknown_names[i]), "unknown-%u", i);
}

const char *tcp_option_name(const struct tcp_option *o)
{
    const struct option_type *t = option_type_of(o);

    if (t->name)
        return t->name;
    pthread_once(&unknown_once, unknown_fill);
    return unknown_names[o->kind];
}

const char *tcp_option_known(unsigned i, const char *const **fields)
{
    static const char *const any_mptcp[] = {"subtype", "kind", "length", "data", NULL};
    const struct option_type *t = NULL;

    if (i < T_COUNT)
        t = &types[i];
    else if (i - T_COUNT < ARRAY_SIZE(mptcp_types))
        t = &mptcp_types[i - T_COUNT];
    if (fields)
        *fields = t ? t->fields : i == T_COUNT + ARRAY_SIZE(mptcp_types) ? any_mptcp : NULL;
    if (t)
        return t->name;
    return i == T_COUNT + ARRAY_SIZE(mptcp_types) ? "mptcp" : NULL;
}

/* Fields that every option has, also a malformed one. */
static bool common_field(const struct tcp_option *o, const char *field, struct out *w)
{
    if (!strcmp(field, "kind"))
        return put_u64(w, o->kind);
    if (!strcmp(field, "length"))
        return put_u64(w, o->len);
    if (!strcmp(field, "data"))
        return put_bytes(w, o->data, o->data_len);
    if (!strcmp(field, "exid") && (o->kind == 253 || o->kind == 254) && o->data_len >= 2) {
        out_hex(w, o->exid, 4);
        return true;
    }
    return !strcmp(field, "subtype") && o->kind == 30 && o->data_len && put_u64(w, o->subtype);
}

int tcp_option_field(const struct tcp_option *o, const char *field, char *buf, size_t size)
{
    const struct option_type *t = option_type_of(o);
    struct out w = {buf, size, 0};

    if (!field) {
        if (!t->has_value)
            return -ENOENT;
        field = t->fields[0];
    }
    if (!common_field(o, field, &w) && (o->malformed || !t->field(o, field, &w)))
        return -ENOENT;
    out_end(&w);
    return w.len < size ? 0 : -ENOSPC;
}
