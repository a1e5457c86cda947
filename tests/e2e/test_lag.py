#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kafka_consumer_lag_messages against `kafka-consumer-groups --describe`: both group protocols, dead
consumers, offsets committed by hand and in transactions, clients without a group.
"""

import functools
import signal
import time

from bed import procs, tap
from bed.kafka import Kafka
from bed.redtap import Redtap

HAND = ["enable.auto.commit=false", "auto.offset.reset=earliest"]
PROTOCOLS = ["classic", "consumer"]
LAG = "kafka_consumer_lag_messages"
GROUP_WAIT_SECONDS = 15  # proto/kafka.h


@functools.cache
def broker():
    return Kafka()


def observed():
    """Nothing but the broker's connections: what else the host does has no say here."""
    return Redtap("auto", args=["--select", f"port={broker().port}"])


def shown(page, **labels):
    """{(group, topic, partition): lag}"""
    return {
        (s.get("group", ""), s["topic"], s["partition"]): int(v)
        for s, v in page.series(LAG, **labels)
    }


def compare(r, groups, services, what):
    """Equality with --describe, before it asked the broker (redtap listens to it, too) and after."""
    before = r.scrape()
    want = broker().lags(groups)
    tap.check(want, f"{what}: --describe knows the groups")
    after = r.scrape()
    tap.equal(shown(before, service=services), want, f"{what}: before --describe")
    tap.equal(shown(after, service=services), want, f"{what}: after it")
    tap.equal(shown(after, service="ledger"), {}, f"{what}: --describe has no lag of its own")
    return want


@tap.test(protocol=PROTOCOLS)
def test_a_group_that_commits_by_hand(protocol):
    k = broker()
    topic, group = f"hand-{protocol}", f"hand-{protocol}"
    k.create((topic, 3))
    with observed() as r:
        out = k.steps("lag-out")
        for p in range(3):
            out.do(f"send {topic}:{p} {100 * (p + 1)} 50")
        c = k.steps("lag-in", f"group.id={group}", f"group.protocol={protocol}", *HAND)
        tap.equal(c.do(f"subscribe {topic}", "poll 600 20000"), 600, "the consumer's own count")
        tap.equal(shown(r.scrape(), service=["lag-in", "lag-out"]), {}, "nothing committed yet")
        c.do(f"commit-at {topic}:0 40", f"commit-at {topic}:2 300")
        want = compare(r, [group], ["lag-in", "lag-out"], "two partitions committed")
        tap.equal(want, {(group, topic, "0"): 60, (group, topic, "2"): 0}, "the ledger itself")
        c.do("commit")
        want = compare(r, [group], ["lag-in", "lag-out"], "all committed")
        tap.equal(set(want.values()), {0}, "the ledger itself")
        out.do(f"send {topic}:1 17 50")
        want = compare(r, [group], ["lag-in", "lag-out"], "new records")
        tap.equal(want[group, topic, "1"], 17, "the ledger itself")
        # the consumer dies without a word, and the log grows on
        c.do("die")
        out.do(f"send {topic}:0 1000 50", f"send {topic}:1 3 50")
        want = compare(r, [group], ["lag-in", "lag-out"], "a dead consumer")
        tap.equal(sum(want.values()), 1020, "the ledger itself")
        out.close()


@tap.test(protocol=PROTOCOLS)
def test_auto_commit_and_two_services(protocol):
    """Kafka's own consumers; members of one group in two services, several groups of one."""
    k = broker()
    topic = f"two-{protocol}"
    k.create((topic, 4))
    auto = ["auto.offset.reset=earliest", "auto.commit.interval.ms=300"]
    props = [f"group.protocol={protocol}"]
    with observed() as r:
        k.produce_java(topic, 4000, service="lag-out")
        k.consume_java(topic, 4000, f"{topic}-perf", props=props, service="lag-a")
        a = k.steps("lag-a", f"group.id={topic}", *props, *auto)
        b = k.steps("lag-b", f"group.id={topic}", *props, *auto)
        second = k.steps("lag-a", f"group.id={topic}-2", *props, *HAND)
        # both are members before either has all partitions for good
        got = 0
        a.do(f"subscribe {topic}")
        b.do(f"subscribe {topic}")
        end = time.monotonic() + 40
        while time.monotonic() < end:
            got += a.do("poll 1 500") + b.do("poll 1 500")
            owners = {s["service"] for s, _ in r.scrape().series(LAG, group=topic)}
            if got >= 4000 and owners == {"lag-a", "lag-b"}:
                break
        tap.equal(owners, {"lag-a", "lag-b"}, "members of the group")
        tap.equal(second.do(f"subscribe {topic}", "poll 4000 20000"), 4000, "the second's count")
        second.do("commit")
        k.produce_java(topic, 777, service="lag-out")
        for c in a, b:
            c.do("die")
        groups = [topic, f"{topic}-2", f"{topic}-perf"]
        everybody = ["lag-a", "lag-b", "lag-out"]
        want = compare(r, groups, everybody, "at rest")
        tap.equal(sum(v for (g, _, _), v in want.items() if g == f"{topic}-2"), 777, "one group")
        page = r.scrape()
        tap.equal(len(page.series(LAG, service="lag-b", group=topic)) > 0, True, "lag-b's part")
        tap.equal(
            len(page.series(LAG, service="lag-b")) + len(page.series(LAG, service="lag-a")),
            12,
            "a partition of a group is one service's",
        )
        second.close()


@tap.test()
def test_in_a_transaction():
    """Offsets committed by a transactional producer count when the transaction commits."""
    k = broker()
    k.create(("txn-in", 1), ("txn-out", 1))
    with observed() as r:
        k.produce_kcat("txn-in", 100)
        c = k.steps("lag-txn", "group.id=txn", "transactional.id=lag", *HAND)
        tap.equal(c.do("subscribe txn-in", "poll 100 20000"), 100, "the consumer's own count")
        c.do("txn-init", "txn-begin", "send txn-out 10 50", "txn-offsets")
        tap.equal(shown(r.scrape(), service="lag-txn"), {}, "not committed yet")
        c.do("txn-abort")
        tap.equal(shown(r.scrape(), service="lag-txn"), {}, "aborted")
        c.do("txn-begin", "send txn-out 10 50", "txn-offsets", "txn-commit")
        k.produce_kcat("txn-in", 7)
        want = compare(r, ["txn"], ["lag-txn", "kcat"], "committed")
        tap.equal(want, {("txn", "txn-in", "0"): 7}, "the ledger itself")
        c.close()


@tap.test()
def test_without_a_group():
    """The position stands for the committed offset, also of a client that is gone."""
    k = broker()
    k.create(("alone", 2))
    with observed() as r:
        out = k.steps("lag-out")
        out.do("send alone:0 50 50", "send alone:1 20 50")
        begin = time.monotonic()
        tap.equal(k.consume_kcat("alone", service="alone"), 70, "kcat's own count")
        c = k.steps("by-hand", *HAND)
        c.do("assign alone:0", "seek alone:0 10")
        tap.equal(c.do("poll 40 10000"), 40, "the consumer's own count")
        out.do("send alone:0 5 50")
        tap.equal(shown(r.scrape(), service=["alone", "by-hand"]), {}, "it may have a group")
        wait = begin + GROUP_WAIT_SECONDS + 5 - time.monotonic()
        time.sleep(max(wait, 0))
        ends = {("", "alone", "0"): 5, ("", "alone", "1"): 0}
        r.expect(
            [
                ("kcat, which is gone", lambda p: shown(p, service="alone"), ends),
                ("one that is there", lambda p: shown(p, service="by-hand"), {("", "alone", "0"): 5}),
            ]
        )
        out.do("send alone:1 9 50")
        tap.equal(c.do("poll 5 10000"), 5, "the consumer's own count")
        ends["", "alone", "1"] = 9
        r.expect(
            [
                ("kcat", lambda p: shown(p, service="alone"), ends),
                ("the consumer", lambda p: shown(p, service="by-hand"), {("", "alone", "0"): 0}),
            ]
        )
        c.close()
        out.close()


@tap.test(protocol=PROTOCOLS)
def test_met_late(protocol):
    """A group that was there before redtap: its next commit shows it, once its client has asked
    for its topics again (here every second), whose ids stand in Fetch.
    """
    k = broker()
    topic = f"late-{protocol}"
    k.create((topic, 2))
    out = k.steps("lag-out")
    out.do(f"send {topic}:0 50 50", f"send {topic}:1 20 50")
    fresh = "metadata.max.age.ms=1000"
    c = k.steps("lag-in", f"group.id={topic}", f"group.protocol={protocol}", fresh, *HAND)
    tap.equal(c.do(f"subscribe {topic}", "poll 70 20000"), 70, "the consumer's own count")
    c.do("commit")
    with observed() as r:
        out.do(f"send {topic}:0 30 50", f"send {topic}:1 3 50")
        tap.equal(c.do("poll 33 20000"), 33, "the consumer's own count")
        c.do(f"commit-at {topic}:0 60", f"commit-at {topic}:1 21", "poll 1 2500")
        want = compare(r, [topic], ["lag-in", "lag-out"], "committed again")
        tap.equal(sorted(want.values()), [2, 20], "the ledger itself")
    c.proc.stop(signal.SIGKILL)
    out.close()


tap.main()
