// SPDX-License-Identifier: GPL-2.0-or-later
// kafkajs in the Kafka client matrix; its command line is in ../README.md.
"use strict";

const { Kafka, logLevel, CompressionTypes, CompressionCodecs } = require("kafkajs");

CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");

const BIG_BYTES = 500000;
const GIVE_UP_MS = 30000;
const LINGER_MS = 500;
const BATCH = 250;
const CODECS = {
	none: CompressionTypes.None,
	gzip: CompressionTypes.GZIP,
	snappy: CompressionTypes.Snappy,
};

// Bytes that do not compress.
function noise(seed) {
	const bytes = Buffer.alloc(BIG_BYTES);
	for (let i = 0, x = seed; i < BIG_BYTES; i++) {
		x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
		bytes[i] = x >> 16;
	}
	return bytes;
}

function value(i, n) {
	if (i === Math.floor(n / 2)) return noise(i);
	if (i % 5 !== 4 && i % 13 === 0) return null;
	return i % 11 === 0 ? "" : `value-${i}-${"x".repeat(i % 200)}`;
}

function records(n) {
	return Array.from({ length: n }, (_, i) => ({
		key: i % 5 === 4 ? null : `key-${i % 17}`,
		value: value(i, n),
		headers: { ...(i % 3 ? {} : { n: `${i}` }), ...(i % 6 ? {} : { empty: "" }) },
	}));
}

async function send(sender, c, n) {
	const messages = records(n);
	let done = 0;
	while (messages.length) {
		const batch = messages.splice(0, BATCH);
		await sender.send({
			topic: c.topic,
			acks: { all: -1, 1: 1, 0: 0 }[c.acks],
			compression: CODECS[c.codec],
			messages: batch,
		});
		done += batch.length;
	}
	return done;
}

async function transactions(producer, c) {
	let done = 0;
	for (const [n, end] of [[c.n / 2, "commit"], [c.n / 4, "abort"], [c.n / 2, "commit"]]) {
		const transaction = await producer.transaction();
		done += await send(transaction, c, n);
		await transaction[end]();
	}
	return done;
}

async function produce(kafka, cases) {
	const counts = {};
	for (const text of cases) {
		const [topic, acks, codec, mode, n] = text.split(":");
		const c = { topic, acks, codec, n: Number(n) };
		const producer = kafka.producer({
			idempotent: mode !== "plain",
			maxInFlightRequests: mode === "plain" ? undefined : 1,
			transactionalId: mode === "txn" ? topic : undefined,
		});
		await producer.connect();
		counts[topic] = await (mode === "txn" ? transactions(producer, c) : send(producer, c, c.n));
		await producer.disconnect();
	}
	return counts;
}

async function consume(kafka, how, topics) {
	const [groupId, , isolation] = how.split(":");
	const counts = {};
	let wanted = 0;
	let got = 0;
	const consumer = kafka.consumer({ groupId, readUncommitted: isolation === "uncommitted" });
	await consumer.connect();
	for (const t of topics) {
		const [topic, n] = t.split("=");
		wanted += Number(n);
		await consumer.subscribe({ topic, fromBeginning: true });
	}
	await consumer.run({
		autoCommit: false,
		eachBatch: async ({ batch }) => {
			counts[batch.topic] = (counts[batch.topic] || 0) + batch.messages.length;
			got += batch.messages.length;
			await consumer.commitOffsets([{
				topic: batch.topic,
				partition: batch.partition,
				offset: `${BigInt(batch.lastOffset()) + 1n}`,
			}]);
		},
	});
	const end = Date.now() + GIVE_UP_MS;
	while (got < wanted && Date.now() < end) await new Promise((r) => setTimeout(r, 20));
	await new Promise((r) => setTimeout(r, LINGER_MS));
	await consumer.disconnect();
	return counts;
}

async function main([what, bootstrap, ...rest]) {
	const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR });
	const topics =
		what === "produce"
			? await produce(kafka, rest)
			: await consume(kafka, rest[0], rest.slice(1));
	const version = require("kafkajs/package.json").version;
	console.log(JSON.stringify({ version, topics }));
}

main(process.argv.slice(2)).catch((e) => {
	console.error(e);
	process.exit(1);
});
