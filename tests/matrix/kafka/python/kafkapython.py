# SPDX-License-Identifier: GPL-2.0-or-later
"""kafka-python in the Kafka client matrix."""

import kafka
import load


def _send(producer, topic, n):
    futures = [
        producer.send(topic, value, key, headers=headers) for key, value, headers in load.records(n)
    ]
    producer.flush()
    return sum(f.succeeded() for f in futures)


def _transactions(producer, topic, n):
    producer.init_transactions()
    producer.begin_transaction()
    done = _send(producer, topic, n // 2)
    producer.commit_transaction()
    producer.begin_transaction()
    done += _send(producer, topic, n // 4)
    producer.abort_transaction()
    producer.begin_transaction()
    done += _send(producer, topic, n // 2)
    producer.commit_transaction()
    return done


def produce(bootstrap, cases):
    counts = {}
    for c in cases:
        producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap,
            acks=c.acks if c.acks == "all" else int(c.acks),
            compression_type=None if c.codec == "none" else c.codec,
            enable_idempotence=c.mode != "plain",
            transactional_id=c.topic if c.mode == "txn" else None,
        )
        send = _transactions if c.mode == "txn" else _send
        counts[c.topic] = send(producer, c.topic, c.n)
        producer.close()
    return counts


def consume(bootstrap, reading):
    consumer = kafka.KafkaConsumer(
        *reading.topics,
        bootstrap_servers=bootstrap,
        group_id=reading.group,
        isolation_level=f"read_{reading.isolation}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    while not reading.over():
        for tp, messages in consumer.poll(timeout_ms=100).items():
            reading.add(tp.topic, len(messages))
    consumer.commit()
    consumer.close()


load.main(kafka.__version__, produce, consume)
