# SPDX-License-Identifier: GPL-2.0-or-later
"""librdkafka by confluent-kafka in the Kafka client matrix."""

import confluent_kafka
import load


def _send(producer, topic, n):
    done = []

    def delivered(error, message):
        if not error:
            done.append(1)

    for key, value, headers in load.records(n):
        producer.produce(topic, value, key, headers=headers, on_delivery=delivered)
        producer.poll(0)
    producer.flush()
    return len(done)


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
        config = {
            "bootstrap.servers": bootstrap,
            "acks": c.acks,
            "compression.type": c.codec,
            "enable.idempotence": c.mode != "plain",
        }
        if c.mode == "txn":
            config["transactional.id"] = c.topic
        send = _transactions if c.mode == "txn" else _send
        counts[c.topic] = send(confluent_kafka.Producer(config), c.topic, c.n)
    return counts


def consume(bootstrap, reading):
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": reading.group,
            "group.protocol": reading.protocol,
            "isolation.level": f"read_{reading.isolation}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(reading.topics)
    while not reading.over():
        for message in consumer.consume(1000, 0.1):
            if not message.error():
                reading.add(message.topic())
    consumer.commit(asynchronous=False)
    consumer.close()


load.main(confluent_kafka.libversion()[0], produce, consume)
