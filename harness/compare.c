/* SPDX-License-Identifier: BSD-2-Clause */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static bool wanted(const char *metric, const char *const *metrics, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(metrics[i], metric))
            return true;
    return !n;
}

static void compare_one(struct comparison *c, const struct results *a, unsigned va, unsigned ma,
                        const struct results *b, unsigned vb, unsigned mb)
{
    uint64_t seed = results_seed(a, a->variants[va], a->metrics[ma].name);
    size_t na, nb;
    double *x = results_select(a, va, ma, &na), *y = results_select(b, vb, mb, &nb);

    c->variant = a->variants[va];
    c->metric = a->metrics[ma].name;
    c->unit = a->metrics[ma].unit;
    c->a = results_interval(a, va, ma);
    c->b = results_interval(b, vb, mb);
    c->difference = stats_difference(y, nb, x, na, seed);
    c->ratio = stats_ratio(y, nb, x, na, seed);
    c->enough = na >= COMPARE_MIN_VALUES && nb >= COMPARE_MIN_VALUES;
    c->direction = !c->enough ? 0 : (c->difference.low > 0) - (c->difference.high < 0);
    free(x);
    free(y);
}

unsigned compare_results(struct comparison **out, const struct results *a, const struct results *b,
                         const char *const *metrics, unsigned n_metrics)
{
    unsigned n = 0;

    *out = xcalloc((size_t)a->n_variants * a->n_metrics + 1, sizeof(**out));
    for (unsigned m = 0; m < a->n_metrics; m++) {
        int mb = results_find_metric(b, a->metrics[m].name);

        if (mb < 0 || strcmp(a->metrics[m].unit, b->metrics[mb].unit) ||
            !wanted(a->metrics[m].name, metrics, n_metrics))
            continue;
        for (unsigned v = 0; v < a->n_variants; v++) {
            int vb = results_find_variant(b, a->variants[v]);

            if (vb < 0 || !results_interval(a, v, m).n ||
                !results_interval(b, (unsigned)vb, (unsigned)mb).n)
                continue;
            compare_one(&(*out)[n++], a, v, m, b, (unsigned)vb, (unsigned)mb);
        }
    }
    return n;
}

const char *compare_words(const struct comparison *c)
{
    return !c->enough         ? "too few values"
           : c->direction > 0 ? "higher"
           : c->direction < 0 ? "lower"
                              : "no difference seen";
}

static void change_text(char *buf, size_t size, const struct comparison *c)
{
    if (c->ratio.n && isfinite(c->ratio.median))
        snprintf(buf, size, "x %.3f [%.3f, %.3f]", c->ratio.median, c->ratio.low, c->ratio.high);
    else
        format_interval(buf, size, c->difference, c->unit);
}

void compare_print(FILE *f, const struct comparison *c, unsigned n)
{
    char(*cells)[5][200] = xcalloc(n + 1, sizeof(*cells));
    static const char *const head[5] = {"variant, metric", "A", "B", "B against A", ""};
    int width[5] = {0};
    unsigned seen = 0, judged = 0;

    for (unsigned i = 0; i <= n; i++) {
        for (unsigned k = 0; k < 5 && !i; k++)
            snprintf(cells[0][k], sizeof(cells[0][k]), "%s", head[k]);
        if (i) {
            const struct comparison *x = &c[i - 1];
            snprintf(cells[i][0], sizeof(cells[i][0]), "%s, %s", x->variant, x->metric);
            format_interval(cells[i][1], sizeof(cells[i][1]), x->a, x->unit);
            format_interval(cells[i][2], sizeof(cells[i][2]), x->b, x->unit);
            change_text(cells[i][3], sizeof(cells[i][3]), x);
            snprintf(cells[i][4], sizeof(cells[i][4]), "%s", compare_words(x));
            seen += x->direction != 0;
            judged += x->enough;
        }
        for (unsigned k = 0; k < 5; k++)
            if ((int)text_columns(cells[i][k]) > width[k])
                width[k] = (int)text_columns(cells[i][k]);
    }
    for (unsigned i = 0; i <= n; i++) {
        for (unsigned k = 0; k < 4; k++)
            fprintf(f, "%s%*s", cells[i][k], width[k] - (int)text_columns(cells[i][k]) + 2, "");
        fprintf(f, "%s\n", cells[i][4]);
    }
    if (judged)
        fprintf(f,
                "\n%u of %u comparisons differ by their 95 %% interval; of as many that are the "
                "same, chance alone would show about %.0f.\n",
                seen, judged, ceil(0.05 * judged));
    if (judged < n)
        fprintf(f, "\n%u comparisons have fewer than %d values on a side, too few to judge.\n",
                n - judged, COMPARE_MIN_VALUES);
    free(cells);
}
