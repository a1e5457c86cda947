// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel half's walk over HTTP heads: the wide looks come to what the single bytes come to. */
#include <stdlib.h>
#include <string.h>

#include "test.h"

#include "../../bpf/http_wide.bpf.h"

#define TALK_BYTES 2048
#define TALKS      200000

static const char *const lines[] = {
	"HTTP/1.1 200 OK\r\n",
	"HTTP/1.1 204 No Content\r\n",
	"HTTP/1.0 304 x\r\n",
	"HTTP/1.1 101 Switching Protocols\r\n",
	"HTTP/1.1 2\r\n",
	"HTTP/1.\r\n",
	"HTTP/1.1\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"GET /abc/def HTTP/1.1\r\n",
	"POST /x HTTP/1.1\r\n",
	"CONNECT a HTTP/1.1\r\n",
	"Content-Length: 5\r\n",
	"content-length:7\r\n",
	"CONTENT-LENGTH: 12\r\n",
	"Content-Length:  3\r\n",
	"Content-Length:\t3\r\n",
	"Content-Length: x\r\n",
	"Content-Length: \r\n",
	"Content-Length\r\n",
	"Content\rLength: 4\r\n",
	"Content-Length\032 9\r\n",
	"Content-Type: text/plain\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Date: Mon\r\n",
	"Server: nginx/1.2\r\n",
	"Host: a\r\n",
	"\r\n",
	"\r\n",
	"\n",
	"\r",
	"hello",
	"abcdefghijklm",
};

#define LINES (sizeof(lines) / sizeof(lines[0]))

struct walked {
	struct conn_http h;
	uint32_t heads;
};

/* Walks as http.bpf.h does, with so many bytes in sight at a time. */
static struct walked walk(const uint8_t *talk, uint32_t n, bool request, uint32_t sight, bool wide)
{
	static struct scratch s;
	struct walked w = {0};
	uint64_t pos = 0;

	s.fill = s.heads = 0;
	http_begin_anew(&w.h, 0);
	while (w.h.state != HTTP_NONE) {
		if (w.h.at < pos && wide) {
			http_look(&s, &w.h, (uint32_t)(pos - w.h.at), request);
		} else if (w.h.at < pos) {
			http_byte(&s, &w.h, s.body[s.fill - (pos - w.h.at)], request);
		} else if (w.h.at >= n) {
			break;
		} else {
			uint32_t more = n - (uint32_t)w.h.at < sight ? n - (uint32_t)w.h.at : sight;

			pos = w.h.at + more;
			memcpy(s.body + s.fill, talk + w.h.at, more);
			s.fill += more;
		}
	}
	w.heads = s.heads;
	return w;
}

static bool same(const struct walked *a, const struct walked *b, bool request)
{
	/* Of a response's first line nothing is remembered behind its status. */
	return a->h.at == b->h.at && a->h.length == b->h.length && a->h.doubt == b->h.doubt &&
	       a->h.state == b->h.state && a->h.flags == b->h.flags && a->heads == b->heads &&
	       (!request || a->h.word == b->h.word || a->h.state == HTTP_FIELD);
}

static uint32_t talk_of(uint8_t *talk, bool request)
{
	uint32_t n = 0;

	for (int left = 1 + rand() % 14; left; left--) {
		size_t at = n || rand() % 4 == 0 ? (size_t)rand() % LINES
			    : request            ? 8
						 : (size_t)rand() % 4;

		memcpy(talk + n, lines[at], strlen(lines[at]));
		n += (uint32_t)strlen(lines[at]);
	}
	if (rand() % 6 == 0)
		talk[(uint32_t)rand() % n] = (uint8_t)rand();
	return n;
}

TEST(wide_looks_come_to_the_same)
{
	static uint8_t talk[TALK_BYTES];
	uint32_t heads = 0, lengths = 0;

	srand(7);
	for (int i = 0; i < TALKS; i++) {
		bool request = i % 4 == 0;
		uint32_t n = talk_of(talk, request), sight = rand() % 3 ? 256 : 1 + rand() % 40;
		struct walked slow = walk(talk, n, request, sight, false);
		struct walked fast = walk(talk, n, request, sight, true);

		if (!same(&slow, &fast, request)) {
			printf("# talk %d, %u in sight: %.*s\n", i, sight, (int)n, talk);
			CHECK(!"the same");
			return;
		}
		heads += fast.heads;
		lengths += fast.h.length > 0;
	}
	CHECK(heads > TALKS / 10);
	CHECK(lengths > TALKS / 20);
}

/* What it comes to, once: a head of a known body, and where the next one begins. */
TEST(a_head_and_its_body)
{
	static const char talk[] = "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 12\r\n\r\n";
	struct walked w =
		walk((const uint8_t *)talk, sizeof(talk) - 1, false, sizeof(talk) - 1, true);

	CHECK_EQ(w.heads, 1);
	CHECK_EQ(w.h.state, HTTP_AFTER);
	CHECK_EQ(w.h.length, 12);
	CHECK_EQ(w.h.at, sizeof(talk) - 1);
}
