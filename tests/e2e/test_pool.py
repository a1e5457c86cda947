#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections of a pool by state, and the time to the first row. pg_stat_activity and the client's
own clock are the ledgers.
"""

import functools
import itertools
import signal
import socket

from bed import procs, tap
from bed.pgwire import Closed, B, D, E, H, P, Q, S, Wire, session, startup
from bed.postgres import Postgres
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
SERVICE = "test_pool"
EPSILON = 1e-6  # seconds: sums of floats
STATES = {
    "active": "active",
    "idle": "idle",
    "idle in transaction": "idle_in_transaction",
    "idle in transaction (aborted)": "idle_in_transaction_aborted",
}
_numbers = itertools.count(1)


@functools.cache
def server():
    return Postgres()


def activity(db):
    """{pool_state: number} as the server has it."""
    rows = server().ask(
        "SELECT state, count(*) FROM pg_stat_activity "
        f"WHERE datname = '{db}' AND usename = 'app' GROUP BY 1"
    )
    return {STATES[state]: int(n) for state, n in rows}


def pool(db):
    return lambda p: p.by("pool_state", "db_connection_pool_size", service=SERVICE, database=db)


def at_rest(db, what, want):
    """The server has taken up what was said to it: pg_stat_activity is what the test knows."""
    procs.until(lambda: activity(db) == want, 30, f"{what}: pg_stat_activity {want}")


def compare(r, db, what, want, extra=()):
    """The gauge, pg_stat_activity and what the test knows are one."""
    at_rest(db, what, want)
    return r.expect(
        [
            (f"{what}: the pool", pool(db), want),
            (
                f"{what}: all of them",
                lambda p: p.total("db_connection_pool_size", service=SERVICE, database=db),
                sum(want.values()),
            ),
            *extra,
        ]
    )


@tap.test(capture=BOTH)
def test_states(capture):
    pg = server()
    db = pg.create(f"pool{next(_numbers)}")
    with Redtap(capture) as r, socket.create_server(("127.0.0.1", 0)) as silent:
        held = [session(pg.port, db) for _ in range(7)]
        compare(r, db, "opened", {"idle": 7})
        for c in held[:2]:
            c.ask(Q("BEGIN"))
        held[2].ask(Q("BEGIN"), Q("SELECT nope"), units=2)
        held[3].say(Q("SELECT pg_sleep(300)"))
        # a transaction and a query by the extended protocol; asyncpg's habits
        held[4].ask(P("s", "BEGIN"), B("", "s"), E(), S)
        held[5].say(P("s", "SELECT 1"), D("S", "s"), H).until("T")
        held[5].ask(B("", "s"), E(), S)
        connecting = Wire(silent.getsockname()[1]).say(startup("app", db))
        want = {
            "idle": 2,
            "idle_in_transaction": 3,
            "idle_in_transaction_aborted": 1,
            "active": 1,
        }
        at_rest(db, "mixed", want)
        r.expect([("mixed: the pool", pool(db), {**want, "connecting": 1})])
        peers = r.scrape().by("peer", "db_connection_pool_size", service=SERVICE, database=db)
        tap.equal(len(peers), 2, "the server that does not answer is another peer")
        connecting.sock.close()
        compare(r, db, "one gave up", want)
        # ended by the server, by the client, by the client's death in a statement
        server().ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{db}' AND state = 'idle in transaction (aborted)'"
        )
        try:
            held[2].until("Z")
        except Closed:
            pass
        held[0].end()
        procs.until(lambda: sum(activity(db).values()) == 5, 30, "two are gone")
        compare(r, db, "two ended", {"idle": 2, "idle_in_transaction": 2, "active": 1})
        held[1].ask(Q("COMMIT"))
        held[4].ask(Q("SELECT nope"))
        compare(
            r,
            db,
            "changed",
            {"idle": 3, "idle_in_transaction_aborted": 1, "active": 1},
        )
        held[2].sock.close()
        for c in held[1], *held[3:]:
            c.sock.close()
        r.expect([("all closed", pool(db), {})])
        lost = r.scrape().total("redtap_negative_durations_total")
        tap.equal(lost, 0, "negative durations")
        server().ask(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{db}'"
        )


@tap.test(capture=BOTH)
def test_late(capture):
    """Open before redtap is: in the gauge from its first message on, `unknown` while that tells
    nothing of the state. The database is not known.
    """
    pg = server()
    db = pg.create(f"pool{next(_numbers)}")
    held = [session(pg.port, db) for _ in range(4)]
    for c in held[:2]:
        c.ask(Q("BEGIN"))
    with Redtap(capture) as r:
        r.expect([("nothing was said yet", pool("unknown"), {})])
        for c in held:
            c.say(P("s", "SELECT 1"), D("S", "s"), H).until("T")
        r.expect([("prepared at Flush", pool("unknown"), {"unknown": 4})])
        for c in held:
            c.ask(B("", "s"), E(), S)
        want = {"idle": 2, "idle_in_transaction": 2}
        at_rest(db, "told", want)
        r.expect([("told", pool("unknown"), want)])
        held[0].ask(Q("SELECT nope"))
        held[3].say(Q("SELECT pg_sleep(300)"))
        want = {"idle": 1, "idle_in_transaction": 1, "idle_in_transaction_aborted": 1, "active": 1}
        at_rest(db, "changed", want)
        r.expect([("changed", pool("unknown"), want)])
        for c in held:
            c.sock.close()
        r.expect([("closed", pool("unknown"), {})])
    server().ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{db}'")


@tap.test(capture=BOTH)
def test_reload(capture):
    """SIGHUP: open connections move to their new name, and leave when they are not selected."""
    pg = server()
    db = pg.create(f"pool{next(_numbers)}")

    def as_service(name):
        return lambda p: p.by(
            "pool_state", "db_connection_pool_size", service=name, database=db
        )

    with Redtap(capture, config="log_level: info\n") as r:
        path = procs.run_dir() / f"redtap.{r.port}.yaml"
        held = [session(pg.port, db) for _ in range(3)]
        held[0].ask(Q("BEGIN"))
        want = {"idle": 2, "idle_in_transaction": 1}
        r.expect([("before", as_service(SERVICE), want)])
        path.write_text("services: [{name: renamed, match: {cmdline: '*test_pool*'}}]\n")
        r.proc.popen.send_signal(signal.SIGHUP)
        r.expect(
            [
                ("renamed", as_service("renamed"), want),
                ("nothing stays behind", as_service(SERVICE), {}),
            ]
        )
        path.write_text("select: [{cmdline: '*test_pool*', exclude: true}]\n")
        r.proc.popen.send_signal(signal.SIGHUP)
        r.expect([("not selected", as_service(["renamed", SERVICE]), {})])
        path.write_text("log_level: info\n")
        r.proc.popen.send_signal(signal.SIGHUP)
        procs.until(
            lambda: r.proc.output().count("select changed") == 2, 15, "the file was read again"
        )
        r.scrape()  # is rendered when that is done
        held[0].ask(Q("SELECT 1"))
        r.expect([("selected again", as_service(SERVICE), {"idle_in_transaction": 1})])
        for c in held:
            c.end()


def first_rows(page, kind="select"):
    where = {"service": SERVICE, "query_type": kind}
    return (
        page.total("db_first_row_seconds_count", **where),
        page.total("db_first_row_seconds_sum", **where),
    )


def sharp(r, c, what, wanted, ask, near, tries=10):
    """What redtap says lies between the client's clock before and behind its calls: always. Once
    that must be a narrow span, 1 % or `near`; when the client had to wait for a CPU it is not, and
    the question is asked again.
    """
    for _ in range(tries):
        count, total = first_rows(r.scrape())
        c.heard.clear()
        with procs.steady():
            c.ask(*ask)
        rows = [span for span, kind in c.heard if kind == "D"]
        page = r.expect([(what, lambda p: first_rows(p)[0] - count, wanted)])
        if not wanted:
            return
        # one row each, or the first of them all
        rows = rows if wanted > 1 else rows[:1]
        tap.equal(len(rows), wanted, f"{what}: rows that the client saw")
        seen = first_rows(page)[1] - total
        least = sum(before - c.said[1] for before, _ in rows)
        most = sum(after - c.said[0] for _, after in rows)
        tap.note(
            f"{what}: {seen * 1e3:.2f} ms, by the client's clock "
            f"{least * 1e3:.2f} to {most * 1e3:.2f} ms"
        )
        tap.require(least - EPSILON <= seen <= most + EPSILON, f"{what}: {least} {seen} {most}")
        if most - least <= max(least * 0.01, near):
            return
    tap.check(False, f"{what}: the client's clock was never sharp")


@tap.test(capture=BOTH)
def test_first_row(capture):
    """A row that comes late, rows that come slowly, one of many in a unit, and none at all."""
    pg = server()
    db = pg.create(f"pool{next(_numbers)}")
    slowly = "SELECT repeat('x', 5000), pg_sleep(0.05) FROM generate_series(1, 8)"
    fails = (
        "SELECT repeat('x', 5000), 1 / (3 - g), pg_sleep(0.02) FROM generate_series(1, 5) g"
    )
    unit = [S]
    for pause in (0.0, 0.2, 0.1):
        sql = f"SELECT repeat('x', 9000) FROM pg_sleep({pause})"
        unit[:0] = [P("", sql), B(), E(), H]
    with Redtap(capture) as r:
        c = session(pg.port, db)
        for what, wanted, ask, near in [
            (
                "rows after a sleep",
                1,
                [Q("SELECT g FROM pg_sleep(0.3), generate_series(1, 9) g")],
                0.001,
            ),
            ("rows that come slowly", 1, [Q(slowly)], 0.001),
            ("the same, extended", 1, [P("", slowly), B(), D("P"), E(), S], 0.001),
            ("no row", 0, [Q("SELECT 1 FROM pg_sleep(0.1) WHERE false")], 0),
            ("fails after rows", 1, [Q(fails)], 0.001),
            # each statement of a unit by its own first row
            ("three in a unit", 3, unit, 0.003),
        ]:
            sharp(r, c, what, wanted, ask, near)
        c.end()


tap.main()
