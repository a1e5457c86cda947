// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_state.h"

static void pg_misfit(struct pg_conn *c, const struct rt_sink *sink)
{
	sink->unparsed(sink->arg, c->unit.midway ? RT_UNPARSED_ORPHAN : RT_UNPARSED_MALFORMED, 1);
	pg_untie(c, PG_UNTIED_BLIND);
}

/* By what the connection was seen to prepare, else by what others call so. */
static const struct pg_name *pg_statement(struct pg_conn *c, uint64_t key)
{
	struct pg_name *e;
	uint64_t text;
	uint8_t verb;

	if (key != PG_NAME_NONE && key == c->unnamed.key)
		return &c->unnamed;
	e = pg_names_get(&c->statements, key);
	if (e || key == PG_NAME_NONE || !pg_shared_get(c->world, key, c->tgid, &verb, &text))
		return e;
	e = pg_names_put(&c->statements, key);
	if (e) {
		e->verb = verb;
		e->text = text;
	}
	return e;
}

/* The statement recorded next is one of this text. */
static void pg_says(struct pg_conn *c, uint64_t text)
{
	struct pg_unit *u = &c->unit;

	u->said = text != PG_TEXT_NONE && u->parsed.text == text ? u->parsed
								 : (struct pg_said){.text = text};
}

static struct pg_name *pg_portal(struct pg_conn *c, uint64_t key)
{
	if (key != PG_NAME_NONE && key == c->unnamed_portal.key)
		return &c->unnamed_portal;
	return pg_names_get(&c->portals, key);
}

/* A suspended portal's statement of the open unit, while another may be about to be recorded. */
static void pg_record_portal(struct pg_conn *c, const struct pg_name *portal,
			     const struct rt_sink *sink)
{
	struct pg_said other = c->unit.said;

	pg_says(c, portal->text);
	pg_record(c, portal->verb, portal->rows, portal->seen, sink);
	c->unit.said = other;
}

/* A portal ends: what it gave before it was suspended was a statement. */
static void pg_portal_end(struct pg_conn *c, struct pg_name *portal, const struct rt_sink *sink)
{
	if (!portal || !portal->rows)
		return;
	if (portal->end_ns)
		pg_book_suspended(c, portal, sink);
	else
		pg_record_portal(c, portal, sink);
	portal->rows = 0;
	portal->seen = (struct pg_rows){0};
}

void pg_portals_end(struct pg_conn *c, const struct rt_sink *sink)
{
	for (uint32_t i = 0; i < c->portals.cap; i++)
		if (c->portals.slots[i].key != PG_NAME_NONE)
			pg_portal_end(c, &c->portals.slots[i], sink);
	if (c->unnamed_portal.key != PG_NAME_NONE)
		pg_portal_end(c, &c->unnamed_portal, sink);
	pg_names_clear(&c->portals);
	c->unnamed_portal.key = PG_NAME_NONE;
	c->suspending = 0;
}

/* The unit in which portals were suspended ends. */
static void pg_portals_ready(struct pg_conn *c, uint64_t ns)
{
	for (uint32_t i = 0; i < c->portals.cap; i++)
		if (!c->portals.slots[i].end_ns)
			c->portals.slots[i].end_ns = ns;
	if (!c->unnamed_portal.end_ns)
		c->unnamed_portal.end_ns = ns;
	c->suspending = 0;
}

static struct pg_name *pg_name_put(struct pg_names *t, struct pg_name *unnamed, uint64_t key,
				   const struct rt_sink *sink)
{
	struct pg_name *e;

	if (key == pg_name_hash(SLICE(""))) {
		*unnamed = (struct pg_name){.key = key};
		return unnamed;
	}
	e = pg_names_put(t, key);
	if (!e && key != PG_NAME_NONE)
		sink->unparsed(sink->arg, RT_UNPARSED_LIMIT, 1);
	return e;
}

static void pg_parsed(struct pg_conn *c, const struct pg_pending *m, const struct rt_sink *sink)
{
	struct pg_name *e = pg_name_put(&c->statements, &c->unnamed, m->name, sink);

	c->unit.parsed = m->said;
	pg_shared_put(c->world, m->name, m->flags >> PG_PENDING_SCOPE, c->tgid, m->verbs[0],
		      m->said.text);
	if (!e)
		return;
	e->text = m->said.text;
	e->verb = m->verbs[0];
	e->arg = m->arg;
}

static void pg_bound(struct pg_conn *c, const struct pg_pending *m, const struct rt_sink *sink)
{
	const struct pg_name *statement = pg_statement(c, m->statement);
	struct pg_name *e;

	pg_portal_end(c, pg_portal(c, m->portal), sink);
	e = pg_name_put(&c->portals, &c->unnamed_portal, m->portal, sink);

	if (!e)
		return;
	e->text = statement ? statement->text : PG_TEXT_NONE;
	e->verb = statement ? statement->verb : PGTAG_UNKNOWN;
	e->arg = statement ? statement->arg : PG_NAME_NONE;
}

static void pg_closed(struct pg_conn *c, const struct pg_pending *m, const struct rt_sink *sink)
{
	struct pg_name *unnamed = m->close == 'S' ? &c->unnamed : &c->unnamed_portal;

	if (m->close != 'S')
		pg_portal_end(c, pg_portal(c, m->name), sink);
	if (m->name != PG_NAME_NONE && m->name == unnamed->key)
		unnamed->key = PG_NAME_NONE;
	pg_names_drop(m->close == 'S' ? &c->statements : &c->portals, m->name);
}

void pg_answer(struct pg_conn *c, uint8_t bit, uint64_t ns, const struct rt_sink *sink)
{
	const struct pg_pending *m;

	if (c->untied)
		return;
	m = pg_touch(c, ns);
	if (!m) {
		sink->unparsed(sink->arg, RT_UNPARSED_ORPHAN, 1);
		return;
	}
	if (pg_next(c) != bit) {
		/* a query's RowDescription answers nothing by itself */
		if (!(bit == PG_WANT_DESCRIBE && c->want & PG_WANT_QUERY))
			pg_misfit(c, sink);
		return;
	}
	if (bit == PG_WANT_PARSE)
		pg_parsed(c, m, sink);
	else if (bit == PG_WANT_BIND)
		pg_bound(c, m, sink);
	else if (bit == PG_WANT_CLOSE)
		pg_closed(c, m, sink);
	pg_took(c, bit);
}

void pg_assume_verdict(struct pg_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	while (c->want & (PG_WANT_PARSE | PG_WANT_BIND | PG_WANT_DESCRIBE))
		pg_answer(c, pg_next(c), ns, sink);
}

/* DISCARD and DEALLOCATE; `arg`: the name in the latter. */
static void pg_discard(struct pg_conn *c, struct slice tag, uint64_t arg)
{
	bool all = slice_eq(tag, SLICE("DISCARD ALL"));

	if (all || slice_eq(tag, SLICE("DEALLOCATE ALL")))
		pg_names_clear(&c->statements);
	else if (slice_eq(tag, SLICE("DEALLOCATE")))
		pg_names_drop(&c->statements, arg);
}

/* The end of an Execute: what its portal gave before, and the name in its text. */
static uint64_t pg_executed(struct pg_conn *c, const struct pg_pending *m, uint64_t *arg,
			    struct pg_rows *seen)
{
	struct pg_name *portal = pg_portal(c, m->portal);
	uint64_t rows = 0;

	if (portal) {
		rows = portal->rows;
		if (portal->seen.row_ns) {
			seen->row_ns = portal->seen.row_ns;
			seen->sent_ns = portal->seen.sent_ns;
		}
		portal->rows = 0;
		portal->seen = (struct pg_rows){0};
		*arg = portal->arg;
		pg_says(c, portal->text);
	}
	return rows;
}

void pg_complete(struct pg_conn *c, struct slice tag, uint64_t ns, const struct rt_sink *sink)
{
	const struct pg_pending *m = pg_touch(c, ns);
	uint64_t rows, arg = PG_NAME_NONE;
	uint8_t verb = (uint8_t)pgtag_parse(tag, &rows);
	struct pg_rows seen = pg_rows_end(c);

	c->streaming = c->copying_in = 0;
	if (!c->untied && !m) {
		sink->unparsed(sink->arg, RT_UNPARSED_ORPHAN, 1);
		return;
	}
	if (!c->untied && pg_next(c) == PG_WANT_QUERY) {
		/* its own portal has taken the unnamed one's place */
		pg_portal_end(c, &c->unnamed_portal, sink);
		c->unnamed_portal.key = PG_NAME_NONE;
		arg = m->arg;
		c->unit.said = m->said;
		if (c->unit.query < UINT8_MAX)
			c->unit.query++;
	} else if (!c->untied && pg_next(c) == PG_WANT_EXECUTE) {
		rows += pg_executed(c, m, &arg, &seen);
		pg_took(c, PG_WANT_EXECUTE);
	} else if (!c->untied) {
		pg_misfit(c, sink);
	}
	/* the transaction may go on by AND CHAIN or in the same unit, its portals do not */
	if (slice_eq(tag, SLICE("COMMIT")))
		pg_portals_end(c, sink);
	pg_record(c, verb, rows, seen, sink);
	if (verb == PGTAG_DISCARD || verb == PGTAG_DEALLOCATE)
		pg_discard(c, tag, arg);
}

void pg_empty(struct pg_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	if (c->untied) {
		if (c->owed)
			c->owed--;
		return;
	}
	pg_touch(c, ns);
	pg_rows_end(c);
	if (pg_next(c) == PG_WANT_EXECUTE)
		pg_took(c, PG_WANT_EXECUTE);
	else if (pg_next(c) != PG_WANT_QUERY)
		pg_misfit(c, sink);
}

void pg_suspended(struct pg_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	const struct pg_pending *m = pg_touch(c, ns);
	struct pg_name *portal;
	struct pg_rows seen;

	c->streaming = 0;
	if (c->untied) {
		c->unit.loose++;
		c->unit.loose_rows += c->unit.data_rows;
		pg_rows_end(c);
		return;
	}
	if (pg_next(c) != PG_WANT_EXECUTE) {
		pg_misfit(c, sink);
		return;
	}
	seen = pg_rows_end(c);
	portal = pg_portal(c, m->portal);
	if (!portal) /* bound before we came */
		portal = pg_name_put(&c->portals, &c->unnamed_portal, m->portal, sink);
	if (portal) {
		portal->rows += m->max_rows;
		portal->start_ns = c->unit.start_ns;
		portal->end_ns = 0;
		if (!portal->seen.row_ns)
			portal->seen = seen;
		portal->seen.first_ns = seen.first_ns;
		c->suspending = 1;
	}
	pg_took(c, PG_WANT_EXECUTE);
}

/* The command of the statement that failed at the answer awaited next. */
static uint8_t pg_failed_verb(struct pg_conn *c, const struct pg_pending *m)
{
	const struct pg_name *e;
	uint8_t i = c->unit.query;

	switch (pg_next(c)) {
	case PG_WANT_QUERY:
		c->unit.said = m->said;
		if (i == 0)
			return m->verbs[0];
		return i < PG_SQL_VERBS && m->verbs[i] ? m->verbs[i] : PGTAG_OTHER;
	case PG_WANT_PARSE: c->unit.said = m->said; return m->verbs[0];
	case PG_WANT_BIND: e = pg_statement(c, m->statement); break;
	default: e = pg_portal(c, m->portal);
	}
	pg_says(c, e ? e->text : PG_TEXT_NONE);
	return e ? e->verb : PGTAG_UNKNOWN;
}

/* Books the failure that ends the connection: no ReadyForQuery will come. */
static void pg_fatal(struct pg_conn *c, uint64_t ns, const struct rt_sink *sink)
{
	uint32_t n = pg_unbook(c);

	if (n)
		sink->unparsed(sink->arg, RT_UNPARSED_ABANDONED, n);
	if (c->unit.failed) {
		/* the one that failed is not outstanding any more */
		if (c->want & (PG_WANT_EXECUTE | PG_WANT_QUERY))
			pg_took(c, c->want);
		pg_book(c, ns, sink);
	}
	pg_forget(c, RT_UNPARSED_ABANDONED, sink);
	c->phase = PG_DEAD;
}

void pg_failed(struct pg_conn *c, const struct pg_error *e, uint64_t ns, const struct rt_sink *sink)
{
	const struct pg_pending *m = pg_touch(c, ns);
	bool fatal = e && (!strcmp(e->severity, "FATAL") || !strcmp(e->severity, "PANIC"));
	uint8_t next = pg_next(c);

	c->streaming = c->copying_in = 0;
	if (!e)
		sink->unparsed(sink->arg, RT_UNPARSED_GAP, 1);
	if (m && c->unit.midway && next & (PG_WANT_CLOSE | PG_WANT_DESCRIBE | PG_WANT_FUNCTION)) {
		/* perhaps a statement's that was sent before we came */
		pg_untie(c, PG_UNTIED_BLIND);
		m = NULL;
	}
	if (c->phase == PG_READY && e && c->untied && (c->asked || !fatal)) {
		pg_record_failure(c, PGTAG_UNKNOWN, false, e);
		c->owed = 0; /* what the server skips now is not known */
	} else if (c->phase == PG_READY && m && e) {
		if (next & (PG_WANT_PARSE | PG_WANT_BIND | PG_WANT_EXECUTE | PG_WANT_QUERY))
			pg_record_failure(c, pg_failed_verb(c, m), false, e);
		else if (next == PG_WANT_SYNC)
			pg_record_failure(c, PGTAG_UNKNOWN, !c->unit.midway, e);
	} else if (c->phase == PG_READY && !m && !c->untied && !fatal) {
		sink->unparsed(sink->arg, RT_UNPARSED_ORPHAN, 1);
		return;
	}
	if (m && next == PG_WANT_PARSE && m->name == c->unnamed.key)
		c->unnamed.key = PG_NAME_NONE;
	if (fatal)
		pg_fatal(c, ns, sink);
	else if (m && !(next & PG_WANT_READY))
		pg_skip_to_sync(c);
}

/* Untied, Executes were suspended: at a transaction's end their portals are gone, and each was a
 * statement; else they may go on, and it cannot be told. */
static void pg_loose(struct pg_conn *c, uint8_t status, const struct rt_sink *sink)
{
	uint64_t rows = c->unit.loose_rows;

	if (status != 'I') {
		sink->unparsed(sink->arg, RT_UNPARSED_GAP, c->unit.loose);
		return;
	}
	for (uint32_t i = 0; i < c->unit.loose; i++, rows = 0)
		pg_record(c, PGTAG_UNKNOWN, rows, (struct pg_rows){0}, sink);
}

static bool pg_awaits_sync(const struct pg_conn *c)
{
	for (uint32_t i = 0; i < c->pending.len; i++) {
		const struct pg_pending *m = fifo_at(&c->pending, i);

		if (m->want & PG_WANT_SYNC)
			return true;
	}
	return false;
}

/* The unit met half-way ends, with `next` awaited: was it seen whole? */
static void pg_midway_ready(struct pg_conn *c, uint8_t next)
{
	/* a failure in front of a query drops that, too, and it is a Sync that is answered */
	if (!c->unit.failed || !pg_awaits_sync(c)) {
		c->unit.midway = 0;
	} else if (next != PG_WANT_SYNC) {
		pg_untie(c, PG_UNTIED_BLIND);
		c->owed = 0;
	}
}

void pg_ready(struct pg_conn *c, uint8_t status, uint64_t ns, const struct rt_sink *sink)
{
	const struct pg_pending *m;
	uint8_t next;

	c->status = status;
	c->at_ready = ns >= c->req_ns;
	c->streaming = 0;
	if (c->phase == PG_AUTH) {
		c->phase = PG_READY;
		return;
	}
	m = pg_touch(c, ns);
	next = pg_next(c);
	if (status == 'I')
		pg_portals_end(c, sink);
	else if (c->suspending)
		pg_portals_ready(c, ns);
	if (!c->untied && m && !(next & PG_WANT_READY))
		pg_misfit(c, sink);
	else if (!c->untied && m && c->unit.midway)
		pg_midway_ready(c, next);
	if (!c->untied && m) {
		if (next == PG_WANT_QUERY)
			c->unnamed.key = PG_NAME_NONE;
		pg_took(c, next);
		m = fifo_front(&c->pending);
		/* sent behind this answer, though told before it, while another is out */
		if (m && m->start_ns < ns && c->req_ns > ns && !c->copying_in)
			c->windowed = PG_WINDOWED;
	} else if (!c->untied) {
		sink->unparsed(sink->arg, RT_UNPARSED_ORPHAN, 1);
	} else if (c->ready) {
		c->ready--;
	}
	if (c->unit.loose)
		pg_loose(c, status, sink);
	pg_book(c, ns, sink);
	c->asked = c->ready || c->open;
	/* `ready` never counts too few, so at 0 all that was sent has been answered */
	if (c->untied == PG_UNTIED_KNOWN && !c->asked)
		pg_forget(c, RT_UNPARSED_GAP, sink);
}
