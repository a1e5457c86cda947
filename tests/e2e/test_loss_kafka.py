#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The loss drill (test_loss.py) with Kafka: a record's size tells its topic, one producer alone is
refused, and aiokafka's connections are exact again afterwards.
"""

import functools

from bed import loss, procs, tap, venv
from bed.kafka import Kafka, java
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
CLIENTS = procs.ROOT / "tests" / "e2e" / "clients"
AGAIN = 2000  # records of the second phase


@functools.cache
def kafka():
    return Kafka()


BYTES = {"small": 100, "large": 1000}  # of a record, by topic: a batch tells whose it is
RECORDS = {"small": 150000, "large": 50000}
REFUSED = 20


def producer(k, topic, name):
    return procs.spawn(
        java(
            "org.apache.kafka.tools.ProducerPerformance",
            *["--topic", topic, "--num-records", RECORDS[name], "--record-size", BYTES[name]],
            *["--throughput", -1, "--producer-props", f"bootstrap.servers={k.bootstrap}"],
            *["linger.ms=1", "batch.size=4000"],
        ),
        env={"OTEL_SERVICE_NAME": f"out-{name}"},
    )


def too_large(k, topic):
    """Requests that only this topic sees refused: the client believes they may be larger."""
    procs.run(
        ["kcat", "-b", k.bootstrap, "-P", "-t", topic]
        + ["-X", "message.max.bytes=4000000", "-X", "retries=0", "-X", "linger.ms=0"],
        stdin=("z" * 1500000 + "\n") * REFUSED,
        env={"OTEL_SERVICE_NAME": "refused"},
        status=None,
    )


def kafka_phases(k, r, topics, later):
    """The loads, the end of the loss, and aiokafka's other topic; the page before the latter."""
    switch = procs.spawn(
        [venv.python(), CLIENTS / "switch.py", k.bootstrap, topics["first"], later]
        + [topics["second"], AGAIN],
        env={"OTEL_SERVICE_NAME": "switch"},
    )
    with loss.Hindered(r):
        producers = [producer(k, topics[name], name) for name in BYTES]
        too_large(k, topics["refused"])
        for p in producers:
            tap.equal(p.wait(90), 0, f"{p.name}'s exit status")
        for name in BYTES:
            got, _ = k.consume_java(
                topics[name], RECORDS[name], f"loss-{topics[name]}", service=f"in-{name}"
            )
            tap.equal(got, RECORDS[name], f"{name}: the consumer's own count")
    base = loss.quiet(r)
    later.touch()
    tap.equal(switch.wait(90), 0, f"the client's exit status\n{switch.tail()}")
    return base


@tap.test(capture=BOTH)
def test_kafka(capture):
    k = kafka()
    topics = {n: f"loss-{n}-{capture}" for n in (*BYTES, "refused", "first", "second")}
    k.create(*((t, 2) for t in topics.values()))
    with Redtap(capture, args=loss.RING) as r:
        base = kafka_phases(k, r, topics, loss.flag(f"kafka.{capture}"))
        ends = k.offsets("loss-")
        tap.equal(ends[topics["second"]], AGAIN, "the broker's offsets")
        page = r.expect(
            [
                (
                    f"after the loss: {outcome}",
                    lambda p, o=outcome: p.total(
                        "kafka_messages_total",
                        service="switch",
                        outcome=o,
                        topic=topics["second"],
                    ),
                    AGAIN,
                )
                for outcome in ("produced", "consumed")
            ]
        )
        loss.story(page)
        lost = loss.records(page)
        tap.equal(lost, loss.records(base), "records lost in the second phase")
        tap.require(lost > 1000, "records were lost")
        for name in BYTES:
            kafka_records(page, f"out-{name}", "produced", name, topics[name])
            kafka_records(page, f"in-{name}", "consumed", name, topics[name])
        kafka_errors(page, topics)


def kafka_records(page, service, outcome, name, topic):
    """A client's records are its topic's, no more than there are, and of their size."""
    got = page.by(("topic", "outcome"), "kafka_messages_total", service=service)
    vague = got.pop(("unknown", outcome), 0)
    loss.at_most(got, {(topic, outcome): RECORDS[name] - vague}, service)
    records = got.get((topic, outcome), 0)
    size = page.total("kafka_bytes_total", service=service, topic=topic) / max(records, 1)
    tap.note(f"{service}: {records} of {RECORDS[name]}, {vague} of unknown topic")
    if records:
        tap.check(
            BYTES[name] <= size <= 2 * BYTES[name], f"{service}: {size:.0f} bytes per record"
        )


def kafka_errors(page, topics):
    """Only the refused producer's requests failed, and only its topic's records."""
    failed = page.by(("service", "topic"), "kafka_messages_total", outcome="produce_failed")
    loss.at_most(
        {key: n for key, n in failed.items() if key[1] != "unknown"},
        {("refused", topics["refused"]): REFUSED},
        "failed records",
    )
    errors = page.by(("service", "api", "error"), "kafka_requests_total")
    wrong = {
        (service, api, error)
        for service, api, error in errors
        if (error == "MESSAGE_TOO_LARGE" and (service, api) != ("refused", "Produce"))
        or (api in ("Produce", "Fetch") and error not in ("", "MESSAGE_TOO_LARGE"))
        or api == "UNKNOWN"
    }
    tap.equal(wrong, set(), "requests with an error that cannot be theirs")


tap.main()
