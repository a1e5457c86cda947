# SPDX-License-Identifier: GPL-2.0-or-later
"""What redtap measured against what the processes' own clock says (clients/stamps.py).

A process knows of a byte only that it passed between the stamp before a system call and the one
behind it. So every duration has bounds that no excuse can move, [last.before - first.after,
last.after - first.before], and a best estimate: a read is over at its return; a write at its return
too (TCP's hand-over within the call, to be exact), but where redtap_build_info says
send_stamp="entry" the first byte of a request, and of an answer that may have had to wait for room,
counts from its entry.
The estimate is what 1 % or 100 us are held against. A short send does not wait: when its own two stamps
lie further apart than 100 us its process had lost the CPU between them, nobody knows on which side
of the kernel's stamp, and what is over 100 us is added to the tolerance.
"""

import bisect
import json

from . import procs, tap

SHARE, FLOOR = 0.01, 100e-6  # of the tolerance: 1 %, and 100 us where that is more
BOUNDS = [
    float(x)
    for x in "1e-4 25e-5 5e-4 1e-3 25e-4 5e-3 1e-2 25e-3 5e-2 .1 .25 .5 1 2.5 5 10".split()
]
CLIENTS = procs.ROOT / "tests" / "e2e" / "clients"


def tolerance(seconds):
    return max(SHARE * seconds, FLOOR)


def stamps_entry(page):
    """Whether the first byte of a send is stamped when it enters the kernel."""
    return bool(page.series("redtap_build_info", send_stamp="entry"))


class Took:
    """One duration: its best estimate (None: only its bounds are known), in seconds. `send`: the
    span of the send it begins or ends with.
    """

    def __init__(self, begin, end, best=None, send=(0, 0)):
        self.low, self.high = max(0, end[0] - begin[1]) / 1e9, (end[1] - begin[0]) / 1e9
        self.best = None if best is None else best / 1e9
        self.off_cpu = max(0, (send[1] - send[0]) / 1e9 - FLOOR)


def asked(e, entry, what="last"):
    """The caller's: first byte written -> the read that brought the byte."""
    begin = e["start"][0] if entry else e["start"][1]
    return Took(e["start"], e[what], e[what][1] - begin, e["start"])


def served(e, what="last", entry=False):
    """The server's: first byte read -> first byte, or last byte, written, in a send that is short;
    or with `entry` in one that may have had to wait for room, which counts from its beginning.
    """
    if entry:
        return Took(e["start"], e[what], e[what][0] - e["start"][1])
    return Took(e["start"], e[what], e[what][1] - e["start"][1], e[what])


def answered(e):
    """First byte of the answer -> last, read or written alike."""
    return Took(e["first"], e["last"], e["last"][1] - e["first"][1])


def read_book(path):
    """{name: [exchange]} of a book, in the order of their ends."""
    found = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        found.setdefault(entry["name"], []).append(entry)
    return found


class Errors:
    """The differences met, so that a run says how true it was."""

    def __init__(self):
        self.worst, self.n = 0.0, 0

    def agree(self, page, family, took, what, times=1, **labels):
        """The family's count and sum are those of the durations `took`, each observed `times`."""
        count = page.total(f"{family}_count", **labels)
        if not tap.equal(count, len(took) * times, f"{what}: {family}'s count"):
            return
        got = page.total(f"{family}_sum", **labels) / times
        rounding = 1e-9 * len(took)
        tap.check(
            sum(t.low for t in took) - rounding <= got <= sum(t.high for t in took) + rounding,
            f"{what}: {family} is {got * 1e6:.0f} us, the calls bound it to "
            f"{sum(t.low for t in took) * 1e6:.0f}..{sum(t.high for t in took) * 1e6:.0f}",
        )
        if not took or any(t.best is None for t in took):
            return
        best, allowed = sum(t.best for t in took), sum(tolerance(t.best) + t.off_cpu for t in took)
        tap.check(
            abs(got - best) <= allowed,
            f"{what}: {family} is {got * 1e6:.0f} us over {len(took)}, the process's own clock "
            f"says {best * 1e6:.0f}",
        )
        self.n += 1
        self.worst = max(self.worst, abs(got - best) / allowed)

    def say(self, what):
        tap.note(f"{what}: {self.n} comparisons, the worst at {self.worst:.0%} of the tolerance")


def cumulative(page, family, **labels):
    """Observations up to each of BOUNDS, and all."""
    return [
        page.total(f"{family}_bucket", le=str(le), **labels)
        for le in [format(b, ".15g") for b in BOUNDS] + ["+Inf"]
    ]


def same_spread(page, family, took, **labels):
    """Every bucket holds the durations that belong there, but those within the tolerance of its
    bounds; and each quantile falls into the bucket of the processes' own, or the next.
    """
    values = sorted(t.best for t in took)
    have = cumulative(page, family, **labels)
    tap.equal(have[-1], len(values), f"{family}: observations")
    for bound, n in zip(BOUNDS, have):
        slack = tolerance(bound)
        least = bisect.bisect_right(values, bound - slack)
        most = bisect.bisect_right(values, bound + slack)
        tap.check(
            least <= n <= most, f"{family}: {n} up to {bound} s, own clock: {least} to {most}"
        )
    for q in 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999:
        rank = max(1, round(q * len(values)))
        mine = bisect.bisect_left(BOUNDS, values[rank - 1])
        theirs = next(i for i, n in enumerate(have) if n >= rank)
        tap.check(
            abs(mine - theirs) <= 1,
            f"{family}: quantile {q} in bucket {theirs}, own clock: {values[rank - 1]} s, {mine}",
        )
