/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the topology: what follows from nodes and links. Pure. */
#ifndef EXTCP_TOPOLOGY_PLAN_H
#define EXTCP_TOPOLOGY_PLAN_H

#include "topology.h"

#define TABLE_MAIN      254  /* RT_TABLE_MAIN */
#define TABLE_SOURCE    100  /* the table of a host's first interface; one more for each */
#define PRIORITY_MARK   900  /* of rules for a mark, before those for a source */
#define PRIORITY_SOURCE 1000 /* of the rules that lead to them */

/* Appends; the new element is zeroed. */
struct topo_addr *topology_add_addr(struct topology *t);
struct topo_route *topology_add_route(struct topology *t);
struct topo_rule *topology_add_rule(struct topology *t);

/* Addresses for both ends of every link: 10.X.Y.1 and .2 of a /24, fd00:0:0:N::1 and ::2 of a /64.
 */
int topology_plan_addresses(struct topology *t, struct err *e);
/*
 * Routes of both families by shortest path (sum of cost, equal-cost multipath), never through a
 * host. A host with one interface gets a default route; one with several gets routes to every
 * subnet and, for each interface, a table and a rule (source-based routing).
 */
int topology_plan_routes(struct topology *t, struct err *e);
/* Where no queue limit is given: the bandwidth-delay product of the link's rate and the longest
 * round trip, at least 20 packets. */
void topology_plan_queues(struct topology *t);

/* The longest matching route of a node's table, or NULL. dst: 4 or 16 bytes. */
const struct topo_route *topology_lookup(const struct topology *t, unsigned node, int family,
                                         uint32_t table, const void *dst);
/* Whose address it is, or NULL. */
const struct topo_addr *topology_owner(const struct topology *t, int family, const void *addr);

#endif
