/* SPDX-License-Identifier: BSD-2-Clause */
#include "offload.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

/* In this order: TSO needs checksum offload, so it goes first when turning off and last when
 * turning on. */
static const struct {
    uint32_t set, get;
    const char *name;
} features[] = {
    {ETHTOOL_STSO, ETHTOOL_GTSO, "TSO"},
    {ETHTOOL_SGSO, ETHTOOL_GGSO, "GSO"},
    {ETHTOOL_SGRO, ETHTOOL_GGRO, "GRO"},
    {ETHTOOL_STXCSUM, ETHTOOL_GTXCSUM, "tx-checksumming"},
};

static int one(int fd, const char *name, uint32_t cmd, uint32_t *value)
{
    struct ethtool_value v = {.cmd = cmd, .data = *value};
    struct ifreq ifr = {.ifr_data = (char *)&v};

    memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    if (ioctl(fd, SIOCETHTOOL, &ifr) < 0)
        return -errno;
    *value = v.data;
    return 0;
}

static int set_one(int fd, const char *name, bool on, struct err *e)
{
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        unsigned f = on ? ARRAY_SIZE(features) - 1 - i : i;
        uint32_t now = 0, want = on;
        int rc;

        if (features[f].set == ETHTOOL_STXCSUM && !strcmp(name, "lo"))
            continue; /* fixed there: what never leaves the machine needs no checksum */
        rc = one(fd, name, features[f].get, &now);
        if (!rc && now != want) {
            rc = one(fd, name, features[f].set, &want);
            now = 2;
            if (!rc)
                rc = one(fd, name, features[f].get, &now);
            if (!rc && now != on)
                return err_broke(e, -EIO, "link %s: %s: set %s, read back %s", name,
                                 features[f].name, on ? "on" : "off", now ? "on" : "off");
        }
        if (rc)
            return err_broke(e, rc, "link %s: %s %s: %s", name, features[f].name, on ? "on" : "off",
                             strerror(-rc));
    }
    return 0;
}

int offload_set(const char *const *names, const bool *on, unsigned n, struct err *e)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

    if (fd < 0)
        return err_broke(e, -errno, "socket: %s", strerror(errno));
    for (unsigned i = 0; !rc && i < n; i++)
        rc = set_one(fd, names[i], on[i], e);
    close(fd);
    return rc;
}
