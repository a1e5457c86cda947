#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What redtap costs: throughput of saturated servers with redtap off and on in turn.

Every load runs in rounds: off (nothing attached), floor (empty programs on the same hooks), on
(redtap, without a budget, both ends observed) and, where the load comes from a generator that on a
real host would be elsewhere, server (the same without the generator) and ignored (neither end is
selected). The order changes from round to round, so that a drift of the machine cancels out. Prints
the median of the ratios to `off` of the same round and their spread, and writes JSON lines to
build/bench/. With --check it exits 1 when a bound of docs/PERFORMANCE.md is not kept.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from bed import bpf, load, procs, tap  # noqa: E402
from bed.fastapi import Uvicorn  # noqa: E402
from bed.kafka import Kafka  # noqa: E402
from bed.nginx import Nginx  # noqa: E402
from bed.postgres import Postgres  # noqa: E402
from bed.redtap import Redtap  # noqa: E402

# The least that a load keeps of its throughput with redtap on.
KEEPS = {
    "nginx-tiny": 0.93,
    "pgbench-simple": 1 / 1.08,  # latency at most 1.08 times
    "pgbench-prepared": 1 / 1.08,
    "pgbench-simple-4": 1 / 1.08,
    "pgbench-prepared-4": 1 / 1.08,
    "kafka-producer": 0.98,
    "kafka-consumer": 0.98,
}
FLOORS_MOST = 3  # nginx-tiny: the loss at most so many times the floor's
FLOORS_IGNORED = 1.5  # likewise when neither end is selected
RUN_NS = 300  # nginx-tiny: the median of a traced send or receive
BODY_NS = 120  # nginx-body: a run inside a body, of either kind
SERVER_CPU, CLIENT_CPU = {0}, {1}
STATES = ("off", "floor", "on", "server", "ignored")
HUGE_BYTES = 16 << 20
FASTAPI_APP = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{item}")
async def item(item: int):
    return {"item": item}
"""


class NginxLoad:
    """One worker on core 0, wrk on core 1: the tiny file is the worst case there is."""

    unit = "requests/s"
    generator = "wrk"
    connections = 32
    headers = ()
    script = None

    def __init__(self, seconds, path):
        self.seconds, self.path = seconds, path
        self.server = Nginx(log=False, cpus=SERVER_CPU)
        self.proc = self.server.proc

    def run(self):
        return load.wrk(
            self.server.url(self.path),
            self.seconds,
            connections=self.connections,
            headers=self.headers,
            script=self.script,
            cpus=CLIENT_CPU,
        )

    def stop(self):
        self.server.stop()


class NginxHeads(NginxLoad):
    """The tiny file asked for as browsers and services do, in a head of 880 bytes."""

    headers = (
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: en-US,en;q=0.5",
        "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "Authorization: Bearer " + "eyJhbGciOiJIUzI1NiJ9." * 26,
    )


class NginxPost(NginxLoad):
    """A webhook: a head and 300 bytes of JSON behind it, answered in one piece."""

    def __init__(self, seconds):
        super().__init__(seconds, "/echo")
        self.script = procs.run_dir() / "post.lua"
        self.script.write_text(
            'wrk.method = "POST"\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            f"wrk.body = '{{\"event\": \"push\", \"text\": \"{'x' * 266}\"}}'\n"
        )


class NginxBody(NginxLoad):
    """Hardly anything but the middle of bodies, each send and receive with bytes in memory."""

    connections = 2

    def __init__(self, seconds):
        self.seconds, self.path = seconds, "/huge.bin"
        self.server = Nginx(sendfile=False, log=False, cpus=SERVER_CPU)
        self.proc = self.server.proc
        with open(self.server.home / "html" / "huge.bin", "wb") as f:
            f.truncate(HUGE_BYTES)


class FastapiLoad:
    unit = "requests/s"

    def __init__(self, seconds):
        self.seconds = seconds
        home = procs.run_dir() / "bench_app"
        home.mkdir()
        (home / "bench_api.py").write_text(FASTAPI_APP)
        self.server = Uvicorn("bench_api", home)
        self.proc = self.server.proc

    def run(self):
        return load.wrk(self.server.url("/items/7"), self.seconds, connections=16)

    def stop(self):
        self.server.stop()


class PgbenchLoad:
    unit = "transactions/s"
    generator = "pgbench"
    shared = None

    def __init__(self, seconds, protocol, clients):
        self.seconds, self.protocol, self.clients = seconds, protocol, clients
        if PgbenchLoad.shared is None:
            PgbenchLoad.shared = Postgres()
            PgbenchLoad.shared.create("bench")
            PgbenchLoad.shared.pgbench("bench", "-i", "-q", "-s", "5")
        self.pg = PgbenchLoad.shared
        self.proc = self.pg.proc

    def run(self):
        how = ("-M", self.protocol, "-c", self.clients, "-j", 1, "-T", self.seconds)
        return self.pg.pgbench("bench", "-n", "-S", *how)

    def stop(self):
        pass


class KafkaLoad:
    unit = "records/s"
    shared = None

    def __init__(self, seconds, direction):
        if KafkaLoad.shared is None:
            KafkaLoad.shared = Kafka()
            KafkaLoad.shared.create(("bench", 3))
        self.kafka, self.direction, self.groups = KafkaLoad.shared, direction, 0
        self.proc = self.kafka.proc
        self.records = 100000 * seconds
        if direction == "consumer":
            self.kafka.produce_java("bench", self.records, timeout=300)

    def run(self):
        if self.direction == "producer":
            return self.kafka.produce_java("bench", self.records, timeout=300)
        self.groups += 1
        return self.kafka.consume_java(
            "bench", self.records, f"g{self.groups}-{os.getpid()}", timeout=300
        )

    def stop(self):
        pass


LOADS = {
    "nginx-tiny": lambda seconds: NginxLoad(seconds, "/tiny.txt"),
    "nginx-heads": lambda seconds: NginxHeads(seconds, "/tiny.txt"),
    "nginx-post": NginxPost,
    "nginx-100k": lambda seconds: NginxLoad(seconds, "/large.bin"),
    "nginx-body": NginxBody,
    "fastapi": FastapiLoad,
    # one client, as pgbench has it by itself, waits for nothing but its answers; four fill two CPUs
    "pgbench-simple": lambda seconds: PgbenchLoad(seconds, "simple", 1),
    "pgbench-prepared": lambda seconds: PgbenchLoad(seconds, "prepared", 1),
    "pgbench-simple-4": lambda seconds: PgbenchLoad(seconds, "simple", 4),
    "pgbench-prepared-4": lambda seconds: PgbenchLoad(seconds, "prepared", 4),
    "kafka-producer": lambda seconds: KafkaLoad(seconds, "producer"),
    "kafka-consumer": lambda seconds: KafkaLoad(seconds, "consumer"),
}


def reaped_seconds(pid):
    """Time on a CPU of the children the process has waited for, in whole ticks (cutime, cstime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")


def living_ns(pids):
    """Time on a CPU of all threads of the processes, by the scheduler's clock."""
    ns = 0
    for pid in pids:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            continue  # ended since
        for task in tasks:
            try:
                ns += int((task / "schedstat").read_text().split()[0])
            except OSError:
                continue  # likewise
    return ns


def on_cpu_seconds(proc):
    """Time on a CPU of the process and its children. Those that ended count as well: pgbench takes
    PostgreSQL's backends with it. Where none ends it is the scheduler's clock alone.
    """
    while True:
        pids, reaped = {proc.pid, *procs.children(proc.pid)}, reaped_seconds(proc.pid)
        ns = living_ns(pids)
        # A child that was reaped meanwhile would count twice or not at all.
        if reaped == reaped_seconds(proc.pid) and pids == {proc.pid, *procs.children(proc.pid)}:
            return ns / 1e9 + reaped


class Floor:
    def __init__(self):
        here = procs.OUT / "tests" / "bench"
        self.proc = procs.spawn([here / "floor", here / "floor.bpf.o"], name="floor")
        procs.until(lambda: "ready" in self.proc.output(), 10, "the floor")

    def stop(self):
        self.proc.stop()


def exchange(seconds, capture):
    """An HTTP exchange of a server that is followed, against one that is not (exchange.c)."""
    program = procs.OUT / "tests" / "bench" / "exchange"
    followed = procs.run_dir() / "exchange-followed"
    if not followed.exists():
        shutil.copy2(program, followed)
    servers = []
    for binary in (program, followed):
        port = procs.free_port()
        servers.append((port, procs.spawn([binary, "serve", port], cpus=SERVER_CPU)))
        procs.await_port(servers[-1][1], port)
    with Redtap(capture, args=["--select", "exe=*/exchange-followed"]) as r:
        where = [x for port, proc in servers for x in (port, proc.pid)]
        out = procs.run([program, "drive", seconds, *where], cpus=CLIENT_CPU, timeout=seconds + 60)
        page = r.scrape()
    for _, proc in servers:
        proc.stop()
    slices, plain, seen, ratio, quarter, three_quarters = (float(x) for x in out.split())
    return {
        "load": "exchange",
        "slices": int(slices),
        "us": {"not followed": plain, "followed": seen},
        "ratio": ratio,
        "quartiles": (quarter, three_quarters),
        "events_per_op": page.total("redtap_events_total")
        / max(page.total("http_requests_total", service="exchange-followed"), 1),
    }


def redtap_figures(page, before, done, took):
    def moved(name, **labels):
        return page.total(name, **labels) - before.total(name, **labels)

    return {
        "redtap_cpu_percent": moved("process_cpu_seconds_total") / took * 100,
        "redtap_us_per_op": moved("process_cpu_seconds_total") / max(done, 1) * 1e6,
        "redtap_rss_mib": page.total("process_resident_memory_bytes") / (1 << 20),
        "events_per_op": moved("redtap_events_total") / max(done, 1),
        "ring_bytes_per_op": moved("redtap_events_bytes_total") / max(done, 1),
        "bpf_us_per_op": moved("redtap_bpf_run_seconds_total") / max(done, 1) * 1e6,
        "lost": moved("redtap_events_lost_total"),
    }


def selection(bench, state):
    """redtap's arguments in a state: which of the ends it follows."""
    if state == "server":
        return ["--select", f"!exe={bench.generator}"]
    return ["--select", "exe=/none/of/these"] if state == "ignored" else []


def measure(bench, state, capture):
    """One run in a state: a dict of figures."""
    watcher, page = None, None
    if state == "floor":
        watcher = Floor()
    elif state != "off":
        watcher = Redtap(capture, args=selection(bench, state))
        page = watcher.scrape()
    cpu, begin = on_cpu_seconds(bench.proc), time.monotonic()
    done, rate = bench.run()
    took = time.monotonic() - begin
    figures = {
        "rate": rate,
        "server_us": (on_cpu_seconds(bench.proc) - cpu) / max(done, 1) * 1e6,
    }
    if page:
        figures |= redtap_figures(watcher.scrape(), page, done, took)
    if watcher:
        watcher.stop()
    return figures


def program_ns(bench, state, capture):
    """({program: ns of a run}, {program: median of a run}, one of sends and receives together) with
    the kernel's statistics on: a run apart, because they cost.
    """
    with bpf.kernel_statistics(), Redtap(capture, args=selection(bench, state)) as r:
        first, first_took = bpf.runs(), bpf.took(r.proc.pid)
        bench.run()
        last, last_took = bpf.runs(), bpf.took(r.proc.pid)
    found = {}
    # Else most runs are of the end that is not selected, and leave at once.
    for name, (ns, runs) in last.items() if state == "on" else ():
        ns, runs = ns - first.get(name, (0, 0))[0], runs - first.get(name, (0, 0))[1]
        if runs > 1000:
            found[name] = round(ns / runs - bpf.STATS_NS)
    took = {
        name: [b - a for a, b in zip(first_took[name], last_took[name])] for name in bpf.TIMED
    }
    took["send or receive"] = [sum(b) for b in zip(took["rt_sock_send"], took["rt_sock_recv"])]
    return found, {name: bpf.median(b) for name, b in took.items() if sum(b) > 100}


def run_rounds(name, bench, args, book):
    """[{state: figures}]"""
    measure(bench, "off", None)  # warms caches and the JVM
    rounds = []
    states = STATES if hasattr(bench, "generator") else STATES[:3]
    for n in range(args.rounds):
        first = n % len(states)
        order = states[first:] + states[:first]
        result = {}
        for state in order if n % 2 else reversed(order):
            result[state] = figures = measure(bench, state, args.capture)
            book.write(json.dumps({"load": name, "round": n, "state": state, **figures}) + "\n")
            book.flush()
        rounds.append(result)
    return rounds


def summary(name, unit, rounds, programs):
    def median(state, key):
        return statistics.median(r[state][key] for r in rounds)

    def ratios(state):
        return sorted(r[state]["rate"] / r["off"]["rate"] for r in rounds)

    on = ratios("on")
    states = [state for state in STATES if state in rounds[0]]
    return {
        "load": name,
        "unit": unit,
        "rounds": len(rounds),
        "off": median("off", "rate"),
        "on": median("on", "rate"),
        "floor_ratio": statistics.median(ratios("floor")),
        "ratio": statistics.median(on),
        "ratio_min": on[0],
        "ratio_max": on[-1],
        **{
            f"{state}_ratio": statistics.median(ratios(state)) if state in states else None
            for state in ("server", "ignored")
        },
        "server_us": {state: median(state, "server_us") for state in states},
        **{
            key: median("on", key)
            for key in rounds[0]["on"]
            if key not in ("rate", "server_us", "lost")
        },
        "lost": sum(r["on"]["lost"] for r in rounds),
        "program_ns": {state: ns for state, (ns, _) in programs.items()},
        "program_median_ns": {state: ns for state, (_, ns) in programs.items()},
    }


HEAD = (
    f"{'load':<19}{'off':>9} {'unit':<15}{'floor':>6}{'ignored':>8}{'server':>7}{'on':>7}  {'min..max':<13}"
    f"{'server us off/floor/on':>23}{'redtap':>8}{'us/op':>7}{'MiB':>6}{'ev/op':>7}{'B/op':>7}"
    f"{'lost':>6}"
)


def row(s):
    us = s["server_us"]
    spread = f"{s['ratio_min']:.3f}..{s['ratio_max']:.3f}"
    ignored, server = (
        f"{s[key]:.3f}" if s[key] else "-" for key in ("ignored_ratio", "server_ratio")
    )
    return (
        f"{s['load']:<19}{s['off']:>9.0f} {s['unit']:<15}{s['floor_ratio']:>6.3f}"
        f"{ignored:>8}{server:>7}{s['ratio']:>7.3f}"
        f"  {spread:<13}{us['off']:>9.2f}{us['floor']:>7.2f}{us['on']:>7.2f}"
        f"{s['redtap_cpu_percent']:>7.1f}%{s['redtap_us_per_op']:>7.2f}{s['redtap_rss_mib']:>6.1f}"
        f"{s['events_per_op']:>7.2f}{s['ring_bytes_per_op']:>7.0f}{s['lost']:>6.0f}"
    )


def too_long(what, programs, name, bound):
    """Sentences, one at most, about a run's nanoseconds."""
    if name not in programs:
        return [f"{what}: not measured"]
    return [f"{what}: {programs[name]} ns, more than {bound}"] if programs[name] > bound else []


def broken_bounds(results):
    """Sentences about what is not kept."""
    said = []
    for name, s in results.items():
        for what in ("ratio", "server_ratio"):
            if s[what] and s[what] < KEEPS.get(name, 0):
                said.append(f"{name}: {what} {s[what]:.3f}, less than {KEEPS[name]:.3f}")
        if s["lost"]:
            said.append(f"{name} lost {s['lost']:.0f} records")
    tiny = results.get("nginx-tiny")
    if tiny:
        floor = max(1 - tiny["floor_ratio"], 0.01)
        for what, most in (
            ("ratio", FLOORS_MOST),
            ("server_ratio", FLOORS_MOST),
            ("ignored_ratio", FLOORS_IGNORED),
        ):
            if 1 - tiny[what] > most * floor:
                said.append(
                    f"nginx-tiny: {what} {tiny[what]:.3f}, a loss of more than {most} times what "
                    f"empty programs cost (floor {tiny['floor_ratio']:.3f}; 0.01 at least)"
                )
        for state, programs in tiny["program_median_ns"].items():
            for name in ("rt_sock_send", "rt_sock_recv"):
                said += too_long(f"nginx-tiny, {state}, median of {name}", programs, name, RUN_NS)
    if "nginx-body" in results:
        body = results["nginx-body"]["program_ns"]["on"]
        for name in ("rt_sock_send", "rt_sock_recv"):
            said += too_long(f"nginx-body, {name}", body, name, BODY_NS)
    return said


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of one run")
    parser.add_argument("--only", help="loads whose name contains this, comma-separated")
    parser.add_argument("--capture", default="auto", choices=["auto", "socket", "syscall"])
    parser.add_argument("--check", action="store_true", help="exit 1 when a bound is not kept")
    args = parser.parse_args()
    chosen = [n for n in LOADS if not args.only or any(o in n for o in args.only.split(","))]
    if not chosen and args.only not in ("exchange",):
        parser.error(f"no such load; there are exchange, {', '.join(LOADS)}")

    tap.alone()
    book_dir = procs.OUT / "bench"
    book_dir.mkdir(parents=True, exist_ok=True)
    path = book_dir / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.jsonl"
    results = {}
    with open(path, "w") as book:
        if not args.only or any(o in "exchange" for o in args.only.split(",")):
            x = exchange(args.rounds * args.seconds, args.capture)
            book.write(json.dumps(x) + "\n")
            print(
                f"an HTTP exchange of a followed server, by {x['slices']} alternating slices: "
                f"{x['us']['not followed']:.2f} -> {x['us']['followed']:.2f} us of CPU, ratio "
                f"{x['ratio']:.3f} (quartiles {x['quartiles'][0]:.3f}..{x['quartiles'][1]:.3f}), "
                f"{x['events_per_op']:.2f} events",
                flush=True,
            )
        if chosen:
            print(HEAD, flush=True)
        for name in chosen:
            try:
                bench = LOADS[name](args.seconds)
                rounds = run_rounds(name, bench, args, book)
                programs = {
                    state: program_ns(bench, state, args.capture)
                    for state in ("on", "server")
                    if state in rounds[0]
                }
                results[name] = summary(name, bench.unit, rounds, programs)
            except tap.Skip as why:
                print(f"{name:<19} SKIP {why}", flush=True)
                continue
            book.write(json.dumps(results[name]) + "\n")
            print(row(results[name]), flush=True)
            for state, told in programs.items():
                for what, ns in zip(("mean", "median"), told):
                    if not ns:
                        continue
                    said = (f"{k.removeprefix('rt_')} {v}" for k, v in sorted(ns.items()))
                    print(f"  {state}, {what} ns a run: " + ", ".join(said), flush=True)
            bench.stop()  # leaves its core to the others
    print(f"written to {path}")
    if args.check and (broken := broken_bounds(results)):
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
