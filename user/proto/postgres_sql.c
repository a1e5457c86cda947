// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/postgres_sql.h"

#include "proto/pgtags.h"
#include "proto/postgres_names.h"

enum pg_sql_state {
	SQL_GAP = 0, /* before a statement */
	SQL_WORD,    /* in its first word */
	SQL_BODY,    /* behind it */
	SQL_ARG,     /* before the name of a DEALLOCATE */
	SQL_ARG_WORD,
	SQL_ARG_QUOTED,
	SQL_DASH,       /* - seen: a comment? */
	SQL_SLASH,      /* / seen: a comment? */
	SQL_LINE,       /* -- comment */
	SQL_BLOCK,      /* nested comment */
	SQL_QUOTE,      /* '...' */
	SQL_ESCAPE,     /* E'...' */
	SQL_ESCAPED,    /* behind its backslash */
	SQL_ESCAPE_END, /* behind its quote: two are one of the text */
	SQL_IDENT,      /* "..." */
	SQL_TAG,        /* $ seen, in the tag */
	SQL_DOLLAR,     /* $tag$... */
	SQL_DOLLAR_END, /* $ seen in it */
	SQL_DONE,
};

#define SQL_SPACE 1 /* white space */
#define SQL_NAME  2 /* letter, digit, underscore, past ASCII */
#define SQL_DIGIT 4
#define SQL_STOP  8 /* not plain text of a statement's body */

static const uint8_t sql_class[256] = {
	['\t'] = SQL_SPACE,       ['\n'] = SQL_SPACE,
	['\v'] = SQL_SPACE,       ['\f'] = SQL_SPACE,
	['\r'] = SQL_SPACE,       [' '] = SQL_SPACE,
	['\0'] = SQL_STOP,        ['\''] = SQL_STOP,
	['"'] = SQL_STOP,         ['$'] = SQL_STOP,
	['-'] = SQL_STOP,         ['/'] = SQL_STOP,
	[';'] = SQL_STOP,         ['0' ... '9'] = SQL_NAME | SQL_DIGIT,
	['_'] = SQL_NAME,         ['a' ... 'z'] = SQL_NAME,
	['A' ... 'Z'] = SQL_NAME, [0x80 ... 0xff] = SQL_NAME,
};

void pg_sql_init(struct pg_sql *s)
{
	/* the word is written before it is read */
	memset(s, 0, offsetof(struct pg_sql, word));
}

bool pg_sql_done(const struct pg_sql *s)
{
	return s->state == SQL_DONE;
}

void pg_sql_cut(struct pg_sql *s)
{
	if (s->state == SQL_DONE)
		return;
	s->flags |= PG_SQL_MANY;
	s->state = SQL_DONE;
}

static void sql_begin(struct pg_sql *s, enum pgtag verb)
{
	if (s->statements)
		s->flags |= PG_SQL_MANY;
	if (s->statements < PG_SQL_VERBS)
		s->verbs[s->statements++] = (uint8_t)verb;
}

static void sql_word_end(struct pg_sql *s)
{
	enum pgtag verb = s->word_len < PG_SQL_WORD ? pgtag_find(slice_make(s->word, s->word_len))
						    : PGTAG_OTHER;

	sql_begin(s, verb);
	s->state = verb == PGTAG_DEALLOCATE && s->arg == PG_NAME_NONE ? SQL_ARG : SQL_BODY;
}

/* PREPARE is a noise word; ALL is told by the command tag. */
static void sql_arg_end(struct pg_sql *s, bool quoted)
{
	struct slice name = slice_make(s->word, s->word_len);

	s->state = SQL_BODY;
	if (!quoted && slice_eq(name, SLICE("prepare")))
		s->state = SQL_ARG;
	else if (quoted || !slice_eq(name, SLICE("all")))
		s->arg = pg_name_hash(name);
}

static void sql_word_add(struct pg_sql *s, uint8_t c)
{
	if (s->word_len < PG_SQL_WORD)
		s->word[s->word_len++] = (char)c;
}

/* White space, comments and their likes, before a statement or a name. True when c is one. */
static bool sql_blank(struct pg_sql *s, uint8_t c)
{
	if (sql_class[c] & SQL_SPACE)
		return true;
	if (c != '-' && c != '/')
		return false;
	s->back = s->state;
	s->state = c == '-' ? SQL_DASH : SQL_SLASH;
	return true;
}

/* Each of these looks at one byte and says whether it took it; if not, the new state will. */
static bool sql_gap(struct pg_sql *s, uint8_t c)
{
	if (c == '(' || c == ';' || sql_blank(s, c))
		return true;
	s->word_len = 0;
	if ((sql_class[c] & (SQL_NAME | SQL_DIGIT)) == SQL_NAME) {
		s->state = SQL_WORD;
	} else {
		sql_begin(s, PGTAG_OTHER);
		s->state = SQL_BODY;
	}
	return false;
}

static bool sql_word(struct pg_sql *s, uint8_t c)
{
	if (sql_class[c] & SQL_NAME) {
		sql_word_add(s, c);
		return true;
	}
	sql_word_end(s);
	return false;
}

static bool sql_arg(struct pg_sql *s, uint8_t c)
{
	if (sql_blank(s, c))
		return true;
	s->word_len = 0;
	if (c == '"') {
		s->state = SQL_ARG_QUOTED;
		return true;
	}
	s->state = sql_class[c] & SQL_NAME ? SQL_ARG_WORD : SQL_BODY;
	return false;
}

static bool sql_arg_word(struct pg_sql *s, uint8_t c)
{
	if (sql_class[c] & SQL_NAME || c == '$') {
		/* names fold to lower case and are cut at NAMEDATALEN */
		if (s->word_len < PG_SQL_WORD - 1)
			sql_word_add(s, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
		return true;
	}
	sql_arg_end(s, false);
	return false;
}

static bool sql_arg_quoted(struct pg_sql *s, uint8_t c)
{
	if (c == '"')
		sql_arg_end(s, true);
	else if (s->word_len < PG_SQL_WORD - 1)
		sql_word_add(s, c);
	return true;
}

static bool sql_comment(struct pg_sql *s, uint8_t c)
{
	if (s->state == SQL_DASH && c == '-') {
		s->state = SQL_LINE;
		return true;
	}
	if (s->state == SQL_SLASH && c == '*') {
		s->state = SQL_BLOCK;
		s->depth = 1;
		s->match = 0;
		return true;
	}
	/* an operator */
	if (s->back == SQL_GAP)
		sql_begin(s, PGTAG_OTHER);
	s->state = SQL_BODY;
	return false;
}

static bool sql_block(struct pg_sql *s, uint8_t c)
{
	uint8_t before = s->match;

	s->match = c;
	if (before == '*' && c == '/') {
		s->match = 0;
		if (--s->depth == 0)
			s->state = s->back;
	} else if (before == '/' && c == '*') {
		s->match = 0;
		if (++s->depth == UINT16_MAX)
			pg_sql_cut(s);
	}
	return true;
}

static bool sql_tag(struct pg_sql *s, uint8_t c)
{
	if (c == '$') {
		s->state = SQL_DOLLAR;
		return true;
	}
	if (!(sql_class[c] & SQL_NAME) || (s->word_len == 0 && sql_class[c] & SQL_DIGIT)) {
		s->state = SQL_BODY; /* a parameter */
		return false;
	}
	sql_word_add(s, c);
	if (s->word_len == PG_SQL_WORD)
		pg_sql_cut(s);
	return true;
}

static bool sql_dollar_end(struct pg_sql *s, uint8_t c)
{
	if (c == '$') {
		if (s->match == s->word_len)
			s->state = SQL_BODY;
		s->match = 0;
	} else if (s->match < s->word_len && c == (uint8_t)s->word[s->match]) {
		s->match++;
	} else {
		s->state = SQL_DOLLAR;
	}
	return true;
}

/* A byte that may not be plain: p1 and p2 are the two before it, newest first. */
static void sql_stop(struct pg_sql *s, uint8_t c, uint8_t p1, uint8_t p2)
{
	switch (c) {
	case ';': s->state = SQL_GAP; break;
	case '"': s->state = SQL_IDENT; break;
	case '\'':
		s->state =
			(p1 | 0x20) == 'e' && !(sql_class[p2] & SQL_NAME) ? SQL_ESCAPE : SQL_QUOTE;
		break;
	case '$':
		if (sql_class[p1] & SQL_NAME || p1 == '$')
			break; /* inside a name */
		s->state = SQL_TAG;
		s->word_len = s->match = 0;
		break;
	default: /* - and / */ s->back = SQL_BODY; s->state = c == '-' ? SQL_DASH : SQL_SLASH;
	}
}

static bool sql_quoted(struct pg_sql *s, uint8_t c)
{
	switch (s->state) {
	case SQL_QUOTE:
		if (c == '\'')
			s->state = SQL_BODY;
		else if (c == '\\') /* with standard_conforming_strings off it would escape */
			s->flags |= PG_SQL_MANY;
		return true;
	case SQL_ESCAPE:
		if (c == '\\')
			s->state = SQL_ESCAPED;
		else if (c == '\'')
			s->state = SQL_ESCAPE_END;
		return true;
	case SQL_ESCAPED: s->state = SQL_ESCAPE; return true;
	case SQL_ESCAPE_END: s->state = c == '\'' ? SQL_ESCAPE : SQL_BODY; return c == '\'';
	case SQL_IDENT:
		if (c == '"')
			s->state = SQL_BODY;
		return true;
	case SQL_DOLLAR:
		if (c == '$') {
			s->state = SQL_DOLLAR_END;
			s->match = 0;
		}
		return true;
	default: return sql_dollar_end(s, c);
	}
}

static bool sql_byte(struct pg_sql *s, uint8_t c)
{
	switch (s->state) {
	case SQL_GAP: return sql_gap(s, c);
	case SQL_WORD: return sql_word(s, c);
	case SQL_ARG: return sql_arg(s, c);
	case SQL_ARG_WORD: return sql_arg_word(s, c);
	case SQL_ARG_QUOTED: return sql_arg_quoted(s, c);
	case SQL_DASH:
	case SQL_SLASH: return sql_comment(s, c);
	case SQL_LINE:
		if (c == '\n' || c == '\r')
			s->state = s->back;
		return true;
	case SQL_BLOCK: return sql_block(s, c);
	case SQL_TAG: return sql_tag(s, c);
	default: return sql_quoted(s, c);
	}
}

static void sql_end(struct pg_sql *s)
{
	if (s->state == SQL_WORD)
		sql_word_end(s);
	if (s->state == SQL_ARG_WORD)
		sql_arg_end(s, false);
	s->flags |= PG_SQL_ENDED;
	s->state = SQL_DONE;
}

/* Where the plain text of a statement's body ends that begins at i: most of all text. */
static size_t sql_plain(const struct pg_sql *s, const uint8_t *p, size_t i, size_t n)
{
	if (n > PG_SQL_BYTES - s->seen)
		n = PG_SQL_BYTES - s->seen;
	while (i < n && !(sql_class[p[i]] & SQL_STOP))
		i++;
	return i;
}

size_t pg_sql_feed(struct pg_sql *s, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		if (s->statements && s->seen + i >= PG_SQL_BYTES)
			pg_sql_cut(s);
		if (s->state == SQL_DONE)
			break;
		if (p[i] == '\0') {
			sql_end(s);
			i++;
			break;
		}
		if (s->state != SQL_BODY) {
			i += sql_byte(s, p[i]);
		} else if (sql_class[p[i]] & SQL_STOP) {
			sql_stop(s, p[i], i > 0 ? p[i - 1] : s->prev[0],
				 i > 1 ? p[i - 2] : s->prev[1 - i]);
			i++;
		} else {
			i = sql_plain(s, p, i, n);
		}
	}
	if (i > 0) {
		s->prev[1] = i > 1 ? p[i - 2] : s->prev[0];
		s->prev[0] = p[i - 1];
	}
	s->seen += (uint32_t)i;
	return i;
}
