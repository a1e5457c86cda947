/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reader of SQL text that takes it in pieces of any size and keeps none of it: which command
 * each statement begins with, and whether there is more than one. It knows quotes, dollar quotes
 * and comments (sql-syntax-lexical.html). Pure; one thread.
 */
#ifndef REDTAP_PROTO_POSTGRES_SQL_H
#define REDTAP_PROTO_POSTGRES_SQL_H

#include "base/slice.h"
#include "limits.h"

#define PG_SQL_VERBS 8    /* statements of one text whose commands are kept */
#define PG_SQL_BYTES 4096 /* of text that are looked at; more only until the first command */
#define PG_SQL_WORD  64   /* NAMEDATALEN: longest name, and longest dollar tag, with its end */

/* pg_sql.flags */
#define PG_SQL_MANY  (1u << 0) /* more than one statement, or it cannot be excluded */
#define PG_SQL_ENDED (1u << 1) /* the text was read to its end */

struct pg_sql {
	uint64_t arg;   /* pg_name_hash() of the name that a DEALLOCATE names; else PG_NAME_NONE */
	uint32_t seen;  /* bytes taken */
	uint16_t depth; /* of nested comments */
	uint8_t state;
	uint8_t back; /* the state that a comment interrupts */
	uint8_t flags;
	uint8_t statements; /* begun; stays at its maximum */
	uint8_t prev[2];    /* the last two bytes, newest first */
	uint8_t word_len;
	uint8_t match;               /* bytes of a dollar tag's end seen */
	uint8_t verbs[PG_SQL_VERBS]; /* enum pgtag */
	char word[PG_SQL_WORD];
};

void pg_sql_init(struct pg_sql *s);

/* Takes text up to its NUL. Returns the bytes taken; fewer than n only when no more text is
 * wanted: see pg_sql_done(). */
size_t pg_sql_feed(struct pg_sql *s, const uint8_t *p, size_t n);

/* Whether the rest does not matter: the NUL was met, or enough was seen. */
bool pg_sql_done(const struct pg_sql *s);

/* Ends a text whose rest is lost. */
void pg_sql_cut(struct pg_sql *s);

#endif
