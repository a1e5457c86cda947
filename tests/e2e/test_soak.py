#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The soak: twenty million transactions (REDTAP_SOAK) in rounds, each with processes, connections,
endpoints and statements of its own. Series come and go all the while: what their counters rose by
is the servers' own count, and redtap's memory and descriptors are what they were half-way.
"""

import os
import re

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
# A round asks for 131 endpoints that none of the three before it had; the fifth asks for the first
# one's again, some 25 seconds later, when their series have expired. That is 524 endpoints in all
# and 200 places: the second round meets the bound, and what finds no place is `other`. So before
# the last half begins everything that grows has grown, and series go on to leave and to come back.
TURN = 4
ENDPOINTS_MAX, EXPIRE = 200, "12s"
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
        here = f"/echo/{load.word(n % TURN)}"  # a number would be {id}
        paths = [("GET", f"{here}/{load.word(i)}", None, None) for i in range(PATHS)]
        script = load.wrk_script(paths)
        load.wrk(self.nginx.url("/"), HTTP_SECONDS, connections=32, script=script)
        script.unlink()
        procs.run(["ab", "-q", "-c", 10, "-n", SHORT, self.nginx.url(f"{here}/short")])
        for i in range(SHORT // 10):
            url = self.nginx.url(f"{here}/curl/{load.word(i)}")
            procs.run(["curl", "-s", "-o", "/dev/null", url])

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


class Rise:
    """What a counter rose by, as Prometheus' increase(): a series that expired has been on a page
    with its last value, and one that came back has been missing on a page.
    """

    def __init__(self, family, **labels):
        self.family, self.labels = family, labels
        self.total, self.last = 0, {}
        self.ever, self.back = set(), 0  # series; how often one came back

    def look(self, page):
        now = {
            tuple(sorted(labels.items())): value
            for labels, value in page.series(self.family, **self.labels)
        }
        self.total += int(sum(value - self.last.get(key, 0) for key, value in now.items()))
        self.back += len((now.keys() - self.last.keys()) & self.ever)
        self.ever |= now.keys()
        self.last = now


@tap.test()
def test_soak():
    for tool in ("wrk", "ab", "curl"):
        if why := procs.have(tool):
            tap.skip(why)
    soak, seen, n = Soak(), [], 0
    requests = Rise("http_requests_total", service="nginx")
    statements = Rise("db_queries_total", service="pgbench")
    args = ["--endpoints-max", str(ENDPOINTS_MAX), "--series-expire", EXPIRE]
    with Redtap(args=args) as r:
        pid = r.proc.pid

        def look(page):
            requests.look(page)
            statements.look(page)
            return page

        while n < ROUNDS_LEAST or soak.requests() + soak.statements < TOTAL:
            soak.http(n)
            look(r.scrape())
            soak.sql(n)
            folded = look(r.scrape()).total("redtap_endpoints_folded_total")
            seen.append((own_mib(pid), open_files(pid), folded))
            if n % 10 == 0:
                tap.note(f"round {n}: {seen[-1][0]:.1f} MiB, {seen[-1][1]} descriptors")
            n += 1
        want = (soak.requests(), soak.statements)
        page = look(r.settled(*((rise.family, rise.labels) for rise in (requests, statements))))
        lost = int(page.total("redtap_events_lost_total"))
        for what, rise, of in zip(("requests", "statements"), (requests, statements), want):
            if lost:  # a neighbour held the reader up: what is missing was counted as lost
                tap.check(of - lost <= rise.total <= of, f"{what}: {rise.total} of {of}")
            elif not tap.equal(rise.total, of, what):
                r.explain(page)
        if not tap.equal(lost, 0, "events lost"):
            r.explain(page)
        tap.note(f"{want[0]} requests, {want[1]} statements, {n} rounds, "
                 f"{page.total('redtap_series'):.0f} series, {page.total('redtap_names')} names, "
                 f"{page.total('process_cpu_seconds_total'):.1f} s of CPU")
    tap.note(f"{len(requests.ever)} series of requests, {requests.back} times one came back, "
             f"{seen[-1][2]} exchanges without a place")
    tap.check(requests.back >= ENDPOINTS_MAX / 2, f"{requests.back} times a series came back")
    first, half = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    tap.check(first[-1][2] > 0, "the bound of endpoints was met in the first half")
    mib, files = [m for m, _, _ in half], [f for _, f, _ in half]
    tap.note(f"last half: {min(mib):.1f} to {max(mib):.1f} MiB, "
             f"{min(files)} to {max(files)} descriptors")
    tap.check(max(mib) <= FLAT * min(mib), "resident memory is flat over the last half")
    tap.equal(max(files), min(files), "descriptors over the last half")
    soak.stop()


tap.main()
