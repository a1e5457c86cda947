# SPDX-License-Identifier: GPL-2.0-or-later
"""ModelMetrics: keeps figures about models and answers questions about them."""

import os
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Figure(BaseModel):
    name: str
    value: float


@asynccontextmanager
async def lifespan(app):
    app.state.db = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=8)
    yield
    await app.state.db.close()


app = FastAPI(title="ModelMetrics", lifespan=lifespan)


@app.post("/models/{model}/metrics", status_code=201)
async def record(model: str, figure: Figure):
    if model == "retired":
        raise HTTPException(503, "this model takes no more figures")
    await app.state.db.execute(
        "INSERT INTO model_metrics(model, name, value) VALUES ($1, $2, $3)",
        model,
        figure.name,
        figure.value,
    )
    return {"ok": True}


@app.get("/models/{model}/metrics")
async def read(model: str):
    rows = await app.state.db.fetch(
        "SELECT name, count(*) AS n, avg(value) AS mean, max(value) AS most FROM model_metrics "
        "WHERE model = $1 AND recorded > now() - interval '5 minutes' GROUP BY name",
        model,
    )
    if not rows:
        raise HTTPException(404)
    return [dict(row) for row in rows]


@app.get("/report")
async def report():
    """A slow one: what a missing index would do to it."""
    async with app.state.db.acquire() as c, c.transaction(readonly=True):
        await c.execute("SELECT pg_sleep(0.25)")
        rows = await c.fetch("SELECT model, count(*) AS n FROM model_metrics GROUP BY model")
    return {row["model"]: row["n"] for row in rows}
