// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres.h"

#include "proto/postgres_state.h"

/* The byte of pg_session(), with enum pg_pool_state. */
#define PG_SESSION       0x80
#define PG_SESSION_NAMED 0x40

static void pg_init(void *conn, const struct rt_env *env, uint32_t flags)
{
	const uint32_t pending = RT_LIMIT(env, pg_pending, RT_PG_PENDING);
	struct pg_conn *c = conn;

	c->world = env ? env->postgres : NULL;
	fifo_init(&c->pending, sizeof(struct pg_pending), pending, NULL);
	fifo_init(&c->done, sizeof(struct pg_done), pending, NULL);
	pg_names_init(&c->statements, RT_LIMIT(env, pg_statements, RT_PG_STATEMENTS));
	pg_names_init(&c->portals, PG_PORTALS);
	if (flags & RT_LATE) {
		c->phase = PG_READY;
		c->late = 1;
		c->untied = PG_UNTIED_BLIND;
	} else {
		c->req.synced = c->resp.synced = 1;
	}
}

static void pg_fini(void *conn)
{
	struct pg_conn *c = conn;

	fifo_free(&c->pending);
	fifo_free(&c->done);
	pg_names_free(&c->statements);
	pg_names_free(&c->portals);
	pg_text_drop(&c->gather, c->world);
}

static void pg_owner(void *conn, uint32_t tgid, enum rt_role role)
{
	struct pg_conn *c = conn;

	(void)role;
	c->tgid = tgid;
}

/* Bytes of an answer come. Of a call whose middle was not captured the end always is: when the next
 * bytes begin a call, one that was lost has ended, perhaps in ReadyForQuery. */
static void pg_heard(struct pg_conn *c, const struct rt_chunk *chunk)
{
	c->missed = 0;
	c->resp_ns = chunk->last_ns;
	if (c->holed && chunk->flags & RT_CALL_START)
		c->unended = 1;
	c->holed = 0;
}

/* An answer to nothing, which may only have overtaken its request. What a server says by itself is
 * none. */
static bool pg_early(const struct pg_conn *c, const struct rt_chunk *chunk, size_t at)
{
	if (!(chunk->flags & RT_EARLY) || c->phase != PG_READY || c->untied || c->pending.len ||
	    c->resp.type || !(c->resp.synced || c->resp.fresh))
		return false;
	return !c->resp.synced || !strchr("NSA", chunk->data[at]);
}

static ssize_t pg_feed(void *conn, enum rt_dir dir, const struct rt_chunk *chunk,
		       const struct rt_sink *sink)
{
	struct pg_conn *c = conn;
	size_t at = 0;

	c->waits = dir == RT_RESP && chunk->len && pg_early(c, chunk, 0);
	if (c->waits)
		return 0;
	c->waited = dir == RT_RESP && chunk->flags & RT_WAITED;
	if (dir == RT_REQ)
		pg_sync_call(c, chunk, sink);
	else
		pg_heard(c, chunk);
	while (at < chunk->len) {
		ssize_t n;

		c->waits = dir == RT_RESP && pg_early(c, chunk, at);
		if (c->waits)
			break;
		n = dir == RT_REQ ? pg_req_step(c, chunk, at, sink)
				  : pg_resp_step(c, chunk, at, sink);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		at += (size_t)n;
	}
	if (dir == RT_REQ)
		c->req_ns = chunk->last_ns;
	if (dir == RT_RESP && (at < chunk->len || !(chunk->flags & RT_CALL_END)))
		c->at_ready = 0;
	return (ssize_t)at;
}

static int pg_gap(void *conn, enum rt_dir dir, uint64_t off, uint64_t len, uint64_t ns,
		  uint32_t flags, const struct rt_sink *sink)
{
	struct pg_conn *c = conn;
	struct pg_stream *s = dir == RT_REQ ? &c->req : &c->resp;

	(void)off;
	(void)flags; /* no time of a gap begins or ends a statement */
	if (dir == RT_RESP)
		c->resp_ns = ns;
	if (c->phase == PG_CANCEL || c->phase == PG_DEAD || !len)
		return 0;
	if (s->synced && s->type) {
		uint32_t inside = len < s->left ? (uint32_t)len : s->left;

		if (dir == RT_REQ)
			pg_req_hole(c, inside);
		else
			pg_resp_hole(c, inside, ns, sink);
		len -= inside;
	}
	if (!len)
		return 0;
	if (c->phase == PG_START && dir == RT_REQ)
		c->phase = PG_AUTH;
	if (dir == RT_RESP)
		c->holed = 1;
	pg_sync_lost(c, dir);
	return 0;
}

static void pg_eof(void *conn, enum rt_dir dir, uint64_t ns, int reset, const struct rt_sink *sink)
{
	struct pg_conn *c = conn;

	(void)ns;
	(void)reset;
	if (dir != RT_RESP)
		return;
	pg_portals_end(c, sink);
	pg_forget(c, RT_UNPARSED_ABANDONED, sink);
	c->phase = PG_DEAD;
}

static uint64_t pg_skippable(const void *conn, enum rt_dir dir)
{
	const struct pg_conn *c = conn;
	const struct pg_stream *s = dir == RT_REQ ? &c->req : &c->resp;

	return s->synced && s->type && (s->step == PG_SKIP || s->step == PG_HOLED) ? s->left : 0;
}

static int pg_tail_only(const void *conn, enum rt_dir dir)
{
	const struct pg_conn *c = conn;

	if (dir != RT_RESP || c->phase != PG_READY || c->resp.fresh || c->resp.step == PG_FIELD)
		return 0;
	return (c->streaming || !c->resp.synced) && pg_single(c);
}

static bool pg_waits(const void *conn)
{
	return ((const struct pg_conn *)conn)->waits;
}

static uint32_t pg_in_flight(const void *conn)
{
	const struct pg_conn *c = conn;

	if (c->untied)
		return c->asked ? (c->ready ? c->ready : 1) : 0;
	return c->ready + ((c->open || c->skipping) &&
			   (c->pending.len || c->unit.statements || c->unit.failed));
}

int postgres_pool_state(const void *conn)
{
	const struct pg_conn *c = conn;

	if (c->phase == PG_CANCEL || c->phase == PG_DEAD)
		return PG_POOL_NONE;
	if (c->phase != PG_READY)
		return PG_POOL_CONNECTING;
	if (pg_in_flight(conn))
		return PG_POOL_ACTIVE;
	switch (c->status) {
	case 'I': return PG_POOL_IDLE;
	case 'T': return PG_POOL_IDLE_IN_TRANSACTION;
	case 'E': return PG_POOL_IDLE_IN_TRANSACTION_ABORTED;
	default: return PG_POOL_UNKNOWN;
	}
}

static uint8_t pg_session(const void *conn, struct rt_session *out)
{
	const struct pg_conn *c = conn;
	int state = postgres_pool_state(conn);

	if (state == PG_POOL_NONE)
		return 0;
	if (out)
		*out = (struct rt_session){
			.state = (uint8_t)state,
			.database = slice_make(c->database, c->database_len),
		};
	return (uint8_t)(PG_SESSION | state | (c->database_len ? PG_SESSION_NAMED : 0));
}

const char *pg_pool_state_name(int state)
{
	static const char *const names[PG_POOL_MAX] = {
		[PG_POOL_UNKNOWN] = "unknown",
		[PG_POOL_CONNECTING] = "connecting",
		[PG_POOL_ACTIVE] = "active",
		[PG_POOL_IDLE] = "idle",
		[PG_POOL_IDLE_IN_TRANSACTION] = "idle_in_transaction",
		[PG_POOL_IDLE_IN_TRANSACTION_ABORTED] = "idle_in_transaction_aborted",
	};

	return state >= 0 && state < PG_POOL_MAX ? names[state] : NULL;
}

const struct proto_ops postgres_ops = {
	.name = "postgres",
	.conn_bytes = sizeof(struct pg_conn),
	.init = pg_init,
	.fini = pg_fini,
	.owner = pg_owner,
	.feed = pg_feed,
	.gap = pg_gap,
	.eof = pg_eof,
	.skippable = pg_skippable,
	.tail_only = pg_tail_only,
	.waits = pg_waits,
	.in_flight = pg_in_flight,
	.session = pg_session,
};
