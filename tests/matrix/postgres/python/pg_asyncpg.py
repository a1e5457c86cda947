# SPDX-License-Identifier: GPL-2.0-or-later
"""asyncpg: pg_asyncpg.py plain | pool. Flush instead of Sync in its Parse, statements by name."""

import asyncio
import json
import os
import sys

import asyncpg


async def fails(conn, text, *args):
    try:
        await conn.execute(text, *args)
    except asyncpg.PostgresError:
        pass


async def plain():
    conn = await asyncpg.connect(ssl=False)
    for _ in range(50):
        await conn.execute("SELECT 1")  # no arguments: a simple query
    await conn.executemany(
        "INSERT INTO t VALUES ($1, $2)", [(n, f"it's {n}") for n in range(50)]
    )
    for n in range(100):
        await conn.fetch("SELECT id, name FROM t WHERE id < $1", n % 60 - 5)
    await conn.fetch(
        "INSERT INTO t SELECT g, 'many' FROM generate_series(1001, 1100) g RETURNING id"
    )
    await conn.fetch("SELECT generate_series(1, 1000)")
    update = await conn.prepare("UPDATE t SET name = name || '!' WHERE id <= $1")
    for n in range(20):
        await update.fetch(n)
    for n in range(10):
        await conn.execute("DELETE FROM t WHERE id = $1", 1000 + n)
    for n in range(3):
        await fails(conn, "INSERT INTO t VALUES ($1, 'twice')", n)
        await fails(conn, "SELEC 1")
        await fails(conn, "SELEC $1", 1)
    async with conn.transaction():
        await conn.execute("UPDATE t SET name = 'kept' WHERE id = 1")
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute("DELETE FROM t")
    await transaction.rollback()
    suspended = 0
    async with conn.transaction():
        got = [r async for r in conn.cursor("SELECT id FROM t ORDER BY id", prefetch=30)]
        assert len(got) == 141
        suspended += 120  # four portions of 30; the last 21 are in the tag
    await conn.copy_records_to_table("t", records=[(n, f"c{n}") for n in range(2000, 2500)])
    await conn.copy_from_query("SELECT * FROM t WHERE id < $1", 30, output=os.devnull)
    await conn.copy_from_table("t", output=os.devnull)
    # the multi-row form: rows come back from every Execute of one Sync
    await conn.fetchmany(
        "UPDATE t SET name = $1 WHERE id = $2 RETURNING id", [("m", n) for n in range(40)]
    )
    try:
        await conn.executemany(
            "INSERT INTO t VALUES ($1, 'x')", [(n,) for n in (5000, 5001, 1, 5003)]
        )
    except asyncpg.UniqueViolationError:
        pass
    await conn.close()
    return suspended


async def pool():
    async with asyncpg.create_pool(min_size=4, max_size=4, ssl=False) as p:

        async def work(first):
            for n in range(first, first + 25):
                await p.execute("INSERT INTO t VALUES ($1, 'pool')", n)
                await p.fetch("SELECT id FROM t WHERE id < $1 LIMIT 7", n)
            async with p.acquire() as conn, conn.transaction():
                await conn.fetchval("SELECT count(*) FROM t")
            await fails(p, "INSERT INTO t VALUES ($1, 'twice')", first)

        await asyncio.gather(*(work(100 * n) for n in range(4)))
    return 0


suspended = asyncio.run({"plain": plain, "pool": pool}[sys.argv[1]]())
print(json.dumps({"version": asyncpg.__version__, "suspended_rows": suspended}))
