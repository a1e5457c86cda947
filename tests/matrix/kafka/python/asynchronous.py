# SPDX-License-Identifier: GPL-2.0-or-later
"""aiokafka in the Kafka client matrix."""

import asyncio

import aiokafka
import load


async def _send(producer, topic, n):
    futures = []
    for key, value, headers in load.records(n):
        futures.append(await producer.send(topic, value, key, headers=headers))
    await producer.flush()
    return len(await asyncio.gather(*futures))


async def _transactions(producer, topic, n):
    await producer.begin_transaction()
    done = await _send(producer, topic, n // 2)
    await producer.commit_transaction()
    await producer.begin_transaction()
    done += await _send(producer, topic, n // 4)
    await producer.abort_transaction()
    await producer.begin_transaction()
    done += await _send(producer, topic, n // 2)
    await producer.commit_transaction()
    return done


async def _produce(bootstrap, cases):
    counts = {}
    for c in cases:
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks=c.acks if c.acks == "all" else int(c.acks),
            compression_type=None if c.codec == "none" else c.codec,
            enable_idempotence=c.mode != "plain",
            transactional_id=c.topic if c.mode == "txn" else None,
        )
        await producer.start()
        send = _transactions if c.mode == "txn" else _send
        counts[c.topic] = await send(producer, c.topic, c.n)
        await producer.stop()
    return counts


async def _consume(bootstrap, reading):
    consumer = aiokafka.AIOKafkaConsumer(
        *reading.topics,
        bootstrap_servers=bootstrap,
        group_id=reading.group,
        isolation_level=f"read_{reading.isolation}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    while not reading.over():
        for tp, messages in (await consumer.getmany(timeout_ms=100)).items():
            reading.add(tp.topic, len(messages))
    await consumer.commit()
    await consumer.stop()


load.main(
    aiokafka.__version__,
    lambda *args: asyncio.run(_produce(*args)),
    lambda *args: asyncio.run(_consume(*args)),
)
