# SPDX-License-Identifier: GPL-2.0-or-later
"""psycopg 3: pg_psycopg3.py simple | prepared | pipeline. `prepared`: by the server from the fifth
time on, as is the library's default.
"""

import json
import sys

import psycopg

mode = sys.argv[1]
factory = psycopg.ClientCursor if mode == "simple" else psycopg.Cursor
conn = psycopg.connect("", autocommit=True, cursor_factory=factory)
if mode == "simple":
    conn.prepare_threshold = None


def bad(conn, text, *args):
    try:
        conn.execute(text, *args)
    except psycopg.Error:
        pass


def plain():
    for _ in range(50):
        conn.execute("SELECT 1").fetchall()
    for n in range(50):
        conn.execute("INSERT INTO t VALUES (%s, %s)", (n, f"it's {n}"))
    for n in range(100):
        conn.execute("SELECT id, name FROM t WHERE id < %s", (n % 60 - 5,)).fetchall()
    conn.execute("INSERT INTO t SELECT g, 'many' FROM generate_series(1001, 1100) g RETURNING id")
    conn.execute("SELECT generate_series(1, 1000)").fetchall()
    for n in range(20):
        conn.execute("UPDATE t SET name = name || '!' WHERE id <= %s", (n,))
    for n in range(10):
        conn.execute("DELETE FROM t WHERE id = %s", (1000 + n,))


def errors():
    for n in range(3):
        bad(conn, "INSERT INTO t VALUES (%s, 'twice')", (n,))
        bad(conn, "SELEC 1")


def transactions():
    with conn.transaction():
        conn.execute("UPDATE t SET name = 'kept' WHERE id = %s", (1,))
        with conn.transaction(force_rollback=True):  # a savepoint
            conn.execute("DELETE FROM t WHERE id = %s", (3,))
    with conn.transaction(force_rollback=True):
        conn.execute("DELETE FROM t")
    with conn.transaction(), psycopg.ServerCursor(conn, "portions") as named:
        named.itersize = 30
        named.execute("SELECT id FROM t ORDER BY id")
        assert len(list(named)) == 141


def copies():
    with conn.cursor().copy("COPY t FROM STDIN") as copy:
        for n in range(2000, 2500):
            copy.write_row((n, f"c{n}"))
    with conn.cursor().copy("COPY t TO STDOUT") as copy:
        list(copy)


def batches():
    # executemany() is a pipeline of its own where libpq has them
    with conn.cursor() as cur:
        cur.executemany("INSERT INTO t VALUES (%s, %s)", [(n, "x") for n in range(3000, 3200)])
        cur.executemany(
            "UPDATE t SET name = %s WHERE id = %s RETURNING id",
            [("b", n) for n in range(40)],
            returning=True,
        )


def pipelines():
    with conn.pipeline():
        plain()
    with conn.pipeline() as p:
        for n in range(30):
            conn.execute("SELECT id FROM t WHERE id < %s", (n,))
            if n % 10 == 9:
                p.sync()
    with conn.pipeline() as p:
        for n in range(10):
            conn.execute("SELECT %s::int", (n,))
    for fail_at in (0, 3, 9):
        try:
            with conn.pipeline():
                for n in range(10):
                    if n == fail_at:
                        conn.execute("INSERT INTO t VALUES (1, 'twice')")
                    else:
                        conn.execute("SELECT %s::int + 1", (n,))
        except psycopg.Error:
            pass
    with conn.pipeline(), conn.transaction():
        for n in range(5):
            conn.execute("UPDATE t SET name = 'p' WHERE id = %s", (n,))


if mode == "pipeline":
    pipelines()
else:
    plain()
errors()
transactions()
copies()
batches()
conn.close()
print(json.dumps({"version": psycopg.__version__, "suspended_rows": 0}))
