# SPDX-License-Identifier: GPL-2.0-or-later
"""HookReceiver: takes web hooks, stores them, and says so on the topic `hooks`."""

import json
import os
from contextlib import asynccontextmanager

import asyncpg
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Hook(BaseModel):
    delivery: str
    payload: dict


@asynccontextmanager
async def lifespan(app):
    app.state.db = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=8)
    app.state.kafka = AIOKafkaProducer(
        bootstrap_servers=os.environ["KAFKA"], acks="all", client_id="hook-receiver"
    )
    await app.state.kafka.start()
    yield
    await app.state.kafka.stop()
    await app.state.db.close()


app = FastAPI(title="HookReceiver", lifespan=lifespan)


@app.post("/hooks/{source}", status_code=202)
async def receive(source: str, hook: Hook):
    try:
        number = await app.state.db.fetchval(
            "INSERT INTO hooks(source, delivery, payload) VALUES ($1, $2, $3) RETURNING id",
            source,
            hook.delivery,
            json.dumps(hook.payload),
        )
    except asyncpg.UniqueViolationError:
        raise HTTPException(409, "delivered before") from None
    message = {"hook": number, "source": source, "model": hook.payload.get("model", "none")}
    await app.state.kafka.send_and_wait("hooks", json.dumps(message).encode(), key=source.encode())
    return {"id": number}


@app.get("/hooks/{number}")
async def show(number: int):
    row = await app.state.db.fetchrow(
        "SELECT id, source, delivery, received FROM hooks WHERE id = $1", number
    )
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/hooks")
async def recent(limit: int = 20):
    rows = await app.state.db.fetch(
        "SELECT id, source, received FROM hooks ORDER BY id DESC LIMIT $1", limit
    )
    return [dict(row) for row in rows]
