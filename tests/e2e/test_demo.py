#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`make demo` for half a minute: every family has samples, under the services' names."""

import sys
import time

from bed import kafka, procs, tap, venv
from bed.postgres import bindir
from bed.redtap import held_by, programs


@tap.test()
def test_demo():
    tap.unless_root()
    venv.home(), kafka.libs(), bindir()
    if why := procs.have("prometheus"):
        tap.skip(why)
    base = procs.free_port()
    while procs.free_port() != base + 1 or procs.free_port() != base + 2:
        base = procs.free_port()
    demo = procs.spawn(
        [
            sys.executable,
            procs.ROOT / "tests/demo/demo.py",
            "--seconds",
            25,
            "--base-port",
            base,
            "--listen",
            f"127.0.0.1:{procs.free_port()}",
            "--prometheus-port",
            procs.free_port(),
        ]
    )
    held, end = set(), time.monotonic() + 400
    while demo.running() and time.monotonic() < end:
        for pid in procs.children(demo.pid):
            held |= held_by(pid) & set(programs())
        time.sleep(1)
    status = demo.wait(1)
    tap.check(held, "its redtap holds BPF programs")
    out = demo.output()
    tap.equal(status, 0, "exit status")
    for line in out.splitlines():
        if line.startswith("missing:") or status:
            tap.note(line)
    for word in ("requests per second by service", "service=hook_receiver", "/metrics", "/graph"):
        tap.check(word in out, f"it shows {word}")
    tap.check("Traceback" not in out, "no traceback")
    procs.until(lambda: not held & set(programs()), 15, "nothing stays attached")


tap.main()
