#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""redtap started in the middle of long-lived busy connections: exact from the first message
boundary on.

The loads never pause while redtap attaches. Once it is ready they change what they ask for
(endpoint, statement) on the same connections, and the ledger of that second phase has to
be equal.
"""

import collections
import functools
import itertools
import signal
import sys
import time

from bed import load, procs, tap
from bed.nginx import Nginx
from bed.postgres import Postgres, counts
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
CLIENTS = procs.ROOT / "tests" / "e2e" / "clients"
BEFORE_SECONDS = 1.5  # of load before redtap starts
AFTER_SECONDS = 1.0  # of load between ready and the second phase
PHASE_LEAST = 2000  # requests or statements of the second phase
_numbers = itertools.count(1)

# Phase 1 only reads; `phase` becomes 2 while the clients run.
SCRIPT = """
\\set a random(1, 100000)
SELECT phase FROM control \\gset
\\if :phase = 2
INSERT INTO log(n) VALUES (:a), (:a + 1);
UPDATE hot SET n = n + 1 WHERE id = :client_id;
DELETE FROM log WHERE n = :a;
\\endif
"""


@functools.cache
def nginx():
    return Nginx()


@functools.cache
def postgres():
    return Postgres()


def flag():
    return procs.run_dir() / f"flag{next(_numbers)}"


@tap.test(capture=BOTH)
def test_http(capture):
    server = nginx()
    later, wrk_flag = flag(), flag()
    script = load.wrk_script(
        [
            ("GET", "/tiny.txt", None, None),
            ("GET", "/missing", None, None),
            ("POST", "/echo", None, "x" * 500),
        ],
        flag=wrk_flag,
        later="/page/5.txt",
    )
    out = procs.run_dir() / f"wrk.{capture}.out"
    mark = server.mark()
    with open(out, "wb") as sink:
        wrk = procs.spawn(
            load.wrk_argv(server.url("/"), 300, connections=40, script=script), stdout=sink
        )
    client = procs.spawn(
        [
            sys.executable,
            CLIENTS / "phases.py",
            server.port,
            10,
            "/page/1.txt",
            later,
            "/page/4.txt",
            5000,
        ],
        env={"OTEL_SERVICE_NAME": "phases"},
    )
    time.sleep(BEFORE_SECONDS)
    with Redtap(capture) as r:
        time.sleep(AFTER_SECONDS)
        later.touch()
        wrk_flag.touch()
        tap.equal(client.wait(120), 0, "the client's exit status")
        procs.until(
            lambda: server.log.read_text().count("/page/5.txt") > PHASE_LEAST,
            60,
            "wrk changed its endpoint",
            every=0.3,
        )
        wrk.popen.send_signal(signal.SIGINT)  # its time is over
        tap.equal(wrk.wait(60), 0, "wrk's exit status")
        log = server.requests(mark)
        seen = collections.Counter((x.uri, x.status) for x in log)
        tap.equal(seen["/page/4.txt", "200"], 5000, "/page/4.txt in the access log")
        tap.require(seen["/page/5.txt", "200"] >= PHASE_LEAST, "wrk changed its endpoint")
        rows = []
        for path in "/page/4.txt", "/page/5.txt":
            wanted = {s: n for (uri, s), n in seen.items() if uri == path}
            rows.append(
                (
                    path,
                    lambda p, path=path: p.by(
                        "status", "http_requests_total", service="nginx", endpoint=path
                    ),
                    wanted,
                )
            )
            # wrk ends in the middle: a response that was cut has no duration
            whole = max(x.sent for x in log if x.uri == path)
            rows.append(
                (
                    f"{path}: durations",
                    lambda p, path=path: p.total(
                        "http_request_duration_seconds_count", service="nginx", endpoint=path
                    ),
                    sum(x.uri == path and x.sent == whole for x in log),
                )
            )
        r.expect(
            rows
            + [
                (
                    "the client's calls",
                    lambda p: p.by(
                        "status",
                        "http_client_requests_total",
                        service="phases",
                        endpoint="/page/4.txt",
                    ),
                    {"200": 5000},
                )
            ]
        )


@tap.test(capture=BOTH)
def test_postgres(capture):
    """Simple, extended (unnamed) and extended with statements prepared before redtap started."""
    pg = postgres()
    db = pg.create(f"late_{capture}")
    pg.ask(
        "CREATE TABLE control(phase int); INSERT INTO control VALUES (1);"
        "CREATE TABLE log(n int); CREATE INDEX ON log(n);"
        "CREATE TABLE hot(id int PRIMARY KEY, n int);"
        "INSERT INTO hot SELECT g, 0 FROM generate_series(0, 9) g",
        db,
        "app",
    )
    script = procs.run_dir() / "late.sql"
    script.write_text(SCRIPT)
    before = pg.calls(db)
    clients = [
        procs.spawn(
            [f"{pg.bin}/pgbench", "-n", "-M", protocol, "-c", 3, "-T", 300, "-f", script],
            env={**pg.env(db), "OTEL_SERVICE_NAME": f"late-{protocol}"},
        )
        for protocol in ("simple", "extended", "prepared")
    ]
    time.sleep(BEFORE_SECONDS)
    with Redtap(capture) as r:
        time.sleep(AFTER_SECONDS)
        pg.ask("UPDATE control SET phase = 2", db)
        procs.until(
            lambda: counts(pg.calls(db))[0]["insert"] > PHASE_LEAST, 60, "the second phase", every=0.3
        )
        for client in clients:
            client.popen.send_signal(signal.SIGALRM)  # its time is over
        for client in clients:
            tap.equal(client.wait(60), 0, f"{client.name}'s exit status")
        calls, rows = counts(pg.calls(db))
        calls0, rows0 = counts(before)
        calls, rows = calls - calls0, rows - rows0
        types = ["insert", "update", "delete"]
        tap.require(calls["insert"] > PHASE_LEAST, "the second phase ran")
        services = ["late-simple", "late-extended", "late-prepared"]
        ledger_calls = {t: calls[t] for t in types}
        ledger_rows = {t: rows[t] for t in types}
        # `UPDATE control` above is the harness's own, as role postgres
        page = r.expect(
            [
                (
                    "calls",
                    lambda p: p.by(
                        "query_type",
                        "db_queries_total",
                        service=services,
                        query_type=types,
                        outcome="ok",
                    ),
                    ledger_calls,
                ),
                (
                    "rows",
                    lambda p: p.by(
                        "query_type", "db_rows_total", service=services, query_type=types
                    ),
                    ledger_rows,
                ),
                (
                    "durations",
                    lambda p: p.by(
                        "query_type",
                        "db_query_duration_seconds_count",
                        service=services,
                        query_type=types,
                    ),
                    ledger_calls,
                ),
                (
                    "failures",
                    lambda p: p.total("db_queries_total", service=services, outcome="error"),
                    0,
                ),
                (
                    "the server's",
                    lambda p: p.by(
                        "query_type",
                        "db_server_queries_total",
                        service="postgres",
                        query_type=["insert", "delete"],
                    ),
                    {t: calls[t] for t in ("insert", "delete")},
                ),
            ]
        )
        for service in services:
            tap.check(
                page.total("db_queries_total", service=service, query_type="insert") > 0,
                f"{service} is there",
            )


tap.main()
