/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PostgreSQL's own scanner and normaliser, as libpg_query (Debian: libpg-query-dev) has them, in
 * the form that the tests compare with: tokens with their places. Comments are left out.
 */
#ifndef REDTAP_TESTS_PG_TOKENS_H
#define REDTAP_TESTS_PG_TOKENS_H

#include <pg_query.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PG_TOKENS_MAX 2048

/* enum Token of pg_query.proto */
#define PG_IDENT   258
#define PG_UIDENT  259
#define PG_FCONST  260
#define PG_SCONST  261
#define PG_USCONST 262
#define PG_BCONST  263
#define PG_XCONST  264
#define PG_ICONST  266
#define PG_PARAM   267
#define PG_COMMENT 275 /* and PG_COMMENT + 1 */

struct pg_token {
	uint32_t at, end, kind;
};

struct pg_tokens {
	const char *text;
	int n;
	struct pg_token t[PG_TOKENS_MAX];
};

static inline bool pg_is_const(uint32_t kind)
{
	return (kind >= PG_FCONST && kind <= PG_XCONST) || kind == PG_ICONST;
}

/* Protocol Buffers' variable-length integer. */
static inline uint64_t pg_varint(const uint8_t **p, const uint8_t *end)
{
	uint64_t v = 0;

	for (int shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t b = *(*p)++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			break;
	}
	return v;
}

/* One ScanToken: start = 1, end = 2, token = 4, keyword_kind = 5. */
static inline struct pg_token pg_token_read(const uint8_t *p, const uint8_t *end)
{
	struct pg_token t = {0};

	while (p < end) {
		uint64_t key = pg_varint(&p, end), value = pg_varint(&p, end);

		if (key >> 3 == 1)
			t.at = (uint32_t)value;
		else if (key >> 3 == 2)
			t.end = (uint32_t)value;
		else if (key >> 3 == 4)
			t.kind = (uint32_t)value;
	}
	return t;
}

/* libpg_query gives U&'...' and U&"..." the end of their prefix: it is where white space or the
 * next token begins. */
static inline void pg_mend(struct pg_tokens *s)
{
	for (int i = 0; i < s->n; i++) {
		uint32_t end = i + 1 < s->n ? s->t[i + 1].at : (uint32_t)strlen(s->text);

		if (s->t[i].kind != PG_USCONST && s->t[i].kind != PG_UIDENT)
			continue;
		while (strchr(" \n", s->text[end - 1]))
			end--;
		s->t[i].end = end;
	}
}

/* False, and why on standard output, when PostgreSQL cannot read the text. */
static inline bool pg_scan(const char *text, struct pg_tokens *out)
{
	PgQueryScanResult r = pg_query_scan(text);
	const uint8_t *p = (const uint8_t *)r.pbuf.data, *end = p + r.pbuf.len;
	bool good = !r.error;

	out->text = text;
	out->n = 0;
	if (r.error)
		printf("# %s: <%s>\n", r.error->message, text);
	while (good && p < end) {
		uint64_t key = pg_varint(&p, end), len = pg_varint(&p, end);

		if (key != (2 << 3 | 2))
			continue; /* version = 1 */
		if (out->n < PG_TOKENS_MAX)
			out->t[out->n++] = pg_token_read(p, p + len);
		if (out->t[out->n - 1].kind == PG_COMMENT ||
		    out->t[out->n - 1].kind == PG_COMMENT + 1)
			out->n--;
		p += len;
	}
	pg_query_free_scan_result(r);
	pg_mend(out);
	return good;
}

static inline bool pg_token_is(const struct pg_tokens *s, int i, const char *text)
{
	size_t n = strlen(text);

	return i >= 0 && i < s->n && s->t[i].end - s->t[i].at == n &&
	       strncasecmp(s->text + s->t[i].at, text, n) == 0;
}

#endif
