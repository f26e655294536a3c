/* SPDX-License-Identifier: BSD-2-Clause */
/* Between wirecheck.c (segments, connections, verdict) and wirecheck_value.c (options, values). */
#ifndef EXTCP_WIRECHECK_INTERNAL_H
#define EXTCP_WIRECHECK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture_connections.h"
#include "decode.h"
#include "mptcp_track.h"
#include "wirecheck.h"

enum value_kind { VALUE_NONE, VALUE_EQUAL, VALUE_NOT_EQUAL, VALUE_RANGE };

/* A check, read: what is text in it is parsed once and not for every segment. */
struct check_plan {
    const struct wire_check *check;
    struct net_addr *from;
    unsigned n_from;
    enum value_kind kind;
    const char *text; /* the value without "!=" */
    bool numeric;
    uint64_t low, high; /* numeric; the same unless it is a range */
};

/* -EINVAL with a message that says what is accepted. Free it in either case. */
int check_plan_make(struct check_plan *p, const struct wire_check *c, struct err *e);
void check_plan_free(struct check_plan *p);

/* Is this the option that the check is about? "mptcp" is any subtype. */
bool check_names_option(const struct check_plan *p, const struct tcp_option *o);
/* Does it have the value, or, without one, is it there and well formed? With "absent" a malformed
 * one counts as there as well. text: what it says, in words. */
bool check_value(const struct check_plan *p, const struct tcp_option *o, char *text, size_t size);
/* Is the number what the check's value asks for? */
bool check_number(const struct check_plan *p, uint64_t v);
/* Checks with `mptcp` (wirecheck_mptcp.c). */
int wire_mptcp_validate(const struct wire_check *c, struct err *e);
void wire_mptcp_expected(const struct wire_check *c, char *buf, size_t size);
void wire_mptcp_judge(const struct mptcp_track *t, const struct check_plan *p,
                      struct wire_result *r);
/* The check in words. */
void check_expected(const struct wire_check *c, char *buf, size_t size);

#endif
