# SPDX-License-Identifier: GPL-2.0-or-later
"""An old Kafka client: SaslHandshake 0, a bare PLAIN token, then Fetch 4 of one partition from its
beginning. Prints how many records it got: sasl_tokens.py PORT USER PASSWORD TOPIC PARTITION
"""

import socket
import struct
import sys


def text(s):
    return struct.pack(">h", len(s)) + s.encode()


def exchange(sock, payload):
    """A frame there and a frame back, the size apart as Java does it."""
    sock.sendall(struct.pack(">i", len(payload)))
    sock.sendall(payload)
    size = struct.unpack(">i", take(sock, 4))[0]
    return take(sock, size)


def take(sock, n):
    data = b""
    while len(data) < n:
        data += sock.recv(min(n - len(data), 1000)) or sys.exit("the broker closed")
    return data


def request(sock, api, version, correlation, body):
    head = struct.pack(">hhi", api, version, correlation) + text("tokens")
    answer = exchange(sock, head + body)
    assert struct.unpack_from(">i", answer)[0] == correlation
    return answer[4:]


def records(batches):
    n, at = 0, 0
    while at + 61 <= len(batches):
        size = 12 + struct.unpack_from(">i", batches, at + 8)[0]
        if at + size > len(batches):
            break
        n += struct.unpack_from(">i", batches, at + 57)[0]
        at += size
    return n


def main(port, user, password, topic, partition):
    sock = socket.create_connection(("127.0.0.1", int(port)))
    answer = request(sock, 17, 0, 1, text("PLAIN"))
    assert answer[:2] == b"\0\0", answer
    exchange(sock, f"\0{user}\0{password}".encode())
    body = struct.pack(">iiiib", -1, 500, 1, 10 << 20, 0) + struct.pack(">i", 1) + text(topic)
    body += struct.pack(">iiqi", 1, int(partition), 0, 10 << 20)
    answer = request(sock, 1, 4, 2, body)
    # throttle, topics, name, partitions, index, error, high watermark, stable offset, aborted
    at = 4 + 4 + 2 + len(topic) + 4 + 4
    error, _, _, aborted = struct.unpack_from(">hqqi", answer, at)
    assert error == 0 and aborted <= 0, (error, aborted)
    print(records(answer[at + 22 + 4 :]))


main(*sys.argv[1:])
