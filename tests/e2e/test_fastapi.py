#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One service that speaks all three protocols: FastAPI under uvicorn, asyncpg, aiokafka.
Ledgers: uvicorn's access log, pg_stat_statements, the broker's offsets.
"""

import collections
import functools
import http.client
import itertools
import json
import time
import urllib.request

from bed import procs, tap, venv
from bed.fastapi import Uvicorn
from bed.kafka import Kafka
from bed.ledger import db_rows, endpoint, kafka_rows
from bed.postgres import Postgres, counts
from bed.redtap import Redtap

APPS = procs.ROOT / "tests" / "e2e" / "apps"
SERVICE = "e2e_app"
_numbers = itertools.count(1)


@functools.cache
def postgres():
    return Postgres()


@functools.cache
def kafka():
    return Kafka()


class Bench:
    """The service with a database and a topic of its own."""

    def __init__(self, capture):
        venv.home()
        number = next(_numbers)
        self.pg, self.kafka = postgres(), kafka()
        self.db, self.topic = self.pg.create(f"app{number}"), f"items-{capture}-{number}"
        self.pg.ask(
            "CREATE TABLE items(id serial PRIMARY KEY, name text); CREATE TABLE totals(n int);"
            "CREATE TABLE copies(name text); INSERT INTO totals VALUES (0)",
            self.db,
            "app",
        )
        self.kafka.create((self.topic, 2))

    def start(self):
        self.app = Uvicorn(
            "e2e_app.main",
            APPS,
            env={
                "DSN": self.pg.dsn(self.db),
                "BOOTSTRAP": self.kafka.bootstrap,
                "TOPIC": self.topic,
            },
        )

    def seen(self):
        with urllib.request.urlopen(self.app.url("/seen")) as answer:
            return json.load(answer)["seen"]

    def load(self, rounds):
        """Every endpoint `rounds` times over two connections; Counter of (method, path, status)."""
        asked = collections.Counter()
        pool = [http.client.HTTPConnection("127.0.0.1", self.app.port) for _ in range(2)]

        def ask(c, method, path, body=None, encode_chunked=False):
            c.request(
                method,
                path,
                body,
                encode_chunked=encode_chunked,
                headers={"Transfer-Encoding": "chunked"} if encode_chunked else {},
            )
            answer = c.getresponse()
            answer.read()
            asked[method, path, str(answer.status)] += 1

        for n in range(rounds):
            c = pool[n % 2]
            ask(c, "POST", "/items", json.dumps({"name": f"item {n}"}))
            ask(c, "GET", f"/items/{n + 1}")
            ask(c, "GET", "/items/99999")
            ask(c, "POST", "/bulk", iter([b"a b ", b"c d e", b" f"]), encode_chunked=True)
            ask(c, "GET", "/broken")
            ask(c, "GET", "/chunks")
            ask(c, "GET", "/events")
            ask(c, "HEAD", "/seen")
        for c in pool:
            c.close()
        return asked


@tap.test(capture=["socket", "syscall"], late=[False, True])
def test_service(capture, late):
    b = Bench(capture)
    rounds, mark, stored = 100, 0, 0
    if late:
        b.start()
        b.load(5)
        procs.until(lambda: b.seen() == 5, 60, "the service has read its own records")
        mark, stored = b.app.mark(), 5
    calls0, rows0 = counts(b.pg.calls(b.db))
    errors = b.pg.mark()
    with Redtap(capture) as r:
        known = 0
        if not late:
            b.start()
        else:
            # the answer to the Fetch that was under way at the attach cannot be told (its version
            # went by before): one record of another producer brings it
            b.kafka.produce_kcat(b.topic, 1)
            stored += 1
            known, end = 0, time.monotonic() + 4
            while not known and time.monotonic() < end:
                time.sleep(0.2)
                known = r.total("kafka_messages_total", service=SERVICE, outcome="consumed")
            tap.check(known <= 1, "records known before the load")
        asked = b.load(rounds)
        procs.until(
            lambda: b.kafka.offsets(b.topic)[b.topic] == stored + rounds, 60, "records stored"
        )
        log = b.app.requests(mark)
        tap.equal(log, asked, "uvicorn's access log is what the client was answered")
        calls, rows = counts(b.pg.calls(b.db))
        calls, rows = calls - calls0, rows - rows0
        if late:
            # fetchrow() and fetchval() stop at one row: an answer without a tag, to statements
            # whose text went by before redtap was there
            for kind, n in (("select", rounds), ("insert", rounds)):
                for counter in calls, rows:
                    counter[kind] -= n
                    counter["unknown"] += n
        failures = b.pg.errors(b.db, errors)
        tap.equal(failures, {"22012": rounds}, "the server's log")
        by = collections.Counter()
        for (method, path, status), n in log.items():
            by[method, endpoint(path), status] += n
        labels = ("method", "endpoint", "status")
        timed = {path: n for (_, path, _), n in by.items() if path != "/events"}
        timed["/items/{id}"], timed["/items"] = 2 * rounds, rounds
        page = r.expect(
            [
                (
                    "requests",
                    lambda p: p.by(labels, "http_requests_total", service=SERVICE),
                    dict(by),
                ),
                (
                    "durations, none of a stream",
                    lambda p: p.by(
                        "endpoint", "http_request_duration_seconds_count", service=SERVICE
                    ),
                    timed,
                ),
                (
                    "first bytes",
                    lambda p: p.by(
                        "endpoint", "http_response_first_byte_seconds_count", service=SERVICE
                    ),
                    {**timed, "/events": rounds},
                ),
                (
                    "errors_total of 500",
                    lambda p: p.total("errors_total", service=SERVICE, error_type="http_500"),
                    rounds,
                ),
                (
                    "the client's view",
                    lambda p: p.by(
                        "status", "http_client_requests_total", service="test_fastapi", peer=SERVICE
                    ),
                    dict(sum_by(log, 2)),
                ),
            ]
            + db_rows(SERVICE, b.db, calls, rows, failures, label=not late)
            + kafka_rows(SERVICE, produced={b.topic: rounds}, consumed={b.topic: rounds + known})
        )
        peers = set(page.by("peer", "db_queries_total", service=SERVICE))
        tap.equal(peers, {"postgres"}, "the database's peer")
        tap.equal(
            set(page.by("peer", "kafka_requests_total", service=SERVICE)),
            {"kafka"},
            "the broker as a peer",
        )
    b.app.stop()


def sum_by(counter, index):
    out = collections.Counter()
    for key, n in counter.items():
        out[key[index]] += n
    return out


tap.main()
