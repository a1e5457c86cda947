/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conversations as text, played to postgres_ops. One message per line:
 *
 *   > Q select 1            from the client: startup k=v.. ssl gss cancel, Q text, P name|text,
 *                           B portal|statement, D S|name, E portal|rows, C S|name, S H X c,
 *                           F, d bytes, f text, p bytes
 *   < D text                from the server: 1 2 3 n s I c T t D G H W d N A V v K R,
 *                           C tag, Z status, S name=value, E severity sqlstate, byte x
 *   ~ > 100  ~ < 100        a gap of 100 bytes in that direction, inside the call that follows;
 *                           with a line `-` behind it, of whole calls
 *
 * Lines of one direction in a row are one call, unless a line `-` stands between them. Calls are
 * 1000 ns apart. Any text is a conversation: what makes no sense is some message all the same, and
 * what is too long is cut. What is said comes out as text too: `select ok rows=1 batch=1 @1-2` and
 * so on; `row=` is from the statement's own request to its first row, where these are not the
 * unit's.
 */
#ifndef REDTAP_TESTS_POSTGRES_PLAY_H
#define REDTAP_TESTS_POSTGRES_PLAY_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/postgres.h"

#define PLAY_BYTES 65536
#define PLAY_CALLS 512

struct play_call {
	enum rt_dir dir;
	uint64_t gap; /* not 0: so many bytes are missing here */
	bool goes_on; /* behind a gap: the rest of the same call */
	size_t at, len;
	size_t marks[64]; /* ends of its messages */
	int messages;
};

struct play_talk {
	uint8_t bytes[PLAY_BYTES];
	struct play_call calls[PLAY_CALLS];
	size_t used;
	int ncalls;
};

struct play {
	void *conn;
	uint8_t *rest[2];
	size_t rest_len[2];
	uint64_t rest_ns[2];
	bool rest_start[2];
	uint64_t off[2];
	void (*say)(void *arg, const struct rt_txn *t);
	int heard; /* last direction fed, -1: none */
	bool times;
	bool left; /* RT_LEAVE was returned */
	uint64_t unparsed[RT_UNPARSED_MAX];
	uint32_t txns;
	uint64_t rows, req_bytes, resp_bytes;
	char out[16384];
	size_t out_len;
};

static inline void play_put(struct play_talk *t, const void *p, size_t n)
{
	if (n > PLAY_BYTES - t->used)
		return;
	memcpy(t->bytes + t->used, p, n);
	t->used += n;
}

static inline void play_be32(struct play_talk *t, uint32_t v)
{
	uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	play_put(t, b, 4);
}

static inline void play_message(struct play_talk *t, char type, const void *body, size_t n)
{
	if (type)
		play_put(t, &type, 1);
	play_be32(t, (uint32_t)n + 4);
	play_put(t, body, n);
}

static inline void play_untyped(struct play_talk *t, uint32_t code, const void *body, size_t n)
{
	play_be32(t, (uint32_t)n + 8);
	play_be32(t, code);
	play_put(t, body, n);
}

/* Replaces the separators by NUL and ends with one more. Length with it. */
static inline size_t play_strings(char *s, char separator)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (s[i] == separator)
			s[i] = '\0';
	return n + 1;
}

static inline void play_startup(struct play_talk *t, char *arg)
{
	size_t n = strlen(arg);

	if (!n)
		return play_untyped(t, 3u << 16, "", 1);
	for (size_t i = 0; i < n; i++)
		if (arg[i] == ' ' || arg[i] == '=')
			arg[i] = '\0';
	arg[n + 1] = '\0';
	play_untyped(t, 3u << 16, arg, n + 2);
}

static inline void play_execute(struct play_talk *t, char *arg)
{
	char *bar = strchr(arg, '|');
	uint32_t rows = bar ? (uint32_t)atoi(bar + 1) : 0;
	char body[128];
	size_t n;

	if (bar)
		*bar = '\0';
	n = strlen(arg) + 1;
	if (n > sizeof(body) - 4)
		n = sizeof(body) - 4;
	memcpy(body, arg, n);
	body[n] = (char)(rows >> 24), body[n + 1] = (char)(rows >> 16);
	body[n + 2] = (char)(rows >> 8), body[n + 3] = (char)rows;
	play_message(t, 'E', body, n + 4);
}

/* Strings of the argument, then `zeros` zero bytes. */
static inline void play_zeros(struct play_talk *t, char type, char *arg, size_t zeros)
{
	size_t n = play_strings(arg, '|');

	memset(arg + n, 0, zeros);
	play_message(t, type, arg, n + zeros);
}

static inline void play_client(struct play_talk *t, char *word, char *arg)
{
	if (!strcmp(word, "startup"))
		play_startup(t, arg);
	else if (!strcmp(word, "ssl"))
		play_untyped(t, 80877103, "", 0);
	else if (!strcmp(word, "gss"))
		play_untyped(t, 80877104, "", 0);
	else if (!strcmp(word, "cancel"))
		play_untyped(t, 80877102, "\0\0\0\1keys", 8);
	else if (!strcmp(word, "raw"))
		play_put(t, arg, strlen(arg));
	else if (word[0] == 'Q' || word[0] == 'f' || word[0] == 'p')
		play_zeros(t, word[0], arg, 0);
	else if (word[0] == 'P')
		play_zeros(t, 'P', strchr(arg, '|') ? arg : strcat(arg, "|"), 2);
	else if (word[0] == 'B')
		play_zeros(t, 'B', strchr(arg, '|') ? arg : strcat(arg, "|"), 6);
	else if (word[0] == 'E')
		play_execute(t, arg);
	else if (word[0] == 'D' || word[0] == 'C') {
		memmove(arg + 1, arg + 2, strlen(arg + 1));
		play_message(t, word[0], arg, strlen(arg) + 1);
	} else if (word[0] == 'F')
		play_message(t, 'F', "\0\0\1\0\0\0\0\0\0\0", 10);
	else
		play_message(t, word[0], arg, strlen(arg));
}

static inline void play_server_error(struct play_talk *t, char type, char *arg)
{
	char severity[16] = "", state[8] = "", body[256];
	int n;

	sscanf(arg, "%15s %7s", severity, state);
	n = snprintf(body, sizeof(body), "SFEHLER%cV%s%cC%s%cMnot to be kept%cHCselect%c%c", 0,
		     severity, 0, state, 0, 0, 0, 0);
	play_message(t, type, body, (size_t)n);
}

static inline void play_server(struct play_talk *t, char *word, char *arg)
{
	switch (word[0]) {
	case 'b': play_put(t, arg, 1); break; /* byte */
	case '1':
	case '2':
	case '3':
	case 'n':
	case 's':
	case 'I':
	case 'c': play_message(t, word[0], "", 0); break;
	case 'C': play_message(t, 'C', arg, strlen(arg) + 1); break;
	case 'Z': play_message(t, 'Z', arg, 1); break;
	case 'E':
	case 'N': play_server_error(t, word[0], *arg ? arg : strcpy(arg, "NOTICE 00000")); break;
	case 'S':
		if (!strchr(arg, '='))
			strcpy(arg, "TimeZone=UTC");
		play_message(t, 'S', arg, play_strings(arg, '='));
		break;
	case 'A': play_message(t, 'A', "\0\0\0\1chan\0load", 14); break;
	case 'D': {
		char body[512] = {0};
		size_t n = strlen(arg) < 500 ? strlen(arg) : 500;

		body[1] = 1, body[4] = (char)(n >> 8), body[5] = (char)n;
		memcpy(body + 6, arg, n);
		play_message(t, 'D', body, 6 + n);
		break;
	}
	case 'r': play_put(t, arg, strlen(arg)); break; /* raw */
	case 'd': play_message(t, 'd', arg, strlen(arg)); break;
	case 'T':
		play_message(t, 'T', "\0\1a\0\0\0\0\0\0\0\0\0\0\27\0\4\377\377\377\377\0\0", 22);
		break;
	case 'G':
	case 'H':
	case 'W': play_message(t, word[0], "\0\0\1\0\0", 5); break;
	default: play_message(t, word[0], "\0\0\0\0\0\0\0\0", 8); break; /* t R K V v */
	}
}

static inline void play_line(struct play_talk *t, char *line, bool *cut)
{
	struct play_call *call = t->ncalls ? &t->calls[t->ncalls - 1] : NULL;
	enum rt_dir dir = line[line[0] == '~' ? 2 : 0] == '>' ? RT_REQ : RT_RESP;
	char *word = line + 2, *arg = strchr(word, ' ');
	static char none[512];

	if (line[0] == '-') {
		*cut = true;
		return;
	}
	memset(none, 0, sizeof(none));
	if (arg)
		*arg++ = '\0';
	else
		arg = none;
	if (!call || call->dir != dir || *cut || line[0] == '~' || call->gap) {
		if (t->ncalls == PLAY_CALLS)
			return;
		bool goes_on = call && call->gap && call->dir == dir && !*cut;

		call = &t->calls[t->ncalls++];
		*call = (struct play_call){.dir = dir, .at = t->used, .goes_on = goes_on};
	}
	*cut = false;
	if (line[0] == '~') {
		call->gap = strtoull(arg, NULL, 10) & 0xfffff;
		return;
	}
	if (dir == RT_REQ)
		play_client(t, word, arg);
	else
		play_server(t, word, arg);
	call->len = t->used - call->at;
	if (call->messages < 64)
		call->marks[call->messages++] = call->len;
}

static inline struct play_talk *play_read(const char *script)
{
	struct play_talk *t = calloc(1, sizeof(*t));
	bool cut = false;

	while (t && *script) {
		char line[2048] = {0};
		size_t n = strcspn(script, "\n");

		memcpy(line, script, n < sizeof(line) - 32 ? n : sizeof(line) - 32);
		script += n + (script[n] == '\n');
		if (n)
			play_line(t, line, &cut);
	}
	if (!t)
		abort();
	return t;
}

static inline void play_txn(void *arg, const struct rt_txn *t)
{
	struct play *p = arg;
	int n;

	p->txns++;
	p->rows += t->pg.rows;
	p->req_bytes += t->req_bytes;
	p->resp_bytes += t->resp_bytes;
	if (p->out_len + 256 > sizeof(p->out))
		return;
	n = snprintf(p->out + p->out_len, sizeof(p->out) - p->out_len, "%.*s %s%s rows=%llu",
		     (int)t->pg.query_type.n, (const char *)t->pg.query_type.p,
		     t->pg.sqlstate[0] ? t->pg.sqlstate : "ok", t->pg.fatal ? " fatal" : "",
		     (unsigned long long)t->pg.rows);
	p->out_len += (size_t)n;
	if (t->pg.batch > 1)
		p->out_len += (size_t)sprintf(p->out + p->out_len, " batch=%u", t->pg.batch);
	if (t->pg.database.n)
		p->out_len += (size_t)sprintf(p->out + p->out_len, " db=%.*s/%.*s",
					      (int)t->pg.database.n, (const char *)t->pg.database.p,
					      (int)t->pg.user.n, (const char *)t->pg.user.p);
	if (t->flags & RT_TXN_NO_DURATION)
		p->out_len += (size_t)sprintf(p->out + p->out_len, " untimed");
	else if (p->times)
		p->out_len += (size_t)sprintf(p->out + p->out_len, " @%llu-%llu",
					      (unsigned long long)t->start_ns / 1000,
					      (unsigned long long)t->end_ns / 1000);
	if (t->first_ns && p->times)
		p->out_len += (size_t)sprintf(p->out + p->out_len, " first=%llu",
					      (unsigned long long)t->first_ns / 1000);
	if (p->times && t->pg.sent_ns &&
	    (t->pg.row_ns != t->first_ns || t->pg.sent_ns != t->start_ns))
		p->out_len += (size_t)sprintf(p->out + p->out_len, " row=%llu-%llu",
					      (unsigned long long)t->pg.sent_ns / 1000,
					      (unsigned long long)t->pg.row_ns / 1000);
	p->out[p->out_len++] = '\n';
	p->out[p->out_len] = '\0';
}

static inline void play_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct play *p = arg;

	p->unparsed[cause] += n;
}

static inline struct rt_sink play_sink(struct play *p)
{
	return (struct rt_sink){.arg = p, .txn = p->say, .unparsed = play_unparsed};
}

static inline struct play *play_new(uint32_t flags)
{
	struct play *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->conn = calloc(1, postgres_ops.conn_bytes);
	p->heard = -1;
	p->say = play_txn;
	p->times = true;
	postgres_ops.init(p->conn, NULL, flags);
	return p;
}

static inline void play_free(struct play *p)
{
	postgres_ops.fini(p->conn);
	free(p->conn);
	free(p->rest[0]);
	free(p->rest[1]);
	free(p);
}

/* Hands bytes over as the connection layer would: the kept rest in front. */
static inline void play_feed(struct play *p, enum rt_dir dir, const uint8_t *data, size_t len,
			     uint64_t ns, uint32_t flags)
{
	struct rt_sink sink = play_sink(p);
	size_t kept = p->rest_len[dir], n = kept + len;
	uint8_t *buf;
	struct rt_chunk chunk;
	ssize_t used;

	if (p->left || !len)
		return;
	buf = malloc(n);
	if (!buf)
		abort();
	if (kept)
		memcpy(buf, p->rest[dir], kept);
	memcpy(buf + kept, data, len);
	if (p->heard >= 0 && p->heard != (int)dir)
		flags |= RT_TURN;
	p->heard = (int)dir;
	if (!kept)
		p->rest_start[dir] = flags & RT_CALL_START;
	flags &= ~RT_CALL_START;
	if (p->rest_start[dir])
		flags |= RT_CALL_START;
	chunk = (struct rt_chunk){.data = buf,
				  .len = n,
				  .off = p->off[dir],
				  .first_ns = kept ? p->rest_ns[dir] : ns,
				  .last_ns = ns,
				  .flags = flags};
	used = postgres_ops.feed(p->conn, dir, &chunk, &sink);
	if (used == RT_LEAVE) {
		p->left = true;
		used = (ssize_t)n;
	}
	if (used < 0 || (size_t)used > n)
		abort();
	if (used > 0)
		p->rest_start[dir] = false;
	p->off[dir] += (uint64_t)used;
	free(p->rest[dir]);
	p->rest[dir] = NULL;
	p->rest_len[dir] = n - (size_t)used;
	if (p->rest_len[dir]) {
		p->rest[dir] = malloc(p->rest_len[dir]);
		if (!p->rest[dir])
			abort();
		memcpy(p->rest[dir], buf + used, p->rest_len[dir]);
		if (used >= (ssize_t)kept)
			p->rest_ns[dir] = ns;
	}
	free(buf);
}

static inline void play_gap(struct play *p, enum rt_dir dir, uint64_t len, uint64_t ns)
{
	struct rt_sink sink = play_sink(p);

	if (p->left)
		return;
	len += p->rest_len[dir];
	p->rest_len[dir] = 0;
	free(p->rest[dir]);
	p->rest[dir] = NULL;
	if (postgres_ops.gap(p->conn, dir, p->off[dir], len, ns, 0, &sink))
		abort();
	p->off[dir] += len;
}

/* How a call is cut. */
struct play_cut {
	size_t at;     /* global offset of the talk's bytes where one call is cut; SIZE_MAX: none */
	bool calls;    /* the parts are calls of their own */
	bool bytes;    /* every byte is a call of its own */
	bool messages; /* every message is a call of its own */
};

static inline void play_one(struct play *p, const struct play_talk *t, const struct play_call *call,
			    uint64_t ns, struct play_cut cut)
{
	const uint8_t *data = t->bytes + call->at;
	size_t done = 0;
	int mark = 0;

	if (call->gap) {
		play_gap(p, call->dir, call->gap, ns);
		return;
	}
	while (done < call->len) {
		size_t end = call->len;
		uint32_t flags = done == 0 && !call->goes_on ? RT_CALL_START : 0;

		if (cut.bytes)
			end = done + 1;
		else if (cut.messages && mark < call->messages)
			end = call->marks[mark++];
		else if (cut.at > call->at + done && cut.at < call->at + call->len)
			end = cut.at - call->at;
		if (end == call->len)
			flags |= RT_CALL_END;
		if (cut.calls || cut.bytes || cut.messages)
			flags |= (done || !call->goes_on ? RT_CALL_START : 0) | RT_CALL_END;
		play_feed(p, call->dir, data + done, end - done, ns, flags);
		done = end;
	}
}

static inline void play_all(struct play *p, const struct play_talk *t, struct play_cut cut)
{
	for (int i = 0; i < t->ncalls; i++)
		play_one(p, t, &t->calls[i], 1000ull * (uint64_t)(i + 1), cut);
}

/* Both ends close. */
static inline void play_end(struct play *p)
{
	static const char *const names[RT_UNPARSED_MAX] = {"gap",   "malformed", "version",
							   "limit", "orphan",    "abandoned"};
	struct rt_sink sink = play_sink(p);

	postgres_ops.eof(p->conn, RT_REQ, 1, 0, &sink);
	postgres_ops.eof(p->conn, RT_RESP, 1, 0, &sink);
	for (int i = 0; i < RT_UNPARSED_MAX; i++)
		if (p->unparsed[i])
			p->out_len += (size_t)sprintf(p->out + p->out_len, "! %s %llu\n", names[i],
						      (unsigned long long)p->unparsed[i]);
	if (p->left)
		p->out_len += (size_t)sprintf(p->out + p->out_len, "left\n");
}

#endif
