/* SPDX-License-Identifier: BSD-2-Clause */
/* Options and segments in words. */
#include "decode.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "decode_internal.h"
#include "util.h"

void out_u64(struct out *w, uint64_t v)
{
    char digits[20];
    unsigned i = sizeof(digits);

    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    out_mem(w, digits + i, sizeof(digits) - i);
}

static const char hex_digits[] = "0123456789abcdef";

void out_hex(struct out *w, uint64_t v, unsigned digits)
{
    char text[2 + 16] = "0x";

    for (unsigned i = 0; i < digits; i++)
        text[2 + i] = hex_digits[v >> 4 * (digits - 1 - i) & 15];
    out_mem(w, text, 2 + digits);
}

void out_bytes(struct out *w, const uint8_t *p, size_t n)
{
    if (!n)
        return;
    out_str(w, "0x");
    for (size_t i = 0; i < n; i++) {
        char two[2] = {hex_digits[p[i] >> 4], hex_digits[p[i] & 15]};
        out_mem(w, two, 2);
    }
}

void out_addr(struct out *w, int family, const uint8_t *addr)
{
    char text[INET6_ADDRSTRLEN];

    if (family == AF_INET) {
        for (unsigned i = 0; i < 4; i++) {
            if (i)
                out_chr(w, '.');
            out_u64(w, addr[i]);
        }
        return;
    }
    inet_ntop(AF_INET6, addr, text, sizeof(text));
    out_str(w, text);
}

int out_end(struct out *w)
{
    if (w->size)
        w->buf[w->len < w->size ? w->len : w->size - 1] = '\0';
    return (int)w->len;
}

static void option_print(struct out *w, const struct tcp_option *o)
{
    if (!o->malformed) {
        option_type_of(o)->print(o, w);
        return;
    }
    out_str(w, tcp_option_name(o));
    out_str(w, " malformed (kind ");
    out_u64(w, o->kind);
    out_str(w, ", length ");
    out_u64(w, o->len);
    out_str(w, ": ");
    out_str(w, o->malformed);
    out_chr(w, ')');
    if (o->data_len) {
        out_str(w, " data ");
        out_bytes(w, o->data, o->data_len);
    }
}

int tcp_option_print(char *buf, size_t size, const struct tcp_option *o)
{
    struct out w = {buf, size, 0};

    option_print(&w, o);
    return out_end(&w);
}

static void endpoint_print(struct out *w, int family, const uint8_t *addr, uint16_t port)
{
    if (family == AF_INET6)
        out_chr(w, '[');
    out_addr(w, family, addr);
    if (family == AF_INET6)
        out_chr(w, ']');
    out_chr(w, ':');
    out_u64(w, port);
}

static void flags_print(struct out *w, uint16_t flags)
{
    static const struct {
        uint16_t flag;
        const char *name;
    } names[] = {
        {SEG_SYN, " SYN"}, {SEG_FIN, " FIN"}, {SEG_RST, " RST"},
        {SEG_PSH, " PSH"}, {SEG_URG, " URG"}, {SEG_ECE, " ECE"},
        {SEG_CWR, " CWR"}, {SEG_AE, " AE"},   {SEG_ACK, " ACK"},
    };

    if (!flags)
        out_str(w, " no flags");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (flags & names[i].flag)
            out_str(w, names[i].name);
}

static void options_print(struct out *w, const struct segment *s)
{
    struct tcp_option_iter it;
    struct tcp_option o;
    const char *before = " <";

    tcp_option_begin(&it, s);
    while (tcp_option_next(&it, &o)) {
        out_str(w, before);
        option_print(w, &o);
        before = ", ";
    }
    if (s->options_missing) {
        out_str(w, before);
        out_u64(w, s->options_missing);
        out_str(w, " bytes not captured");
    }
    if (s->options_len || s->options_missing)
        out_chr(w, '>');
}

int segment_print(char *buf, size_t size, const struct segment *s)
{
    struct out w = {buf, size, 0};

    endpoint_print(&w, s->family, s->src, s->sport);
    out_str(&w, " > ");
    endpoint_print(&w, s->family, s->dst, s->dport);
    flags_print(&w, s->flags);
    out_str(&w, " seq ");
    out_u64(&w, s->seq);
    if (s->flags & SEG_ACK) {
        out_str(&w, " ack ");
        out_u64(&w, s->ack);
    }
    out_str(&w, " win ");
    out_u64(&w, s->window);
    out_str(&w, " len ");
    out_u64(&w, s->payload_len);
    options_print(&w, s);
    return out_end(&w);
}
