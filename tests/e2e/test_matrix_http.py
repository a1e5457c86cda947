#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client matrix of HTTP: every client of tests/matrix/http works through a plan at every
server. A server's ledger is its access log, a client's its own count.
"""

import collections
import functools
import json
import sys

from bed import load, procs, tap, toolchain, webservers
from bed.ledger import endpoint
from bed.matrix import Book, Entry
from bed.redtap import Redtap

PLAN = [
    ("GET", "/tiny.txt", None, 40),
    ("GET", "/page/1.txt", None, 10),
    ("GET", "/missing/17", None, 10),
    ("GET", "/none", None, 10),
    ("GET", "/broken", None, 5),
    ("HEAD", "/tiny.txt", None, 10),
    ("GET", "/chunked", None, 10),
    ("POST", "/echo", 300, 20),
    ("POST", "/echo", 70001, 6),
    ("GET", "/large.bin", None, 10),
]
HALF_CLOSED = [("GET", "/page/2.txt", None, 10), ("POST", "/page/3.txt", 400, 10)]
WRK = """
local n = 0
response = function()
  n = n + 1
  if n == 50 then wrk.thread:stop() end
end
"""
SERVERS = {
    "uvicorn, h11": lambda: webservers.uvicorn("h11"),
    "uvicorn, httptools": lambda: webservers.uvicorn("httptools"),
    "gunicorn": webservers.gunicorn,
    "Node http": webservers.node,
    "Go net/http": webservers.go,
    "hyper": webservers.hyper,
    "nginx, sendfile on": lambda: webservers.nginx(True),
    "nginx, sendfile off": lambda: webservers.nginx(False),
    "Apache": webservers.apache,
}
book = Book("http")


# -- clients: each gives (version, Counter of (method, path, status) by its own count)


def told(argv, service, url, plan):
    out = procs.run([*argv, url, json.dumps(plan)], env={"OTEL_SERVICE_NAME": service})
    answer = json.loads(out.splitlines()[-1])
    return answer["version"], collections.Counter(
        {(method, path, status): n for method, path, status, n in answer["done"]}
    )


def python_client(library, url):
    python, why = toolchain.python(webservers.REQUIREMENTS)
    if why:
        tap.skip(why)
    return told([python, webservers.HERE / "python" / "client.py", library], library, url, PLAN)


def node_client(url):
    if why := procs.have("node"):
        tap.skip(why)
    return told(["node", webservers.HERE / "node" / "client.js"], "fetch", url, PLAN)


def go_client(url):
    program, why = toolchain.go("http/go", "client")
    if why:
        tap.skip(why)
    return told([program], "net-http", url, PLAN)


def half_close(url):
    program = webservers.HERE / "python" / "half_close.py"
    return told([sys.executable, program], "half-close", url, HALF_CLOSED)


def ab(url):
    done, bad = load.ab(f"{url}/tiny.txt", 500, connections=10)
    tap.equal(bad, 0, "ab: answers of another status")
    version = webservers.said(["ab", "-V"], r"Version ([\d.]+)")
    return version, collections.Counter({("GET", "/tiny.txt", "200"): done})


def wrk(url):
    """Each of its threads stops after 50 answers, with nothing under way."""
    script = procs.run_dir() / "stop.lua"
    script.write_text(WRK)
    argv = load.wrk_argv(f"{url}/tiny.txt", 1, connections=4, script=script, threads=4)
    done, _ = load.wrk_counts(procs.run(argv))
    version = procs.run(["sh", "-c", "wrk -v 2>&1"], status=None).split()[1]
    return version.removeprefix("debian/"), collections.Counter({("GET", "/tiny.txt", "200"): done})


@functools.cache
def upload():
    path = procs.run_dir() / "upload.bin"
    path.write_bytes(b"u" * (2 << 20))
    return path


def curl(url):
    """Keep-alive, HTTP/1.0, HEAD, in parallel, uploads with Expect and in chunks; its own words."""
    if why := procs.have("curl"):
        tap.skip(why)
    file = upload()
    mixed = [f"{url}{path}" for _, path, size, n in PLAN if size is None for _ in range(n)]
    said = ""
    for options, urls in (
        ((), mixed),
        (("--http1.0",), mixed[:20] + [f"{url}/chunked", f"{url}/large.bin"]),
        (("-I",), mixed[:20]),
        (("-Z", "--parallel-max", 5), mixed),
        (("-H", "Expect: 100-continue", "-T", file, "-X", "POST"), [f"{url}/echo"]),
        (("-H", "Expect: 100-continue", "-T", file), [f"{url}/echo"]),
        (("-H", "Transfer-Encoding: chunked", "-T", file, "-X", "POST"), [f"{url}/echo"]),
    ):
        each = [word for u in urls for word in ("-o", "/dev/null", u)]
        form = "%{method} %{url_effective} %{http_code}\\n"
        said += procs.run(
            ["curl", "-s", "--noproxy", "*", "-w", form, *options, *each],
            env={"OTEL_SERVICE_NAME": "curl"},
            status=None,
        )
    version = procs.run(["curl", "--version"]).split()[1]
    lines = (line.split() for line in said.splitlines())
    return version, collections.Counter(
        (method, u.removeprefix(url), status) for method, u, status in lines
    )


CLIENTS = {
    "wrk": (wrk, "4 connections"),
    "ab": (ab, "10 connections, HTTP/1.0 with keep-alive"),
    "curl": (curl, "keep-alive, HTTP/1.0, HEAD, parallel, uploads with Expect and in chunks"),
    "requests": (functools.partial(python_client, "requests"), "session, chunked uploads"),
    "httpx": (functools.partial(python_client, "httpx"), "client"),
    "aiohttp": (functools.partial(python_client, "aiohttp"), "session, 4 at a time"),
    "fetch": (node_client, "Node's, 4 at a time"),
    "net-http": (go_client, "Go's, 4 at a time, chunked uploads"),
    "half-close": (half_close, "sends, shuts down its half, reads"),
}

# -- the ledger's numbers as redtap is to have them


def by_endpoint(counts):
    out = collections.Counter()
    for (method, path, status), n in counts.items():
        out[method, endpoint(path), status] += n
    return dict(out)


LABELS = ("method", "endpoint", "status")


def server_entry(name, server, counts):
    service = server.service
    asked, timed = by_endpoint(counts), collections.Counter()
    for (method, where, status), n in asked.items():
        if status != "error" and method != "_OTHER":  # an answer without a request took no time
            timed[where] += n
    rows = [
        (
            "method, endpoint, status",
            lambda p: p.by(LABELS, "http_requests_total", service=service),
            asked,
        ),
        (
            "durations",
            lambda p: p.by("endpoint", "http_request_duration_seconds_count", service=service),
            dict(timed),
        ),
        ("in flight", lambda p: p.total("http_requests_in_flight", service=service), 0),
    ]
    count = (lambda p: p.total("http_requests_total", service=service), sum(counts.values()))
    return Entry(name, server.version, "as the server, by its own log", count, rows)


def client_entry(client, service, version, what, counts):
    asked = by_endpoint(counts)
    rows = [
        (
            "method, endpoint, status",
            lambda p: p.by(LABELS, "http_client_requests_total", service=service),
            asked,
        ),
        (
            "durations",
            lambda p: p.total("http_client_request_duration_seconds_count", service=service),
            sum(n for (_, _, status), n in asked.items() if status != "error"),
        ),
    ]
    count = (lambda p: p.total("http_client_requests_total", service=service), sum(counts.values()))
    return Entry(client, version, what, count, rows)


def drive(server, capture):
    """All clients at one server: (entries, what they got in sum)."""
    entries, total = [], collections.Counter()
    for client, (run, what) in CLIENTS.items():
        try:
            version, counts = run(server.url(""))
        except tap.Skip as why:
            book.absent(client, what, capture, str(why))
            continue
        entries.append(client_entry(client, client, version, what, counts))
        total += counts
    return entries, total


def run_server(name, capture):
    try:
        server = SERVERS[name]()
    except tap.Skip as why:
        book.skip(name, "as the server, by its own log", capture, str(why))
    mark = server.mark()
    with Redtap(capture) as r:
        entries, total = drive(server, capture)
        log = server.answered(mark)
        compare_books(log, total)
        unanswered = {k: n for k, n in total.items() if k[2] == "error"}
        book.compare_all(r, [server_entry(name, server, log + collections.Counter(unanswered))])
        book.compare_all(r, entries, part=name)
    server.stop()


def compare_books(log, total):
    """Server and clients agree about what was asked and answered: two ledgers that must be one."""
    answered = {k: n for k, n in total.items() if k[2] != "error"}
    logged = {k: n for k, n in log.items() if k[2] != "error" and k[0] != "_OTHER"}
    tap.equal(logged, answered, "the servers' log is the clients' count")


@tap.test(server=list(SERVERS))
def test_server(server):
    run_server(server, "socket")


@tap.test(server=["uvicorn, httptools", "Go net/http", "nginx, sendfile on"])
def test_server_by_syscall(server):
    run_server(server, "syscall")


@tap.test(capture=["socket", "syscall"])
def test_haproxy(capture):
    """In the middle: a server to the clients, a client to nginx."""
    back = webservers.nginx(True)
    try:
        server = webservers.haproxy(back)
    except tap.Skip as why:
        book.skip("HAProxy", "as the server, by its own log", capture, str(why))
    mark, back_mark = server.mark(), back.mark()
    with Redtap(capture) as r:
        entries, total = drive(server, capture)
        log, behind = server.answered(mark), back.answered(back_mark)
        compare_books(log, total)
        book.compare_all(
            r,
            [
                server_entry("HAProxy", server, log),
                client_entry("HAProxy", "haproxy", server.version, "as nginx's client", behind),
            ],
        )
        book.compare_all(r, entries, part="HAProxy")
    server.stop()
    back.stop()


if not sys.argv[1:]:  # built before this run has the host for itself
    toolchain.python(webservers.REQUIREMENTS)
    toolchain.go("http/go", "server")
    toolchain.go("http/go", "client")
    toolchain.cargo("http/rust", "http_hyper")
tap.main()
