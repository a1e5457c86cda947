#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What redtap takes for itself: memory with many connections, CPU when nothing happens and at a
steady rate. By the scheduler's clock and the kernel's map of its memory, so that a busy machine
does not decide.
"""

import functools
import subprocess
import time
from pathlib import Path

from bed import bpf, load, procs, tap
from bed.cost import on_cpu_ns, own_mib
from bed.nginx import Nginx
from bed.redtap import Redtap

IDLE, BUSY = 50000, 5000
MANY_MIB = 48
SMALL_MIB = 16
SERIES = 5000
RATE = 10000
PER_CALLER = 15000  # connections: a process may have 20,000 descriptors here


@functools.cache
def programs():
    """Server and caller: the same program under two names, so that one end can be selected."""
    if why := procs.have("cc"):
        tap.skip(why)
    source = Path(__file__).resolve().parent / "clients" / "crowd.c"
    server = procs.run_dir() / "crowd_server"
    procs.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", server, source])
    caller = procs.run_dir() / "crowd_caller"
    caller.write_bytes(server.read_bytes())
    caller.chmod(0o755)
    return server, caller


class Crowd:
    def __init__(self):
        server, self.caller = programs()
        self.port, self.callers = procs.free_port(), []
        self.server = procs.spawn([server, "serve", self.port], name="crowd_server")
        procs.await_port(self.server, self.port)

    def call(self, idle, busy):
        """Opens the connections; ask() then sends requests over the busy ones."""
        while idle > PER_CALLER:
            self._caller(PER_CALLER, 0)
            idle -= PER_CALLER
        self._caller(idle, busy)

    def _caller(self, idle, busy):
        proc = procs.spawn(
            [self.caller, "call", self.port, idle, busy],
            name="crowd_caller",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.callers.append(proc)
        self._said(f"ready {idle + busy}")

    def ask(self, n):
        stdin = self.callers[-1].popen.stdin
        stdin.write(b"%d\n" % n)
        stdin.flush()
        self._said(f"done {n}")

    def _said(self, what):
        proc = self.callers[-1]
        line = proc.popen.stdout.readline().decode().strip()
        tap.require(line == what, f"the caller says {what}, not {line!r} {proc.tail()}")

    def stop(self):
        for proc in self.callers:
            proc.popen.stdin.close()
            proc.stop()
        self.server.stop()


def served(page):
    return page.total("http_requests_total", service="crowd_server", endpoint="/crowd")


@tap.test()
def test_many_connections():
    crowd = Crowd()
    with Redtap(args=["--select", "exe=*crowd_server"]) as r:
        crowd.call(IDLE, BUSY)
        crowd.ask(100000)
        r.expect([("requests", served, IDLE + BUSY + 100000)], timeout=30)
        page = r.scrape()
        tap.equal(
            page.total("redtap_connections", protocol="http", role="server"), IDLE + BUSY, "followed"
        )
        tap.equal(page.total("redtap_events_lost_total"), 0, "lost")

        def small():
            return own_mib(r.proc.pid) <= MANY_MIB

        try:
            procs.until(small, 30, "memory of idle connections goes back", every=1)
        except TimeoutError:
            tap.check(False, f"{own_mib(r.proc.pid):.1f} MiB are at most {MANY_MIB}")
        tap.note(f"{own_mib(r.proc.pid):.1f} MiB with {IDLE + BUSY} connections")
        crowd.ask(50000)
        r.expect([("and on", served, IDLE + BUSY + 150000)], timeout=30)
        crowd.stop()
        procs.until(
            lambda: r.total("redtap_connections", protocol="http") == 0, 20, "all are gone", every=1
        )


@tap.test()
def test_idle_and_steady():
    crowd = Crowd()
    with Redtap(args=["--select", "exe=*crowd_server"]) as r:
        crowd.call(1000, 100)
        r.expect([("requests", served, 1100)])
        mib = own_mib(r.proc.pid)
        tap.check(mib <= SMALL_MIB, f"{mib:.1f} MiB with 1,100 connections")

        time.sleep(2)  # the queues' polling slows down when nothing comes
        for _ in range(3):  # neighbours on the machine can only make it more
            begin, cpu = time.monotonic(), on_cpu_ns(r.proc.pid)
            time.sleep(15)
            share = (on_cpu_ns(r.proc.pid) - cpu) / (time.monotonic() - begin) / 1e9
            tap.note(f"idle: {share * 100:.3f} % of a CPU")
            if share <= 0.001:
                break
        tap.check(share <= 0.001, f"{share * 100:.3f} % of a CPU when idle")

        begin, cpu, asked = time.monotonic(), on_cpu_ns(r.proc.pid), 0
        while asked < 8 * RATE:
            crowd.ask(RATE // 20)
            asked += RATE // 20
            time.sleep(max(0, begin + asked / RATE - time.monotonic()))
        took = time.monotonic() - begin
        share = (on_cpu_ns(r.proc.pid) - cpu) / took / 1e9
        tap.note(f"{asked / took:.0f} requests/s: {share * 100:.2f} % of a CPU")
        per_request = (on_cpu_ns(r.proc.pid) - cpu) / asked
        tap.check(
            per_request * RATE / 1e9 <= 0.03, f"{per_request:.0f} ns of CPU a request are 3 % at most"
        )
        r.expect([("requests", served, 1100 + asked)])
    crowd.stop()


@tap.test()
def test_many_series():
    nginx = Nginx(log=False)
    paths = [("GET", f"/echo/shelf/book-{load.word(i)}", None, None) for i in range(SERIES // 5)]
    with Redtap(args=["--select", "exe=*/nginx", "--endpoints-max", str(SERIES)]) as r:
        script = load.wrk_script(paths)
        load.wrk(nginx.url("/"), 4, connections=1000, script=script)
        page = r.scrape()
        series, mib = page.total("redtap_series"), own_mib(r.proc.pid)
        tap.note(f"{mib:.1f} MiB with {series:.0f} series")
        tap.check(series >= SERIES, f"{series:.0f} series are {SERIES} at least")
        tap.check(mib <= SMALL_MIB, f"{mib:.1f} MiB are at most {SMALL_MIB}")
        tap.equal(page.total("redtap_events_lost_total"), 0, "lost")
    nginx.stop()


@tap.test()
def test_time_of_programs():
    """What redtap says of its programs' time, from one run in 128, is what the kernel counts: of a
    server on a CPU of its own, whose two sends alternate for ever, and of which the second costs a
    part of the first.
    """
    if why := procs.have("bpftool"):
        tap.skip(why)
    nginx = Nginx(log=False, cpus={0})
    with bpf.kernel_statistics():
        with Redtap("socket", args=["--select", "exe=/none/of/these"]):
            first = bpf.runs()
            load.wrk(nginx.url(), 2, cpus={1})
            last = bpf.runs()
        nothing = {name: ns / runs for name, (ns, runs) in moved(first, last).items()}
        with Redtap("socket", args=["--select", "exe=*/nginx"]) as r:
            load.wrk(nginx.url(), 1, cpus={1})
            page, first, first_took = r.scrape(), bpf.runs(), bpf.took(r.proc.pid)
            done, _ = load.wrk(nginx.url(), 8, cpus={1})
            last_page, last, last_took = r.scrape(), bpf.runs(), bpf.took(r.proc.pid)
    nginx.stop()
    for name, calls in (("rt_sock_send", 2 * done), ("rt_sock_recv", done)):
        ns, runs = moved(first, last)[name]
        label = {"program": name.removeprefix("rt_")}
        told = 1e9 * (
            last_page.total("redtap_bpf_run_seconds_total", **label)
            - page.total("redtap_bpf_run_seconds_total", **label)
        )
        counted = ns - runs * nothing[name]
        tap.note(f"{name}: {told / calls:.0f} ns a call, {counted / calls:.0f} by the kernel")
        tap.check(0.7 < told / counted < 1.3, f"{told:.0f} ns are about {counted:.0f}")
        timed = sum(last_took[name]) - sum(first_took[name])
        tap.check(calls / 160 < timed < calls / 96, f"{timed} of {calls} calls were timed")


def moved(first, last):
    """{program: (nanoseconds, runs)} between two looks at bpf.runs()."""
    return {k: (ns - first[k][0], n - first[k][1]) for k, (ns, n) in last.items() if n > first[k][1]}


tap.main()
