/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of the statement that one connection is sending. When it is in one piece it is
 * normalised where it lies; else its parts are gathered first, up to RT_PG_RAW_BYTES. Pure; one
 * thread.
 */
#ifndef REDTAP_PROTO_POSTGRES_TEXT_H
#define REDTAP_PROTO_POSTGRES_TEXT_H

#include "proto/postgres_world.h"

#define PG_TRACE_BYTES 26 /* a traceparent: version, trace id, parent id, flags */
#define PG_TRACE_TEXT  55

/* A text that was sent. */
struct pg_said {
	uint64_t text; /* pg_text_put(), or PG_TEXT_NONE */
	uint8_t trace[PG_TRACE_BYTES];
	uint8_t traced; /* there is a trace */
	uint8_t pad[5];
};

/* What a backslash means in '...'. */
enum pg_strings {
	PG_STRINGS_UNKNOWN = 0, /* the server's ParameterStatus was not seen */
	PG_STRINGS_STANDARD,
	PG_STRINGS_ESCAPES,
};

struct pg_gather {
	uint8_t *raw; /* NULL: nothing is gathered */
	uint32_t len;
	bool on; /* more of the text is wanted */
	struct pg_said said;
};

/* A text begins. Without a world, or one that keeps no text, nothing is done to it. */
void pg_text_start(struct pg_gather *g, struct pg_world *w);

/* Bytes of it, which may go on behind its NUL. */
void pg_text_feed(struct pg_gather *g, struct pg_world *w, enum pg_strings strings,
		  const uint8_t *p, size_t n);

/* Its rest is lost. */
void pg_text_cut(struct pg_gather *g, struct pg_world *w, enum pg_strings strings);

/* It is given up. */
void pg_text_drop(struct pg_gather *g, struct pg_world *w);

bool pg_said_eq(const struct pg_said *a, const struct pg_said *b);

/* The traceparent in `buf`, or an empty slice. */
struct slice pg_trace_text(const struct pg_said *said, char buf[PG_TRACE_TEXT]);

#endif
