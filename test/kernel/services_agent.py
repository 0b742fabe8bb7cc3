"""The real half of the Services lab: servers in Linux network namespaces, and many connections at once from one of them.

One JSON request per line on stdin, one JSON answer per line on stdout. An answer counts what the servers saw, as
"namespace:port from address", and what the clients met: refused, timeout, or the errno of the call.
"""

import ctypes
import errno
import json
import os
import select
import socket
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
servers = {}


def open_in(ns, kind):
    fd = os.open("/var/run/netns/" + ns, os.O_RDONLY)
    try:
        if libc.setns(fd, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns " + ns)
    finally:
        os.close(fd)
    return socket.socket(socket.AF_INET, kind)


def serve(req):
    for name, ns in req["servers"].items():
        for port in req["ports"]:
            tcp = open_in(ns, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind(("0.0.0.0", port))
            tcp.listen(1024)
            udp = open_in(ns, socket.SOCK_DGRAM)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            udp.bind(("0.0.0.0", port))
            for sock, kind in ((tcp, "tcp"), (udp, "udp")):
                sock.setblocking(False)
                servers[sock] = (kind, "%s:%d" % (name, port))
    return {}


def flow(req):
    kind = socket.SOCK_STREAM if req["proto"] == "tcp" else socket.SOCK_DGRAM
    counts = {}

    def count(what):
        counts[what] = counts.get(what, 0) + 1

    waiting = set()
    for _ in range(req["count"]):
        client = open_in(req["ns"], kind)
        client.setblocking(False)
        try:
            client.connect((req["dst"], req["port"]))
        except BlockingIOError:
            pass
        except OSError as error:
            count(errno.errorcode[error.errno])
            client.close()
            continue
        if req["proto"] == "udp":
            try:
                client.send(b"hello")
            except OSError as error:
                count(errno.errorcode[error.errno])
                client.close()
                continue
        waiting.add(client)
    clients = set(waiting)
    end = time.monotonic() + req["timeout"] / 1000
    while waiting:
        left = end - time.monotonic()
        if left <= 0:
            break
        writers = waiting if req["proto"] == "tcp" else []
        poll = select.poll()
        by_fd = {}
        for sock in list(servers) + list(waiting):
            by_fd[sock.fileno()] = sock
            poll.register(sock, select.POLLOUT if sock in writers else select.POLLIN)
        for fd, _ in poll.poll(left * 1000):
            sock = by_fd[fd]
            if sock in servers:
                proto, name = servers[sock]
                try:
                    while True:
                        if proto == "tcp":
                            peer, address = sock.accept()
                            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                            peer.close()
                        else:
                            _, address = sock.recvfrom(64)
                            sock.sendto(b"ok", address)
                        count("%s from %s" % (name, address[0]))
                except BlockingIOError:
                    pass
            elif req["proto"] == "tcp":
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code and code != errno.ECONNRESET:
                    count(errno.errorcode[code])
                waiting.discard(sock)
            else:
                try:
                    sock.recv(64)
                except OSError as error:
                    count(errno.errorcode[error.errno])
                waiting.discard(sock)
    # What connected last may not have been accepted yet.
    time.sleep(0.005)
    for sock, (proto, name) in servers.items():
        try:
            while proto == "tcp":
                peer, address = sock.accept()
                peer.close()
                count("%s from %s" % (name, address[0]))
        except BlockingIOError:
            pass
    for _ in waiting:
        count("timeout")
    for client in clients:
        client.close()
    return {"counts": counts}


OPS = {"serve": serve, "flow": flow}

for line in sys.stdin:
    request = json.loads(line)
    try:
        reply = OPS[request["op"]](request)
    except Exception as error:  # told to the test, which fails with it
        reply = {"failed": repr(error)}
    print(json.dumps(reply), flush=True)
