/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The summary of a statement, by OpenTelemetry's rules ("Generating a summary of the query text",
 * database-spans.md): operations and what they are applied to, in their order and as written. Of
 * definitions the kind of object is part of the operation (`CREATE TABLE t`); functions are no
 * targets, nor are columns. Fed token by token. Pure; one thread.
 */
#ifndef REDTAP_PROTO_SQLSUM_H
#define REDTAP_PROTO_SQLSUM_H

#include "proto/sqllex.h"
#include "proto/sqlwords.h"

#define SQLSUM_BYTES 255 /* a longer summary ends with the last word that fits */
#define SQLSUM_DEPTH 64  /* brackets; FROM is not followed further in */
#define SQLSUM_PARTS 4   /* of a name: database.schema.table, and one to spare */

struct sqlsum {
	char text[SQLSUM_BYTES];
	uint8_t len;
	bool full;
	uint8_t mode;    /* enum sqlsum_mode */
	uint8_t command; /* enum sqlword of the statement; SQLWORD_NONE: of none that matters */
	uint8_t before;  /* enum sqlword of the token before, if it is a word */
	uint8_t mark;    /* that token's byte, if it is a mark of one byte */
	bool begun;      /* the statement has a word */
	bool expect;     /* the next name is a target */
	bool plain;      /* a target with a bracket behind it is no function */
	bool list;       /* a comma at this depth: another target comes */
	uint8_t depth;
	uint8_t list_depth;
	uint8_t parts; /* of the name under way */
	struct slice name[SQLSUM_PARTS];
	uint64_t query;   /* by depth: a SELECT or its like was met */
	uint64_t from;    /* by depth: within the list of its FROM */
	uint64_t sources; /* by depth: its USING names tables, as its FROM would */
};

void sqlsum_init(struct sqlsum *s);

/* `text`: the token's; `word`: what it is, if it is a word. */
void sqlsum_token(struct sqlsum *s, enum sql_kind kind, struct slice text, enum sqlword word);

/* The text ended. */
void sqlsum_end(struct sqlsum *s);

#endif
