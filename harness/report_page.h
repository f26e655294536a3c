/* SPDX-License-Identifier: BSD-2-Clause */
/* The report: one HTML page that needs nothing but itself (no network, no script). */
#ifndef EXTCP_REPORT_PAGE_H
#define EXTCP_REPORT_PAGE_H

#include "rundir.h"

struct report_entry {
    const char *experiment;
    const struct rundir *run; /* NULL: there is none */
    const char *why;          /* then: why */
};

struct report_doc {
    const char *title;
    const char *intro;   /* a paragraph, NULL: none */
    const char *command; /* how to make all of it again, NULL: each run says it for itself */
    const struct report_entry *entries;
    unsigned n_entries;
};

/* What a run came to, in words: "reproduced", "not reproduced", "could not be measured here",
 * "interrupted"; for an experiment that is not the paper's "held" and "did not hold". Static. */
const char *report_verdict(const struct report_entry *en);

/* The page as text (the caller frees). The error names the file that cannot be read. */
int report_page(char **html, const struct report_doc *doc, struct err *e);

#endif
