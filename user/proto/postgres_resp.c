// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_state.h"

bool pg_resp_plausible(uint8_t type, uint32_t len)
{
	if (len < 4 || len > PG_BODY_MAX)
		return false;
	switch (type) {
	case '1':
	case '2':
	case '3':
	case 'n':
	case 's':
	case 'I':
	case 'c': return len == 4;
	case 'Z': return len == 5;
	case 'C': return len >= 5 && len <= PG_TAG_BYTES;
	case 'R':
	case 'v':
	case 'V':
	case 'K': return len >= 8;
	case 'T':
	case 'D':
	case 't':
	case 'S': return len >= 6;
	case 'G':
	case 'H':
	case 'W': return len >= 7;
	case 'A': return len >= 10;
	case 'E':
	case 'N': return len >= 5;
	case 'd': return true;
	default: return false;
	}
}

void pg_error_feed(struct pg_error *e, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!e->field) {
			e->field = p[i];
			e->at = 0;
			if (e->field == 'V' || (e->field == 'S' && !e->plain)) {
				memset(e->severity, 0, sizeof(e->severity));
				e->plain = e->field == 'V';
			}
			continue;
		}
		if (p[i] == '\0') {
			e->field = 0;
			continue;
		}
		if (e->field == 'C' && e->at < sizeof(e->sqlstate) - 1)
			e->sqlstate[e->at] = (char)p[i];
		else if ((e->field == 'V' || (e->field == 'S' && !e->plain)) &&
			 e->at < sizeof(e->severity) - 1)
			e->severity[e->at] = (char)p[i];
		if (e->at < UINT8_MAX)
			e->at++;
	}
}

/* An SQLSTATE becomes part of a label: what is none is made one that none is. */
static void pg_error_end(struct pg_error *e)
{
	for (size_t i = 0; i < sizeof(e->sqlstate) - 1; i++) {
		char c = e->sqlstate[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z')) {
			memcpy(e->sqlstate, "XXXXX", sizeof(e->sqlstate));
			return;
		}
	}
}

void pg_error_whole(struct pg_error *e, struct slice body)
{
	memset(e, 0, sizeof(*e));
	pg_error_feed(e, body.p, body.n);
	pg_error_end(e);
}

/* ParameterStatus, its body. */
static void pg_parameter(struct pg_conn *c, struct slice body)
{
	if (slice_eq(body, slice_make("standard_conforming_strings\0on", 31)))
		c->strings = PG_STRINGS_STANDARD;
	else if (slice_eq(body, slice_make("standard_conforming_strings\0off", 32)))
		c->strings = PG_STRINGS_ESCAPES;
}

/* What a message says by its head alone. */
static void pg_resp_begin(struct pg_conn *c, uint8_t type, uint64_t ns, uint64_t end_ns,
			  const struct rt_sink *sink)
{
	switch (type) {
	case 'D':
		pg_row(c, ns);
		c->unit.data_rows++;
		break;
	case 'd': c->streaming = 1; break;
	case '1': pg_answer(c, PG_WANT_PARSE, end_ns, sink); break;
	case '2': pg_answer(c, PG_WANT_BIND, end_ns, sink); break;
	case '3': pg_answer(c, PG_WANT_CLOSE, end_ns, sink); break;
	case 'T':
	case 'n': pg_answer(c, PG_WANT_DESCRIBE, end_ns, sink); break;
	case 's': pg_suspended(c, end_ns, sink); break;
	case 'I': pg_empty(c, end_ns, sink); break;
	case 'G':
	case 'W': pg_copy_in(c); break;
	default: break; /* H c t V: part of what follows; N S A K R v: of nobody's concern */
	}
}

/* Passes over whole DataRows, most of what a server sends. The bytes they were. */
static size_t pg_rows(struct pg_conn *c, const struct rt_chunk *chunk, size_t at)
{
	const uint8_t *p = chunk->data + at;
	size_t n = chunk->len - at, used = 0;

	while (n - used >= PG_HEAD_BYTES && p[used] == 'D') {
		uint32_t len = be32(p + used + 1);

		if (len < 6 || len > PG_BODY_MAX || n - used < len + 1ull)
			break;
		used += len + 1ull;
		c->unit.data_rows++;
	}
	if (!used)
		return 0;
	pg_row(c, RT_AT(chunk, at));
	c->at_ready = 0;
	if (c->pending.len || c->untied)
		c->unit.resp_bytes += used;
	return used;
}

static ssize_t pg_resp_head(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
			    const struct rt_sink *sink)
{
	const uint8_t *p = chunk->data + at;
	size_t n = chunk->len - at, used;
	uint32_t len;

	if (n < PG_HEAD_BYTES)
		return 0;
	used = pg_rows(c, chunk, at);
	if (used)
		return (ssize_t)used;
	len = be32(p + 1);
	if (!pg_resp_plausible(p[0], len)) {
		sink->unparsed(sink->arg, RT_UNPARSED_MALFORMED, 1);
		pg_sync_lost(c, RT_RESP);
		return pg_sync_resp(c, chunk, at, sink);
	}
	if ((p[0] == 'C' || p[0] == 'Z' || (p[0] == 'S' && len <= PG_TAG_BYTES)) && n < len + 1ull)
		return 0;
	if (p[0] == 'S' && n >= len + 1ull)
		pg_parameter(c, slice_make(p + PG_HEAD_BYTES, len - 4));
	if (c->pending.len || c->untied)
		c->unit.resp_bytes += len + 1ull;
	c->at_ready = 0;
	if (p[0] == 'C') {
		/* the tag's NUL is not part of it */
		pg_complete(c, slice_make(p + PG_HEAD_BYTES, len - 5), chunk->last_ns, sink);
		return (ssize_t)len + 1;
	}
	if (p[0] == 'Z') {
		pg_ready(c, p[PG_HEAD_BYTES], chunk->last_ns, sink);
		return PG_READY_BYTES;
	}
	c->resp.type = p[0];
	c->resp.left = len - 4;
	c->resp.step = PG_SKIP;
	if (p[0] == 'E') {
		c->resp.step = PG_FIELD;
		memset(&c->error, 0, sizeof(c->error));
	} else {
		pg_resp_begin(c, p[0], RT_AT(chunk, at), chunk->last_ns, sink);
	}
	if (!c->resp.left)
		c->resp.type = 0;
	return PG_HEAD_BYTES;
}

static void pg_resp_end(struct pg_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	c->resp.type = 0;
	if (c->resp.step == PG_FIELD) {
		pg_error_end(&c->error);
		pg_failed(c, &c->error, ns, sink);
	} else if (c->resp.step == PG_HOLED) {
		pg_failed(c, NULL, ns, sink);
	}
}

void pg_resp_hole(struct pg_conn *c, uint32_t len, uint64_t ns, const struct rt_sink *sink)
{
	if (c->resp.step == PG_FIELD)
		c->resp.step = PG_HOLED;
	c->resp.left -= len;
	if (!c->resp.left)
		pg_resp_end(c, ns, sink);
}

/* The one byte that answers an SSL or GSS request; a server that cannot may send an error. */
static ssize_t pg_negotiated(struct pg_conn *c, uint8_t answer)
{
	if (answer == 'S' || answer == 'G')
		return RT_LEAVE;
	if (answer == 'N') {
		c->negotiating--;
		return 1;
	}
	c->negotiating = 0;
	return 0;
}

ssize_t pg_resp_step(struct pg_conn *c, const struct rt_chunk *chunk, size_t at,
		     const struct rt_sink *sink)
{
	struct pg_stream *s = &c->resp;
	size_t n = chunk->len - at;

	if (c->phase == PG_CANCEL || c->phase == PG_DEAD)
		return (ssize_t)n;
	if (!s->synced) {
		ssize_t r = pg_sync_resp(c, chunk, at, sink);

		if (!s->synced || r)
			return r;
	}
	if (c->negotiating) {
		ssize_t r = pg_negotiated(c, chunk->data[at]);

		if (r)
			return r;
	}
	if (!s->type)
		return pg_resp_head(c, chunk, at, sink);
	if (n > s->left)
		n = s->left;
	if (s->step == PG_FIELD)
		pg_error_feed(&c->error, chunk->data + at, n);
	s->left -= (uint32_t)n;
	if (!s->left)
		pg_resp_end(c, chunk->last_ns, sink);
	return (ssize_t)n;
}
