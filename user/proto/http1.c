// SPDX-License-Identifier: GPL-2.0-or-later
/* HTTP/1.0 and 1.1: the parser's operations but feed(), which has http1_feed.c. */
#include "proto/http1_state.h"

static int http1_gap(void *conn, enum rt_dir dir, uint64_t off, uint64_t len, uint64_t ns,
		     uint32_t flags, const struct rt_sink *sink)
{
	struct http1 *c = conn;
	struct http1_side *side = &c->side[dir];
	bool data = side->state == HTTP1_BODY || side->state == HTTP1_CHUNK_DATA;
	bool latest = flags & RT_AT_LATEST;
	uint64_t n;

	(void)off;
	if (c->tunnel)
		return RT_LEAVE;
	if (dir == RT_RESP && !(data && len < side->left))
		c->overlap = false;
	c->fresh = false;
	side->candidate = false;
	if (side->state == HTTP1_LOST) {
		side->recent = 0;
		side->heard = false;
	}
	if (side->skip || !(data || side->state == HTTP1_UNTIL_EOF || side->state == HTTP1_ASKED)) {
		http1_book(c, dir, len, ns);
		side->latest = latest;
		http1_lose(c, dir, RT_UNPARSED_GAP, sink);
		if (dir == RT_RESP)
			http1_noise(c, sink);
		return 0;
	}
	n = data ? http1_min(side->left, len) : len;
	http1_book(c, dir, n, ns);
	side->latest = latest;
	c->early |= side->state == HTTP1_ASKED;
	c->body_seen |= dir == RT_RESP;
	if (!data)
		return 0;
	side->left -= n;
	if (!side->left && side->state == HTTP1_CHUNK_DATA)
		side->state = HTTP1_CHUNK_END;
	else if (!side->left)
		/* When more is missing than the body, its last byte's time is not known. */
		http1_msg_end(c, dir, n == len && !latest ? ns : 0, sink);
	if (n < len)
		return http1_gap(c, dir, off + n, len - n, ns, flags, sink);
	return 0;
}

static void http1_eof(void *conn, enum rt_dir dir, uint64_t ns, int reset,
		      const struct rt_sink *sink)
{
	struct http1 *c = conn;

	(void)ns;
	c->side[dir].ended = true;
	if (c->side[RT_RESP].ended)
		http1_finish_all(c, reset, sink);
}

static uint64_t http1_skippable(const void *conn, enum rt_dir dir)
{
	const struct http1 *c = conn;
	const struct http1_side *side = &c->side[dir];

	/* An orphan's body may not be there. */
	if (side->skip || (dir == RT_RESP && c->orphan))
		return 0;
	return side->state == HTTP1_BODY || side->state == HTTP1_CHUNK_DATA ? side->left : 0;
}

static int http1_tail_only(const void *conn, enum rt_dir dir)
{
	(void)conn;
	(void)dir;
	return 0;
}

static uint32_t http1_in_flight(const void *conn)
{
	const struct http1 *c = conn;

	return c->pending.len + c->hidden + (c->orphan && !c->hidden) + c->tunnel;
}

static bool http1_waits(const void *conn)
{
	const struct http1 *c = conn;

	/* What answers a hole waits for nothing but its own bytes. */
	return !c->hole && !http1_in_flight(conn);
}

static void http1_init(void *conn, const struct rt_env *env, uint32_t flags)
{
	struct http1 *c = conn;

	fifo_init(&c->pending, sizeof(struct http1_req),
		  RT_LIMIT(env, http_pending, RT_HTTP_PENDING), env ? env->http_spares : NULL);
	if (flags & RT_LATE) {
		c->side[RT_REQ].state = c->side[RT_RESP].state = HTTP1_LOST;
		c->hole = c->fresh = true;
	}
}

static void http1_idle(void *conn)
{
	struct http1 *c = conn;

	fifo_trim(&c->pending, 0);
}

static void http1_fini(void *conn)
{
	struct http1 *c = conn;

	fifo_free(&c->pending);
}

const struct proto_ops http1_ops = {
	.name = "http",
	.conn_bytes = sizeof(struct http1),
	.init = http1_init,
	.fini = http1_fini,
	.feed = http1_feed,
	.gap = http1_gap,
	.eof = http1_eof,
	.skippable = http1_skippable,
	.tail_only = http1_tail_only,
	.waits = http1_waits,
	.in_flight = http1_in_flight,
	.idle = http1_idle,
};
