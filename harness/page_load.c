/* SPDX-License-Identifier: BSD-2-Clause */
#include "page_load.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "page_schedule.h"
#include "util.h"

/* One object under way; libcurl's handle of it points here. */
struct fetch {
    struct load *load;
    unsigned object;
    CURL *easy;
    uint64_t bytes;
    char why[CURL_ERROR_SIZE];
    char url[128];
};

struct load {
    const struct page_set *set;
    unsigned page;
    const struct page_load_options *o;
    struct page_schedule schedule;
    struct page_load_result *out;
    CURLM *multi;
    struct fetch *fetches; /* by object */
    uint64_t start_ns;
};

static const struct page_object *object_of(const struct fetch *f)
{
    return &f->load->set->pages[f->load->page].objects[f->object];
}

/* A body longer than it should be is cut off here, so that a wrong server cannot keep us busy. */
static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;

    (void)data;
    f->bytes += size * n;
    return f->bytes > object_of(f)->size ? 0 : size * n;
}

static double since(const struct load *l)
{
    return (double)(now_mono_ns() - l->start_ns) / 1e9;
}

static int no_memory(struct err *e)
{
    return err_broke(e, -ENOMEM, "libcurl: out of memory");
}

static int start_fetch(struct load *l, unsigned object, struct err *e)
{
    struct fetch *f = &l->fetches[object];
    unsigned origin = l->set->pages[l->page].objects[object].origin;
    bool v6 = strchr(l->o->address, ':');
    char path[PAGE_PATH_SIZE];

    f->load = l;
    f->object = object;
    snprintf(f->url, sizeof(f->url), "http://%s%s%s:%u%s", v6 ? "[" : "", l->o->address,
             v6 ? "]" : "", l->o->port + origin, page_path(path, l->set, l->page, object));
    f->easy = curl_easy_init();
    if (!f->easy || curl_easy_setopt(f->easy, CURLOPT_URL, f->url) ||
        curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f) ||
        curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->why) ||
        curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body) ||
        curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f) ||
        curl_easy_setopt(f->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
        curl_easy_setopt(f->easy, CURLOPT_BUFFERSIZE, 256 * 1024L) ||
        curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L) ||
        curl_easy_setopt(f->easy, CURLOPT_NOPROXY, "*") ||
        curl_easy_setopt(f->easy, CURLOPT_USERAGENT, "extcp") ||
        curl_multi_add_handle(l->multi, f->easy))
        return no_memory(e);
    return 0;
}

static int start_what_can(struct load *l, struct err *e)
{
    int object, rc = 0;

    while (!rc && (object = page_schedule_next(&l->schedule)) >= 0) {
        unsigned under_way = l->schedule.under_way[l->set->pages[l->page].objects[object].origin];

        if (under_way > l->out->peak)
            l->out->peak = under_way;
        rc = start_fetch(l, (unsigned)object, e);
    }
    return rc;
}

/* Status and bytes must be those of the manifest. */
static int check_fetch(const struct fetch *f, CURLcode result, struct err *e)
{
    unsigned long long size = object_of(f)->size, bytes = f->bytes;
    long status = 0;

    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status && status != 200)
        return err_broke(e, -EPROTO, "page %u: %s: status %ld; expected: 200", f->load->page,
                         f->url, status);
    if (bytes > size)
        return err_broke(e, -EPROTO, "page %u: %s: more than the %llu bytes of the manifest",
                         f->load->page, f->url, size);
    if (result)
        return err_broke(e, -EIO, "page %u: %s: %s (%llu of %llu bytes were received)",
                         f->load->page, f->url, *f->why ? f->why : curl_easy_strerror(result),
                         bytes, size);
    if (bytes != size)
        return err_broke(e, -EPROTO, "page %u: %s: %llu bytes; expected: %llu, as in the manifest",
                         f->load->page, f->url, bytes, size);
    return 0;
}

static void end_fetch(struct load *l, struct fetch *f)
{
    if (!f->easy)
        return;
    curl_multi_remove_handle(l->multi, f->easy);
    curl_easy_cleanup(f->easy);
    f->easy = NULL;
}

static int take_finished(struct load *l, struct err *e)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(l->multi, &left))) {
        CURLcode result = m->data.result;
        struct fetch *f = NULL;
        long opened = 0;
        int rc;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f);
        rc = check_fetch(f, result, e);
        if (rc)
            return rc;
        curl_easy_getinfo(f->easy, CURLINFO_NUM_CONNECTS, &opened);
        l->out->connections += (unsigned)opened;
        l->out->load_s = since(l);
        if (!f->object)
            l->out->document_s = l->out->load_s;
        page_schedule_done(&l->schedule, f->object);
        end_fetch(l, f);
    }
    return 0;
}

static int run(struct load *l, struct err *e)
{
    while (!page_schedule_finished(&l->schedule)) {
        double left_s = l->o->time_limit_s - since(l);
        unsigned done = l->schedule.n_done;
        int running, rc = start_what_can(l, e);
        CURLMcode mc;

        if (rc)
            return rc;
        if (left_s <= 0)
            return err_broke(e, -ETIMEDOUT,
                             "page %u: %u of %u objects were received within the time limit of "
                             "%g s",
                             l->page, l->schedule.n_done, l->schedule.page->n, l->o->time_limit_s);
        mc = curl_multi_perform(l->multi, &running);
        if (mc)
            return err_broke(e, -EIO, "libcurl: %s", curl_multi_strerror(mc));
        rc = take_finished(l, e);
        if (rc)
            return rc;
        if (l->schedule.n_done == done) /* nothing new is known: wait */
            curl_multi_poll(l->multi, NULL, 0, (int)(left_s * 1000) + 1, NULL);
    }
    return 0;
}

int page_load(const struct page_set *set, unsigned page, const struct page_load_options *o,
              struct page_load_result *out, struct err *e)
{
    struct load l = {.set = set, .page = page, .o = o, .out = out};
    unsigned n = set->pages[page].n;
    int rc = 0;

    memset(out, 0, sizeof(*out));
    page_schedule_init(&l.schedule, &set->pages[page], o->connections);
    l.fetches = xcalloc(n, sizeof(*l.fetches));
    l.multi = curl_multi_init();
    if (!l.multi ||
        curl_multi_setopt(l.multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)o->connections) ||
        curl_multi_setopt(l.multi, CURLMOPT_MAXCONNECTS, (long)(o->connections * set->n_origins)))
        rc = no_memory(e);
    l.start_ns = now_mono_ns();
    if (!rc)
        rc = run(&l, e);
    for (unsigned i = 0; i < n; i++)
        end_fetch(&l, &l.fetches[i]);
    curl_multi_cleanup(l.multi);
    free(l.fetches);
    page_schedule_free(&l.schedule);
    return rc;
}
