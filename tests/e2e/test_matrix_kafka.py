#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client matrix of Kafka: every library in tests/matrix/kafka produces and consumes in its own
way. Records are compared with the broker's log and the client's own count, requests with the
broker's count of them, lag with its offsets.
"""

import functools
import json
import time
from typing import NamedTuple

from bed import kafka_clients, procs, tap
from bed.kafka import Kafka
from bed.matrix import Book, Entry
from bed.redtap import Redtap

BOTH = ["socket", "syscall"]
RECORDS = 2000
PARTITIONS = 4
AGREE_SECONDS = 5

# what it is: (acks, codec, mode)
PLAIN = {
    "acks=all": ("all", "none", "plain"),
    "acks=1": ("1", "none", "plain"),
    "acks=0": ("0", "none", "plain"),
}
CODECS = {c: ("all", c, "plain") for c in ("gzip", "snappy", "lz4", "zstd")}
IDEMPOTENT = {"idempotent": ("all", "none", "idempotent")}
TRANSACTIONS = {"3 transactions, one aborted": ("all", "none", "txn")}
EVERYTHING = PLAIN | CODECS | IDEMPOTENT | TRANSACTIONS
PURE_JS = PLAIN | {c: CODECS[c] for c in ("gzip", "snappy")} | IDEMPOTENT | TRANSACTIONS
# group.protocol:isolation.level
CLASSIC, NEW, COMMITTED = "classic:uncommitted", "consumer:uncommitted", "classic:committed"
# The broker sends the first by itself, whenever it likes, the others to its controller, which is at
# another port, when it needs its own topics or producer ids for the first time. No client here sends
# any of them.
NOT_COMPARED = {"BrokerHeartbeat", "CreateTopics", "AllocateProducerIds"}


class Client(NamedTuple):
    name: str
    build: callable
    cases: dict
    groups: list


CLIENTS = [
    Client("Java client", kafka_clients.java, EVERYTHING, [CLASSIC, NEW, COMMITTED]),
    Client("librdkafka", kafka_clients.librdkafka, EVERYTHING, [CLASSIC, NEW, COMMITTED]),
    Client("kcat", kafka_clients.kcat, PLAIN | CODECS | IDEMPOTENT, [CLASSIC]),
    Client("aiokafka", kafka_clients.aiokafka, EVERYTHING, [CLASSIC, COMMITTED]),
    Client("kafka-python", kafka_clients.kafka_python, EVERYTHING, [CLASSIC, COMMITTED]),
    Client("franz-go", kafka_clients.franz_go, EVERYTHING, [CLASSIC, NEW, COMMITTED]),
    Client("sarama", kafka_clients.sarama, EVERYTHING, [CLASSIC, COMMITTED]),
    Client("kafka-go", kafka_clients.kafka_go, PLAIN | CODECS, [CLASSIC, COMMITTED]),
    Client("kafkajs", kafka_clients.kafkajs, PURE_JS, [CLASSIC, COMMITTED]),
]
book = Book("kafka")


@functools.cache
def broker():
    return Kafka()


@functools.cache
def books():
    return kafka_clients.Books(broker())


def grown(before, after):
    return {
        api: n - before.get(api, 0)
        for api, n in after.items()
        if n != before.get(api, 0) and api not in NOT_COMPARED
    }


def sent(page, service):
    by = page.by("api", "kafka_requests_total", service=service)
    return {api: n for api, n in by.items() if api not in NOT_COMPARED}


def served(page):
    return page.by("api", "kafka_server_requests_total", service="kafka")


def messages(page, label, **labels):
    return page.by(label, "kafka_messages_total", **labels)


class Step:
    """One process of a client: what it says, and what the broker and redtap counted meanwhile."""

    def __init__(self, redtap, service, argv):
        self.redtap, self.service = redtap, service
        page, asked = redtap.scrape(), books().ask("requests")
        out = procs.run(argv, env={"OTEL_SERVICE_NAME": service}, timeout=60)
        said = json.loads(out.strip().splitlines()[-1])
        self.version, self.counts = said["version"], said["topics"]
        self._await(page, asked)

    def _await(self, page, asked):
        """The broker goes on for a moment (long polls, markers of a transaction): until all agree.
        What it asks of itself is in its own count, but not in the client's.
        """
        end = time.monotonic() + AGREE_SECONDS
        while True:
            now, after = books().ask("requests"), self.redtap.scrape()
            self.answered = grown(asked, now)
            self.server = grown(served(page), served(after))
            own = grown(sent(page, "kafka"), sent(after, "kafka"))
            left = {api: n - own.get(api, 0) for api, n in self.answered.items()}
            self.asked = {api: n for api, n in left.items() if n}
            agree = self.server == self.answered and sent(after, self.service) == self.asked
            if agree or time.monotonic() > end:
                return
            time.sleep(0.1)

    def rows(self):
        return [
            ("requests by API", lambda p: sent(p, self.service), self.asked),
            ("the broker's requests by API", lambda _: self.server, self.answered),
        ]


class Run:
    """All that one client does under one capture."""

    def __init__(self, client, argv, redtap):
        self.client, self.redtap = client, redtap
        self.prefix = f"{client.name.replace(' ', '-')}-{redtap.capture}"
        numbered = enumerate(client.cases)
        self.topics = {f"{self.prefix}-{number}": case for number, case in numbered}
        books().ask("create", PARTITIONS, *self.topics)
        cases = [f"{t}:{':'.join(client.cases[c])}:{RECORDS}" for t, c in self.topics.items()]
        self.producer = self._step("out", [*argv, "produce", broker().bootstrap, *cases])
        self.log = books().ask("log", *self.topics)
        self.consumers = {how: self._consume(how, argv) for how in client.groups}

    def _step(self, name, argv):
        return Step(self.redtap, f"{self.prefix}-{name}", argv)

    def _consume(self, how, argv):
        name = how.replace(":", "-")
        what = [f"{self.prefix}-{name}:{how}", *(f"{t}={n}" for t, n in self.wanted(how).items())]
        return self._step(name, [*argv, "consume", broker().bootstrap, *what])

    def wanted(self, how):
        """{topic: records to consume}"""
        hidden = how == COMMITTED
        return {t: n["records"] - (n["aborted"] if hidden else 0) for t, n in self.log.items()}

    def produced(self, topic, case):
        outcome = "unacked" if self.client.cases[case][0] == "0" else "produced"
        labels = {"service": self.producer.service, "topic": topic}
        log = self.log[topic]
        if (mode := self.client.cases[case][2]) == "txn":
            tap.equal(log["aborted"], RECORDS // 4, f"{topic}: aborted records in the log")
        tap.check(log["records"] >= RECORDS, f"{topic}: {mode} records in the log")
        return Entry(
            self.client.name,
            self.producer.version,
            f"produce, {case}",
            (lambda p: messages(p, "outcome", **labels).get(outcome, 0), log["records"]),
            [
                ("the client's own count", lambda _: self.producer.counts[topic], log["records"]),
                ("outcomes", lambda p: list(messages(p, "outcome", **labels)), [outcome]),
                (
                    "bytes",
                    lambda p: p.total("kafka_bytes_total", direction="produced", **labels),
                    log["bytes"],
                ),
            ],
        )

    def consumed(self, how, step):
        wanted = self.wanted(how)
        protocol, isolation = how.split(":")
        labels = {"service": step.service, "outcome": "consumed"}
        return Entry(
            self.client.name,
            step.version,
            f"consume, {protocol} group, read_{isolation}",
            (lambda p: sum(messages(p, "topic", **labels).values()), sum(wanted.values())),
            [
                ("the client's own count", lambda _: step.counts, wanted),
                ("by topic", lambda p: messages(p, "topic", service=step.service), wanted),
                ("lag", lambda p: lags(p, step.service), books().ask("lag", step.service)),
            ],
        )

    def requests(self):
        steps = [self.producer, *self.consumers.values()]
        return Entry(
            self.client.name,
            self.producer.version,
            "requests",
            (
                lambda p: sum(sum(sent(p, s.service).values()) for s in steps),
                sum(sum(s.asked.values()) for s in steps),
            ),
            [(f"{s.service} {what}", f, want) for s in steps for what, f, want in s.rows()],
        )

    def entries(self):
        return [
            *(self.produced(topic, case) for topic, case in self.topics.items()),
            *(self.consumed(how, step) for how, step in self.consumers.items()),
            self.requests(),
        ]


def lags(page, group):
    return {
        f"{labels['topic']}/{labels['partition']}": int(n)
        for labels, n in page.series("kafka_consumer_lag_messages", service=group, group=group)
    }


def body(client, capture):
    argv, why = client.build()
    why = why or books().why
    if why:
        book.skip(client.name, "everything", capture, why)
    with Redtap(capture, args=["--select", f"port={broker().port}"]) as r:
        book.compare_all(r, Run(client, argv, r).entries())


for each in CLIENTS:
    named = functools.partial(body, each)
    named.__name__ = f"test_{each.name}"
    tap.test(capture=BOTH if each.name in ("Java client", "librdkafka") else ["socket"])(named)

tap.main()
