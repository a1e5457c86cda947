# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of the client matrix: what each library did and how redtap's numbers compare with the
ledgers. Written to OUT/matrix/PROTOCOL.jsonl, one object per line; scripts/matrix-table.py makes
docs/MATRIX.md of all such files.

A row: protocol, client, version, what (was done), capture, seen and expected (messages: what redtap
counted and what the ledger has), differs (the names of the comparisons that do not hold),
exception (why a difference is the documented truth, else ""), skip (why it did not run, else "").
"""

import collections
import json
import sys

from . import procs, tap


class Entry(
    collections.namedtuple("Entry", "client version what count rows exception", defaults=[None])
):
    """One cell. `count`, (function of a Page, number of messages), is what it shows and is compared
    too; `rows` are Redtap.expect()'s. `exception`: (names of rows, reason); only these may differ,
    and one of them must, else the exception is out of date.
    """

    @property
    def may(self):
        return self.exception[0] if self.exception else ()


class Book:
    """The rows of one protocol. A whole run begins anew, one of chosen tests replaces its rows."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.path = procs.OUT / "matrix" / f"{protocol}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = {}
        self.summed = set()  # rows to which parts of this run were added
        if sys.argv[1:] and self.path.exists():
            for line in self.path.read_text().splitlines():
                self._put(json.loads(line))
        self._write()

    def _put(self, row):
        self.rows[row["client"], row["what"], row["capture"]] = row

    def _write(self):
        lines = [json.dumps(row, sort_keys=True) for row in self.rows.values()]
        self.path.write_text("".join(f"{line}\n" for line in lines))

    def _row(self, client, version, what, capture, **fields):
        row = dict(protocol=self.protocol, client=client, version=version, what=what)
        row.update(capture=capture, seen=0, expected=0, differs=[], exception="", skip="")
        row.update(fields)
        self._put(row)
        self._write()

    def absent(self, client, what, capture, why):
        """Writes the row of a client that cannot run here."""
        self._row(client, "", what, capture, skip=why)

    def skip(self, client, what, capture, why):
        """The same, and ends the test as skipped."""
        self.absent(client, what, capture, why)
        tap.skip(why)

    def compare(self, redtap, client, version, what, count, rows, exception=None):
        """One comparison of compare_all()."""
        return self.compare_all(redtap, [Entry(client, version, what, count, rows, exception)])

    def compare_all(self, redtap, entries, part=""):
        """Redtap.expect() of every Entry's rows at once, and each entry written down. With `part`
        (which part of `what` this is), a row sums up what the run's parts say, behind other rows.
        """
        named = [
            (entry, (f"{entry.client}: {name}", f, want), name in entry.may)
            for entry in entries
            for name, f, want in [("messages", *entry.count), *entry.rows]
        ]
        redtap.expect([row for _, row, may in named if not may])
        page = redtap.scrape()
        for entry in entries:
            differs = [
                name.partition(": ")[2]
                for of, (name, f, want), _ in named
                if of is entry and f(page) != want
            ]
            if entry.exception:
                tap.check(
                    set(differs) & set(entry.may), f"{entry.client}: an exception that is none"
                )
            self._add(redtap.capture, entry, page, differs, part)
        return page

    def _add(self, capture, entry, page, differs, part):
        seen, expected = entry.count[0](page), entry.count[1]
        reason = entry.exception[1] if entry.exception and differs else ""
        key = entry.client, entry.what, capture
        if part:
            differs = [f"{part}: {d}" for d in differs]
            if (row := self.rows.pop(key, None)) and key in self.summed:
                seen, expected = seen + row["seen"], expected + row["expected"]
                differs = row["differs"] + differs
                reason = "; ".join(x for x in (row["exception"], reason) if x)
            self.summed.add(key)
        self._row(
            entry.client,
            entry.version,
            entry.what,
            capture,
            seen=seen,
            expected=expected,
            differs=differs,
            exception=reason,
        )
