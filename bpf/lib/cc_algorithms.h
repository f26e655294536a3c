/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The algorithm ids of the congestion control request (kind 254, EXID_CC_REQUEST): the one table,
 * shared by eBPF programs and the user side. X(id, name); the name is the kernel's, or that of a
 * congestion control of ours. An id is never given to another algorithm; 0 means none.
 */
#ifndef EXTCP_BPF_LIB_CC_ALGORITHMS_H
#define EXTCP_BPF_LIB_CC_ALGORITHMS_H

#define CC_ALGORITHMS(X)                                                                           \
    X(1, reno)                                                                                     \
    X(2, cubic)                                                                                    \
    X(3, bbr)                                                                                      \
    X(4, vegas)

#endif
