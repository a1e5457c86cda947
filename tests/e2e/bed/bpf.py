# SPDX-License-Identifier: GPL-2.0-or-later
"""What redtap's BPF programs took: by the kernel's statistics, and as they count themselves."""

import contextlib
import json
from pathlib import Path

from bed import procs
from bed.redtap import held_by

STATS_NS = 60  # what the kernel's own statistics add to a run here
TIMED = ("rt_sock_send", "rt_sock_recv", "rt_send_start", "rt_sys_exit")  # enum rt_program
TOOK_NS = 32  # RT_TOOK_NS


@contextlib.contextmanager
def kernel_statistics():
    switch = Path("/proc/sys/kernel/bpf_stats_enabled")
    before = switch.read_text()
    switch.write_text("1")
    try:
        yield
    finally:
        switch.write_text(before)


def runs():
    """{program: (nanoseconds, runs)} by the kernel, while its statistics are on."""
    return {
        p["name"]: (p.get("run_time_ns", 0), p.get("run_cnt", 0))
        for p in json.loads(procs.run(["bpftool", "-j", "prog", "list"]))
        if p.get("name", "").startswith("rt_")
    }


def took(pid):
    """{program: its timed runs by what each took, in buckets of TOOK_NS} by that redtap."""
    held = {number for kind, number in held_by(pid) if kind == "map"}
    maps = json.loads(procs.run(["bpftool", "-j", "map", "list"]))
    (number,) = (m["id"] for m in maps if m["id"] in held and m.get("name") == "cpus")
    dump = json.loads(procs.run(["bpftool", "-j", "map", "dump", "id", number]))
    cpus = [entry["formatted"]["value"]["took"] for entry in dump]
    return {
        name: [sum(buckets) for buckets in zip(*(took[at] for took in cpus))]
        for at, name in enumerate(TIMED)
    }


def median(buckets):
    """Nanoseconds, as if the runs of a bucket were spread evenly over it."""
    half = sum(buckets) / 2
    for at, n in enumerate(buckets):
        if half <= n:
            return round(TOOK_NS * (at + half / max(n, 1)))
        half -= n
    return None
