/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection for tests of the HTTP/1 parser: keeps what was not consumed as track/ does, hands
 *out chunks at the end of exact buffers, and writes down what the parser says, one line each:
 *
 *	METHOD TARGET HOST STATUS FLAGS	 FLAGS: N no duration, S stream, A aborted, or -
 *	! CAUSE N			 CAUSE: as enum rt_unparsed
 */
#ifndef REDTAP_TEST_HTTP1_BED_H
#define REDTAP_TEST_HTTP1_BED_H

#include "proto/proto.h"
#include "test.h"

#define BED_TXNS 64

struct bed_side {
	uint8_t *rest;
	size_t rest_len;
	uint64_t rest_ns;
	uint32_t rest_flags;
	uint64_t off;
	bool turned;
};

struct bed {
	void *conn;
	struct bed_side side[2];
	struct rt_sink sink;
	uint64_t now;
	uint64_t unparsed[RT_UNPARSED_MAX];
	struct rt_txn txn[BED_TXNS]; /* slices are not valid */
	int txns;
	bool left;
	char log[8192];
	size_t log_len;
};

static inline const char *bed_text(struct slice s)
{
	static char text[4][320];
	static int turn;
	char *p = text[turn++ & 3];

	snprintf(p, sizeof(text[0]), "%.*s", (int)s.n, s.n ? (const char *)s.p : "");
	return s.n ? p : "-";
}

static inline void bed_say(struct bed *b, const char *line)
{
	int n = snprintf(b->log + b->log_len, sizeof(b->log) - b->log_len, "%s\n", line);

	if (n > 0 && b->log_len + (size_t)n < sizeof(b->log))
		b->log_len += (size_t)n;
}

static inline void bed_txn(void *arg, const struct rt_txn *txn)
{
	struct bed *b = arg;
	char line[1024];

	snprintf(line, sizeof(line), "%s %s %s %u %s%s%s%s", bed_text(txn->http.method),
		 bed_text(txn->http.target), bed_text(txn->http.host), txn->http.status,
		 txn->flags & RT_TXN_NO_DURATION ? "N" : "", txn->flags & RT_TXN_STREAM ? "S" : "",
		 txn->flags & RT_TXN_ABORTED ? "A" : "", txn->flags ? "" : "-");
	bed_say(b, line);
	CHECK_EQ(txn->proto, RT_PROTO_HTTP);
	if (b->txns < BED_TXNS)
		b->txn[b->txns] = *txn;
	b->txns++;
}

static inline void bed_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	static const char *const names[RT_UNPARSED_MAX] = {
		"gap", "malformed", "version", "limit", "orphan", "abandoned",
	};
	struct bed *b = arg;
	char line[64];

	b->unparsed[cause] += n;
	snprintf(line, sizeof(line), "! %s %llu", names[cause], (unsigned long long)n);
	bed_say(b, line);
}

static inline struct bed *bed_new(uint32_t flags)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->conn = calloc(1, http1_ops.conn_bytes);
	b->sink = (struct rt_sink){.arg = b, .txn = bed_txn, .unparsed = bed_unparsed};
	b->now = 1000;
	http1_ops.init(b->conn, NULL, flags);
	return b;
}

static inline void bed_free(struct bed *b)
{
	http1_ops.fini(b->conn);
	free(b->conn);
	free(b->side[0].rest);
	free(b->side[1].rest);
	free(b);
}

/* One run of bytes at the present time; flags: RT_CALL_*. */
static inline void bed_feed(struct bed *b, enum rt_dir dir, const void *p, size_t n, uint32_t flags)
{
	struct bed_side *s = &b->side[dir];
	struct rt_chunk chunk = {.off = s->off - s->rest_len, .last_ns = b->now};
	uint8_t *all = malloc(s->rest_len + n + 1);
	uint8_t *data;
	ssize_t used;

	b->side[!dir].turned = true;
	if (s->turned)
		flags |= RT_TURN;
	s->turned = false;
	s->off += n;
	if (b->left || !n || !all) {
		free(all);
		return;
	}
	if (s->rest_len)
		memcpy(all, s->rest, s->rest_len);
	memcpy(all + s->rest_len, p, n);
	chunk.len = s->rest_len + n;
	chunk.data = data = test_exact(all, chunk.len);
	chunk.first_ns = s->rest_len ? s->rest_ns : b->now;
	chunk.flags = s->rest_len ? (s->rest_flags & ~RT_CALL_END) | (flags & RT_CALL_END) : flags;
	used = http1_ops.feed(b->conn, dir, &chunk, &b->sink);
	if (used == RT_LEAVE) {
		b->left = true;
		used = (ssize_t)chunk.len;
	}
	CHECK(used >= 0 && (size_t)used <= chunk.len);
	if (used > 0) {
		s->rest_ns = b->now;
		s->rest_flags = 0;
	} else if (!s->rest_len) {
		s->rest_ns = b->now;
		s->rest_flags = flags;
	}
	free(s->rest);
	s->rest_len = chunk.len - (size_t)used;
	s->rest = s->rest_len ? test_exact(data + used, s->rest_len) : NULL;
	CHECK(s->rest_len < 1024);
	free(data);
	free(all);
}

static inline void bed_tick(struct bed *b)
{
	b->now += 10;
}

/* A whole call, ten nanoseconds after the one before. */
static inline void bed_call_bytes(struct bed *b, enum rt_dir dir, const void *p, size_t n)
{
	bed_tick(b);
	bed_feed(b, dir, p, n, RT_CALL_START | RT_CALL_END);
}

static inline void bed_call(struct bed *b, enum rt_dir dir, const char *text)
{
	bed_call_bytes(b, dir, text, strlen(text));
}

static inline void bed_req(struct bed *b, const char *text)
{
	bed_call(b, RT_REQ, text);
}

static inline void bed_resp(struct bed *b, const char *text)
{
	bed_call(b, RT_RESP, text);
}

static inline void bed_gap(struct bed *b, enum rt_dir dir, uint64_t n)
{
	struct bed_side *s = &b->side[dir];
	int r;

	s->off += n;
	n += s->rest_len;
	if (!b->left) {
		r = http1_ops.gap(b->conn, dir, s->off - n, n, b->now, 0, &b->sink);
		CHECK(r == 0 || r == RT_LEAVE);
		b->left = r == RT_LEAVE;
	}
	free(s->rest);
	s->rest = NULL;
	s->rest_len = 0;
	/* as track/: the record that told of the gap was heard */
	b->side[!dir].turned = true;
}

/* A call of which only the beginning and the end were captured. */
static inline void bed_call_cut(struct bed *b, enum rt_dir dir, const char *head, uint64_t gap,
				const char *tail)
{
	bed_tick(b);
	bed_feed(b, dir, head, strlen(head), RT_CALL_START);
	bed_gap(b, dir, gap);
	if (*tail)
		bed_feed(b, dir, tail, strlen(tail), RT_CALL_END);
}

static inline void bed_eof(struct bed *b, enum rt_dir dir, int reset)
{
	bed_tick(b);
	http1_ops.eof(b->conn, dir, b->now, reset, &b->sink);
}

static inline void bed_close(struct bed *b)
{
	bed_eof(b, RT_REQ, 0);
	bed_eof(b, RT_RESP, 0);
	CHECK_EQ(http1_ops.in_flight(b->conn), 0);
}

/* Closes, compares what was said, and frees. */
#define BED_END(b, expected)                                                                       \
	do {                                                                                       \
		bed_close(b);                                                                      \
		CHECK_STR((b)->log, expected);                                                     \
		bed_free(b);                                                                       \
	} while (0)

#endif
