/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever bytes come, the decoder stays inside them and inside its own output. The first byte
 * chooses the link type, the second how much longer the packet was on the wire; the rest is the
 * packet. For libFuzzer: clang -g -fsanitize=fuzzer,address,undefined -Iharness -Ibpf
 * tests/fuzz/fuzz_decode.c harness/decode*.c. tests/unit/test_decode_fuzz.c runs it without.
 */
#include <pcap/dlt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

/* Prints, and checks the rules of snprintf with a buffer of just the length, and one that is short.
 */
static void print_option(const struct tcp_option *o)
{
    int n = tcp_option_print(NULL, 0, o);
    char *text = malloc((size_t)n + 1), short_text[8];

    must(text && n > 0 && tcp_option_print(text, (size_t)n + 1, o) == n);
    must(strlen(text) == (size_t)n);
    must(tcp_option_print(short_text, sizeof(short_text), o) == n);
    must(!strncmp(short_text, text, sizeof(short_text) - 1));
    free(text);
}

static void every_field(const struct tcp_option *o)
{
    const char *const *fields;
    const char *name = tcp_option_name(o), *known;
    char text[256];

    tcp_option_field(o, NULL, text, sizeof(text));
    for (unsigned i = 0; (known = tcp_option_known(i, &fields)); i++)
        for (; !strcmp(known, name) && *fields; fields++)
            must(tcp_option_field(o, *fields, text, sizeof(text)) <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int links[] = {DLT_EN10MB, DLT_RAW,        DLT_NULL,
                                DLT_LOOP,   DLT_LINUX_SLL2, DLT_LINUX_SLL};
    struct segment s;
    struct tcp_option_iter it;
    struct tcp_option o;
    size_t used = 0, n;
    char *line;

    if (size < 2)
        return 0;
    if (segment_parse(&s, links[data[0] % 6], data + 2, size - 2, size - 2 + data[1] * 64u))
        return 0;
    must(s.options_len + s.options_missing <= 40);
    must(!s.options_len || (s.options >= data && s.options + s.options_len <= data + size));
    tcp_option_begin(&it, &s);
    while (tcp_option_next(&it, &o)) {
        must(o.data + o.data_len <= s.options + s.options_len);
        must(used++ < 40);
        print_option(&o);
        every_field(&o);
    }
    n = (size_t)segment_print(NULL, 0, &s);
    line = malloc(n + 1);
    must(line && segment_print(line, n + 1, &s) == (int)n && strlen(line) == n);
    free(line);
    return 0;
}
