#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is served: the page in its formats, to promtool, to Debian's Prometheus, and to a
browser.
"""

import functools
import gzip
import re
import socket
import time

from bed import load, procs, tap
from bed.nginx import Nginx
from bed.postgres import Postgres
from bed.prometheus import Prometheus
from bed.promtext import Page
from bed.redtap import Redtap

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@functools.cache
def nginx():
    return Nginx()


@functools.cache
def postgres():
    return Postgres()


def populate():
    """Some of everything that needs no Kafka: errors, odd paths, long names."""
    server = nginx()
    load.ab(server.url("/tiny.txt"), 300, 10)
    for path in (
        "/missing",
        "/broken",
        "/none",
        "/a%22b%5Cc",
        "/" + "x" * 3000,
        "/%f0%9f%92%a9",
        "/caf\u00e9",
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            while s.recv(65536):
                pass
    pg = postgres()
    pg.psql("postgres", "SELECT 1;\nSELECT 1/0;\nCREATE TABLE IF NOT EXISTS t(n int);\n")
    return 300


@tap.test()
def test_formats():
    with Redtap() as r:
        populate()
        r.await_total(300, "http_requests_total", service="nginx", endpoint="/tiny.txt")
        for name in ("db_queries_total", "db_server_queries_total"):
            r.await_total(3, name, database="postgres")
        status, headers, plain = r.get("/metrics", {"Accept": "text/plain"})
        tap.equal(status, 200, "status")
        tap.check(
            headers["Content-Type"].startswith("text/plain; version=0.0.4"),
            f"content type {headers['Content-Type']}",
        )
        page = Page(plain.decode())
        for family in (
            "http_requests_total",
            "http_request_duration_seconds",
            "http_client_requests_total",
            "db_queries_total",
            "db_query_duration_seconds",
            "db_server_queries_total",
            "errors_total",
            "redtap_events_total",
            "redtap_events_lost_total",
            "redtap_build_info",
            "redtap_connections",
            "redtap_series",
            "redtap_ring_bytes",
            "redtap_map_bytes",
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
        ):
            tap.check(family in page.types, f"{family} is on the page")
        tap.equal(page.types["http_requests_total"], "counter", "type")
        tap.equal(page.types["http_request_duration_seconds"], "histogram", "type")
        tap.equal(
            sorted(
                {
                    float(dict(labels)["le"])
                    for (name, labels) in page.samples
                    if name == "http_request_duration_seconds_bucket"
                }
            ),
            [
                0.0001,
                0.00025,
                0.0005,
                0.001,
                0.0025,
                0.005,
                0.01,
                0.025,
                0.05,
                0.1,
                0.25,
                0.5,
                1,
                2.5,
                5,
                10,
                float("inf"),
            ],
            "bounds of the histograms",
        )

        _, headers, body = r.get(
            "/metrics", {"Accept": "application/openmetrics-text;version=1.0.0"}
        )
        tap.equal(headers["Content-Type"], OPENMETRICS, "content type")
        text = body.decode()
        tap.check(text.endswith("# EOF\n"), "OpenMetrics ends in # EOF")
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        tap.equal(types.get("http_requests"), "counter", "a counter's family has no _total")
        tap.check("http_requests_total" not in types, "no family of that name")
        tap.equal(
            text.count('http_requests_total{service="nginx"'),
            len(page.series("http_requests_total", service="nginx")),
            "the same series",
        )

        # q-values decide; what is unknown gets plain text
        for accept, wanted in (
            ("text/plain;q=0.5, application/openmetrics-text;version=1.0.0;q=0.9", True),
            ("text/plain, application/openmetrics-text;version=1.0.0;q=0.1", False),
            ("application/json", False),
            ("*/*", False),
        ):
            _, headers, _ = r.get("/metrics", {"Accept": accept})
            tap.equal(
                headers["Content-Type"].startswith("application/openmetrics-text"), wanted, accept
            )

        _, headers, body = r.get("/metrics", {"Accept-Encoding": "gzip"})
        tap.equal(headers["Content-Encoding"], "gzip", "gzip when asked")
        Page(gzip.decompress(body).decode())
        _, headers, _ = r.get("/metrics", {"Accept-Encoding": "gzip;q=0"})
        tap.equal(headers["Content-Encoding"], None, "not when refused")


@tap.test()
def test_other_pages():
    with Redtap() as r:
        for path, wanted in (("/healthz", 200), ("/readyz", 200), ("/", 200), ("/nothing", 404)):
            tap.equal(r.get(path)[0], wanted, path)
        tap.check(b"/metrics" in r.get("/")[2], "the index names /metrics")
        tap.equal(r.get("/metrics", method="POST")[0], 405, "POST")
        status, _, body = r.get("/metrics", method="HEAD")
        tap.equal((status, body), (200, b""), "HEAD")


@tap.test()
def test_promtool():
    if why := procs.have("promtool"):
        tap.skip(why)
    with Redtap() as r:
        populate()
        r.await_total(300, "http_requests_total", service="nginx", endpoint="/tiny.txt")
        r.lint()


@tap.test()
def test_prometheus():
    with Redtap() as r:
        prometheus = Prometheus(f"127.0.0.1:{r.port}")
        populate()
        wanted = r.settled(("http_requests_total", {"service": "nginx"})).total(
            "http_requests_total", service="nginx"
        )
        tap.require(wanted >= 300, "requests were seen")

        def scraped():
            rows = prometheus.query('sum(http_requests_total{service="nginx"})')
            return rows and rows[0][1] == wanted

        procs.until(scraped, 40, "Prometheus answers with redtap's number", every=0.3)
        time.sleep(2)
        (target,) = prometheus.targets()
        tap.equal((target["health"], target["lastError"]), ("up", ""), "the target")
        tap.equal(prometheus.query("up")[0][1], 1, "up")
        labels = {
            tuple(sorted(k for k in row if k not in ("job", "instance", "__name__")))
            for row, _ in prometheus.query("http_requests_total")
        }
        tap.equal(labels, {("endpoint", "method", "service", "status")}, "labels")
        slow = prometheus.query(
            "histogram_quantile(0.9, sum by (le) "
            '(http_request_duration_seconds_bucket{service="nginx"}))'
        )
        tap.check(slow and 0 < slow[0][1] < 5, f"a quantile: {slow}")
        # the scrapes themselves are redtap's own traffic: at neither end
        page = r.scrape()
        tap.equal(
            page.total("http_requests_total", service="redtap"), 0, "redtap does not count itself"
        )
        tap.equal(page.total("http_client_requests_total", peer="redtap"), 0, "nor its callers")
        prometheus.stop()


tap.main()
