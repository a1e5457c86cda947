// SPDX-License-Identifier: GPL-2.0-or-later
/* Every recogniser of headers/classify.h, and what comes near it. */
#include "test.h"

#include "classify.h"

#define HTTP_REQ  (RT_PROTO_HTTP | RT_CLASS_REQ)
#define HTTP_RESP (RT_PROTO_HTTP | RT_CLASS_RESP)
#define TLS       (RT_PROTO_IGNORED | RT_CLASS_TLS)
#define PG_FIRST  (RT_PROTO_POSTGRES | RT_CLASS_REQ | RT_CLASS_FIRST)
#define PG_REQ    (RT_PROTO_POSTGRES | RT_CLASS_REQ)
#define KAFKA     (RT_PROTO_KAFKA | RT_CLASS_REQ)

/* As the callers do: RT_CLASSIFY_BYTES readable bytes, what is not there is zero, `n` says how
 * many are meant. */
static uint32_t classify_call(const void *p, size_t n, uint32_t call)
{
	uint8_t head[RT_CLASSIFY_BYTES] = {0};
	uint8_t *exact;
	uint32_t c;

	if (n > sizeof(head))
		n = sizeof(head);
	memcpy(head, p, n);
	exact = test_exact(head, sizeof(head));
	c = rt_classify(exact, (uint32_t)n, call);
	free(exact);
	return c;
}

#define LIT(lit) classify_call(lit, sizeof(lit) - 1, sizeof(lit) - 1)

TEST(http_requests)
{
	CHECK_EQ(LIT("GET / HTTP/1.1\r\n\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("PUT /a HTTP/1.1\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("POST /a HTTP/1.1\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("HEAD /a HTTP/1.0\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("TRACE / HTTP/1.1\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("QUERY /a HTTP/1.1\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("PATCH /a HTTP/1.1\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("DELETE /a HTTP/1.1\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("OPTIONS * HTTP/1.1\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("CONNECT a:1 HTTP/1.1\r\n"), HTTP_REQ);
	CHECK_EQ(LIT("GET http://a/ HTTP/1.1\r\n"), HTTP_REQ);
}

TEST(http_near_misses)
{
	CHECK_EQ(LIT("GET  / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("GET\t/ HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("get / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("GETS / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("POSTAL / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("HEADER / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("TRACK / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("QUERIES / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("PATCHES / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("DELETED / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("OPTIONAL / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("CONNECTED / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("OPTIXXX / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("CONNXXX / HTTP/1.1\r\n"), 0);
	CHECK_EQ(LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0);
	CHECK_EQ(LIT("GET /a "), 0); /* seven bytes are too few */
	CHECK_EQ(LIT("GET /a H"), HTTP_REQ);
}

TEST(http_responses)
{
	CHECK_EQ(LIT("HTTP/1.1 200 OK\r\n"), HTTP_RESP);
	CHECK_EQ(LIT("HTTP/1.0 404 Not Found\r\n"), HTTP_RESP);
	CHECK_EQ(LIT("HTTP/1.1"), HTTP_RESP);
	CHECK_EQ(LIT("HTTP/1."), 0);
	CHECK_EQ(LIT("HTTP/2 200\r\n"), 0);
	CHECK_EQ(LIT("HTTP/1 200 OK\r\n"), 0);
	CHECK_EQ(LIT("HTTP 1.1 200 OK\r\n"), 0);
	CHECK_EQ(LIT("HTTPS/1.1 200\r\n"), 0);
}

TEST(tls)
{
	CHECK_EQ(LIT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), TLS); /* ClientHello */
	CHECK_EQ(LIT("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"), TLS); /* ServerHello */
	CHECK_EQ(LIT("\x16\x03\x04\x00\x7a\x02"), TLS);
	CHECK_EQ(LIT("\x16\x03\x01\x02\x00"), 0);         /* five bytes */
	CHECK_EQ(LIT("\x17\x03\x03\x00\x7a\x01\x00"), 0); /* application data */
	CHECK_EQ(LIT("\x16\x02\x03\x00\x7a\x01\x00"), 0);
	CHECK_EQ(LIT("\x16\x03\x05\x00\x7a\x01\x00"), 0);
	CHECK_EQ(LIT("\x16\x03\x03\x00\x7a\x03\x00"), 0);
	CHECK_EQ(LIT("\x16\x03\x03\x00\x7a\x00\x00"), 0);
}

TEST(postgres_first_packets)
{
	CHECK_EQ(LIT("\0\0\0\x08\x04\xd2\x16\x2f"), PG_FIRST); /* SSLRequest */
	CHECK_EQ(LIT("\0\0\0\x08\x04\xd2\x16\x30"), PG_FIRST); /* GSSENCRequest */
	CHECK_EQ(LIT("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02"), PG_FIRST); /* Cancel */
	CHECK_EQ(LIT("\0\0\x01\x0c\x04\xd2\x16\x2e\0\0\0\x01"), PG_FIRST); /* 256-byte key */
	CHECK_EQ(LIT("\0\0\0\x20\0\x03\0\0user\0joe"), PG_FIRST);
	CHECK_EQ(LIT("\0\0\0\x20\0\x03\0\x02user\0joe"), PG_FIRST); /* 3.2 */
	CHECK_EQ(LIT("\0\0\0\x09\0\x03\0\0\0"), PG_FIRST);          /* no parameters */
	CHECK_EQ(LIT("\0\0\x27\x10\0\x03\0\0user"), PG_FIRST);      /* 10000 */
}

TEST(postgres_first_near_misses)
{
	CHECK_EQ(LIT("\0\0\0\x09\x04\xd2\x16\x2f"), 0);             /* a length it never has */
	CHECK_EQ(LIT("\0\0\0\x08\x04\xd2\x16\x31"), 0);             /* a code nobody knows */
	CHECK_EQ(LIT("\0\0\0\x0f\x04\xd2\x16\x2e\0\0\0\x01"), 0);   /* Cancel, too short */
	CHECK_EQ(LIT("\0\0\x01\x0d\x04\xd2\x16\x2e\0\0\0\x01"), 0); /* ... too long */
	CHECK_EQ(LIT("\0\0\0\x08\0\x03\0\0"), 0);
	CHECK_EQ(LIT("\0\0\x27\x11\0\x03\0\0user"), 0);
	CHECK_EQ(LIT("\0\0\0\x20\0\x02\0\0user"), 0); /* protocol 2 */
	CHECK_EQ(LIT("\0\0\0\x20\0\x03\0\0"), 0);     /* the ninth byte decides */
	CHECK_EQ(LIT("\0\0\0\x20\0\x03\0\0\x05ser"), 0);
}

TEST(postgres_simple_query)
{
	static const char q[] = "Q\0\0\0\x0dselect 1"; /* and its NUL */

	CHECK_EQ(classify_call(q, sizeof(q), sizeof(q)), PG_REQ);
	CHECK_EQ(classify_call(q, sizeof(q), sizeof(q) + 1), 0); /* the call goes on */
	CHECK_EQ(classify_call(q, sizeof(q), sizeof(q) - 1), 0);
	CHECK_EQ(classify_call(q, 5, sizeof(q)), 0);
	CHECK_EQ(classify_call("X\0\0\0\x0dselect 1", sizeof(q), sizeof(q)), 0);
	CHECK_EQ(classify_call("Q\0\0\0\x0d\x80"
			       "elect 1",
			       sizeof(q), sizeof(q)),
		 0);
	CHECK_EQ(classify_call("Q\0\0\0\x05\0", 6, 6), 0); /* an empty query says nothing */
	CHECK_EQ(classify_call("Q\0\0\0\x04", 5, 5), 0);
	CHECK_EQ(classify_call("Q\0\0\0\x0d\n\nlect 1", sizeof(q), sizeof(q)), PG_REQ);
}

static uint32_t kafka(uint32_t size, uint16_t key, uint16_t version, uint32_t corr, uint16_t client,
		      uint8_t first)
{
	uint8_t p[16] = {size >> 24,   size >> 16, size >> 8,  size,       key >> 8,  key,
			 version >> 8, version,    corr >> 24, corr >> 16, corr >> 8, corr,
			 client >> 8,  client,     first,      'x'};

	return classify_call(p, sizeof(p), size + 4);
}

TEST(kafka_requests)
{
	CHECK_EQ(kafka(40, 18, 3, 1, 8, 'c'), KAFKA);
	CHECK_EQ(kafka(10, 3, 0, 0, 0, 0), KAFKA);      /* an empty client id */
	CHECK_EQ(kafka(20, 0, 0, 7, 0xffff, 0), KAFKA); /* a null client id */
	CHECK_EQ(kafka(100u << 20, 0, 9, 7, 4, '~'), KAFKA);
	CHECK_EQ(kafka(40, 3, 1, 5, 8, 'c'), KAFKA); /* Metadata, not StartupMessage 3.1 */
	CHECK_EQ(kafka(265, 92, 20, 0x7fffffff, 255, ' '), KAFKA);
	CHECK_EQ(classify_call("\0\0\0\x20\0\x12\0\x03\0\0\0\x01\0\x04", 14, 36), KAFKA);
}

TEST(kafka_near_misses)
{
	CHECK_EQ(kafka(9, 3, 0, 0, 0, 0), 0);
	CHECK_EQ(kafka((100u << 20) + 1, 0, 9, 7, 4, 'c'), 0);
	CHECK_EQ(kafka(40, 93, 3, 1, 8, 'c'), 0);
	CHECK_EQ(kafka(40, 18, 21, 1, 8, 'c'), 0);
	CHECK_EQ(kafka(40, 18, 3, 0x80000000, 8, 'c'), 0);
	CHECK_EQ(kafka(400, 18, 3, 1, 256, 'c'), 0);
	CHECK_EQ(kafka(17, 18, 3, 1, 8, 'c'), 0); /* the client id goes past the frame */
	CHECK_EQ(kafka(18, 18, 3, 1, 8, 'c'), KAFKA);
	CHECK_EQ(kafka(40, 18, 3, 1, 8, 0x1f), 0);
	CHECK_EQ(kafka(40, 18, 3, 1, 8, 0x7f), 0);
	CHECK_EQ(classify_call("\0\0\0\x20\0\x12\0\x03\0\0\0\x01\0", 13, 36), 0);
	CHECK_EQ(classify_call("\0\0\0\x20", 4, 4), 0); /* the length apart */
}

/* What is not there yet never counts: no prefix says more than the whole, or something else. */
TEST(prefixes_never_contradict)
{
	static const struct {
		const char *p;
		size_t n;
	} talk[] = {
		{"GET /a HTTP/1.1\r\n", 17},
		{"HTTP/1.1 200 OK\r\n", 17},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\0\0\0\0", 16},
		{"\0\0\0\x08\x04\xd2\x16\x2f", 8},
		{"\0\0\0\x20\0\x03\0\0user\0joe", 16},
		{"\0\0\0\x20\0\x12\0\x03\0\0\0\x01\0\x04"
		 "ab",
		 16},
	};

	for (size_t t = 0; t < sizeof(talk) / sizeof(talk[0]); t++) {
		uint32_t whole = classify_call(talk[t].p, talk[t].n, 100);

		CHECK(whole != 0);
		for (size_t n = 0; n <= talk[t].n; n++) {
			uint32_t c = classify_call(talk[t].p, n, 100);

			CHECK(c == 0 || c == whole);
		}
	}
}

TEST(other_protocols_are_not_taken)
{
	CHECK_EQ(LIT("SSH-2.0-OpenSSH_9.2\r\n"), 0);
	CHECK_EQ(LIT("*1\r\n$4\r\nPING\r\n"), 0); /* Redis */
	CHECK_EQ(LIT("EHLO example.org\r\n"), 0);
	CHECK_EQ(LIT("\x4a\0\0\0\x0a"
		     "8.0.32\0\x09\0\0\0"),
		 0); /* MySQL's greeting */
	CHECK_EQ(LIT("AMQP\0\0\x09\x01"), 0);
	CHECK_EQ(LIT(""), 0);
	CHECK_EQ(LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0);
	CHECK_EQ(LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0);
}
