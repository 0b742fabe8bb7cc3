"""The real half of conntrack.test.ts: two TUN devices in this network namespace, packets in as hex, packets out as hex.

One JSON request per line on stdin: {"dev": name, "packet": hex} writes the packet into that device, as if it came in
there; {"flush": true} empties the table. One JSON answer per line: {"out": [[dev, hex], ...], "ct": [line, ...]}.
"""

import fcntl
import json
import os
import select
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TUN = 1
IFF_NO_PI = 0x1000


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def drain(fds, wait):
    out = []
    while True:
        ready, _, _ = select.select(list(fds), [], [], wait)
        if not ready:
            return out
        for fd in ready:
            packet = os.read(fd, 65536)
            if packet[0] >> 4 == 4:
                out.append([fds[fd], packet.hex()])


def table():
    with open("/proc/net/nf_conntrack") as f:
        return [line.strip() for line in f if line.startswith("ipv4")]


devices = {name: tun(name) for name in sys.argv[1:]}
names = {fd: name for name, fd in devices.items()}
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request.get("flush"):
        subprocess.run(["conntrack", "-F"], stderr=subprocess.DEVNULL, check=False)
        print(json.dumps({"out": [], "ct": table()}), flush=True)
        continue
    os.write(devices[request["dev"]], bytes.fromhex(request["packet"]))
    # What the packet causes has happened when the write returns; the pause is for the softirq that may follow.
    out = drain(names, 0.0)
    print(json.dumps({"out": out or drain(names, 0.001), "ct": table()}), flush=True)
