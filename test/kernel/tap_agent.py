"""A Linux host whose network card is the emulator: a TAP device in a namespace, and programs that use its TCP.

Arguments: namespace, device, address/length, MAC. File descriptor 3 carries frames both ways, each behind its length in
four bytes (big-endian). Requests come as JSON lines on stdin, each with an id, and run in threads of their own; answers
go to stdout. A process of its own moves the frames.
"""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 2, 0x1000
BLOCK = 1 << 20


def enter(ns):
    fd = os.open("/var/run/netns/" + ns, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns " + ns)
    os.close(fd)


def relay(tap, link):
    """Frames from the device to the emulator and back, until the emulator hangs up."""
    held = b""
    while True:
        ready = select.select([tap, link], [], [])[0]
        if tap in ready:
            batch = []
            try:
                while len(batch) < 512:
                    frame = os.read(tap, 65536)
                    batch.append(len(frame).to_bytes(4, "big"))
                    batch.append(frame)
            except BlockingIOError:
                pass
            link.sendall(b"".join(batch))
        if link in ready:
            data = link.recv(1 << 20)
            if not data:
                return
            held = held + data if held else data
            at, end = 0, len(held)
            while end - at >= 4:
                size = int.from_bytes(held[at : at + 4], "big")
                if end - at - 4 < size:
                    break
                try:
                    os.write(tap, held[at + 4 : at + 4 + size])
                except OSError as error:
                    # EINVAL: what is no frame; EIO: the device is down.
                    if error.errno not in (errno.EINVAL, errno.EIO):
                        raise
                at += 4 + size
            held = held[at:]


def pattern(index):
    """Mebibyte number `index` of every transfer: the number, then bytes that repeat with no power of two."""
    return index.to_bytes(4, "big") + TAIL


TAIL = (bytes(range(251)) * (BLOCK // 251 + 1))[: BLOCK - 4]
sockets = {}
lock = threading.Lock()
ids = [0]


def keep(sock):
    with lock:
        ids[0] += 1
        sockets[ids[0]] = sock
    return {"fd": ids[0]}


def new(req):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The emulator's own; a machine's default may be another, and its namespaces can't be set to one that is restricted.
    for name, value in {"TCP_CONGESTION": "cubic", **req.get("options", {})}.items():
        level = socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP
        raw = value.encode() if isinstance(value, str) else value
        sock.setsockopt(level, 13 if name == "TCP_CONGESTION" else getattr(socket, name), raw)
    if "port" in req:
        sock.bind(("0.0.0.0", req["port"]))
    return sock


def listen(req):
    sock = new(req)
    sock.listen(req.get("backlog", 16))
    return keep(sock)


def accept(req):
    sock, peer = sockets[req["fd"]].accept()
    return {**keep(sock), "peer": list(peer)}


def connect(req):
    sock = new(req)
    sock.settimeout(req.get("timeout"))
    sock.connect((req["dst"], req["dport"]))
    sock.settimeout(None)
    return keep(sock)


def send(req):
    sock = sockets[req["fd"]]
    if "text" in req:
        sock.sendall(req["text"].encode())
        return {"n": len(req["text"])}
    left, index, sha = req["bytes"], 0, hashlib.sha256()
    while left > 0:
        block = memoryview(pattern(index))[:left]
        sha.update(block)
        sock.sendall(block)
        left -= len(block)
        index += 1
    return {"n": req["bytes"], "sha": sha.hexdigest()}


def recv(req):
    """Until so many bytes, or the end of the stream when none are told."""
    sock = sockets[req["fd"]]
    most = req.get("bytes", 1 << 62)
    n, sha, text, eof = 0, hashlib.sha256(), b"", False
    while n < most:
        data = sock.recv(min(most - n, 1 << 20))
        if not data:
            eof = True
            break
        sha.update(data)
        n += len(data)
        if len(text) < 64:
            text += data[:64]
    return {"n": n, "sha": sha.hexdigest(), "text": text[:64].decode("latin1"), "eof": eof}


def shutdown(req):
    sockets[req["fd"]].shutdown(socket.SHUT_WR)
    return {}


def close(req):
    sock = sockets.pop(req["fd"])
    if req.get("reset"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    return {}


def info(req):
    raw = sockets[req["fd"]].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return {"state": raw[0], "retransmits": raw[2], "probes": raw[3], "total_retrans": struct.unpack_from("I", raw, 100)[0]}


def netstat(req):
    """The namespace's counters, by their names in /proc/net/netstat and /proc/net/snmp."""
    counters = {}
    for name in ("netstat", "snmp"):
        lines = open("/proc/thread-self/net/" + name).read().splitlines()
        for keys, values in zip(lines[::2], lines[1::2]):
            prefix = keys.split(":")[0] if name == "snmp" else ""
            for key, value in zip(keys.split()[1:], values.split()[1:]):
                counters[prefix + key] = int(value)
    return {"counters": counters}


def states(req):
    """State of each socket, as /proc/net/tcp numbers them."""
    rows = open("/proc/thread-self/net/tcp").read().splitlines()[1:]
    return {"rows": [[int(r.split()[1].split(":")[1], 16), int(r.split()[2].split(":")[1], 16), int(r.split()[3], 16)] for r in rows]}


def flood(req):
    """SYNs from addresses that are nobody's."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    dst = socket.inet_aton(req["dst"])
    for i in range(req["count"]):
        src = struct.pack("!I", 0x0A620001 + i)
        syn = struct.pack("!HHIIBBHHH", 1024 + i % 60000, req["dport"], i * 7919 & 0xFFFFFFFF, 0, 5 << 4, 2, 64240, 0, 0)
        total = sum(struct.unpack("!16H", src + dst + struct.pack("!HH", 6, len(syn)) + syn))
        total = (total & 0xFFFF) + (total >> 16)
        total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, src, dst)
        sock.sendto(head + syn[:16] + struct.pack("!H", total) + syn[18:], (req["dst"], 0))
    sock.close()
    return {}


def gso(req):
    """Frames with a virtio-net header that calls them super-segments of TCP with their checksum to be completed."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
    sock.bind((req["dev"], 0x0800))
    for frame, size, header in req["frames"]:
        # NEEDS_CSUM, GSO_TCPV4 (with ECN where CWR is set), header length, segment size, where the checksum is.
        kind = 0x81 if bytes.fromhex(frame[94:96])[0] & 0x80 else 1
        sock.send(struct.pack("=BBHHHH", 1, kind, header, size, 34, 16) + bytes.fromhex(frame))
    sock.close()
    return {}


def sh(req):
    done = subprocess.run(req["command"].split(), capture_output=True, text=True)
    return {} if done.returncode == 0 else {"failed": done.stderr}


def ping(req):
    return {"code": subprocess.run(["ping", "-c1", "-W2", req["dst"]], capture_output=True).returncode}


OPS = {f.__name__: f for f in (listen, accept, connect, send, recv, shutdown, close, info, netstat, states, flood, gso, sh, ping)}


def answer(req):
    start = time.monotonic()
    try:
        reply = OPS[req["op"]](req)
    except OSError as error:
        reply = {"errno": errno.errorcode.get(error.errno, type(error).__name__)}
    except Exception as error:
        reply = {"failed": repr(error)}
    line = json.dumps({"id": req["id"], "ms": (time.monotonic() - start) * 1000, **reply}) + "\n"
    with lock:
        sys.stdout.write(line)
        sys.stdout.flush()


def main():
    ns, dev, address, mac = sys.argv[1:]
    enter(ns)
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", dev.encode(), IFF_TAP | IFF_NO_PI))
    for command in (
        f"ip link set {dev} address {mac} txqueuelen 10000",
        f"ip addr add {address} dev {dev}",
        f"ip link set {dev} up",
    ):
        subprocess.run(command.split(), check=True)
    link = socket.socket(fileno=3)
    link.setblocking(True)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            relay(tap, link)
        finally:
            os._exit(0)
    os.close(tap)
    link.detach()
    print(json.dumps({"id": 0}), flush=True)
    try:
        for line in sys.stdin:
            threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
    finally:
        os.kill(child, signal.SIGKILL)
        os._exit(0)


main()
