// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/sqlsum.h"

enum sqlsum_mode {
	SUM_PLAIN = 0,
	SUM_KIND, /* behind CREATE and its like: the kind of object comes, then its name */
	SUM_DOT,  /* a dot was met in a name */
};

/* Room for `n` bytes and the space in front of them; false ends the summary. */
static bool sum_room(struct sqlsum *s, size_t n)
{
	if (s->full || s->len + (s->len > 0) + n > SQLSUM_BYTES) {
		s->full = true;
		return false;
	}
	if (s->len)
		s->text[s->len++] = ' ';
	return true;
}

static void sum_put(struct sqlsum *s, struct slice part)
{
	memcpy(s->text + s->len, part.p, part.n);
	s->len = (uint8_t)(s->len + part.n);
}

static void sum_operation(struct sqlsum *s, struct slice text)
{
	if (sum_room(s, text.n))
		sum_put(s, text);
}

/* The name under way is whole. */
static void sum_flush(struct sqlsum *s)
{
	size_t n = 0;

	for (uint8_t i = 0; i < s->parts; i++)
		n += s->name[i].n + (i > 0);
	if (s->parts && sum_room(s, n)) {
		for (uint8_t i = 0; i < s->parts; i++) {
			if (i > 0)
				s->text[s->len++] = '.';
			sum_put(s, s->name[i]);
		}
	}
	s->parts = 0;
	if (s->mode == SUM_DOT)
		s->mode = SUM_PLAIN;
}

static void sum_name(struct sqlsum *s, struct slice text)
{
	s->expect = false;
	s->mode = SUM_PLAIN;
	if (s->parts < SQLSUM_PARTS)
		s->name[s->parts++] = text;
}

/* The bit of this depth; 0 too far in. */
static uint64_t sum_bit(const struct sqlsum *s)
{
	return s->depth < SQLSUM_DEPTH ? 1ull << s->depth : 0;
}

static void sum_expect(struct sqlsum *s, bool plain)
{
	s->expect = true;
	s->plain = plain;
}

/* SELECT, INSERT, UPDATE, DELETE or MERGE as an operation. */
static void sum_query(struct sqlsum *s, struct slice text, enum sqlword word)
{
	sum_operation(s, text);
	s->expect = false;
	s->query |= sum_bit(s);
	s->from &= ~sum_bit(s);
	s->sources &= ~sum_bit(s);
	if (word == SQLWORD_DELETE || word == SQLWORD_MERGE)
		s->sources |= sum_bit(s);
	if (word == SQLWORD_UPDATE)
		sum_expect(s, true);
}

static bool sum_is_query(const struct sqlsum *s, enum sqlword word)
{
	switch (word) {
	case SQLWORD_SELECT:
		if (s->command == SQLWORD_GRANT || s->command == SQLWORD_REVOKE)
			return false;
		/* of a policy, a rule */
		return s->command != SQLWORD_CREATE ||
		       (s->before != SQLWORD_FOR && s->before != SQLWORD_ON);
	case SQLWORD_INSERT:
	case SQLWORD_UPDATE:
	case SQLWORD_DELETE:
	case SQLWORD_MERGE:
		return !s->begun || s->mark == '(' || s->mark == ')' || s->before == SQLWORD_AS ||
		       s->before == SQLWORD_EXPLAIN || s->before == SQLWORD_ANALYZE ||
		       s->before == SQLWORD_VERBOSE;
	default: return false;
	}
}

/* The first word of a statement. */
static void sum_command(struct sqlsum *s, struct slice text, enum sqlword word)
{
	unsigned int flags = sqlword_flags(word);

	s->begun = true;
	s->command = (uint8_t)word;
	if (word == SQLWORD_WITH)
		return;
	sum_operation(s, text);
	if (flags & SQLIS_DDL)
		s->mode = SUM_KIND;
	if (flags & SQLIS_LIST)
		sum_expect(s, true);
	s->list = word == SQLWORD_DROP || word == SQLWORD_TRUNCATE || flags & SQLIS_LIST;
	s->list_depth = s->depth;
}

/* A word behind CREATE and its like, before the name of what is created. */
static void sum_kind(struct sqlsum *s, struct slice text, enum sqlword word)
{
	unsigned int flags = sqlword_flags(word);

	if (s->depth > s->list_depth)
		return; /* options */
	if (flags & SQLIS_TYPE) {
		sum_operation(s, text);
	} else if (flags & SQLIS_ENDS) {
		s->mode = SUM_PLAIN;
	} else if (!(flags & SQLIS_NOISE)) {
		s->plain = true;
		sum_name(s, text);
	}
}

/* Commands with options in front of what they are about, in brackets or not. */
static bool sum_has_options(const struct sqlsum *s)
{
	return s->command == SQLWORD_VACUUM || s->command == SQLWORD_ANALYZE ||
	       s->command == SQLWORD_REINDEX || s->command == SQLWORD_CLUSTER;
}

/* Whether a word stands between where a target is expected and the target. */
static bool sum_skips(struct sqlsum *s, struct slice text, enum sqlword word)
{
	bool options = sum_has_options(s);

	switch (word) {
	case SQLWORD_ONLY:
	case SQLWORD_LATERAL: return true;
	case SQLWORD_TEMP:
	case SQLWORD_TEMPORARY:
	case SQLWORD_UNLOGGED: return s->before == SQLWORD_INTO && s->command != SQLWORD_INSERT;
	case SQLWORD_TABLE:
		if (s->command == SQLWORD_LOCK)
			sum_operation(s, text);
		return s->command == SQLWORD_LOCK || s->before == SQLWORD_INTO;
	case SQLWORD_FULL:
	case SQLWORD_FREEZE:
	case SQLWORD_VERBOSE:
	case SQLWORD_ANALYZE: return options;
	default: return options && s->depth > s->list_depth;
	}
}

/* A word that says what the next name is. */
static void sum_clause(struct sqlsum *s, enum sqlword word)
{
	bool query = s->query & sum_bit(s);

	switch (word) {
	case SQLWORD_FROM:
		if (!query || s->before == SQLWORD_DISTINCT || s->before == SQLWORD_ROWS)
			return;
		s->from |= sum_bit(s);
		sum_expect(s, false);
		break;
	case SQLWORD_JOIN: sum_expect(s, false); break;
	case SQLWORD_INTO:
		if (query)
			sum_expect(s, true);
		break;
	case SQLWORD_USING:
		if (!(s->sources & sum_bit(s)))
			return;
		s->from |= sum_bit(s);
		sum_expect(s, false);
		break;
	default:
		if (sqlword_flags(word) & SQLIS_ENDS)
			s->from &= ~sum_bit(s);
	}
}

static void sum_word(struct sqlsum *s, struct slice text, enum sqlword word)
{
	if (s->mode == SUM_DOT) {
		sum_name(s, text);
		return;
	}
	sum_flush(s);
	if (sum_is_query(s, word)) {
		if (!s->begun)
			s->command = (uint8_t)word;
		s->begun = true;
		s->mode = SUM_PLAIN;
		sum_query(s, text, word);
	} else if (!s->begun) {
		sum_command(s, text, word);
	} else if (s->mode == SUM_KIND) {
		sum_kind(s, text, word);
	} else if (s->expect &&
		   (word == SQLWORD_WITH || word == SQLWORD_VALUES || word == SQLWORD_ROWS)) {
		s->expect = false;
	} else if (!s->expect) {
		sum_clause(s, word);
	} else if (!sum_skips(s, text, word)) {
		sum_name(s, text);
	}
}

static void sum_open(struct sqlsum *s)
{
	if (s->parts && !s->plain)
		s->parts = 0; /* a function */
	sum_flush(s);
	if (s->mode == SUM_KIND && !sum_has_options(s))
		s->mode = SUM_PLAIN;
	/* a join or a query in brackets, but columns behind a join's USING */
	if (s->before == SQLWORD_USING)
		s->expect = false;
	if (s->depth < UINT8_MAX)
		s->depth++;
	s->query &= ~sum_bit(s);
	s->from &= ~sum_bit(s);
	s->sources &= ~sum_bit(s);
}

static void sum_mark(struct sqlsum *s, uint8_t c)
{
	if (c == '.' && s->parts && s->mode == SUM_PLAIN) {
		s->mode = SUM_DOT;
		return;
	}
	if (c == '(' || c == '[') {
		sum_open(s);
		return;
	}
	sum_flush(s);
	if (c == ')' || c == ']') {
		if (s->depth)
			s->depth--;
	} else if (c == ';') {
		s->begun = s->expect = s->list = false;
		s->command = s->mode = 0;
		s->query = s->from = s->sources = 0;
	} else if (c == ',' && s->from & sum_bit(s)) {
		sum_expect(s, false);
	} else if (c == ',' && s->list && s->depth == s->list_depth) {
		sum_expect(s, true);
	}
}

void sqlsum_init(struct sqlsum *s)
{
	memset(s, 0, sizeof(*s));
}

void sqlsum_token(struct sqlsum *s, enum sql_kind kind, struct slice text, enum sqlword word)
{
	if (s->full)
		return;
	switch (kind) {
	case SQL_WORD: sum_word(s, text, word); break;
	case SQL_QUOTED:
		if (s->mode == SUM_DOT || s->expect || s->mode == SUM_KIND) {
			s->plain |= s->mode == SUM_KIND;
			sum_name(s, text);
		} else {
			sum_flush(s);
		}
		break;
	case SQL_PUNCT: sum_mark(s, text.p[0]); break;
	default: sum_flush(s); s->expect = false;
	}
	s->before = (uint8_t)word;
	s->mark = kind == SQL_PUNCT ? text.p[0] : 0;
}

void sqlsum_end(struct sqlsum *s)
{
	sum_flush(s);
}
