// SPDX-License-Identifier: GPL-2.0-or-later
/* PostgreSQL documentation, "Message Formats". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

/*
 * What stands in a body, one letter per word of the line: s a string with its NUL, b bytes, c one
 * character, h and i integers of 2 and 4 bytes, v a count of 2 bytes and that many values each
 * with its length (`null`: none); r a row description, a text column for every word; p a count and
 * that many object ids of 0. A digit is as many zero bytes and takes no word.
 */
struct pg_kind {
	const char *name;
	char type; /* 0: none, the first packets */
	enum rt_dir side;
	const char *body;
};

static const struct pg_kind kinds[] = {
	{"Query", 'Q', RT_REQ, "s"},
	{"Parse", 'P', RT_REQ, "ss2"},
	{"Bind", 'B', RT_REQ, "ss2v2"},
	{"Describe", 'D', RT_REQ, "cs"},
	{"Execute", 'E', RT_REQ, "si"},
	{"Close", 'C', RT_REQ, "cs"},
	{"Sync", 'S', RT_REQ, ""},
	{"Flush", 'H', RT_REQ, ""},
	{"Terminate", 'X', RT_REQ, ""},
	{"FunctionCall", 'F', RT_REQ, "i222"},
	{"CopyData", 'd', RT_REQ, "b"},
	{"CopyDone", 'c', RT_REQ, ""},
	{"CopyFail", 'f', RT_REQ, "s"},
	{"Password", 'p', RT_REQ, "s"},
	{"SASLInitialResponse", 'p', RT_REQ, "sb"},
	{"SASLResponse", 'p', RT_REQ, "b"},
	{"Authentication", 'R', RT_RESP, "ib"},
	{"ParameterStatus", 'S', RT_RESP, "ss"},
	{"BackendKeyData", 'K', RT_RESP, "ib"},
	{"ReadyForQuery", 'Z', RT_RESP, "c"},
	{"ParseComplete", '1', RT_RESP, ""},
	{"BindComplete", '2', RT_RESP, ""},
	{"CloseComplete", '3', RT_RESP, ""},
	{"NoData", 'n', RT_RESP, ""},
	{"RowDescription", 'T', RT_RESP, "r"},
	{"ParameterDescription", 't', RT_RESP, "p"},
	{"DataRow", 'D', RT_RESP, "v"},
	{"CommandComplete", 'C', RT_RESP, "s"},
	{"EmptyQueryResponse", 'I', RT_RESP, ""},
	{"PortalSuspended", 's', RT_RESP, ""},
	{"NotificationResponse", 'A', RT_RESP, "iss"},
	{"CopyInResponse", 'G', RT_RESP, "122"},
	{"CopyOutResponse", 'H', RT_RESP, "122"},
	{"CopyBothResponse", 'W', RT_RESP, "122"},
	{"CopyData", 'd', RT_RESP, "b"},
	{"CopyDone", 'c', RT_RESP, ""},
	{"FunctionCallResponse", 'V', RT_RESP, "i"},
	{"NegotiateProtocolVersion", 'v', RT_RESP, "iis"},
};

static const char *word(const struct golden_line *l, int *i)
{
	return *i < l->n ? l->token[(*i)++].p : "";
}

static void pg_values(struct golden *g, const struct golden_line *l, int *i)
{
	golden_put_int(g, l->side, l->n - *i, 2);
	for (; *i < l->n; (*i)++) {
		const struct golden_token *t = &l->token[*i];

		if (!t->quoted && !strcmp(t->p, "null")) {
			golden_put_int(g, l->side, -1, 4);
			continue;
		}
		golden_put_int(g, l->side, (int64_t)t->n, 4);
		golden_put(g, l->side, t->p, t->n);
	}
}

static void pg_columns(struct golden *g, const struct golden_line *l, int *i)
{
	golden_put_int(g, l->side, l->n - *i, 2);
	for (; *i < l->n; (*i)++) {
		golden_put(g, l->side, l->token[*i].p, l->token[*i].n + 1);
		golden_put_int(g, l->side, 0, 4);
		golden_put_int(g, l->side, 0, 2);
		golden_put_int(g, l->side, 25, 4);
		golden_put_int(g, l->side, -1, 2);
		golden_put_int(g, l->side, -1, 4);
		golden_put_int(g, l->side, 0, 2);
	}
}

static void pg_field(struct golden *g, const struct golden_line *l, char kind, int *i)
{
	const char *w;

	switch (kind) {
	case 's':
		w = word(l, i);
		golden_put(g, l->side, w, strlen(w) + 1);
		break;
	case 'b':
		if (*i < l->n) {
			golden_put(g, l->side, l->token[*i].p, l->token[*i].n);
			(*i)++;
		}
		break;
	case 'c': golden_put(g, l->side, word(l, i), 1); break;
	case 'h': golden_put_int(g, l->side, golden_int(g, l, word(l, i)), 2); break;
	case 'i':
		golden_put_int(g, l->side, golden_int(g, l, *i < l->n ? word(l, i) : "0"), 4);
		break;
	case 'v': pg_values(g, l, i); break;
	case 'r': pg_columns(g, l, i); break;
	case 'p': {
		int64_t n = golden_int(g, l, word(l, i));

		golden_put_int(g, l->side, n, 2);
		while (n-- > 0)
			golden_put_int(g, l->side, 0, 4);
		break;
	}
	default: golden_put_int(g, l->side, 0, kind - '0'); break;
	}
}

/* ErrorResponse SEVERITY SQLSTATE and NoticeResponse alike; severity in the server's language too.
 */
static void pg_error(struct golden *g, const struct golden_line *l, char type)
{
	char body[512];
	int n;

	if (l->n != 3)
		golden_bad(l, "severity and SQLSTATE, please");
	n = snprintf(body, sizeof(body), "SFEHLER%cV%s%cC%s%cMsecret%cFx.c%cL1%cRf%c%c", 0,
		     l->token[1].p, 0, l->token[2].p, 0, 0, 0, 0, 0, 0);
	golden_put(g, l->side, &type, 1);
	golden_put_int(g, l->side, n + 4, 4);
	golden_put(g, l->side, body, (size_t)n);
}

/* Startup VERSION key=value ..., SSLRequest, GSSENCRequest, CancelRequest PID KEY. */
static bool pg_first(struct golden *g, const struct golden_line *l)
{
	size_t at = g->side[l->side].len;
	const char *name = l->token[0].p;

	if (!strcmp(name, "Startup")) {
		unsigned int major, minor;

		if (l->n < 2 || sscanf(l->token[1].p, "%u.%u", &major, &minor) != 2)
			golden_bad(l, "no version");
		golden_put_int(g, l->side, 0, 4);
		golden_put_int(g, l->side, (int64_t)major << 16 | minor, 4);
		for (int i = 2; i < l->n; i++) {
			const char *eq = strchr(l->token[i].p, '=');

			if (!eq)
				golden_bad(l, "key=value, please");
			golden_put(g, l->side, l->token[i].p, (size_t)(eq - l->token[i].p));
			golden_put(g, l->side, "", 1);
			golden_put(g, l->side, eq + 1, strlen(eq + 1) + 1);
		}
		golden_put(g, l->side, "", 1);
	} else if (!strcmp(name, "SSLRequest") || !strcmp(name, "GSSENCRequest")) {
		golden_put_int(g, l->side, 0, 4);
		golden_put_int(g, l->side, name[0] == 'S' ? 80877103 : 80877104, 4);
	} else if (!strcmp(name, "CancelRequest") && l->n == 3) {
		golden_put_int(g, l->side, 0, 4);
		golden_put_int(g, l->side, 80877102, 4);
		golden_put_int(g, l->side, golden_int(g, l, l->token[1].p), 4);
		golden_put(g, l->side, l->token[2].p, l->token[2].n);
	} else {
		return false;
	}
	golden_set_int(g, l->side, at, (int64_t)(g->side[l->side].len - at), 4);
	return true;
}

static const struct pg_kind *pg_kind(const struct golden_line *l)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].side == l->side && !strcmp(kinds[i].name, l->token[0].p))
			return &kinds[i];
	golden_bad(l, "unknown message of this side");
}

static void pg_message(struct golden *g, const struct golden_line *l)
{
	const struct pg_kind *kind = pg_kind(l);
	size_t at = g->side[l->side].len;
	int i = 1;

	golden_put(g, l->side, &kind->type, 1);
	golden_put_int(g, l->side, 0, 4);
	for (const char *p = kind->body; *p; p++)
		pg_field(g, l, *p, &i);
	if (i != l->n)
		golden_bad(l, "more words than fields");
	golden_set_int(g, l->side, at + 1, (int64_t)(g->side[l->side].len - at - 1), 4);
}

void golden_pg_line(struct golden *g, const struct golden_line *l)
{
	const char *name = l->token[0].p;

	if (!strcmp(name, "bytes") && l->n == 2)
		golden_put(g, l->side, l->token[1].p, l->token[1].n);
	else if (l->side == RT_RESP && !strcmp(name, "ErrorResponse"))
		pg_error(g, l, 'E');
	else if (l->side == RT_RESP && !strcmp(name, "NoticeResponse"))
		pg_error(g, l, 'N');
	else if (l->side != RT_REQ || !pg_first(g, l))
		pg_message(g, l);
	golden_end(g, l->side);
}
