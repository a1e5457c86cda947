# SPDX-License-Identifier: GPL-2.0-or-later
"""A socket that remembers when: the clock of redtap (CLOCK_MONOTONIC) read right before and right
after every system call. Of any moment inside the kernel this is all a process can know.

An exchange is booked as one line of JSON: its name and three spans [before, after] in ns, of the
call that moved its first byte, the first byte of the answer, and the last byte of the answer.
"""

import contextlib
import gc
import json
import os
import socket
import time

RECV_BYTES = 1 << 16


def steady():
    """Real-time scheduling where the host allows it: what waits for a CPU between a call and its
    stamp is not in the stamp then.
    """
    gc.disable()
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))


def sleep_us(n):
    if n:
        time.sleep(n / 1e6)


class Wire:
    def __init__(self, sock):
        self.sock = sock
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        """Sends all of it; the spans of the first and the last call."""
        first = None
        while True:
            before = time.monotonic_ns()
            n = self.sock.send(data)
            after = time.monotonic_ns()
            first = first or (before, after)
            data = data[n:]
            if not data:
                return first, (before, after)

    def recv(self):
        """What one call brings, and its span; b"" at the end."""
        before = time.monotonic_ns()
        data = self.sock.recv(RECV_BYTES)
        return data, (before, time.monotonic_ns())


class Stream:
    """Bytes taken in order from a wire; knows which call brought each."""

    def __init__(self, wire):
        self.wire = wire
        self.rest = b""
        self.span = None  # of the last byte of `rest`
        self.borders = []  # (bytes of `rest` from here on, span that brought what is before)

    def more(self):
        data, span = self.wire.recv()
        if not data:
            raise EOFError
        if self.rest:
            self.borders.append((len(self.rest), self.span))
        self.rest += data
        self.span = span

    def at(self, n):
        """The span of the call that brought byte n of `rest`, which is there."""
        return next((span for end, span in self.borders if n < end), self.span)

    def take(self, n):
        """n bytes, the span of the first and that of the last of them."""
        while len(self.rest) < n:
            self.more()
        data, first, last = self.rest[:n], self.at(0), self.at(n - 1)
        self.rest = self.rest[n:]
        self.borders = [(end - n, span) for end, span in self.borders if end > n]
        return data, first, last

    def take_to(self, mark):
        while mark not in self.rest:
            self.more()
        return self.take(self.rest.index(mark) + len(mark))


class Book:
    """Appends exchanges to a file, several processes at once."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, name, start, first, last, **more):
        entry = {"name": name, "start": start, "first": first, "last": last, **more}
        os.write(self.fd, json.dumps(entry).encode() + b"\n")


def serve(port, talk):
    """Forks for every connection and calls talk(socket) there, until it is killed."""
    import signal

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.create_server(("127.0.0.1", port), backlog=256) as listener:
        while True:
            sock, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                with contextlib.suppress(EOFError, ConnectionError):
                    talk(sock)
                os._exit(0)
            sock.close()
