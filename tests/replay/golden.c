// SPDX-License-Identifier: GPL-2.0-or-later
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES  4096
#define ARENA_BYTES (1u << 20)

struct reader {
	struct golden *g;
	struct golden_line line;
	char **lines;
	int nlines;
	int block;   /* the step that lines add to; -1: none */
	char *arena; /* tokens of the present line */
	size_t arena_len;
};

_Noreturn void golden_bad(const struct golden_line *line, const char *what)
{
	fprintf(stderr, "%s:%d: %s: %s\n", line->path, line->number, what, line->text);
	exit(2);
}

/* ---- bytes ---- */

static void *grow(void *p, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return p;
	*cap = need * 2;
	p = realloc(p, *cap * size);
	if (!p)
		abort();
	return p;
}

void golden_put(struct golden *g, enum rt_dir side, const void *p, size_t n)
{
	struct golden_side *s = &g->side[side];

	s->bytes = grow(s->bytes, &s->cap, s->len + n + 1, 1);
	memcpy(s->bytes + s->len, p, n);
	s->len += n;
}

void golden_put_int(struct golden *g, enum rt_dir side, int64_t v, int bytes)
{
	size_t at = g->side[side].len;

	golden_put(g, side, "\0\0\0\0\0\0\0", (size_t)bytes);
	golden_set_int(g, side, at, v, bytes);
}

void golden_set_int(struct golden *g, enum rt_dir side, size_t at, int64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		g->side[side].bytes[at + (size_t)i] =
			(uint8_t)((uint64_t)v >> (8 * (bytes - 1 - i)));
}

void golden_end(struct golden *g, enum rt_dir side)
{
	struct golden_side *s = &g->side[side];

	s->ends = grow(s->ends, &s->cap_ends, s->nends + 1, sizeof(*s->ends));
	s->ends[s->nends++] = s->len;
}

/* ---- words ---- */

int64_t golden_int(struct golden *g, const struct golden_line *line, const char *text)
{
	char *end;
	long long v;

	if (text[0] == '$') {
		g->serial = true;
		return (int64_t)line->serial;
	}
	v = strtoll(text, &end, 0);
	if (*end || end == text)
		golden_bad(line, "not a number");
	return v;
}

size_t golden_unescape(char *text, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '\\' && i + 1 < n) {
			switch (c = text[++i]) {
			case 'r': c = '\r'; break;
			case 'n': c = '\n'; break;
			case 't': c = '\t'; break;
			case '0': c = '\0'; break;
			case 'x':
				c = (char)strtoul((char[]){text[i + 1], text[i + 2], 0}, NULL, 16);
				i += 2;
				break;
			}
		}
		text[out++] = c;
	}
	return out;
}

static void token_add(struct reader *r, const char *p, size_t n)
{
	if (r->arena_len + n + 1 > ARENA_BYTES)
		golden_bad(&r->line, "line too long");
	memcpy(r->arena + r->arena_len, p, n);
	r->arena_len += n;
}

/* A quoted part: "text" or "text"*TIMES. Returns what is behind it. */
static const char *token_quoted(struct reader *r, const char *p)
{
	const char *end = p + 1;
	char *text, *rest;
	size_t n, times = 1;

	while (*end && *end != '"')
		end += *end == '\\' && end[1] ? 2 : 1;
	if (!*end)
		golden_bad(&r->line, "no closing quotation mark");
	text = strndup(p + 1, (size_t)(end - p - 1));
	if (!text)
		abort();
	n = golden_unescape(text, (size_t)(end - p - 1));
	p = end + 1;
	if (*p == '*') {
		times = strtoul(p + 1, &rest, 10);
		p = rest;
	}
	while (times--)
		token_add(r, text, n);
	free(text);
	return p;
}

static void line_tokens(struct reader *r)
{
	const char *p = r->line.text;

	r->arena_len = 0;
	r->line.n = 0;
	for (;;) {
		struct golden_token *t = &r->line.token[r->line.n];

		p += strspn(p, " \t");
		if (!*p || *p == '#')
			return;
		if (r->line.n == GOLDEN_TOKENS_MAX - 1)
			golden_bad(&r->line, "too many words");
		r->line.n++;
		t->p = r->arena + r->arena_len;
		t->quoted = *p == '"';
		while (*p && *p != ' ' && *p != '\t') {
			if (*p == '"')
				p = token_quoted(r, p);
			else
				token_add(r, p++, 1);
		}
		t->n = (size_t)(r->arena + r->arena_len - t->p);
		token_add(r, "", 1);
	}
}

/* ---- lines ---- */

static struct golden_step *step_add(struct reader *r, enum golden_act act, enum rt_dir side)
{
	struct golden *g = r->g;

	if (r->block >= 0 && g->proto == RT_PROTO_KAFKA)
		golden_kafka_flush(g, &r->line);
	r->block = -1;
	if (g->nsteps == GOLDEN_STEPS_MAX)
		golden_bad(&r->line, "too many steps");
	g->steps[g->nsteps] =
		(struct golden_step){.act = act, .side = side, .at = g->side[side].len};
	return &g->steps[g->nsteps++];
}

static void read_want(struct reader *r, const char *text)
{
	struct golden *g = r->g;
	int n = snprintf(g->want + g->want_len, sizeof(g->want) - g->want_len, "%s\n", text);

	if (n < 0 || (size_t)n >= sizeof(g->want) - g->want_len)
		golden_bad(&r->line, "too much expected");
	g->want_len += (size_t)n;
}

static void read_protocol(struct reader *r)
{
	static const struct {
		const char *name;
		enum rt_protocol proto;
	} names[] = {{"http", RT_PROTO_HTTP},
		     {"postgres", RT_PROTO_POSTGRES},
		     {"kafka", RT_PROTO_KAFKA}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (r->line.n == 2 && !strcmp(r->line.token[1].p, names[i].name))
			r->g->proto = names[i].proto;
	if (!r->g->proto)
		golden_bad(&r->line, "unknown protocol");
}

/* C: and S:, and what a side does besides talking: C close, S reset ... */
static void read_side(struct reader *r)
{
	static const char *const acts[] = {
		[GOLDEN_SHUT] = "shutdown", [GOLDEN_CLOSE] = "close", [GOLDEN_RESET] = "reset"};
	enum rt_dir side = r->line.text[0] == 'C' ? RT_REQ : RT_RESP;
	const char *word = r->line.n > 1 ? r->line.token[1].p : "";

	r->line.side = side;
	if (r->line.text[1] == ':') {
		if (*word && strcmp(word, "nowait") != 0)
			golden_bad(&r->line, "unknown word");
		step_add(r, GOLDEN_BYTES, side)->nowait = *word;
		r->block = r->g->nsteps - 1;
		return;
	}
	for (int i = GOLDEN_SHUT; i <= GOLDEN_RESET; i++) {
		if (!strcmp(word, acts[i])) {
			step_add(r, (enum golden_act)i, side);
			r->g->resets |= i == GOLDEN_RESET;
			return;
		}
	}
	golden_bad(&r->line, "unknown act");
}

static void read_outer(struct reader *r)
{
	const char *word = r->line.n ? r->line.token[0].p : "";

	if (!strcmp(word, "protocol"))
		return read_protocol(r);
	if (!strcmp(word, "=") || !strcmp(word, "!"))
		return read_want(r, r->line.text);
	if (!strcmp(word, "C:") || !strcmp(word, "S:") || !strcmp(word, "C") || !strcmp(word, "S"))
		return read_side(r);
	if (!strcmp(word, "attach")) {
		step_add(r, GOLDEN_ATTACH, RT_REQ);
		r->g->late = true;
		r->g->settled = r->g->nsteps;
	} else if (!strcmp(word, "settled")) {
		r->g->settled = r->g->nsteps;
	} else if (!strcmp(word, "plays") && r->line.n == 2) {
		r->g->plays = (int)golden_int(r->g, &r->line, r->line.token[1].p);
	} else if (!strcmp(word, "in-flight") && r->line.n == 2) {
		step_add(r, GOLDEN_IN_FLIGHT, RT_REQ)->len = strtoul(r->line.token[1].p, NULL, 10);
	} else {
		golden_bad(&r->line, "unknown word");
	}
}

static void read_inner(struct reader *r)
{
	struct golden *g = r->g;
	struct golden_side *s = &g->side[r->line.side];

	if (r->block < 0)
		golden_bad(&r->line, "outside of a block");
	if (g->proto == RT_PROTO_HTTP)
		golden_http_line(g, &r->line);
	else if (g->proto == RT_PROTO_POSTGRES)
		golden_pg_line(g, &r->line);
	else if (g->proto == RT_PROTO_KAFKA)
		golden_kafka_line(g, &r->line);
	else
		golden_bad(&r->line, "no protocol yet");
	g->steps[r->block].len = s->len - g->steps[r->block].at;
}

static int repeat_end(struct reader *r, int from, int to)
{
	for (int i = from; i < to; i++)
		if (!strcmp(r->lines[i] + strspn(r->lines[i], " \t"), "end"))
			return i;
	golden_bad(&r->line, "no end");
}

static void read_lines(struct reader *r, int from, int to)
{
	for (int i = from; i < to; i++) {
		char *text = r->lines[i];
		bool inner = *text == ' ' || *text == '\t';

		r->line.number = i + 1;
		r->line.text = text += strspn(text, " \t");
		if (!*text || *text == '#')
			continue;
		/* text of HTTP is no list of words */
		if (inner && (*text == '|' || *text == ':')) {
			read_inner(r);
			continue;
		}
		line_tokens(r);
		if (inner && !strcmp(r->line.token[0].p, "repeat") && r->line.n == 2) {
			int end = repeat_end(r, i + 1, to);

			for (int64_t n = golden_int(r->g, &r->line, r->line.token[1].p); n > 0; n--)
				read_lines(r, i + 1, end);
			i = end;
		} else if (inner) {
			read_inner(r);
		} else {
			read_outer(r);
		}
	}
}

/* ---- files ---- */

static char *file_text(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t n = 0;

	if (!f || getdelim(&text, &n, '\0', f) < 0) {
		perror(path);
		exit(2);
	}
	fclose(f);
	return text;
}

struct golden *golden_read(const char *path, uint64_t serial)
{
	struct reader r = {.g = calloc(1, sizeof(*r.g)), .arena = malloc(ARENA_BYTES), .block = -1};
	char *text = file_text(path), *save = text, *line;
	size_t cap = 0;

	if (!r.g || !r.arena)
		abort();
	r.line.path = path;
	r.line.serial = serial;
	while ((line = strsep(&save, "\n"))) {
		r.lines = grow(r.lines, &cap, (size_t)r.nlines + 1, sizeof(*r.lines));
		r.lines[r.nlines++] = line;
	}
	read_lines(&r, 0, r.nlines);
	if (r.block >= 0 && r.g->proto == RT_PROTO_KAFKA)
		golden_kafka_flush(r.g, &r.line);
	if (!r.g->nsteps)
		golden_bad(&r.line, "nothing is said");
	free(r.lines);
	free(r.arena);
	free(text);
	return r.g;
}

void golden_free(struct golden *g)
{
	if (!g)
		return;
	for (int i = 0; i < 2; i++) {
		free(g->side[i].bytes);
		free(g->side[i].ends);
	}
	free(g);
}
