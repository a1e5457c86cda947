// SPDX-License-Identifier: GPL-2.0-or-later
// Node's fetch (undici), four at a time: client.js URL PLAN.
"use strict";
const [url, text] = process.argv.slice(2);
const todo = JSON.parse(text).flatMap(([method, path, size, count]) =>
	Array.from({ length: count }, () => [method, path, size]));
const done = new Map();

async function work() {
	for (let next; (next = todo.shift()); ) {
		const [method, path, size] = next;
		const response = await fetch(url + path, {
			method,
			body: size === null ? undefined : "f".repeat(size),
			redirect: "manual",
		});
		await response.arrayBuffer();
		const key = JSON.stringify([method, path, String(response.status)]);
		done.set(key, (done.get(key) ?? 0) + 1);
	}
}

Promise.all([work(), work(), work(), work()]).then(() => {
	console.log(JSON.stringify({
		version: process.versions.node,
		done: [...done].map(([key, count]) => [...JSON.parse(key), count]),
	}));
	process.exit(0);
});
