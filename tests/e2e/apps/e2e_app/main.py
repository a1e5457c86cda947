# SPDX-License-Identifier: GPL-2.0-or-later
"""A service that knows nothing of redtap: FastAPI, asyncpg, aiokafka. Configured by DSN, BOOTSTRAP, TOPIC."""

import asyncio
import contextlib
import os

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

TOPIC = os.environ["TOPIC"]


async def consume(app, consumer):
    async for _ in consumer:
        app.state.seen += 1


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.seen = 0
    app.state.pool = await asyncpg.create_pool(os.environ["DSN"], min_size=3, max_size=5)
    app.state.producer = AIOKafkaProducer(bootstrap_servers=os.environ["BOOTSTRAP"], acks="all")
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=os.environ["BOOTSTRAP"],
        group_id="e2e_app",
        auto_offset_reset="earliest",
        metadata_max_age_ms=1000,
    )
    await app.state.producer.start()
    await consumer.start()
    task = asyncio.create_task(consume(app, consumer))
    yield
    task.cancel()
    await consumer.stop()
    await app.state.producer.stop()
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/seen")
async def seen():
    return {"seen": app.state.seen}


@app.get("/items/{number}")
async def item(number: int):
    row = await app.state.pool.fetchrow("SELECT id, name FROM items WHERE id = $1", number)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.post("/items", status_code=201)
async def add(request: Request):
    body = await request.json()
    async with app.state.pool.acquire() as c, c.transaction():
        number = await c.fetchval("INSERT INTO items(name) VALUES ($1) RETURNING id", body["name"])
        await c.execute("UPDATE totals SET n = n + 1")
    await app.state.producer.send_and_wait(TOPIC, body["name"].encode())
    return {"id": number}


@app.post("/bulk")
async def bulk(request: Request):
    names = (await request.body()).decode().split()
    async with app.state.pool.acquire() as c:
        await c.executemany("INSERT INTO items(name) VALUES ($1)", [(n,) for n in names])
        await c.copy_records_to_table("copies", records=[(n,) for n in names])
    return {"n": len(names)}


@app.get("/broken")
async def broken():
    try:
        await app.state.pool.fetchval("SELECT 1 / $1::int", 0)
    except asyncpg.DivisionByZeroError:
        raise HTTPException(500) from None


@app.get("/chunks")
async def chunks():
    async def body():
        for n in range(20):
            yield b"chunk %d\n" % n * (n * 100 + 1)
            await asyncio.sleep(0)

    return StreamingResponse(body(), media_type="text/plain")


@app.get("/events")
async def events():
    async def body():
        for n in range(3):
            yield f"data: {n}\n\n"
            await asyncio.sleep(0.02)

    return StreamingResponse(body(), media_type="text/event-stream")
