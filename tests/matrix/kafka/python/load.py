# SPDX-License-Identifier: GPL-2.0-or-later
"""What the Python clients of the Kafka matrix share: the command line (../README.md), the records
and the result.
"""

import json
import random
import sys
import time

BIG_BYTES = 500_000
GIVE_UP_S = 30
LINGER_S = 0.5


class Case:
    """A topic to produce to: TOPIC:ACKS:CODEC:MODE:RECORDS."""

    def __init__(self, text):
        self.topic, self.acks, self.codec, self.mode, n = text.split(":")
        self.n = int(n)


class Reading:
    """What to consume: GROUP:PROTOCOL:ISOLATION TOPIC=RECORDS..., and what came."""

    def __init__(self, how, topics):
        self.group, self.protocol, self.isolation = how.split(":")
        wanted = dict(t.split("=") for t in topics)
        self.topics = list(wanted)
        self.wanted = sum(map(int, wanted.values()))
        self.counts = {}
        self._end = time.monotonic() + GIVE_UP_S
        self._lingers = False

    def add(self, topic, n=1):
        self.counts[topic] = self.counts.get(topic, 0) + n

    def over(self):
        """Whether all has come and nothing more for a while, or it takes too long."""
        if not self._lingers and sum(self.counts.values()) >= self.wanted:
            self._lingers = True
            self._end = time.monotonic() + LINGER_S
        return time.monotonic() >= self._end


def records(n):
    """(key, value, headers) of n records."""
    for i in range(n):
        key = None if i % 5 == 4 else b"key-%d" % (i % 17)
        if i == n // 2:
            value = random.Random(i).randbytes(BIG_BYTES)
        elif key is not None and i % 13 == 0:
            value = None
        else:
            value = b"" if i % 11 == 0 else b"value-%d-" % i + b"x" * (i % 200)
        headers = [("n", b"%d" % i)] if i % 3 == 0 else []
        yield key, value, headers + ([("empty", b"")] if i % 6 == 0 else [])


def main(version, produce, consume):
    """produce([Case]) gives {topic: records acknowledged (acks=0: sent)}; consume(Reading) fills
    its counts.
    """
    what, bootstrap, *rest = sys.argv[1:]
    if what == "produce":
        counts = produce(bootstrap, [Case(c) for c in rest])
    else:
        reading = Reading(rest[0], rest[1:])
        consume(bootstrap, reading)
        counts = reading.counts
    print(json.dumps({"version": version, "topics": counts}))
