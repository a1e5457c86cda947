/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statement text without what is private or varies, for PostgreSQL. The rules:
 *
 * - A constant becomes `?`: strings of every kind with their prefix and continuations, numbers
 *   without their sign. Parameters ($1), words (TRUE and NULL among them), quoted identifiers,
 * casts and operators (jsonb's ? among them) stay as written.
 * - Comments go, white space becomes one space. None stays inside brackets or before , and ; and
 *   there is always one behind them. Semicolons stay between statements only.
 * - In IN (...) and ARRAY[...] a run of elements that are constants or parameters, signed or cast
 *   or in rows of their own, becomes its first. Of VALUES the first row stays.
 * - A text that is not whole ends with its last whole token; so does one with a string that has no
 *   end, or whose end cannot be told.
 *
 * A normalised text normalises to itself. No allocation; pure; any thread.
 */
#ifndef REDTAP_PROTO_SQLNORM_H
#define REDTAP_PROTO_SQLNORM_H

#include "proto/sqlcomment.h"
#include "proto/sqllex.h"
#include "proto/sqlsum.h"

#define SQLNORM_DEPTH 64 /* brackets; lists further in are not folded */

struct sqlnorm {
	/* in: where the text goes */
	char *text;
	size_t cap;
	/* out */
	size_t len;
	bool cut;                                 /* the text is not all of the statement */
	char traceparent[SQLCOMMENT_TRACEPARENT]; /* "" without one */
	uint8_t summary_len;
	char summary[SQLSUM_BYTES];
};

/* `flags`: SQLLEX_*. `out->text` may be NULL with a `cap` of 0. */
void sqlnorm(struct slice sql, uint32_t flags, struct sqlnorm *out);

#endif
