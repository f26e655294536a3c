#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mininet-star.py HOSTS: the same star with Mininet (every host linked to one hub host); prints start and stop times in seconds."""
import sys
import time

from mininet.log import setLogLevel
from mininet.net import Mininet

setLogLevel("error")
n = int(sys.argv[1])
start = time.monotonic()
net = Mininet(controller=None, build=False)
hub = net.addHost("hub", ip=None)
for i in range(n):
    host = net.addHost("h%d" % (i + 1), ip=None)
    net.addLink(host, hub, params1={"ip": "10.%d.%d.1/24" % (i // 256, i % 256)}, params2={"ip": "10.%d.%d.2/24" % (i // 256, i % 256)})
net.build()
net.start()
up = time.monotonic()
net.stop()
print("%.6f %.6f" % (up - start, time.monotonic() - up))
