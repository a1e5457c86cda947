// SPDX-License-Identifier: GPL-2.0-or-later
// node-postgres: text by simple query, parameters by the unnamed statement, names by prepared ones,
// a pool, COPY, and a cursor in portions.
"use strict";
const { once } = require("node:events");
const { pipeline } = require("node:stream/promises");
const { Readable, Writable } = require("node:stream");
const pg = require("pg");
const copy = require("pg-copy-streams");
const Cursor = require("pg-cursor");

async function fails(client, ...query) {
	try {
		await client.query(...query);
	} catch (e) {
		if (!e.code) throw e;
	}
}

async function statements(client) {
	for (let n = 0; n < 50; n++) await client.query("SELECT 1");
	for (let n = 0; n < 50; n++)
		await client.query("INSERT INTO t VALUES ($1, $2)", [n, `it's ${n}`]);
	for (let n = 0; n < 100; n++)
		await client.query({
			name: "below",
			text: "SELECT id, name FROM t WHERE id < $1",
			values: [(n % 60) - 5],
		});
	await client.query(
		"INSERT INTO t SELECT g, 'many' FROM generate_series(1001, 1100) g RETURNING id");
	await client.query("SELECT generate_series(1, 1000)");
	for (let n = 0; n < 20; n++)
		await client.query("UPDATE t SET name = name || '!' WHERE id <= $1", [n]);
	for (let n = 0; n < 10; n++)
		await client.query("DELETE FROM t WHERE id = $1", [1000 + n]);
	await client.query("SELECT 1; SELECT 2; UPDATE t SET name = 'multi' WHERE id < 3");
}

async function errorsAndTransactions(client) {
	for (let n = 0; n < 3; n++) {
		await fails(client, "INSERT INTO t VALUES ($1, 'twice')", [n]);
		await fails(client, "SELEC 1");
		await fails(client, "SELEC $1", ["x"]);
		await fails(client, {
			name: "twice",
			text: "INSERT INTO t VALUES ($1, 'twice')",
			values: [n],
		});
	}
	await client.query("BEGIN");
	await client.query("UPDATE t SET name = 'kept' WHERE id = $1", [1]);
	await client.query("COMMIT");
	await client.query("BEGIN");
	await client.query("DELETE FROM t");
	await client.query("ROLLBACK");
}

async function portions(client) {
	const cursor = client.query(new Cursor("SELECT id FROM t WHERE id >= $1 ORDER BY id", [0]));
	let rows = 0;
	for (let got; (got = await cursor.read(30)).length; ) rows += got.length;
	await cursor.close();
	if (rows !== 141) throw new Error(`${rows} rows by cursor`);
	return rows - (rows % 30);
}

async function copies(client) {
	const lines = Array.from({ length: 500 }, (_, n) => `${2000 + n}\tc${n}\n`);
	await pipeline(Readable.from(lines), client.query(copy.from("COPY t FROM STDIN")));
	const sink = new Writable({ write: (chunk, encoding, done) => done() });
	await pipeline(client.query(copy.to("COPY t TO STDOUT")), sink);
}

async function pool() {
	const pool = new pg.Pool({ max: 4 });
	await Promise.all(Array.from({ length: 100 }, (_, n) =>
		pool.query("SELECT id FROM t WHERE id < $1", [n])));
	await pool.end();
}

async function main() {
	const client = new pg.Client();
	await client.connect();
	await statements(client);
	await errorsAndTransactions(client);
	const suspended = await portions(client);
	await copies(client);
	const ended = once(client, "end");
	await client.end();
	await ended;
	await pool();
	console.log(JSON.stringify({
		version: require("pg/package.json").version,
		suspended_rows: suspended,
	}));
}

main();
