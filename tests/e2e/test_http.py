#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP against nginx: its access log is the ledger."""

import collections
import functools
import http.server
import socket
import threading

from bed import load, procs, tap
from bed.ledger import endpoint, http_client_rows, http_rows
from bed.nginx import TINY_BYTES, Nginx
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
SINCE = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
MIX = [
    ("GET", "/tiny.txt", None, None),
    ("GET", "/tiny.txt?q=1", SINCE, None),
    ("GET", "/missing/17", None, None),
    ("GET", "/none", None, None),
    ("POST", "/echo", None, "b" * 300),
    ("GET", "/page/1.txt", None, None),
    ("GET", "/page/2.txt", None, None),
    ("PUT", "/tiny.txt", None, "c" * 3000),
    ("GET", "/users/8f14e45fceea167a5a36dedd4bea2543/orders", None, None),
    ("GET", "/broken", None, None),
]


@functools.cache
def nginx():
    return Nginx()


@tap.test(capture=BOTH)
def test_ab(capture):
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        done, bad = load.ab(server.url("/tiny.txt"), 20000, connections=50)
        tap.equal((done, bad), (20000, 0), "ab's own count")
        log = server.requests(mark)
        tap.equal(len(log), 20000, "lines of the access log")
        r.expect(
            http_rows(log)
            + http_client_rows("ab", {"200": done})
            + [
                (
                    "ab: endpoints",
                    lambda p: p.by("endpoint", "http_client_requests_total", service="ab"),
                    {"/tiny.txt": done},
                ),
                (
                    "ab: durations",
                    lambda p: p.total("http_client_request_duration_seconds_count", service="ab"),
                    done,
                ),
                (
                    "nothing in flight",
                    lambda p: p.total("http_requests_in_flight", service="nginx"),
                    0,
                ),
            ]
        )


@tap.test(capture=BOTH)
def test_wrk_for_a_time(capture):
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        done, rate = load.wrk(
            server.url("/"),
            5 if capture == "socket" else 3,
            connections=50,
            script=load.wrk_script(MIX),
        )
        log = server.requests(mark)
        tap.note(f"{rate:.0f} requests/s, {len(log)} in the access log, {done} completed")
        tap.require(len(log) >= done > 1000, "wrk did its work")
        # nginx drops the bodies of /echo and PUT unread by $request_length: no sizes here
        r.expect(
            http_rows(log, sizes=False)
            + [
                (
                    "wrk: calls that were answered",
                    lambda p: p.total("http_client_requests_total", service="wrk")
                    - p.total("http_client_requests_total", service="wrk", status="error"),
                    done,
                )
            ]
        )
        page = r.scrape()
        tap.equal(
            set(page.by("endpoint", "http_requests_total", service="nginx")),
            {endpoint(path) for _, path, _, _ in MIX},
            "endpoints",
        )
        tap.equal(
            page.total("errors_total", service="nginx", error_type="http_503"),
            sum(x.status == "503" for x in log),
            "errors_total of 503",
        )


@tap.test(capture=BOTH)
def test_head(capture):
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        done, _ = load.ab(server.url("/large.bin"), 2000, connections=10, args=["-i"])
        log = server.requests(mark)
        tap.equal({(x.method, x.status) for x in log}, {("HEAD", "200")}, "the access log")
        r.expect(http_rows(log) + http_client_rows("ab", {"200": done}))


@tap.test(capture=BOTH, sendfile=[True, False])
def test_large_bodies(capture, sendfile):
    server = Nginx(sendfile=sendfile)
    try:
        with Redtap(capture) as r:
            done, _ = load.ab(server.url("/large.bin"), 2000, connections=8)
            log = server.requests()
            tap.equal(len(log), done, "lines of the access log")
            r.expect(http_rows(log) + http_client_rows("ab", {"200": done}))
    finally:
        server.stop()


@tap.test(capture=BOTH)
def test_proxy_is_server_and_client(capture):
    server = nginx()
    mark = server.mark()
    with Redtap(capture) as r:
        # ab ends with its last answer: the proxy cuts no request of its own
        body = procs.OUT / "e2e" / "post.txt"
        body.write_text("d" * 20000)
        for path, args in (
            ("/proxy/tiny.txt", ()),
            ("/proxy/echo", ("-p", str(body), "-T", "text/plain")),
            ("/proxy/large.bin", ()),
            ("/proxy/missing", ()),
        ):
            load.ab(server.url(path), 300, connections=10, args=args)
        log = server.requests(mark)
        back = [x for x in log if x.port == str(server.back_port)]
        tap.require(len(back) > 500, "requests went through the proxy")
        r.expect(
            http_rows(log, sizes=False)
            + http_client_rows("nginx", collections.Counter(x.status for x in back))
            + [
                (
                    "by peer",
                    lambda p: p.by("peer", "http_client_requests_total", service="nginx"),
                    {"nginx": len(back)},
                )
            ]
        )


class Slow(http.server.BaseHTTPRequestHandler):
    """Answers when the clients of nginx have gone."""

    protocol_version = "HTTP/1.1"
    asked = threading.Semaphore(0)
    gone = threading.Event()

    def do_GET(self):
        self.asked.release()
        self.gone.wait(60)
        try:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            pass

    def log_message(self, *_):
        pass


@tap.test(capture=BOTH)
def test_aborted(capture):
    """The client goes before the answer: nginx writes 499, redtap `error`."""
    server = nginx()
    mark = server.mark()
    slow = http.server.ThreadingHTTPServer(("127.0.0.1", server.slow_port), Slow)
    thread = threading.Thread(target=slow.serve_forever, daemon=True)
    thread.start()
    Slow.gone.clear()
    try:
        with Redtap(capture) as r:
            for n in range(20):
                with socket.create_connection(("127.0.0.1", server.port)) as s:
                    if n % 2:
                        s.sendall(b"GET /tiny.txt HTTP/1.1\r\nHost: x\r\n\r\n")
                        answer = b""
                        while len(answer.partition(b"\r\n\r\n")[2]) < TINY_BYTES:
                            answer += s.recv(10000)
                    s.sendall(b"GET /slow/page HTTP/1.1\r\nHost: x\r\n\r\n")
                    tap.require(Slow.asked.acquire(timeout=30), "nginx has asked")
            # 19 of a request line, and no more: nginx logs a 400 or nothing, a request it is not
            log = server.requests(mark)
            Slow.gone.set()
            tap.equal(
                collections.Counter(x.status for x in log), {"error": 20, "200": 10}, "the log"
            )
            r.expect(http_rows(log, sizes=False))
    finally:
        Slow.gone.set()
        slow.shutdown()
        slow.server_close()
        thread.join()


tap.main()
