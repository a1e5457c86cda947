#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The soak: twenty million transactions (REDTAP_SOAK) in rounds, each with processes, connections,
endpoints and statements of its own. At the end the counters are the servers' own, and redtap's
memory and descriptors are what they were half-way.
"""

import os
import re
import time

from bed import load, procs, tap
from bed.cost import own_mib
from bed.nginx import Nginx
from bed.postgres import Postgres
from bed.redtap import Redtap

TOTAL = int(os.environ.get("REDTAP_SOAK") or 20_000_000)
ROUNDS_LEAST = 8  # two halves of which one can be compared
HTTP_SECONDS, DB_SECONDS = 4, 2
PATHS, STATEMENTS = 100, 10  # of a round
SHORT = 300  # requests with a connection each, or (a tenth) a process
FLAT = 1.05


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Soak:
    def __init__(self):
        self.nginx, self.pg = Nginx(log=False), Postgres()
        self.db = self.pg.create("soak")
        self.statements = 0

    def http(self, n):
        """A round's requests: wrk's, on new connections; ab's, one each; curl's, a process each."""
        paths = [("GET", f"/echo/{n}/p{i}", None, None) for i in range(PATHS)]
        script = load.wrk_script(paths)
        load.wrk(self.nginx.url("/"), HTTP_SECONDS, connections=32, script=script)
        script.unlink()
        procs.run(["ab", "-q", "-c", 10, "-n", SHORT, self.nginx.url(f"/echo/{n}/short")])
        for i in range(SHORT // 10):
            procs.run(["curl", "-s", "-o", "/dev/null", self.nginx.url(f"/echo/{n}/c{i}")])

    def sql(self, n):
        script = procs.run_dir() / "soak.sql"
        script.write_text(
            "".join(f"SELECT {n} AS round_{n}_{i};\n" for i in range(STATEMENTS))
        )
        done, _ = self.pg.pgbench(
            self.db, "-n", "-f", script, "-c", "8", "-T", DB_SECONDS,
            "-M", "prepared" if n % 2 else "simple",
        )
        self.statements += done * STATEMENTS

    def requests(self):
        """nginx's own count, the question itself included."""
        page = procs.run(["curl", "-s", self.nginx.url("/status")])
        return int(re.search(r"^ *\d+ +\d+ +(\d+)", page, re.M)[1])

    def stop(self):
        self.nginx.stop()
        self.pg.stop()


def http_seen(page):
    return page.total("http_requests_total", service="nginx")


def sql_seen(page):
    return page.total("db_queries_total", service="pgbench")


@tap.test()
def test_soak():
    for tool in ("wrk", "ab", "curl"):
        if why := procs.have(tool):
            tap.skip(why)
    soak, seen, n = Soak(), [], 0
    with Redtap() as r:
        pid = r.proc.pid
        while n < ROUNDS_LEAST or soak.requests() + soak.statements < TOTAL:
            soak.http(n)
            soak.sql(n)
            seen.append((own_mib(pid), open_files(pid)))
            if n % 10 == 0:
                tap.note(f"round {n}: {seen[-1][0]:.1f} MiB, {seen[-1][1]} descriptors")
            n += 1
        time.sleep(1)
        requests = soak.requests()
        page = r.scrape()
        lost = int(page.total("redtap_events_lost_total"))
        rows = [("requests", http_seen, requests), ("statements", sql_seen, soak.statements)]
        if lost:  # a neighbour held the reader up: what is missing was counted as lost
            for what, got, want in rows:
                tap.check(want - lost <= got(page) <= want, f"{what}: {got(page)} of {want}")
            tap.equal(lost, 0, "events lost")
        else:
            page = r.expect(rows)
        tap.note(f"{requests} requests, {soak.statements} statements, {n} rounds, "
                 f"{page.total('redtap_series'):.0f} series, "
                 f"{page.total('process_cpu_seconds_total'):.1f} s of CPU")
    half = seen[len(seen) // 2 :]
    mib, files = [m for m, _ in half], [f for _, f in half]
    tap.note(f"last half: {min(mib):.1f} to {max(mib):.1f} MiB, "
             f"{min(files)} to {max(files)} descriptors")
    tap.check(max(mib) <= FLAT * min(mib), "resident memory is flat over the last half")
    tap.equal(max(files), min(files), "descriptors over the last half")
    soak.stop()


tap.main()
