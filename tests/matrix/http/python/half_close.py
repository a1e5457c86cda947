# SPDX-License-Identifier: GPL-2.0-or-later
"""half_close.py URL PLAN: each request over a connection of its own, of which the sending half is
closed at once; then reads to the end. A server that goes without an answer counts as "error".
"""

import collections
import json
import platform
import socket
import sys
from urllib.parse import urlsplit


def ask(where, method, path, size):
    with socket.create_connection((where.hostname, where.port), timeout=10) as s:
        body = b"" if size is None else b"h" * size
        length = f"Content-Length: {size}\r\n" if body else ""
        s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{length}\r\n".encode() + body)
        s.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except ConnectionResetError:
            pass
        return got[9:12].decode() or "error"


url, plan = urlsplit(sys.argv[1]), json.loads(sys.argv[2])
done = collections.Counter()
for method, path, size, count in plan:
    for _ in range(count):
        done[method, path, ask(url, method, path, size)] += 1
print(json.dumps({"version": f"Python {platform.python_version()}", "done": [[*k, n] for k, n in done.items()]}))
