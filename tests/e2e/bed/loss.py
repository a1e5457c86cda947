# SPDX-License-Identifier: GPL-2.0-or-later
"""redtap with small queues, kept from reading them: what is lost, and what the counters then owe.

What the counters say after a loss, and what can be held against a ledger:
  - redtap_events_lost_total{cause="ring_full"} counts records. A record is one call's bytes (or a
    piece of 4 KiB of them) in one process, so an exchange takes part in several; what a record
    held nobody knows: it may be half a response, or four pipelined requests.
  - so per series counted <= ledger, and where a client asks one thing at a time
    ledger - counted <= lost records;
  - a response whose request was lost is counted under its true status with method `_OTHER` and
    endpoint `other`, a statement or an API request under what its own answer says; a request
    whose response was lost is not counted, but in redtap_unparsed_total{cause="abandoned"}.
"""

import os
import signal
import threading
import time

from . import procs, tap

RING = ["--ring-bytes", "64KiB"]
STOPPED_SECONDS, RUNNING_SECONDS = 1.0, 0.3


class Hindered:
    """`with Hindered(redtap):` it is stopped for a second at a time."""

    def __init__(self, redtap):
        self.pid = redtap.proc.pid
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.over.wait(STOPPED_SECONDS)
            os.kill(self.pid, signal.SIGCONT)
            self.over.wait(RUNNING_SECONDS)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def flag(name):
    """A file that is not there yet: its coming is a client's second phase."""
    path = procs.run_dir() / name
    path.unlink(missing_ok=True)
    return path


def quiet(r):
    """The page after the load: what goes on is slow enough that nothing may be lost from here."""
    time.sleep(1)
    return r.scrape()


def records(page):
    return page.total("redtap_events_lost_total", cause="ring_full")


def story(page):
    """What a reader of a run wants to know."""
    tap.note(
        f"lost {records(page)} of {page.total('redtap_events_total') + records(page)} records, "
        f"lost bytes {page.total('redtap_gap_bytes_total', cause='lost')}, "
        f"unparsed {page.by(('protocol', 'cause'), 'redtap_unparsed_total')}"
    )


def at_most(got, ledger, what):
    """No series has more than its ledger, and none is there that cannot be; returns what is
    missing.
    """
    for key, n in sorted(got.items()):
        tap.check(n <= ledger.get(key, 0), f"{what}: {key} is {n}, ledger {ledger.get(key, 0)}")
    return sum(ledger.values()) - sum(got.values())


def ends(got, ledger, last, what):
    """Takes the requests that never had an answer out of {(endpoint, status): n}. The `last` ones
    of all connections look like that when their answers were lost, or their clients did not wait.
    """
    bare = {key: got.pop(key) for key in list(got) if key[1] == "error"}
    known = sum(n for key, n in ledger.items() if key[1] == "error")
    tap.check(
        sum(bare.values()) <= known + last,
        f"{what}: {bare} ended with their connections, {last} could",
    )


def no_shorter(page, family, seconds, what, **labels):
    """No duration is below what its server waited at least."""
    bounds = [(float(have["le"]), n) for have, n in page.series(f"{family}_bucket", **labels)]
    short = max([n for le, n in bounds if le <= seconds], default=0)
    tap.check(bounds, f"{what}: there are durations")
    tap.equal(short, 0, f"{what}: durations below {seconds} s")
