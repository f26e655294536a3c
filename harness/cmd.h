/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of the command line: one cmd_<verb>.c each, one row each in main.c. */
#ifndef EXTCP_CMD_H
#define EXTCP_CMD_H

#include <jansson.h>
#include <stdint.h>

#include "err.h"

/* argv[0] is the verb. Returns the exit status; a message for stderr has been printed already where
 * it is not 0 or 1. */
int cmd_decode(int argc, char **argv);
int cmd_stream(int argc, char **argv);
int cmd_requests(int argc, char **argv);
int cmd_shell(int argc, char **argv);
int cmd_clean(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_carry(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_command(int argc, char **argv); /* extcp run: a command; experiments are cmd_run's */
int cmd_pm(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_page(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_paper(int argc, char **argv);

/* Prints "extcp VERB: message" (verb may be NULL) to stderr and returns the status to exit with. */
int cmd_fail(const char *verb, const struct err *e);

/* The number that option --KEY was given. EXIT_USAGE, with the value and what is accepted, where it
 * is none from min to max; *out is unchanged then. */
int cmd_number(const char *key, const char *text, double min, double max, double *out,
               struct err *e);
int cmd_whole_number(const char *key, const char *text, uint64_t min, uint64_t max, uint64_t *out,
                     struct err *e);

/* For --json: one object on a line of stdout. Takes j. */
void print_json_line(json_t *j);

/* The program that runs, as a path. Static storage. */
const char *extcp_executable(void);

/* Where topologies/, experiments/ and plots/ are: EXTCP_HOME, else the directory above the
 * executable's build/. Static storage. */
const char *extcp_home(void);

#endif
