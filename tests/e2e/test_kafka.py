#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Kafka by its own tools (which read a frame's length apart) and by librdkafka: the broker's
offsets are the ledger.
"""

import functools

from bed import procs, tap
from bed.kafka import Kafka
from bed.ledger import kafka_rows
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]


@functools.cache
def broker():
    return Kafka()


def same_calls(*apis):
    """The broker answered just as often as the clients were answered."""
    return [
        (
            f"{api}: the broker's count is the clients'",
            lambda p, api=api: p.total("kafka_server_requests_total", service="kafka", api=api)
            - p.total("kafka_requests_total", api=api),
            0,
        )
        for api in apis
    ]


@tap.test(capture=BOTH)
def test_100000_records(capture):
    k = broker()
    topics = {
        f"{capture}-java-all": 3,
        f"{capture}-java-1": 1,
        f"{capture}-java-0": 2,
        f"{capture}-kcat-all": 3,
        f"{capture}-kcat-1": 1,
        f"{capture}-kcat-0": 2,
    }
    k.create(*topics.items())
    with Redtap(capture) as r:
        sent = {}
        for acks, n in ("all", 40000), ("1", 20000), ("0", 10000):
            topic = f"{capture}-java-{acks}"
            sent[topic], rate = k.produce_java(topic, n, props=[f"acks={acks}"], service="perf-out")
            tap.note(f"{topic}: {rate:.0f} records/s")
        for acks in "all", "1", "0":
            topic = f"{capture}-kcat-{acks}"
            sent[topic] = k.produce_kcat(topic, 10000, options=["-X", f"acks={acks}"])
        ends = k.offsets(capture)
        tap.equal(ends, sent, "the broker's offsets")
        tap.equal(sum(ends.values()), 100000, "records")

        def of(*names):
            return {f"{capture}-{n}": ends[f"{capture}-{n}"] for n in names}

        for n in "java-all", "kcat-all":
            got, _ = k.consume_java(
                f"{capture}-{n}", ends[f"{capture}-{n}"], f"{capture}-{n}", service="perf-in"
            )
            tap.equal(got, ends[f"{capture}-{n}"], f"{n}: the consumer's own count")
        for n in "java-1", "java-0", "kcat-1", "kcat-0":
            tap.equal(
                k.consume_kcat(f"{capture}-{n}"), ends[f"{capture}-{n}"], f"{n}: kcat's own count"
            )
        page = r.expect(
            kafka_rows("perf-out", produced=of("java-all", "java-1"), unacked=of("java-0"))
            + kafka_rows("perf-in", consumed=of("java-all", "kcat-all"))
            + kafka_rows(
                "kcat",
                produced=of("kcat-all", "kcat-1"),
                unacked=of("kcat-0"),
                consumed=of("java-1", "java-0", "kcat-1", "kcat-0"),
            )
            + [
                (
                    f"{t}: bytes produced",
                    lambda p, t=t: p.total("kafka_bytes_total", topic=t, direction="produced"),
                    k.log_bytes(t),
                )
                for t in topics
            ]
            + same_calls("Produce", "JoinGroup", "CreateTopics")
        )
        # a group's first JoinGroup is answered by an error: that is the protocol
        produce = page.by(
            "error", "kafka_requests_total", service=["perf-out", "kcat"], api="Produce"
        )
        tap.equal(set(produce), {""}, "errors of Produce")


@tap.test(capture=BOTH)
def test_compressed(capture):
    """Counts come from batch headers, whatever the codec."""
    k = broker()
    codecs = ["gzip", "lz4", "zstd", "snappy"]
    topics = [f"{capture}-{c}" for c in codecs]
    k.create(*((t, 2) for t in topics))
    with Redtap(capture) as r:
        for topic, codec in zip(topics, codecs):
            k.produce_kcat(topic, 5000, options=["-z", codec])
            tap.equal(k.consume_kcat(topic), 5000, f"{codec}: kcat's own count")
        ends = {t: n for t, n in k.offsets(capture).items() if t in topics}
        tap.equal(ends, dict.fromkeys(topics, 5000), "the broker's offsets")
        r.expect(kafka_rows("kcat", produced=ends, consumed=ends))


@tap.test(capture=BOTH)
def test_large_batches(capture):
    """Requests and responses of megabytes: far more than is captured of one call."""
    k = broker()
    topic = f"{capture}-large"
    k.create((topic, 3))
    with Redtap(capture) as r:
        k.produce_java(
            topic,
            20000,
            size=2000,
            service="large-out",
            props=["acks=all", "batch.size=900000", "linger.ms=50"],
        )
        ends = {t: n for t, n in k.offsets(capture).items() if t == topic}
        tap.equal(ends, {topic: 20000}, "the broker's offsets")
        got, _ = k.consume_java(
            topic,
            20000,
            f"{capture}-large",
            service="large-in",
            props=["max.partition.fetch.bytes=20000000"],
        )
        tap.equal(got, 20000, "the consumer's own count")
        tap.equal(k.consume_kcat(topic), 20000, "kcat's own count")
        r.expect(
            kafka_rows("large-out", produced=ends)
            + kafka_rows("large-in", consumed=ends)
            + kafka_rows("kcat", consumed=ends)
        )


@tap.test(capture=["socket"])
def test_errors(capture):
    """A topic that does not exist, a record that is too large: named errors, no records."""
    k = broker()
    k.create(("small", 1))
    with Redtap(capture) as r:
        k.produce_kcat("small", 3)
        # the broker refuses what is over its message.max.bytes: the client believes it may be
        # larger
        procs.run(
            [
                "kcat",
                "-b",
                k.bootstrap,
                "-P",
                "-t",
                "small",
                "-X",
                "message.max.bytes=4000000",
                "-X",
                "retries=0",
            ],
            stdin="z" * 2000000 + "\n",
            status=None,
        )
        tap.equal(k.offsets("small"), {"small": 3}, "the broker's offsets")
        r.expect(
            [
                (
                    "produced",
                    lambda p: p.by(
                        "topic", "kafka_messages_total", service="kcat", outcome="produced"
                    ),
                    {"small": 3},
                ),
                (
                    "failed",
                    lambda p: p.by(
                        "topic", "kafka_messages_total", service="kcat", outcome="produce_failed"
                    ),
                    {"small": 1},
                ),
                (
                    "its error",
                    lambda p: p.by("error", "kafka_requests_total", service="kcat", api="Produce"),
                    {"": 1, "MESSAGE_TOO_LARGE": 1},
                ),
                (
                    "errors_total",
                    lambda p: p.total(
                        "errors_total", service="kcat", error_type="kafka_MESSAGE_TOO_LARGE"
                    ),
                    1,
                ),
            ]
        )


tap.main()
