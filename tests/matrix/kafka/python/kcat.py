# SPDX-License-Identifier: GPL-2.0-or-later
"""kcat in the Kafka client matrix: the tool does the work, its records and their count are made
here.
"""

import base64
import re
import subprocess

import load


def _line(key, value):
    """kcat reads KEY:VALUE; with -Z what is empty is null."""
    return (key or b"") + b":" + base64.b64encode(value or b"") + b"\n"


def produce(bootstrap, cases):
    counts = {}
    for c in cases:
        argv = ["kcat", "-b", bootstrap, "-P", "-t", c.topic]
        argv += ["-K:", "-Z", "-H", "n=1", "-z", c.codec]
        argv += ["-X", f"acks={c.acks}"]
        argv += ["-X", f"enable.idempotence={'false' if c.mode == 'plain' else 'true'}"]
        lines = [_line(key, value) for key, value, _ in load.records(c.n)]
        subprocess.run(argv, input=b"".join(lines), check=True)  # not 0 when one was not delivered
        counts[c.topic] = len(lines)
    return counts


def consume(bootstrap, reading):
    argv = ["kcat", "-b", bootstrap, "-q", "-e", "-f", "%t\n"]
    argv += ["-X", f"isolation.level=read_{reading.isolation}", "-X", "auto.offset.reset=earliest"]
    argv += ["-G", reading.group, *reading.topics]
    out = subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=load.GIVE_UP_S).stdout
    for topic in out.decode().split():
        reading.add(topic)


def _version():
    text = subprocess.run(["kcat", "-V"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.search(r"Version ([\d.]+)", text)[1] + ", librdkafka " + re.search(
        r"librdkafka ([\d.]+)", text
    )[1]


load.main(_version(), produce, consume)
