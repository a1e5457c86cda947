#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference deployment in small: HookReceiver, ModelMetrics and WorkflowCoordinator (FastAPI
services that know nothing of redtap), PostgreSQL, Kafka, Prometheus and a gentle load, with redtap
beside them.

Runs until Ctrl-C. With --seconds N it ends by itself and checks that every family has samples
with the services' names (exit 1 when one has not).
"""

import argparse
import http.client
import json
import random
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from bed import procs, tap, venv  # noqa: E402
from bed.fastapi import Uvicorn  # noqa: E402
from bed.kafka import Kafka  # noqa: E402
from bed.postgres import Postgres  # noqa: E402
from bed.prometheus import Prometheus  # noqa: E402
from bed.redtap import BINARY  # noqa: E402
from bed.promtext import Page  # noqa: E402

SERVICES = Path(__file__).resolve().parent / "services"
REQUESTS_PER_SECOND = 20

QUERIES = [
    ("requests per second by service", "sum by (service) (rate(http_requests_total[30s]))"),
    (
        "slowest endpoints, 95 % of requests within (s)",
        "topk(4, histogram_quantile(0.95, sum by (service, endpoint, le) "
        "(rate(http_request_duration_seconds_bucket[30s]))))",
    ),
    (
        "statements per second by service and kind",
        "topk(6, sum by (service, query_type) (rate(db_queries_total[30s])))",
    ),
    (
        "records by service, topic and outcome",
        "sum by (service, topic, outcome) (kafka_messages_total)",
    ),
    (
        "who calls whom over HTTP, per second",
        "sum by (service, peer, status) "
        '(rate(http_client_requests_total{peer="model_metrics"}[30s]))',
    ),
    (
        "errors by service and kind",
        "sum by (service, error_type) "
        '(errors_total{service=~"hook_receiver|model_metrics|workflow_.*"})',
    ),
]

# (family, labels) that has to have samples once the demo has run for a while
EXPECTED = [
    *[
        ("http_requests_total", {"service": s})
        for s in ("hook_receiver", "model_metrics", "workflow_coordinator")
    ],
    *[
        ("http_request_duration_seconds_count", {"service": s})
        for s in ("hook_receiver", "model_metrics", "workflow_coordinator")
    ],
    (
        "http_requests_total",
        {
            "service": "hook_receiver",
            "method": "POST",
            "endpoint": "/hooks/github",
            "status": "202",
        },
    ),
    (
        "http_requests_total",
        {"service": "hook_receiver", "endpoint": "/hooks/{id}", "status": "404"},
    ),
    ("http_client_requests_total", {"service": "workflow_coordinator", "peer": "model_metrics"}),
    *[
        (
            "db_queries_total",
            {"service": s, "query_type": t, "database": "demo", "peer": "postgres"},
        )
        for s, t in (
            ("hook_receiver", "insert"),
            ("model_metrics", "select"),
            ("workflow_coordinator", "update"),
        )
    ],
    ("db_query_duration_seconds_count", {"service": "model_metrics", "query_type": "select"}),
    ("db_rows_total", {"service": "hook_receiver", "query_type": "select"}),
    ("db_server_queries_total", {"service": "postgres", "database": "demo"}),
    ("kafka_messages_total", {"service": "hook_receiver", "topic": "hooks", "outcome": "produced"}),
    (
        "kafka_messages_total",
        {"service": "workflow_coordinator", "topic": "hooks", "outcome": "consumed"},
    ),
    ("kafka_bytes_total", {"service": "hook_receiver", "topic": "hooks", "direction": "produced"}),
    ("kafka_requests_total", {"service": "workflow_coordinator", "api": "Fetch", "peer": "kafka"}),
    ("kafka_request_duration_seconds_count", {"service": "hook_receiver", "api": "Produce"}),
    ("kafka_server_requests_total", {"service": "kafka", "api": "Produce"}),
    ("errors_total", {"service": "hook_receiver", "error_type": "sqlstate_23505"}),
    ("errors_total", {"service": "model_metrics", "error_type": "http_503"}),
    ("errors_total", {"service": "workflow_coordinator", "error_type": "http_client_503"}),
    ("redtap_events_total", {}),
    ("redtap_build_info", {}),
]


class Load(threading.Thread):
    """Requests at a steady, gentle pace; some of them wrong, some slow."""

    def __init__(self, ports):
        super().__init__(daemon=True)
        self.ports = ports
        self.pool = {}
        self.sent = self.failed = 0
        self.going = True

    def ask(self, service, method, path, body=None):
        c = self.pool.setdefault(
            service, http.client.HTTPConnection("127.0.0.1", self.ports[service], timeout=10)
        )
        try:
            c.request(
                method,
                path,
                json.dumps(body) if body is not None else None,
                {"Content-Type": "application/json"} if body is not None else {},
            )
            c.getresponse().read()
            self.sent += 1
        except OSError:
            c.close()
            self.failed += 1

    def one(self):
        n = self.sent
        what = random.random()
        if what < 0.45:
            model = random.choice(["bert", "bert", "resnet", "retired"])
            self.ask(
                "hook_receiver",
                "POST",
                f"/hooks/{random.choice(['github', 'gitlab'])}",
                {"delivery": f"d{n}-{random.random()}", "payload": {"model": model}},
            )
        elif what < 0.50:  # delivered twice
            self.ask("hook_receiver", "POST", "/hooks/github", {"delivery": "again", "payload": {}})
        elif what < 0.52:  # not what the service expects
            self.ask("hook_receiver", "POST", "/hooks/github", {"nothing": 1})
        elif what < 0.62:
            self.ask("hook_receiver", "GET", f"/hooks/{random.randint(1, 2 * n + 2)}")
        elif what < 0.75:
            self.ask("model_metrics", "GET", f"/models/{random.choice(['bert', 'resnet'])}/metrics")
        elif what < 0.78:
            self.ask("model_metrics", "GET", "/report")
        elif what < 0.90:
            self.ask("workflow_coordinator", "GET", f"/workflows/{random.randint(1, n + 2)}")
        else:
            self.ask("workflow_coordinator", "GET", "/workflows")

    def run(self):
        while self.going:
            self.one()
            time.sleep(random.expovariate(REQUESTS_PER_SECOND))


def say(text=""):
    print(text, flush=True)


def redtap(listen):
    proc = procs.spawn([BINARY, "run", "--listen", listen], name="redtap")
    port = int(listen.rpartition(":")[2])
    procs.await_port(proc, port)
    return proc


def start(args):
    """Everything, redtap first: what it sees from its first byte has its database's name."""
    say("starting redtap, PostgreSQL, Kafka and three services; the first time downloads them")
    venv.home()
    tap_proc = redtap(args.listen)
    pg, kafka = Postgres(), Kafka()
    kafka.create(("hooks", 3))
    pg.create("demo")
    pg.ask((SERVICES / "schema.sql").read_text(), "demo", "app")
    ports = {
        name: args.base_port + n
        for n, name in enumerate(("hook_receiver", "model_metrics", "workflow_coordinator"))
    }
    env = {
        "DATABASE_URL": pg.dsn("demo"),
        "KAFKA": kafka.bootstrap,
        "MODEL_METRICS": f"http://127.0.0.1:{ports['model_metrics']}",
    }
    for name, port in ports.items():
        Uvicorn(f"{name}.main", SERVICES, env=env, port=port)
    prometheus = Prometheus(args.listen, port=args.prometheus_port)
    return tap_proc, ports, prometheus


def introduce(args, ports):
    say()
    for title, name in (
        ("HookReceiver", "hook_receiver"),
        ("ModelMetrics", "model_metrics"),
        ("WorkflowCoordinator", "workflow_coordinator"),
    ):
        say(f"  {title:<20} http://127.0.0.1:{ports[name]}/docs")
    say(f"  {'redtap':<20} http://{args.listen}/metrics")
    say(f"  {'Prometheus':<20} http://127.0.0.1:{args.prometheus_port}/graph")
    say(f"  {'logs':<20} {procs.run_dir()}")
    say("\nNone of the services knows of redtap. Ctrl-C stops everything.")


def answer(prometheus):
    """The example queries and what Prometheus says to them now."""
    for title, promql in QUERIES:
        say(f"\n{title}\n  {promql}")
        rows = sorted(prometheus.query(promql), key=lambda row: -row[1])
        for labels, value in rows[:8]:
            names = " ".join(f"{k}={v}" for k, v in sorted(labels.items(), reverse=True))
            say(f"    {value:10.3f}  {names}")


def missing(listen):
    """The expected samples that are not there."""
    connection = http.client.HTTPConnection(listen, timeout=10)
    connection.request("GET", "/metrics")
    page = Page(connection.getresponse().read().decode())
    return [f"{name}{labels}" for name, labels in EXPECTED if not page.total(name, **labels) > 0]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, help="end after so long, and check what was seen")
    parser.add_argument("--base-port", type=int, default=8001, help="of the three services (8001)")
    parser.add_argument("--listen", default="127.0.0.1:9464", help="redtap's address")
    parser.add_argument("--prometheus-port", type=int, default=9090)
    args = parser.parse_args()
    signal.signal(signal.SIGINT, lambda *_: (say("\nstopping"), sys.exit(0)))
    begin = time.monotonic()
    try:
        tap_proc, ports, prometheus = start(args)
    except (tap.Skip, procs.CommandFailed, TimeoutError) as e:
        sys.exit(f"demo: {e}")
    say(f"up in {time.monotonic() - begin:.0f} s")
    introduce(args, ports)
    load = Load(ports)
    load.start()
    end = time.monotonic() + args.seconds if args.seconds else None
    while end is None or time.monotonic() < end:
        time.sleep(min(15, args.seconds or 15))
        if not tap_proc.running():
            sys.exit(f"demo: redtap ended\n{tap_proc.tail()}")
        answer(prometheus)
    load.going = False
    load.join()
    time.sleep(1)
    absent = missing(args.listen)
    say(f"\n{load.sent} requests sent, {load.failed} failed to be")
    for what in absent:
        say(f"missing: {what}")
    sys.exit(1 if absent or load.failed else 0)


if __name__ == "__main__":
    main()
