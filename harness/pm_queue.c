/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "util.h"

static void swap(struct pm_job *a, struct pm_job *b)
{
    struct pm_job t = *a;

    *a = *b;
    *b = t;
}

void pm_queue_add(struct pm_queue *q, const struct pm_job *job)
{
    unsigned i = q->n++;

    if (q->n > q->size) {
        q->size = q->size ? 2 * q->size : 64;
        q->jobs = xrealloc(q->jobs, q->size * sizeof(*q->jobs));
    }
    q->jobs[i] = *job;
    for (; i && q->jobs[(i - 1) / 2].due_ns > q->jobs[i].due_ns; i = (i - 1) / 2)
        swap(&q->jobs[i], &q->jobs[(i - 1) / 2]);
}

bool pm_queue_take(struct pm_queue *q, uint64_t now_ns, struct pm_job *out)
{
    unsigned i = 0;

    if (!q->n || q->jobs[0].due_ns > now_ns)
        return false;
    *out = q->jobs[0];
    q->jobs[0] = q->jobs[--q->n];
    for (;;) {
        unsigned least = i, left = 2 * i + 1, right = left + 1;
        if (left < q->n && q->jobs[left].due_ns < q->jobs[least].due_ns)
            least = left;
        if (right < q->n && q->jobs[right].due_ns < q->jobs[least].due_ns)
            least = right;
        if (least == i)
            return true;
        swap(&q->jobs[i], &q->jobs[least]);
        i = least;
    }
}

uint64_t pm_queue_next_ns(const struct pm_queue *q)
{
    return q->n ? q->jobs[0].due_ns : UINT64_MAX;
}

void pm_queue_free(struct pm_queue *q)
{
    free(q->jobs);
    *q = (struct pm_queue){0};
}

static uint64_t doubling(uint64_t first_ns, unsigned tries, uint64_t most_ns)
{
    for (unsigned i = 1; i < tries && first_ns < most_ns; i++)
        first_ns *= 2;
    return first_ns < most_ns ? first_ns : most_ns;
}

uint64_t pm_retry_after_ns(int error, unsigned tries)
{
    switch (error) {
    case -ENOTCONN:
        return tries <= 20 ? doubling(20000, tries, 400000000) : 0;
    case -EADDRNOTAVAIL:
    case -ENETUNREACH:
    case -EHOSTUNREACH:
    case -ENETDOWN:
        return tries <= 5 ? doubling(100000000, tries, NSEC_PER_SEC) : 0;
    case -EAGAIN:
    case -ENOBUFS:
    case -ENOMEM:
        return tries <= 5 ? doubling(10000000, tries, NSEC_PER_SEC) : 0;
    default:
        return 0;
    }
}
