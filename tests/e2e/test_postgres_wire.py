#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every rule of pairing on the wire of a real PostgreSQL: a client that says what no driver would.

Each conversation has a database of its own. What the server says by itself (pg_stat_statements and
its log) is the ledger; a conversation returns what that ledger is known not to say, and checks that
the server answers as the rule has it.
"""

import collections
import functools
import itertools
import re

from bed import tap
from bed.ledger import db_rows
from bed.pgwire import (
    CANCEL,
    DONE,
    FAIL,
    GSS,
    SSL,
    B,
    C,
    Closed,
    D,
    E,
    F,
    H,
    P,
    Q,
    S,
    Wire,
    X,
    d,
    session,
    startup,
    untyped,
)
from bed.postgres import Postgres, counts
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
SERVICE = "test_postgres_wire"
SETUP = """
CREATE TABLE t(id int PRIMARY KEY, n int);
INSERT INTO t SELECT g, g FROM generate_series(1, 20) g;
CREATE TABLE late(n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
"""
_numbers = itertools.count(1)
_talks = []


def talk(body):
    _talks.append(body)
    return body


@functools.cache
def server():
    return Postgres()


class Known:
    """What the ledger does not know: calls to add or to take away, rows that replace its own."""

    def __init__(self, calls=None, rows=None, errors=None):
        self.calls, self.rows, self.errors = calls or {}, rows, errors or {}


def is_(got, want, what):
    """Whether the server answers as the rule says. N, S and A are nobody's answer."""
    tap.equal(re.sub("[NSA]", "", got), want, what)


# ---- pairing and errors


@talk
def skip_to_sync(pg, db):
    c = session(pg.port, db)
    is_(
        c.ask(P("", "SELECT 1/0"), B(), E(), Q("SELECT 2"), P("", "SELECT 3"), B(), E(), S),
        "1EZ",
        "all is skipped up to Sync, a query too",
    )
    is_(c.ask(P("", "SELECT nope"), D("S"), H, Q("SELECT 1"), S, Q("SELECT 4")), "EZ", "Flush too")
    is_(c.until("Z"), "TDCZ", "the query behind Sync")
    c.end()


@talk
def a_sync_each(pg, db):
    """Four units at once, the third fails."""
    c = session(pg.port, db)
    said = c.ask(
        *(P("", "UPDATE t SET n = 1 WHERE id = 1"), B(), E(), S),
        *(P("", "SELECT n FROM t WHERE id < 4"), B(), D("P"), E(), S),
        *(P("", "INSERT INTO t VALUES (1)"), B(), E(), S),
        *(P("", "DELETE FROM t WHERE id = 20"), B(), E(), S),
        units=4,
    )
    is_(said, "12CZ12TDDDCZ12EZ12CZ", "four units")
    c.end()


@talk
def flush_without_sync(pg, db):
    """asyncpg: P D H, then B E S."""
    c = session(pg.port, db)
    for n in range(3):
        is_(c.say(P(f"s{n}", "SELECT n FROM t"), D("S", f"s{n}"), H).until("T"), "1tT", "prepare")
        is_(c.ask(B("", f"s{n}"), E(), S), "2" + "D" * 20 + "CZ", "execute")
    is_(c.say(P("x", "SELECT nope"), D("S", "x"), H).until("E"), "E", "a prepare that fails")
    is_(c.ask(S), "Z", "and its Sync")
    is_(c.say(B("", "s0"), E(), H).until("C"), "2" + "D" * 20 + "C", "executed at Flush")
    is_(c.say(B("", "s1"), E(), H).until("C"), "2" + "D" * 20 + "C", "and another")
    is_(c.ask(S), "Z", "synced later")
    c.end()


@talk
def glued_begin(pg, db):
    """JDBC: BEGIN as a query glued in front; prepared later."""
    c = session(pg.port, db)
    said = c.ask(Q("BEGIN"), P("", "SELECT 1"), B(), D("P"), E(), S, units=2)
    is_(said, "CZ12TDCZ", "two ReadyForQuery")
    is_(c.ask(Q("COMMIT"), Q("BEGIN"), P("", "SELECT 2"), B(), E(), S, units=3), "CZCZ12DCZ", "3")
    is_(c.ask(Q("ROLLBACK")), "CZ", "the end")
    c.end()


@talk
def extended_then_query(pg, db):
    c = session(pg.port, db)
    said = c.ask(P("", "SELECT 1"), B(), D("P"), E(), Q("SELECT 2"))
    is_(said, "12TDCTDCZ", "one ReadyForQuery for both")
    c.end()


@talk
def thousand(pg, db):
    """A thousand statements in one unit, and in a unit each."""
    c = session(pg.port, db)
    unit = [P("a", "SELECT n FROM t WHERE id = 3"), P("b", "UPDATE t SET n = n WHERE id = 4")]
    for n in range(500):
        unit += [B("", "a"), E(), B("", "b"), E()]
    is_(c.ask(*unit, S), "11" + "2DC2C" * 500 + "Z", "in one unit")
    is_(c.ask(*[B("", "a"), E(), S] * 1000, units=1000), "2DCZ" * 1000, "a unit each")
    is_(c.ask(*[Q("SELECT 5")] * 1000, units=1000), "TDCZ" * 1000, "simple")
    c.end()


@talk
def several_in_a_query(pg, db):
    c = session(pg.port, db)
    is_(c.ask(Q("SELECT 1; SELECT ';' /* ; */; UPDATE t SET n = 0")), "TDCTDCCZ", "three")
    is_(c.ask(Q("INSERT INTO t VALUES (100); SELECT 1/0; SELECT 3")), "CEZ", "the second fails")
    is_(c.ask(Q("; ;")), "IZ", "nothing")
    is_(c.ask(Q("SELEC 1; SELECT 2")), "EZ", "no statement at all")
    c.end()
    # what was rolled back is in that ledger nevertheless: it ran


@talk
def error_after_rows(pg, db):
    c = session(pg.port, db)
    sql = "SELECT 10000 / (2000 - g) FROM generate_series(1, 3000) g"
    said = c.ask(Q(sql))
    is_(re.sub("D+", "D", said), "TDEZ", "rows, then an error")
    said = c.ask(P("", sql), B(), E(), S)
    is_(re.sub("D+", "D", said), "12DEZ", "extended")
    c.end()


@talk
def late_constraint(pg, db):
    """What fails at the end of the transaction is charged to the COMMIT, or to the statement that
    the Sync committed.
    """
    c = session(pg.port, db)
    twice = "INSERT INTO late VALUES (1), (1)"
    is_(c.ask(Q("BEGIN"), Q(twice), Q("COMMIT"), units=3), "CZCZEZ", "at COMMIT")
    is_(c.ask(Q("BEGIN"), P("", twice), B(), E(), P("", "COMMIT"), B(), E(), S, units=2), "CZ12C12EZ", "")
    is_(c.ask(P("", twice), B(), E(), S), "12CEZ", "at Sync")
    is_(c.ask(P("", "SELECT 1"), B(), E(), P("", twice), B(), E(), S), "12DC12CEZ", "at its end")
    is_(c.ask(Q(twice)), "EZ", "a query of its own")
    is_(c.ask(Q("SELECT 1;" + twice)), "TDCEZ", "the last of a query")
    c.end()
    # pg_stat_statements counts what ran, before the constraint is looked at
    return Known({"commit": -2, "insert": -4}, rows={"select": 2, "insert": 4})


@talk
def terminated(pg, db):
    """FATAL in the middle of a pipeline: no ReadyForQuery."""
    c = session(pg.port, db)
    kill = "SELECT pg_terminate_backend(pg_backend_pid())"
    c.say(P("", "SELECT 1"), B(), E(), P("", kill), B(), E(), P("", "SELECT 2"), B(), E(), S)
    try:
        c.until("Z")
    except Closed as e:
        is_(re.sub("D?C?E$", "E", e.args[0]), "12DC12E", "no ReadyForQuery")
    c.sock.close()
    c = session(pg.port, db)
    try:
        c.ask(Q(kill))
    except Closed as e:
        tap.check("E" in e.args[0] and "Z" not in e.args[0], "FATAL ends it")
    c.sock.close()
    # the one answered before had no ReadyForQuery either: it is abandoned
    return Known({"select": -1}, rows={})


@talk
def cancelled(pg, db):
    c = session(pg.port, db)
    c.say(Q("SELECT pg_sleep(20)"))
    pg.ask("SELECT pg_sleep(0.2)")
    k = Wire(pg.port).say(untyped(CANCEL, c.key))
    tap.equal(k.sock.recv(1), b"", "a cancel request has no answer")
    k.sock.close()
    is_(c.until("Z"), "TEZ", "cancelled")
    is_(c.ask(Q("SELECT 1")), "TDCZ", "it goes on")
    c.end()


# ---- names


@talk
def unnamed(pg, db):
    """Destroyed by a query and by the next Parse, also by one that fails."""
    c = session(pg.port, db)
    is_(c.ask(P("", "UPDATE t SET n = 1"), S), "1Z", "prepared")
    is_(c.ask(Q("SELECT 1")), "TDCZ", "a query")
    is_(c.ask(B(), E(), S), "EZ", "has destroyed it")
    is_(c.ask(P("", "SELECT 1"), S, P("", "SELEC"), S, B(), E(), S, units=3), "1ZEZEZ", "a Parse")
    is_(c.ask(Q("BEGIN"), P("", "SELECT n FROM t"), B(), E("", 3), S, units=2), "CZ12DDDsZ", "")
    is_(c.ask(Q("VALUES (1)")), "TDCZ", "a query")
    is_(c.ask(E("", 3), S), "EZ", "has destroyed the portal, too")
    c.end()
    # a portal that is not read to its end: of its rows the ledger knows the last part
    return Known(rows={"select": 1 + 3 + 1})


@talk
def named(pg, db):
    """By a name that no other talk uses: what it means elsewhere in the process may be asked."""
    c = session(pg.port, db)
    is_(c.ask(P("mine", "DELETE FROM t WHERE id = $1"), S, B("", "mine", "1"), E(), S, units=2), "1Z2CZ", "")
    is_(c.ask(P("mine", "SELECT 1"), S), "EZ", "a name that is taken")
    is_(c.ask(B("", "mine", "2"), E(), S), "2CZ", "still the old one")
    is_(c.ask(B("", "mine", "x"), E(), S), "EZ", "a value that is none")
    is_(c.ask(C("S", "mine"), C("S", "none"), S, B("", "mine", "3"), E(), S, units=2), "33ZEZ", "closed")
    is_(c.ask(P("mine", "SELECT 1"), Q("DEALLOCATE mine"), B("", "mine"), E(), S, units=2), "1CZEZ", "")
    is_(c.ask(P("mine", "SELECT 1"), Q("DISCARD ALL"), B("", "mine"), E(), S, units=2), "1CZEZ", "")
    c.end()
    return Known({"deallocate": 1})  # never in that ledger


@talk
def portals(pg, db):
    """Read in parts, two in turn, given up, and destroyed at the end of the transaction."""
    c = session(pg.port, db)
    all_, one = "SELECT n FROM t", "SELECT n FROM t WHERE id = 1"
    is_(c.ask(Q("BEGIN"), P("s", all_), B("a", "s"), E("a", 8), S, units=2), "CZ12" + "D" * 8 + "sZ", "")
    is_(c.ask(E("a", 8), S), "D" * 8 + "sZ", "the second part")
    is_(c.ask(E("a", 8), S), "D" * 4 + "CZ", "the end")
    is_(c.ask(B("b", "s"), B("c", "s"), E("b", 2), E("c", 3), E("b"), E("c"), S),
        "22DDsDDDs" + "D" * 18 + "C" + "D" * 17 + "CZ", "in turn")
    is_(c.ask(B("e", "s"), E("e", 5), C("P", "e"), B("f", "s"), E("f", 1), S), "2" + "D" * 5 + "s32DsZ", "")
    is_(c.ask(Q("COMMIT AND CHAIN")), "CZ", "the transaction is a new one")
    is_(c.ask(E("f"), S), "EZ", "its portals are gone")
    is_(c.ask(Q("ROLLBACK")), "CZ", "the end")
    is_(c.ask(P("", one), B(), E("", 1), S, B("", "s"), E("", 1), S, units=2), "12DsZ2DsZ", "fetchval")
    is_(c.ask(P("", "INSERT INTO t VALUES (50), (51) RETURNING id"), B(), E("", 1), S), "12DsZ", "")
    c.end()
    return Known(rows={"select": 20 + 20 + 20 + 5 + 1 + 1 + 1, "insert": 1})


@talk
def empty_and_described(pg, db):
    c = session(pg.port, db)
    is_(c.ask(P("", ""), B(), D("P"), E(), S), "12nIZ", "an empty text")
    is_(c.ask(P("s", "SELECT $1::int"), D("S", "s"), S), "1tTZ", "described")
    is_(c.ask(D("S", "s"), B("", "s", "3"), D("P"), E(), C("P"), C("S", "s"), S), "tT2TDC33Z", "")
    is_(c.ask(D("S", "s"), S), "EZ", "of what is closed")
    c.end()
    return Known(errors={"26000": -1})  # a Describe is no statement


# ---- COPY


@talk
def copy_simple(pg, db):
    c = session(pg.port, db)
    is_(c.say(Q("COPY t FROM STDIN")).until("G"), "G", "in")
    is_(c.ask(d("30\t1\n"), d("31\t"), d("1\n"), DONE), "CZ", "done")
    is_(c.say(Q("COPY t FROM STDIN")).until("G"), "G", "in")
    is_(c.ask(d("32\t1\n"), S, H, FAIL("no")), "EZ", "given up; Sync and Flush are swallowed")
    is_(c.say(Q("COPY t FROM STDIN")).until("G"), "G", "in")
    is_(c.ask(d("x\t1\n")), "EZ", "a bad line")
    is_(c.ask(d("33\t1\n"), DONE, Q("SELECT 1")), "TDCZ", "what still comes is dropped")
    is_(c.ask(Q("COPY t FROM STDIN"), d("34\t1\n"), DONE, Q("SELECT 2"), units=2), "GCZTDCZ", "all")
    is_(c.ask(Q("COPY t TO STDOUT")), "H" + "d" * 23 + "cCZ", "out")
    is_(c.ask(Q("SELECT 1; COPY t FROM STDIN; SELECT 3"), d("35\t1\n"), DONE), "TDCGCTDCZ", "among")
    c.end()


@talk
def copy_extended(pg, db):
    c = session(pg.port, db)
    into = (P("", "COPY t FROM STDIN"), B(), E())
    is_(c.say(*into, S).until("G"), "12G", "the Sync before the data is swallowed")
    is_(c.ask(d("30\t1\n"), DONE, S), "CZ", "one ReadyForQuery")
    is_(c.ask(*into, S, d("31\t1\n"), S, H, d("32\t1\n"), DONE, S), "12GCZ", "all at once")
    is_(c.say(*into, H).until("G"), "12G", "with Flush")
    is_(c.ask(d("33\t1\n"), H, DONE, S), "CZ", "")
    is_(c.say(*into, S).until("G"), "12G", "fails")
    is_(c.say(d("x\n")).until("E"), "E", "and waits for a Sync")
    is_(c.ask(d("34\t1\n"), DONE, Q("SELECT 1"), S), "Z", "what comes before it is dropped")
    is_(c.ask(*into, S, FAIL("no"), S, Q("SELECT 2"), units=2), "12GEZTDCZ", "given up at once")
    is_(c.ask(P("", "COPY t TO STDOUT"), B(), E(), S), "12H" + "d" * 24 + "cCZ", "out")
    is_(c.ask(P("", "SELECT 1"), B(), E(), *into, S, d("40\t1\n"), DONE, P("", "SELECT 2"), B(), E(), S),
        "12DC12GC12DCZ", "in the middle of a unit")
    c.end()


# ---- the rest of the protocol


@talk
def function_call(pg, db):
    c = session(pg.port, db)
    is_(c.ask(F(177, "20", "22")), "VZ", "int4pl")
    is_(c.ask(F(1, "20")), "EZ", "no such function")
    is_(c.ask(F(177, "20", "22"), Q("SELECT 1"), F(177, "1", "x"), units=3), "VZTDCZEZ", "glued")
    c.end()
    # no statements: neither what succeeds nor what fails
    return Known(errors={"42883": -1, "22P02": -1})


@talk
def asynchronous(pg, db):
    """Notices, parameters and notifications between any two messages."""
    c = session(pg.port, db)
    note = "DO $$ BEGIN RAISE NOTICE 'a'; RAISE NOTICE 'b'; END $$"
    is_(c.ask(Q(note)), "CZ", "notices")
    is_(c.ask(Q("LISTEN x"), Q("NOTIFY x, 'y'"), units=2), "CZCZ", "notify")
    is_(c.ask(P("", "SET TimeZone = 'UTC'"), B(), E(), P("", note), B(), E(), S), "12C12CZ", "")
    is_(c.ask(Q("SET TimeZone = 'Asia/Tokyo'; SELECT 1; SET DateStyle = 'SQL, DMY'")), "CTDCCZ", "")
    other = session(pg.port, db)
    is_(other.ask(Q("NOTIFY x")), "CZ", "one from elsewhere")
    other.end()
    is_(c.ask(Q("SELECT 2")), "TDCZ", "in front of its answer")
    c.end()


@talk
def negotiations(pg, db):
    for chain in [(SSL,), (GSS,), (GSS, SSL), (SSL, GSS)]:
        # a server built with GSSAPI refuses it over Unix sockets only
        c = Wire(pg.port, path=pg.dir if GSS in chain else None)
        for code in chain:
            tap.equal(c.say(untyped(code)).byte(), b"N", "refused")
        c.begin(db)
        is_(c.ask(Q("SELECT 1")), "TDCZ", "then as ever")
        c.end()


@talk
def versions(pg, db):
    """A newer minor version and options nobody knows: answered by NegotiateProtocolVersion."""
    for version, more in ((3 << 16) + 2, {}), ((3 << 16) + 9999, {"_pq_.test": "1"}):
        c = Wire(pg.port).say(startup("app", db, version, **more))
        tap.check("v" in c.until("Z"), "the server negotiates")
        is_(c.ask(Q("SELECT 1")), "TDCZ", "then as ever")
        c.end()


@talk
def refused(pg, db):
    """A database that is not there; a session that ends by FATAL while nothing runs."""
    c = Wire(pg.port).say(startup("app", db + "x"))
    try:
        c.until("Z")
    except Closed as e:
        is_(e.args[0], "RE", "refused")
    c.sock.close()
    c = session(pg.port, db)
    is_(c.ask(Q("BEGIN"), Q("SET idle_in_transaction_session_timeout = 50"), units=2), "CZCZ", "")
    try:
        c.until("Z")
    except Closed as e:
        is_(e.args[0], "E", "FATAL while idle")
    c.sock.close()
    return Known(errors={"25P03": -1})  # no statement's


@talk
def aborted(pg, db):
    c = session(pg.port, db)
    is_(c.ask(Q("BEGIN"), Q("SELECT 1/0"), Q("SELECT 1"), Q("COMMIT"), units=4), "CZEZEZCZ", "")
    is_(c.ask(P("", "BEGIN"), B(), E(), P("", "SELECT nope"), B(), E(), S), "12CEZ", "extended")
    is_(c.ask(P("", "SELECT 1"), B(), E(), S, Q("ROLLBACK"), units=2), "EZCZ", "aborted")
    c.end()
    return Known({"commit": -1, "rollback": 1})  # COMMIT of what failed: by its tag


# ---- the comparison


def differences(calls, known):
    calls = collections.Counter(calls)
    for name, n in known.items():
        calls[name] += n
    return {name: n for name, n in calls.items() if n}


def compare(pg, body, db, known, mark):
    """The rows of one conversation's comparison, and its failures."""
    calls, rows = counts(pg.calls(db))
    errors = differences(pg.errors(db, mark), known.errors)
    wanted = db_rows(
        SERVICE,
        db,
        differences(calls, known.calls),
        rows if known.rows is None else known.rows,
        errors,
    )
    # that family has no database: it is compared for all conversations together
    wanted = [row for row in wanted if row[0] != "failures by SQLSTATE"]
    return [(f"{body.__name__}: {what}", f, want) for what, f, want in wanted], errors


@tap.test(capture=BOTH)
def test_rules(capture):
    pg = server()
    databases = {body: pg.create(f"w{next(_numbers)}_{capture}") for body in _talks}
    for db in databases.values():
        pg.ask(SETUP, db, "postgres")
    mark = pg.mark()
    with Redtap(capture) as r:
        known = {body: body(pg, db) or Known() for body, db in databases.items()}
        rows, failures = [], collections.Counter()
        for body, db in databases.items():
            more, errors = compare(pg, body, db, known[body], mark)
            rows += more
            failures.update(errors)
        rows.append(
            (
                "failures by SQLSTATE",
                lambda p: {
                    t.removeprefix("sqlstate_"): n
                    for t, n in p.by("error_type", "errors_total", service=SERVICE).items()
                },
                dict(failures),
            )
        )
        page = r.expect(rows)
        tap.equal(
            page.by("cause", "redtap_unparsed_total", protocol="postgres"),
            # `terminated`, by both ends: answered without ReadyForQuery, and sent and not answered
            {"abandoned": 4},
            "nothing that was not understood",
        )


tap.main()
