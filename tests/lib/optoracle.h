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
    for (unsigned i = 0; i < k->n && k->b[i] != 0;) {
        unsigned kind = k->b[i], left = k->n - i;
        if (kind == 1) {
            i++;
            continue;
        }
        if (left < 2 || k->b[i + 1] < 2 || k->b[i + 1] > left)
            return false;
        if (kind != 2 && kind != 3 && kind != 4)
            return true;
        i += k->b[i + 1];
    }
    return false;
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
