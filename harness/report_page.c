/* SPDX-License-Identifier: BSD-2-Clause */
#include "report_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "html.h"
#include "report_json.h"
#include "util.h"

/* Narrow screens, wide ones and paper; light and dark; nothing moves, nothing needs a colour to be
 * understood. Figures are drawn on white, so they keep a white card. */
static const char style[] =
    ":root{color-scheme:light dark;--fg:#1b1f24;--soft:#57606a;--bg:#fff;--card:#f6f8fa;--line:"
    "#d0d7de;--link:#0550ae;--good:#116329;--bad:#a40e26;--none:#57606a}\n"
    "@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--soft:#9da7b3;--bg:#0d1117;--card:"
    "#161b22;--line:#3d444d;--link:#79c0ff;--good:#56d364;--bad:#ff7b72;--none:#9da7b3}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--fg);font:1rem/1.55 system-ui,sans-serif}\n"
    "main,header,footer{max-width:62rem;margin:0 auto;padding:0 1rem}\n"
    "h1{font-size:1.7rem;line-height:1.25;margin:1.5rem 0 .5rem}\n"
    "h2{font-size:1.35rem;line-height:1.3;margin:3rem 0 .5rem;padding-top:1rem;border-top:1px "
    "solid "
    "var(--line)}\n"
    "h3{font-size:1.05rem;margin:1.6rem 0 .4rem}\n"
    "p{max-width:46rem}\na{color:var(--link)}\n"
    "a:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px}\n"
    ".skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--bg);"
    "padding:.4rem .8rem;z-index:1}\n"
    ".soft{color:var(--soft)}\n"
    ".verdict{font-weight:600}.good{color:var(--good)}.bad{color:var(--bad)}.none{color:var(--none)"
    "}"
    "\n"
    ".scroll{overflow-x:auto;margin:.6rem 0}\n"
    "table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}\n"
    ".note{color:var(--soft);font-size:.92rem;margin:.2rem 0}th[scope=row]{white-space:nowrap}"
    "td.words{min-width:13rem}\n"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .7rem;border-bottom:1px solid "
    "var(--line)}\n"
    "thead th{border-bottom-width:2px}td.num,th.num{text-align:right;white-space:nowrap}\n"
    "td small{color:var(--soft);white-space:nowrap}\n"
    "code,pre{font:.88rem/1.5 ui-monospace,monospace}code{overflow-wrap:anywhere}\n"
    "pre{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.6rem "
    ".8rem;overflow-x:auto;white-space:pre-wrap}\n"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:"
    "1rem;margin:.6rem 0}\n"
    "figure{margin:0;background:#fff;border:1px solid "
    "var(--line);border-radius:.4rem;padding:.5rem;"
    "color:#1b1f24}\n"
    "figure img{display:block;width:100%;height:auto}\n"
    "figure{max-width:36rem}figcaption{font-size:.9rem;padding-top:.3rem}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.6rem 0}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    "ul.claims{list-style:none;padding:0}ul.claims li{margin:.7rem 0}ul.claims li>div{margin-left:"
    "1rem}\n"
    "footer{margin-top:3rem;padding-bottom:2rem}\n"
    "@media(max-width:40rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}\n"
    "@media print{:root{--fg:#000;--soft:#444;--bg:#fff;--card:#fff;--line:#999;--link:#000;--good:"
    "#000;--bad:#000;--none:#000}body{font-size:10pt}.skip,nav{display:none}h2{break-before:page}"
    "figure,tr,li{break-inside:avoid}.scroll{overflow:visible}}\n";

static const char *text_of(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));

    return s ? s : "";
}

static bool is_papers(const struct report_entry *en)
{
    return en->run && *rundir_text(en->run, "paper");
}

enum outcome { HELD, FAILED, NOT_MEASURED, INTERRUPTED };

static enum outcome outcome(const struct report_entry *en)
{
    const char *s = en->run ? rundir_text(en->run, "status") : "";

    return !strcmp(s, "pass")          ? HELD
           : !strcmp(s, "fail")        ? FAILED
           : !strcmp(s, "interrupted") ? INTERRUPTED
                                       : NOT_MEASURED;
}

const char *report_verdict(const struct report_entry *en)
{
    switch (outcome(en)) {
    case HELD:
        return is_papers(en) ? "reproduced" : "held";
    case FAILED:
        return is_papers(en) ? "not reproduced" : "did not hold";
    case INTERRUPTED:
        return "interrupted";
    default:
        return "could not be measured here";
    }
}

/* The verdict with a sign and a colour: none of the three alone has to carry it. */
static void put_verdict(FILE *f, enum outcome o, const char *words)
{
    static const struct {
        const char *class, *sign;
    } look[] = {[HELD] = {"good", "✓"},
                [FAILED] = {"bad", "✗"},
                [NOT_MEASURED] = {"none", "–"},
                [INTERRUPTED] = {"none", "–"}};

    fprintf(f, "<span class=\"verdict %s\"><span aria-hidden=\"true\">%s</span> ", look[o].class,
            look[o].sign);
    html_text(f, words);
    fputs("</span>", f);
}

/* "3 of 4": how many of the things that were judged held. */
static void put_share(FILE *f, json_int_t good, json_int_t all)
{
    if (all)
        fprintf(f, "%lld of %lld", (long long)good, (long long)all);
    else
        fputs("none", f);
}

static void count_claims(const struct rundir *d, json_int_t *held, json_int_t *judged)
{
    json_t *c;
    size_t i;

    *held = *judged = 0;
    json_array_foreach (json_object_get(d->json, "claims"), i, c) {
        const json_t *h = json_object_get(c, "held");
        *judged += json_is_boolean(h);
        *held += json_is_true(h);
    }
}

/* A table under the heading `id`, with a note; it scrolls by itself where the screen is narrow. The
 * first cells of its head; the caller goes on with it and closes it. */
static void open_table(FILE *f, const char *id, const char *note, const char *const *columns)
{
    fputs("<p class=\"note\">", f);
    html_text(f, note);
    fputs("</p>\n<div class=\"scroll\" role=\"region\" aria-labelledby=\"", f);
    html_text(f, id);
    fputs("\" tabindex=\"0\"><table>\n<thead><tr>", f);
    for (; *columns; columns++) {
        fputs("<th scope=\"col\">", f);
        html_text(f, *columns);
        fputs("</th>", f);
    }
}

static void heading(FILE *f, const char *id, const char *text)
{
    fputs("<h3 id=\"", f);
    html_text(f, id);
    fputs("\">", f);
    html_text(f, text);
    fputs("</h3>\n", f);
}

/* 2026-11-25T21:40:03Z as "2026-11-25 21:40". */
static void put_when(FILE *f, const struct rundir *d)
{
    const char *iso = rundir_text(d, "started");
    const size_t day = strcspn(iso, "T");

    html_printf(f, "%.*s", (int)day, iso);
    if (iso[day])
        html_printf(f, " %.5s", iso + day + 1);
}

static void put_overview(FILE *f, const struct report_doc *doc)
{
    fputs("<section aria-labelledby=\"overview\">\n<h2 id=\"overview\">Overview</h2>\n", f);
    open_table(f, "overview",
               "A claim is what an experiment must show, judged by 95 % intervals; a wire check is "
               "an option found, or not found, in a captured packet.",
               (const char *[]){"Experiment", "Outcome", "Question", "Claims held",
                                "Wire checks passed", "Run of (UTC)", NULL});
    fputs("</tr></thead>\n<tbody>\n", f);
    for (unsigned i = 0; i < doc->n_entries; i++) {
        const struct report_entry *en = &doc->entries[i];
        const json_t *wire = en->run ? json_object_get(en->run->json, "wire_checks") : NULL;
        json_int_t held = 0, judged = 0, run = json_integer_value(json_object_get(wire, "run"));

        fputs("<tr><th scope=\"row\"><a href=\"#x-", f);
        html_printf(f, "%u-%s", i, en->experiment);
        fputs("\">", f);
        html_text(f, en->experiment);
        fputs("</a></th><td>", f);
        put_verdict(f, outcome(en), report_verdict(en));
        fputs("</td><td class=\"words\">", f);
        html_text(f, en->run ? rundir_text(en->run, "title") : "");
        fputs("</td><td>", f);
        if (en->run)
            count_claims(en->run, &held, &judged);
        put_share(f, held, judged);
        fputs("</td><td>", f);
        put_share(f, run - json_integer_value(json_object_get(wire, "failed")), run);
        fputs("</td><td class=\"num\">", f);
        if (en->run)
            put_when(f, en->run);
        else
            html_text(f, "not run");
        fputs("</td></tr>\n", f);
    }
    fputs("</tbody></table></div>\n</section>\n", f);
}

/* --- one experiment --- */

/* The metrics of its table, all of them where the file names none. The caller frees the array. */
static const char **table_metrics(const struct rundir *d, unsigned *n)
{
    json_t *table = json_object_get(d->json, "table"), *t;
    const char **names = xcalloc(json_array_size(table) + d->results.n_metrics, sizeof(*names));
    size_t i;

    *n = 0;
    json_array_foreach (table, i, t)
        names[(*n)++] = json_string_value(t);
    for (unsigned m = 0; !json_array_size(table) && m < d->results.n_metrics; m++)
        names[(*n)++] = d->results.metrics[m].name;
    return names;
}

static void put_cell(FILE *f, const struct table_cell *c)
{
    fputs("<td class=\"num\">", f);
    if (!c->n)
        fputs("<span class=\"soft\">–</span>", f);
    else
        html_text(f, c->part[0]);
    if (c->n > 1)
        fprintf(f, " <small>[%s, %s]</small>", c->part[1], c->part[2]);
    fputs("</td>", f);
}

static void put_table(FILE *f, const struct rundir *d, const char *section)
{
    char *id, *note;
    const struct results *r = &d->results;
    struct table_column *cols;
    const char **names;
    unsigned n, repetitions = 0;

    if (!r->n_values)
        return;
    names = table_metrics(d, &n);
    cols = xcalloc(n, sizeof(*cols));
    for (unsigned i = 0; i < n; i++)
        table_column_make(&cols[i], r, names[i]);
    for (size_t i = 0; i < r->n_values; i++)
        if (r->values[i].repetition > repetitions)
            repetitions = r->values[i].repetition;
    id = xasprintf("t-%s", section);
    note = xasprintf("Median [95 %% interval] of up to %u repetitions%s", repetitions,
                     repetitions < 4 ? "; of so few it is their range" : "");
    heading(f, id, "Results");
    open_table(f, id, note, (const char *[]){"Variant", NULL});
    free(id);
    free(note);
    for (unsigned i = 0; i < n; i++) {
        fputs("<th scope=\"col\" class=\"num\">", f);
        html_text(f, cols[i].name);
        if (*cols[i].unit)
            html_printf(f, " (%s)", cols[i].unit);
        fputs("</th>", f);
    }
    fputs("</tr></thead>\n<tbody>\n", f);
    for (unsigned v = 0; v < r->n_variants; v++) {
        fputs("<tr><th scope=\"row\">", f);
        html_text(f, r->variants[v]);
        fputs("</th>", f);
        for (unsigned i = 0; i < n; i++)
            put_cell(f, &cols[i].cells[v]);
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
    for (unsigned i = 0; i < n; i++)
        table_column_free(&cols[i]);
    free(cols);
    free(names);
}

static int put_figures(FILE *f, const struct rundir *d, struct err *e)
{
    json_t *figures = json_object_get(d->json, "figures"), *fig;
    size_t i;

    if (!json_array_size(figures))
        return 0;
    fputs("<h3>Figures</h3>\n<div class=\"figures\">\n", f);
    json_array_foreach (figures, i, fig) {
        const char *name = text_of(fig, "name"), *title = text_of(fig, "title");
        char *path, *alt;
        int rc;

        if (strchr(name, '/')) /* a file name that figure.h would not have made */
            return err_usage(e, -EINVAL, "%s/run.json: figure '%s'; accepted: a file name", d->path,
                             name);
        path = xasprintf("%s/figures/%s.svg", d->path, name);
        alt = xasprintf("%s. Its numbers are in the table of results.", title);
        fputs("<figure>", f);
        rc = html_svg(f, path, alt, e);
        fputs("<figcaption>", f);
        html_text(f, title);
        fputs("</figcaption></figure>\n", f);
        free(path);
        free(alt);
        if (rc)
            return rc;
    }
    fputs("</div>\n", f);
    return 0;
}

static void put_claims(FILE *f, const struct report_entry *en)
{
    json_t *claims = json_object_get(en->run->json, "claims"), *c;
    bool papers = is_papers(en);
    size_t i;

    if (!json_array_size(claims))
        return;
    fputs("<h3>Claims</h3>\n<ul class=\"claims\">\n", f);
    json_array_foreach (claims, i, c) {
        const json_t *held = json_object_get(c, "held");

        fputs("<li>", f);
        if (json_is_true(held))
            put_verdict(f, HELD, papers ? "reproduced" : "held");
        else if (json_is_false(held))
            put_verdict(f, FAILED, papers ? "not reproduced" : "did not hold");
        else
            put_verdict(f, NOT_MEASURED, "not measured in this run");
        fputs(": ", f);
        html_text(f, text_of(c, "name"));
        if (*text_of(c, "why"))
            html_printf(f, " (%s)", text_of(c, "why"));
        if (json_is_boolean(held)) {
            fputs("<div class=\"soft\">expected: ", f);
            html_text(f, text_of(c, "expected"));
            fputs("</div><div class=\"soft\">found: ", f);
            html_text(f, text_of(c, "found"));
            fputs("</div>", f);
        }
        fputs("</li>\n", f);
    }
    fputs("</ul>\n", f);
}

static void put_checks(FILE *f, const struct rundir *d, const char *section)
{
    char *id = xasprintf("w-%s", section);
    json_t *all = report_checks(json_object_get(d->json, "repetitions")), *s;
    size_t i;

    if (json_array_size(all)) {
        heading(f, id, "On the wire");
        open_table(f, id, "Wire checks on captured packets, and a packet of each.",
                   (const char *[]){"Check", "Variant", "Passed", "Packet", NULL});
        fputs("</tr></thead>\n<tbody>\n", f);
    }
    json_array_foreach (all, i, s) {
        json_int_t n = json_integer_value(json_object_get(s, "n"));
        json_int_t passed = json_integer_value(json_object_get(s, "passed"));

        fputs("<tr><td class=\"words\">", f);
        html_text(f, text_of(s, "name"));
        fputs("</td><td>", f);
        html_text(f, text_of(s, "variant"));
        fputs("</td><td>", f);
        put_verdict(f, passed == n ? HELD : FAILED, "");
        put_share(f, passed, n);
        fputs("</td><td class=\"words\"><code>", f);
        html_text(f, text_of(json_object_get(s, "example"), "packet"));
        fputs("</code></td></tr>\n", f);
    }
    if (json_array_size(all))
        fputs("</tbody></table></div>\n", f);
    json_decref(all);
    free(id);
}

/* The command as a person types it: the arguments after the program's name, quoted for a shell. Not
 * where its results went, which is a place on that machine. */
static void put_command(FILE *f, const json_t *command)
{
    bool skip = false;
    json_t *a;
    size_t i;

    fputs("./run.sh", f);
    json_array_foreach (command, i, a) {
        const char *s = json_string_value(a);

        if (!i || !s || !strncmp(s, "--out=", 6))
            continue;
        if (!strcmp(s, "--out")) {
            skip = true;
            continue;
        }
        if (skip) {
            skip = false;
            continue;
        }
        fputc(' ', f);
        if (*s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=.,"
                              ":/%+")] == '\0') {
            html_text(f, s);
            continue;
        }
        fputc('\'', f);
        for (const char *p = s; *p; p++) {
            char one[2] = {*p, '\0'};
            html_text(f, *p == '\'' ? "'\\''" : one);
        }
        fputc('\'', f);
    }
}

static void put_again(FILE *f, const struct rundir *d)
{
    const json_t *source = json_object_get(json_object_get(d->json, "machine"), "source");

    fputs("<h3>Run it again</h3>\n<pre tabindex=\"0\">", f);
    if (*text_of(source, "revision"))
        html_printf(f, "git checkout %s%s\n", text_of(source, "revision"),
                    json_is_true(json_object_get(source, "dirty"))
                        ? "   # and changes that were not committed"
                        : "");
    put_command(f, json_object_get(d->json, "command"));
    fputs("</pre>\n", f);
}

static void put_what(FILE *f, const struct rundir *d)
{
    unsigned variants = (unsigned)json_array_size(json_object_get(d->json, "variants"));

    if (*rundir_text(d, "paper")) {
        fputs("<h3>What the paper did</h3>\n<p>", f);
        html_text(f, rundir_text(d, "paper"));
        fputs("</p>\n", f);
    }
    fputs("<h3>What we ran</h3>\n<p>", f);
    html_text(f, rundir_text(d, "about"));
    fprintf(f,
            "</p>\n<p class=\"soft\">%zu repetitions of %u variants in an interleaved random order "
            "(seed %lld), %.0f s%s.</p>\n",
            json_array_size(json_object_get(d->json, "order")), variants,
            (long long)json_integer_value(json_object_get(d->json, "seed")),
            json_number_value(json_object_get(d->json, "seconds")),
            json_is_true(json_object_get(d->json, "quick"))
                ? "; a quick run, with few repetitions and wide intervals"
                : "");
}

static int put_experiment(FILE *f, const struct report_entry *en, unsigned index, struct err *e)
{
    char *id = xasprintf("%u-%s", index, en->experiment);
    int rc = 0;

    fputs("<section aria-labelledby=\"x-", f);
    html_text(f, id);
    fputs("\">\n<h2 id=\"x-", f);
    html_text(f, id);
    fputs("\">", f);
    html_text(f, en->experiment);
    if (en->run)
        html_printf(f, ": %s", rundir_text(en->run, "title"));
    fputs("</h2>\n<p>", f);
    put_verdict(f, outcome(en), report_verdict(en));
    if (en->run) {
        fputs(". Run of ", f);
        put_when(f, en->run);
        fputs(" UTC.", f);
    }
    fputs("</p>\n", f);
    if (!en->run || *rundir_text(en->run, "error")) {
        fputs("<pre tabindex=\"0\">", f);
        html_text(f, en->run ? rundir_text(en->run, "error") : en->why);
        fputs("</pre>\n", f);
    }
    if (en->run) {
        bool drawn = outcome(en) == HELD || outcome(en) == FAILED;

        put_what(f, en->run);
        if (drawn)
            rc = put_figures(f, en->run, e);
        put_table(f, en->run, id);
        put_claims(f, en);
        put_checks(f, en->run, id);
        put_again(f, en->run);
    }
    fputs("</section>\n", f);
    free(id);
    return rc;
}

/* --- the machine --- */

static void put_fact(FILE *f, const char *what, const char *value)
{
    if (!value || !*value)
        return;
    fputs("<dt>", f);
    html_text(f, what);
    fputs("</dt><dd>", f);
    html_text(f, value);
    fputs("</dd>\n", f);
}

static void put_tools(FILE *f, json_t *tools)
{
    const char *name;
    json_t *version;

    json_object_foreach (tools, name, version)
        put_fact(f, name, json_string_value(version));
}

/* The machine of the first run; whatever another run says otherwise is told beside it. */
static void put_machine(FILE *f, const struct report_doc *doc)
{
    const struct rundir *d = NULL;
    json_t *m, *kernel;
    char text[256];

    for (unsigned i = 0; i < doc->n_entries && !d; i++)
        d = doc->entries[i].run;
    if (!d)
        return;
    m = json_object_get(d->json, "machine");
    kernel = json_object_get(m, "kernel");
    fputs("<section aria-labelledby=\"machine\">\n<h2 id=\"machine\">The machine</h2>\n<dl>\n", f);
    snprintf(text, sizeof(text), "Linux %s %s (%s)", text_of(kernel, "release"),
             text_of(kernel, "version"), text_of(kernel, "machine"));
    put_fact(f, "kernel", text);
    put_fact(f, "system", text_of(m, "os"));
    snprintf(text, sizeof(text), "%s, %lld cores, %.1f GB of memory", text_of(m, "cpu"),
             (long long)json_integer_value(json_object_get(m, "cpus")),
             (double)json_integer_value(json_object_get(m, "memory_bytes")) / 1e9);
    put_fact(f, "processor", text);
    put_fact(f, "links emulated by",
             text_of(json_array_get(json_object_get(d->json, "repetitions"), 0), "link_backend"));
    put_fact(f, "revision of extcp", text_of(json_object_get(m, "source"), "revision"));
    put_tools(f, json_object_get(m, "tools"));
    fputs("</dl>\n", f);
    for (unsigned i = 0; i < doc->n_entries; i++) {
        const struct rundir *o = doc->entries[i].run;
        json_t *om = o ? json_object_get(o->json, "machine") : m;

        if (json_equal(json_object_get(om, "kernel"), kernel) &&
            json_equal(json_object_get(om, "source"), json_object_get(m, "source")))
            continue;
        fputs("<p>", f);
        html_printf(f, "Not the same for %s: Linux %s, revision %s.", doc->entries[i].experiment,
                    text_of(json_object_get(om, "kernel"), "release"),
                    text_of(json_object_get(om, "source"), "revision"));
        fputs("</p>\n", f);
    }
    fputs("</section>\n", f);
}

static void put_head(FILE *f, const struct report_doc *doc)
{
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          f);
    html_text(f, doc->title);
    fprintf(f, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
    fputs("<a class=\"skip\" href=\"#main\">Skip to the results</a>\n<header>\n<h1>", f);
    html_text(f, doc->title);
    fputs("</h1>\n", f);
    if (doc->intro) {
        fputs("<p>", f);
        html_text(f, doc->intro);
        fputs("</p>\n", f);
    }
    if (doc->command) {
        fputs("<p>All of it again: <code>", f);
        html_text(f, doc->command);
        fputs("</code></p>\n", f);
    }
    fputs("</header>\n<main id=\"main\" tabindex=\"-1\">\n", f);
}

int report_page(char **html, const struct report_doc *doc, struct err *e)
{
    size_t size;
    FILE *f = open_memstream(html, &size);
    int rc = 0;

    if (!f)
        return err_broke(e, -errno, "out of memory");
    put_head(f, doc);
    put_overview(f, doc);
    for (unsigned i = 0; i < doc->n_entries && !rc; i++)
        rc = put_experiment(f, &doc->entries[i], i, e);
    put_machine(f, doc);
    fputs("</main>\n<footer class=\"soft\"><p>Made by extcp.</p></footer>\n</body>\n</html>\n", f);
    if (fclose(f) == EOF && !rc)
        rc = err_broke(e, -ENOMEM, "out of memory");
    if (rc) {
        free(*html);
        *html = NULL;
    }
    return rc;
}
