/* SPDX-License-Identifier: BSD-2-Clause */
#include "gate.h"

#include <math.h>
#include <stdlib.h>

#include "ranktest.h"
#include "util.h"

/* log of each, turned so that a larger one is worse; NULL where one has none. The caller frees. */
static double *worseness(const double *v, size_t n, bool higher_is_better)
{
    double *w = xcalloc(n + 1, sizeof(*w));

    for (size_t i = 0; i < n; i++) {
        if (!(v[i] > 0) || !isfinite(v[i])) {
            free(w);
            return NULL;
        }
        w[i] = higher_is_better ? -log(v[i]) : log(v[i]);
    }
    return w;
}

struct measured {
    struct shift two_sided, one_sided;
    double p_worse, p_better;
};

static double miss(size_t n)
{
    return n < GATE_FIRST ? GATE_MISS_EARLY : GATE_MISS;
}

static void measure_pairs(struct measured *m, const double *a, const double *b, size_t n)
{
    double *d = xcalloc(n + 1, sizeof(*d));

    for (size_t i = 0; i < n; i++)
        d[i] = b[i] - a[i];
    m->two_sided = ranktest_pairs_shift(d, n, 0.05);
    m->one_sided = ranktest_pairs_shift(d, n, 2 * miss(n));
    m->p_worse = ranktest_pairs(d, n);
    for (size_t i = 0; i < n; i++)
        d[i] = -d[i];
    m->p_better = ranktest_pairs(d, n);
    free(d);
}

static void measure_samples(struct measured *m, const double *a, size_t na, const double *b,
                            size_t nb)
{
    m->two_sided = ranktest_samples_shift(a, na, b, nb, 0.05);
    m->one_sided = ranktest_samples_shift(a, na, b, nb, 2 * miss(na < nb ? na : nb));
    m->p_worse = ranktest_samples(a, na, b, nb);
    m->p_better = ranktest_samples(b, nb, a, na);
}

static void answer(const struct gate_question *q, const struct measured *m, struct gate_answer *out)
{
    double limit = log1p(q->threshold), worse = m->two_sided.estimate;
    bool early = out->n < GATE_FIRST;

    out->ratio = exp(q->higher_is_better ? -worse : worse);
    out->low = exp(q->higher_is_better ? -m->two_sided.high : m->two_sided.low);
    out->high = exp(q->higher_is_better ? -m->two_sided.low : m->two_sided.high);
    out->p = worse >= 0 ? m->p_worse : m->p_better;
    if (!early && worse > limit && m->p_worse <= out->p_needed)
        out->verdict = GATE_REGRESSION;
    else if (!early && worse < -limit && m->p_better <= out->p_needed)
        out->verdict = GATE_IMPROVEMENT;
    else if (m->one_sided.high < limit && !(early && worse < -limit)) /* it may be an improvement */
        out->verdict = GATE_NO_REGRESSION;
}

void gate_judge(const struct gate_question *q, const double *a, size_t na, const double *b,
                size_t nb, struct gate_answer *out)
{
    size_t n = na < nb ? na : nb;
    struct measured m;
    double *x, *y;

    *out = (struct gate_answer){.verdict = GATE_UNDECIDED,
                                .n = n,
                                .ratio = NAN,
                                .low = NAN,
                                .high = NAN,
                                .p = 1,
                                .p_needed = GATE_ALPHA / (q->metrics * GATE_LOOKS)};
    if (!n || na > RANKTEST_MAX || nb > RANKTEST_MAX || (q->paired && na != nb))
        return;
    x = worseness(a, na, q->higher_is_better);
    y = worseness(b, nb, q->higher_is_better);
    if (x && y) {
        if (q->paired)
            measure_pairs(&m, x, y, n);
        else
            measure_samples(&m, x, na, y, nb);
        answer(q, &m, out);
    }
    free(x);
    free(y);
}

unsigned gate_next(unsigned n)
{
    static const unsigned looks[] = {GATE_EARLY, 9, GATE_FIRST, 16, 20, GATE_MAX};

    for (unsigned i = 0; i < ARRAY_SIZE(looks); i++)
        if (looks[i] > n)
            return looks[i];
    return 0;
}

const char *gate_word(enum gate_verdict v)
{
    static const char *const words[] = {[GATE_UNDECIDED] = "undecided",
                                        [GATE_NO_REGRESSION] = "no regression",
                                        [GATE_REGRESSION] = "regression",
                                        [GATE_IMPROVEMENT] = "improvement"};

    return words[v];
}
