#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Latency truth: servers with scripted delays, and both processes' own clock around their calls."""

import functools
import itertools
import json
import random
import sys

from bed import procs, tap, truth
from bed.postgres import Postgres
from bed.redtap import BINARY, Redtap

BOTH = ["socket", "syscall"]
_numbers = itertools.count(1)

DRIBBLE = ".".join(["h20"] + ["w2000.b2"] * 10)
CHUNKS = ".".join(["k"] + ["w2000.d300"] * 8 + ["w2000.e"])
# by name: a round of requests (method, script, body)
HTTP = {
    "fast": [("GET", "f10", 0)],
    "before-head": [("GET", "w20000.h2000.b2000", 0)],
    "before-body": [("GET", "h2000.w20000.b2000", 0)],
    "dribbled": [("GET", DRIBBLE, 0)],
    "chunked": [("GET", CHUNKS, 0)],
    "interim": [("POST", "w5000.c.r.w10000.f100", 5000)],
    "long-body": [("GET", "w1000.f300000", 0)],
    "long-wait": [("GET", "w300000.f10", 0)],
    "pipelined": [("GET", "w10000.f10", 0), ("GET", "w5000.f2000", 0), ("GET", "f10", 0)],
    "refused": [("GET", "w3000.s404.f20", 0)],
}


def book():
    path = procs.run_dir() / f"book{next(_numbers)}"
    path.touch()
    return path


def serve(script, service, ledger):
    port = procs.free_port()
    proc = procs.spawn(
        [sys.executable, truth.CLIENTS / script, "serve", port, ledger],
        name=service,
        env={"OTEL_SERVICE_NAME": service},
    )
    procs.await_port(proc, port)
    return proc, port


def ask(script, service, plan, *args):
    """Runs a client; the exchanges it booked."""
    ledger = book()
    words = [ledger if a == "BOOK" else a for a in args]
    procs.run(
        [sys.executable, truth.CLIENTS / script, *words],
        stdin="".join(json.dumps(line) + "\n" for line in plan),
        env={"OTEL_SERVICE_NAME": service},
        timeout=60,
    )
    return truth.read_book(ledger)


def known(family):
    with open(BINARY, "rb") as f:
        return family.encode() in f.read()


def need(family):
    if not known(family):
        tap.skip(f"this redtap has no {family}")


def http_plan(kind, name, times):
    """Each request of a round has an endpoint of its own."""
    return [
        [
            (method, f"/{kind}/{name}-{'abc'[i]}?{script}", body)
            for i, (method, script, body) in enumerate(HTTP[name])
        ]
    ] * times


@tap.test(capture=BOTH)
def test_http(capture):
    """Each scenario once, where the histogram's sum is that request's duration, and 10 times."""
    ledger = book()
    with Redtap(capture) as r:
        server, port = serve("timed_http.py", "timed-http", ledger)
        asked = {}
        for kind, times in ("one", 1), ("ten", 10):
            for name in HTTP:
                plan = http_plan(kind, name, times)
                seen = ask("timed_http.py", f"{kind}-{name}", plan, "ask", port, "BOOK", 1)
                asked[f"{kind}-{name}"] = [e for some in seen.values() for e in some]
        served = truth.read_book(ledger)
        total = sum(map(len, served.values()))
        tap.equal(total, 11 * sum(map(len, HTTP.values())), "requests served")
        page = r.expect(
            [
                ("served", lambda p: p.total("http_requests_total", service="timed-http"), total),
                (
                    "asked",
                    lambda p: p.total("http_client_requests_total", peer="timed-http"),
                    total,
                ),
            ]
        )
        entry, errors = truth.stamps_entry(page), truth.Errors()
        tap.equal(entry, capture == "socket", "send_stamp")
        for path, seen in served.items():
            labels = {"service": "timed-http", "endpoint": path}
            whole = [truth.served(e) for e in seen]
            errors.agree(page, "http_request_duration_seconds", whole, path, **labels)
            waits = entry and "/long-body-" in path
            first = [truth.served(e, "first", waits) for e in seen]
            errors.agree(page, "http_response_first_byte_seconds", first, path, **labels)
        errors.say("servers")
        errors = truth.Errors()
        for name, seen in asked.items():
            whole = [truth.asked(e, entry) for e in seen]
            errors.agree(page, "http_client_request_duration_seconds", whole, name, service=name)
        errors.say("clients")
        server.kill()


@tap.test(capture=BOTH)
def test_quantiles(capture):
    """5,000 requests whose delays are spread over four decades, on 40 connections."""
    ledger, dice = book(), random.Random(5)
    plan = [
        [("GET", f"/spread?w{int(50 * 10 ** dice.uniform(0, 4))}.f100", 0)] for _ in range(5000)
    ]
    with Redtap(capture) as r:
        server, port = serve("timed_http.py", "spread-server", ledger)
        asked = ask("timed_http.py", "spread", plan, "ask", port, "BOOK", 40)["/spread"]
        served = truth.read_book(ledger)["/spread"]
        tap.equal((len(asked), len(served)), (5000, 5000), "requests")
        page = r.settled(
            ("http_requests_total", {"service": "spread-server"}),
            ("http_client_requests_total", {"service": "spread"}),
        )
        entry, errors = truth.stamps_entry(page), truth.Errors()
        for family, took, labels in (
            (
                "http_client_request_duration_seconds",
                [truth.asked(e, entry) for e in asked],
                {"service": "spread"},
            ),
            (
                "http_request_duration_seconds",
                [truth.served(e) for e in served],
                {"service": "spread-server", "endpoint": "/spread"},
            ),
            (
                "http_response_first_byte_seconds",
                [truth.served(e, "first") for e in served],
                {"service": "spread-server", "endpoint": "/spread"},
            ),
        ):
            errors.agree(page, family, took, "spread", **labels)
            truth.same_spread(page, family, took, **labels)
        errors.say("spread")
        server.kill()


# by name: statements per ReadyForQuery, steps (clients/timed_pg.py)
WIDE = "repeat('x', 9000), pg_sleep(0.003) FROM generate_series(1, 10)"
TOLD = [["go"], ["to", "Z"]]
NAP = ["P", "", "SELECT pg_sleep(0.005)"], ["B", ""], ["E"], ["S"]
PG = {
    "fast": (1, [["Q", "SELECT 1"], *TOLD]),
    "nap": (1, [["Q", "SELECT pg_sleep(0.02)"], *TOLD]),
    "rows": (1, [["Q", f"SELECT {WIDE}"], *TOLD]),
    "batch": (3, [["Q", "SELECT pg_sleep(0.01); SELECT 1; VALUES (1), (2)"], *TOLD]),
    "copy-out": (1, [["Q", f"COPY (SELECT {WIDE}) TO STDOUT"], *TOLD]),
    "copy-in": (
        1,
        [["Q", "COPY t FROM STDIN"], ["go"], ["to", "G"]]
        + [["wait", 3000], ["d", 200], ["go"]] * 5
        + [["c"], *TOLD],
    ),
    "split": (1, [*NAP[:2], ["go"], ["wait", 10000], *NAP[2:], *TOLD]),
    "answered": (
        1,
        [["P", "", "SELECT pg_sleep(0.005)"], ["D", ""], ["H"], ["go"], ["to", "T"]]
        + [["wait", 20000], ["clock"], *NAP[1:], *TOLD],
    ),
    "pipelined": (1, [*NAP, *NAP, *TOLD, ["to", "Z"]]),
}


@functools.cache
def postgres():
    return Postgres()


def pg_ask(pg, name, times):
    db = pg.create(f"{name.replace('-', '_')}_{next(_numbers)}")
    pg.ask("CREATE TABLE t(id int, name text)", db)
    steps = PG[name][1]
    seen = ask("timed_pg.py", f"pg-{name}", [[name, steps]] * times, pg.port, "app", db, "BOOK")
    return db, seen[name]


@tap.test(capture=BOTH)
def test_postgres(capture):
    """The client by its own clock; the server, which has none, within the client's."""
    pg, times = postgres(), 5
    with Redtap(capture) as r:
        asked = {name: pg_ask(pg, name, times) for name in PG}
        calls = sum(len(seen) * PG[name][0] for name, (_, seen) in asked.items())
        page = r.expect(
            [
                (
                    "statements",
                    lambda p: sum(
                        p.total("db_queries_total", service=f"pg-{name}") for name in PG
                    ),
                    calls,
                )
            ]
        )
        entry, errors = truth.stamps_entry(page), truth.Errors()
        for name, (db, seen) in asked.items():
            whole = [truth.asked(e, entry) for e in seen]
            statements = PG[name][0]
            labels = {"service": f"pg-{name}", "database": db}
            family = "db_query_duration_seconds"
            errors.agree(page, family, whole, name, statements, **labels)
            pg_server(page, db, whole, statements, name)
        errors.say("clients")


TYPES = ["select", "copy"]  # not the CREATE TABLE before


def tolerance_of_way(took):
    """Two stamps on either side of the loopback: a wake-up each way on top of the tolerance."""
    return truth.tolerance(took.best) + 2 * truth.FLOOR


def pg_server(page, db, whole, statements, name):
    """What the backend took is part of what the client waited, and all of it but the way."""
    family = "db_server_query_duration_seconds"
    count = page.total(f"{family}_count", service="postgres", query_type=TYPES, database=db)
    if not tap.equal(count, len(whole) * statements, f"{name}: {family}'s count"):
        return
    got = page.total(f"{family}_sum", service="postgres", query_type=TYPES, database=db)
    got /= statements
    best = sum(t.best for t in whole)
    slack = sum(tolerance_of_way(t) for t in whole)
    tap.check(
        best - slack <= got <= sum(t.high for t in whole),
        f"{name}: {family} is {got * 1e6:.0f} us over {len(whole)}, "
        f"its client waited {best * 1e6:.0f}",
    )


@tap.test(capture=BOTH)
def test_postgres_first_row(capture):
    family = "db_first_row_seconds"
    need(family)
    pg = postgres()
    with Redtap(capture) as r:
        asked = {name: pg_ask(pg, name, 5) for name in PG}
        page = r.settled(*((f"{family}_count", {"service": f"pg-{name}"}) for name in PG))
        entry, errors = truth.stamps_entry(page), truth.Errors()
        for name, (_, seen) in asked.items():
            first = [truth.asked(e, entry, "first") for e in seen if e["first"]]
            times = PG[name][0] if first else 1
            errors.agree(page, family, first, name, times, service=f"pg-{name}")
        errors.say("first rows")


# by name: (requests, whether each waits for data); only those at offset 10 do, the mark is 10
KAFKA = {
    "produce": [(["w10000.a", "produce", 5], False)] * 5,
    "produce-dribbled": [(["w5000.b6.w5000.a", "produce", 50], False)] * 5,
    "fetch-waits": [(["w50000.a", "fetch", 10, 0, 10], True)] * 5,
    "fetch-waits-dribbled": [(["w30000.b10.w5000.a", "fetch", 10, 0, 10], True)] * 5,
    "fetch-late": [
        (["a", "fetch", 10, 0, 10], True),
        *[(["w20000.b20.w2000.a", "fetch", 5, 5, 10], False)] * 5,
    ],
}


@tap.test(capture=BOTH)
def test_kafka(capture):
    """A broker's delay is service, unless it is a Fetch's wait for data."""
    wait = "kafka_fetch_wait_seconds"
    with Redtap(capture) as r:
        done = {}
        for name, plan in KAFKA.items():
            ledger = book()
            server, port = serve("timed_kafka.py", f"broker-{name}", ledger)
            lines = [line for line, _ in plan]
            asked = ask("timed_kafka.py", f"k-{name}", lines, "ask", port, "BOOK", name)[name]
            served = [e for some in truth.read_book(ledger).values() for e in some]
            served.sort(key=lambda e: e["start"])
            done[name] = (asked, served)
            server.kill()
        page = r.settled(*(("kafka_requests_total", {"service": f"k-{name}"}) for name in KAFKA))
        entry, errors = truth.stamps_entry(page), truth.Errors()
        for name, (asked, served) in done.items():
            apis = {"api": ["Produce", "Fetch"]}
            waits = [w for _, w in KAFKA[name]]
            # the clock starts with the request's last byte: when its send has returned
            took = [
                truth.answered(e) if w else truth.asked(e, False)
                for e, w in zip(asked, waits)
            ]
            family = "kafka_request_duration_seconds"
            errors.agree(page, family, took, name, service=f"k-{name}", **apis)
            took = [
                truth.answered(e) if w else truth.served(e)
                for e, w in zip(served, waits)
            ]
            family = "kafka_server_request_duration_seconds"
            errors.agree(page, family, took, name, service=f"broker-{name}", **apis)
            if any(waits) and known(wait):
                first = [truth.asked(e, False, "first") for e, w in zip(asked, waits) if w]
                errors.agree(page, wait, first, name, service=f"k-{name}")
        errors.say("Kafka")


tap.main()
