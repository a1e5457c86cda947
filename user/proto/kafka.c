// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames of both directions. Every frame says its length, so what is missing inside one only costs
 * what it held; only a gap over the beginning of a frame loses the boundary.
 */
#include "proto/kafka_conn.h"

#define REQUEST_HEAD  12 /* size, key, version, correlation id */
#define RESPONSE_HEAD 8  /* size, correlation id */
#define SIZE_BYTES    4
#define REQUEST_MIN   10 /* key, version, correlation id, no client id */
#define VERSION_MAX   INT8_MAX
#define STRIKES_MAX   16 /* broken frames of a connection that never had a good one */

static void kafka_init(void *conn, const struct rt_env *env, uint32_t flags)
{
	const uint32_t parts = RT_LIMIT(env, kafka_partitions, RT_KAFKA_PARTS);
	struct kafka_conn *c = conn;

	c->env = env;
	fifo_init(&c->pending, sizeof(struct kafka_pending),
		  RT_LIMIT(env, kafka_pending, RT_KAFKA_PENDING), NULL);
	fifo_init(&c->parts, sizeof(struct kafka_part), parts, NULL);
	fifo_init(&c->results, sizeof(struct kafka_result), parts, NULL);
	fifo_init(&c->aborted, sizeof(struct kafka_aborted), KAFKA_ABORTED_MAX, NULL);
	kafka_map_init(&c->session, parts);
	if (flags & RT_LATE)
		c->dir[RT_REQ].state = c->dir[RT_RESP].state = KAFKA_LOST;
}

static void kafka_fini(void *conn)
{
	struct kafka_conn *c = conn;

	fifo_free(&c->pending);
	fifo_free(&c->parts);
	fifo_free(&c->results);
	fifo_free(&c->aborted);
	kafka_map_free(&c->session);
}

void kafka_conn_set_owner(void *conn, uint32_t tgid, enum rt_role role)
{
	struct kafka_conn *c = conn;

	c->owner = tgid && role == RT_ROLE_SERVER ? tgid | KAFKA_OWNER_SERVER : tgid;
	c->who.tgid = role == RT_ROLE_CLIENT ? tgid : 0;
}

static void kafka_lose(struct kafka_stream *s)
{
	s->state = KAFKA_LOST;
	s->has_candidate = 0;
}

/* Bytes consumed of a head: 0: more are needed, -1: no such head. */
static int kafka_request_head(struct kafka_conn *c, const uint8_t *p, size_t n,
			      struct kafka_head *head)
{
	if (n < SIZE_BYTES)
		return 0;
	*head = (struct kafka_head){.size = be32(p), .api = KAFKA_TOKEN};
	if (head->size > KAFKA_FRAME_MAX)
		return -1;
	if (c->sasl_raw) {
		switch (kafka_probe_request(p, n)) {
		case KAFKA_PROBE_NO: return SIZE_BYTES;
		case KAFKA_PROBE_MORE: return 0;
		default: c->sasl_raw = 0;
		}
	}
	if (head->size < REQUEST_MIN)
		return -1;
	if (n < REQUEST_HEAD)
		return 0;
	head->api = (int16_t)be16(p + 4);
	head->version = (int16_t)be16(p + 6);
	head->correlation = (int32_t)be32(p + 8);
	return head->api < 0 || head->version < 0 || head->version > VERSION_MAX ? -1
										 : REQUEST_HEAD;
}

static void kafka_request_start(struct kafka_conn *c, const struct kafka_head *head, int used,
				const struct rt_sink *sink)
{
	const struct kafka_api *api = kafka_api(head->api);
	struct kafka_walk *w = &c->dir[RT_REQ].walk;
	uint64_t left = head->size - (uint32_t)(used - SIZE_BYTES);
	bool known = api && head->version <= api->max;

	kafka_request_begin(c, head, sink);
	/* Not at the answer: tokens are sent behind it, but may be heard of before it. */
	if (head->api == KAFKA_SASL_HANDSHAKE)
		c->sasl_raw = head->version == 0;
	if (head->api == KAFKA_TOKEN) {
		kafka_walk_start(w, NULL, NULL, 0, 0, left);
		return;
	}
	if (!known)
		kafka_count(sink, RT_UNPARSED_VERSION, 1);
	kafka_walk_start(w, kafka_request_header, known ? api->req : NULL, head->version,
			 api && head->version >= api->flex, left);
}

static int kafka_response_head(const uint8_t *p, size_t n, const struct kafka_conn *c,
			       struct kafka_head *head)
{
	const struct kafka_pending *front = fifo_front(&c->pending);
	bool token = front && front->api == KAFKA_TOKEN;

	if (n < SIZE_BYTES)
		return 0;
	*head = (struct kafka_head){.size = be32(p), .api = KAFKA_TOKEN};
	if (head->size > KAFKA_FRAME_MAX)
		return -1;
	if (head->size < RESPONSE_HEAD - SIZE_BYTES)
		return token ? SIZE_BYTES : -1;
	if (n < RESPONSE_HEAD)
		return 0;
	head->correlation = (int32_t)be32(p + 4);
	if (token && kafka_pending_find(c, head->correlation) < 0)
		return SIZE_BYTES;
	head->api = 0;
	return RESPONSE_HEAD;
}

static void kafka_response_start(struct kafka_conn *c, const struct kafka_head *head, int used,
				 const struct rt_sink *sink)
{
	struct kafka_walk *w = &c->dir[RT_RESP].walk;
	uint64_t left = head->size - (uint32_t)(used - SIZE_BYTES);
	bool token = head->api == KAFKA_TOKEN;
	int64_t i = token ? 0 : kafka_pending_find(c, head->correlation);
	const struct kafka_pending *p;
	const struct kafka_api *api;
	bool flexible;

	if (i < 0) {
		c->resp.open = 0;
		kafka_count(sink, RT_UNPARSED_ORPHAN, 1);
		kafka_walk_start(w, NULL, NULL, 0, 0, left);
		return;
	}
	kafka_pending_abandon(c, (uint32_t)i, sink);
	kafka_response_begin(c, sink);
	p = fifo_front(&c->pending);
	api = kafka_api(p->api);
	if (!api || p->version > api->max || !api->resp) {
		kafka_walk_start(w, NULL, NULL, 0, 0, left);
		return;
	}
	/* A client must read the answer to ApiVersions before it knows what the broker speaks. */
	flexible = p->version >= api->flex;
	kafka_walk_start(w, p->api == KAFKA_API_VERSIONS ? NULL : kafka_response_header, api->resp,
			 p->version, flexible, left);
}

/* The head at data[pos]: bytes consumed, 0: more are needed, or there is no boundary here. */
static size_t kafka_head_at(struct kafka_conn *c, enum rt_dir dir, const struct rt_chunk *chunk,
			    size_t pos, const struct rt_sink *sink)
{
	struct kafka_stream *s = &c->dir[dir];
	const uint8_t *p = chunk->data + pos;
	size_t n = chunk->len - pos;
	struct kafka_head head;
	int used = dir == RT_REQ ? kafka_request_head(c, p, n, &head)
				 : kafka_response_head(p, n, c, &head);

	if (used < 0) {
		kafka_count(sink, RT_UNPARSED_MALFORMED, 1);
		c->strikes += !c->confirmed;
		kafka_lose(s);
	}
	if (used <= 0)
		return 0;
	s->state = KAFKA_IN_FRAME;
	s->latest = 0;
	s->first_ns = RT_AT(chunk, pos);
	s->bytes = SIZE_BYTES + (uint64_t)head.size;
	if (dir == RT_REQ)
		kafka_request_start(c, &head, used, sink);
	else
		kafka_response_start(c, &head, used, sink);
	return (size_t)used;
}

/*
 * The frame is not what its head promises. On a connection where no response has matched yet, the
 * head was none: a boundary is looked for again instead of believing its length.
 */
static void kafka_broken(struct kafka_conn *c, enum rt_dir dir, const struct rt_sink *sink)
{
	struct kafka_stream *s = &c->dir[dir];

	kafka_count(sink, RT_UNPARSED_MALFORMED, 1);
	kafka_walk_drop(&s->walk);
	if (c->confirmed)
		return;
	c->strikes++;
	if (dir == RT_REQ) {
		kafka_request_forget(c);
		kafka_lose(s);
	}
}

static void kafka_frame_end(struct kafka_conn *c, enum rt_dir dir, uint64_t ns,
			    const struct rt_sink *sink)
{
	struct kafka_stream *s = &c->dir[dir];

	s->state = KAFKA_AT_HEAD;
	if (!s->walk.whole)
		kafka_broken(c, dir, sink);
	if (dir == RT_REQ)
		kafka_request_end(c, ns, sink);
	else
		kafka_response_end(c, ns, sink);
}

/* As much of the frame as data[pos..] has: bytes consumed. */
static size_t kafka_frame(struct kafka_conn *c, enum rt_dir dir, const struct rt_chunk *chunk,
			  size_t pos, const struct rt_sink *sink)
{
	struct kafka_walk *w = &c->dir[dir].walk;
	size_t start = pos, used;
	struct kafka_event ev;

	while (w->left && pos < chunk->len) {
		switch (kafka_walk_step(w, chunk->data + pos, chunk->len - pos, &used, &ev)) {
		case KAFKA_MORE: return pos - start;
		case KAFKA_BAD:
			kafka_broken(c, dir, sink);
			if (c->dir[dir].state != KAFKA_IN_FRAME)
				return pos - start;
			continue;
		case KAFKA_STEP: break;
		}
		pos += used;
		if (ev.role == KAFKA_NONE)
			continue;
		if (dir == RT_REQ)
			kafka_request_field(c, &ev, chunk->last_ns, sink);
		else
			kafka_response_field(c, &ev, chunk->last_ns, sink);
	}
	return pos - start;
}

/* A response to nothing, which may only have overtaken its request. */
static bool kafka_early(const struct kafka_conn *c, enum rt_dir dir, const struct rt_chunk *chunk)
{
	return dir == RT_RESP && chunk->flags & RT_EARLY && !c->pending.len &&
	       c->dir[RT_REQ].state != KAFKA_LOST;
}

static ssize_t kafka_feed(void *conn, enum rt_dir dir, const struct rt_chunk *chunk,
			  const struct rt_sink *sink)
{
	struct kafka_conn *c = conn;
	struct kafka_stream *s = &c->dir[dir];
	size_t pos = 0, used;

	c->waits = 0;
	for (;;) {
		uint8_t state = s->state;

		if (state == KAFKA_IN_FRAME && !s->walk.left) {
			kafka_frame_end(c, dir, chunk->last_ns, sink);
			continue;
		}
		if (c->strikes > STRIKES_MAX)
			return RT_LEAVE;
		if (pos == chunk->len)
			break;
		if (state == KAFKA_LOST)
			used = kafka_scan(c, dir, chunk, pos, sink);
		else if (state == KAFKA_AT_HEAD && kafka_early(c, dir, chunk))
			used = !(c->waits = 1);
		else if (state == KAFKA_AT_HEAD)
			used = kafka_head_at(c, dir, chunk, pos, sink);
		else
			used = kafka_frame(c, dir, chunk, pos, sink);
		pos += used;
		if (!used && s->state == state)
			break;
	}
	return (ssize_t)pos;
}

static int kafka_gap(void *conn, enum rt_dir dir, uint64_t off, uint64_t len, uint64_t ns,
		     uint32_t flags, const struct rt_sink *sink)
{
	struct kafka_conn *c = conn;
	struct kafka_stream *s = &c->dir[dir];
	uint64_t take;

	if (s->state == KAFKA_LOST && s->candidate < off + len)
		s->has_candidate = 0;
	while (len && s->state != KAFKA_LOST) {
		if (s->state == KAFKA_AT_HEAD) {
			kafka_count(sink, RT_UNPARSED_GAP, 1);
			kafka_lose(s);
			break;
		}
		take = len < s->walk.left ? len : s->walk.left;
		if (kafka_walk_gap(&s->walk, take))
			kafka_count(sink, RT_UNPARSED_GAP, 1);
		len -= take;
		s->latest = !s->walk.left && flags & RT_AT_LATEST;
		if (!s->walk.left)
			kafka_frame_end(c, dir, ns, sink);
	}
	return 0;
}

static void kafka_eof(void *conn, enum rt_dir dir, uint64_t ns, int reset,
		      const struct rt_sink *sink)
{
	struct kafka_conn *c = conn;

	(void)reset;
	if (dir == RT_RESP)
		c->over = 1;
	/* A server may still read requests behind the reset that ended its answers. */
	if (c->over)
		kafka_responses_over(c, ns, sink);
}

static uint64_t kafka_skippable(const void *conn, enum rt_dir dir)
{
	const struct kafka_stream *s = &((const struct kafka_conn *)conn)->dir[dir];

	return s->state == KAFKA_IN_FRAME ? s->walk.skip : 0;
}

static int kafka_tail_only(const void *conn, enum rt_dir dir)
{
	(void)conn;
	(void)dir;
	return 0;
}

static bool kafka_waits(const void *conn)
{
	return ((const struct kafka_conn *)conn)->waits;
}

static uint32_t kafka_in_flight(const void *conn)
{
	const struct kafka_conn *c = conn;

	return c->pending.len - c->tokens;
}

const struct proto_ops kafka_ops = {
	.name = "kafka",
	.conn_bytes = sizeof(struct kafka_conn),
	.init = kafka_init,
	.fini = kafka_fini,
	.owner = kafka_conn_set_owner,
	.walked = true,
	.feed = kafka_feed,
	.gap = kafka_gap,
	.eof = kafka_eof,
	.skippable = kafka_skippable,
	.tail_only = kafka_tail_only,
	.waits = kafka_waits,
	.in_flight = kafka_in_flight,
};
