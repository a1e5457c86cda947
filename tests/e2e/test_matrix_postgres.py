#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client matrix of PostgreSQL: every library in tests/matrix/postgres does its list of
statements; pg_stat_statements and the server's log are the ledger.
"""

import collections
import functools
import itertools
import json
import re
import sys

from bed import pgbouncer, procs, tap, toolchain
from bed.ledger import db_rows
from bed.matrix import Book
from bed.pgbouncer import Pgbouncer
from bed.postgres import Postgres, counts
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
PYTHON = toolchain.SOURCES / "postgres" / "python"
JDBC = ("org.postgresql:postgresql:42.7.14",)
# What pg_stat_statements leaves out: PREPARE and DEALLOCATE always, and a utility statement that
# was prepared by the protocol from its second execution on. The log has them all.
UTILITY = {
    "begin": "begin",
    "start": "begin",
    "commit": "commit",
    "end": "commit",
    "rollback": "rollback",
    "abort": "rollback",
    "prepare": "prepare",
    "deallocate": "deallocate",
}
PGBOUNCERS = ("set", "discard")
_numbers = itertools.count(1)
book = Book("postgres")


@functools.cache
def server():
    return Postgres(config="log_statement = all\n")


def python(program, *args):
    path, why = toolchain.python("postgres/python/requirements.txt")
    return [path, PYTHON / program, *args], why


def program(built, *args):
    path, why = built
    return [path, *args], why


def node():
    home, why = toolchain.npm("postgres/node")
    return ["node", home / "pg_node.js"] if home else None, why


def java(mode):
    path, why = toolchain.java("postgres/java", JDBC)
    return ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", path, "PgJdbc", mode], why


# (client, what it does) -> the command line, or why there is none
CLIENTS = {
    "psycopg2": ("simple queries, named cursor, COPY", lambda: python("pg_psycopg2.py")),
    "psycopg": ("simple queries", lambda: python("pg_psycopg3.py", "simple")),
    "psycopg.prepared": (
        "prepared from the 5th time on, COPY, cursor",
        lambda: python("pg_psycopg3.py", "prepared"),
    ),
    "psycopg.pipeline": ("pipeline mode", lambda: python("pg_psycopg3.py", "pipeline")),
    "asyncpg": (
        "prepared, executemany, cursor, COPY",
        lambda: python("pg_asyncpg.py", "plain"),
    ),
    "asyncpg.pool": ("pool of 4", lambda: python("pg_asyncpg.py", "pool")),
    "node-postgres": ("simple, unnamed, prepared, cursor, COPY, pool", node),
    "pgx": (
        "prepared and cached, batches, COPY, pool",
        lambda: program(toolchain.go("postgres/go", "pg_pgx"), "cached"),
    ),
    "pgx.exec": (
        "unnamed statements, batches",
        lambda: program(toolchain.go("postgres/go", "pg_pgx"), "exec"),
    ),
    "pgx.simple": (
        "simple queries, batches",
        lambda: program(toolchain.go("postgres/go", "pg_pgx"), "simple"),
    ),
    "pgjdbc": (
        "prepareThreshold 5, transactions, fetch size, batches, COPY",
        lambda: java("extended"),
    ),
    "pgjdbc.simple": ("preferQueryMode=simple, the same list", lambda: java("simple")),
    "tokio-postgres": (
        "prepared, pipelined, portals, COPY",
        lambda: program(toolchain.cargo("postgres/rust", "pg_tokio")),
    ),
    "libpq": (
        "pipeline mode: 1 to 300 statements, flushes, failures",
        lambda: program(toolchain.c("postgres/c/pipeline.c", "libpq")),
    ),
}


def ledger(pg, db, mark):
    """({type: calls}, {type: rows}, {SQLSTATE: failures}) of what `app` did in the database."""
    calls, rows = counts(pg.calls(db))
    errors = pg.errors(db, mark)
    logged = re.findall(
        rf"^00000\|app\|{db}\|LOG:  (?:statement|execute [^:]+): (\w+)",
        pg.proc.output()[mark:],
        re.M,
    )
    seen = collections.Counter(UTILITY.get(word.lower()) for word in logged)
    for kind in set(UTILITY.values()):
        tap.check(seen[kind] >= calls[kind], f"the log has every {kind} of pg_stat_statements")
        calls[kind] = seen[kind]
    return +calls, rows, errors


def database(pg):
    db = pg.create(f"matrix{next(_numbers)}")
    pg.ask("CREATE TABLE t(id int PRIMARY KEY, name text)", db)
    return db


def statements(service, db, calls, errors, family="db_queries_total"):
    """The cell's count for Book.compare()."""
    return (
        lambda p: p.total(family, service=service, database=db),
        sum(calls.values()) + sum(errors.values()),
    )


def run_client(client, capture):
    what, command = CLIENTS[client]
    argv, why = command()
    name = client.partition(".")[0]
    if why:
        book.skip(name, what, capture, why)
    pg = server()
    db, mark = database(pg), pg.mark()
    with Redtap(capture) as r:
        out = procs.run(argv, env={**pg.env(db), "OTEL_SERVICE_NAME": client}, cwd=pg.dir)
        told = json.loads(out.splitlines()[-1])
        version = told["version"] or toolchain.locked("postgres/rust/Cargo.lock", name)
        calls, rows, errors = ledger(pg, db, mark)
        tap.require(sum(calls.values()) > 100, "the client did its list")
        if told["suspended_rows"]:
            rows["select"] += told["suspended_rows"]
        book.compare(
            r,
            name,
            version,
            what,
            statements(client, db, calls, errors),
            db_rows(client, db, calls, rows, errors),
        )


@tap.test(client=list(CLIENTS))
def test_client(client):
    run_client(client, "socket")


@tap.test(client=["psycopg.pipeline", "asyncpg", "pgjdbc", "libpq"])
def test_client_by_syscall(client):
    run_client(client, "syscall")


@tap.test(mode=["simple", "extended", "prepared"])
def test_pgbench(mode):
    """Transactions of its own; test_postgres.py has its pipelines and retries."""
    pg = server()
    db, mark = pg.create(f"matrix{next(_numbers)}"), pg.mark()
    pg.pgbench(db, "-i", "-q", env={"PGUSER": "postgres"})
    with Redtap("socket") as r:
        done, _ = pg.pgbench(db, "-n", "-M", mode, "-c", 4, "-t", 50)
        calls, rows, errors = ledger(pg, db, mark)
        tap.equal((done, calls["update"]), (200, 600), "pgbench's own count")
        book.compare(
            r,
            "pgbench",
            bench_version(pg),
            f"-M {mode}",
            statements("pgbench", db, calls, errors),
            db_rows("pgbench", db, calls, rows, errors),
        )


def bench_version(pg):
    return re.search(r"[\d.]+", procs.run([f"{pg.bin}/pgbench", "--version"]))[0]


def through(capture, bouncer, db, argv, service, what, env):
    """A client by way of PgBouncer: both its sides, each against what PostgreSQL had to do. SET
    and DISCARD are PgBouncer's own: the clients here send none.
    """
    pg, mark = server(), server().mark()
    version = ".".join(map(str, pgbouncer.version()))
    with Redtap(capture) as r:
        procs.run(argv, env={**env, "PGPORT": str(bouncer.port)}, cwd=pg.dir, timeout=60)
        calls, rows, errors = ledger(pg, db, mark)
        tap.require(sum(calls.values()) > 100, "the client did its list")
        asked = collections.Counter({k: n for k, n in calls.items() if k not in PGBOUNCERS})
        front = db_rows(service, db, asked, rows, errors, server="pgbouncer")
        back = db_rows("pgbouncer", db, calls, rows, errors)
        for side, of, rows_of, n in (
            (f"{service} to PgBouncer, {what}", service, front, asked),
            (f"PgBouncer to PostgreSQL, {what}", "pgbouncer", back, calls),
        ):
            book.compare(r, "PgBouncer", version, side, statements(of, db, n, errors), rows_of)


@tap.test(mode=["transaction", "session"])
def test_pgbouncer_pgbench(mode):
    """In session mode with prepared statements, which PgBouncer can before 1.21 only there."""
    pg = server()
    db = pg.create(f"matrix{next(_numbers)}")
    pg.pgbench(db, "-i", "-q", env={"PGUSER": "postgres"})
    protocol = {"transaction": "extended", "session": "prepared"}[mode]
    bouncer = Pgbouncer(pg, mode, size={"transaction": 4, "session": 8}[mode])
    argv = [f"{pg.bin}/pgbench", "-n", "-M", protocol, "-c", 8, "-j", 2, "-t", 40]
    through("socket", bouncer, db, argv, "pgbench", f"{mode} pooling, -M {protocol}", pg.env(db))
    bouncer.stop()


@tap.test()
def test_pgbouncer_prepared():
    """Prepared statements in transaction pooling: PgBouncer knows them by names of its own."""
    what = "transaction pooling, prepared statements"
    if pgbouncer.version() < (1, 21):
        number = ".".join(map(str, pgbouncer.version())) or "not installed"
        book.skip("PgBouncer", what, "socket", f"PgBouncer from 1.21 on; here {number}")
    pg = server()
    db = pg.create(f"matrix{next(_numbers)}")
    pg.pgbench(db, "-i", "-q", env={"PGUSER": "postgres"})
    bouncer = Pgbouncer(pg, options="max_prepared_statements = 100")
    argv = [f"{pg.bin}/pgbench", "-n", "-M", "prepared", "-c", 8, "-j", 2, "-t", 40]
    through("socket", bouncer, db, argv, "pgbench", what, pg.env(db))
    bouncer.stop()


@tap.test(capture=BOTH)
def test_pgbouncer_psycopg(capture):
    """Errors, COPY, cursors and transactions by way of PgBouncer."""
    argv, why = python("pg_psycopg3.py", "simple")
    what = "transaction pooling, simple queries, COPY, cursor"
    if why:
        book.skip("PgBouncer", f"psycopg to PgBouncer, {what}", capture, why)
    pg = server()
    db = database(pg)
    bouncer = Pgbouncer(pg)
    env = {**pg.env(db), "OTEL_SERVICE_NAME": "psycopg"}
    through(capture, bouncer, db, argv, "psycopg", what, env)
    bouncer.stop()


if not sys.argv[1:]:
    for _, build in CLIENTS.values():  # before this run has the host for itself
        build()
tap.main()
