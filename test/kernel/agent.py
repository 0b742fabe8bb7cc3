"""The real half of the kernel lab: opens sockets in Linux network namespaces and reports what they get.

One JSON request per line on stdin, one JSON answer per line on stdout. The emulated half (podwire.ts) answers the same
requests with the emulator's sockets; what they mean is written down in world.ts.
"""

import base64
import ctypes
import errno
import json
import os
import select
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
IP_MTU_DISCOVER = 10
IP_RECVTTL = 12
ETH_P_ALL = 3
PACKET_OUTGOING = 4
libc = ctypes.CDLL(None, use_errno=True)
taps = {}
ids = [0x4000]


def enter(ns):
    fd = os.open("/var/run/netns/" + ns, os.O_RDONLY)
    try:
        if libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns " + ns)
    finally:
        os.close(fd)


def open_in(ns, family, kind, proto=0):
    enter(ns)
    return socket.socket(family, kind, proto)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tune(sock, req):
    sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, 2 if req.get("df") else 0)
    if "ttl" in req:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, req["ttl"])
    if "tos" in req:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, req["tos"])


def answer_of(packet, ident, proto, dst):
    """The ICMP message in an IP packet, if it answers our probe."""
    hlen = (packet[0] & 15) * 4
    kind, code = packet[hlen], packet[hlen + 1]
    found = {
        "type": kind,
        "code": code,
        "from": socket.inet_ntoa(packet[12:16]),
        "ttl": packet[8],
        "tos": packet[1],
        "len": len(packet),
    }
    if hlen > 20:
        found["options"] = packet[20:hlen].hex()
    if kind == 12:
        found["pointer"] = packet[hlen + 4]
    if kind == 0:
        return found if struct.unpack("!H", packet[hlen + 4 : hlen + 6])[0] == ident else None
    if kind not in (3, 5, 11, 12):
        return None
    quote = packet[hlen + 8 :]
    qlen = (quote[0] & 15) * 4
    if quote[9] != proto or socket.inet_ntoa(quote[16:20]) != dst:
        return None
    if proto == 1 and struct.unpack("!H", quote[qlen + 4 : qlen + 6])[0] != ident:
        return None
    found["quotedTtl"] = quote[8]
    found["quotedSrc"] = socket.inet_ntoa(quote[12:16])
    found["quote"] = quote.hex()
    if kind == 3 and code == 4:
        found["mtu"] = struct.unpack("!H", packet[hlen + 6 : hlen + 8])[0]
    if kind == 5:
        found["gateway"] = socket.inet_ntoa(packet[hlen + 4 : hlen + 8])
    return found


def echo(req):
    ids[0] += 1
    ident = ids[0] & 0xFFFF
    proto = req.get("proto", 1)
    listener = open_in(req["ns"], socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    options = bytes.fromhex(req.get("options", ""))
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, 255 if options else proto)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    tune(sender, req)
    if "src" in req:
        sender.bind((req["src"], 0))
    size = req.get("size", 84) - 20
    start = time.monotonic()
    answers = []
    wanted = req.get("answers", 1)
    try:
        for seq in range(req.get("count", 1)):
            body = bytes(i & 0xFF for i in range(size - 8))
            head = struct.pack("!BBHHH", 8, 0, 0, ident, seq)
            if proto == 1:
                head = struct.pack("!BBHHH", 8, 0, checksum(head + body), ident, seq)
            front = b""
            if options:
                size = 20 + len(options) + len(head + body)
                front = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, size, 0, 0, req.get("ttl", 64), proto, 0)
                front += bytes(4) + socket.inet_aton(req["dst"]) + options
            sender.sendto(front + head + body, (req["dst"], 0))
    except OSError as error:
        listener.close()
        sender.close()
        return {"errno": errno.errorcode[error.errno], "answers": []}
    while len(answers) < wanted:
        left = start + req["timeout"] / 1000 - time.monotonic()
        if left <= 0 or not select.select([listener], [], [], left)[0]:
            break
        found = answer_of(listener.recv(65535), ident, proto, req["dst"])
        if found is not None:
            found["ms"] = (time.monotonic() - start) * 1000
            answers.append(found)
    listener.close()
    sender.close()
    return {"answers": answers}


def udp(req):
    server = None
    if "server" in req:
        server = open_in(req["server"], socket.AF_INET, socket.SOCK_DGRAM)
        server.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        server.bind((req.get("bind", "0.0.0.0"), req["listen"]))
    client = open_in(req["ns"], socket.AF_INET, socket.SOCK_DGRAM)
    tune(client, req)
    result = {}
    start = time.monotonic()
    try:
        client.connect((req["dst"], req["port"]))
        client.send(bytes(req.get("size", 64) - 28))
    except OSError as error:
        result["errno"] = errno.errorcode[error.errno]
    watched = [s for s in (server, client) if s is not None]
    while "errno" not in result and "reply" not in result:
        left = start + req["timeout"] / 1000 - time.monotonic()
        ready = select.select(watched, [], [], max(left, 0))[0] if left > 0 else []
        if not ready:
            break
        if server in ready:
            data, control, _, peer = server.recvmsg(65535, 64)
            ttl = next(struct.unpack("i", c[2])[0] for c in control if c[1] == socket.IP_TTL)
            result["seen"] = {"src": peer[0], "ttl": ttl, "len": len(data) + 28}
            server.sendto(b"ok", peer)
        if client in ready:
            try:
                client.recv(65535)
                result["reply"] = True
            except OSError as error:
                result["errno"] = errno.errorcode[error.errno]
                result["ms"] = (time.monotonic() - start) * 1000
    for s in watched:
        s.close()
    return result


def tcp(req):
    server = None
    if "server" in req:
        server = open_in(req["server"], socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((req.get("bind", "0.0.0.0"), req["listen"]))
        server.listen(8)
        server.setblocking(False)
    client = open_in(req["ns"], socket.AF_INET, socket.SOCK_STREAM)
    client.setblocking(False)
    result = {}
    start = time.monotonic()
    code = client.connect_ex((req["dst"], req["port"]))
    if code not in (0, errno.EINPROGRESS):
        result["errno"] = errno.errorcode[code]
    elif code == errno.EINPROGRESS:
        if select.select([], [client], [], req["timeout"] / 1000)[1]:
            code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                result["errno"] = errno.errorcode[code]
                result["ms"] = (time.monotonic() - start) * 1000
            else:
                result["connected"] = True
    if result.get("connected") and server is not None:
        if select.select([server], [], [], 1)[0]:
            peer, address = server.accept()
            result["seen"] = {"src": address[0]}
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
    client.close()
    if server is not None:
        server.close()
    return result


def raw(req):
    """An IP packet as it is, but for what IP_HDRINCL fills in: total length, checksum, and identification and source if 0."""
    sock = open_in(req["ns"], socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    try:
        for packet in req["packets"]:
            data = bytes.fromhex(packet)
            sock.sendto(data, (socket.inet_ntoa(data[16:20]), 0))
    except OSError as error:
        return {"errno": errno.errorcode[error.errno]}
    finally:
        sock.close()
    return {}


def conntrack(req):
    enter(req["ns"])
    return {"lines": open("/proc/thread-self/net/nf_conntrack").read().splitlines()}


def tap(req):
    enter(req["ns"])
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((req["dev"], ETH_P_ALL))
    sock.setblocking(False)
    taps[req["id"]] = sock
    return {}


def untap(req):
    sock = taps.pop(req["id"])
    frames = []
    while True:
        try:
            data, address = sock.recvfrom(65535)
        except BlockingIOError:
            break
        frames.append({"out": address[2] == PACKET_OUTGOING, "frame": base64.b64encode(data).decode()})
    sock.close()
    return {"frames": frames}


def wait(req):
    time.sleep(req["ms"] / 1000)
    return {}


OPS = {"echo": echo, "udp": udp, "tcp": tcp, "tap": tap, "untap": untap, "wait": wait, "raw": raw, "conntrack": conntrack}

for line in sys.stdin:
    request = json.loads(line)
    try:
        reply = OPS[request["op"]](request)
    except Exception as error:  # told to the test, which fails with it
        reply = {"failed": repr(error)}
    print(json.dumps(reply), flush=True)
