# SPDX-License-Identifier: GPL-2.0-or-later
"""psycopg2: parameters are written into the text, everything is a simple query."""

import io
import json

import psycopg2
from psycopg2 import extras

conn = psycopg2.connect("")
conn.autocommit = True
cur = conn.cursor()
for _ in range(50):
    cur.execute("SELECT 1")
    cur.fetchall()
for n in range(50):
    cur.execute("INSERT INTO t VALUES (%s, %s)", (n, f"it's {n}"))
for n in range(100):
    cur.execute("SELECT id, name FROM t WHERE id < %s", (n % 60 - 5,))
    cur.fetchall()
cur.execute("INSERT INTO t SELECT g, 'many' FROM generate_series(1001, 1100) g RETURNING id")
cur.execute("SELECT generate_series(1, 1000)")
for n in range(20):
    cur.execute("UPDATE t SET name = name || '!' WHERE id <= %s", (n,))
for n in range(10):
    cur.execute("DELETE FROM t WHERE id = %s", (1000 + n,))
for _ in range(3):
    for bad in ("INSERT INTO t VALUES (1, 'twice')", "SELEC 1"):
        try:
            cur.execute(bad)
        except psycopg2.Error:
            pass
conn.autocommit = False
cur.execute("UPDATE t SET name = 'kept' WHERE id = 1")
cur.execute("SELECT name FROM t WHERE id = 1")
conn.commit()
cur.execute("DELETE FROM t")
conn.rollback()
named = conn.cursor("portions")  # DECLARE, FETCH, CLOSE
named.itersize = 30
named.execute("SELECT id FROM t ORDER BY id")
assert len(list(named)) == 141
named.close()
conn.commit()
conn.autocommit = True
lines = "".join(f"{n}\tc{n}\n" for n in range(2000, 2500))
cur.copy_expert("COPY t FROM STDIN", io.StringIO(lines))
cur.copy_expert("COPY t TO STDOUT", io.StringIO())
cur.executemany("INSERT INTO t VALUES (%s, %s)", [(n, "x") for n in range(3000, 3020)])
extras.execute_batch(
    cur, "UPDATE t SET name = %s WHERE id = %s", [("b", n) for n in range(40)], page_size=10
)
extras.execute_values(
    cur,
    "INSERT INTO t VALUES %s RETURNING id",
    [(n, "v") for n in range(4000, 4250)],
    page_size=100,
)
conn.close()
print(json.dumps({"version": psycopg2.__version__.split()[0], "suspended_rows": 0}))
