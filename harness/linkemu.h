/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emulating links: rate with tbf; delay, jitter, loss, reordering and duplication with netem where
 * the kernel has it, else with our own nfqueue emulator. Impairments sit on routers, towards the
 * receiver, after the packet has been through ip_rcv(): a segment that still belongs to the
 * sender's socket would make TCP small queues see the emulated queue.
 *
 * For a link X between router R and another node: R -> other is shaped on R's interface X; other ->
 * R on the way out of R's other interfaces, selected by the interface the packet came in on (u32
 * `indev`, mirred to an ifb of that link). Between two routers each end shapes its own way out. A
 * half-duplex link sends both directions through one ifb.
 */
#ifndef EXTCP_LINKEMU_H
#define EXTCP_LINKEMU_H

#include "err.h"
#include "topology.h"

enum link_backend { BACKEND_AUTO, BACKEND_NETEM, BACKEND_NFQUEUE };

struct linkemu;

struct linkemu_options {
    enum link_backend backend; /* AUTO: netem where the kernel has it */
    const bool *changes; /* [n_links]: links a timeline will change, so emulated even when clean
                            now; may be NULL */
    const char *cgroup_procs; /* path of the cgroup.procs file that the emulator process joins, so
                                 that a clean-up finds it */
    uint64_t seed;            /* of the random losses, jitter, … */
};

struct linkemu_counters {                 /* of one direction of one link */
    uint64_t packets, bytes;              /* seen */
    uint64_t lost, reordered, duplicated; /* by us, as asked */
    uint64_t overflow; /* dropped because a queue was full (kernel's nfqueue queue or the emulator's
                          limit) */
    uint64_t shaper_drops; /* tbf's queue was full */
    uint64_t late_max_us;  /* largest lateness of a verdict against its due time */
};

/*
 * Sets everything up (on an error, *out is to be stopped all the same); node_ns[i] is the namespace
 * of topology node i, with its interfaces (named like the links) up. The emulator is one child
 * process with real-time priority where it may have it. What is set is read back.
 */
int linkemu_start(struct linkemu **out, const struct topology *t, const int *node_ns,
                  const struct linkemu_options *o, struct err *e);
/* The back end in use: "netem", "nfqueue" or "none" (no link needs one). */
const char *linkemu_backend(const struct linkemu *l);
/* Does its process run with real-time priority? False where there is none (netem needs none). */
bool linkemu_realtime(const struct linkemu *l);
/* Becomes readable when the emulator has died (then linkemu_check gives the error); -1 where there
 * is none. */
int linkemu_fd(const struct linkemu *l);
int linkemu_check(struct linkemu *l, struct err *e);
/* Changes one direction while it runs. */
int linkemu_change(struct linkemu *l, unsigned link, enum link_dir dir,
                   const struct impairment *imp, struct err *e);
int linkemu_counters(struct linkemu *l, unsigned link, enum link_dir dir,
                     struct linkemu_counters *out, struct err *e);
/* The namespace of a router got another interface (calibration does that): what comes out of its
 * links goes through their shapers there too. */
int linkemu_add_interface(struct linkemu *l, unsigned router, int ifindex, struct err *e);
/* Stops the emulator process; the qdiscs go with their namespaces. NULL is fine. */
void linkemu_stop(struct linkemu *l);

/* Does this kernel have netem? Probed in a namespace of its own. */
bool linkemu_have_netem(void);
/* Does NFQUEUE work (iptables target and netlink)? err says what is missing. */
int linkemu_have_nfqueue(struct err *e);

#endif
