"""flanneld's udp back end, as a stand-in for the real daemon: a TUN device, a socket, and a table of peers.

Arguments: device, its address, listen address, MTU, then SUBNET=NEXTHOP for each peer. Written to what upstream's proxy does:
bare IP packets as payload, one TTL taken in each daemon and silence when it runs out, 3/0 with a TTL of 8 for a
destination that nobody leases, never about ICMP. Prints a line when it is ready; ends with its standard input.
"""

import fcntl
import ipaddress
import os
import select
import socket
import struct
import subprocess
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
PORT = 8285


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def lower_ttl(packet):
    """The packet with one TTL less, or None."""
    if packet[8] <= 1:
        return None
    head = bytearray(packet)
    head[8] -= 1
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack("!H", checksum(bytes(head[: (head[0] & 15) * 4])))
    return bytes(head)


def unreachable(packet, source):
    hlen = (packet[0] & 15) * 4
    if packet[9] == 1 or struct.unpack("!H", packet[6:8])[0] & 0x1FFF:
        return None
    quoted = packet[: hlen + 8]
    body = struct.pack("!BBHI", 3, 0, 0, 0) + quoted
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 8, 1, 0, source, packet[12:16])
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def main():
    dev, address, listen, mtu, *table = sys.argv[1:]
    peers = [(ipaddress.ip_network(subnet), hop) for subnet, hop in (p.split("=") for p in table)]
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", dev.encode(), IFF_TUN | IFF_NO_PI))
    for command in (f"addr add {address}/32 dev {dev}", f"link set {dev} mtu {mtu} up"):
        subprocess.run(["ip", *command.split()], check=True)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((listen, PORT))
    print("ready", flush=True)
    while True:
        for ready in select.select([tun, sock, sys.stdin], [], [])[0]:
            if ready is sys.stdin:
                return
            if ready is sock:
                try:
                    packet = lower_ttl(sock.recv(int(mtu)))
                except OSError:
                    continue
                if packet is not None:
                    os.write(tun, packet)
                continue
            packet = os.read(tun, int(mtu))
            if packet[0] >> 4 != 4:
                continue
            target = ipaddress.ip_address(packet[16:20])
            hop = next((hop for subnet, hop in peers if target in subnet), None)
            out = lower_ttl(packet) if hop else unreachable(packet, socket.inet_aton(address))
            if out is None:
                continue
            if hop is None:
                os.write(tun, out)
                continue
            for _ in range(2):
                try:
                    sock.sendto(out, (hop, PORT))
                    break
                except OSError:
                    pass


main()
