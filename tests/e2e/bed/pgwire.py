# SPDX-License-Identifier: GPL-2.0-or-later
"""A PostgreSQL client that says exactly what it is told to, message by message, so that a test
decides what is sent together and what is left unsaid. It runs in the test's own process.
"""

import select
import socket
import struct
import time

SSL, GSS, CANCEL = 80877103, 80877104, 80877102


def msg(kind, body=b""):
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def untyped(code, body=b""):
    return struct.pack("!ii", len(body) + 8, code) + body


def cstr(s):
    return s.encode() + b"\0"


def startup(user, db, version=3 << 16, **more):
    pairs = {"user": user, "database": db, **more}
    return untyped(version, b"".join(cstr(k) + cstr(v) for k, v in pairs.items()) + b"\0")


def Q(sql):
    return msg("Q", cstr(sql))


def P(name, sql):
    return msg("P", cstr(name) + cstr(sql) + struct.pack("!h", 0))


def B(portal="", statement="", *params):
    body = cstr(portal) + cstr(statement) + struct.pack("!hh", 0, len(params))
    for p in params:
        body += struct.pack("!i", len(p)) + p.encode()
    return msg("B", body + struct.pack("!h", 0))


def D(kind, name=""):
    return msg("D", kind.encode() + cstr(name))


def E(portal="", rows=0):
    return msg("E", cstr(portal) + struct.pack("!i", rows))


def C(kind, name=""):
    return msg("C", kind.encode() + cstr(name))


def F(oid, *args):
    body = struct.pack("!ihh", oid, 0, len(args))
    for a in args:
        body += struct.pack("!i", len(a)) + a.encode()
    return msg("F", body + struct.pack("!h", 0))


def d(text):
    return msg("d", text.encode())


S, H, X, DONE = msg("S"), msg("H"), msg("X"), msg("c")


def FAIL(why):
    return msg("f", cstr(why))


class Closed(Exception):
    """The server has closed the connection; `args[0]` is what came before that."""


class Wire:
    """One connection. say() writes all of its arguments in one call; until() reads. Spans are the
    clock right before and right after a call: when in between it did its work is not known here.
    """

    def __init__(self, port, host="127.0.0.1", path=None):
        if path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(f"{path}/.s.PGSQL.{port}")
        else:
            self.sock = socket.create_connection((host, port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.rows = 0  # DataRows
        self.key = b""
        self.heard = []  # (span of its first byte, type)
        self.said = (0, 0)  # span of the last send
        self.read = self.first = (0, 0)  # of the last receive, and of that of rest[0]

    def say(self, *messages):
        before = time.monotonic()
        self.sock.sendall(b"".join(messages))
        self.said = before, time.monotonic()
        return self

    def byte(self):
        return self.sock.recv(1)

    def _one(self):
        """The next message that is there whole, or None."""
        if len(self.rest) < 5:
            return None
        (n,) = struct.unpack_from("!i", self.rest, 1)
        if len(self.rest) < n + 1:
            return None
        kind, body = chr(self.rest[0]), self.rest[5 : n + 1]
        self.rest = self.rest[n + 1 :]
        if kind == "D":
            self.rows += 1
        if kind == "K":
            self.key = body
        return kind, body

    def until(self, *last, timeout=60):
        """Reads up to one of these types, as often as it stands there: until("Z", "Z") reads two.
        What came, as a string of types.
        """
        wanted, said = list(last), ""
        end = time.monotonic() + timeout
        while wanted:
            while wanted and (m := self._one()):
                self.heard.append((self.first, m[0]))
                self.first = self.read
                said += m[0]
                if m[0] == wanted[0]:
                    wanted.pop(0)
            if not wanted:
                break
            if not select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"waits for {wanted} behind {said!r}")
            before = time.monotonic()
            data = self.sock.recv(65536)
            self.read = before, time.monotonic()
            if not self.rest:
                self.first = self.read
            if not data:
                raise Closed(said)
            self.rest += data
        return said

    def ask(self, *messages, units=1):
        """Says, and reads so many ReadyForQuery."""
        return self.say(*messages).until(*["Z"] * units)

    def begin(self, db, user="app", **more):
        self.ask(startup(user, db, **more))
        return self

    def end(self):
        self.say(X)
        self.sock.close()


def session(port, db, **more):
    return Wire(port).begin(db, **more)
