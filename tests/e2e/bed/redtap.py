# SPDX-License-Identifier: GPL-2.0-or-later
"""redtap under test: started with options, scraped, compared with a ledger, stopped and looked
after.
"""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import procs, tap
from .promtext import Page

BINARY = os.environ.get("REDTAP_BIN") or str(procs.OUT / "redtap")
STOP_SECONDS = 1.0
SETTLE_SECONDS = 1.2  # several polls of every queue: what still moves after this is a difference


def programs():
    """{("prog" or "link", id): name} of all BPF programs and links of this host."""
    found = {}
    for kind in ("prog", "link"):
        out = subprocess.run(["bpftool", "-j", kind, "list"], capture_output=True, text=True)
        for entry in json.loads(out.stdout or "[]"):
            found[kind, entry["id"]] = entry.get("name") or entry.get("type")
    return found


def held_by(pid):
    """Those of which the process holds a descriptor; none when it is gone."""
    found = set()
    try:
        infos = list(Path(f"/proc/{pid}/fdinfo").iterdir())
    except OSError:
        return found
    for info in infos:
        try:
            text = info.read_text()
        except OSError:
            continue  # closed since
        for kind, number in re.findall(r"^(prog|link|map)_id:\s+(\d+)$", text, re.M):
            found.add((kind, int(number)))
    return found


def lock_file():
    """The run's own, so that a redtap that serves this host is not in the way."""
    return procs.run_dir() / "redtap.lock"


class Redtap:
    """`with Redtap(capture="socket") as r:` waits until it is ready and checks that it ends
    well.
    """

    last = None

    def __init__(self, capture="auto", args=(), config=None, env=None, budget="0"):
        self.port = procs.free_port()
        self.capture = capture
        argv = [
            BINARY,
            "run",
            "--listen",
            f"127.0.0.1:{self.port}",
            f"--capture={capture}",
            "--lock-file",
            lock_file(),
            "--budget-cpu-percent",  # a ledger wants everything, whatever it costs
            budget,
        ]
        if config is not None:
            path = procs.run_dir() / f"redtap.{self.port}.yaml"
            path.write_text(config)
            argv += ["--config", path]
        self.proc = procs.spawn([*argv, *args], name="redtap", env=env)
        self.held = set()
        Redtap.last = self
        try:
            procs.until(self._ready, 60, "redtap's /readyz")
        except BaseException:
            tap.note(self.proc.tail())
            self.proc.kill()
            raise

    def _ready(self):
        if not self.proc.running():
            raise procs.CommandFailed(f"redtap ended with {self.proc.popen.returncode}")
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.explain()
            self.proc.kill()
        else:
            self.stop()

    # -- reading

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path, headers=None, method="GET"):
        """(status, headers, body bytes); an HTTP error is an answer like another."""
        request = urllib.request.Request(self.url(path), headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def scrape(self):
        status, _, body = self.get("/metrics")
        if status != 200:
            raise procs.CommandFailed(f"/metrics answers {status}")
        return Page(body.decode())

    def total(self, name, **labels):
        return self.scrape().total(name, **labels)

    def await_total(self, least, name, timeout=60, **labels):
        """Waits until the sum reached `least`: for phases; a ledger is compared by expect()."""
        procs.until(
            lambda: self.total(name, **labels) >= least,
            timeout,
            f"{name}{labels} >= {least}",
            every=0.2,
        )

    def settled(self, *wanted, timeout=60):
        """The page once the sums of `wanted`, each (name, labels), stood still for
        SETTLE_SECONDS.
        """
        end = time.monotonic() + timeout
        before, since = None, 0
        while True:
            page = self.scrape()
            now = [page.total(name, **labels) for name, labels in wanted]
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() - since >= SETTLE_SECONDS:
                return page
            if time.monotonic() > end:
                raise TimeoutError(f"{wanted} did not come to rest")
            time.sleep(0.1)

    def expect(self, rows, timeout=30, base=None):
        """The comparison with a ledger. `rows`: [(what, function of a Page, expected)]. Polls
        until all are equal, then looks again after SETTLE_SECONDS: equal means equal and staying
        so. With `base`, an earlier page, numbers are what came since.
        """

        def values(page):
            return [f(page) - f(base) if base else f(page) for _, f, _ in rows]

        wanted = [w for _, _, w in rows]
        end = time.monotonic() + timeout
        while values(self.scrape()) != wanted and time.monotonic() < end:
            time.sleep(0.2)
        time.sleep(SETTLE_SECONDS)
        page = self.scrape()
        good = True
        for (what, _, want), got in zip(rows, values(page)):
            good &= tap.equal(got, want, what)
        if not good:
            self.explain(page)
        return page

    def explain(self, page=None):
        """What a reader of a difference wants to know first."""
        try:
            page = page or self.scrape()
        except Exception as e:
            tap.note(f"redtap: no page: {e!r}")
            tap.note(self.proc.tail())
            return
        for family in (
            "redtap_events_lost_total",
            "redtap_unparsed_total",
            "redtap_gap_bytes_total",
            "redtap_connections",
            "redtap_build_info",
        ):
            for labels, value in page.series(family):
                if value:
                    tap.note(f"{family}{labels} {value:g}")
        page_file = procs.run_dir() / f"page.{self.port}.txt"
        page_file.write_bytes(self.get("/metrics")[2])
        tap.note(f"page: {page_file}  log: {self.proc.log}")

    def lint(self):
        """promtool has nothing to say about the page."""
        page = self.get("/metrics")[2]
        if not procs.have("promtool"):
            r = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True)
            said = (r.stdout + r.stderr).decode()
            tap.equal((r.returncode, said), (0, ""), "promtool check metrics: status and output")

    # -- ending

    def hold(self):
        """Remembers what is attached now; gone() tells whether it is still there."""
        self.held = held_by(self.proc.pid)
        return self.held

    def gone(self):
        """Whether nothing of what was held is attached any more (the kernel frees with a delay)."""
        try:
            procs.until(lambda: not self.held & set(programs()), 15, "detached")
        except TimeoutError:
            tap.note(f"still there: {self.held}")
            return False
        return True

    def stop(self, sig=signal.SIGTERM):
        """Ends it by a signal: exit status 0 within a second (what it waited for a CPU not counted),
        and nothing stays attached.
        """
        self.lint()
        self.hold()
        tap.check(self.held, "redtap holds BPF programs while it runs")
        begin, waited = time.monotonic(), self.proc.waited()
        self.proc.popen.send_signal(sig)
        try:
            self.proc.await_end(10)
        except TimeoutError:
            pass
        took, waited = time.monotonic() - begin, self.proc.waited() - waited
        status = self.proc.popen.poll()
        tap.equal(status, 0, "redtap's exit status")
        tap.check(
            took - waited <= STOP_SECONDS,
            f"redtap ended within a second (took {took:.2f} s, {waited:.2f} of them without a CPU)",
        )
        if status != 0:
            tap.note(self.proc.tail())
        self.proc.kill()
        tap.check(self.gone(), "nothing stays attached")


def _explain_end():
    last = Redtap.last
    if last and last.proc.running():
        last.explain()
        last.proc.kill()  # a test failed before its end: the next one starts its own
    elif last and last.proc.popen.poll():
        tap.note(f"redtap ended with {last.proc.popen.returncode}:\n{last.proc.tail()}")


tap.on_failure(_explain_end)
