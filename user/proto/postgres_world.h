/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PostgreSQL connections share: normalised statement texts, and what prepared statements are
 * called where a name means the same on more than one connection. Bounded, see limits.h. One
 * thread.
 */
#ifndef REDTAP_PROTO_POSTGRES_WORLD_H
#define REDTAP_PROTO_POSTGRES_WORLD_H

#include "base/slice.h"
#include "limits.h"

struct pg_world;
struct sqlnorm;

/* `text`: whether statement texts are kept, and so are normalised at all. NULL: no memory. */
struct pg_world *pg_world_new(bool text);
void pg_world_free(struct pg_world *w);

struct pg_world_stats {
	uint64_t texts; /* kept now, and their bytes */
	uint64_t text_bytes;
	uint64_t evicted;   /* a text went to make room for another */
	uint64_t cut;       /* texts not whole, each time one came */
	uint64_t missed;    /* texts that came in parts while RT_PG_GATHERS others did */
	uint64_t ambiguous; /* names found to mean several things */
};

void pg_world_stats(const struct pg_world *w, struct pg_world_stats *out);

/* ---- texts: for the postgres_*.c files ---- */

#define PG_TEXT_NONE 0u

struct pg_text {
	struct slice text;
	struct slice summary;
	bool cut;
};

/* Whether texts are kept; false of NULL. */
bool pg_world_keeps_text(const struct pg_world *w);

/* Normalises a statement and keeps its text. Its number, PG_TEXT_NONE when memory is short.
 * `flags`: SQLLEX_*; `traceparent` (SQLCOMMENT_TRACEPARENT bytes) is written, empty without one.
 * Nothing is allocated for a text that is kept already. */
uint64_t pg_text_put(struct pg_world *w, struct slice sql, uint32_t flags, char *traceparent);

/* False when the text is gone, or PG_TEXT_NONE. Valid until the next put. */
bool pg_text_get(struct pg_world *w, uint64_t id, struct pg_text *out);

/* RT_PG_RAW_BYTES for a statement that comes in parts; NULL when all are in use. */
uint8_t *pg_gather_take(struct pg_world *w);
void pg_gather_give(struct pg_world *w, uint8_t *raw);

/* ---- names ---- */

enum pg_scope {
	PG_SCOPE_CONN = 0, /* the name may mean another statement on another connection */
	PG_SCOPE_PROCESS,  /* it means the same on all connections of a process */
	PG_SCOPE_GLOBAL,   /* it is made from the text: pgx */
};

/* By what clients are known to call their statements: a name with a counter is the connection's,
 * but PgBouncer's. */
enum pg_scope pg_name_scope(struct slice name);

/* `key`: pg_name_hash() of the name. A name found to mean something else is not believed again. */
void pg_shared_put(struct pg_world *w, uint64_t key, enum pg_scope scope, uint32_t tgid,
		   uint8_t verb, uint64_t text);

/* What the name means to a connection of the process. False: not known. */
bool pg_shared_get(struct pg_world *w, uint64_t key, uint32_t tgid, uint8_t *verb, uint64_t *text);

#endif
