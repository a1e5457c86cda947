# SPDX-License-Identifier: GPL-2.0-or-later
"""WorkflowCoordinator: starts a workflow for every hook and reports to ModelMetrics when it is
done.
"""

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer
from fastapi import FastAPI, HTTPException


async def step(app, message):
    begin = time.monotonic()
    async with app.state.db.acquire() as c:
        async with c.transaction():
            number = await c.fetchval(
                "INSERT INTO workflows(hook) VALUES ($1) RETURNING id", message["hook"]
            )
            await c.execute(
                "UPDATE workflows SET state = 'running', attempts = attempts + 1 WHERE id = $1",
                number,
            )
    answer = await app.state.http.post(
        f"/models/{message['model']}/metrics",
        json={"name": "workflow_seconds", "value": time.monotonic() - begin},
    )
    state = "done" if answer.is_success else "failed"
    await app.state.db.execute(
        "UPDATE workflows SET state = $1, updated = now() WHERE id = $2", state, number
    )


async def work(app):
    async for record in app.state.kafka:
        await step(app, json.loads(record.value))


@asynccontextmanager
async def lifespan(app):
    app.state.db = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=8)
    app.state.http = httpx.AsyncClient(base_url=os.environ["MODEL_METRICS"])
    app.state.kafka = AIOKafkaConsumer(
        "hooks",
        bootstrap_servers=os.environ["KAFKA"],
        group_id="workflows",
        auto_offset_reset="earliest",
        client_id="workflow-coordinator",
    )
    await app.state.kafka.start()
    task = asyncio.create_task(work(app))
    yield
    task.cancel()
    await app.state.kafka.stop()
    await app.state.http.aclose()
    await app.state.db.close()


app = FastAPI(title="WorkflowCoordinator", lifespan=lifespan)


@app.get("/workflows/{number}")
async def show(number: int):
    row = await app.state.db.fetchrow(
        "SELECT id, hook, state, attempts FROM workflows WHERE id = $1", number
    )
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/workflows")
async def summary():
    rows = await app.state.db.fetch("SELECT state, count(*) AS n FROM workflows GROUP BY state")
    return {row["state"]: row["n"] for row in rows}
