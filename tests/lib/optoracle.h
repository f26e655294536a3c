/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An independent judge of the option framework: makes option blocks, good and hostile, and says
 * from docs/options.md what each program must have counted and what must be in effect afterwards.
 * It shares no code with bpf/.
 */
#ifndef EXTCP_TESTS_OPTORACLE_H
#define EXTCP_TESTS_OPTORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "stats.h"

enum where { IN_SYN, IN_SYNACK, IN_ACK, IN_DATA };

struct block {
    uint8_t b[40];
    unsigned n; /* a multiple of 4 */
};

struct counted {
    uint64_t syn, synack, first, data, malformed, repeated, other;
};

/* An option program: kind, ExID (-1: none), length of its data in the handshake's SYNs and later.
 */
struct option_program {
    const char *name;
    int kind, exid, in_syn, later;
    struct counted c;
};

#define UTO  0
#define TARR 1
#define IW   2
#define CC   3
static struct option_program oracle[] = {
    [UTO] = {.name = "uto", .kind = 28, .exid = -1, .in_syn = 2, .later = 2},
    [TARR] = {.name = "tarr", .kind = 254, .exid = 0x00ac, .in_syn = 0, .later = 1},
    [IW] = {.name = "iw-request", .kind = 254, .exid = 0xe8c2, .in_syn = 2, .later = 2},
    [CC] = {.name = "cc-request", .kind = 254, .exid = 0xe8c1, .in_syn = 1, .later = 1},
};
#define N_ORACLE (sizeof(oracle) / sizeof(oracle[0]))

#define KIND_MD5 19
#define KIND_AO  29

/* ---- what must be counted ---- */

/* RFC 9293, section 3.1, and RFC 6994, section 3. Returns the data of the one well-formed option
 * of the program (data and *len), NULL where there is none or none may be used. */
static inline const uint8_t *oracle_find(const struct option_program *p, const struct block *k,
                                         struct counted *c, int *len)
{
    const uint8_t *found = NULL;
    bool bad = false, twice = false;

    for (unsigned i = 0; i < k->n && k->b[i] != 0;) {
        unsigned kind = k->b[i], left = k->n - i, size;
        if (kind == 1) {
            i++;
            continue;
        }
        if (left < 2 || k->b[i + 1] < 2 || k->b[i + 1] > left) {
            bad |= (int)kind == p->kind;
            break;
        }
        size = k->b[i + 1];
        if (p->exid < 0) {
            if ((int)kind == p->kind) {
                twice |= found != NULL;
                found = k->b + i + 2;
                *len = (int)size - 2;
            }
        } else if (kind == 254 && size < 4) {
            bad = true;
        } else if (kind == 253 || (kind == 254 && (k->b[i + 2] << 8 | k->b[i + 3]) != p->exid)) {
            c->other++;
        } else if (kind == 254) {
            twice |= found != NULL;
            found = k->b + i + 4;
            *len = (int)size - 4;
        }
        if (twice)
            break;
        i += size;
    }
    c->malformed += bad;
    c->repeated += twice;
    return bad || twice ? NULL : found;
}

/* Does the kernel find an option it does not know (tcp_parse_options, saw_unknown), so that it
 * calls the programs for a segment after the handshake? */
static inline bool oracle_called(const struct block *k)
{
    static const uint8_t known[] = {2, 3, 4, 5, 8, KIND_MD5, KIND_AO, 34};

    for (unsigned i = 0; i < k->n && k->b[i] != 0;) {
        unsigned kind = k->b[i], left = k->n - i;
        if (kind == 1) {
            i++;
            continue;
        }
        if (left < 2 || k->b[i + 1] < 2 || k->b[i + 1] > left)
            return false;
        if (!memchr(known, (int)kind, sizeof(known)))
            return true;
        i += k->b[i + 1];
    }
    return false;
}

/*
 * A kernel that can do TCP-AO or TCP-MD5 looks for their signatures first (tcp_parse_auth_options)
 * and drops a segment whose option lengths do not add up, but only as long as a signature could
 * still follow: with at least so many bytes left. It also drops one with a signature that it does
 * not expect, and a broken option can make one of what follows it. What it is depends on the
 * kernel's configuration; the test finds out.
 */
static unsigned oracle_drops_from = 1000;

static inline bool oracle_dropped(const struct block *k)
{
    for (unsigned i = 0; i + oracle_drops_from <= k->n && k->b[i] != 0;) {
        if (k->b[i] == 1)
            i++;
        else if (k->b[i] == KIND_MD5 || k->b[i] == KIND_AO || k->b[i + 1] < 2 ||
                 k->b[i + 1] > k->n - i)
            return true;
        else
            i += k->b[i + 1];
    }
    return false;
}

/* A block that shows it: the first option of n bytes has no length. */
static inline void block_probe(struct block *k, unsigned n)
{
    memset(k, 0, sizeof(*k));
    k->n = n;
    k->b[0] = 200;
}

/* What the block on this segment does to program p: its data where it is accepted as an option
 * with the right length, and the counters. */
static inline const uint8_t *oracle_take(struct option_program *p, const struct block *k,
                                         enum where w)
{
    int len = 0;
    const uint8_t *data;

    if (w == IN_DATA && !oracle_called(k))
        return NULL;
    data = oracle_find(p, k, &p->c, &len);
    if (!data)
        return NULL;
    p->c.syn += w == IN_SYN;
    p->c.synack += w == IN_SYNACK;
    p->c.first += w == IN_ACK;
    p->c.data += w == IN_DATA;
    if (len != (w == IN_SYN || w == IN_SYNACK ? p->in_syn : p->later)) {
        p->c.malformed++;
        return NULL;
    }
    return data;
}

/* ---- what must be in effect ---- */

/* The programs' settings in the test: uto adv_uto_s=1 l_limit_s=1 u_limit_s=1000, iw-request
 * max_iw=20, cc-request allow=reno,cubic. */
#define ORACLE_U_LIMIT   1000
#define ORACLE_MAX_IW    20
#define ORACLE_KERNEL_IW 10

struct effect {
    unsigned uto_s;      /* TCP_USER_TIMEOUT, 0: not set */
    unsigned iw;         /* 0: the kernel's */
    unsigned cc;         /* id; 0: the default */
    bool iw_had, cc_had; /* a connection asks once */
};

static inline void oracle_block(const struct block *k, enum where w, bool passive, struct effect *f)
{
    for (unsigned i = 0; i < N_ORACLE; i++) {
        const uint8_t *d = oracle_take(&oracle[i], k, w);
        unsigned v = d && i != TARR ? (i == CC ? d[0] : (unsigned)(d[0] << 8 | d[1])) : 0;
        if (!d)
            continue;
        if (i == UTO && (v & 0x7fff)) {
            unsigned s = (v & 0x7fff) * (v & 0x8000 ? 60 : 1);
            f->uto_s = s > ORACLE_U_LIMIT ? ORACLE_U_LIMIT : s;
        } else if (i == IW && passive && !f->iw_had) {
            f->iw_had = true;
            f->iw = w != IN_DATA && v <= ORACLE_MAX_IW && v != ORACLE_KERNEL_IW ? v : 0;
        } else if (i == CC && passive && !f->cc_had) {
            f->cc_had = true;
            f->cc = w != IN_DATA && (v == 1 || v == 2) ? v : 0;
        }
    }
}

/* ---- listed blocks: each is sent once on each kind of segment ---- */

static const char *const listed[] = {
    /* good ones, so that it shows that they would have an effect */
    "1c04012c", "fe0400ac", "fe0500ac08", "fe06e8c20008", "fe05e8c101",
    /* too short, too long */
    "1c0301", "1c06012c0000", "fe0600ac0808", "fe05e8c208", "fe08e8c200080000", "fe04e8c1",
    "fe06e8c10101",
    /* length 0 and 1 */
    "1c00012c", "1c01012c", "fe0000ac08", "fe0100ac08", "fe00e8c20008", "fe01e8c20008",
    "fe00e8c101", "fe01e8c101",
    /* past the header; without a length at its end */
    "1c28012c", "fe2800ac08", "fe28e8c20008", "fe28e8c101", "0101011c", "010101fe",
    /* repeated, with another value and with the same */
    "1c04012c1c040258", "1c04012c1c04012c", "fe0500ac08fe0500ac10", "fe0400acfe0400ac",
    "fe06e8c20008fe06e8c20009", "fe06e8c20008fe06e8c20008", "fe05e8c101fe05e8c102",
    /* an ExID that nobody knows, no room for an ExID, our ExIDs under kind 253 */
    "fe04abcd", "fe03e8", "fe02", "fd0500ac08", "fd06e8c20008", "fd05e8c101",
    /* values: 0, the largest, reserved, over the policy, unknown */
    "1c040000", "1c048000", "1c04ffff", "fe0500acff", "fe0500ac01", "fe06e8c20000", "fe06e8c2ffff",
    "fe06e8c20015", "fe05e8c100", "fe05e8c1ff", "fe05e8c103", "fe05e8c121"};
#define N_LISTED (sizeof(listed) / sizeof(listed[0]))

static inline void block_listed(struct block *k, unsigned i)
{
    static const char digits[] = "0123456789abcdef";

    k->n = 0;
    for (const char *s = listed[i]; *s; s += 2)
        k->b[k->n++] =
            (uint8_t)((strchr(digits, s[0]) - digits) << 4 | (strchr(digits, s[1]) - digits));
    while (k->n % 4)
        k->b[k->n++] = 0;
}

/* ---- random blocks ---- */

static inline void put(struct block *k, const uint8_t *b, unsigned n)
{
    if (k->n + n > sizeof(k->b))
        n = (unsigned)sizeof(k->b) - k->n;
    memcpy(k->b + k->n, b, n);
    k->n += n;
}

static inline unsigned pick(struct rng *r, unsigned n)
{
    return (unsigned)rng_below(r, n);
}

/* One option: one of ours, or one that nobody knows, rightly made or with what a hostile peer could
 * do to it. */
static inline void put_random(struct rng *r, struct block *k)
{
    static const uint8_t plain[][4] = {{1}, {1, 1}, {2, 4, 5, 180}, {3, 3, 7}, {4, 2}, {0}};
    static const uint8_t plain_len[] = {1, 2, 4, 3, 2, 1};
    static const unsigned lengths[] = {0, 1, 2, 3, 4, 5, 6, 8, 40, 255};
    uint8_t o[16] = {0};
    unsigned what = pick(r, 10), n = 2;

    if (what < 3) {
        unsigned i = pick(r, what ? 3 : 6); /* seldom what ends the block */
        put(k, plain[i], plain_len[i]);
        return;
    }
    if (what == 3) {
        o[0] = (uint8_t)(70 + pick(r, 100));
        n = 2 + pick(r, 6);
    } else {
        const struct option_program *p = &oracle[pick(r, N_ORACLE)];
        o[0] = (uint8_t)p->kind;
        if (p->exid >= 0) {
            unsigned exid = pick(r, 12) ? (unsigned)p->exid : pick(r, 0xf000);
            o[0] = pick(r, 12) ? 254 : 253;
            o[2] = (uint8_t)(exid >> 8);
            o[3] = (uint8_t)exid;
            n = 4;
        }
        n += (unsigned)(pick(r, 2) ? p->in_syn : p->later);
    }
    for (unsigned i = o[0] >= 253 ? 4 : 2; i < n; i++)
        o[i] = (uint8_t)(pick(r, 3) ? pick(r, 24) : pick(r, 256));
    o[1] = (uint8_t)(pick(r, 6) ? n : lengths[pick(r, sizeof(lengths) / sizeof(*lengths))]);
    put(k, o, n);
}

static inline void block_random(struct rng *r, struct block *k)
{
    unsigned n = pick(r, 7);

    k->n = 0;
    while (n--)
        put_random(r, k);
    while (k->n % 4)
        k->b[k->n++] = 0;
}

#endif
