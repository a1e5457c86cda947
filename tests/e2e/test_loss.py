#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The loss drill: queues of 64 KiB in all, full load, redtap stopped for a second at a time. Each
exchange identifies itself (its endpoint or statement says its status, rows and delay), so that a
wrong pair is a series that cannot exist. Afterwards counting is exact on the same connections.
"""

import collections
import functools
import json
import random
import sys
import time

from bed import load, loss, procs, tap, truth
from bed.nginx import Nginx
from bed.postgres import Postgres, counts
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
CLIENTS = procs.ROOT / "tests" / "e2e" / "clients"
LOAD_SECONDS = 6
AGAIN = 2000  # exchanges of the second phase


@functools.cache
def nginx():
    return Nginx()


@functools.cache
def postgres():
    return Postgres()


def overload(r, url, paths):
    """wrk at full speed for LOAD_SECONDS with redtap hindered, once redtap knows wrk's name."""
    argv = load.wrk_argv(url, LOAD_SECONDS, connections=40, script=load.wrk_script(paths))
    with procs.spawn(argv) as wrk:
        time.sleep(0.3)
        with loss.Hindered(r):
            tap.equal(wrk.wait(LOAD_SECONDS + 30), 0, "wrk's exit status")


# ---- HTTP

PATHS = [
    ("GET", "/tiny.txt", None, None),
    ("GET", "/missing", None, None),
    ("POST", "/echo", None, "x" * 500),
    ("GET", "/none", None, None),
    ("GET", "/broken", None, None),
    ("GET", "/moved", None, None),
    ("GET", "/large.bin", None, None),
]


CONNECTIONS = {"wrk": 40, "phases": 16, "nginx": 56}


def http_seen(page, service):
    """{(endpoint, status): n} of requests, and the number of responses without one."""
    family = "http_requests_total" if service == "nginx" else "http_client_requests_total"
    got = page.by(("endpoint", "status"), family, service=service)
    orphans = {key: got.pop(key) for key in list(got) if key[0] == "other"}
    for method in page.by("method", family, service=service, endpoint="other"):
        tap.equal(method, "_OTHER", f"{service}: method of a response alone")
    return got, orphans


def http_balance(page, service, ledger, lost):
    """One view: nothing above the ledger, and no more missing than records were lost."""
    got, orphans = http_seen(page, service)
    loss.ends(got, ledger, CONNECTIONS[service], service)
    loss.at_most(got, ledger, service)
    by_status, have = collections.Counter(), collections.Counter()
    for (_, status), n in ledger.items():
        by_status[status] += n
    for (_, status), n in [*got.items(), *orphans.items()]:
        have[status] += n
    missing = loss.at_most(have, by_status, f"{service}, by status")
    tap.note(
        f"{service}: {sum(ledger.values())} in the ledger, {missing} missing, "
        f"{sum(orphans.values())} without their request"
    )
    tap.check(missing <= lost, f"{service}: {missing} missing <= {lost} records lost")
    return missing


@tap.test(capture=BOTH)
def test_http(capture):
    server, later = nginx(), loss.flag(f"http.{capture}")
    mark = server.mark()
    with Redtap(capture, args=loss.RING) as r:
        client = procs.spawn(
            [sys.executable, CLIENTS / "phases.py", server.port, 16, "/page/1.txt", later]
            + ["/page/4.txt", AGAIN, 1],
            env={"OTEL_SERVICE_NAME": "phases"},
        )
        r.await_total(1, "http_client_requests_total", service="phases")
        overload(r, server.url("/"), PATHS)
        base = loss.quiet(r)
        later.touch()
        tap.equal(client.wait(60), 0, "the client's exit status")
        log = collections.Counter((x.uri, x.status) for x in server.requests(mark))
        page = r.expect(
            [
                (
                    f"after the loss: {family}",
                    lambda p, f=family, s=service: p.by("status", f, service=s, endpoint=again),
                    {"200": AGAIN},
                )
                for again in ["/page/4.txt"]
                for family, service in (
                    ("http_requests_total", "nginx"),
                    ("http_client_requests_total", "phases"),
                )
            ]
        )
        loss.story(page)
        lost = loss.records(page)
        tap.equal(lost, loss.records(base), "records lost in the second phase")
        tap.require(lost > 1000, "records were lost")
        mine = {key: n for key, n in log.items() if key[0] in ("/page/1.txt", "/page/4.txt")}
        missing = http_balance(page, "nginx", log, lost)
        missing += http_balance(page, "wrk", {k: n for k, n in log.items() if k not in mine}, lost)
        missing += http_balance(page, "phases", mine, lost)
        tap.check(missing <= lost, f"{missing} missing in all views <= {lost} records lost")


# by endpoint: script (clients/timed_http.py), status, least duration
KINDS = {
    "/slow": ("w12000.f100", "200", 0.010),
    "/fast": ("f2000", "404", 0),
    "/lame": ("h500.w6000.b500", "503", 0.005),
    "/bits": ("k.w3000.d100.d50.e", "201", 0.0025),
}


def kind_target(kind):
    script, status, _ = KINDS[kind]
    return f"{kind}?s{status}.{script}"


def timed_client(service, port, rounds, depth, seed):
    """Rounds of requests of random kinds, sent together, on 8 connections."""
    dice = random.Random(seed)
    plan = [
        [("GET", kind_target(dice.choice(list(KINDS))), 0) for _ in range(depth)]
        for _ in range(rounds)
    ]
    file = procs.run_dir() / f"{service}.plan"
    file.write_text("".join(json.dumps(line) + "\n" for line in plan))
    book = procs.run_dir() / f"{service}.book"
    with open(file, "rb") as stdin:
        proc = procs.spawn(
            [sys.executable, truth.CLIENTS / "timed_http.py", "ask", port, book, 8],
            env={"OTEL_SERVICE_NAME": service},
            stdin=stdin,
        )
    return proc, book


@tap.test(capture=BOTH)
def test_pairs(capture):
    """Answers of random kinds and delays, alone and pipelined, next to a load that fills the
    queues: each still belongs to its request.
    """
    filler = nginx()
    names = {f"pairs-{depth}-{capture}": depth for depth in (1, 2, 5)}
    with Redtap(capture, args=loss.RING) as r:
        port, ledger = procs.free_port(), procs.run_dir() / f"pairs.{capture}"
        server = procs.spawn(
            [sys.executable, truth.CLIENTS / "timed_http.py", "serve", port, ledger],
            env={"OTEL_SERVICE_NAME": "pairs"},
        )
        procs.await_port(server, port)
        clients = {
            name: timed_client(name, port, 6000 // depth, depth, depth)
            for name, depth in names.items()
        }
        for name in clients:
            r.await_total(1, "http_client_requests_total", service=name)
        overload(r, filler.url("/"), PATHS[:2])
        for name, (proc, _) in clients.items():
            tap.equal(proc.wait(60), 0, f"{name}'s exit status")
        page = loss.quiet(r)
        loss.story(page)
        tap.require(loss.records(page) > 1000, "records were lost")
        served = truth.read_book(ledger)
        kinds = {(kind, KINDS[kind][1]): len(seen) for kind, seen in served.items()}
        views = [("pairs", "http_requests_total", kinds)]
        for name, (_, book) in clients.items():
            asked = truth.read_book(book)
            mine = {(kind, KINDS[kind][1]): len(seen) for kind, seen in asked.items()}
            views.append((name, "http_client_requests_total", mine))
        for service, family, wanted in views:
            got = page.by(("endpoint", "status"), family, service=service)
            alone = {key: got.pop(key) for key in list(got) if key[0] == "other"}
            last = 8 * names.get(service, sum(names.values()))  # under way at a connection's end
            loss.ends(got, {}, last, service)
            missing = loss.at_most(got, wanted, service)
            tap.check(
                {status for _, status in alone} <= {status for _, status in wanted},
                f"{service}: responses alone have a status there is: {alone}",
            )
            tap.note(f"{service}: {missing} missing of {sum(wanted.values())}, alone {alone}")
        for kind, (_, _, least) in KINDS.items():
            if least:
                loss.no_shorter(
                    page,
                    "http_request_duration_seconds",
                    least,
                    kind,
                    service="pairs",
                    endpoint=kind,
                )
        server.kill()


# ---- PostgreSQL

# Each type of statement has its number of rows, or its error, or its least duration.
ROWS = {"select": 3, "update": 2, "insert": 1, "delete": 0, "begin": 0, "commit": 0, "merge": 4}
DELETE_SECONDS = 0.010
SETUP = """
CREATE TABLE control(phase int); INSERT INTO control VALUES (2);
CREATE TABLE log(n int);
CREATE TABLE hot(id int PRIMARY KEY, n int);
INSERT INTO hot SELECT g, 0 FROM generate_series(0, 99) g;
CREATE TABLE one(n int); INSERT INTO one VALUES (1);
CREATE TABLE four(id int PRIMARY KEY, n int);
INSERT INTO four SELECT g, 0 FROM generate_series(1, 400) g;
CREATE PROCEDURE refuse() LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$;
"""
PHASES = """
INSERT INTO log SELECT 1 RETURNING (SELECT phase FROM control) AS phase \\gset
\\if :phase = 1
{work}
\\else
\\sleep 20 ms
\\if :phase = 3
MERGE INTO four USING generate_series(:client_id * 4 + 1, :client_id * 4 + 4) g ON four.id = g
  WHEN MATCHED THEN UPDATE SET n = four.n + 1;
\\endif
\\endif
"""
WORK = {
    "mixed": "SELECT generate_series(1, 3);\n"
    "UPDATE hot SET n = n + 1 WHERE id IN (2 * :client_id, 2 * :client_id + 1);\n"
    "SELECT generate_series(1, 3);\n",
    "held": "BEGIN;\nVALUES (1), (2), (3);\nCOMMIT;\n",
    "slow": "DELETE FROM one WHERE pg_sleep(0.012) IS NULL;\nSELECT generate_series(1, 3);\n",
    "refused": "CALL refuse();\n",
}


def pgbench(pg, db, protocol, first):
    """One pgbench whose clients take the four scripts at random; clients numbered from `first`
    would share rows otherwise."""
    files = []
    for name, work in WORK.items():
        file = procs.run_dir() / f"{name}.{first}.sql"
        text = PHASES.format(work=work).replace(":client_id", f"(:client_id + {first})")
        file.write_text(text)
        files += ["-f", f"{file}@{1 if name == 'refused' else 3}"]
    return procs.spawn(
        [f"{pg.bin}/pgbench", "-n", "-M", protocol, "-c", 4, "-T", LOAD_SECONDS + 8, *files],
        env={**pg.env(db), "OTEL_SERVICE_NAME": f"loss-{protocol}"},
        name=f"pgbench-{protocol}",
    )


def pg_view(page, family, services, db, calls, failed):
    """One view's statements by type against the ledger; what is missing."""
    labels = {"service": services, "database": [db, "", "unknown"]}
    total = sum(calls.values()) + failed
    if family == "db_server_queries_total":
        got = page.by("query_type", family, **labels)
        ledger = {**calls, "call": failed}
    else:
        got = page.by("query_type", family, outcome="ok", **labels)
        ledger = calls
        bad = page.by("query_type", family, outcome="error", **labels)
        tap.check(set(bad) <= {"call", "other", "unknown"}, f"types that failed: {bad}")
        tap.check(sum(bad.values()) <= failed, f"{bad} failed, {failed} in the server's log")
    vague = sum(got.pop(t, 0) for t in ("other", "unknown"))
    loss.at_most(got, ledger, family)
    missing = total - sum(got.values()) - vague
    if family != "db_server_queries_total":
        missing -= sum(bad.values())
    tap.note(f"{family}: {total} in the ledger, {missing} missing, {vague} of unknown type")
    return missing


@tap.test(capture=BOTH)
def test_postgres(capture):
    pg = postgres()
    db = pg.create(f"loss_{capture}")
    pg.ask(SETUP, db, "app")
    before, mark = pg.calls(db), pg.mark()
    protocols = ["simple", "extended", "prepared"]
    services = [f"loss-{p}" for p in protocols]
    with Redtap(capture, args=loss.RING) as r:
        clients = [pgbench(pg, db, p, 4 * i) for i, p in enumerate(protocols)]
        for service in services:
            r.await_total(1, "db_queries_total", service=service)
        pg.ask("UPDATE control SET phase = 1", db)
        with loss.Hindered(r):
            time.sleep(LOAD_SECONDS)
        pg.ask("UPDATE control SET phase = 2", db)
        base = loss.quiet(r)
        pg.ask("UPDATE control SET phase = 3", db)
        for client in clients:
            tap.check(client.wait(60) in (0, 2), f"{client.name} ran to its end: {client.tail()}")
        calls = counts(pg.calls(db))[0] - counts(before)[0]
        # a prepared utility statement is in that ledger once, however often it runs
        held = sum(c.calls for c in pg.calls(db) if c.text.startswith("VALUES"))
        calls["begin"] = calls["commit"] = held
        failed = pg.errors(db, mark)
        tap.equal(set(failed), {"40001"}, "the server's log")
        tap.require(calls["merge"] > 500, f"the second phase ran: {calls}")
        again = {"merge": calls["merge"]}
        page = r.expect(
            [
                (
                    "after the loss: calls",
                    lambda p: p.by(
                        "query_type", "db_queries_total", service=services, query_type="merge"
                    ),
                    again,
                ),
                (
                    "after the loss: rows",
                    lambda p: p.by(
                        "query_type", "db_rows_total", service=services, query_type="merge"
                    ),
                    {"merge": 4 * calls["merge"]},
                ),
                (
                    "after the loss: the server's",
                    lambda p: p.by(
                        "query_type",
                        "db_server_queries_total",
                        service="postgres",
                        query_type="merge",
                    ),
                    again,
                ),
            ]
        )
        loss.story(page)
        lost = loss.records(page)
        tap.equal(lost, loss.records(base), "records lost in the second phase")
        tap.require(lost > 1000, "records were lost")
        calls = collections.Counter({t: n for t, n in calls.items() if t in ROWS})
        missing = pg_view(page, "db_queries_total", services, db, calls, failed["40001"])
        missing += pg_view(
            page, "db_server_queries_total", "postgres", db, calls, failed["40001"]
        )
        tap.check(0 <= missing <= lost, f"{missing} missing in both views <= {lost} records lost")
        pg_rows(page, services, db)


def pg_rows(page, services, db):
    """Rows, errors and durations belong to their statements."""
    labels = {"service": services, "database": [db, "", "unknown"]}
    ok = page.by("query_type", "db_queries_total", outcome="ok", **labels)
    rows = page.by("query_type", "db_rows_total", **labels)
    known = {t: n for t, n in ok.items() if t in ROWS}
    tap.equal(
        {t: n for t, n in rows.items() if t in ROWS},
        {t: n * ROWS[t] for t, n in known.items() if ROWS[t]},
        "rows by type",
    )
    states = {
        e for e in page.by("error_type", "errors_total", service=services) if "sqlstate" in e
    }
    tap.check(states <= {"sqlstate_40001"}, f"errors: {states}")
    loss.no_shorter(
        page,
        "db_query_duration_seconds",
        DELETE_SECONDS,
        "DELETE",
        query_type="delete",
        **labels,
    )
    loss.no_shorter(
        page,
        "db_server_query_duration_seconds",
        DELETE_SECONDS,
        "DELETE, the server's",
        query_type="delete",
        service="postgres",
        database=labels["database"],
    )


tap.main()
