// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_state.h"

/* Statements that entries of these want-bits still owe. */
static uint32_t pg_owing(uint8_t want)
{
	return !!(want & (PG_WANT_EXECUTE | PG_WANT_QUERY));
}

uint32_t pg_outstanding(const struct pg_conn *c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < c->pending.len; i++) {
		const struct pg_pending *m = fifo_at(&c->pending, i);

		n += (uint64_t)pg_owing(m->want) * m->count;
		if (i > 0)
			continue;
		n -= pg_owing(m->want) - pg_owing(c->want);
		/* of several statements in a query at least one more may come */
		if (c->want & PG_WANT_QUERY && c->unit.query && m->flags & PG_PENDING_SINGLE)
			n--;
	}
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Makes the entry in front the one that is answered next. */
static void pg_front(struct pg_conn *c)
{
	struct pg_pending *m;

	while ((m = fifo_front(&c->pending)) && !m->want)
		fifo_pop(&c->pending, 1);
	c->want = m ? m->want : 0;
	if (!m)
		fifo_trim(&c->pending, PG_TRIM);
}

static void pg_pop(struct pg_conn *c)
{
	struct pg_pending *m = fifo_front(&c->pending);

	c->unit.req_bytes += m->bytes;
	if (m->want & PG_WANT_READY && c->ready)
		c->ready--;
	fifo_pop(&c->pending, 1);
	pg_front(c);
}

void pg_took(struct pg_conn *c, uint8_t bits)
{
	struct pg_pending *m = fifo_front(&c->pending);

	c->want &= (uint8_t)~bits;
	if (c->want)
		return;
	if (m->count > 1) {
		m->count--;
		c->want = m->want;
	} else {
		pg_pop(c);
	}
}

void pg_skip_to_sync(struct pg_conn *c)
{
	struct pg_pending *m;

	while ((m = fifo_front(&c->pending))) {
		if (m->want & PG_WANT_SYNC) {
			c->want = PG_WANT_SYNC;
			return;
		}
		pg_pop(c);
	}
	c->skipping = 1;
	c->open = 0;
}

/* Nobody has seen which portal went on, or what was made without a name. How many statements were
 * suspended. */
static uint32_t pg_lose_names(struct pg_conn *c)
{
	uint32_t n = c->unnamed_portal.key != PG_NAME_NONE && c->unnamed_portal.rows;

	for (uint32_t i = 0; i < c->portals.cap; i++)
		n += c->portals.slots[i].key != PG_NAME_NONE && c->portals.slots[i].rows;
	pg_names_clear(&c->portals);
	c->unnamed_portal = (struct pg_name){.key = PG_NAME_NONE};
	c->unnamed.key = PG_NAME_NONE;
	c->suspending = 0;
	return n;
}

uint32_t pg_drop_unit(struct pg_conn *c)
{
	uint32_t n = pg_outstanding(c);
	struct pg_pending *m;

	while ((m = fifo_front(&c->pending))) {
		bool last = m->want & PG_WANT_READY;

		pg_pop(c);
		if (last)
			break;
	}
	return n - pg_outstanding(c) + pg_lose_names(c);
}

static void pg_clear(struct pg_conn *c)
{
	fifo_pop(&c->pending, c->pending.len);
	fifo_trim(&c->pending, PG_TRIM);
	c->want = 0;
	c->skipping = c->copying_in = c->streaming = 0;
}

void pg_untie(struct pg_conn *c, enum pg_untied how)
{
	const struct pg_pending *m = fifo_front(&c->pending);

	if (m && !c->unit.start_ns)
		c->unit.start_ns = m->start_ns;
	c->owed += pg_outstanding(c) + pg_lose_names(c);
	c->at_ready = 0;              /* that was before */
	c->resp.fresh = PG_FRESH_NOT; /* the answers' front is looked for by their ends */
	pg_clear(c);
	if (how > c->untied)
		c->untied = (uint8_t)how;
}

void pg_forget(struct pg_conn *c, enum rt_unparsed cause, const struct rt_sink *sink)
{
	uint32_t n = c->owed + pg_outstanding(c) + pg_unbook(c);

	if (cause == RT_UNPARSED_GAP && c->pending.len)
		n += pg_lose_names(c);
	if (n)
		sink->unparsed(sink->arg, cause, n);
	pg_clear(c);
	c->unit = (struct pg_unit){0};
	c->owed = c->ready = 0;
	c->open = c->asked = c->unended = 0;
	c->untied = PG_TIED;
}

/* Whether a message of an extended sequence goes into the newest entry. */
static bool pg_joins(const struct pg_pending *m, const struct pg_pending *msg)
{
	if (!m || m->count != 1 || m->start_ns != msg->start_ns || !m->want ||
	    m->want >= msg->want || m->want & PG_WANT_READY)
		return false;
	switch (msg->want) {
	case PG_WANT_BIND:
	case PG_WANT_DESCRIBE: return !(m->want & PG_WANT_CLOSE);
	case PG_WANT_EXECUTE:
		return !(m->want & PG_WANT_CLOSE) &&
		       (!(m->want & PG_WANT_BIND) || m->portal == msg->portal);
	case PG_WANT_SYNC: return true;
	default: return false;
	}
}

static void pg_join(struct pg_conn *c, struct pg_pending *m, const struct pg_pending *msg)
{
	m->want |= msg->want;
	m->bytes += msg->bytes;
	if (msg->want & PG_WANT_BIND)
		m->statement = msg->statement;
	if (msg->want & (PG_WANT_BIND | PG_WANT_EXECUTE))
		m->portal = msg->portal;
	if (msg->want & PG_WANT_EXECUTE)
		m->max_rows = msg->max_rows;
	if (c->pending.len == 1)
		c->want |= msg->want;
}

/* The newest entry is whole: when it repeats the one before, the two become one. */
static void pg_merge(struct pg_conn *c)
{
	struct pg_pending *a, *b = fifo_back(&c->pending);

	if (c->pending.len < 2 || b->want & (PG_WANT_READY | PG_WANT_PARSE | PG_WANT_CLOSE))
		return;
	a = fifo_at(&c->pending, c->pending.len - 2);
	if (a->want != b->want || !a->want || a->statement != b->statement ||
	    a->portal != b->portal || a->max_rows != b->max_rows || a->count == UINT32_MAX)
		return;
	a->count++;
	a->bytes += b->bytes;
	fifo_pop_back(&c->pending);
}

struct pg_pending *pg_push(struct pg_conn *c, const struct pg_pending *msg,
			   const struct rt_sink *sink)
{
	struct pg_pending *m = fifo_back(&c->pending);

	if (c->skipping && !(msg->want & PG_WANT_SYNC))
		return NULL;
	if (c->copying_in && msg->want & PG_WANT_SYNC)
		return NULL;
	c->skipping = 0;
	c->asked = 1;
	c->open = !(msg->want & PG_WANT_READY);
	if (!c->open)
		c->ready++;
	if (!c->untied) {
		if (pg_joins(m, msg)) {
			pg_join(c, m, msg);
			return m;
		}
		pg_merge(c);
		m = fifo_push(&c->pending);
		if (m) {
			*m = *msg;
			m->count = 1;
			if (c->pending.len == 1)
				c->want = m->want;
			return m;
		}
		sink->unparsed(sink->arg, RT_UNPARSED_LIMIT, 1);
		pg_untie(c, PG_UNTIED_KNOWN);
	}
	c->unit.req_bytes += msg->bytes;
	c->owed += pg_owing(msg->want);
	return NULL;
}

void pg_copy_done(struct pg_conn *c, const struct rt_sink *sink)
{
	struct pg_pending *m;

	if (c->copying_in || c->untied || c->skipping || !c->pending.len) {
		c->copying_in = 0;
		return;
	}
	/* sent before the server's CopyInResponse was read: pg_copy_in() will look for it */
	pg_merge(c);
	m = fifo_push(&c->pending);
	if (!m) {
		sink->unparsed(sink->arg, RT_UNPARSED_LIMIT, 1);
		pg_untie(c, PG_UNTIED_KNOWN);
		return;
	}
	m->count = 1;
	m->flags = PG_PENDING_COPY_DONE;
}

/* Whether the newest entry that waits for something lacks its Sync. */
static bool pg_is_open(const struct pg_conn *c)
{
	for (uint32_t i = c->pending.len; i > 0; i--) {
		const struct pg_pending *m = fifo_at(&c->pending, i - 1);

		if (m->want)
			return !(m->want & PG_WANT_READY);
	}
	return false;
}

void pg_copy_in(struct pg_conn *c)
{
	bool done = false;

	for (uint32_t i = 0; i < c->pending.len && !done; i++) {
		struct pg_pending *m = fifo_at(&c->pending, i);

		done = m->flags & PG_PENDING_COPY_DONE;
		if (done)
			m->flags = 0;
		if (!(m->want & PG_WANT_SYNC))
			continue;
		m->want &= (uint8_t)~PG_WANT_SYNC;
		if (i == 0)
			c->want &= (uint8_t)~PG_WANT_SYNC;
		if (c->ready)
			c->ready--;
	}
	c->open = pg_is_open(c);
	c->copying_in = !done && c->pending.len;
}

struct pg_pending *pg_touch(struct pg_conn *c, uint64_t ns)
{
	struct pg_pending *m = fifo_front(&c->pending);
	struct pg_unit *u = &c->unit;
	uint64_t start_ns = u->start_ns;

	if (m && ns < m->start_ns && c->waited)
		m->start_ns = ns; /* its hook ran behind that of its answer */
	if (m && ns < m->start_ns) {
		/* read before that was written: somebody else's answer */
		pg_untie(c, PG_UNTIED_BLIND);
		u->start_ns = start_ns;
		m = NULL;
	}
	/* what was answered before this was sent, and was no statement, is not part of the clock */
	if (m && (!u->start_ns || (!u->statements && !u->failed && m->start_ns >= u->answer_ns)))
		u->start_ns = m->start_ns;
	if (m && (!u->sent_ns || m->start_ns >= u->answer_ns))
		u->sent_ns = m->start_ns;
	u->answer_ns = ns;
	return m;
}

void pg_row(struct pg_conn *c, uint64_t ns)
{
	c->streaming = 1;
	if (c->unit.seen.first_ns)
		return;
	pg_touch(c, ns);
	c->unit.seen = (struct pg_rows){ns, ns, c->pending.len ? c->unit.sent_ns : 0};
}

struct pg_rows pg_rows_end(struct pg_conn *c)
{
	struct pg_rows seen = c->unit.seen;

	c->unit.seen = (struct pg_rows){0};
	c->unit.data_rows = c->unit.sent_ns = 0;
	return seen;
}

bool pg_single(const struct pg_conn *c)
{
	const struct pg_pending *m = fifo_front(&c->pending);

	if (c->untied || c->pending.len != 1 || m->count != 1 || c->unit.statements ||
	    c->unit.failed)
		return false;
	if (c->want & PG_WANT_QUERY)
		return m->flags & PG_PENDING_SINGLE;
	return c->want & PG_WANT_EXECUTE && c->want & PG_WANT_SYNC && !m->max_rows;
}
