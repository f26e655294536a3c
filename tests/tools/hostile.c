/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile peers for the option framework, by the thousand, with an independent judge
 * (tests/lib/optoracle.h).
 *
 *   hostile client FROM TO PORT SEED COUNT   raw connections to a server whose programs are tested:
 *                                            listed, then random options on the SYN, the ACK and a
 *                                            data segment
 *   hostile server ADDRESS PORT SEED COUNT   the other way: on the SYN-ACK and a data segment
 *       print what the programs at the other end must have counted, "counter PROGRAM.NAME VALUE",
 *       and what each connection there must have in effect, "effect PORT uto S iw N cc ID"
 *   hostile accept ADDRESS PORT              the real sockets at the other end: print what the
 *   hostile connect ADDRESS PORT COUNT       kernel says is in effect, in the same words
 *
 * The raw ends need a kernel that does not answer with RST in their place (iptables).
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/optoracle.h"
#include "../lib/rawsegment.h"

#define PROBES      2
#define PROBE_MS    300
#define ANSWER_MS   5000 /* nothing is sent twice, so that everything is counted once */
#define FIRST_PORT  20000
#define PORTS       30000
#define CC_NAME_LEN 16

static void fail(const char *what, unsigned i)
{
    fprintf(stderr, "hostile: connection %u: %s\n", i, what);
    exit(1);
}

static void print_effect(unsigned port, const struct effect *f)
{
    printf("effect %u uto %u iw %u cc %u\n", port, f->uto_s, f->iw, f->cc);
}

static void print_counters(void)
{
    for (unsigned i = 0; i < N_ORACLE; i++) {
        const struct counted *c = &oracle[i].c;
        const struct {
            const char *name;
            uint64_t value;
        } rows[] = {{"received_syn", c->syn},     {"received_synack", c->synack},
                    {"received_first", c->first}, {"received_data", c->data},
                    {"malformed", c->malformed},  {"repeated", c->repeated},
                    {"other", c->other}};
        for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
            if (strcmp(rows[k].name, "other") || oracle[i].exid >= 0)
                printf("counter %s.%s %llu\n", oracle[i].name, rows[k].name,
                       (unsigned long long)rows[k].value);
    }
}

/* After our FIN or the peer's: until both are acknowledged. */
static void finish(struct raw_conn *c, bool we_first, unsigned i)
{
    struct raw_segment s;

    if (we_first) {
        raw_send(c, TH_ACK | TH_FIN, NULL, 0, "");
        c->seq++;
    }
    if (!raw_receive(c, TH_FIN | TH_ACK, ANSWER_MS, &s) || s.flags & TH_RST)
        fail("no FIN came", i);
    c->ack = s.seq + s.payload + 1;
    raw_send(c, we_first ? TH_ACK : TH_ACK | TH_FIN, NULL, 0, "");
}

/*
 * The segment of a handshake that has the first block of connection i, and the answer to it. The
 * first two connections find out what the kernel drops; what it is known to drop is sent all the
 * same, and then once more without options: it must have left no trace.
 */
static void handshake(struct raw_conn *c, uint8_t flags, struct block *k, uint8_t answer,
                      unsigned i, struct raw_segment *s)
{
    static const unsigned left[] = {8, 20}, from[] = {5, 18};
    bool probe = i < PROBES && oracle_drops_from == 1000;

    if (probe)
        block_probe(k, left[i]);
    raw_send(c, flags, k->b, k->n, "");
    if (probe && raw_receive(c, answer, PROBE_MS, s))
        return;
    if (probe)
        oracle_drops_from = from[i];
    if (oracle_dropped(k)) {
        k->n = 0;
        raw_send(c, flags, NULL, 0, "");
    }
    if (!raw_receive(c, answer, ANSWER_MS, s) || s->flags & TH_RST)
        fail("no answer to the handshake came", i);
}

static void send_block(struct raw_conn *c, uint8_t flags, struct block *k, const char *data)
{
    if (oracle_dropped(k)) {
        raw_send(c, flags, k->b, k->n, data);
        k->n = 0;
    }
    raw_send(c, flags, k->b, k->n, data);
}

/* The blocks of connection i: first each listed one on each kind of segment, then random ones. */
static void blocks(struct block *k, unsigned kinds, struct rng *r, unsigned i)
{
    for (unsigned s = 0; s < kinds; s++) {
        k[s].n = 0;
        if (i >= PROBES + kinds * N_LISTED)
            block_random(r, &k[s]);
        else if (i >= PROBES && (i - PROBES) % kinds == s)
            block_listed(&k[s], (i - PROBES) / kinds);
    }
}

static void one_client(struct raw_conn *c, struct rng *r, unsigned i)
{
    struct block k[3];
    struct effect f = {0};
    struct raw_segment s;

    blocks(k, 3, r, i);
    c->sport = (uint16_t)(FIRST_PORT + i % PORTS);
    c->seq = (uint32_t)rng_next(r);
    c->ack = 0;
    handshake(c, TH_SYN, &k[0], TH_SYN | TH_ACK, i, &s);
    c->seq++;
    c->ack = s.seq + 1;
    send_block(c, TH_ACK, &k[1], "");
    send_block(c, TH_ACK | TH_PUSH, &k[2], "x");
    do {
        if (!raw_receive(c, TH_ACK, ANSWER_MS, &s) || s.flags & TH_RST)
            fail("the data was not acknowledged", i);
    } while (s.ack != c->seq + 1);
    c->seq++;
    finish(c, true, i);
    oracle_block(&k[0], IN_SYN, true, &f);
    oracle_block(&k[1], IN_ACK, true, &f);
    oracle_block(&k[2], IN_DATA, true, &f);
    print_effect(c->sport, &f);
}

static void one_server(struct raw_conn *c, struct rng *r, unsigned i)
{
    struct block k[2];
    struct effect f = {0};
    struct raw_segment s;

    blocks(k, 2, r, i);
    c->dport = 0;
    do {
        if (!raw_receive(c, TH_SYN, ANSWER_MS, &s))
            fail("no SYN came", i);
    } while (s.flags & (TH_ACK | TH_RST));
    c->to.sin_addr = s.from;
    c->dport = s.sport;
    c->seq = (uint32_t)rng_next(r);
    c->ack = s.seq + 1;
    handshake(c, TH_SYN | TH_ACK, &k[0], TH_ACK, i, &s);
    c->seq++;
    send_block(c, TH_ACK | TH_PUSH, &k[1], "x");
    c->seq++;
    finish(c, false, i);
    if (!raw_receive(c, TH_ACK, ANSWER_MS, &s))
        fail("our FIN was not acknowledged", i);
    oracle_block(&k[0], IN_SYNACK, false, &f);
    oracle_block(&k[1], IN_DATA, false, &f);
    print_effect(c->dport, &f);
}

static int raw_end(bool client, char **argv)
{
    struct raw_conn c = {.fd = -1};
    unsigned k = client ? 5 : 4, count = (unsigned)atoi(argv[k + 1]);
    struct rng r;

    rng_seed(&r, strtoull(argv[k], NULL, 0));
    c.from.sin_family = c.to.sin_family = AF_INET;
    if (inet_pton(AF_INET, argv[2], &c.from.sin_addr) != 1 ||
        (client && inet_pton(AF_INET, argv[3], &c.to.sin_addr) != 1)) {
        fprintf(stderr, "hostile: accepted: IPv4 addresses\n");
        return 2;
    }
    if (client)
        c.dport = (uint16_t)atoi(argv[4]);
    else
        c.sport = (uint16_t)atoi(argv[3]);
    if (raw_open(&c)) {
        perror("hostile");
        return 1;
    }
    if (!client)
        fprintf(stderr, "ready\n");
    for (unsigned i = 0; i < count; i++)
        (client ? one_client : one_server)(&c, &r, i);
    print_counters();
    fprintf(stderr, "the kernel drops what does not add up with at least %u bytes left\n",
            oracle_drops_from);
    while (!client)
        pause(); /* a server runs until it is stopped */
    return 0;
}

/* ---- the real sockets ---- */

/* What the kernel has in effect on the socket, as the judge puts it. */
static struct effect in_effect(int fd, const char *default_cc)
{
    struct effect f = {0};
    char name[CC_NAME_LEN] = "";
    struct tcp_info ti;
    unsigned ms = 0;
    socklen_t len = sizeof(ms);

    getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len);
    f.uto_s = ms / 1000;
    len = sizeof(name);
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
    if (strcmp(name, default_cc))
        f.cc = !strcmp(name, "reno") ? 1 : !strcmp(name, "cubic") ? 2 : 99;
    len = sizeof(ti);
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len);
    f.iw = ti.tcpi_snd_cwnd == ORACLE_KERNEL_IW ? 0 : ti.tcpi_snd_cwnd;
    return f;
}

/* Reads the byte, says what is in effect, and closes; wait: until the peer has closed too. */
static void look_and_close(int fd, bool wait, unsigned port, const char *default_cc, unsigned i)
{
    struct effect f;
    char c;

    if (recv(fd, &c, 1, 0) != 1)
        fail("no data came", i);
    f = in_effect(fd, default_cc);
    print_effect(port, &f);
    if (wait && !shutdown(fd, SHUT_WR) && recv(fd, &c, 1, 0))
        fail("the peer does not close", i);
    close(fd);
}

static int accept_all(const struct sockaddr_in *a)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    char name[CC_NAME_LEN] = "";
    socklen_t len = sizeof(name);

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (const struct sockaddr *)a, sizeof(*a)) || listen(listener, 128)) {
        perror("hostile: listen");
        return 1;
    }
    getsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, name, &len);
    for (unsigned i = 0;; i++) {
        struct sockaddr_in peer;
        len = sizeof(peer);
        int fd = accept(listener, (struct sockaddr *)&peer, &len);
        if (fd < 0)
            fail(strerror(errno), i);
        look_and_close(fd, false, ntohs(peer.sin_port), name, i);
    }
}

static int connect_all(const struct sockaddr_in *a, unsigned count)
{
    char name[CC_NAME_LEN] = "";

    for (unsigned i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in me;
        socklen_t len = sizeof(name);
        if (!i)
            getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
        if (connect(fd, (const struct sockaddr *)a, sizeof(*a)))
            fail(strerror(errno), i);
        len = sizeof(me);
        getsockname(fd, (struct sockaddr *)&me, &len);
        look_and_close(fd, true, ntohs(me.sin_port), name, i);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    struct sockaddr_in a = {.sin_family = AF_INET};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strcmp(verb, "client") && argc == 7)
        return raw_end(true, argv);
    if (!strcmp(verb, "server") && argc == 6)
        return raw_end(false, argv);
    if ((argc == 4 || argc == 5) && inet_pton(AF_INET, argv[2], &a.sin_addr) == 1) {
        a.sin_port = htons((uint16_t)atoi(argv[3]));
        if (!strcmp(verb, "accept") && argc == 4)
            return accept_all(&a);
        if (!strcmp(verb, "connect") && argc == 5)
            return connect_all(&a, (unsigned)atoi(argv[4]));
    }
    fprintf(stderr, "usage: hostile client FROM TO PORT SEED COUNT | server ADDRESS PORT SEED COUNT"
                    " | accept ADDRESS PORT | connect ADDRESS PORT COUNT\n");
    return 2;
}
