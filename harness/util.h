/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things that several parts share: time, memory, strings, numbers with units, whole files. */
#ifndef EXTCP_UTIL_H
#define EXTCP_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NSEC_PER_SEC  1000000000ull

/* CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds. */
uint64_t now_mono_ns(void);
uint64_t now_real_ns(void);

/* Never return NULL: they print and abort when memory is gone. The caller frees. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Strict readers: the whole string must be the number. 0 or -EINVAL / -ERANGE; *out is left alone
 * on an error. parse_rate: bit/s with an optional unit bit, kbit, mbit, gbit (powers of 1000), "8
 * Mbit", "1.5gbit"; "unlimited" is 0. parse_time_us: microseconds with unit us, ms, s: "40ms", "0.5
 * s". parse_time without a unit is refused. parse_share: "1%", "0.5 %", "0.01": a probability 0..1.
 */
int parse_u64(const char *s, uint64_t *out);
int parse_double(const char *s, double *out);
int parse_bool(const char *s, bool *out); /* yes, no, true, false, on, off, 1, 0 */
int parse_rate(const char *s, uint64_t *bps);
int parse_time_us(const char *s, uint64_t *us);
int parse_share(const char *s, double *share);

/* Columns that UTF-8 text takes: its code points, as everything we print has one column each. */
unsigned text_columns(const char *s);

/* Writes to PATH.tmp, syncs, renames: readers see the old file or the whole new one. */
int write_file_atomic(const char *path, const void *data, size_t len, struct err *e);
/* Reads a whole file into a NUL-terminated buffer that the caller frees. */
int read_file(const char *path, char **data, size_t *len, struct err *e);
/* Creates a directory and its parents (0755). 0 or -errno. */
int mkdir_p(const char *path);
/* Is the file system of path full (of blocks or of inodes)? Tells why a program that somebody else
 * wrote could not write there. False where that cannot be asked. */
bool no_space_left(const char *path);
/* Removes path where it is a regular file: no pipe, no device. */
void unlink_regular(const char *path);
/* Makes a file of so many bytes that the file system has set aside, and fails where it has not as
 * many. */
int reserve_file(const char *path, size_t bytes, struct err *e);
/* Removes a file or a whole directory tree; never follows symbolic links or leaves the file system.
 * 0 or -errno. */
int remove_tree(const char *path);

#endif
