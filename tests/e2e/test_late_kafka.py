#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""redtap started in the middle of long-lived Kafka connections: exact from the first frame on."""

import functools
import subprocess
import threading
import time

from bed import procs, tap, venv
from bed.kafka import Kafka, java
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
CLIENTS = procs.ROOT / "tests" / "e2e" / "clients"


@functools.cache
def kafka():
    return Kafka()


class Feed:
    """Writes numbered lines to producers' standard input, steadily until stop(). A line has 16
    bytes and they come 64 at a time: kcat reads 1 KiB, and does nothing before it has that.
    """

    def __init__(self, *producers):
        self.pipes = [p.popen.stdin for p in producers]
        self.number = 0
        self.going = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def lines(self, n):
        data = "".join(f"line-{self.number + i:010d}\n" for i in range(n)).encode()
        self.number += n
        for pipe in self.pipes:
            pipe.write(data)
            pipe.flush()

    def _run(self):
        while self.going:
            self.lines(64)
            time.sleep(0.02)

    def stop(self):
        self.going = False
        self.thread.join()


@tap.test(capture=BOTH)
def test_kafka_tools(capture):
    """Java's console tools and kcat. They cannot change their topic: the ledger is the difference
    between two moments after the start at which nothing moves."""
    k = kafka()
    by_java, by_kcat = f"{capture}-console", f"{capture}-kcat"
    k.create((by_java, 2), (by_kcat, 2))
    fresh = ["metadata.max.age.ms=1500"]  # a topic's id is learnt from the next Metadata
    config = procs.run_dir() / "console.properties"
    config.write_text("\n".join(fresh) + "\n")
    producers = [
        procs.spawn(
            java(
                "org.apache.kafka.tools.ConsoleProducer",
                "--bootstrap-server",
                k.bootstrap,
                "--topic",
                by_java,
                "--producer.config",
                config,
                "--timeout",
                5,
            ),
            env={"OTEL_SERVICE_NAME": "console-out"},
            stdin=subprocess.PIPE,
        ),
        procs.spawn(
            ["kcat", "-b", k.bootstrap, "-P", "-t", by_kcat, "-X", "linger.ms=2"],
            env={"OTEL_SERVICE_NAME": "kcat-out"},
            stdin=subprocess.PIPE,
        ),
    ]
    consumers = [
        procs.spawn(
            java(
                "org.apache.kafka.tools.consumer.ConsoleConsumer",
                "--bootstrap-server",
                k.bootstrap,
                "--topic",
                by_java,
                "--group",
                f"{capture}-g",
                "--consumer.config",
                config,
            ),
            env={"OTEL_SERVICE_NAME": "console-in"},
        ),
        procs.spawn(
            ["kcat", "-b", k.bootstrap, "-C", "-t", by_kcat, "-o", "beginning"],
            env={"OTEL_SERVICE_NAME": "kcat-in"},
        ),
    ]
    feed = Feed(*producers)
    try:
        procs.until(lambda: all("line-" in c.output() for c in consumers), 90, "the consumers read")
        with Redtap(capture) as r:
            flows = [
                ("console-out", "produced", by_java),
                ("kcat-out", "produced", by_kcat),
                ("console-in", "consumed", by_java),
                ("kcat-in", "consumed", by_kcat),
            ]
            # until each one's topic is known by its name
            for service, outcome, topic in flows:
                r.await_total(
                    1, "kafka_messages_total", service=service, outcome=outcome, topic=topic
                )
            feed.stop()
            services = [service for service, _, _ in flows]
            base = r.settled(("kafka_messages_total", {"service": services}))
            tap.require(
                base.total("kafka_messages_total", service=services) > 0, "records were seen"
            )
            first = k.offsets(capture)
            tap.equal(first[by_kcat], feed.number, "what kcat was fed is stored")
            tap.equal(first[by_java], feed.number, "what the console producer was fed is stored")
            feed.lines(5120)
            time.sleep(1)
            feed.lines(5120)
            procs.until(
                lambda: k.offsets(capture)[by_java] == first[by_java] + 10240
                and k.offsets(capture)[by_kcat] == first[by_kcat] + 10240,
                90,
                "records stored",
            )
            r.expect(
                [
                    (
                        f"{service}: {outcome} {topic}",
                        lambda p, s=service, o=outcome, t=topic: p.total(
                            "kafka_messages_total", service=s, outcome=o, topic=t
                        ),
                        10240,
                    )
                    for service, outcome, topic in flows
                ],
                base=base,
            )
    finally:
        feed.stop()
        for p in producers + consumers:
            p.kill()


@tap.test(capture=BOTH)
def test_kafka_switch(capture):
    """aiokafka goes on with another topic on the same connections."""
    k = kafka()
    python = venv.python()
    first, second = f"{capture}-first", f"{capture}-second"
    k.create((first, 2), (second, 3))
    later = procs.run_dir() / f"later.{capture}"
    client = procs.spawn(
        [python, CLIENTS / "switch.py", k.bootstrap, first, later, second, 10000],
        env={"OTEL_SERVICE_NAME": "switch"},
    )
    procs.until(lambda: k.offsets(first).get(first, 0) > 500, 90, "records flow")
    with Redtap(capture) as r:
        time.sleep(1)
        later.touch()
        tap.equal(client.wait(200), 0, f"the client's exit status\n{client.tail()}")
        ends = k.offsets(second)
        tap.equal(ends, {second: 10000}, "the broker's offsets")
        page = r.expect(
            [
                (
                    outcome,
                    lambda p, o=outcome: p.total(
                        "kafka_messages_total", service="switch", outcome=o, topic=second
                    ),
                    10000,
                )
                for outcome in ("produced", "consumed")
            ]
        )
        tap.equal(
            page.total("kafka_messages_total", service="switch", topic=second), 20000, "in all"
        )


tap.main()
