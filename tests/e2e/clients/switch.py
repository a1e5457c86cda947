# SPDX-License-Identifier: GPL-2.0-or-later
"""One aiokafka producer and one consumer that change the topic without a pause: switch.py BOOTSTRAP
FIRST FLAG SECOND COUNT.

Sends to FIRST until the file FLAG exists, then COUNT records to SECOND, and ends when the
consumer has read all of them. Prints the numbers sent.
"""

import asyncio
import os
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def main():
    bootstrap, first, flag, second, count = sys.argv[1:]
    count = int(count)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=2)
    consumer = AIOKafkaConsumer(
        first,
        second,
        bootstrap_servers=bootstrap,
        group_id="switch",
        auto_offset_reset="earliest",
        client_id="switch-in",
    )
    await producer.start()
    await consumer.start()
    seen = {first: 0, second: 0}

    async def read():
        while seen[second] < count:
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                seen[tp.topic] += len(records)

    reader = asyncio.create_task(read())
    sent = {first: 0, second: 0}

    async def send(topic):
        pending = [await producer.send(topic, b"v" * 50) for _ in range(20)]
        await asyncio.gather(*pending)
        sent[topic] += len(pending)

    while not os.path.exists(flag):
        await send(first)
    while sent[second] < count:
        await send(second)
    await asyncio.wait_for(reader, 60)
    await consumer.stop()
    await producer.stop()
    print(sent[first], sent[second])


asyncio.run(main())
