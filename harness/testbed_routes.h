/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the testbed: routes and rules as netlink messages, and reading back what was set. */
#ifndef EXTCP_TESTBED_ROUTES_H
#define EXTCP_TESTBED_ROUTES_H

#include "rtnl.h"
#include "topology.h"

/* The ifindex of a link at both of its ends. */
int testbed_ifindex(unsigned link);
/* Adds the route, or replaces one that is there. */
void testbed_queue_route(struct rtnl *nl, const struct topo_route *r);
void testbed_queue_rule(struct rtnl *nl, const struct topo_rule *r);
/* Compares the node's links (up, MTU), addresses, routes and rules with the plan. The error says
 * what is not as it should be. */
int testbed_verify_node(const struct topology *t, unsigned node, struct rtnl *nl, struct err *e);

#endif
