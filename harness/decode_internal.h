/* SPDX-License-Identifier: BSD-2-Clause */
/* Between decode*.c only: reading big-endian bytes, writing text fast, and the table of options. */
#ifndef EXTCP_DECODE_INTERNAL_H
#define EXTCP_DECODE_INTERNAL_H

#include <string.h>

#include "decode.h"

static inline uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

/* Text being written with the rules of snprintf: len counts what would be there, buf holds what
 * fits. printf itself is too slow for a line per packet. */
struct out {
    char *buf;
    size_t size;
    size_t len;
};

static inline void out_mem(struct out *w, const char *s, size_t n)
{
    if (w->len < w->size) {
        size_t room = w->size - w->len;
        memcpy(w->buf + w->len, s, n < room ? n : room);
    }
    w->len += n;
}

static inline void out_str(struct out *w, const char *s)
{
    out_mem(w, s, strlen(s));
}

static inline void out_chr(struct out *w, char c)
{
    out_mem(w, &c, 1);
}

void out_u64(struct out *w, uint64_t v);
/* "0x" and exactly `digits` digits. */
void out_hex(struct out *w, uint64_t v, unsigned digits);
/* "0x" and two digits a byte; "" for no bytes. */
void out_bytes(struct out *w, const uint8_t *p, size_t n);
/* family AF_INET or AF_INET6, in the form of inet_ntop. */
void out_addr(struct out *w, int family, const uint8_t *addr);
/* Ends the text with NUL, cutting it where it does not fit; returns what snprintf would. */
int out_end(struct out *w);

/* What is known about one option. All functions get options whose framing is right (length at least
 * 2 and inside the header); field and print only get those that check finds no fault with. */
struct option_type {
    const char *name;
    const char *const *fields; /* NULL at the end; kind, length and data are always there */
    bool has_value;            /* fields[0] is what a person means by "its value" */
    const char *(*check)(const struct tcp_option *o); /* NULL, or what is wrong */
    bool (*field)(const struct tcp_option *o, const char *field, struct out *w);
    void (*print)(const struct tcp_option *o, struct out *w);
};

#define OPTION_FIELDS(...) ((const char *const[]){__VA_ARGS__, "kind", "length", "data", NULL})
#define OPTION_NO_FIELDS   ((const char *const[]){"kind", "length", "data", NULL})

/* Never NULL: kinds nobody knows have a type of their own. */
const struct option_type *option_type_of(const struct tcp_option *o);
extern const struct option_type mptcp_types[16];

#endif
