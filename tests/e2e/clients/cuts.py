# SPDX-License-Identifier: GPL-2.0-or-later
"""An HTTP client that cuts what it sends and receives: cuts.py HOST PORT|PATH PATH COUNT HOW.

HOW names two system calls, SEND-RECEIVE: one of write, sendto, writev, pwritev2, sendmsg,
sendmmsg and one of read, recvfrom, readv, preadv2, recvmsg, recvmmsg. The vector calls take the
request in pieces of 1, 2, 3 ... bytes, cut differently every time, and receive into vectors of
small pieces. Prints the number of answers.
"""

import ctypes
import os
import socket
import sys

_libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("hdr", Msghdr), ("len", ctypes.c_uint)]


def pieces(data, step):
    """Cuts data into pieces of step, step + 1 ... bytes, an empty one among them."""
    out, at = [b""], 0
    while at < len(data):
        out.append(data[at : at + step])
        at, step = at + step, step % 7 + 1
    return out


def _messages(groups):
    """A mmsghdr array over groups of buffers, and what has to live as long as it."""
    keep, headers = [], (Mmsghdr * len(groups))()
    for header, group in zip(headers, groups):
        vector = (Iovec * len(group))()
        for entry, buffer in zip(vector, group):
            entry.base, entry.len = ctypes.addressof(buffer), len(buffer)
        header.hdr.iov, header.hdr.iovlen = ctypes.addressof(vector), len(group)
        keep += [vector, *group]
    return headers, keep


def sendmmsg(s, data, step):
    """Two messages, each of several pieces; a short send goes on with the rest."""
    cuts = [ctypes.create_string_buffer(p, len(p)) for p in pieces(data, step) if p]
    half = max(1, len(cuts) // 2)
    groups = [g for g in (cuts[:half], cuts[half:]) if g]
    headers, _keep = _messages(groups)
    n = _libc.sendmmsg(s.fileno(), headers, len(groups), 0)
    if n < 0:
        raise OSError(ctypes.get_errno(), "sendmmsg")
    return sum(h.len for h in headers[:n])


def recvmmsg(s):
    """Up to two messages; the second only if there is something more (MSG_WAITFORONE)."""
    groups = [[ctypes.create_string_buffer(n) for n in (5, 40, 400)] for _ in range(2)]
    headers, _keep = _messages(groups)
    n = _libc.recvmmsg(s.fileno(), headers, 2, 0x10000, None)
    if n < 0:
        raise OSError(ctypes.get_errno(), "recvmmsg")
    return b"".join(b"".join(b.raw for b in g)[: h.len] for g, h in zip(groups, headers[:n]))


def readv(call):
    buffers = [bytearray(n) for n in (3, 9, 100, 1000)]
    n = call(buffers)
    return b"".join(map(bytes, buffers))[:n]


SEND = {
    "write": lambda s, d, _: os.write(s.fileno(), d),
    "sendto": lambda s, d, _: s.send(d),  # glibc has no other
    "writev": lambda s, d, step: os.writev(s.fileno(), pieces(d, step)),
    "pwritev2": lambda s, d, step: os.pwritev(s.fileno(), pieces(d, step), -1),
    "sendmsg": lambda s, d, step: s.sendmsg(pieces(d, step)),
    "sendmmsg": sendmmsg,
}
RECV = {
    "read": lambda s: os.read(s.fileno(), 700),
    "recvfrom": lambda s: s.recv(64),
    "readv": lambda s: readv(lambda b: os.readv(s.fileno(), b)),
    "preadv2": lambda s: readv(lambda b: os.preadv(s.fileno(), b, -1)),
    "recvmsg": lambda s: readv(lambda b: s.recvmsg_into(b)[0]),
    "recvmmsg": recvmmsg,
}


def answer(receive, s, rest):
    """Reads one response with a Content-Length; what came behind it."""
    while b"\r\n\r\n" not in rest:
        more = receive(s)
        if not more:
            raise EOFError
        rest += more
    head, _, body = rest.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += receive(s)
    return body[length:]


def main():
    host, port, path, count, how = sys.argv[1:]
    send, receive = (table[name] for table, name in zip((SEND, RECV), how.split("-")))
    if host == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.connect(port)
    else:
        s = socket.create_connection((host, int(port)))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    rest = b""
    for n in range(int(count)):
        head = f"GET {path}?n={n} HTTP/1.1\r\nHost: cuts\r\nX-Filler: {'f' * (n % 50)}\r\n\r\n"
        data = head.encode()
        while data:
            data = data[send(s, data, n % 7 + 1) :]
        rest = answer(receive, s, rest)
    s.close()
    print(count)


main()
