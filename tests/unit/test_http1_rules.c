// SPDX-License-Identifier: GPL-2.0-or-later
/* HTTP/1: bounds, ends, and what is not HTTP. */
#include "http1_bed.h"

TEST(deep_pipeline)
{
	struct bed *b = bed_new(0);
	char q[4096] = "", r[4096] = "", expected[4096] = "";

	for (int i = 0; i < 40; i++) {
		const char *method = i & 1 ? "HEAD" : "GET", *body = i & 1 ? "" : "ok";

		sprintf(q + strlen(q), "%s /%d HTTP/1.1\r\nHost: x\r\n\r\n", method, i);
		sprintf(r + strlen(r), "HTTP/1.1 %d OK\r\nContent-Length: 2\r\n\r\n%s", 400 + i,
			body);
		sprintf(expected + strlen(expected), "%s /%d x %d -\n", method, i, 400 + i);
	}
	bed_req(b, q);
	CHECK_EQ(http1_ops.in_flight(b->conn), 40);
	bed_resp(b, r);
	CHECK_EQ(http1_ops.in_flight(b->conn), 0);
	BED_END(b, expected);
}

/* A head of 64 KiB is read without being kept, whatever the length of its lines. */
TEST(large_heads)
{
	static const char end[] = "Host: x\r\nContent-Length: 1\r\n\r\n1";
	static const size_t line_bytes[] = {20, 1000, 1021, 1022, 1023, 1024, 1025, 8000, 60000};

	for (size_t k = 0; k < sizeof(line_bytes) / sizeof(line_bytes[0]); k++) {
		struct bed *b = bed_new(0);
		size_t n = line_bytes[k], lines = 61000 / (n + 2);
		char *line = malloc(n + 3);

		REQUIRE(line);
		memset(line, 'c', n);
		memcpy(line, "Cookie: ", 8);
		memcpy(line + n, "\r\n", 3);
		bed_feed(b, RT_REQ, "POST /a HTTP/1.1\r\n", 18, RT_CALL_START);
		for (size_t i = 0; i < lines; i++)
			for (size_t at = 0; at < n + 2; at += 700)
				bed_feed(b, RT_REQ, line + at, n + 2 - at < 700 ? n + 2 - at : 700,
					 0);
		bed_feed(b, RT_REQ, end, strlen(end), RT_CALL_END);
		bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		CHECK_EQ(b->txn[0].req_bytes, 18 + lines * (n + 2) + strlen(end));
		BED_END(b, "POST /a x 200 -\n");
		free(line);
	}
}

/* What is kept of a request is cut, and a line too long to be kept is still one. */
TEST(long_fields)
{
	static const size_t target_bytes[] = {255, 256, 257, 1000, 1015, 1024, 30000};

	for (size_t k = 0; k < sizeof(target_bytes) / sizeof(target_bytes[0]); k++) {
		struct bed *b = bed_new(0);
		size_t n = target_bytes[k], kept = n < 256 ? n : 256;
		char *text = malloc(2 * n + 100), expected[1024];
		size_t len;

		REQUIRE(text);
		len = (size_t)sprintf(text, "GET /");
		memset(text + len, 'a', n - 1);
		len += n - 1;
		len += (size_t)sprintf(text + len, " HTTP/1.1\r\nHost: ");
		memset(text + len, 'h', n);
		len += n;
		strcpy(text + len, "\r\n\r\n");
		for (size_t i = 0; i < strlen(text); i += 511)
			bed_call_bytes(b, RT_REQ, text + i,
				       strlen(text) - i < 511 ? strlen(text) - i : 511);
		bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		CHECK_EQ(b->txn[0].req_bytes, strlen(text));
		len = (size_t)sprintf(expected, "GET /");
		memset(expected + len, 'a', kept - 1);
		len += kept - 1;
		expected[len++] = ' ';
		memset(expected + len, 'h', 128);
		strcpy(expected + len + 128, " 200 -\n");
		BED_END(b, expected);
		free(text);
	}
}

TEST(skippable_bytes)
{
	struct bed *b = bed_new(0);

	CHECK_EQ(http1_ops.skippable(b->conn, RT_REQ), 0);
	bed_req(b, "POST /a HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n123");
	CHECK_EQ(http1_ops.skippable(b->conn, RT_REQ), 999997);
	bed_gap(b, RT_REQ, 999000);
	CHECK_EQ(http1_ops.skippable(b->conn, RT_REQ), 997);
	bed_gap(b, RT_REQ, 997);
	CHECK_EQ(http1_ops.skippable(b->conn, RT_REQ), 0);
	bed_resp(b, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n1");
	CHECK_EQ(http1_ops.skippable(b->conn, RT_RESP), 0xffffe);
	bed_tick(b);
	bed_gap(b, RT_RESP, 0xffffe);
	CHECK_EQ(http1_ops.skippable(b->conn, RT_RESP), 0);
	bed_resp(b, "\r\n0\r\n\r\n");
	CHECK_EQ(b->txn[0].req_bytes, 1000000 + 45);
	CHECK_EQ(b->txn[0].end_ns, b->now);
	BED_END(b, "POST /a - 200 -\n");
}

TEST(in_flight_counts)
{
	struct bed *b = bed_new(0);

	bed_req(b, "GET /a HT");
	CHECK_EQ(http1_ops.in_flight(b->conn), 0);
	bed_req(b, "TP/1.1\r\n");
	CHECK_EQ(http1_ops.in_flight(b->conn), 1);
	bed_req(b, "Upgrade: x\r\n\r\n");
	bed_resp(b, "HTTP/1.1 101 Now\r\nUpgrade: x\r\n\r\n");
	CHECK(b->left);
	CHECK_EQ(http1_ops.in_flight(b->conn), 1);
	CHECK_EQ(b->txns, 1);
	bed_eof(b, RT_REQ, 0);
	CHECK_EQ(http1_ops.in_flight(b->conn), 1);
	bed_eof(b, RT_RESP, 0);
	CHECK_EQ(http1_ops.in_flight(b->conn), 0);
	CHECK_STR(b->log, "GET /a - 101 -\n");
	bed_free(b);
}

/* A client that closed its sending side is still answered. */
TEST(half_close)
{
	struct bed *b = bed_new(0);

	bed_req(b, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
	bed_eof(b, RT_REQ, 0);
	CHECK_EQ(http1_ops.in_flight(b->conn), 2);
	bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
	bed_resp(b, "HTTP/1.1 200 OK\r\n\r\nto the end");
	CHECK_EQ(http1_ops.in_flight(b->conn), 1);
	bed_eof(b, RT_RESP, 0);
	CHECK_STR(b->log, "GET /a - 200 -\nGET /b - 200 -\n");
	bed_free(b);
}

/* The server closes first and a last request meets nobody. */
TEST(request_after_the_end)
{
	struct bed *b = bed_new(0);

	bed_req(b, "GET /a HTTP/1.1\r\n\r\n");
	bed_resp(b, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx");
	bed_eof(b, RT_RESP, 0);
	bed_req(b, "GET /b HTTP/1.1\r\n\r\n");
	bed_eof(b, RT_REQ, 1);
	CHECK_EQ(http1_ops.in_flight(b->conn), 0);
	CHECK_STR(b->log, "GET /a - 200 -\nGET /b - 0 N\n");
	bed_free(b);
}

/* Bodies past the first answer of a tunnel that was refused are not requests. */
TEST(connect_refused_after_early_bytes)
{
	struct bed *b = bed_new(0);

	bed_req(b, "CONNECT h:1 HTTP/1.1\r\n\r\n\x16\x03\x01GET / HTTP/1.1\r\n\r\n");
	bed_resp(b, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	bed_req(b, "\x16\x03");
	bed_resp(b, "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n");
	bed_req(b, "GET /b HTTP/1.1\r\n\r\n");
	bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	BED_END(b, "CONNECT h:1 - 403 -\n! orphan 1\n_OTHER - - 400 N\nGET /b - 200 -\n");
}

/* Each is the second request of a connection: one incident, and the third is right again. */
TEST(malformed_requests)
{
	static const char *const bad[] = {
		"\rGET / HTTP/1.1\r\n\r\n",
		"GET /\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET  HTTP/1.1\r\n\r\n",
		" GET / HTTP/1.1\r\n\r\n",
		"G(T / HTTP/1.1\r\n\r\n",
		"GET /a b HTTP/1.1\r\n\r\n",
		"GET /a HTTP/1.1 \r\n\r\n",
		"GET /a HTTP/1.x\r\n\r\n",
		"GET /\x01 HTTP/1.1\r\n\r\n",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHI / HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\x02\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bed *b = bed_new(0);

		bed_req(b, "GET /a HTTP/1.1\r\n\r\n");
		bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		bed_req(b, bad[i]);
		bed_req(b, "more of it\r\n");
		bed_resp(b, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
		bed_req(b, "GET /b HTTP/1.1\r\n\r\n");
		bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		BED_END(b, "GET /a - 200 -\n! malformed 1\n! orphan 1\n_OTHER - - 400 N\n"
			   "GET /b - 200 -\n");
	}
}

/* The request line is right, what frames the body is not: its answer is still its answer. */
TEST(malformed_framing)
{
	static const char *const bad[] = {
		"Content-Length: 5, 6",
		"Content-Length: -1",
		"Content-Length: 1x",
		"Content-Length: 5\r\nContent-Length: 6",
		"Content-Length: 99999999999999999999",
		"Transfer-Encoding: chunked, gzip",
		"Transfer-Encoding: chunked\r\n\r\nxyz",
		"Transfer-Encoding: chunked\r\n\r\n1\r\nabc",
		"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff",
		"Transfer-Encoding: chunked\r\n\r\n5 5",
		"Transfer-Encoding: chunked\r\n\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bed *b = bed_new(0);
		char text[256];

		sprintf(text, "POST /a HTTP/1.1\r\n%s\r\n\r\nabcdef\r\n", bad[i]);
		bed_req(b, text);
		bed_req(b, "GET /smuggled HTTP/1.1\r\n\r\n");
		bed_resp(b, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
		bed_req(b, "GET /b HTTP/1.1\r\n\r\n");
		bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		BED_END(b, "! malformed 1\n! abandoned 1\nPOST /a - 400 -\nGET /b - 200 -\n");
	}
}

TEST(malformed_responses)
{
	static const char *const bad[] = {
		"HTTP/2 200\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000\r\n\r\n",
		"HTTP/1.1  200\r\n\r\n",
		"HTTP/1.1 099 x\r\n\r\n",
		"\rHTTP/1.1 200 OK\r\n\r\n",
		"hello\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bed *b = bed_new(0);

		bed_req(b, "GET /a HTTP/1.1\r\n\r\n");
		bed_resp(b, bad[i]);
		bed_req(b, "GET /b HTTP/1.1\r\n\r\n");
		bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		BED_END(b, "! malformed 1\n! abandoned 1\nGET /b - 200 -\n");
	}
}

/* The head was understood, the body was not: counted, and its end is the client's next turn. */
TEST(malformed_response_body)
{
	static const char *const bad[] = {
		"Content-Length: 1, 2\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\nx\r\n",
		"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bed *b = bed_new(0);
		char text[256];

		bed_req(b, "GET /a HTTP/1.1\r\n\r\n");
		sprintf(text, "HTTP/1.1 200 OK\r\n%s", bad[i]);
		bed_resp(b, text);
		bed_resp(b, "HTTP/1.1 404 is its text\r\n");
		CHECK_EQ(http1_ops.in_flight(b->conn), 1);
		bed_req(b, "GET /b HTTP/1.1\r\n\r\n");
		CHECK_EQ(b->txn[0].end_ns, b->now - 10);
		bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		BED_END(b, "! malformed 1\nGET /a - 200 -\nGET /b - 200 -\n");
	}
}

TEST(pending_limit_that_is_set)
{
	const struct rt_env env = {.limits.http_pending = 2};
	struct bed *b = bed_new(0);

	http1_ops.init(b->conn, &env, 0); /* it holds no memory yet */
	for (int i = 0; i < 5; i++)
		bed_req(b, "GET / HTTP/1.1\r\n\r\n");
	CHECK_EQ(b->unparsed[RT_UNPARSED_LIMIT], 3);
	CHECK_EQ(http1_ops.in_flight(b->conn), 5);
	bed_free(b);
}

/* Past the bound requests are not kept; the pairing of those before and after stays right. */
TEST(pending_limit)
{
	struct bed *b = bed_new(0);
	char text[64];
	int wrong = 0;

	for (int i = 0; i < RT_HTTP_PENDING + 3; i++) {
		sprintf(text, "GET /%d HTTP/1.1\r\n\r\n", i);
		bed_req(b, text);
	}
	CHECK_EQ(http1_ops.in_flight(b->conn), RT_HTTP_PENDING + 3);
	for (int i = 0; i < RT_HTTP_PENDING + 3; i++) {
		char expected[64];

		b->log_len = 0;
		bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		sprintf(expected, "GET /%d - 200 -\n", i);
		if (i >= RT_HTTP_PENDING)
			strcpy(expected, "! orphan 1\n_OTHER - - 200 N\n");
		wrong += strcmp(b->log, expected) != 0;
		/* behind the ones that were not kept, so it cannot be kept either */
		if (i == RT_HTTP_PENDING - 1)
			bed_req(b, "GET /late HTTP/1.1\r\n\r\n");
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(b->unparsed[RT_UNPARSED_LIMIT], 4);
	bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	b->log_len = 0;
	bed_req(b, "GET /z HTTP/1.1\r\n\r\n");
	bed_resp(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	BED_END(b, "GET /z - 200 -\n");
}
