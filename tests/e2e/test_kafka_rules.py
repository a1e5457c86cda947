#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a real broker can be made to do: transactions, repeated batches, fetch sessions over many
partitions, SASL, a fetch of 50 MB in receives of 64 KiB. The broker's offsets and the clients' own
counts are the ledger.
"""

import functools
import sys
import time
from pathlib import Path

from bed import procs, tap
from bed.kafka import Kafka
from bed.ledger import kafka_rows
from bed.redtap import Redtap

READ = ["auto.offset.reset=earliest", "enable.auto.commit=false"]
SASL_PORT = procs.free_port()
PLAIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="alice" password="{}" user_alice="secret";'
)
CONFIG = f"""
listeners=PLAINTEXT://127.0.0.1:{{port}},SASL_PLAINTEXT://127.0.0.1:{SASL_PORT},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SASL_PLAINTEXT://127.0.0.1:{SASL_PORT}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config={PLAIN.format("secret")}
fetch.max.bytes=60000000
"""


@functools.cache
def broker():
    return Kafka(config=CONFIG)


def observed(capture, args=()):
    """Nothing but the broker's connections: what else the host does has no say here."""
    ports = ["--select", f"port={broker().port}", "--select", f"port={SASL_PORT}"]
    return Redtap(capture, args=[*ports, *args])


def rest(c, wanted, what):
    """The consumer gets all of `wanted` and nothing behind it."""
    tap.equal(c.do(f"poll {wanted} 30000"), wanted, f"{what}: its own count")
    tap.equal(c.do("poll 1 1500"), 0, f"{what}: there is no more")


@tap.test(capture=["socket", "syscall"])
def test_transactions(capture):
    """An aborted transaction is produced, and consumed by nobody who reads committed records."""
    k = broker()
    topic = f"txn-{capture}"
    k.create((topic, 2))
    with observed(capture) as r:
        out = k.steps("txn-out", f"transactional.id={topic}", "linger.ms=2")
        out.do("txn-init", "txn-begin", f"send {topic} 300 50", "txn-abort")
        out.do("txn-begin", f"send {topic} 120 50", "txn-commit")
        out.do("txn-begin", f"send {topic}:0 40 50", "txn-abort")
        out.do("txn-begin", f"send {topic}:1 7 50", "txn-commit")
        committed = k.steps("txn-committed", f"group.id={topic}-c", "isolation.level=read_committed", *READ)
        every = k.steps("txn-every", f"group.id={topic}-u", *READ)
        committed.do(f"subscribe {topic}")
        every.do(f"subscribe {topic}")
        rest(committed, 127, "read_committed")
        rest(every, 467, "read_uncommitted")
        # a transaction that is open while it is read, then ended
        out.do("txn-begin", f"send {topic}:0 30 50")
        tap.equal(committed.do("poll 1 1500"), 0, "nothing of an open transaction")
        out.do("txn-abort", "txn-begin", f"send {topic}:0 5 50", "txn-commit")
        rest(committed, 5, "read_committed, later")
        rest(every, 35, "read_uncommitted, later")
        r.expect(
            kafka_rows("txn-out", produced={topic: 502})
            + kafka_rows("txn-committed", consumed={topic: 132})
            + kafka_rows("txn-every", consumed={topic: 502})
        )
        for c in out, committed, every:
            c.close()


@tap.test()
def test_many_partitions(n=5):
    """Fetch sessions over five topics of three partitions; each poll brings some of them."""
    k = broker()
    topics = [f"many-{i}" for i in range(n)]
    k.create(*((t, 3) for t in topics))
    sent = dict.fromkeys(topics, 0)
    with observed("auto") as r:
        out = k.steps("many-out", "linger.ms=5")
        c = k.steps("many-in", "group.id=many", *READ, "max.poll.records=5000")
        c.do(f"subscribe {' '.join(topics)}", "poll 1 1500")
        for turn in range(30):
            topic = topics[turn * 7 % n]
            out.do(f"send {topic}:{turn % 3} {turn + 1} 80", f"send {topics[turn % n]} 20 80")
            sent[topic] += turn + 1
            sent[topics[turn % n]] += 20
            tap.equal(c.do(f"poll {turn + 21} 10000"), turn + 21, f"turn {turn}")
        tap.equal({t: v for t, v in k.offsets("many-").items()}, sent, "the broker's offsets")
        r.expect(
            kafka_rows("many-out", produced=sent)
            + kafka_rows("many-in", consumed=sent)
            + [
                (
                    "every batch observed once",
                    lambda p: p.total("kafka_delivery_latency_seconds_count", service="many-in") > 30,
                    True,
                ),
                (
                    "polls that waited",
                    lambda p: p.total("kafka_fetch_wait_seconds_sum", service="many-in") > 1,
                    True,
                ),
            ]
        )
        c.close()
        out.close()


@tap.test()
def test_delivery_latency():
    """A batch that lay for two seconds was delivered after two seconds."""
    k = broker()
    k.create(("lay", 1))
    with observed("auto") as r:
        out = k.steps("lay-out")
        c = k.steps("lay-in", *READ)
        c.do("assign lay:0", "begin-of", "poll 1 1000")
        begin = time.monotonic()
        out.do("send lay 1 50")
        tap.equal(c.do("poll 1 5000"), 1, "delivered at once")
        took = time.monotonic() - begin
        r.await_total(1, "kafka_delivery_latency_seconds_count", service="lay-in")
        quick = r.total("kafka_delivery_latency_seconds_sum", service="lay-in")
        tap.check(0 < quick < took, f"a record that is waited for: {quick} s of {took} s")
        c.close()
        out.do("send lay 3 50")
        begin = time.monotonic()
        time.sleep(2)
        c = k.steps("lay-later", *READ)
        c.do("assign lay:0", "seek lay:0 1")
        tap.equal(c.do("poll 3 5000"), 3, "delivered late")
        took = time.monotonic() - begin
        r.await_total(1, "kafka_delivery_latency_seconds_count", service="lay-later")
        page = r.scrape()
        late = page.total("kafka_delivery_latency_seconds_sum", service="lay-later")
        count = page.total("kafka_delivery_latency_seconds_count", service="lay-later")
        tap.check(2 <= late / count <= took + 0.1, f"{late} s in {count}, of {took} s")
        c.close()
        out.close()


@tap.test()
def test_50_mb_in_64_kib():
    """One answer of 50 MB, read in pieces of at most 64 KiB, counts exactly."""
    k = broker()
    k.create(("huge", 1))
    props = [
        *READ,
        "receive.buffer.bytes=32768",
        "fetch.max.bytes=60000000",
        "max.partition.fetch.bytes=60000000",
        "fetch.min.bytes=50000000",
        "fetch.max.wait.ms=10000",
        "max.poll.records=100000",
    ]
    with observed("auto", ["--ring-bytes", "16MiB"]) as r:
        k.produce_java("huge", 51000, size=1000, service="huge-out")
        c = k.steps("huge-in", *props)
        c.do("assign huge:0", "begin-of")
        tap.equal(c.do("poll 51000 60000"), 51000, "the consumer's own count")
        r.expect(
            kafka_rows("huge-out", produced={"huge": 51000})
            + kafka_rows("huge-in", consumed={"huge": 51000})
            + [
                (
                    "bytes consumed",
                    lambda p: p.total("kafka_bytes_total", topic="huge", direction="consumed"),
                    k.log_bytes("huge"),
                ),
                ("lost", lambda p: p.total("redtap_events_lost_total"), 0),
            ]
        )
        c.proc.stop()


@tap.test()
def test_sasl():
    """Handshake and authentication, in requests and as bare tokens (version 0), go by; a refused
    password is an error.
    """
    k = broker()
    k.create(("sasl", 2))
    at = [
        "-b",
        f"127.0.0.1:{SASL_PORT}",
        "-X",
        "security.protocol=SASL_PLAINTEXT",
        "-X",
        "sasl.mechanism=PLAIN",
        "-X",
        "sasl.username=alice",
        "-X",
    ]
    good, bad = [*at, "sasl.password=secret"], [*at, "sasl.password=wrong"]
    java = [
        f"bootstrap.servers=127.0.0.1:{SASL_PORT}",
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=PLAIN",
    ]
    with observed("auto") as r:
        k.produce_kcat("sasl", 300, options=good, service="sasl-new")
        k.produce_kcat("sasl", 200, options=["-p", "1"], service="plain")
        tap.equal(k.consume_kcat("sasl", options=good, service="sasl-new"), 500, "kcat")
        tokens = Path(__file__).parent / "clients" / "sasl_tokens.py"
        old = sum(
            int(
                procs.run(
                    [sys.executable, tokens, SASL_PORT, "alice", "secret", "sasl", p],
                    env={"OTEL_SERVICE_NAME": "sasl-old"},
                )
            )
            for p in (0, 1)
        )
        tap.equal(old, 500, "the old client's own count")
        c = k.steps(
            "sasl-java", *READ, *java, f"sasl.jaas.config={PLAIN.format('secret')}"
        )
        c.do("assign sasl:0 sasl:1", "begin-of")
        tap.equal(c.do("poll 500 20000"), 500, "the consumer's own count")
        procs.run(["kcat", *bad, "-L", "-m", "3"], env={"OTEL_SERVICE_NAME": "sasl-bad"}, status=None)
        tap.equal(k.offsets("sasl"), {"sasl": 500}, "the broker's offsets")
        page = r.expect(
            kafka_rows("sasl-new", produced={"sasl": 300}, consumed={"sasl": 500})
            + kafka_rows("sasl-old", consumed={"sasl": 500})
            + kafka_rows("sasl-java", consumed={"sasl": 500})
        )
        apis = page.by(("service", "api"), "kafka_requests_total")
        tap.check(apis.get(("sasl-new", "SaslAuthenticate")), "authenticated by requests")
        tap.equal(
            {a: n for (s, a), n in apis.items() if s == "sasl-old"},
            {"SaslHandshake": 2, "Fetch": 2},
            "the old client's requests",
        )
        tap.check(
            page.total(
                "errors_total", service="sasl-bad", error_type="kafka_SASL_AUTHENTICATION_FAILED"
            ),
            "the refused password",
        )
        tap.equal(page.total("redtap_unparsed_total", protocol="kafka", cause="malformed"), 0, "tokens")
        c.close()


@tap.test()
def test_broker_restarts():
    """Batches that an idempotent producer repeats, over another connection, count once."""
    k = broker()
    k.create(("again", 3))
    with observed("auto") as r:
        out = k.steps("again-out", "linger.ms=1", "batch.size=2000", "retry.backoff.ms=50")
        tap.equal(out.do("send again 1000 100"), 1000, "the producer's own count")
        out.begin("send again 60000 100")
        time.sleep(0.3)
        k.stop_broker()
        k.start()
        tap.equal(out.end("send again 60000 100"), 60000, "the producer's own count")
        tap.equal(k.offsets("again"), {"again": 61000}, "the broker's offsets")
        page = r.expect(kafka_rows("again-out", produced={"again": 61000}))
        tap.note(page.by("error", "kafka_requests_total", service="again-out", api="Produce"))
        out.close()


tap.main()
