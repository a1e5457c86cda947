// SPDX-License-Identifier: GPL-2.0-or-later
// The matrix's server on Node's own http: server.js PORT.
"use strict";
const http = require("node:http");

const fixed = {
	"/tiny.txt": Buffer.alloc(612, "x"),
	"/large.bin": Buffer.alloc(102400, "l"),
};
const bare = { "/none": 204, "/broken": 503 };

function answer(request, response) {
	const path = request.url.split("?")[0];
	response.setHeader("Content-Type", "text/plain");
	if (path === "/chunked") {
		for (let n = 1; n <= 5; n++) response.write("z".repeat(n * 50));
		response.end();
	} else if (path.startsWith("/page/")) {
		response.end("y".repeat(100));
	} else if (path === "/echo") {
		response.end("thank you\n");
	} else if (fixed[path]) {
		response.setHeader("Content-Length", fixed[path].length);
		response.end(fixed[path]);
	} else {
		response.writeHead(bare[path] ?? 404);
		response.end();
	}
}

http.createServer((request, response) => {
	const path = request.url.split("?")[0];
	response.on("finish", () => console.log(request.method, path, response.statusCode));
	request.on("end", () => answer(request, response));
	request.resume();
}).listen(Number(process.argv[2]), "127.0.0.1");
