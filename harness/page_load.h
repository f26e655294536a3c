/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads pages like a browser with an empty cache does, on libcurl: HTTP/1.1 with persistent
 * connections, at most so many for each origin, each object fetched when it is known
 * (page_schedule.h). Nothing is kept from one page to the next, connections neither. Parsing and
 * scripts take no time here: what is measured is the network.
 */
#ifndef EXTCP_PAGE_LOAD_H
#define EXTCP_PAGE_LOAD_H

#include "page.h"

struct page_load_options {
    const char *address;  /* of the server, as text */
    unsigned port;        /* origin k listens on port + k */
    unsigned connections; /* to each origin at most (browsers: 6) */
    double time_limit_s;  /* of one page */
};

struct page_load_result {
    double load_s;        /* from the start of the navigation to the last byte of the last object */
    double document_s;    /* … of the first object */
    unsigned connections; /* that were opened */
    unsigned peak;        /* the most that were under way at once to one origin */
};

/*
 * Loads one page. An object that does not come with status 200 and exactly the bytes of the
 * manifest is an error that names it, and so is a connection that fails, or a page that is not
 * there within the time limit (EXIT_BROKE).
 */
int page_load(const struct page_set *set, unsigned page, const struct page_load_options *o,
              struct page_load_result *out, struct err *e);

#endif
