// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_text.h"

#include "proto/sqlnorm.h"

static const uint32_t text_flags[] = {
	[PG_STRINGS_UNKNOWN] = SQLLEX_UNSURE,
	[PG_STRINGS_STANDARD] = 0,
	[PG_STRINGS_ESCAPES] = SQLLEX_ESCAPES,
};

void pg_text_drop(struct pg_gather *g, struct pg_world *w)
{
	if (g->raw)
		pg_gather_give(w, g->raw);
	g->raw = NULL;
	g->len = 0;
	g->on = false;
}

void pg_text_start(struct pg_gather *g, struct pg_world *w)
{
	pg_text_drop(g, w);
	g->said = (struct pg_said){0};
	g->on = pg_world_keeps_text(w);
}

static uint8_t trace_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The text's dashes stand behind its 1st, 17th and 25th byte. */
static bool trace_dash(int i)
{
	return i == 1 || i == 17 || i == 25;
}

static void text_done(struct pg_gather *g, struct pg_world *w, struct slice sql, uint32_t flags)
{
	char trace[SQLCOMMENT_TRACEPARENT], *p = trace;

	g->said.text = pg_text_put(w, sql, flags, trace);
	g->said.traced = trace[0] != '\0';
	for (int i = 0; i < PG_TRACE_BYTES && g->said.traced; i++, p += 2) {
		p += trace_dash(i);
		g->said.trace[i] = (uint8_t)(trace_digit(p[0]) << 4 | trace_digit(p[1]));
	}
	pg_text_drop(g, w);
}

void pg_text_feed(struct pg_gather *g, struct pg_world *w, enum pg_strings strings,
		  const uint8_t *p, size_t n)
{
	const uint8_t *nul;
	size_t room;

	if (!g->on)
		return;
	nul = memchr(p, 0, n);
	if (nul)
		n = (size_t)(nul - p);
	if (nul && !g->len) {
		text_done(g, w, slice_make(p, n), text_flags[strings]);
		return;
	}
	if (!g->raw)
		g->raw = pg_gather_take(w);
	if (!g->raw) {
		g->on = false;
		return;
	}
	room = RT_PG_RAW_BYTES - g->len;
	memcpy(g->raw + g->len, p, n < room ? n : room);
	g->len += (uint32_t)(n < room ? n : room);
	if (n > room)
		pg_text_cut(g, w, strings);
	else if (nul)
		text_done(g, w, slice_make(g->raw, g->len), text_flags[strings]);
}

void pg_text_cut(struct pg_gather *g, struct pg_world *w, enum pg_strings strings)
{
	if (!g->on)
		return;
	text_done(g, w, slice_make(g->raw, g->len), text_flags[strings] | SQLLEX_CUT);
}

bool pg_said_eq(const struct pg_said *a, const struct pg_said *b)
{
	return a->text == b->text && a->traced == b->traced &&
	       (!a->traced || memcmp(a->trace, b->trace, PG_TRACE_BYTES) == 0);
}

struct slice pg_trace_text(const struct pg_said *said, char buf[PG_TRACE_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	char *p = buf;

	if (!said->traced)
		return (struct slice){0};
	for (int i = 0; i < PG_TRACE_BYTES; i++) {
		if (trace_dash(i))
			*p++ = '-';
		*p++ = hex[said->trace[i] >> 4];
		*p++ = hex[said->trace[i] & 15];
	}
	return slice_make(buf, PG_TRACE_TEXT);
}
