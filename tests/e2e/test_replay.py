#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The replay bed over sockets: every golden of tests/replay/golden, cut everywhere, over TCP v4 and
v6, MPTCP and Unix sockets, by the twelve system calls; redtap's page, the caller's view and the
server's, is the golden's expectation times the number of plays.
"""

import collections
import os
import re
import time
from pathlib import Path

from bed import procs, tap
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
PLAY = procs.OUT / "tests" / "replay" / "play"
GOLDEN = Path(os.environ.get("REPLAY_GOLDEN") or procs.ROOT / "tests" / "replay" / "golden")
ROOM = ["--ring-bytes", "16MiB", "--series-max", "200000", "--select", f"exe={PLAY}"]
SHOWN = int(os.environ.get("REPLAY_SHOWN") or 12)  # differences that are printed
# What of it is played (see play.c): K/N for a part of each one's plays, a pattern of
# PROTOCOL.NAME.FAMILY, and REPLAY_EACH=1 to tell the plays apart.
PART = os.environ.get("REPLAY_PART") or "0/1"
ONLY = [os.environ.get("REPLAY_ONLY") or "*"] + ["each"] * bool(os.environ.get("REPLAY_EACH"))


class Expected:
    """What the page shows of one service, by family and labels, from the lines of a golden."""

    def __init__(self, path):
        self.counts = collections.Counter()
        self.unparsed = collections.Counter()
        self.protocol = path.parent.name
        say = getattr(self, f"_{self.protocol}")
        for line in path.read_text().splitlines():
            if line.startswith("="):
                line, _, times = re.fullmatch(r"= (.*?)( x([0-9]+))?", line).groups()
                words = line.split()
                say(words, set(words), int(times or 1))
            elif line.startswith("!"):
                _, cause, n = line.split()
                self.unparsed[self.protocol, cause] += int(n)

    def _add(self, n, family, **labels):
        self.counts[family, tuple(sorted(labels.items()))] += n

    def _http(self, words, flags, n):
        method, target, status = words[:3]
        endpoint = target.partition("?")[0]
        if words[-1].startswith("endpoint="):
            endpoint = words[-1].removeprefix("endpoint=")
        timed = not flags & {"untimed", "stream", "aborted"}
        labels = {"method": method, "endpoint": endpoint, "status": status}
        self._add(n, "http_requests_total", **labels)
        self._add(n, "http_client_requests_total", **labels)
        if timed:
            self._add(n, "http_request_duration_seconds_count", method=method, endpoint=endpoint)
            self._add(n, "http_client_request_duration_seconds_count", method=method)
        if timed or flags & {"stream", "aborted"}:
            self._add(n, "http_response_first_byte_seconds_count", endpoint=endpoint)
        for side in ("http_", "http_client_"):
            if "aborted" in flags:
                self._add(n, "errors_total", error_type=side + "aborted")
            if status == "error" or int(status) >= 400:
                self._add(n, "errors_total", error_type=side + status)

    def _postgres(self, words, flags, n):
        kind, state, rows = words[0], words[1], int(words[2].removeprefix("rows="))
        database = next((w[3:] for w in words if w.startswith("db=")), "unknown")
        labels = {"query_type": kind, "database": database}
        failed = state != "ok"
        self._add(n, "db_queries_total", outcome="error" if failed else "ok", **labels)
        self._add(n, "db_server_queries_total", **labels)
        self._add(n * rows, "db_rows_total", **labels)
        if "untimed" not in flags:
            self._add(n, "db_query_duration_seconds_count", **labels)
            self._add(n, "db_server_query_duration_seconds_count", **labels)
        if failed:
            self._add(n, "errors_total", error_type=f"sqlstate_{state}")
            self._add(n, "errors_total", error_type=f"db_server_sqlstate_{state}")

    def _kafka(self, words, flags, n):
        if words[0] == "records":
            topic = words[1].rpartition("/")[0]
            self._add(n * int(words[3]), "kafka_messages_total", topic=topic, outcome=words[2])
            return
        error = words[2] if len(words) > 2 and words[2].isupper() else ""
        self._add(n, "kafka_requests_total", api=words[0], error=error)
        self._add(n, "kafka_server_requests_total", api=words[0])
        if "untimed" not in flags:
            self._add(n, "kafka_request_duration_seconds_count", api=words[0])
            self._add(n, "kafka_server_request_duration_seconds_count", api=words[0])
        if error:
            self._add(n, "errors_total", error_type=f"kafka_{error}")
            self._add(n, "errors_total", error_type=f"kafka_server_{error}")


LABELS = {
    "http_requests_total": ("endpoint", "method", "status"),
    "http_client_requests_total": ("endpoint", "method", "status"),
    "http_request_duration_seconds_count": ("endpoint", "method"),
    "http_client_request_duration_seconds_count": ("method",),
    "http_response_first_byte_seconds_count": ("endpoint",),
    "db_queries_total": ("database", "outcome", "query_type"),
    "db_server_queries_total": ("database", "query_type"),
    "db_rows_total": ("database", "query_type"),
    "db_query_duration_seconds_count": ("database", "query_type"),
    "db_server_query_duration_seconds_count": ("database", "query_type"),
    "kafka_messages_total": ("outcome", "topic"),
    "kafka_requests_total": ("api", "error"),
    "kafka_server_requests_total": ("api",),
    "kafka_request_duration_seconds_count": ("api",),
    "kafka_server_request_duration_seconds_count": ("api",),
    "errors_total": ("error_type",),
}


def seen(page):
    """{(service, family, labels): number} of the families above, zeroes left out."""
    found = collections.Counter()
    for (name, pairs), value in page.samples.items():
        if name in LABELS and value:
            have = dict(pairs)
            labels = tuple((label, have.get(label, "")) for label in LABELS[name])
            found[have["service"], name, labels] += int(value)
    return found


class Ledger:
    """What the player says it has played."""

    def __init__(self, lines):
        self.want, self.unparsed = collections.Counter(), collections.Counter()
        self.plays, self.skipped, self.how = collections.Counter(), set(), {}
        read = {}
        for line in lines:
            service, path, rest = line.split(" ", 2)
            family = service.split(".")[2]
            if not rest[:1].isdigit():
                tap.check(rest.startswith("skip"), f"{service}: {rest}")
                self.skipped.add(f"{family}: {rest}")
                continue
            if path not in read:
                read[path] = Expected(Path(path))
            n, _, self.how[service] = rest.partition(" ")
            expected, n = read[path], int(n)
            self.plays[family] += n
            for (name, labels), count in expected.counts.items():
                if count:
                    self.want[service, name, labels] += count * n
            for key, count in expected.unparsed.items():
                self.unparsed[key] += 2 * count * n


def differences(want, got):
    """[(service, family, labels, expected, got)] in order."""
    keys = sorted(set(want) | set(got))
    return [(*k, want[k], got[k]) for k in keys if want[k] != got[k]]


def compare(r, ledger):
    """Until the page is equal, or for as long as a Unix socket's end may take to be noticed."""
    end = time.monotonic() + 15
    while differences(ledger.want, seen(r.scrape())) and time.monotonic() < end:
        time.sleep(0.5)
    time.sleep(1)
    page = r.scrape()
    bad = differences(ledger.want, seen(page))
    for service, family, labels, want, got in bad[:SHOWN]:
        how = ledger.how.get(service) or ""
        tap.note(f"{service} {family}{dict(labels)}: expected {want}, got {got} {how}".rstrip())
    services = sorted({b[0] for b in bad})
    if services:
        tap.note(f"{len(services)} services differ: {' '.join(services)[:2000]}")
    tap.equal(len(bad), 0, "series that differ")
    told = page.by(("protocol", "cause"), "redtap_unparsed_total")
    tap.equal(told, dict(ledger.unparsed), "redtap_unparsed_total")
    tap.equal(page.total("redtap_events_lost_total"), 0, "events lost")
    if bad:
        r.explain(page)
    tap.note(f"plays: {dict(ledger.plays)}, {sum(ledger.want.values())} in {len(ledger.want)} series")
    for why in sorted(ledger.skipped):
        tap.note(f"SKIP {why}")


@tap.test(capture=BOTH)
def test_replay(capture):
    tap.unless_root()
    with Redtap(capture, args=ROOM) as r:
        out = procs.run([PLAY, "all", GOLDEN, procs.run_dir(), PART, *ONLY],
                        cwd=procs.ROOT, timeout=300)
        compare(r, Ledger(out.splitlines()))


@tap.test(capture=BOTH)
def test_replay_late(capture):
    tap.unless_root()
    play = procs.spawn([PLAY, "late", GOLDEN, procs.run_dir(), PART, *ONLY],
                       cwd=procs.ROOT, stdin=-1)
    procs.until(lambda: "ready" in play.output(), 60, "the player's connections")
    with Redtap(capture, args=ROOM) as r:
        play.popen.stdin.write(b"\n")
        play.popen.stdin.flush()
        play.wait(120)
        compare(r, Ledger(play.output().splitlines()[1:]))


tap.main()
