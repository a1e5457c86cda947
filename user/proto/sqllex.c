// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/sqllex.h"

#define LEX_SPACE 1
#define LEX_START 2 /* of a word or of a dollar quote's tag */
#define LEX_DIGIT 4
#define LEX_OP    8
#define LEX_HEX   16
#define LEX_LOOSE 32 /* an operator that holds one may end in + or - */
#define LEX_CLEAR 64 /* a token by itself, whatever follows */

static const uint8_t lex_class[256] = {
	['\t'] = LEX_SPACE,
	['\n'] = LEX_SPACE,
	['\v'] = LEX_SPACE,
	['\f'] = LEX_SPACE,
	['\r'] = LEX_SPACE,
	[' '] = LEX_SPACE,
	['0' ... '9'] = LEX_DIGIT | LEX_HEX,
	['a' ... 'f'] = LEX_START | LEX_HEX,
	['g' ... 'z'] = LEX_START,
	['A' ... 'F'] = LEX_START | LEX_HEX,
	['G' ... 'Z'] = LEX_START,
	['_'] = LEX_START,
	[0x80 ... 0xff] = LEX_START,
	['~'] = LEX_OP | LEX_LOOSE,
	['!'] = LEX_OP | LEX_LOOSE,
	['@'] = LEX_OP | LEX_LOOSE,
	['#'] = LEX_OP | LEX_LOOSE,
	['^'] = LEX_OP | LEX_LOOSE,
	['&'] = LEX_OP | LEX_LOOSE,
	['|'] = LEX_OP | LEX_LOOSE,
	['`'] = LEX_OP | LEX_LOOSE,
	['?'] = LEX_OP | LEX_LOOSE,
	['%'] = LEX_OP | LEX_LOOSE,
	['+'] = LEX_OP,
	['-'] = LEX_OP,
	['*'] = LEX_OP,
	['/'] = LEX_OP,
	['<'] = LEX_OP,
	['>'] = LEX_OP,
	['='] = LEX_OP,
	['('] = LEX_CLEAR,
	[')'] = LEX_CLEAR,
	['['] = LEX_CLEAR,
	[']'] = LEX_CLEAR,
	[','] = LEX_CLEAR,
	[';'] = LEX_CLEAR,
};

/* Past the end there is a byte that belongs to no class. */
static uint8_t lex_byte(const struct sqllex *l, size_t i)
{
	return i < l->text.n ? l->text.p[i] : 0;
}

static bool lex_is(const struct sqllex *l, size_t i, uint8_t classes)
{
	return lex_class[lex_byte(l, i)] & classes;
}

static bool lex_pair(const struct sqllex *l, size_t i, char a, char b)
{
	return lex_byte(l, i) == (uint8_t)a && lex_byte(l, i + 1) == (uint8_t)b;
}

/* Every lex_* below takes where a thing begins and returns where it ends; 0: it has no end. */

static size_t lex_line(const struct sqllex *l, size_t i)
{
	while (i < l->text.n && l->text.p[i] != '\n' && l->text.p[i] != '\r')
		i++;
	return i;
}

static size_t lex_comment(const struct sqllex *l, size_t i)
{
	size_t depth = 0;

	while (i + 1 < l->text.n) {
		if (lex_pair(l, i, '/', '*')) {
			depth++;
			i += 2;
		} else if (lex_pair(l, i, '*', '/')) {
			i += 2;
			if (--depth == 0)
				return i;
		} else {
			i++;
		}
	}
	return 0;
}

/*
 * A string goes on behind white space with a line's end in it, -- comments allowed. Where its next
 * quote stands, or 0.
 */
static size_t lex_continues(const struct sqllex *l, size_t i)
{
	bool line = false;

	for (; i < l->text.n; i++) {
		if (lex_pair(l, i, '-', '-')) {
			i = lex_line(l, i);
			line = true;
			if (i == l->text.n)
				return 0;
		} else if (!lex_is(l, i, LEX_SPACE)) {
			break;
		}
		line |= l->text.p[i] == '\n' || l->text.p[i] == '\r';
	}
	return line && lex_byte(l, i) == '\'' ? i : 0;
}

/* '...' from its opening quote on, to the end of its last continuation. */
static size_t lex_string(const struct sqllex *l, size_t i, bool escapes, bool unsure)
{
	size_t next;

	for (i++; i < l->text.n; i++) {
		if (l->text.p[i] == '\\' && unsure) {
			/* told apart only where the second byte is a quote */
			if (lex_byte(l, i + 1) == '\'')
				return 0;
			i += lex_byte(l, i + 1) == '\\';
		} else if (l->text.p[i] == '\\' && escapes) {
			i++;
		} else if (l->text.p[i] == '\'') {
			if (lex_byte(l, i + 1) == '\'') {
				i++;
				continue;
			}
			next = lex_continues(l, i + 1);
			if (!next)
				return i + 1;
			i = next;
		}
	}
	return 0;
}

static size_t lex_ident(const struct sqllex *l, size_t i)
{
	for (i++; i < l->text.n; i++) {
		if (l->text.p[i] != '"')
			continue;
		if (lex_byte(l, i + 1) != '"')
			return i + 1;
		i++;
	}
	return 0;
}

/* $tag$...$tag$, or $1, or a dollar that is neither. */
static size_t lex_dollar(const struct sqllex *l, size_t at, enum sql_kind *kind)
{
	const uint8_t *p = l->text.p;
	size_t i = at + 1, tag;

	if (lex_is(l, i, LEX_DIGIT)) {
		while (lex_is(l, i, LEX_DIGIT))
			i++;
		*kind = SQL_PARAM;
		return i;
	}
	while (lex_is(l, i, i == at + 1 ? LEX_START : LEX_START | LEX_DIGIT))
		i++;
	if (lex_byte(l, i) != '$') {
		*kind = SQL_PUNCT;
		/* a tag that is not whole is no name */
		return i == l->text.n && l->flags & SQLLEX_CUT ? 0 : at + 1;
	}
	*kind = SQL_CONST;
	tag = i + 1 - at;
	for (i++; i + tag <= l->text.n; i++) {
		const uint8_t *dollar = memchr(p + i, '$', l->text.n - tag + 1 - i);

		if (!dollar)
			return 0;
		i = (size_t)(dollar - p);
		if (memcmp(dollar, p + at, tag) == 0)
			return i + tag;
	}
	return 0;
}

/* Digits of a class with single underscores between them, which the first may follow (`under`). */
static size_t lex_digits(const struct sqllex *l, size_t i, uint8_t classes, uint8_t top, bool under)
{
	for (;; under = true) {
		size_t d = i + (under && lex_byte(l, i) == '_');

		if (!lex_is(l, d, classes) || (top && lex_byte(l, d) > top))
			return i;
		i = d + 1;
	}
}

static size_t lex_number(const struct sqllex *l, size_t at)
{
	uint8_t base = lex_byte(l, at) == '0' ? lex_byte(l, at + 1) | 0x20 : 0;
	size_t i = at + 2;

	if (base == 'x')
		i = lex_digits(l, i, LEX_HEX, 0, true);
	else if (base == 'o')
		i = lex_digits(l, i, LEX_DIGIT, '7', true);
	else if (base == 'b')
		i = lex_digits(l, i, LEX_DIGIT, '1', true);
	if (i > at + 2)
		return i;
	i = lex_digits(l, at, LEX_DIGIT, 0, false);
	if (lex_byte(l, i) == '.' && lex_byte(l, i + 1) != '.')
		i = lex_digits(l, i + 1, LEX_DIGIT, 0, false);
	if ((lex_byte(l, i) | 0x20) == 'e') {
		size_t e = i + 1;

		e += lex_byte(l, e) == '+' || lex_byte(l, e) == '-';
		if (lex_is(l, e, LEX_DIGIT))
			i = lex_digits(l, e, LEX_DIGIT, 0, false);
	}
	return i;
}

static size_t lex_operator(const struct sqllex *l, size_t at)
{
	bool loose = false;
	size_t i = at;

	for (; lex_is(l, i, LEX_OP); i++) {
		if (lex_pair(l, i, '/', '*') || lex_pair(l, i, '-', '-'))
			break;
		loose |= lex_is(l, i, LEX_LOOSE);
	}
	while (!loose && i > at + 1 && (l->text.p[i - 1] == '+' || l->text.p[i - 1] == '-'))
		i--;
	return i;
}

static size_t lex_word(const struct sqllex *l, size_t at, enum sql_kind *kind)
{
	uint8_t c = l->text.p[at] | 0x20, next = lex_byte(l, at + 1);
	size_t i = at;

	*kind = SQL_CONST;
	if (next == '\'' && (c == 'e' || c == 'b' || c == 'x'))
		return lex_string(l, at + 1, c == 'e', false);
	if (c == 'u' && next == '&') {
		if (lex_byte(l, at + 2) == '\'')
			return lex_string(l, at + 2, false, false);
		*kind = SQL_QUOTED;
		if (lex_byte(l, at + 2) == '"')
			return lex_ident(l, at + 2);
	}
	*kind = SQL_WORD;
	while (lex_is(l, i, LEX_START | LEX_DIGIT) || lex_byte(l, i) == '$')
		i++;
	return i;
}

static size_t lex_punct(const struct sqllex *l, size_t at, enum sql_kind *kind)
{
	*kind = lex_pair(l, at, ':', ':') ? SQL_CAST : SQL_PUNCT;
	return at + (*kind == SQL_CAST || lex_pair(l, at, ':', '=') || lex_pair(l, at, '.', '.')
			     ? 2
			     : 1);
}

static size_t lex_token(const struct sqllex *l, size_t at, enum sql_kind *kind)
{
	uint8_t c = l->text.p[at];

	if (lex_class[c] & LEX_START)
		return lex_word(l, at, kind);
	if (lex_class[c] & LEX_DIGIT || (c == '.' && lex_is(l, at + 1, LEX_DIGIT))) {
		*kind = SQL_CONST;
		return lex_number(l, at);
	}
	if (lex_class[c] & LEX_OP) {
		*kind = SQL_OP;
		return lex_operator(l, at);
	}
	switch (c) {
	case '\'':
		*kind = SQL_CONST;
		return lex_string(l, at, l->flags & SQLLEX_ESCAPES, l->flags & SQLLEX_UNSURE);
	case '"': *kind = SQL_QUOTED; return lex_ident(l, at);
	case '$': return lex_dollar(l, at, kind);
	default: return lex_punct(l, at, kind);
	}
}

/* White space and comments. False: a comment has no end. */
static bool lex_blank(struct sqllex *l, struct sql_token *t)
{
	size_t i = l->at;

	for (;;) {
		if (lex_is(l, i, LEX_SPACE)) {
			i++;
		} else if (lex_pair(l, i, '-', '-')) {
			i = lex_line(l, i);
		} else if (lex_pair(l, i, '/', '*')) {
			size_t end = lex_comment(l, i);

			if (!end)
				return false;
			t->last = slice_make(l->text.p + i, end - i);
			if (!t->first.n)
				t->first = t->last;
			i = end;
		} else {
			break;
		}
	}
	t->space = i > l->at;
	l->at = i;
	return true;
}

void sqllex_init(struct sqllex *l, struct slice text, uint32_t flags)
{
	*l = (struct sqllex){.text = text, .flags = flags};
}

void sqllex_next(struct sqllex *l, struct sql_token *t)
{
	size_t end = 0;

	*t = (struct sql_token){0};
	if (!lex_blank(l, t)) {
		l->cut = true;
	} else if (l->at < l->text.n) {
		end = lex_token(l, l->at, &t->kind);
		/* what ends where the text was cut may have gone on */
		if (end == l->text.n && l->flags & SQLLEX_CUT &&
		    !(lex_class[l->text.p[l->at]] & LEX_CLEAR))
			end = 0;
		l->cut |= !end;
	}
	if (end) {
		t->at = l->at;
		t->end = l->at = end;
	} else {
		t->kind = SQL_END;
		l->at = l->text.n;
	}
}
