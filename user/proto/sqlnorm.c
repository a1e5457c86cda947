// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/sqlnorm.h"

enum norm_kind {
	NORM_PLAIN = 0,
	NORM_LIST, /* IN (...), ARRAY[...] */
	NORM_ROW,  /* of VALUES */
};

/* Within brackets; the one at depth 0 is the text itself. */
struct norm_frame {
	uint32_t mark; /* NORM_LIST: where the text ends with the first of a run */
	uint8_t kind;
	bool run;    /* a run of simple elements is under way */
	bool full;   /* so was the text at `mark` */
	bool simple; /* the element (of others: all) holds nothing but constants and the like */
	bool empty;  /* the element has no token yet */
	bool cast;   /* it has a cast: words are a type's name */
};

enum norm_row {
	ROW_NONE = 0,
	ROW_BEHIND, /* behind a row of VALUES */
	ROW_COMMA,  /* and a comma, which is held back */
};

struct norm {
	struct sqlnorm *out;
	struct sqllex lex;
	struct sqlsum sum;
	uint32_t depth;
	uint32_t skip;       /* brackets open within a row that is dropped */
	enum sqlword word;   /* of the token, if it is a word */
	enum sqlword before; /* of the token before */
	enum norm_row row;
	char last; /* the mark of one byte that ends the text, 0 when none does */
	char held; /* a semicolon or comma that comes with the next token, or not at all */
	bool full;
	struct norm_frame frames[SQLNORM_DEPTH];
};

/* The token with what comes in front of it, or nothing. */
static void norm_put(struct norm *n, const char *front, struct slice s)
{
	struct sqlnorm *out = n->out;
	size_t len = strlen(front);

	if (n->full || out->cap - out->len < len + s.n) {
		n->full = true;
		return;
	}
	memcpy(out->text + out->len, front, len);
	memcpy(out->text + out->len + len, s.p, s.n);
	out->len += len + s.n;
}

static bool norm_opens(char c)
{
	return c == '(' || c == '[';
}

static bool norm_closes(char c)
{
	return c == ')' || c == ']';
}

/* Whether nothing stands between a mark and what is before it. */
static bool norm_tight(char c)
{
	return norm_closes(c) || c == ',';
}

/* `c`: the token, if it is a mark of one byte. */
static void norm_emit(struct norm *n, struct slice s, char c, bool space)
{
	if (n->held && n->out->len) {
		norm_put(n, n->held == ';' ? "; " : norm_tight(c) ? "," : ", ", s);
	} else if (!n->out->len || norm_opens(n->last) || norm_tight(c)) {
		norm_put(n, "", s);
	} else {
		norm_put(n, space || n->last == ',' ? " " : "", s);
	}
	n->held = 0;
	n->last = c;
}

static struct norm_frame *norm_frame(struct norm *n)
{
	return n->depth < SQLNORM_DEPTH ? &n->frames[n->depth] : NULL;
}

static void norm_element_begins(struct norm_frame *f)
{
	f->simple = f->empty = true;
	f->cast = false;
}

/* An element of a list is whole: unless it is the first of its run it goes. */
static void norm_element_ends(struct norm *n, struct norm_frame *f)
{
	if (f->kind != NORM_LIST)
		return;
	if (!f->simple || f->empty) {
		f->run = false;
	} else if (f->run) {
		n->out->len = f->mark;
		n->full = f->full;
		n->last = 0;
	} else {
		f->run = true;
		f->mark = (uint32_t)n->out->len;
		f->full = n->full;
	}
}

static void norm_open(struct norm *n, struct slice s, char c, bool space)
{
	enum norm_kind kind = NORM_PLAIN;
	struct norm_frame *f;

	if ((c == '(' && n->before == SQLWORD_IN) || (c == '[' && n->before == SQLWORD_ARRAY))
		kind = NORM_LIST;
	else if (c == '(' && n->before == SQLWORD_VALUES)
		kind = NORM_ROW;
	norm_emit(n, s, c, space);
	n->depth++;
	f = norm_frame(n);
	if (!f)
		return;
	*f = (struct norm_frame){.kind = (uint8_t)kind};
	norm_element_begins(f);
}

static void norm_close(struct norm *n, struct slice s, char c, bool space)
{
	struct norm_frame *f = norm_frame(n);
	bool simple = false;

	if (f && n->depth) {
		norm_element_ends(n, f);
		simple = f->simple && f->kind != NORM_LIST;
		if (f->kind == NORM_ROW)
			n->row = ROW_BEHIND;
	}
	norm_emit(n, s, c, space);
	if (n->depth)
		n->depth--;
	f = norm_frame(n);
	if (f) {
		f->simple = f->simple && simple;
		f->empty = false;
	}
}

static void norm_comma(struct norm *n)
{
	struct norm_frame *f = norm_frame(n);

	if (!f)
		return;
	norm_element_ends(n, f);
	if (f->kind == NORM_LIST)
		norm_element_begins(f);
	f->cast = false;
	f->empty = true;
}

/* What a token that is no bracket or comma makes of the element that holds it. */
static void norm_look(struct norm *n, enum sql_kind kind, struct slice s)
{
	struct norm_frame *f = norm_frame(n);

	if (!f)
		return;
	switch (kind) {
	case SQL_CONST:
	case SQL_PARAM: break;
	case SQL_CAST: f->cast = true; break;
	case SQL_OP:
		if (s.n != 1 || (s.p[0] != '-' && s.p[0] != '+') || !f->empty)
			f->simple = false;
		return; /* a sign alone is no element */
	default: f->simple = f->simple && f->cast; break;
	}
	f->empty = false;
}

/* Passes over the rows of VALUES behind the first. True when the token was part of it. */
static bool norm_row(struct norm *n, char c)
{
	if (n->skip) {
		if (norm_opens(c))
			n->skip++;
		else if (norm_closes(c) && --n->skip == 0)
			n->row = ROW_BEHIND;
		return true;
	}
	if (n->row == ROW_BEHIND && c == ',') {
		n->row = ROW_COMMA;
		return true;
	}
	if (n->row == ROW_COMMA && c == '(') {
		n->row = ROW_NONE;
		n->skip = 1;
		return true;
	}
	if (n->row == ROW_COMMA) {
		norm_comma(n);
		n->held = ',';
	}
	n->row = ROW_NONE;
	return false;
}

static void norm_token(struct norm *n, const struct sql_token *t, struct slice s)
{
	char c = t->kind == SQL_PUNCT && s.n == 1 ? (char)s.p[0] : 0;

	if (norm_row(n, c))
		return;
	if (c == ';') {
		n->held = ';';
		n->depth = 0;
	} else if (norm_opens(c)) {
		norm_open(n, s, c, t->space);
	} else if (norm_closes(c)) {
		norm_close(n, s, c, t->space);
	} else if (c == ',') {
		norm_comma(n);
		norm_emit(n, s, c, false);
	} else {
		norm_look(n, t->kind, s);
		norm_emit(n, t->kind == SQL_CONST ? SLICE("?") : s, c, t->space);
	}
}

static void norm_run(struct norm *n)
{
	struct slice first = {0}, last = {0};
	bool begun = false;
	struct sql_token t;

	for (;;) {
		struct slice s;
		bool semicolon;

		sqllex_next(&n->lex, &t);
		if (!begun && t.first.n && !first.n)
			first = t.first;
		if (t.last.n)
			last = t.last;
		if (t.kind == SQL_END)
			break;
		s = sqllex_slice(&n->lex, &t);
		semicolon = t.kind == SQL_PUNCT && s.p[0] == ';';
		if (!semicolon) {
			begun = true;
			last = (struct slice){0};
		}
		n->word = t.kind == SQL_WORD ? sqlword_find(s) : SQLWORD_NONE;
		sqlsum_token(&n->sum, t.kind, s, n->word);
		norm_token(n, &t, s);
		n->before = n->word;
	}
	if (n->lex.cut || n->lex.flags & SQLLEX_CUT || !last.n ||
	    !sqlcomment_traceparent(last, n->out->traceparent)) {
		if (first.n)
			sqlcomment_traceparent(first, n->out->traceparent);
	}
}

void sqlnorm(struct slice sql, uint32_t flags, struct sqlnorm *out)
{
	struct norm n;

	/* frames are written before they are read, but for the text itself */
	memset(&n, 0, offsetof(struct norm, frames) + sizeof(n.frames[0]));
	n.out = out;
	out->len = 0;
	out->traceparent[0] = '\0';
	sqllex_init(&n.lex, sql, flags);
	sqlsum_init(&n.sum);
	norm_run(&n);
	sqlsum_end(&n.sum);
	out->cut = n.full || n.lex.cut || flags & SQLLEX_CUT;
	out->summary_len = n.sum.len;
	memcpy(out->summary, n.sum.text, n.sum.len);
}
