# SPDX-License-Identifier: GPL-2.0-or-later
"""PostgreSQL by hand, timed: timed_pg.py PORT USER DATABASE BOOK < PLAN

PLAN has exchanges of one name per line, [NAME, [STEP, ...]], on one connection. A step is one of
  ["Q", sql] ["P", name, sql] ["B", name] ["E"] ["D", name] ["H"] ["S"]  puts the message by
  ["d", rows] ["c"]                                         that letter into the next call
  ["go"] sends what was put    ["wait", us]    ["to", letter] reads to that message of the server
  ["clock"] what is sent next is the start, not what was sent before
"""

import contextlib
import json
import os
import socket
import struct
import sys

from stamps import Book, Stream, Wire, sleep_us, steady


def message(letter, body=b""):
    return letter + struct.pack("!i", len(body) + 4) + body


def text(s):
    return s.encode() + b"\0"


MESSAGES = {
    "Q": lambda sql: message(b"Q", text(sql)),
    "P": lambda name, sql: message(b"P", text(name) + text(sql) + b"\0\0"),
    "B": lambda name: message(b"B", b"\0" + text(name) + b"\0\0\0\0\0\0"),
    "E": lambda: message(b"E", b"\0\0\0\0\0"),
    "D": lambda name: message(b"D", b"S" + text(name)),
    "H": lambda: message(b"H"),
    "S": lambda: message(b"S"),
    "d": lambda rows: message(b"d", b"1\tcopied\n" * rows),
    "c": lambda: message(b"c"),
}


class Session:
    def __init__(self, port, user, database):
        self.wire = Wire(socket.create_connection(("127.0.0.1", port)))
        self.stream = Stream(self.wire)
        body = struct.pack("!i", 196608) + text("user") + text(user)
        body += text("database") + text(database) + b"\0"
        self.wire.send(struct.pack("!i", len(body) + 4) + body)
        self.read_to("Z")

    def read_to(self, wanted):
        """The spans of the first row, if there was one, and of the last byte of the message."""
        row = None
        while True:
            head, first, last = self.stream.take(5)
            letter, length = struct.unpack("!ci", head)
            body = b""
            if length > 4:
                body, _, last = self.stream.take(length - 4)
            if letter == b"D":
                row = row or first
            elif letter == b"K":  # the backend's process: it shall not wait for a CPU either
                with contextlib.suppress(OSError):
                    os.sched_setscheduler(
                        struct.unpack("!ii", body)[0], os.SCHED_FIFO, os.sched_param(20)
                    )
            elif letter == b"E" and wanted != "E":
                raise RuntimeError(body)
            if letter == wanted.encode():
                return row, last

    def run(self, steps):
        """Yields (start, first row, last) at every ReadyForQuery the steps read to."""
        start = row = None
        fresh, pending = True, b""
        for op, *args in steps:
            if op == "go":
                span, _ = self.wire.send(pending)
                if fresh:
                    start, row, fresh = span, None, False
                pending = b""
            elif op == "wait":
                sleep_us(args[0])
            elif op == "clock":
                fresh = True
            elif op == "to":
                seen, last = self.read_to(args[0])
                row = row or seen
                if args[0] == "Z":
                    yield start, row, last
                    row, fresh = None, True
            else:
                pending += MESSAGES[op](*args)


def main():
    port, user, database, book = sys.argv[1:]
    steady()
    session, book = Session(int(port), user, database), Book(book)
    for line in sys.stdin:
        name, steps = json.loads(line)
        for exchange in session.run(steps):
            book.write(name, *exchange)
    session.wire.send(message(b"X"))


main()
