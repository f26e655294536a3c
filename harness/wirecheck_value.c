/* SPDX-License-Identifier: BSD-2-Clause */
#include "wirecheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"
#include "wirecheck_internal.h"

/* A whole string that is a decimal number or one with 0x. */
static bool number(const char *s, uint64_t *out)
{
    size_t digits = 0;

    if (strncmp(s, "0x", 2) != 0)
        return !parse_u64(s, out);
    *out = 0;
    for (s += 2; *s; s++, digits++) {
        const char *hex = "0123456789abcdef", *at = strchr(hex, *s | 0x20);

        if (!at || digits == 16)
            return false;
        *out = *out << 4 | (uint64_t)(at - hex);
    }
    return digits > 0;
}

/* Appends to a list of words for a message. */
static void list_add(char *buf, size_t size, const char *word)
{
    size_t n = strlen(buf);

    snprintf(buf + n, size - n, "%s%s", n ? ", " : "", word);
}

/* "unknown-77": kinds without a name of their own can be asked for by number. */
static bool unknown_option(const char *name)
{
    struct tcp_option o = {0};
    uint64_t kind;

    if (strncmp(name, "unknown-", 8) != 0 || parse_u64(name + 8, &kind) || kind > 255)
        return false;
    o.kind = (uint8_t)kind;
    return !strcmp(tcp_option_name(&o), name);
}

/* The fields of a named option; NULL with a message that lists the names. */
static const char *const *option_fields(const struct wire_check *c, struct err *e)
{
    static const char *const unknown[] = {"data", "kind", "length", NULL};
    char names[1024] = "";
    const char *const *fields;
    const char *name;

    if (c->option) {
        for (unsigned i = 0; (name = tcp_option_known(i, &fields)); i++)
            if (!strcmp(name, c->option))
                return fields;
        if (unknown_option(c->option))
            return unknown;
    }
    for (unsigned i = 0; (name = tcp_option_known(i, NULL)); i++)
        list_add(names, sizeof(names), name);
    err_usage(e, -EINVAL,
              "wire check '%s': option: unknown option '%s'; accepted: %s, unknown-KIND", c->name,
              c->option ? c->option : "", names);
    return NULL;
}

/* Options that are only there or not there say nothing; the table puts what an option says first.
 */
static bool has_value(const struct wire_check *c, const char *const *fields)
{
    return strcmp(fields[0], "kind") != 0 && strcmp(c->option, "mptcp") != 0;
}

static int check_field(const struct wire_check *c, struct err *e)
{
    const char *const *fields = option_fields(c, e);
    char names[512] = "";

    if (!fields)
        return -EINVAL;
    if (!c->field && (!c->value || has_value(c, fields)))
        return 0;
    for (unsigned i = 0; fields[i]; i++) {
        if (c->field && !strcmp(fields[i], c->field))
            return 0;
        list_add(names, sizeof(names), fields[i]);
    }
    if (!c->field)
        return err_usage(e, -EINVAL,
                         "wire check '%s': value '%s': option %s has no value of its own; give a "
                         "field: %s",
                         c->name, c->value, c->option, names);
    return err_usage(e, -EINVAL,
                     "wire check '%s': field: option %s has no field '%s'; accepted: %s", c->name,
                     c->option, c->field, names);
}

static int plan_value(struct check_plan *p, struct err *e)
{
    const char *text = p->check->value, *dots;
    char low[32];

    if (!text)
        return 0;
    p->kind = VALUE_EQUAL;
    if (!strncmp(text, "!=", 2)) {
        p->kind = VALUE_NOT_EQUAL;
        text += 2;
    }
    dots = p->kind == VALUE_EQUAL ? strstr(text, "..") : NULL;
    p->text = text;
    if (dots) {
        snprintf(low, sizeof(low), "%.*s", (int)(dots - text), text);
        p->kind = VALUE_RANGE;
        p->numeric = dots - text < (int)sizeof(low) && number(low, &p->low) &&
                     number(dots + 2, &p->high) && p->low <= p->high;
    } else {
        p->numeric = number(text, &p->low);
        p->high = p->low;
    }
    if (!*text || (dots && !p->numeric))
        return err_usage(e, -EINVAL,
                         "wire check '%s': value: '%s' is not understood; accepted: a value (5), a "
                         "range of numbers (2..10), anything but a value (!=3)",
                         p->check->name, p->check->value);
    return 0;
}

static int plan_from(struct check_plan *p, struct err *e)
{
    int rc = p->check->from ? addr_list_parse(p->check->from, &p->from, &p->n_from, e) : 0;

    return rc ? err_prefix(e, "wire check '%s'", p->check->name) : 0;
}

int check_plan_make(struct check_plan *p, const struct wire_check *c, struct err *e)
{
    int rc;

    memset(p, 0, sizeof(*p));
    p->check = c;
    if (!c->name || !*c->name)
        return err_usage(e, -EINVAL, "wire check without a name");
    if ((unsigned)c->segments > WIRE_ANY)
        return err_usage(e, -EINVAL, "wire check '%s': segments: %d is unknown", c->name,
                         (int)c->segments);
    if (c->port > 65535)
        return err_usage(e, -EINVAL, "wire check '%s': port: %u; accepted: 1 to 65535, 0 for any",
                         c->name, c->port);
    rc = c->mptcp ? wire_mptcp_validate(c, e) : check_field(c, e);
    if (!rc)
        rc = plan_value(p, e);
    return rc ? rc : plan_from(p, e);
}

void check_plan_free(struct check_plan *p)
{
    free(p->from);
    p->from = NULL;
}

int wire_check_validate(const struct wire_check *c, struct err *e)
{
    struct check_plan p;
    int rc = check_plan_make(&p, c, e);

    check_plan_free(&p);
    return rc;
}

bool check_names_option(const struct check_plan *p, const struct tcp_option *o)
{
    if (!strcmp(p->check->option, "mptcp"))
        return o->kind == 30;
    return !strcmp(p->check->option, tcp_option_name(o));
}

/* As numbers where both are, as addresses where both are, else letter by letter. */
static bool same_text(const struct check_plan *p, const char *text)
{
    uint8_t a[16], b[16];
    uint64_t v;

    if (p->numeric && number(text, &v))
        return v == p->low;
    if (strchr(text, ':') && inet_pton(AF_INET6, text, a) == 1 &&
        inet_pton(AF_INET6, p->text, b) == 1)
        return !memcmp(a, b, sizeof(a));
    return !strcmp(p->text, text);
}

bool check_value(const struct check_plan *p, const struct tcp_option *o, char *text, size_t size)
{
    const struct wire_check *c = p->check;
    const char *field = c->field ? c->field : "value";
    char found[192];
    uint64_t v;

    if (!c->value && !c->field) {
        tcp_option_print(text, size, o);
        return c->absent || !o->malformed;
    }
    if (tcp_option_field(o, c->field, found, sizeof(found))) {
        if (o->malformed)
            snprintf(text, size, "%s malformed: %s", c->option, o->malformed);
        else
            snprintf(text, size, "%s without %s", c->option, field);
        return false;
    }
    snprintf(text, size, "%s", found);
    switch (p->kind) {
    case VALUE_NONE:
        return true;
    case VALUE_EQUAL:
        return same_text(p, found);
    case VALUE_NOT_EQUAL:
        return !same_text(p, found);
    case VALUE_RANGE:
        return number(found, &v) && v >= p->low && v <= p->high;
    }
    return false;
}

bool check_number(const struct check_plan *p, uint64_t v)
{
    bool inside = p->numeric && v >= p->low && v <= p->high;

    return p->kind == VALUE_NOT_EQUAL ? !inside : inside;
}

void check_expected(const struct wire_check *c, char *buf, size_t size)
{
    static const char *const which[] = {
        [WIRE_SYN] = "every SYN",
        [WIRE_SYNACK] = "every SYN-ACK",
        [WIRE_FIRST_DATA] = "the first data of each direction",
        [WIRE_FIRST_ACK] = "the first ack",
        [WIRE_ALL] = "every segment",
        [WIRE_ANY] = "at least one segment",
    };
    const char *value = c->value ? c->value : "";
    bool differs = !strncmp(value, "!=", 2), range = strstr(value, "..") != NULL;

    snprintf(buf, size, "%s%s%s%s%s%s on %s", c->absent ? "no " : "", c->option,
             c->field ? " " : "", c->field ? c->field : "",
             !c->value ? ""
             : differs ? " not "
             : range   ? " "
                       : " = ",
             differs ? value + 2 : value, which[c->segments]);
}
