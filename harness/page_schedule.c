/* SPDX-License-Identifier: BSD-2-Clause */
#include "page_schedule.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

static const unsigned rank[PAGE_TYPES] = {[PAGE_HTML] = 0, [PAGE_CSS] = 0,   [PAGE_FONT] = 0,
                                          [PAGE_JS] = 1,   [PAGE_IMAGE] = 2, [PAGE_OTHER] = 2};

void page_schedule_init(struct page_schedule *s, const struct page *p, unsigned limit)
{
    memset(s, 0, sizeof(*s));
    s->page = p;
    s->limit = limit;
    s->state = xcalloc(p->n, sizeof(*s->state));
    s->state[0] = OBJECT_KNOWN;
}

void page_schedule_free(struct page_schedule *s)
{
    free(s->state);
    s->state = NULL;
}

int page_schedule_next(struct page_schedule *s)
{
    int best = -1;

    for (unsigned i = 0; i < s->page->n; i++) {
        const struct page_object *o = &s->page->objects[i];

        if (s->state[i] != OBJECT_KNOWN || s->under_way[o->origin] >= s->limit)
            continue;
        if (best < 0 || rank[o->type] < rank[s->page->objects[best].type])
            best = (int)i;
    }
    if (best >= 0) {
        s->state[best] = OBJECT_UNDER_WAY;
        s->under_way[s->page->objects[best].origin]++;
    }
    return best;
}

void page_schedule_done(struct page_schedule *s, unsigned object)
{
    if (object >= s->page->n || s->state[object] != OBJECT_UNDER_WAY)
        return;
    s->state[object] = OBJECT_DONE;
    s->under_way[s->page->objects[object].origin]--;
    s->n_done++;
    for (unsigned i = object + 1; i < s->page->n; i++)
        if (s->page->objects[i].parent == (int)object)
            s->state[i] = OBJECT_KNOWN;
}

bool page_schedule_finished(const struct page_schedule *s)
{
    return s->n_done == s->page->n;
}
