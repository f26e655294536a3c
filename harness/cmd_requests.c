/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp requests: many short connections to `extcp stream server --echo`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "requests.h"
#include "util.h"

static const char usage[] =
    "usage: extcp requests --to ADDRESS [--port N] --connections N --seconds S [options]\n"
    "\n"
    "Opens N TCP connections evenly over S seconds to `extcp stream server --echo`. Each sends a\n"
    "request, waits until all of it has come back, is held for a while, and is closed.\n"
    "\n"
    "  --chunk BYTES   of a request (1000, at most 65536)\n"
    "  --hold S        how long a connection stays open after its answer (0.1)\n"
    "  --timeout S     for the answer (10)\n"
    "\n"
    "Output: lines `extcp-metric NAME UNIT VALUE`: opened, completed, failed, and median and 99th\n"
    "percentile of the time until connected and until the answer was there.\n";

static int parse(int argc, char **argv, struct requests_options *o, struct err *e)
{
    static const struct option options[] = {{"to", required_argument, NULL, 't'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"connections", required_argument, NULL, 'n'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"chunk", required_argument, NULL, 'c'},
                                            {"hold", required_argument, NULL, 'H'},
                                            {"timeout", required_argument, NULL, 'T'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    double v = 0;
    int c, rc = 0;

    while (!rc && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 't':
            o->address = optarg;
            break;
        case 'p':
            rc = cmd_number("port", optarg, 1, 65535, &v, e);
            o->port = (unsigned)v;
            break;
        case 'n':
            rc = cmd_number("connections", optarg, 1, 100000, &v, e);
            o->connections = (unsigned)v;
            break;
        case 's':
            rc = cmd_number("seconds", optarg, 0.01, 86400, &o->seconds, e);
            break;
        case 'c':
            rc = cmd_number("chunk", optarg, 1, REQUESTS_MAX_CHUNK, &v, e);
            o->chunk = (unsigned)v;
            break;
        case 'H':
            rc = cmd_number("hold", optarg, 0, 3600, &o->hold_s, e);
            break;
        case 'T':
            rc = cmd_number("timeout", optarg, 0.01, 3600, &o->timeout_s, e);
            break;
        case 'h':
            o->help = true;
            return 0;
        default:
            rc = err_usage(e, -EINVAL, "see extcp requests --help");
        }
    }
    if (!rc && optind != argc)
        rc =
            err_usage(e, -EINVAL, "unknown argument '%s'; see extcp requests --help", argv[optind]);
    if (!rc && !o->address)
        rc = err_usage(e, -EINVAL, "--to ADDRESS is missing");
    if (!rc && (!o->connections || !(o->seconds > 0)))
        rc = err_usage(e, -EINVAL, "%s is missing",
                       o->connections ? "--seconds S" : "--connections N");
    return rc;
}

int cmd_requests(int argc, char **argv)
{
    struct requests_options o = {.port = 5000, .chunk = 1000, .hold_s = 0.1, .timeout_s = 10};
    struct err e = ERR_INIT;
    int rc = parse(argc, argv, &o, &e);

    if (!rc && o.help) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    if (!rc)
        rc = requests_client(&o, &e);
    return rc ? cmd_fail("requests", &e) : EXIT_OK;
}
