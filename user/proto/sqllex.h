/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tokens of PostgreSQL's SQL over a slice: sql-syntax-lexical.html, releases 15 to 18. White
 * space and comments are not tokens; what stood in front of one is told with it. Pure; any thread.
 */
#ifndef REDTAP_PROTO_SQLLEX_H
#define REDTAP_PROTO_SQLLEX_H

#include "base/slice.h"

enum sql_kind {
	SQL_END = 0,
	SQL_WORD,   /* keyword or identifier */
	SQL_QUOTED, /* "identifier", U&"identifier" */
	SQL_CONST,  /* a string of any kind with its continuations, or a number without its sign */
	SQL_PARAM,  /* $1 */
	SQL_OP,     /* an operator, ? alone or within others */
	SQL_CAST,   /* :: */
	SQL_PUNCT,  /* one of ( ) [ ] , ; . : and of what has no meaning; and .. and := */
};

/* sqllex.flags */
#define SQLLEX_CUT     (1u << 0) /* the text goes on past its end: its last token may be a part */
#define SQLLEX_ESCAPES (1u << 1) /* standard_conforming_strings is off: \ escapes in '...' */
#define SQLLEX_UNSURE  (1u << 2) /* not known whether it is: where it matters the text is cut */

struct sqllex {
	struct slice text;
	size_t at;
	uint32_t flags;
	bool cut; /* out: the text ended within a token, or where it cannot be told */
};

struct sql_token {
	enum sql_kind kind;
	size_t at, end;     /* of the text */
	struct slice first; /* first and last C comment in front; empty without one */
	struct slice last;
	bool space; /* white space or a comment stands in front */
};

void sqllex_init(struct sqllex *l, struct slice text, uint32_t flags);

/* The next token. SQL_END at the end, at what is not whole, and again ever after. */
void sqllex_next(struct sqllex *l, struct sql_token *t);

static inline struct slice sqllex_slice(const struct sqllex *l, const struct sql_token *t)
{
	return slice_make(l->text.p + t->at, t->end - t->at);
}

#endif
