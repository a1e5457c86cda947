# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP by script, both ends timed: timed_http.py serve PORT BOOK
                                   timed_http.py ask PORT BOOK CONNECTIONS < PLAN

A request's query is the script of its answer, steps joined by `.`:
  wN wait N us   c 100 Continue   r read the request's body   sN status N
  hN head, body of N bytes announced   bN N bytes of it   fN head and body in one call
  k head of a chunked body   dN a chunk of N bytes   e its end
PLAN has a round per line, [[METHOD, TARGET, BODY], ...]: the requests of a round are sent by one
call, the rounds of a connection follow each other. A BODY of N bytes is sent after 100 Continue.
"""

import json
import os
import socket
import sys

from stamps import Book, Stream, Wire, serve, sleep_us, steady


def content_length(head):
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


class Answer:
    """Runs a script on a connection and knows when its first and last byte left."""

    def __init__(self, wire, stream, body):
        self.wire, self.stream, self.body = wire, stream, body
        self.status = 200
        self.first = self.last = None

    def send(self, data):
        first, self.last = self.wire.send(data)
        self.first = self.first or first

    def head(self, field):
        return f"HTTP/1.1 {self.status} Because\r\n{field}\r\n\r\n".encode()

    def step(self, do, n):
        if do == "w":
            sleep_us(n)
        elif do == "s":
            self.status = n
        elif do == "c":
            self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif do == "r":
            self.stream.take(self.body)
        elif do == "h":
            self.send(self.head(f"Content-Length: {n}"))
        elif do == "f":
            self.send(self.head(f"Content-Length: {n}") + b"x" * n)
        elif do == "b":
            self.send(b"x" * n)
        elif do == "k":
            self.send(self.head("Transfer-Encoding: chunked"))
        elif do == "d":
            self.send(b"%x\r\n" % n + b"x" * n + b"\r\n")
        elif do == "e":
            self.send(b"0\r\n\r\n")
        else:
            raise ValueError(do)


def answer_all(sock, book):
    wire = Wire(sock)
    stream = Stream(wire)
    while True:
        head, start, _ = stream.take_to(b"\r\n\r\n")
        target = head.split(b" ", 2)[1].decode()
        path, _, script = target.partition("?")
        answer = Answer(wire, stream, content_length(head))
        for step in script.split("."):
            answer.step(step[0], int(step[1:] or 0))
        book.write(path, start, answer.first, answer.last)


def read_answer(stream):
    """(status, span of its first byte, span of its last); interim ones are read over."""
    while True:
        head, first, last = stream.take_to(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status >= 200:
            break
    if b"chunked" in head:
        size = None
        while size != 0:
            size = int(stream.take_to(b"\r\n")[0], 16)
            _, _, last = stream.take(size + 2)
    elif n := content_length(head):
        _, _, last = stream.take(n)
    return status, first, last


def request(method, target, body):
    fields = f"Content-Length: {body}\r\nExpect: 100-continue\r\n" if body else ""
    return f"{method} {target} HTTP/1.1\r\nHost: timed\r\n{fields}\r\n".encode()


def ask_round(wire, stream, requests, book):
    start, _ = wire.send(b"".join(request(*r) for r in requests))
    for _, target, body in requests:
        if body:
            stream.take_to(b"\r\n\r\n")
            wire.send(b"y" * body)
        status, first, last = read_answer(stream)
        book.write(target.partition("?")[0], start, first, last, status=status)


def ask_rounds(port, rounds, book):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        wire = Wire(sock)
        stream = Stream(wire)
        for requests in rounds:
            ask_round(wire, stream, requests, book)


def main():
    role, port, book = sys.argv[1], int(sys.argv[2]), Book(sys.argv[3])
    steady()
    if role == "serve":
        serve(port, lambda sock: answer_all(sock, book))
    connections = int(sys.argv[4])
    rounds = [json.loads(line) for line in sys.stdin]
    children = []
    for n in range(connections):
        children.append(os.fork())
        if not children[-1]:
            ask_rounds(port, rounds[n::connections], book)
            os._exit(0)
    sys.exit(any([os.waitpid(pid, 0)[1] for pid in children]))


main()
