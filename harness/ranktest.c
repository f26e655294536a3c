/* SPDX-License-Identifier: BSD-2-Clause */
#include "ranktest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

struct ranked {
    double value;
    int sign; /* pairs: of the difference; samples: 1 for b, 0 for a */
};

static int by_value(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;

    return (a->value > b->value) - (a->value < b->value);
}

static int by_number(const void *x, const void *y)
{
    const double *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

/* Twice the mid-rank of each (whole numbers then), v sorted by value. */
static unsigned *double_ranks(const struct ranked *v, size_t n)
{
    unsigned *r = xcalloc(n + 1, sizeof(*r));

    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && v[j].value == v[i].value; j++)
            ;
        for (size_t k = i; k < j; k++)
            r[k] = (unsigned)(i + 1 + j);
    }
    return r;
}

double ranktest_pairs(const double *d, size_t n)
{
    struct ranked *v = xcalloc(n + 1, sizeof(*v));
    unsigned *rank, total = 0, observed = 0;
    double *p, tail = 0;
    size_t m = 0;

    for (size_t i = 0; i < n; i++)
        if (d[i] != 0)
            v[m++] = (struct ranked){fabs(d[i]), d[i] > 0 ? 1 : -1};
    qsort(v, m, sizeof(*v), by_value);
    rank = double_ranks(v, m);
    for (size_t i = 0; i < m; i++) {
        total += rank[i];
        observed += v[i].sign > 0 ? rank[i] : 0;
    }
    /* The distribution of the sum where each sign is a coin's: one rank after the other. */
    p = xcalloc(total + 1, sizeof(*p));
    p[0] = 1;
    for (size_t i = 0; i < m; i++)
        for (unsigned s = total + 1; s-- > 0;)
            p[s] = 0.5 * p[s] + (s >= rank[i] ? 0.5 * p[s - rank[i]] : 0);
    for (unsigned s = observed; s <= total; s++)
        tail += p[s];
    free(p);
    free(rank);
    free(v);
    return tail < 1 ? tail : 1;
}

double ranktest_samples(const double *a, size_t na, const double *b, size_t nb)
{
    size_t n = na + nb, width;
    struct ranked *v = xcalloc(n + 1, sizeof(*v));
    unsigned *rank, total = 0, observed = 0;
    double *p, tail = 0, all = 0;

    for (size_t i = 0; i < n; i++)
        v[i] = (struct ranked){i < na ? a[i] : b[i - na], i >= na};
    qsort(v, n, sizeof(*v), by_value);
    rank = double_ranks(v, n);
    for (size_t i = 0; i < n; i++) {
        total += rank[i];
        observed += v[i].sign ? rank[i] : 0;
    }
    /* p[k][s]: ways to choose k of the ranks so far with the sum s. */
    width = total + 1;
    p = xcalloc((nb + 1) * width, sizeof(*p));
    p[0] = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1 < nb ? i + 1 : nb; k > 0; k--)
            for (unsigned s = total + 1; s-- > rank[i];)
                p[k * width + s] += p[(k - 1) * width + s - rank[i]];
    for (unsigned s = 0; s <= total; s++) {
        all += p[nb * width + s];
        tail += s >= observed ? p[nb * width + s] : 0;
    }
    free(p);
    free(rank);
    free(v);
    return nb && na ? tail / all : 1;
}

/* Of n sorted values: how many may be cut from each end so that the tail below keeps alpha / 2.
 * cumulative[k]: probability that at most k are on one side. */
static struct shift cut(double *w, size_t n, const double *probability, double alpha)
{
    struct shift s = {NAN, -INFINITY, INFINITY};
    double below = 0;
    size_t k = 0;

    if (!n)
        return s;
    qsort(w, n, sizeof(*w), by_number);
    s.estimate = n % 2 ? w[n / 2] : (w[n / 2 - 1] + w[n / 2]) / 2;
    while (k < (n + 1) / 2 && below + probability[k] <= alpha / 2)
        below += probability[k++];
    if (k) {
        s.low = w[k - 1];
        s.high = w[n - k];
    }
    return s;
}

struct shift ranktest_pairs_shift(const double *d, size_t n, double alpha)
{
    size_t m = n * (n + 1) / 2, k = 0;
    double *w = xcalloc(m + 1, sizeof(*w)), *p = xcalloc(m + 2, sizeof(*p));
    struct shift s;

    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            w[k++] = (d[i] + d[j]) / 2;
    /* The signed-rank sum without ties: how many of the averages are above the true shift. */
    p[0] = 1;
    for (size_t r = 1; r <= n; r++)
        for (size_t t = m + 1; t-- > 0;)
            p[t] = 0.5 * p[t] + (t >= r ? 0.5 * p[t - r] : 0);
    s = cut(w, m, p, alpha);
    free(p);
    free(w);
    return s;
}

struct shift ranktest_samples_shift(const double *a, size_t na, const double *b, size_t nb,
                                    double alpha)
{
    size_t m = na * nb, width = m + 1, k = 0;
    double *w = xcalloc(m + 1, sizeof(*w)), *p, all = 0;
    struct shift s;

    for (size_t i = 0; i < na; i++)
        for (size_t j = 0; j < nb; j++)
            w[k++] = b[j] - a[i];
    /* Mann and Whitney's U without ties: choosing which of the na + nb are of b. */
    p = xcalloc((nb + 1) * width, sizeof(*p));
    p[0] = 1;
    for (size_t i = 0; i < na + nb; i++)
        for (size_t c = i + 1 < nb ? i + 1 : nb; c > 0; c--)
            /* as the c-th of b it has i - (c - 1) of a below it */
            for (size_t u = width; u-- > i + 1 - c;)
                p[c * width + u] += p[(c - 1) * width + u - (i + 1 - c)];
    for (size_t u = 0; u < width; u++)
        all += p[nb * width + u];
    for (size_t u = 0; u < width; u++)
        p[nb * width + u] /= all;
    s = cut(w, m, p + nb * width, alpha);
    free(p);
    free(w);
    return s;
}
