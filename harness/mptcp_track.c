/* SPDX-License-Identifier: BSD-2-Clause */
#include "mptcp_track.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "decode_internal.h"
#include "mptcp_key.h"
#include "util.h"

enum { KIND_MPTCP = 30, MP_CAPABLE = 0, MP_JOIN = 1 };

/* --- which connection and side a token belongs to --- */
struct token_entry {
    struct token_entry *next;
    uint32_t token;
    struct mptcp_connection *conn;
    unsigned side;
};
#define TOKEN_BUCKETS 4096u /* tokens are hashes already */
struct token_table {
    struct token_entry *buckets[TOKEN_BUCKETS];
};

static struct token_entry *token_find(const struct mptcp_track *t, uint32_t token)
{
    struct token_entry *e = t->tokens->buckets[token % TOKEN_BUCKETS];

    while (e && e->token != token)
        e = e->next;
    return e;
}

/* The newest connection first: a token may come again after its connection is gone. */
static void learn_key(struct mptcp_track *t, struct mptcp_connection *c, unsigned side,
                      uint64_t key)
{
    struct token_entry *e;
    uint32_t token = mptcp_token(key);

    if (c->has_key[side])
        return;
    c->has_key[side] = true;
    c->key[side] = key;
    c->token[side] = token;
    e = xcalloc(1, sizeof(*e));
    *e = (struct token_entry){t->tokens->buckets[token % TOKEN_BUCKETS], token, c, side};
    t->tokens->buckets[token % TOKEN_BUCKETS] = e;
}

void mptcp_track_init(struct mptcp_track *t)
{
    *t = (struct mptcp_track){0};
    conns_init(&t->subflows, sizeof(struct mptcp_subflow));
    t->tokens = xcalloc(1, sizeof(*t->tokens));
}

void mptcp_track_free(struct mptcp_track *t)
{
    for (size_t i = 0; i < t->n; i++) {
        for (struct mptcp_announcement *a = t->connections[i]->announcements, *next; a; a = next) {
            next = a->next;
            free(a);
        }
        free(t->connections[i]);
    }
    for (unsigned i = 0; t->tokens && i < TOKEN_BUCKETS; i++) {
        for (struct token_entry *e = t->tokens->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(t->tokens);
    free(t->connections);
    conns_free(&t->subflows);
    *t = (struct mptcp_track){0};
}

/* --- subflows and connections --- */
static void append(struct mptcp_connection *c, struct mptcp_subflow *s)
{
    s->conn = c;
    if (c->last_subflow)
        c->last_subflow->next = s;
    else
        c->subflows = s;
    c->last_subflow = s;
}

static struct mptcp_connection *new_connection(struct mptcp_track *t)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->connections = xrealloc(t->connections, t->cap * sizeof(*t->connections));
    }
    t->connections[t->n] = xcalloc(1, sizeof(**t->connections));
    return t->connections[t->n++];
}

static unsigned side_of(const struct mptcp_subflow *s, unsigned end)
{
    return end == s->opener ? s->side : !s->side;
}

/* MPTCP's option of that subtype in the segment; false where there is none, or a malformed one. */
static bool find_option(const struct segment *seg, unsigned subtype, struct tcp_option *o)
{
    struct tcp_option_iter it;

    tcp_option_begin(&it, seg);
    while (tcp_option_next(&it, o))
        if (o->kind == KIND_MPTCP && o->subtype == subtype && !o->malformed)
            return true;
    return false;
}

/* A SYN: a subflow begins, of a new connection or, with MP_JOIN, of the one that has the token. */
static void on_syn(struct mptcp_track *t, struct mptcp_subflow *s, const struct segment *seg,
                   unsigned sender, uint64_t t_ns, uint64_t index)
{
    struct tcp_option o;
    const struct token_entry *e;

    if (s->syn_ns) { /* sent again, or other things have used these ports before */
        if (s->isn == seg->seq && s->opener == sender)
            return;
        s = conns_renew(&t->subflows, s);
    }
    s->opener = sender;
    s->isn = seg->seq;
    s->syn_ns = t_ns;
    s->syn_index = index;
    s->join = find_option(seg, MP_JOIN, &o) && o.len == 12;
    if (!s->join) {
        append(new_connection(t), s);
        return;
    }
    s->address_id[0] = o.data[1];
    s->backup[0] = o.data[0] & 1;
    s->nonce[0] = get32(o.data + 6);
    e = token_find(t, get32(o.data + 2));
    if (!e)
        return;
    s->side = !e->side;
    append(e->conn, s);
    if (s->side == 0 && !e->conn->first_join_ns)
        e->conn->first_join_ns = t_ns;
}

static bool keys_known(const struct mptcp_subflow *s)
{
    return s->conn && s->conn->has_key[0] && s->conn->has_key[1];
}

static void check_synack(struct mptcp_subflow *s)
{
    uint8_t hmac[32];

    if (!keys_known(s)) {
        s->synack_hmac = HMAC_UNKNOWN;
        return;
    }
    mptcp_join_hmac(s->conn->key[!s->side], s->conn->key[s->side], s->nonce[1], s->nonce[0], hmac);
    s->synack_hmac = memcmp(hmac, s->synack_mac, sizeof(s->synack_mac)) ? HMAC_INVALID : HMAC_VALID;
}

static void on_synack(struct mptcp_track *t, struct mptcp_subflow *s, const struct segment *seg,
                      unsigned sender, uint64_t t_ns)
{
    struct tcp_option o;

    if (!s->syn_ns || sender == s->opener || s->synack_ns)
        return;
    s->synack_ns = t_ns;
    if (s->join && find_option(seg, MP_JOIN, &o) && o.len == 16) {
        s->address_id[1] = o.data[1];
        s->backup[1] = o.data[0] & 1;
        s->nonce[1] = get32(o.data + 10);
        memcpy(s->synack_mac, o.data + 2, sizeof(s->synack_mac));
        check_synack(s);
    } else if (!s->join && find_option(seg, MP_CAPABLE, &o) && o.len == 12) {
        s->conn->mptcp = true;
        learn_key(t, s->conn, 1, get64(o.data + 2));
    }
}

/* The opener's segments after the handshake: the ACK that completes it. */
static void on_opener(struct mptcp_track *t, struct mptcp_subflow *s, const struct segment *seg,
                      uint64_t t_ns)
{
    struct tcp_option o;
    uint8_t hmac[32];

    if (s->synack_ns && !s->ack_ns)
        s->ack_ns = t_ns;
    if (!s->join && s->conn->mptcp && find_option(seg, MP_CAPABLE, &o) && o.len >= 20) {
        learn_key(t, s->conn, 0, get64(o.data + 2));
        learn_key(t, s->conn, 1, get64(o.data + 10));
        if (!s->conn->capable_ack_ns)
            s->conn->capable_ack_ns = t_ns;
    }
    if (s->join && s->ack_hmac == HMAC_NONE && find_option(seg, MP_JOIN, &o) && o.len == 24) {
        if (!keys_known(s) || !s->synack_ns) {
            s->ack_hmac = HMAC_UNKNOWN;
            return;
        }
        mptcp_join_hmac(s->conn->key[s->side], s->conn->key[!s->side], s->nonce[0], s->nonce[1],
                        hmac);
        s->ack_hmac = memcmp(hmac, o.data + 2, 20) ? HMAC_INVALID : HMAC_VALID;
    }
}

/* --- addresses that are announced --- */
static bool same_address(const struct mptcp_add_addr *a, const struct mptcp_add_addr *b)
{
    return a->id == b->id && a->family == b->family && a->port == b->port &&
           !memcmp(a->addr, b->addr, a->family == AF_INET ? 4 : 16);
}

static void announce(struct mptcp_connection *c, unsigned side, const struct mptcp_add_addr *a,
                     uint64_t t_ns, uint64_t index)
{
    struct mptcp_announcement **at = &c->announcements, *n;
    uint64_t expected;

    for (; *at; at = &(*at)->next) {
        n = *at;
        if (!same_address(&n->what, a))
            continue;
        if (a->echo && n->side != side) {
            if (!n->echo_ns)
                n->echo_ns = t_ns;
            return;
        }
        if (!a->echo && n->side == side) {
            n->times++;
            return;
        }
    }
    if (a->echo)
        return; /* of one that the capture does not have */
    *at = n = xcalloc(1, sizeof(*n));
    *n = (struct mptcp_announcement){
        .what = *a, .side = side, .first_ns = t_ns, .index = index, .times = 1};
    if (!c->has_key[0] || !c->has_key[1]) {
        n->hmac = HMAC_UNKNOWN;
        return;
    }
    expected = mptcp_add_addr_hmac(c->key[side], c->key[!side], a->id, a->addr,
                                   a->family == AF_INET ? 4 : 16, a->port);
    n->hmac = expected == a->hmac ? HMAC_VALID : HMAC_INVALID;
}

/* --- data --- */
static void advance(struct mptcp_progress *p, uint64_t ack, uint64_t t_ns)
{
    int64_t step;

    if (!p->begun) {
        p->begun = true;
        p->last_ack = ack;
        p->first_ns = p->last_ns = t_ns;
        return;
    }
    /* The low 32 bits decide: a data ACK may have 4 bytes or 8, and no step is of 2 GB. */
    step = (int32_t)((uint32_t)ack - (uint32_t)p->last_ack);
    if (step <= 0)
        return;
    p->last_ack += (uint64_t)step;
    p->acked += (uint64_t)step;
    if (t_ns - p->last_ns > p->gap_ns) {
        p->gap_ns = t_ns - p->last_ns;
        p->gap_at_ns = p->last_ns;
    }
    p->last_ns = t_ns;
}

static void count_payload(struct mptcp_subflow *s, const struct segment *seg, unsigned sender)
{
    uint32_t end = seg->seq + seg->payload_len;
    int32_t fresh;

    if (!seg->payload_len)
        return;
    if (!s->has_seq[sender]) {
        s->has_seq[sender] = true;
        s->next_seq[sender] = seg->seq;
    }
    fresh = (int32_t)(end - s->next_seq[sender]);
    if (fresh <= 0)
        return;
    /* A hole that a later segment fills is counted with the jump over it. */
    s->payload[sender] += (uint32_t)fresh;
    s->next_seq[sender] = end;
}

static void on_options(struct mptcp_subflow *s, const struct segment *seg, unsigned sender,
                       uint64_t t_ns, uint64_t index)
{
    unsigned side = side_of(s, sender);
    struct tcp_option_iter it;
    struct mptcp_add_addr a;
    struct tcp_option o;
    struct mptcp_dss d;
    bool establishes = false;

    tcp_option_begin(&it, seg);
    while (tcp_option_next(&it, &o)) {
        if (mptcp_dss_read(&o, &d) && d.ack_len) {
            advance(&s->conn->progress[side], d.ack, t_ns);
            establishes = true;
        } else if (mptcp_add_addr_read(&o, &a)) {
            announce(s->conn, side, &a, t_ns, index);
            establishes |= !a.echo;
        }
        if (establishes && side == 1 && !s->conn->established_ns)
            s->conn->established_ns = t_ns;
    }
}

void mptcp_track_segment(struct mptcp_track *t, const struct segment *seg, uint64_t t_ns,
                         uint64_t index)
{
    unsigned sender;
    struct mptcp_subflow *s = conns_get(&t->subflows, seg, &sender);

    if (seg->flags & SEG_SYN) {
        if (seg->flags & SEG_ACK)
            on_synack(t, s, seg, sender, t_ns);
        else
            on_syn(t, s, seg, sender, t_ns, index);
        return;
    }
    if (!s->syn_ns || !s->conn) {
        count_payload(s, seg, sender);
        return; /* it was there before the capture, or its connection was */
    }
    if (seg->flags & SEG_RST && !s->reset_ns)
        s->reset_ns = t_ns;
    if (sender == s->opener && !(seg->flags & SEG_RST))
        on_opener(t, s, seg, t_ns);
    count_payload(s, seg, sender);
    if (s->conn->mptcp)
        on_options(s, seg, sender, t_ns, index);
    else if (seg->flags & SEG_ACK && !(seg->flags & SEG_RST))
        advance(&s->conn->progress[side_of(s, sender)], seg->ack, t_ns);
}

/* --- for those who look at it --- */
static unsigned end_of(const struct mptcp_subflow *s, unsigned side)
{
    return side == s->side ? s->opener : !s->opener;
}

const uint8_t *mptcp_subflow_addr(const struct mptcp_subflow *s, unsigned side)
{
    return s->id.addr[end_of(s, side)];
}

uint16_t mptcp_subflow_port(const struct mptcp_subflow *s, unsigned side)
{
    return s->id.port[end_of(s, side)];
}

bool mptcp_subflow_complete(const struct mptcp_subflow *s)
{
    return s->syn_ns && s->synack_ns && s->ack_ns;
}

const char *mptcp_subflow_print(const struct mptcp_subflow *s, char *buf, size_t size)
{
    char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
    unsigned a = s->opener, b = !s->opener;

    inet_ntop(s->id.family, s->id.addr[a], from, sizeof(from));
    inet_ntop(s->id.family, s->id.addr[b], to, sizeof(to));
    snprintf(buf, size, "%s:%u > %s:%u", from, s->id.port[a], to, s->id.port[b]);
    return buf;
}

const char *hmac_state_name(enum hmac_state s)
{
    static const char *const names[] = {[HMAC_NONE] = "not seen",
                                        [HMAC_UNKNOWN] = "cannot be computed: the keys were not "
                                                         "seen",
                                        [HMAC_VALID] = "valid",
                                        [HMAC_INVALID] = "invalid"};

    return names[s];
}
