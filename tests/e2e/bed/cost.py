# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process takes: by the kernel's map of its memory and the scheduler's clock."""

import re
from pathlib import Path


def own_mib(pid):
    """Resident memory without the mapped queues, which are a metric of their own."""
    total, ring = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            ring = "bpf-map" in line
        elif line.startswith("Rss:") and not ring:
            total += int(line.split()[1])
    return total / 1024


def on_cpu_ns(pid):
    return sum(
        int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")
    )
