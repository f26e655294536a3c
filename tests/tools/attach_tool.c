/* SPDX-License-Identifier: BSD-2-Clause */
/* attach_tool CGROUP link|plain TAG PROGRAM [KEY=VALUE]...: attaches, says so, and waits for the
 * end of its standard input. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "statedir.h"

static void print(const struct extcp_connection *c, void *arg)
{
    char local[64], remote[64], asked[64], granted[64];

    endpoint_text(c->local, c->family, c->local_port, local, sizeof(local));
    endpoint_text(c->remote, c->family, c->remote_port, remote, sizeof(remote));
    program_value_text(arg, c->record.asked, asked, sizeof(asked));
    program_value_text(arg, c->record.granted, granted, sizeof(granted));
    printf("%s %s %s %s asked %s granted %s %s\n", tcp_state_name(c->state),
           c->record.active ? "active" : "passive", local, remote, asked, granted,
           decision_name(c->record.why));
}

int main(int argc, char **argv)
{
    struct program_place place = {.cgroup_fd = -1};
    struct err e = ERR_INIT;
    struct program *p = NULL;
    char c;
    int rc;

    if (argc < 5)
        return EXIT_USAGE;
    place.cgroup_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place.plain_struct_ops = !strcmp(argv[2], "plain");
    place.tag = argv[3];
    rc = statedir_create(&place.state, &e);
    if (!rc)
        rc = program_attach(&p, argv[4], argv + 5, (unsigned)argc - 5, &place, &e);
    if (rc) {
        fprintf(stderr, "%s\n", e.msg);
    } else {
        puts("attached");
        fflush(stdout);
        while (!rc && read(STDIN_FILENO, &c, 1) > 0) {
            rc = program_connections(p, print, (void *)program_declaration(p), &e);
            puts(rc ? e.msg : ".");
            fflush(stdout);
        }
    }
    program_detach(p);
    statedir_remove(place.state);
    return e.status;
}
