/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which object of a page a client fetches next: those that are known (page.h), at most so many at
 * a time from each origin, what the page needs to be laid out first: documents, stylesheets and
 * fonts, then scripts, then the rest; of the same rank, in the page's order. Pure.
 */
#ifndef EXTCP_PAGE_SCHEDULE_H
#define EXTCP_PAGE_SCHEDULE_H

#include "page.h"

struct page_schedule {
    const struct page *page;
    unsigned limit; /* objects under way for each origin */
    enum { OBJECT_UNKNOWN, OBJECT_KNOWN, OBJECT_UNDER_WAY, OBJECT_DONE } * state;
    unsigned under_way[PAGE_MAX_ORIGINS];
    unsigned n_done;
};

/* The page must outlive it. limit: at least 1. */
void page_schedule_init(struct page_schedule *s, const struct page *p, unsigned limit);
void page_schedule_free(struct page_schedule *s);
/* The object to fetch now, which is then under way; -1: none can be, until one is done. */
int page_schedule_next(struct page_schedule *s);
/* An object that was under way has been received whole: what it names is known. */
void page_schedule_done(struct page_schedule *s, unsigned object);
bool page_schedule_finished(const struct page_schedule *s);

#endif
