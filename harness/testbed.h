/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A topology made real: a network namespace per node (visible to `ip netns` as extcp-<id>-<node>),
 * a cgroup v2 per host
 * (<mount>/extcp-<id>/<node>), veth links, addresses, routes, rules, sysctls, offloads; and the
 * emulation of its links. Everything that was set is read back. Everything carries the run's id,
 * and the state directory /run/extcp/<id>/ (with a lock that dies with the process) lets `extcp
 * clean` find what a SIGKILL left.
 */
#ifndef EXTCP_TESTBED_H
#define EXTCP_TESTBED_H

#include "err.h"
#include "linkemu.h"
#include "topology.h"

struct testbed;

struct testbed_options {
    enum link_backend backend;
    const bool *changes; /* see linkemu_options */
    uint64_t seed;
};

/* NULL in *out on an error; then nothing is left behind. */
int testbed_build(struct testbed **out, const struct topology *t, const struct testbed_options *o,
                  struct err *e);
/* Kills every process in its cgroups, stops the emulator, removes everything. NULL is fine. */
void testbed_destroy(struct testbed *tb);

const char *testbed_id(const struct testbed *tb); /* "a1b2c3": short, unique on this machine */
/* What the names of congestion controls that are registered for this node end with
 * (program_struct_ops.h). */
#define TESTBED_TAG_SIZE 16
void testbed_tag(const struct testbed *tb, unsigned node, char tag[TESTBED_TAG_SIZE]);
struct statedir *testbed_state(const struct testbed *tb); /* for what else a crash could leave */
const struct topology *testbed_topology(const struct testbed *tb);
int testbed_ns_fd(const struct testbed *tb, unsigned node); /* stays open until destroy */
int testbed_cgroup_fd(const struct testbed *tb,
                      unsigned node); /* directory fd of the node's cgroup */
const char *testbed_cgroup_path(const struct testbed *tb, unsigned node);
const char *testbed_ns_name(const struct testbed *tb, unsigned node);
struct linkemu *testbed_linkemu(struct testbed *tb);

/* Sets both ends of a link up or down. After up, it waits until both carriers are there and puts
 * routes back that the kernel dropped. */
int testbed_link_up(struct testbed *tb, unsigned link, bool up, struct err *e);

#endif
