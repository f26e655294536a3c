/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "verbs.h"

/* What was printed has arrived, or is known not to: whoever reads a file that a full disk cut short
 * is told by the exit status. A reader that went away (`| head`) wanted no more. */
static int check_stdout(int status)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return status;
    if (errno == EPIPE)
        return status;
    fprintf(stderr, "extcp: stdout: cannot write: %s\n", strerror(errno ? errno : EIO));
    return status == EXIT_OK ? EXIT_BROKE : status;
}

int main(int argc, char **argv)
{
    const struct verb *v = argc > 1 ? verb_find(argv[1]) : NULL;

    return check_stdout(v ? v->fn(argc - 1, argv + 1) : cmd_run(argc, argv));
}
