/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Web pages for the page-load workload: made from a seed, written to disk for a web server and to a
 * manifest that says what a client must fetch, in which order, and how many bytes it must get.
 *
 * A page is a tree: an object is known to the client when the object that names it (its parent) has
 * been received whole. Objects are spread over origins; origin 0 is the page's own.
 */
#ifndef EXTCP_PAGE_H
#define EXTCP_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum page_type { PAGE_HTML, PAGE_CSS, PAGE_JS, PAGE_FONT, PAGE_IMAGE, PAGE_OTHER, PAGE_TYPES };

#define PAGE_MAX_OBJECTS 1000
#define PAGE_MAX_SIZE    (16u << 20) /* bytes of one object */
#define PAGE_MAX_PAGES   1000
#define PAGE_MAX_ORIGINS 64

struct page_object {
    enum page_type type;
    unsigned origin;
    int parent;    /* index of the object that names it, always smaller; -1 for the first */
    uint64_t size; /* bytes of the body */
};

struct page {
    struct page_object *objects; /* the first is the document */
    unsigned n;
};

struct page_set {
    uint64_t seed;
    unsigned n_origins;
    struct page *pages;
    unsigned n;
};

/*
 * Makes n pages. The same seed, number of origins and index give the same page, however many there
 * are. The distributions are those of the HTTP Archive (page_model.c says which, with the source).
 * The caller frees with page_set_free (NULL is not fine, an empty one is).
 */
void page_set_make(struct page_set *set, uint64_t seed, unsigned n, unsigned n_origins);
void page_set_free(struct page_set *set);

/* What a page is made of. */
struct page_facts {
    unsigned objects, origins;
    unsigned depth; /* objects on the longest chain, the document included */
    uint64_t bytes;
    unsigned type_objects[PAGE_TYPES];
    uint64_t type_bytes[PAGE_TYPES];
};
void page_facts(const struct page *p, struct page_facts *out);

const char *page_type_name(enum page_type t); /* "html", "css", "js", "font", "image", "other" */

/* "/12/3.css": the path of object `object` of page `page` (both from 0) in a URL and under the web
 * server's root. */
#define PAGE_PATH_SIZE 48
const char *page_path(char *buf, const struct page_set *set, unsigned page, unsigned object);

/*
 * Writes DIR/www/ with a file for each object (sparse: its bytes are zeros) and then
 * DIR/manifest.json. Both must not be there yet; what was written is removed on an error.
 */
int page_set_write(const struct page_set *set, const char *dir, struct err *e);
/* Reads a manifest. Errors (EXIT_USAGE) name the file, the place in it, the value and what is
 * accepted. */
int page_set_read(struct page_set *set, const char *path, struct err *e);

#endif
