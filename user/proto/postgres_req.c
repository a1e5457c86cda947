// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_state.h"

bool pg_req_plausible(uint8_t type, uint32_t len)
{
	if (len < 4 || len > PG_BODY_MAX)
		return false;
	switch (type) {
	case 'S':
	case 'H':
	case 'X':
	case 'c': return len == 4;
	case 'Q':
	case 'f':
	case 'p': return len >= 5;
	case 'C':
	case 'D': return len >= 6;
	case 'P': return len >= 8;
	case 'E': return len >= 9;
	case 'B':
	case 'F': return len >= 12;
	case 'd': return true;
	default: return false;
	}
}

/*
 * The string at p[*at] of a body of `body` bytes, `have` of which are there. Its hash goes into
 * *hash and *at moves behind it. False: more bytes are needed. A string without an end, or one too
 * long, has no hash, and *at goes to the end of the body.
 */
static bool pg_name_at(const uint8_t *p, size_t have, size_t body, size_t *at, uint64_t *hash)
{
	size_t n, look;
	const uint8_t *nul;

	*hash = PG_NAME_NONE;
	if (*at >= body)
		return true;
	if (*at >= have)
		return false;
	n = have - *at;
	look = n < PG_NAME_BYTES ? n : PG_NAME_BYTES;
	nul = memchr(p + *at, 0, look);
	if (!nul && look < PG_NAME_BYTES && have < body)
		return false;
	if (nul) {
		*hash = pg_name_hash(slice_make(p + *at, (size_t)(nul - p) - *at));
		*at = (size_t)(nul - p) + 1;
	} else {
		*at = body;
	}
	return true;
}

/* One message whose head is there: fills `msg`, and *at with the bytes of the body it has used.
 * False: more bytes are needed. */
static bool pg_read_names(struct pg_pending *msg, uint8_t type, const uint8_t *p, size_t have,
			  size_t body, size_t *at)
{
	switch (type) {
	case 'P':
		msg->want = PG_WANT_PARSE;
		if (!pg_name_at(p, have, body, at, &msg->name))
			return false;
		if (msg->name != PG_NAME_NONE)
			msg->flags = (uint8_t)(pg_name_scope(slice_make(p, *at - 1))
					       << PG_PENDING_SCOPE);
		return true;
	case 'B':
		msg->want = PG_WANT_BIND;
		return pg_name_at(p, have, body, at, &msg->portal) &&
		       pg_name_at(p, have, body, at, &msg->statement);
	case 'E':
		msg->want = PG_WANT_EXECUTE;
		if (!pg_name_at(p, have, body, at, &msg->portal))
			return false;
		if (body - *at < 4)
			return true;
		if (have - *at < 4)
			return false;
		msg->max_rows = be32(p + *at);
		*at += 4;
		return true;
	case 'C':
		msg->want = PG_WANT_CLOSE;
		if (have < 1)
			return false;
		msg->close = p[0];
		*at = 1;
		return pg_name_at(p, have, body, at, &msg->name);
	case 'D': msg->want = PG_WANT_DESCRIBE; return true;
	case 'S': msg->want = PG_WANT_SYNC; return true;
	case 'F': msg->want = PG_WANT_FUNCTION; return true;
	case 'Q': msg->want = PG_WANT_QUERY; return true;
	default: return true;
	}
}

/* A negative limit means none, as 0 does. */
static void pg_fix_limit(struct pg_pending *msg)
{
	if (msg->max_rows > INT32_MAX)
		msg->max_rows = 0;
}

/* Gives what the text told to the entry that waits for it. */
static void pg_text_end(struct pg_conn *c)
{
	struct pg_pending *m = c->texting ? fifo_back(&c->pending) : NULL;

	c->texting = 0;
	c->req.step = PG_SKIP;
	if (!m)
		return;
	m->said = c->gather.said;
	memcpy(m->verbs, c->sql.verbs, sizeof(m->verbs));
	m->arg = c->sql.arg;
	if (c->sql.flags & PG_SQL_ENDED && !c->sql.statements)
		m->verbs[0] = PGTAG_OTHER;
	if (c->sql.flags == PG_SQL_ENDED)
		m->flags |= PG_PENDING_SINGLE;
}

/* The rest of the text is not to be had. */
static void pg_text_lost(struct pg_conn *c)
{
	pg_sql_cut(&c->sql);
	pg_text_cut(&c->gather, c->world, c->strings);
	pg_text_end(c);
}

static void pg_text_begin(struct pg_conn *c, bool wanted)
{
	if (!wanted)
		return;
	pg_sql_init(&c->sql);
	pg_text_start(&c->gather, c->world);
	c->texting = 1;
	c->req.step = PG_TEXT;
}

static ssize_t pg_req_head(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
			   const struct rt_sink *sink)
{
	struct pg_pending msg = {.start_ns = RT_AT(chunk, at)};
	const uint8_t *p = chunk->data + at;
	size_t n = chunk->len - at, used = 0, have, body;
	struct pg_pending *m = NULL;
	uint32_t len;

	if (n < PG_HEAD_BYTES)
		return 0;
	len = be32(p + 1);
	if (!pg_req_plausible(p[0], len)) {
		sink->unparsed(sink->arg, RT_UNPARSED_MALFORMED, 1);
		pg_sync_lost(c, RT_REQ);
		return (ssize_t)n;
	}
	body = len - 4;
	have = n - PG_HEAD_BYTES < body ? n - PG_HEAD_BYTES : body;
	if (!pg_read_names(&msg, p[0], p + PG_HEAD_BYTES, have, body, &used))
		return 0;
	if (used > have)
		used = have;
	pg_fix_limit(&msg);
	msg.bytes = len + 1ull;
	c->req.type = p[0];
	c->req.step = PG_SKIP;
	c->req.left = (uint32_t)(body - used);
	if (msg.want)
		m = pg_push(c, &msg, sink);
	else if (p[0] == 'c' || p[0] == 'f')
		pg_copy_done(c, sink);
	if (!msg.want && c->phase == PG_READY)
		c->unit.req_bytes += msg.bytes;
	pg_text_begin(c, m && (p[0] == 'Q' || (p[0] == 'P' && msg.name != PG_NAME_NONE)));
	if (!c->req.left) {
		c->req.type = 0;
		pg_text_end(c);
	}
	return (ssize_t)(PG_HEAD_BYTES + used);
}

void pg_req_hole(struct pg_conn *c, uint32_t len)
{
	c->req.left -= len;
	if (c->req.step == PG_TEXT)
		pg_text_lost(c);
	if (!c->req.left)
		c->req.type = 0;
}

ssize_t pg_req_step(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		    const struct rt_sink *sink)
{
	struct pg_stream *s = &c->req;
	size_t n = chunk->len - at;

	if (c->phase == PG_START)
		return pg_start_step(c, chunk, at, sink);
	if (c->phase == PG_CANCEL || c->phase == PG_DEAD)
		return (ssize_t)n;
	if (!s->synced) {
		ssize_t r = pg_sync_req(c, chunk, at, sink);

		if (!s->synced || r)
			return r;
		if (c->phase == PG_START)
			return pg_start_step(c, chunk, at, sink);
	}
	if (!s->type)
		return pg_req_head(c, chunk, at, sink);
	if (n > s->left)
		n = s->left;
	if (s->step == PG_TEXT) {
		pg_sql_feed(&c->sql, chunk->data + at, n);
		pg_text_feed(&c->gather, c->world, c->strings, chunk->data + at, n);
		if (pg_sql_done(&c->sql) && !c->gather.on)
			pg_text_end(c);
	}
	s->left -= (uint32_t)n;
	if (!s->left) {
		s->type = 0;
		if (s->step == PG_TEXT)
			pg_text_lost(c);
	}
	return (ssize_t)n;
}
