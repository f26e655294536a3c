/* SPDX-License-Identifier: BSD-2-Clause */
#include "html.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "util.h"

/* Bytes of the UTF-8 sequence at s, 0 where it is none (RFC 3629, without its finer points: a
 * browser replaces those itself). */
static unsigned sequence(const unsigned char *s)
{
    unsigned n = *s < 0x80 ? 1 : *s >= 0xf0 && *s <= 0xf4 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 0;

    if (*s > 0xf4)
        return 0;
    for (unsigned i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

void html_text(FILE *f, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (s && *s) {
        unsigned n = sequence(s);

        if (!n || (*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f)
            fputc('?', f);
        else if (*s == '&')
            fputs("&amp;", f);
        else if (*s == '<')
            fputs("&lt;", f);
        else if (*s == '>')
            fputs("&gt;", f);
        else if (*s == '"')
            fputs("&quot;", f);
        else
            fwrite(s, 1, n, f);
        s += n ? n : 1;
    }
}

void html_printf(FILE *f, const char *fmt, ...)
{
    char *text;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    html_text(f, text);
    free(text);
}

/* RFC 4648 section 4. */
static void base64(FILE *f, const unsigned char *p, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0);

        fputc(digit[v >> 18], f);
        fputc(digit[v >> 12 & 63], f);
        fputc(i + 1 < n ? digit[v >> 6 & 63] : '=', f);
        fputc(i + 2 < n ? digit[v & 63] : '=', f);
    }
}

int html_svg(FILE *f, const char *path, const char *alt, struct err *e)
{
    char *data;
    size_t len;
    int rc = read_file(path, &data, &len, e);

    if (rc)
        return rc;
    fputs("<img src=\"data:image/svg+xml;base64,", f);
    base64(f, (unsigned char *)data, len);
    fputs("\" alt=\"", f);
    html_text(f, alt);
    fputs("\">\n", f);
    free(data);
    return 0;
}
