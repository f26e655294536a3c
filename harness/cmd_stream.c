/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp stream: the built-in traffic. It says, in JSON lines with timestamps, what an application
 * notices of its connection. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "stream.h"
#include "util.h"

static const char *const usage =
    "usage: extcp stream server --bind ADDRESS [--port N] [--echo] [--fast-open] [--congestion "
    "NAME]\n"
    "       extcp stream client --to ADDRESS [--port N] --seconds S [options]\n"
    "\n"
    "The client writes a steady stream on one TCP connection and prints, one JSON object a line, "
    "what the application\n"
    "notices: connected, blocked, error and its errno, the end; and a summary.\n"
    "\n"
    "  --rate BIT/S         how fast it writes (as fast as it can)\n"
    "  --chunk BYTES        of each write (1000)\n"
    "  --user-timeout MS    the application sets TCP_USER_TIMEOUT itself\n"
    "  --app-timeout S      it gives up when nothing was acknowledged for so long\n"
    "  --congestion NAME    congestion control (both)\n"
    "  --echo               the server sends everything back; the time that takes is sampled\n"
    "  --ping               with --echo: request and response, a chunk at a time, as fast as they "
    "come back\n"
    "  --fast-open          connect with TCP Fast Open\n"
    "  --samples MS         RTT, window and bytes acknowledged every so often (100; 0: never)\n";

static int parse(int argc, char **argv, struct stream_options *o, struct err *e)
{
    static const struct option options[] = {{"bind", required_argument, NULL, 'b'},
                                            {"to", required_argument, NULL, 't'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"chunk", required_argument, NULL, 'c'},
                                            {"user-timeout", required_argument, NULL, 'u'},
                                            {"app-timeout", required_argument, NULL, 'a'},
                                            {"congestion", required_argument, NULL, 'C'},
                                            {"echo", no_argument, NULL, 'e'},
                                            {"ping", no_argument, NULL, 'P'},
                                            {"fast-open", no_argument, NULL, 'f'},
                                            {"samples", required_argument, NULL, 'S'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    double v;
    int c, rc = 0;

    while (!rc && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'b':
        case 't':
            o->address = optarg;
            break;
        case 'p':
            rc = cmd_number("port", optarg, 1, 65535, &v, e);
            o->port = (unsigned)v;
            break;
        case 's':
            rc = cmd_number("seconds", optarg, 0.01, 86400, &o->seconds, e);
            break;
        case 'r':
            if (parse_rate(optarg, &o->rate_bps))
                rc = err_usage(e, -EINVAL, "--rate '%s': accepted: a rate such as 400kbit", optarg);
            break;
        case 'c':
            rc = cmd_number("chunk", optarg, 1, STREAM_MAX_CHUNK, &v, e);
            o->chunk = (unsigned)v;
            break;
        case 'u':
            rc = cmd_number("user-timeout", optarg, 1, 86400000, &v, e);
            o->user_timeout_ms = (unsigned)v;
            break;
        case 'a':
            rc = cmd_number("app-timeout", optarg, 0.01, 86400, &o->app_timeout_s, e);
            break;
        case 'C':
            o->congestion = optarg;
            break;
        case 'e':
            o->echo = true;
            break;
        case 'P':
            o->ping = true;
            break;
        case 'f':
            o->fast_open = true;
            break;
        case 'S':
            rc = cmd_number("samples", optarg, 0, 60000, &v, e);
            o->samples_ms = (unsigned)v;
            break;
        case 'h':
            o->help = true;
            return 0;
        default:
            rc = err_usage(e, -EINVAL, "see extcp stream --help");
        }
    }
    if (!rc && optind != argc)
        rc = err_usage(e, -EINVAL, "unknown argument '%s'; see extcp stream --help", argv[optind]);
    return rc;
}

int cmd_stream(int argc, char **argv)
{
    struct stream_options o = {.port = 5000, .chunk = 1000, .samples_ms = 100};
    struct err e = ERR_INIT;
    bool client = argc > 1 && !strcmp(argv[1], "client"),
         server = argc > 1 && !strcmp(argv[1], "server");
    int rc;

    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    if (!client && !server) {
        err_usage(&e, -EINVAL, "accepted: server or client, see extcp stream --help");
        return cmd_fail("stream", &e);
    }
    rc = parse(argc - 1, argv + 1, &o, &e);
    if (!rc && o.help) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    if (!rc && !o.address)
        rc = err_usage(&e, -EINVAL, "%s is missing", client ? "--to ADDRESS" : "--bind ADDRESS");
    if (!rc && client && !(o.seconds > 0))
        rc = err_usage(&e, -EINVAL, "--seconds S is missing");
    if (!rc && o.ping && (!client || !o.echo || o.rate_bps))
        rc = err_usage(&e, -EINVAL, "--ping belongs to a client with --echo and without --rate");
    if (!rc)
        rc = client ? stream_client(&o, &e) : stream_server(&o, &e);
    return rc ? cmd_fail("stream", &e) : EXIT_OK;
}
