# SPDX-License-Identifier: GPL-2.0-or-later
"""Kafka by script, both ends timed: timed_kafka.py serve PORT BOOK
                                    timed_kafka.py ask PORT BOOK NAME < PLAN

PLAN has a request per line: [SCRIPT, "produce", records], [SCRIPT, "fetch", offset, records, mark]:
the broker answers a fetch by that many records and that high watermark. The script, steps
joined by `.`, comes as the client id: wN wait N us, bN send N bytes of the response, a the rest.
Versions: ApiVersions 0, Produce 3, Fetch 4.
"""

import json
import socket
import struct
import sys

from stamps import Book, Stream, Wire, serve, sleep_us, steady

TOPIC = "timed"
PRODUCE, FETCH, API_VERSIONS = 0, 1, 18
BATCH_BYTES = 61


def string(s):
    return struct.pack("!h", len(s)) + s.encode()


def batch(offset, records):
    """A record batch of format 2 (a checksum is not looked at here)."""
    body = b"".join(b"\x12\x00\x00\x00\x01\x06abc\x00" for _ in range(records))
    head = struct.pack("!ibihiqqqhii", 0, 2, 0, 0, records - 1, 0, 0, -1, -1, -1, records)
    return struct.pack("!qi", offset, len(head) + len(body)) + head + body


def frame(body):
    return struct.pack("!i", len(body)) + body


def request(api, version, correlation, client, body):
    return frame(struct.pack("!hhi", api, version, correlation) + string(client) + body)


def produce(records):
    data = batch(0, records)
    return (
        struct.pack("!hhii", -1, -1, 30000, 1)
        + string(TOPIC)
        + struct.pack("!iii", 1, 0, len(data))
        + data
    )


def fetch(offset):
    """max_wait and the rest are as a consumer sends them; what the broker is to answer is in the
    client id.
    """
    return (
        struct.pack("!iiiib", -1, 500, 1, 1 << 20, 0)
        + struct.pack("!i", 1)
        + string(TOPIC)
        + struct.pack("!iiqi", 1, 0, offset, 1 << 20)
    )


def answer(api, client):
    if api == API_VERSIONS:
        rows = (PRODUCE, 3, 3), (FETCH, 4, 4), (API_VERSIONS, 0, 0)
        return struct.pack("!hi", 0, 3) + b"".join(struct.pack("!hhh", *row) for row in rows)
    if api == PRODUCE:
        return (
            struct.pack("!i", 1)
            + string(TOPIC)
            + struct.pack("!iihqq", 1, 0, 0, 0, -1)
            + struct.pack("!i", 0)
        )
    offset, records, mark = map(int, client.split("/")[1:])
    data = batch(offset, records) if records else b""
    return (
        struct.pack("!ii", 0, 1)
        + string(TOPIC)
        + struct.pack("!iihqqii", 1, 0, 0, mark, mark, -1, len(data))
        + data
    )


def take_frame(stream):
    """(body, span of the frame's first byte, span of its last)"""
    size, first, _ = stream.take(4)
    body, _, last = stream.take(struct.unpack("!i", size)[0])
    return body, first, last


def answer_all(sock, book):
    wire = Wire(sock)
    stream = Stream(wire)
    while True:
        body, _, start = take_frame(stream)
        api, _, correlation, n = struct.unpack("!hhih", body[:10])
        client = body[10 : 10 + n].decode()
        data = frame(struct.pack("!i", correlation) + answer(api, client))
        first = last = None
        for step in client.partition("/")[0].split("."):
            if step[0] == "w":
                sleep_us(int(step[1:]))
                continue
            n = len(data) if step == "a" else int(step[1:])
            span, last = wire.send(data[:n])
            first, data = first or span, data[n:]
        if api != API_VERSIONS:
            book.write(client, start, first, last)


def main():
    role, port, book = sys.argv[1], int(sys.argv[2]), Book(sys.argv[3])
    steady()
    if role == "serve":
        serve(port, lambda sock: answer_all(sock, book))
    wire = Wire(socket.create_connection(("127.0.0.1", port)))
    stream = Stream(wire)
    wire.send(request(API_VERSIONS, 0, 0, "a", b""))
    take_frame(stream)
    for correlation, line in enumerate(sys.stdin, 1):
        script, kind, *numbers = json.loads(line)
        if kind == "produce":
            data = request(PRODUCE, 3, correlation, script, produce(*numbers))
        else:
            client = "/".join([script, *map(str, numbers)])
            data = request(FETCH, 4, correlation, client, fetch(numbers[0]))
        _, start = wire.send(data)
        _, first, last = take_frame(stream)
        book.write(sys.argv[4], start, first, last)


main()
