#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""PostgreSQL by pgbench and psql: pg_stat_statements and the server's log are the ledger."""

import collections
import functools
import itertools

from bed import procs, tap
from bed.ledger import db_rows
from bed.postgres import Postgres, counts
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
_numbers = itertools.count(1)

PIPELINE = """
\\set a random(1, 1000)
\\startpipeline
SELECT :a;
INSERT INTO log(n) VALUES (:a);
SELECT n FROM log LIMIT 3;
UPDATE hot SET n = n + 1 WHERE id = :client_id;
SELECT generate_series(1, 5);
\\endpipeline
"""

# Two clients at one row: some transactions fail with 40001 and are tried again.
CONFLICT = """
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT n FROM hot WHERE id = 0;
UPDATE hot SET n = n + 1 WHERE id = 0;
END;
"""

# PREPARE and DEALLOCATE never are in pg_stat_statements: they are counted by hand, two each.
SCRIPT = """
CREATE TABLE t(id int PRIMARY KEY, name text);
COPY t FROM STDIN;
1\tone
2\ttwo
3\tthree
\\.
COPY t TO STDOUT;
COPY (SELECT * FROM t WHERE id > 5) TO STDOUT;
INSERT INTO t SELECT g, 'n' || g FROM generate_series(10, 500) g;
UPDATE t SET name = name || '!' WHERE id < 100 RETURNING id;
DELETE FROM t WHERE id = 77;
MERGE INTO t USING (VALUES (1, 'x'), (900, 'y')) AS v(id, name) ON t.id = v.id
  WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.name);
SELECT * FROM t;
SELECT * FROM t WHERE id = -1;
WITH x AS (SELECT 1 AS one) SELECT * FROM x;
VALUES (1), (2);
TABLE t;
CREATE TABLE copy AS SELECT * FROM t LIMIT 7;
SELECT 1\\; SELECT 2\\; INSERT INTO t VALUES (1000, 'multi')\\; SELECT id FROM t LIMIT 4;
BEGIN;
SELECT 1 FROM t LIMIT 2;
SAVEPOINT a;
INSERT INTO t VALUES (1, 'duplicate');
SELECT 'skipped';
ROLLBACK TO a;
RELEASE a;
COMMIT;
START TRANSACTION;
DECLARE c CURSOR FOR SELECT * FROM t;
FETCH 10 FROM c;
MOVE 5 IN c;
FETCH ALL FROM c;
CLOSE c;
ROLLBACK;
SELECT 1/0;
SELECT nothing FROM nowhere;
SELEC 1;
SELECT 1\\; SELECT 1/0\\; SELECT 3;
COPY t FROM STDIN;
2\tagain
\\.
PREPARE p(int) AS SELECT * FROM t WHERE id = $1;
EXECUTE p(1);
EXECUTE p(2);
EXECUTE p(-4);
PREPARE q AS INSERT INTO copy SELECT * FROM t LIMIT 3;
EXECUTE q;
DEALLOCATE p;
DEALLOCATE ALL;
SET work_mem = '5MB';
SHOW work_mem;
EXPLAIN SELECT * FROM t;
DO $$ BEGIN PERFORM 1; END $$;
LISTEN news;
NOTIFY news, 'hello';
ANALYZE t;
VACUUM t;
TRUNCATE copy;
-- a comment first
SELECT 'unfinished' AS "quo""ted";

;
DROP TABLE copy;
DISCARD ALL;
"""

# A failure that comes at the end: the INSERT succeeds, its COMMIT does not.
DEFERRED = """
CREATE TABLE d(n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
BEGIN;
INSERT INTO d VALUES (1), (2);
INSERT INTO d VALUES (2);
COMMIT;
SELECT count(*) FROM d;
"""


@functools.cache
def server():
    return Postgres()


def database():
    return server().create(f"test{next(_numbers)}")


def since(db, before):
    """(calls, rows) by type that were added to pg_stat_statements."""
    calls, rows = counts(server().calls(db))
    calls0, rows0 = counts(before)
    return calls - calls0, rows - rows0


@tap.test(capture=BOTH, protocol=["simple", "extended", "prepared"])
def test_pgbench(capture, protocol):
    pg, db = server(), database()
    pg.pgbench(db, "-i", "-q", "-s", "2")
    before = pg.calls(db)
    with Redtap(capture) as r:
        done, rate = pg.pgbench(db, "-M", protocol, "-c", "8", "-j", "2", "-t", "400", "-n")
        tap.equal(done, 3200, "pgbench's own count")
        tap.note(f"{rate:.0f} transactions/s")
        calls, rows = since(db, before)
        if protocol == "prepared":
            # a prepared utility statement is in that ledger once, however often it runs
            tap.check(calls["begin"] < done, "the ledger has prepared BEGIN once per client")
            calls["begin"] = calls["commit"] = done
        tap.equal(calls["update"], 3 * done, "UPDATE in pg_stat_statements")
        r.expect(db_rows("pgbench", db, calls, rows, pg.errors(db)))


@tap.test(capture=BOTH, protocol=["extended", "prepared"])
def test_pipeline(capture, protocol):
    pg, db = server(), database()
    pg.ask(
        "CREATE TABLE log(n int); CREATE TABLE hot(id int, n int);"
        "INSERT INTO hot SELECT g, 0 FROM generate_series(0, 9) g",
        db,
        "app",
    )
    script = procs.run_dir() / "pipeline.sql"
    script.write_text(PIPELINE)
    before = pg.calls(db)
    with Redtap(capture) as r:
        done, _ = pg.pgbench(db, "-M", protocol, "-c", "4", "-t", "500", "-n", "-f", script)
        tap.equal(done, 2000, "pgbench's own count")
        calls, rows = since(db, before)
        tap.equal(calls["select"], 3 * done, "SELECT in pg_stat_statements")
        r.expect(
            db_rows("pgbench", db, calls, rows, {})
            + [
                (
                    "statements answered together",
                    lambda p: p.total("redtap_batched_statements_total") >= 5 * done,
                    True,
                )
            ]
        )


@tap.test(capture=BOTH)
def test_reconnect(capture):
    """A connection for every transaction, over the Unix socket."""
    pg, db = server(), database()
    pg.pgbench(db, "-i", "-q", "-s", "1")
    before = pg.calls(db)
    with Redtap(capture) as r:
        done, _ = pg.pgbench(
            db, "-C", "-S", "-c", "4", "-t", "100", "-n", env={"PGHOST": str(pg.dir)}
        )
        tap.equal(done, 400, "pgbench's own count")
        calls, rows = since(db, before)
        page = r.expect(db_rows("pgbench", db, calls, rows, {}))
        path = f"{pg.dir}/.s.PGSQL.{pg.port}"
        tap.equal(
            set(page.by("peer", "db_queries_total", service="pgbench", database=db)),
            {path},
            "peer: the path of the socket",
        )


@tap.test(capture=BOTH)
def test_conflicts(capture):
    pg, db = server(), database()
    pg.ask("CREATE TABLE hot(id int, n int); INSERT INTO hot VALUES (0, 0)", db, "app")
    script = procs.run_dir() / "conflict.sql"
    script.write_text(CONFLICT)
    before, mark = pg.calls(db), pg.mark()
    with Redtap(capture) as r:
        done, _ = pg.pgbench(db, "-c", "4", "-t", "200", "-n", "--max-tries=1000", "-f", script)
        tap.equal(done, 800, "pgbench's own count")
        errors = pg.errors(db, mark)
        tap.require(errors["40001"] > 0, "transactions collided")
        r.expect(db_rows("pgbench", db, *since(db, before), errors))


@tap.test(capture=BOTH, host=["tcp", "unix"])
def test_psql(capture, host):
    pg, db = server(), database()
    mark = pg.mark()
    with Redtap(capture) as r:
        pg.psql(db, SCRIPT, host=pg.dir if host == "unix" else "127.0.0.1")
        calls, rows = counts(pg.calls(db))
        calls += collections.Counter(prepare=2, deallocate=2)
        errors = pg.errors(db, mark)
        tap.equal(
            errors, {"23505": 2, "22012": 2, "42P01": 1, "42601": 1, "25P02": 1}, "the server's log"
        )
        r.expect(db_rows("psql", db, calls, rows, errors))


@tap.test(capture=BOTH)
def test_late_failure(capture):
    pg, db = server(), database()
    mark = pg.mark()
    with Redtap(capture) as r:
        pg.psql(db, DEFERRED)
        errors = pg.errors(db, mark)
        tap.equal(errors, {"23505": 1}, "the server's log")
        calls, rows = counts(pg.calls(db))
        # that ledger takes the COMMIT for a success: it looks before the constraint is checked
        tap.equal(calls.pop("commit"), 1, "COMMIT in pg_stat_statements")
        r.expect(db_rows("psql", db, calls, rows, errors))


@tap.test(capture=BOTH)
def test_large_copy(capture):
    """Megabytes in and out; a result of many reads. What a starved reader loses is another test's
    business (test_loss.py): the queues hold all that comes before the hints do.
    """
    pg, db = server(), database()
    pg.ask("CREATE TABLE big(id int, filler text)", db, "app")
    data = procs.run_dir() / "big.tsv"
    data.write_text("".join(f"{n}\t{'x' * (n % 300)}\n" for n in range(50000)))
    before = pg.calls(db)
    with Redtap(capture, args=["--ring-bytes", "16MiB"]) as r:
        pg.psql(
            db,
            f"\\copy big FROM '{data}'\n\\copy big TO '/dev/null'\n"
            "SELECT * FROM big;\nINSERT INTO big SELECT * FROM big;\nSELECT count(*) FROM big;\n",
            options=["-o", "/dev/null"],
        )
        calls, rows = since(db, before)
        tap.equal(rows["copy"], 100000, "rows of COPY in pg_stat_statements")
        r.expect(db_rows("psql", db, calls, rows, {}))


@tap.test(capture=BOTH)
def test_cursor_of_psql(capture):
    """FETCH_COUNT makes psql read by cursor; a cancelled statement fails with 57014."""
    pg, db = server(), database()
    mark = pg.mark()
    with Redtap(capture) as r:
        pg.psql(
            db,
            "\\set FETCH_COUNT 7\nSELECT generate_series(1, 100);\n\\unset FETCH_COUNT\n"
            "SET statement_timeout = 50;\nSELECT pg_sleep(5);\nSELECT 1;\n",
        )
        errors = pg.errors(db, mark)
        tap.equal(errors, {"57014": 1}, "the server's log")
        r.expect(db_rows("psql", db, *counts(pg.calls(db)), errors))


tap.main()
