/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A topology: the nodes and links that a file describes, and what follows from them (interfaces,
 * addresses, routes). Pure data: nothing here touches the kernel. Loaded by topology_load,
 * completed by topology_plan, built by testbed.h.
 */
#ifndef EXTCP_TOPOLOGY_H
#define EXTCP_TOPOLOGY_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum node_kind { NODE_HOST, NODE_ROUTER };

enum hash_policy { /* net.ipv4.fib_multipath_hash_policy */
                   HASH_L3 = 0,
                   HASH_L4 = 1,
                   HASH_L3_INNER = 2,
};

/* What one direction of a link does to packets. */
struct impairment {
    uint64_t rate_bps;  /* 0: unlimited */
    uint32_t delay_us;  /* one-way */
    uint32_t jitter_us; /* uniform, +- around the delay; order is kept */
    double loss;        /* share of packets, 0..1 */
    double loss_burst;  /* mean length of a loss burst in packets (Gilbert model); <= 1: independent
                           losses */
    double reorder;     /* share of packets that skip the delay and so overtake */
    double duplicate;   /* share of packets that are sent twice */
    uint32_t queue_packets; /* limit of the queue in front of the rate; 0 until topology_plan sets
                               the default */
};

enum link_dir { DIR_AB = 0, DIR_BA = 1 };

struct topo_node {
    char *name;
    enum node_kind kind;
    char **sysctls; /* "net.ipv4.tcp_syncookies=2", applied in its namespace */
    unsigned n_sysctls;
    enum hash_policy hash_policy;
    struct topo_loopback {
        uint32_t mtu, gso_max_segs; /* 0: as the kernel has it */
        bool given, offloads;       /* offloads are as the kernel has them where not given */
    } loopback;
};

struct topo_link {
    char name[IFNAMSIZ]; /* also the name of the interface at both ends; unique in the topology */
    unsigned node[2];    /* index of a and b in nodes */
    struct impairment dir[2]; /* by enum link_dir */
    bool half_duplex;         /* both directions share one shaper, dir[0].rate_bps */
    uint32_t overhead_bytes;  /* per packet, counted by the shaper only */
    uint32_t mtu;             /* bytes; 0 until planned: 1500 */
    bool offloads;            /* TSO, GSO, GRO and checksum offload on the two interfaces */
    uint32_t gso_max_segs;    /* segments in one packet that TCP makes; 0: as the kernel has it */
    uint32_t cost;            /* for shortest paths; default 1 */
};

struct topo_addr { /* an interface's address */
    unsigned node, link;
    int family; /* AF_INET or AF_INET6 */
    union {
        struct in_addr v4;
        struct in6_addr v6;
    };
    uint8_t prefix_len;
};

#define TOPO_MAX_NEXTHOPS 16

struct topo_nexthop {
    unsigned link; /* out of which interface */
    bool has_via;
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } via;
};

struct topo_route {
    unsigned node;
    int family;
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } dst;
    uint8_t dst_len;
    uint32_t table;  /* 254: main */
    uint32_t metric; /* 0: the kernel's default */
    bool quickack;   /* RTAX_QUICKACK: each segment is acknowledged at once */
    unsigned n_nexthops;
    struct topo_nexthop nexthop[TOPO_MAX_NEXTHOPS];
};

struct topo_rule { /* ip rule: [from SRC] [fwmark MARK] lookup TABLE */
    unsigned node;
    int family;
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } src;
    uint8_t src_len; /* 0: from anywhere */
    uint32_t mark;   /* of the packet (SO_MARK), 0: any */
    uint32_t table;
    uint32_t priority;
};

struct topology {
    char *name, *file, *description;
    struct topo_node *nodes;
    unsigned n_nodes;
    struct topo_link *links;
    unsigned n_links;
    /* filled by hand from the file and by topology_plan */
    struct topo_addr *addrs;
    unsigned n_addrs;
    struct topo_route *routes;
    unsigned n_routes;
    struct topo_rule *rules;
    unsigned n_rules;
};

/*
 * Reads a YAML file (a path, or the name of a file in topologies/ without ".yaml"), with
 * `overrides` "KEY=VALUE" applied
 * ("LINK.delay=10ms", "NODE.count=100"; see docs/topologies.md), checks it and plans it. The caller
 * frees with topology_free. Errors name file, line, key, value and what is accepted (EXIT_USAGE).
 */
int topology_load(struct topology **out, const char *name_or_path, char *const *overrides,
                  unsigned n_overrides, struct err *e);
void topology_free(struct topology *t);

/* Index, or -1. */
int topology_node(const struct topology *t, const char *name);
int topology_link(const struct topology *t, const char *name);
/* The first address of a family of the node (on its first link, or on the link named), or NULL. */
const struct topo_addr *topology_addr(const struct topology *t, unsigned node, int link_or_minus1,
                                      int family);
/* Sum of the delays and the smallest rate on the planned path from node to node (first next hop); 0
 * or -ENETUNREACH. */
int topology_path(const struct topology *t, unsigned from, unsigned to, int family,
                  uint64_t *delay_us, uint64_t *rate_bps);

/* One "rate", "delay", "jitter", "loss", "loss_burst", "reorder", "duplicate" or "queue" value into
 * the impairment; for files and for events on a timeline. */
int impairment_set(struct impairment *imp, const char *key, const char *value, struct err *e);
/* True where anything but the rate is set: needs netem or the nfqueue emulator. */
bool impairment_needs_emulation(const struct impairment *imp);

#endif
