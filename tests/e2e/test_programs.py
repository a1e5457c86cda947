#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where redtap's programs are attached, as bpftool lists them: in the primary capture nothing is on
the system calls of the host.
"""

import json

from bed import procs, tap
from bed.redtap import Redtap, held_by


def listed(what):
    """bpftool's entries; one that went away meanwhile has an error in place of its fields."""
    entries = json.loads(procs.run(["bpftool", "-j", what, "list"]) or "[]")
    return [entry for entry in entries if "error" not in entry]


def attached_by(pid):
    """{program: set of places} of that process alone; another redtap may run on the host."""
    held = held_by(pid)
    names = {p["id"]: p["name"] for p in listed("prog") if ("prog", p["id"]) in held}
    places = {number: set() for number in names}
    for x in listed("link"):
        if ("link", x["id"]) in held:
            places[x["prog_id"]].add(x.get("tp_name") or x.get("target_name") or x["type"])
    # What hangs on a perf event needs no link, and only here a probe says of what function.
    for x in listed("perf"):
        if x["pid"] == pid:
            places[x["prog_id"]].add(x.get("tracepoint") or x.get("func") or x["fd_type"])
    return {names[number]: where for number, where in places.items()}


def on_system_calls(found):
    """Those of them that are on a system call's way, as bpftool spells such places: sys_enter,
    sys_exit_write, __x64_sys_write.
    """
    return {name: where for name, where in found.items() if any("sys_" in w for w in where)}


@tap.test()
def test_nothing_on_system_calls():
    if why := procs.have("bpftool"):
        tap.skip(why)
    with Redtap("socket") as r:
        found = attached_by(r.proc.pid)
        tap.note(", ".join(f"{k}: {' '.join(sorted(v))}" for k, v in sorted(found.items())))
        tap.equal(found.get("rt_sock_send"), {"sock_send_length"}, "sends")
        tap.equal(found.get("rt_sock_recv"), {"sock_recv_length"}, "receives")
        tap.equal([name for name, where in found.items() if not where], [], "attached to nothing")
        tap.equal(on_system_calls(found), {}, "on system calls")
    with Redtap("syscall") as r:  # that it would be found
        found = attached_by(r.proc.pid)
        tap.equal(on_system_calls(found), {"rt_sys_exit": {"sys_exit"}}, "the fallback's")


tap.main()
