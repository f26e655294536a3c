/* SPDX-License-Identifier: BSD-2-Clause */
#include "results.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

struct csv {
    FILE *f;
    char *path;
    int error; /* -errno of the first write that failed */
};

int csv_open(struct csv **out, const char *path, const char *header, struct err *e)
{
    FILE *f = fopen(path, "we");
    struct csv *c;

    if (!f)
        return err_broke(e, -errno, "%s: cannot write: %s", path, strerror(errno));
    c = xcalloc(1, sizeof(*c));
    c->f = f;
    c->path = xstrdup(path);
    *out = c;
    if (header)
        csv_row(c, "%s", header);
    return 0;
}

void csv_row(struct csv *c, const char *fmt, ...)
{
    size_t len = strlen(fmt);
    va_list ap;
    bool failed;

    flockfile(c->f);
    errno = 0;
    va_start(ap, fmt);
    failed = vfprintf(c->f, fmt, ap) < 0;
    va_end(ap);
    if (!failed && (!len || fmt[len - 1] != '\n'))
        failed = fputc('\n', c->f) == EOF;
    if (failed && !c->error)
        c->error = errno ? -errno : -EIO;
    funlockfile(c->f);
}

const char *csv_quote(char *buf, size_t size, const char *s)
{
    static const char cut[] = "[cut]";
    size_t need = 3, n = 0, end; /* two quotes and the NUL */
    bool fits;

    if (!s[strcspn(s, ",\"\r\n")])
        return s;
    if (size < sizeof(cut) + 2)
        return "\"[cut]\"";
    for (const char *p = s; *p; p++)
        need += *p == '"' ? 2 : 1;
    fits = need <= size;
    end = size - 2 - (fits ? 0 : sizeof(cut) - 1);
    buf[n++] = '"';
    for (; *s && n + (*s == '"') < end; s++) {
        if (*s == '"')
            buf[n++] = '"';
        buf[n++] = *s;
    }
    snprintf(buf + n, size - n, "%s\"", fits ? "" : cut);
    return buf;
}

const char *csv_number(char *buf, size_t size, double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, size, "%.*g", digits, value);
        if (strtod(buf, NULL) == value)
            break;
    }
    return buf;
}

int csv_close(struct csv *c, struct err *e)
{
    struct stat st;
    int rc;

    if (!c)
        return 0;
    if (fflush(c->f) == EOF && !c->error)
        c->error = -errno;
    if (!c->error && fstat(fileno(c->f), &st) == 0 && S_ISREG(st.st_mode) &&
        fsync(fileno(c->f)) < 0)
        c->error = -errno;
    if (fclose(c->f) == EOF && !c->error)
        c->error = -errno;
    rc = c->error;
    if (rc) {
        err_broke(e, rc, "%s: cannot write: %s", c->path, strerror(-rc));
        unlink_regular(c->path); /* nobody shall take a part for the whole */
    }
    free(c->path);
    free(c);
    return rc;
}

static int write_values(const struct results *r, bool pairs, const char *path, const char *header,
                        struct err *e)
{
    char experiment[512], variant[512], metric[512], unit[128], pair[512], number[CSV_NUMBER_SIZE];
    struct csv *c;
    int rc = csv_open(&c, path, header, e);

    if (rc)
        return rc;
    for (size_t i = 0; i < r->n_values; i++) {
        const struct value *v = &r->values[i];
        const struct metric *m = &r->metrics[v->metric];
        const char *which = pair;

        if ((m->pairs != NULL) != pairs)
            continue;
        if (pairs)
            which = csv_quote(pair, sizeof(pair), m->pairs[v->repetition - 1]);
        else
            snprintf(pair, sizeof(pair), "%u", v->repetition);
        csv_row(c, "%s,%s,%s,%s,%s,%s", csv_quote(experiment, sizeof(experiment), r->experiment),
                csv_quote(variant, sizeof(variant), r->variants[v->variant]), which,
                csv_quote(metric, sizeof(metric), m->name), csv_quote(unit, sizeof(unit), m->unit),
                csv_number(number, sizeof(number), v->value));
    }
    return csv_close(c, e);
}

int results_write_data_csv(const struct results *r, const char *path, struct err *e)
{
    return write_values(r, false, path, CSV_HEADER_DATA, e);
}

int results_write_pairs_csv(const struct results *r, const char *path, struct err *e)
{
    return write_values(r, true, path, CSV_HEADER_PAIRS, e);
}

/* Cuts the field at *p out of the text in place and steps behind it and its separator. Returns what
 * ended it: ',' or '\n' or '\0'; -1 where a quote is out of place. */
static int next_field(char **p, char **field, unsigned *line)
{
    char *in = *p, *out = *p;
    int end;

    *field = out;
    if (*in == '"') {
        for (in++; *in != '"' || in[1] == '"'; in++) {
            if (!*in)
                return -1;
            *line += *in == '\n';
            in += *in == '"';
            *out++ = *in;
        }
        in++;
    } else {
        while (*in && !strchr(",\r\n\"", *in))
            *out++ = *in++;
    }
    if (*in == '\r' && in[1] == '\n')
        in++;
    if (*in && *in != ',' && *in != '\n')
        return -1;
    end = *in;
    *out = '\0';
    *p = in + (end != '\0');
    return end;
}

int csv_read(const char *path, const char *header, csv_fn fn, void *arg, struct err *e)
{
    size_t len = strlen(header);
    unsigned columns = 1, line = 2;
    char *text, *p, **fields;
    int rc = read_file(path, &text, NULL, e);

    if (rc)
        return rc;
    for (const char *h = header; *h; h++)
        columns += *h == ',';
    p = text;
    if (!strncmp(text, header, len) && (!text[len] || strchr("\r\n", text[len])))
        p += len + strcspn(text + len, "\n");
    if (p == text) {
        rc = err_usage(e, -EINVAL, "%s:1: '%.*s' is not the header '%s'", path,
                       (int)strcspn(text, "\r\n"), text, header);
        free(text);
        return rc;
    }
    p += *p == '\n';
    fields = xcalloc(columns, sizeof(*fields));
    while (!rc && *p) {
        unsigned n = 0, first = line;
        char *spare;
        int end;

        do
            end = next_field(&p, n < columns ? &fields[n] : &spare, &line);
        while (n++, end == ',');
        if (end < 0)
            rc = err_usage(e, -EINVAL, "%s:%u: a double quote is out of place", path, first);
        else if (n != columns)
            rc = err_usage(e, -EINVAL, "%s:%u: %u fields, not the %u of '%s'", path, first, n,
                           columns, header);
        else
            rc = fn(fields, arg);
        line++;
    }
    free(fields);
    free(text);
    return rc;
}
