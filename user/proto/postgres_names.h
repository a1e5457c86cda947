/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prepared statements or portals of one connection by name: open addressing over a 64-bit hash of
 * the name, grown from small on use, bounded. Two names of one hash are taken for one: the price
 * is a wrong query_type of a failed statement. One thread.
 */
#ifndef REDTAP_PROTO_POSTGRES_NAMES_H
#define REDTAP_PROTO_POSTGRES_NAMES_H

#include "base/slice.h"

#define PG_NAME_NONE 0u /* no name: not seen, or not meant */

/* When rows of a statement came. */
struct pg_rows {
	uint64_t first_ns; /* first DataRow in the unit; 0: none */
	uint64_t row_ns;   /* first DataRow of all, of a portal that was suspended before */
	uint64_t sent_ns;  /* the request that that one answers; 0: not known */
};

struct pg_name {
	uint64_t key;  /* pg_name_hash(); PG_NAME_NONE: a free place */
	uint64_t arg;  /* statement: hash of the name that its DEALLOCATE names, or PG_NAME_NONE */
	uint64_t text; /* pg_text_put(), or PG_TEXT_NONE */
	/* portal: what it gave before it was suspended, and the unit in which that was last */
	uint64_t rows;
	uint64_t start_ns;
	uint64_t end_ns; /* ReadyForQuery; 0: not yet */
	struct pg_rows seen;
	uint8_t verb; /* enum pgtag of the text */
	uint8_t pad[7];
};

struct pg_names {
	struct pg_name *slots;
	uint32_t cap; /* a power of two, or 0 */
	uint32_t len;
	uint32_t max;
};

/* Never PG_NAME_NONE. The empty name (unnamed statement or portal) has a hash too. */
uint64_t pg_name_hash(struct slice name);

/* No memory is taken yet. */
void pg_names_init(struct pg_names *t, uint32_t max);

/* Drops all and frees the memory; the table can be used again. */
void pg_names_free(struct pg_names *t);

/* Drops all. A small table's memory stays: portals come and go with every transaction. */
void pg_names_clear(struct pg_names *t);

/* NULL when there is none. Valid until the next put or drop. */
struct pg_name *pg_names_get(const struct pg_names *t, uint64_t key);

/* The entry of the name, new or emptied but for its key; NULL when the table is full or memory is
 * short. */
struct pg_name *pg_names_put(struct pg_names *t, uint64_t key);

void pg_names_drop(struct pg_names *t, uint64_t key);

#endif
