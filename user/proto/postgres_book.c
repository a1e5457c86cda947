// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_state.h"

void pg_record(struct pg_conn *c, uint8_t verb, uint64_t rows, struct pg_rows seen,
	       const struct rt_sink *sink)
{
	struct pg_done *d = fifo_back(&c->done);
	struct pg_said said = c->unit.said;

	c->unit.said = (struct pg_said){0};
	if (c->owed)
		c->owed--;
	if (!d || d->verb != verb || !pg_said_eq(&d->said, &said) || seen.row_ns ||
	    d->seen.row_ns || d->rows != rows * d->count) {
		struct pg_done *fresh = fifo_push(&c->done);

		if (fresh)
			*(d = fresh) = (struct pg_done){.verb = verb, .seen = seen, .said = said};
		else if (!d || d->verb != verb) {
			sink->unparsed(sink->arg, RT_UNPARSED_LIMIT, 1);
			return;
		}
		/* else past the bound: rows of one kind of statement are kept as a sum */
	}
	d->rows += rows;
	d->count++;
	c->unit.statements++;
}

void pg_record_failure(struct pg_conn *c, uint8_t verb, bool last, const struct pg_error *e)
{
	struct pg_done *d = fifo_back(&c->done);

	if (c->unit.failed)
		return;
	if (last) {
		if (!d)
			return;
		verb = d->verb;
		c->unit.seen = d->seen;
		c->unit.said = d->said;
		d->rows -= d->rows / d->count;
		c->unit.statements--;
		if (--d->count == 0)
			fifo_pop_back(&c->done);
	} else if (c->owed) {
		c->owed--;
	}
	c->unit.failed = 1;
	c->unit.fail_verb = verb;
	c->unit.failed_said = c->unit.said;
	c->unit.said = (struct pg_said){0};
	memcpy(c->unit.sqlstate, e->sqlstate, sizeof(c->unit.sqlstate));
	c->unit.fatal = strcmp(e->severity, "FATAL") == 0 || strcmp(e->severity, "PANIC") == 0;
}

uint32_t pg_unbook(struct pg_conn *c)
{
	uint32_t n = c->unit.statements;

	fifo_pop(&c->done, c->done.len);
	fifo_trim(&c->done, PG_TRIM);
	c->unit.statements = 0;
	return n;
}

/* Where the text of what is said comes from. */
static void pg_say_text(const struct pg_conn *c, struct rt_txn *t, const struct pg_said *said,
			char trace[PG_TRACE_TEXT])
{
	struct pg_text text = {0};

	pg_text_get(c->world, said->text, &text);
	t->pg.text = text.text;
	t->pg.summary = text.summary;
	t->pg.text_cut = text.cut;
	t->pg.traceparent = pg_trace_text(said, trace);
}

static void pg_say(struct rt_txn *t, uint8_t verb, uint64_t rows, const struct pg_rows *seen,
		   const struct rt_sink *sink)
{
	t->first_ns = seen->first_ns;
	t->pg.sent_ns = seen->sent_ns;
	t->pg.row_ns = seen->row_ns;
	t->pg.query_type = pgtag_name(verb);
	t->pg.rows = rows;
	sink->txn(sink->arg, t);
	t->req_bytes = t->resp_bytes = 0;
}

void pg_book_suspended(const struct pg_conn *c, const struct pg_name *portal,
		       const struct rt_sink *sink)
{
	struct rt_txn t = {
		.proto = RT_PROTO_POSTGRES,
		.start_ns = portal->start_ns,
		.end_ns = portal->end_ns,
		.pg = {.database = slice_make(c->database, c->database_len),
		       .user = slice_make(c->user, c->user_len),
		       .batch = 1},
	};
	char trace[PG_TRACE_TEXT];

	pg_say_text(c, &t, &(struct pg_said){.text = portal->text}, trace);
	pg_say(&t, portal->verb, portal->rows, &portal->seen, sink);
}

/* Which request each answer of the open unit was to is not known after all: neither are the texts,
 * what failed, nor when it began. */
static void pg_disown(struct pg_conn *c)
{
	for (uint32_t i = 0; i < c->done.len; i++) {
		struct pg_done *d = fifo_at(&c->done, i);

		d->said = (struct pg_said){0};
		d->seen.sent_ns = 0;
	}
	c->unit.fail_verb = PGTAG_UNKNOWN;
	c->unit.failed_said = (struct pg_said){0};
	c->unit.seen.sent_ns = c->unit.start_ns = 0;
}

void pg_book(struct pg_conn *c, uint64_t end_ns, const struct rt_sink *sink)
{
	struct pg_unit *u = &c->unit;
	struct rt_txn t;
	char trace[PG_TRACE_TEXT];

	if (u->midway)
		pg_disown(c);
	t = (struct rt_txn){
		.proto = RT_PROTO_POSTGRES,
		.flags = u->start_ns ? 0 : RT_TXN_NO_DURATION,
		.start_ns = u->start_ns ? u->start_ns : end_ns,
		.end_ns = end_ns,
		.req_bytes = u->req_bytes,
		.resp_bytes = u->resp_bytes,
		.pg = {.database = slice_make(c->database, c->database_len),
		       .user = slice_make(c->user, c->user_len),
		       .batch = u->statements + u->failed},
	};

	for (uint32_t i = 0; i < c->done.len; i++) {
		const struct pg_done *d = fifo_at(&c->done, i);
		uint64_t rest = d->rows % d->count;

		pg_say_text(c, &t, &d->said, trace);
		for (uint32_t j = 0; j < d->count; j++, rest = 0)
			pg_say(&t, d->verb, d->rows / d->count + rest, &d->seen, sink);
	}
	if (u->failed) {
		pg_say_text(c, &t, &u->failed_said, trace);
		t.pg.fatal = u->fatal;
		memcpy(t.pg.sqlstate, u->sqlstate, sizeof(t.pg.sqlstate));
		pg_say(&t, u->fail_verb, 0, &u->seen, sink);
	}
	pg_unbook(c);
	*u = (struct pg_unit){0};
}
