/* SPDX-License-Identifier: BSD-2-Clause */
#include "connections.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "programs_embedded.h"
#include "util.h"

static const struct {
    const char *name, *outcome, *reason;
} decisions[] = {
#define X(n, o, r) [decided_##n] = {#n, o, r},
    EXTCP_DECISIONS(X)
#undef X
};

const char *decision_outcome(unsigned why)
{
    return why < ARRAY_SIZE(decisions) ? decisions[why].outcome : "unknown";
}

const char *decision_reason(unsigned why)
{
    return why < ARRAY_SIZE(decisions) ? decisions[why].reason : "";
}

const char *decision_name(unsigned why)
{
    return why < ARRAY_SIZE(decisions) ? decisions[why].name : "unknown";
}

void endpoint_text(const uint8_t *a, unsigned family, unsigned port, char *buf, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";
    bool mapped = family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)a);

    if (mapped) {
        a += 12;
        family = AF_INET;
    }
    inet_ntop(family == AF_INET6 ? AF_INET6 : AF_INET, a, text, sizeof(text));
    snprintf(buf, size, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

const char *tcp_state_name(unsigned state)
{
    static const char *const names[] = {
        [1] = "ESTABLISHED", [2] = "SYN-SENT",  [3] = "SYN-RECEIVED", [4] = "FIN-WAIT-1",
        [5] = "FIN-WAIT-2",  [6] = "TIME-WAIT", [7] = "CLOSED",       [8] = "CLOSE-WAIT",
        [9] = "LAST-ACK",    [10] = "LISTEN",   [11] = "CLOSING"};

    return state < ARRAY_SIZE(names) && names[state] ? names[state] : "?";
}

static const struct embedded_program *iterator(const char *name)
{
    const struct embedded_program *p = embedded_iterators;

    while (p->name && strcmp(p->name, name))
        p++;
    return p->name ? p : NULL;
}

static int read_all(int fd, connection_fn fn, void *arg, struct err *e)
{
    struct extcp_connection buf[64];
    size_t have = 0;

    for (;;) {
        ssize_t n = read(fd, (char *)buf + have, sizeof(buf) - have);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return err_broke(e, -errno, "the connections cannot be read: %s", strerror(errno));
        if (n == 0)
            return 0;
        have += (size_t)n;
        for (size_t i = 0; i < have / sizeof(buf[0]); i++)
            fn(&buf[i], arg);
        size_t rest = have % sizeof(buf[0]);
        memmove(buf, (char *)buf + have - rest, rest);
        have = rest;
    }
}

/* The iterator, loaded; NULL: no. The caller closes. */
static struct bpf_object *load(struct err *e)
{
    const struct embedded_program *p = iterator("connections");
    libbpf_print_fn_t said = libbpf_set_print(NULL); /* the error says it */
    struct bpf_object *obj = bpf_object__open_mem(p->object, (size_t)(p->end - p->object), NULL);

    if (!obj || bpf_object__load(obj)) {
        err_lacks(e, -errno,
                  "the connections cannot be listed: bpf_iter on socket storage: %s; it needs "
                  "kernel 5.9 with BTF",
                  strerror(errno));
        bpf_object__close(obj);
        obj = NULL;
    }
    libbpf_set_print(said);
    return obj;
}

int connections_probe(struct err *e)
{
    struct bpf_object *obj = load(e);

    bpf_object__close(obj);
    return obj ? 0 : e->code;
}

int connections_read(int map_fd, connection_fn fn, void *arg, struct err *e)
{
    union bpf_iter_link_info info = {.map.map_fd = (__u32)map_fd};
    DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info,
                        .link_info_len = sizeof(info));
    struct bpf_object *obj = load(e);
    libbpf_print_fn_t said = libbpf_set_print(NULL);
    struct bpf_link *link =
        obj ? bpf_program__attach_iter(bpf_object__next_program(obj, NULL), &opts) : NULL;
    int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -errno, rc;

    if (!obj)
        rc = e->code;
    else if (fd < 0)
        rc = err_broke(e, fd, "the connections cannot be listed: %s", strerror(-fd));
    else
        rc = read_all(fd, fn, arg, e);
    if (fd >= 0)
        close(fd);
    bpf_link__destroy(link);
    bpf_object__close(obj);
    libbpf_set_print(said);
    return rc;
}
