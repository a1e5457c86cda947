-- SPDX-License-Identifier: GPL-2.0-or-later
CREATE TABLE hooks (
    id        bigserial PRIMARY KEY,
    source    text NOT NULL,
    delivery  text NOT NULL UNIQUE,
    payload   jsonb NOT NULL,
    received  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE workflows (
    id       bigserial PRIMARY KEY,
    hook     bigint NOT NULL,
    state    text NOT NULL DEFAULT 'new',
    attempts int NOT NULL DEFAULT 0,
    updated  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE model_metrics (
    model    text NOT NULL,
    name     text NOT NULL,
    value    double precision NOT NULL,
    recorded timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON model_metrics (model, recorded);
