/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says about the TCP sockets of a namespace (sock_diag(7), inet_diag): asked once,
 * or sampled in a thread while a run goes on.
 */
#ifndef EXTCP_SOCKDIAG_H
#define EXTCP_SOCKDIAG_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "workload.h"

#define SOCKDIAG_ALGORITHM_MAX 16 /* TCP_CA_NAME_MAX */

/* --- asking once --- */

/* A socket as the kernel describes it; attr: by INET_DIAG_…, NULL where it is not there. Valid
 * during the call. */
struct sockdiag_entry {
    const struct inet_diag_msg *msg;
    const struct nlattr *attr[INET_DIAG_MAX + 1];
};
typedef void (*sockdiag_fn)(const struct sockdiag_entry *s, void *arg);

struct mnl_socket;
/* A netlink socket that stays in that namespace; 0 or -errno. Close with mnl_socket_close. */
int sockdiag_open(struct mnl_socket **out, int ns_fd);
/* Calls fn for each TCP socket of both families in one of the states (bits 1 << TCP_LISTEN …).
 * extensions: bits 1 << (INET_DIAG_… - 1). 0 or -errno. */
int sockdiag_dump(struct mnl_socket *nl, uint32_t states, uint8_t extensions, sockdiag_fn fn,
                  void *arg);

/* Calls fn with the local token of each MPTCP connection of the current namespace, also of those
 * that have no subflow. 0 or -errno (-ENOENT: no CONFIG_INET_MPTCP_DIAG). */
int sockdiag_mptcp(void (*fn)(uint32_t token, void *arg), void *arg);

/* Aborts every established TCP connection (and MPTCP subflow) whose local address this is, 4 or 16
 * bytes: its peer gets an RST. *n: how many. 0 or -errno; -EOPNOTSUPP where the kernel has no
 * CONFIG_INET_DIAG_DESTROY. */
int sockdiag_reset(int ns_fd, int family, const void *local_addr, unsigned *n);

/* --- sampling --- */

/* One look at one socket. A new thing to be seen is a member here, a line in take_sample, and one
 * in sockdiag_report. */
struct socket_sample {
    uint64_t t_mono_ns;
    unsigned socket, algorithm; /* indices in the log */
    double rtt_s;               /* smoothed; 0: not measured yet */
    double delivery_rate_bps;
    uint32_t cwnd; /* segments */
    uint32_t retransmits;
    uint64_t bytes_acked;
    bool backup; /* of an MPTCP subflow: either side has said so */
};

/* A socket that was seen. */
struct socket_seen {
    uint64_t cookie;
    uint32_t token; /* of its MPTCP connection (that of our side); 0: it is none of MPTCP */
    char path[96];  /* "10.0.0.1-10.0.1.2": local and remote address */
};

struct socket_log {
    struct socket_seen *sockets; /* in the order in which they were first seen */
    unsigned n_sockets;
    char (*algorithms)[SOCKDIAG_ALGORITHM_MAX];
    unsigned n_algorithms;
    struct socket_sample *samples;
    size_t n, cap;
};

/* As the experiment gives it; strings belong to whoever filled it in. */
struct socket_watch {
    char *name;    /* unique in the experiment: prefix of its metrics and series */
    unsigned node; /* where the sockets are */
    unsigned port; /* local or remote; subflows of a connection that has it count with any */
    double interval_s;
};

struct sockdiag;
/* Starts a thread that samples every connection with that port (established up to closing; not
 * listeners, not TIME-WAIT). w must outlive it. tag: a congestion control BASE_TAG is reported as
 * BASE (program_struct_ops.h); NULL: none. */
int sockdiag_start(struct sockdiag **out, int ns_fd, const struct socket_watch *w, const char *tag,
                   struct err *e);
/* Takes a last sample, ends the thread, hands out what it saw, frees s (NULL is fine). An error
 * that the thread met is an error here. metric NULL: nothing is handed out. */
int sockdiag_stop(struct sockdiag *s, uint64_t t0_mono_ns, metric_fn metric, series_fn series,
                  void *arg, struct err *e);

/*
 * The metrics and series of a log (docs/experiments.md). The series of the first socket are
 * NAME.rtt, .cwnd, .retransmits, .bytes_acked, .delivery_rate; those of the second NAME.rtt.2 … The
 * subflows of MPTCP go by their path: NAME.rtt.LOCAL-REMOTE (addresses), with .backup, and #2 …
 * behind it for further ones on the same path.
 */
void sockdiag_report(const struct socket_log *log, const char *name, uint64_t t0_mono_ns,
                     metric_fn metric, series_fn series, void *arg);
/* What is known of the MPTCP connection of a socket. */
void socket_log_subflow(struct socket_log *log, unsigned socket, uint32_t token, const char *path);
/* Index of a socket, of an algorithm; added when new. */
unsigned socket_log_socket(struct socket_log *log, uint64_t cookie);
unsigned socket_log_algorithm(struct socket_log *log, const char *name, const char *tag);
void socket_log_add(struct socket_log *log, const struct socket_sample *s);
void socket_log_free(struct socket_log *log);

#endif
