// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_state.h"

#define PG_FOUND_MAX (64u << 20) /* longest message believed while a boundary is looked for */
#define PG_LOOK_BACK 16384       /* bytes in front of a ReadyForQuery searched for its verdict */
#define PG_REST      (RT_TAIL_BYTES - 1) /* kept when a call's end may complete it */

/* Whether the message can be the first that a client sends when nothing is outstanding. */
static bool pg_begins_unit(uint8_t type)
{
	return type && strchr("QPBDECFSX", type);
}

static bool pg_found_req(const uint8_t *p)
{
	return be32(p + 1) <= PG_FOUND_MAX && pg_req_plausible(p[0], be32(p + 1));
}

/* Whether the bytes are frontend messages one after the other, the last one ending with the call
 * (`end`), or reaching past what of the call is here. */
static bool pg_chain(const uint8_t *p, size_t n, bool end)
{
	size_t at = 0;

	while (at + PG_HEAD_BYTES <= n) {
		if (!pg_found_req(p + at))
			return false;
		at += 1 + (size_t)be32(p + at + 1);
	}
	return end ? at == n : at > 0;
}

void pg_sync_call(struct pg_conn *c, const struct rt_chunk *chunk, const struct rt_sink *sink)
{
	const struct pg_pending *m = fifo_front(&c->pending);
	bool turn = chunk->flags & RT_TURN;

	if (!(chunk->flags & RT_CALL_START) || c->phase < PG_AUTH || c->phase > PG_READY ||
	    c->req.type || chunk->len < PG_HEAD_BYTES || !pg_found_req(chunk->data) ||
	    !pg_begins_unit(chunk->data[0]))
		return;
	if (c->phase == PG_AUTH) {
		/* the end of the startup's answers was lost; the client has seen it */
		if (!c->resp.synced && turn) {
			c->phase = PG_READY;
			c->resp.fresh = PG_FRESH_CALL;
		}
		return;
	}
	if (c->untied && c->at_ready) {
		if (!c->windowed) {
			pg_forget(c, RT_UNPARSED_GAP, sink);
			return;
		}
		c->windowed--;
		c->at_ready = 0;
	} else if (!c->untied && turn && c->resp.synced && !c->resp.fresh && c->ready) {
		if (!c->copying_in)
			c->windowed = PG_WINDOWED;
	} else if (!c->untied && turn && !c->resp.synced && !c->windowed && !c->copying_in &&
		   (!m || c->resp_ns >= m->start_ns)) {
		/* the end of the answers was lost; the client has seen it and goes on */
		pg_forget(c, RT_UNPARSED_GAP, sink);
		c->resp.fresh = PG_FRESH_CALL;
	}
}

ssize_t pg_sync_req(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		    const struct rt_sink *sink)
{
	const uint8_t *p = chunk->data + at;
	size_t n = chunk->len - at;
	bool start = at == 0 && chunk->flags & RT_CALL_START;

	if (start && n < PG_START_HEAD && !(chunk->flags & RT_CALL_END))
		return 0;
	if (start && !c->heard && n >= PG_START_HEAD && pg_start_plausible(p)) {
		c->late = 0;
		c->untied = PG_TIED;
		c->phase = PG_START;
		c->req.synced = c->resp.synced = 1;
		return 0;
	}
	if (start && !c->untied && n >= PG_HEAD_BYTES &&
	    pg_found_req(p)) { /* pg_sync_call() saw a quiet place */
		c->req.synced = 1;
		return 0;
	}
	if (start && (chunk->flags & RT_TURN || !c->heard) && pg_begins_unit(p[0]) &&
	    pg_chain(p, n, chunk->flags & RT_CALL_END)) {
		c->req.synced = 1;
		/* what was lost may have been sent behind the answer that was heard */
		if (!c->resp.synced && !c->missed && !c->windowed) {
			pg_forget(c, RT_UNPARSED_GAP, sink);
			c->resp.fresh = PG_FRESH_CALL;
			c->unit.midway = !c->heard;
		}
		return 0;
	}
	c->heard = c->asked = 1;
	c->at_ready = 0;
	return (ssize_t)n;
}

/* Whether a message can come first of all that answers the front entry. */
static bool pg_fits(const struct pg_conn *c, const uint8_t *p)
{
	static const char *const first[] = {
		[0] = "3",       [1] = "1",      [2] = "2", [3] = "tTn",
		[4] = "DCsIGHW", [5] = "TCIGHW", [6] = "V", [7] = "Z",
	};

	if (be32(p + 1) > PG_FOUND_MAX || !pg_resp_plausible(p[0], be32(p + 1)) || !c->want)
		return false;
	return strchr(first[__builtin_ctz(c->want)], p[0]) || strchr("ENSA", p[0]);
}

static bool pg_is_ready(const uint8_t *p)
{
	return p[0] == 'Z' && be32(p + 1) == 5 && (p[5] == 'I' || p[5] == 'T' || p[5] == 'E');
}

/*
 * Whether a message that holds what looks like the ReadyForQuery at p[n - 6] ends with it: a row's
 * value may imitate one at the end of a call. Then neither is believed, the message may be part of
 * a value as well. Of a message whose head is not among these bytes nobody can know.
 */
static bool pg_ready_within(const uint8_t *p, size_t n)
{
	for (size_t at = n > PG_LOOK_BACK ? n - PG_LOOK_BACK : 0; at + PG_READY_BYTES < n; at++)
		if (be32(p + at + 1) == n - at - 1 && pg_resp_plausible(p[at], be32(p + at + 1)))
			return true;
	return false;
}

/* Whether a body is `strings` NUL-terminated strings. */
static bool pg_is_strings(struct slice body, unsigned int strings)
{
	for (size_t i = 0; i < body.n; i++)
		if (!body.p[i])
			strings--;
	return strings == 0 && body.n && !body.p[body.n - 1];
}

/* Whether a body is the fields of an error or a notice. */
static bool pg_is_fields(struct slice body)
{
	bool code = false;
	size_t i = 0;

	while (i < body.n && body.p[i]) {
		const uint8_t *nul = memchr(body.p + i, 0, body.n - i);
		uint8_t field = body.p[i] | 0x20;

		if (!nul || field < 'a' || field > 'z')
			return false;
		code |= body.p[i] == 'C' && nul == body.p + i + 6;
		i = (size_t)(nul - body.p) + 1;
	}
	return code && i + 1 == body.n;
}

static bool pg_is_message(uint8_t type, struct slice body)
{
	switch (type) {
	case 'C': return pg_is_strings(body, 1) && pgtag_valid(slice_make(body.p, body.n - 1));
	case 'E':
	case 'N': return pg_is_fields(body);
	case 'S': return pg_is_strings(body, 2);
	case 'A': return body.n > 4 && pg_is_strings(slice_make(body.p + 4, body.n - 4), 2);
	default: return false;
	}
}

/*
 * The verdict in front of a ReadyForQuery at p[end]: where the nearest CommandComplete or
 * ErrorResponse begins from which messages lead there without a break, -1 when there is none.
 *
 * The last message in front of ReadyForQuery ends there, and no such message can hold another: its
 * text has no three zeros in a row. So when it is whole among these bytes it is what is found. The
 * ambiguity: when it is longer than what was captured of the call, a row's value that imitates a
 * message reaching up to the ReadyForQuery would be believed in its place.
 */
static ssize_t pg_find_verdict(const uint8_t *p, size_t end)
{
	size_t low = end > PG_LOOK_BACK ? end - PG_LOOK_BACK : 0;
	size_t at = end;

	while (at > low) {
		struct slice body;

		at--;
		if (end - at < PG_HEAD_BYTES || be32(p + at + 1) != end - at - 1)
			continue;
		body = slice_make(p + at + PG_HEAD_BYTES, end - at - PG_HEAD_BYTES);
		if (!pg_is_message(p[at], body))
			continue;
		if (p[at] == 'C' || p[at] == 'E')
			return (ssize_t)at;
		end = at;
	}
	return -1;
}

/* The verdict of the one statement outstanding. */
static void pg_apply_verdict(struct pg_conn *c, const uint8_t *p, uint64_t ns,
			     const struct rt_sink *sink)
{
	struct slice body = slice_make(p + PG_HEAD_BYTES, be32(p + 1) - 4);
	struct pg_error e;

	pg_assume_verdict(c, ns, sink);
	if (p[0] == 'C') {
		pg_complete(c, slice_make(body.p, body.n - 1), ns, sink);
		return;
	}
	pg_error_whole(&e, body);
	pg_failed(c, &e, ns, sink);
}

/* ReadyForQuery came out of lost bytes: what can be told of what was outstanding is told. */
static void pg_found_ready(struct pg_conn *c, const struct rt_chunk *chunk, const uint8_t *p,
			   size_t n, const struct rt_sink *sink)
{
	size_t end = n - PG_READY_BYTES;
	ssize_t at = -1;

	if (pg_single(c) && !c->unended && !c->windowed)
		at = pg_find_verdict(p, end);
	if (at >= 0) {
		pg_apply_verdict(c, p + at, chunk->last_ns, sink);
	} else if (!c->untied && c->phase == PG_READY) {
		if (c->ready > 1) {
			pg_untie(c, PG_UNTIED_KNOWN);
		} else {
			uint32_t lost = pg_drop_unit(c);

			if (lost)
				sink->unparsed(sink->arg, RT_UNPARSED_GAP, lost);
			pg_book(c, chunk->last_ns, sink);
			c->status = p[n - 1];
			c->skipping = c->copying_in = c->streaming = 0;
			c->asked = c->ready || c->open;
			return;
		}
	}
	if (c->late)
		sink->unparsed(sink->arg, RT_UNPARSED_ORPHAN, 1);
	c->late = 0;
	/* which of the units under way it ends is not known */
	if (c->untied)
		c->unit.start_ns = 0;
	pg_ready(c, p[n - 1], chunk->last_ns, sink);
}

/*
 * Whether the answers to what is outstanding begin at chunk->data[at], where a call begins. 1: they
 * do. 0: they do not. -1: more bytes are needed. What was read before the request was written is
 * not its answer.
 */
static int pg_fresh(struct pg_conn *c, const struct rt_chunk *chunk, size_t at)
{
	const struct pg_pending *m = fifo_front(&c->pending);
	bool start = at == 0 && chunk->flags & RT_CALL_START;

	if (!m || !(start || c->resp.fresh == PG_FRESH_HERE))
		return 0;
	if (RT_AT(chunk, at) < m->start_ns) {
		/* it may have overtaken its request, or be one that was sent before the loss */
		if (c->waited)
			pg_untie(c, PG_UNTIED_BLIND);
		return 0;
	}
	if (chunk->len - at < PG_HEAD_BYTES)
		return -1;
	c->resp.fresh = PG_FRESH_NOT;
	if (!pg_fits(c, chunk->data + at)) {
		pg_untie(c, PG_UNTIED_BLIND);
		return 0;
	}
	c->resp.synced = 1;
	c->late = c->unended = 0;
	return 1;
}

ssize_t pg_sync_resp(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		     const struct rt_sink *sink)
{
	const uint8_t *p = chunk->data + at;
	size_t n = chunk->len - at;

	c->heard = 1;
	if (c->resp.fresh) {
		int r;

		/* the rest of an earlier call stands in front; what is behind it begins one, though
		 * it may come again without being called so */
		if (at == 0 && c->resp.left && n > c->resp.left) {
			uint32_t rest = c->resp.left;

			c->resp.left = 0;
			c->resp.fresh = PG_FRESH_HERE;
			return rest;
		}
		r = pg_fresh(c, chunk, at);
		if (r)
			return 0;
		if (c->resp.fresh) {
			c->resp.left = 0;
			c->resp.fresh = PG_FRESH_CALL;
			return (ssize_t)n;
		}
	}
	c->resp.left = 0;
	if (chunk->flags & RT_CALL_END && n >= PG_READY_BYTES &&
	    pg_is_ready(p + n - PG_READY_BYTES) && !pg_ready_within(p, n)) {
		c->resp.synced = 1;
		pg_found_ready(c, chunk, p, n, sink);
		c->unended = 0;
		c->at_ready = chunk->last_ns >= c->req_ns;
		return (ssize_t)n;
	}
	if (chunk->flags & RT_CALL_END && !pg_single(c))
		return (ssize_t)n;
	/* kept: the next bytes may complete it */
	if (chunk->flags & RT_CALL_END)
		c->resp.left = n < PG_REST ? (uint32_t)n : PG_REST;
	return (ssize_t)(n > PG_REST ? n - PG_REST : 0);
}

void pg_sync_lost(struct pg_conn *c, enum rt_dir dir)
{
	struct pg_stream *s = dir == RT_REQ ? &c->req : &c->resp;

	s->synced = s->fresh = s->type = 0;
	s->left = 0;
	if (dir == RT_REQ) {
		c->missed = c->heard || !c->late;
		c->texting = 0;
		pg_text_drop(&c->gather, c->world);
		pg_untie(c, PG_UNTIED_BLIND);
		return;
	}
	c->at_ready = c->negotiating = 0;
	if (!pg_single(c))
		pg_rows_end(c);
	/* nothing is outstanding: the next answer begins with a call */
	if (!c->untied && !c->pending.len && c->phase == PG_READY)
		c->resp.fresh = PG_FRESH_CALL;
}
