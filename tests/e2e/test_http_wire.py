#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How the bytes of HTTP travel: pipelines, vectors and other system calls, IPv6, Unix sockets."""

import collections
import functools
import socket
import sys

from bed import procs, tap
from bed.ledger import http_client_rows, http_rows
from bed.nginx import Nginx
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
CUTS = procs.ROOT / "tests" / "e2e" / "clients" / "cuts.py"


@functools.cache
def nginx():
    return Nginx()


def pipeline(server, rounds, depth, paths):
    """Sends `depth` requests by one call, reads all answers, `rounds` times over one connection."""
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        reader = s.makefile("rb")
        for n in range(rounds):
            batch = [paths[(n + i) % len(paths)] for i in range(depth)]
            s.sendall(
                b"".join(
                    f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
                    for method, path in batch
                )
            )
            for method, _ in batch:
                length = 0
                while line := reader.readline().strip().lower():
                    if line.startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                reader.read(0 if method == "HEAD" else length)
                sent += 1
    return sent


SMALL = [
    ("GET", "/tiny.txt"),
    ("HEAD", "/tiny.txt"),
    ("GET", "/missing"),
    ("GET", "/none"),
    ("GET", "/page/3.txt"),
]
LARGE = SMALL + [("GET", "/large.bin"), ("HEAD", "/large.bin")]


@tap.test(capture=BOTH, depth=[2, 10, 100])
def test_pipelined(capture, depth):
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        sent = pipeline(server, 2000 // depth, depth, LARGE if depth == 2 else SMALL)
        log = server.requests(mark)
        tap.equal(len(log), sent, "lines of the access log")
        # the caller is this script
        statuses = collections.Counter(x.status for x in log)
        r.expect(http_rows(log) + http_client_rows("test_http_wire", statuses))


@tap.test(capture=BOTH, depth=[10, 100])
def test_pipelined_large(capture, depth):
    """Bodies of 100 KiB in a pipeline, heads anywhere in the calls: exact on both ends."""
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        sent = pipeline(server, 1000 // depth, depth, LARGE)
        log = server.requests(mark)
        tap.equal(len(log), sent, "lines of the access log")
        statuses = collections.Counter(x.status for x in log)
        r.expect(
            http_rows(log)
            + http_client_rows("test_http_wire", statuses)
            + [("unparsed", lambda p: p.total("redtap_unparsed_total", protocol="http"), 0)]
        )


@tap.test()
def test_limits_that_are_set():
    """The operator's bounds of connections and of what waits on each: what is beyond is counted."""
    server = nginx()
    args = ["--connections-max", "16", "--http-pending-max", "5", "--select", "exe=nginx"]
    with Redtap("auto", args=args) as r:
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
        for s in held:
            s.sendall(b"GET /tiny.txt HTTP/1.1\r\nHost: x\r\n\r\n")
            assert s.recv(4096).startswith(b"HTTP/1.1 200"), "an answer"
        page = r.scrape()
        tap.equal(page.total("http_requests_total"), 16, "requests")
        lost = page.total("redtap_events_lost_total", cause="conns_max")  # each of their records
        assert lost >= 24, f"{lost} records of 24 connections"
        for s in held:
            s.close()
        procs.until(lambda: r.scrape().total("redtap_connections") == 0, 10, "their ends")
        pipeline(server, 1, 10, [("GET", "/tiny.txt")])
        page = r.scrape()
        tap.equal(page.total("http_requests_total"), 26, "requests in all")
        tap.equal(page.total("redtap_unparsed_total", protocol="http", cause="limit"), 5, "limit")


def cuts(server, how, host="127.0.0.1", port=None, count=300):
    service = f"cuts-{how}"
    out = procs.run(
        [sys.executable, CUTS, host, port or server.port, "/tiny.txt", count, how],
        env={"OTEL_SERVICE_NAME": service},
    )
    tap.equal(int(out), count, f"{how}: answers")
    return http_client_rows(service, {"200": count})


@tap.test(capture=BOTH)
def test_system_calls(capture):
    """Each call that sends and each that receives, heads and answers cut into small vectors."""
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        rows = []
        for how in (
            "write-read",
            "sendto-recvfrom",
            "writev-readv",
            "pwritev2-preadv2",
            "sendmsg-recvmsg",
            "sendmmsg-recvmmsg",
        ):
            rows += cuts(server, how)
        log = server.requests(mark)
        tap.equal(len(log), 6 * 300, "lines of the access log")
        r.expect(rows + http_rows(log))


@tap.test(capture=BOTH)
def test_ipv6(capture):
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        rows = cuts(server, "sendto-recvfrom", host="::1")
        r.expect(rows + http_rows(server.requests(mark)))


@tap.test(capture=BOTH)
def test_unix_socket(capture):
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        rows = cuts(server, "sendto-recvfrom", host="unix", port=server.socket)
        rows += cuts(server, "sendmsg-readv", host="unix", port=server.socket)
        log = server.requests(mark)
        tap.equal(len(log), 600, "lines of the access log")
        r.expect(rows + http_rows(log))


tap.main()
