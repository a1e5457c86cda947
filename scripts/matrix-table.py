#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints docs/MATRIX.md from the rows the matrix tests wrote: matrix-table.py FILE.jsonl...

The format of a row is in tests/e2e/bed/matrix.py.
"""

import json
import sys
from pathlib import Path

TITLES = {"http": "HTTP", "postgres": "PostgreSQL", "kafka": "Kafka"}
HEAD = """# Client matrix

Made by `make matrix`: each row is a real client against a real server with redtap attached, compared with
ledgers that are not redtap's (`pg_stat_statements`, the servers' logs, brokers' offsets, the clients' own counts).
**exact** (n): every compared figure equals the ledger's, n messages in all. `n of m`: redtap counted n where the
ledger has m, then what differs. SKIP: the client could not run on the machine the table was made on.
"""


def cell(row):
    if row is None:
        return ""
    if row["skip"]:
        return f"SKIP: {row['skip']}"
    if not row["differs"]:
        return f"**exact** ({row['expected']:,})"
    text = f"{row['seen']:,} of {row['expected']:,}"
    others = [d for d in row["differs"] if not d.endswith("messages")]
    if others:
        text += f"; differs: {', '.join(others)}"
    return text + (f"; {row['exception']}" if row["exception"] else "")


def table(rows):
    captures = sorted({row["capture"] for row in rows}, key=lambda c: (c != "socket", c))
    lines, cells = {}, {}
    for row in rows:
        key = row["client"], row["what"]
        lines[key] = lines.get(key) or row["version"]
        cells[key, row["capture"]] = row
    yield f"| client | version | what it did | {' | '.join(captures)} |"
    yield "|---" * (3 + len(captures)) + "|"
    for (client, what), version in lines.items():
        fields = [client, version, what, *(cell(cells.get(((client, what), c))) for c in captures)]
        yield "| " + " | ".join(f.replace("|", "\\|").replace("\n", " ") for f in fields) + " |"


def main(paths):
    by_protocol = {}
    for path in paths:
        for line in Path(path).read_text().splitlines():
            row = json.loads(line)
            by_protocol.setdefault(row["protocol"], []).append(row)
    print(HEAD.rstrip())
    known = list(TITLES)
    for protocol in sorted(by_protocol, key=lambda p: known.index(p) if p in known else 99):
        print(f"\n## {TITLES.get(protocol, protocol)}\n")
        print("\n".join(table(by_protocol[protocol])))


if __name__ == "__main__":
    main(sys.argv[1:])
