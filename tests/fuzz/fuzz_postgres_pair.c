// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairing under loss. The input decides a conversation of numbered statements between a client and
 * a server that follows the protocol's rules (errors skip to Sync, COPY swallows it, portals are
 * suspended); row counts, SQLSTATEs and commands follow from the numbers. It also decides how the
 * conversation is cut into calls, which of them are lost or only captured at their ends, and where
 * requests overtake answers on their way to the parser. No statement may ever get another one's
 * outcome or be said twice; without loss each is said once, exactly, and nothing is not understood.
 */
#include <stdio.h>

#include "pair_feed.h"

#include "proto/postgres.h"

#define CALL_BYTES    1024
#define IDS_MAX       160
#define ROUND_IDS     32 /* four units of four statements and a skipped query each */
#define ROUND_RECORDS 64
#define READY_BYTES   6
#define SLIDES        56 /* the parser trusts one that may slide again after PG_WINDOWED */
#define NAMES         4  /* prepared statements that keep their name; also the commands there are */
#define PORTAL_ROWS   2  /* limit of an Execute that is suspended */
#define PREPARED      9  /* longest name, with its end and a bar of room */

struct text {
	uint8_t p[8192];
	size_t n;
};

struct statement {
	unsigned int verb;
	bool answered; /* is to be said */
	bool failed;
	bool bare;  /* given up while suspended: it has no number of rows of its own */
	bool parts; /* read in parts */
	bool late;  /* fails at Sync, behind its CommandComplete */
	uint64_t rows;
	int said;
};

struct sim {
	struct pair pair;
	struct statement st[IDS_MAX];
	int ids;
	int bare; /* statements of st[].bare said */
	bool prepared[NAMES];
};

static const char *const verbs[NAMES] = {"select", "insert", "update", "delete"};
static const char *const tags[NAMES] = {"SELECT", "INSERT 0", "UPDATE", "DELETE"};

static unsigned int pick(struct sim *s, unsigned int n)
{
	return pair_pick(&s->pair, n);
}

static bool room(const struct sim *s)
{
	return s->pair.in.n && s->ids + ROUND_IDS < IDS_MAX &&
	       s->pair.records + ROUND_RECORDS < PAIR_RECORDS;
}

/* ---- messages ---- */

static void put(struct text *t, char type, const void *body, size_t n)
{
	uint8_t head[5] = {(uint8_t)type, 0, 0, (uint8_t)((n + 4) >> 8), (uint8_t)(n + 4)};

	assert(t->n + n + 5 <= sizeof(t->p));
	memcpy(t->p + t->n, head, 5);
	memcpy(t->p + t->n + 5, body, n);
	t->n += n + 5;
}

static void put_str(struct text *t, char type, const char *s)
{
	put(t, type, s, strlen(s) + 1);
}

/* A name, a text (or a second name) and zeros. */
static void put_names(struct text *t, char type, const char *a, const char *b, size_t zeros)
{
	char body[128] = "";
	size_t n = strlen(a) + 1, m = b ? strlen(b) + 1 : 0;

	assert(n + m + zeros <= sizeof(body));
	memcpy(body, a, n);
	if (b)
		memcpy(body + n, b, m);
	put(t, type, body, n + m + zeros);
}

static void put_execute(struct text *t, const char *portal, unsigned int rows)
{
	char body[32] = "";
	size_t n = strlen(portal) + 1;

	memcpy(body, portal, n);
	body[n + 3] = (char)rows;
	put(t, 'E', body, n + 4);
}

static void put_close(struct text *t, char type, char what, const char *name)
{
	char body[32] = {what};

	memcpy(body + 1, name, strlen(name) + 1);
	put(t, type, body, strlen(name) + 2);
}

/* What the server may say at any time. */
static void put_noise(struct sim *s, struct text *t)
{
	switch (pick(s, 12)) {
	case 1: put(t, 'N', "SNOTICE\0C00000\0Mhello\0", 23); break;
	case 2: put(t, 'S', "TimeZone\0UTC", 13); break;
	case 3: put(t, 'A', "\0\0\0\1chan\0load", 14); break;
	}
}

static void put_answer(struct sim *s, struct text *t, char type)
{
	put_noise(s, t);
	if (type == 'T')
		put(t, 'T', "\0\1a\0\0\0\0\0\0\0\0\0\0\27\0\4\377\377\377\377\0\0", 22);
	else if (type == 't')
		put(t, 't', "\0\0", 2);
	else if (type == 'V')
		put(t, 'V', "\377\377\377\377", 4);
	else
		put(t, type, "", 0);
}

static void put_ready(struct sim *s, struct text *t, char status)
{
	put_noise(s, t);
	put(t, 'Z', &status, 1);
}

/* A value that is all of a verdict. */
static const char imitation[] = "C\0\0\0\15SELECT 7\0Z\0\0\0\5I";

static void put_rows(struct sim *s, struct text *t, unsigned int n)
{
	char row[26] = "\0\1\0\0\0\24";

	memcpy(row + 6, imitation, sizeof(imitation) - 1);
	while (n--) {
		if (pick(s, 4) == 1)
			put(t, 'D', row, sizeof(row));
		else
			put(t, 'D', "\0\1\0\0\0\2ab", 8);
	}
}

static void put_error(struct text *t, const char *severity, int id)
{
	char body[64];
	int n = snprintf(body, sizeof(body), "SERR%cV%s%cCZ%04d%cMno%c", 0, severity, 0, id, 0, 0);

	put(t, 'E', body, (size_t)n + 1);
}

/* ---- statements ---- */

static int make(struct sim *s, unsigned int verb)
{
	assert(s->ids < IDS_MAX);
	s->st[s->ids] = (struct statement){.verb = verb};
	return s->ids++;
}

static const char *sql(const struct sim *s, int id)
{
	static char text[32];

	snprintf(text, sizeof(text), "%s %d", verbs[s->st[id].verb], id);
	return text;
}

static void done(struct sim *s, struct text *t, int id)
{
	struct statement *st = &s->st[id];
	uint64_t number = 1000u * ((uint64_t)id + 1);
	char tag[48];

	snprintf(tag, sizeof(tag), "%s %u", tags[st->verb], (unsigned int)number);
	put_noise(s, t);
	put_str(t, 'C', tag);
	st->rows += number;
	st->answered = true;
}

static void fail(struct sim *s, struct text *t, int id, const char *severity)
{
	put_noise(s, t);
	put_error(t, severity, id);
	s->st[id].answered = s->st[id].failed = true;
	s->st[id].rows = 0;
}

/* ---- units that are sent at once ---- */

static void unit_query(struct sim *s, struct text *q, struct text *a)
{
	unsigned int n = 1 + pick(s, 3), bad = pick(s, 6), kind = pick(s, 4);
	char text[128] = "";

	if (kind == 3 && n == 1) {
		put_str(q, 'Q', "; ;");
		put_answer(s, a, 'I');
		put_ready(s, a, 'I');
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		int id = make(s, pick(s, NAMES));

		strcat(strcat(text, sql(s, id)), i + 1 < n ? "; " : "");
		if (i > bad)
			continue;
		if (kind) {
			put_answer(s, a, 'T');
			put_rows(s, a, pick(s, 4));
		}
		if (i == bad)
			fail(s, a, id, "ERROR");
		else
			done(s, a, id);
	}
	put_str(q, 'Q', text);
	put_ready(s, a, bad < n ? 'E' : 'I');
}

/* Parse (perhaps of a name that stays), Bind, Describe, Execute. `phase`: where it fails, 0 not;
 * 4: behind its rows. `skip`: the server drops it. False: it failed. */
static bool extended(struct sim *s, struct text *q, struct text *a, bool skip, unsigned int phase)
{
	unsigned int name = pick(s, NAMES * 2), verb = name < NAMES ? name : pick(s, NAMES);
	int id = make(s, verb);
	bool parse = name >= NAMES || !s->prepared[name] || skip, describe = pick(s, 2);
	char text[PREPARED] = "";

	if (name < NAMES && !skip)
		snprintf(text, sizeof(text), "n%u", name);
	if (parse) {
		put_names(q, 'P', text, sql(s, id), 2);
		if (!skip && phase != 1)
			put_answer(s, a, '1');
	}
	put_names(q, 'B', "", text, 6);
	if (describe)
		put_close(q, 'D', 'P', "");
	put_execute(q, "", 0);
	if (skip)
		return false;
	if (phase == 1 && parse) {
		fail(s, a, id, "ERROR");
		return false;
	}
	if (parse && name < NAMES)
		s->prepared[name] = true;
	if (phase == 2) {
		fail(s, a, id, "ERROR");
		return false;
	}
	put_answer(s, a, '2');
	if (describe)
		put_answer(s, a, pick(s, 2) ? 'T' : 'n');
	put_rows(s, a, phase == 4 ? 1 : pick(s, 3));
	if (phase >= 3) {
		fail(s, a, id, "ERROR");
		return false;
	}
	done(s, a, id);
	return true;
}

/* A pipeline up to Sync: one may fail and the rest is skipped, queries and function calls too; or
 * the last fails at Sync; or a query takes the Sync's place. */
static void unit_extended(struct sim *s, struct text *q, struct text *a)
{
	unsigned int n = 1 + pick(s, 4), bad = pick(s, 8), phase = 1 + pick(s, 4), end = pick(s, 6);
	bool good = true;

	for (unsigned int i = 0; i < n; i++) {
		bool now = extended(s, q, a, !good, i == bad ? phase : 0);

		good = good && now;
		if (!good && pick(s, 3) == 1) {
			put_str(q, 'Q', sql(s, make(s, 0)));
			put(q, 'F', "\0\0\0\1\0\0\0\0\0\0", 10);
			put(q, 'H', "", 0);
		}
	}
	if (pick(s, 4) == 1) {
		put_close(q, 'C', 'S', "none");
		if (good)
			put_answer(s, a, '3');
	}
	if (good && end == 1) {
		unit_query(s, q, a);
		return;
	}
	put(q, 'S', "", 0);
	if (good && end == 2) {
		for (int i = s->ids - 1;; i--)
			if (s->st[i].answered) {
				s->st[i].late = true;
				fail(s, a, i, "ERROR");
				break;
			}
	}
	put_ready(s, a, 'I');
}

static void unit_function(struct sim *s, struct text *q, struct text *a)
{
	put(q, 'F', "\0\0\0\1\0\0\0\0\0\0", 10);
	if (pick(s, 3))
		put_answer(s, a, 'V');
	else
		put_error(a, "ERROR", 9999);
	put_ready(s, a, 'I');
}

static void unit_copy_out(struct sim *s, struct text *q, struct text *a)
{
	int id = make(s, 0);

	put_str(q, 'Q', sql(s, id));
	put(a, 'H', "\0\0\1\0\0", 5);
	for (unsigned int n = pick(s, 4); n--;)
		put(a, 'd', "data\n", 5);
	put_answer(s, a, 'c');
	done(s, a, id);
	put_ready(s, a, 'T');
}

/* Extended COPY in, all sent at once: the first Sync is swallowed. */
static void unit_copy_in(struct sim *s, struct text *q, struct text *a)
{
	int id = make(s, 1);
	bool bad = pick(s, 3) == 1;

	put_names(q, 'P', "", sql(s, id), 2);
	put_names(q, 'B', "", "", 6);
	put_execute(q, "", 0);
	if (pick(s, 2))
		put(q, 'S', "", 0);
	put(q, 'd', "1\n", 2);
	put_str(q, bad ? 'f' : 'c', "");
	if (!bad)
		q->n--, q->p[q->n - 1] = 4;
	put(q, 'S', "", 0);
	put_answer(s, a, '1');
	put_answer(s, a, '2');
	put(a, 'G', "\0\0\1\0\0", 5);
	if (bad)
		fail(s, a, id, "ERROR");
	else
		done(s, a, id);
	put_ready(s, a, 'I');
}

static void unit(struct sim *s, struct text *q, struct text *a)
{
	switch (pick(s, 8)) {
	case 0:
	case 1: unit_query(s, q, a); break;
	case 2: unit_function(s, q, a); break;
	case 3: unit_copy_out(s, q, a); break;
	case 4: unit_copy_in(s, q, a); break;
	default: unit_extended(s, q, a); break;
	}
}

/* ---- calls ---- */

/*
 * t->p[at..] as a call of n bytes; returns them. None ends where an imitation does: with the row's
 * head lost, nothing on the wire tells that from a verdict, and a call's end is all that is left to
 * find the way back by.
 */
static size_t add_call(struct sim *s, enum rt_dir dir, const struct text *t, size_t at, size_t n)
{
	size_t same = sizeof(imitation) - 1, end = at + n;

	if (end >= same && !memcmp(t->p + end - same, imitation, same))
		n--;
	pair_add(&s->pair, dir, t->p + at, n);
	return n;
}

/* The text as calls; it is empty then. */
static void add_calls(struct sim *s, enum rt_dir dir, struct text *t)
{
	size_t at = 0;

	for (int i = 0; i < 2 && pick(s, 4) == 1; i++) {
		size_t n = pick(s, 255) % (t->n - at + 1);

		if (n && n <= CALL_BYTES)
			at += add_call(s, dir, t, at, n);
	}
	while (at < t->n)
		at += add_call(s, dir, t, at, t->n - at < CALL_BYTES ? t->n - at : CALL_BYTES);
	t->n = 0;
}

static void say(struct sim *s, struct text *q, struct text *a)
{
	add_calls(s, RT_REQ, q);
	add_calls(s, RT_RESP, a);
}

/* ---- exchanges in which the client waits in between ---- */

/* asyncpg: what was prepared is answered at Flush. */
static void talk_flush(struct sim *s, struct text *q, struct text *a)
{
	int id = make(s, pick(s, NAMES));

	put_names(q, 'P', "u", sql(s, id), 2);
	put_close(q, 'D', 'S', "u");
	put(q, 'H', "", 0);
	if (pick(s, 4) == 1) {
		fail(s, a, id, "ERROR");
		say(s, q, a);
		put(q, 'S', "", 0);
		put_ready(s, a, 'I');
		say(s, q, a);
		return;
	}
	put_answer(s, a, '1');
	put_answer(s, a, 't');
	put_answer(s, a, 'T');
	say(s, q, a);
	put_names(q, 'B', "", "u", 6);
	put_execute(q, "", 0);
	put_close(q, 'C', 'S', "u");
	put(q, 'S', "", 0);
	put_answer(s, a, '2');
	put_rows(s, a, pick(s, 3));
	done(s, a, id);
	put_answer(s, a, '3');
	put_ready(s, a, 'I');
	say(s, q, a);
}

static void talk_copy(struct sim *s, struct text *q, struct text *a)
{
	int id = make(s, pick(s, NAMES));
	bool bad = pick(s, 3) == 1;

	put_str(q, 'Q', sql(s, id));
	put(a, 'G', "\0\0\1\0\0", 5);
	say(s, q, a);
	put(q, 'd', "1\n2\n", 4);
	if (bad) {
		fail(s, a, id, "ERROR");
		put_ready(s, a, 'I');
		say(s, q, a);
		put(q, 'd', "3\n", 2);
		put(q, 'c', "", 0);
		unit_query(s, q, a);
	} else {
		if (pick(s, 2))
			put(q, 'S', "", 0);
		put(q, 'c', "", 0);
		done(s, a, id);
		put_ready(s, a, 'I');
	}
	say(s, q, a);
}

/* A portal read in parts, to its end or not. */
static void talk_portal(struct sim *s, struct text *q, struct text *a)
{
	int id = make(s, 0);
	const char *portal = pick(s, 2) ? "p" : "";

	s->st[id].parts = true;
	put_names(q, 'P', "", sql(s, id), 2);
	put_names(q, 'B', portal, "", 6);
	put_answer(s, a, '1');
	put_answer(s, a, '2');
	for (unsigned int n = 1 + pick(s, 3); n--;) {
		put_execute(q, portal, PORTAL_ROWS);
		put(q, 'S', "", 0);
		put_rows(s, a, PORTAL_ROWS);
		put_answer(s, a, 's');
		s->st[id].rows += PORTAL_ROWS;
		put_ready(s, a, 'T');
		say(s, q, a);
	}
	if (pick(s, 2)) {
		put_execute(q, portal, PORTAL_ROWS);
		put_rows(s, a, 1);
		done(s, a, id);
	} else {
		put_close(q, 'C', 'P', portal);
		put_answer(s, a, '3');
		s->st[id].answered = s->st[id].bare = true;
	}
	put(q, 'S', "", 0);
	put_ready(s, a, 'I');
	say(s, q, a);
}

static void talk(struct sim *s, struct text *q, struct text *a)
{
	switch (pick(s, 3)) {
	case 0: talk_flush(s, q, a); break;
	case 1: talk_copy(s, q, a); break;
	default: talk_portal(s, q, a); break;
	}
}

/* A client that sends up to `most` units and waits for all their answers. */
static void converse(struct sim *s, unsigned int most)
{
	static struct text q, a, all;

	q.n = a.n = all.n = 0;
	while (room(s)) {
		bool joined = pick(s, 2);

		if (pick(s, 4) == 1) {
			talk(s, &q, &a);
			continue;
		}
		for (unsigned int k = 1 + pick(s, most); k--;) {
			unit(s, &q, &a);
			if (!joined)
				add_calls(s, RT_REQ, &q);
			assert(all.n + a.n <= sizeof(all.p));
			memcpy(all.p + all.n, a.p, a.n);
			all.n += a.n;
			a.n = 0;
		}
		if (q.n)
			add_calls(s, RT_REQ, &q);
		add_calls(s, RT_RESP, &all);
	}
}

/* A client that always has a unit out when it sends the next. Returns where it has shown that. */
static int converse_sliding(struct sim *s)
{
	static struct text q, a, next;
	int shown = 0;

	q.n = a.n = next.n = 0;
	unit(s, &q, &a);
	add_calls(s, RT_REQ, &q);
	for (int i = 0; room(s) && i < SLIDES; i++) {
		unit(s, &q, &next);
		add_calls(s, RT_REQ, &q);
		add_calls(s, RT_RESP, &a);
		a = next;
		next.n = 0;
		if (i == 1)
			shown = s->pair.records;
	}
	add_calls(s, RT_RESP, &a);
	return shown ? shown : s->pair.records;
}

/* ---- on the way to the parser ---- */

static void lose(struct sim *s, int from)
{
	for (int i = from; i < s->pair.records; i++) {
		struct pair_record *r = &s->pair.list[i];

		switch (pick(s, 16)) {
		case 1: r->lost = true; break;
		case 2:
			if (r->len < 3)
				break;
			r->cut = 1 + pick(s, r->len - 2);
			r->tail = pick(s, r->len - r->cut);
			/* the kernel keeps far more of an end than a ReadyForQuery, or none */
			if (r->tail < READY_BYTES)
				r->tail = 0;
			break;
		default: continue;
		}
		s->pair.loss = true;
	}
}

static void require(bool good, const char *what, const struct rt_pg_txn *pg)
{
	if (good)
		return;
	fprintf(stderr, "%s: %.*s %s rows %llu\n", what, (int)pg->query_type.n,
		(const char *)pg->query_type.p, pg->sqlstate, (unsigned long long)pg->rows);
	abort();
}

static bool is_verb(const struct statement *st, const struct rt_pg_txn *pg, bool unsure)
{
	return slice_eq(pg->query_type, slice_str(verbs[st->verb])) ||
	       (unsure && (slice_eq(pg->query_type, SLICE("unknown")) ||
			   slice_eq(pg->query_type, SLICE("other"))));
}

static void on_txn(void *arg, const struct rt_txn *t)
{
	const struct rt_pg_txn *pg = &t->pg;
	struct sim *s = arg;
	struct statement *st;
	int id;

	require(t->start_ns && t->start_ns <= t->end_ns && t->first_ns <= t->end_ns, "time", pg);
	require(!pg->sent_ns || (pg->sent_ns <= pg->row_ns && pg->row_ns <= t->end_ns), "row", pg);
	require(pg->batch >= 1, "batch", pg);
	require(s->pair.loss || !(t->flags & RT_TXN_NO_DURATION), "untimed", pg);
	if (!pg->sqlstate[0] && pg->rows < 1000) {
		require(is_verb(&(struct statement){0}, pg, s->pair.loss), "a part", pg);
		require(pg->rows % PORTAL_ROWS == 0, "an imitation", pg);
		s->bare++;
		return;
	}
	/* the request was lost: that it was a function's cannot be known */
	if (s->pair.loss && !strcmp(pg->sqlstate, "Z9999")) {
		require(slice_eq(pg->query_type, SLICE("unknown")), "a function's", pg);
		return;
	}
	id = pg->sqlstate[0] ? atoi(pg->sqlstate + 1) : (int)(pg->rows / 1000) - 1;
	require(id >= 0 && id < s->ids, "nobody's", pg);
	st = &s->st[id];
	/* with requests lost, a failure behind a success may be the next one's: both are said */
	if (s->pair.loss && st->late && !pg->sqlstate[0])
		return;
	require(st->answered && st->failed == !!pg->sqlstate[0] && !st->bare, "another's", pg);
	require(st->failed || pg->rows == st->rows ||
			(s->pair.loss && st->parts && pg->rows < st->rows),
		"rows", pg);
	require(is_verb(st, pg, s->pair.loss && st->failed), "command", pg);
	require(s->pair.loss || pg->batch > 1 || st->parts || !pg->sent_ns ||
			pg->sent_ns == t->start_ns,
		"sent", pg);
	require(++st->said == 1, "twice", pg);
}

static void on_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct sim *s = arg;

	(void)n;
	assert(s->pair.loss);
	assert(cause != RT_UNPARSED_VERSION && cause != RT_UNPARSED_LIMIT);
}

static void check(const struct sim *s)
{
	int bare = 0;

	for (int i = 0; i < s->ids; i++) {
		const struct statement *st = &s->st[i];

		bare += st->parts;
		if (!s->pair.loss && !st->bare && st->said != st->answered) {
			fprintf(stderr, "statement %d was said %d times\n", i, st->said);
			abort();
		}
		if (!s->pair.loss && !st->bare)
			bare -= st->parts;
	}
	assert(s->bare <= bare && (s->pair.loss || s->bare == bare));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair_record list[PAIR_RECORDS];
	static struct sim s;
	const struct rt_sink sink = {.arg = &s, .txn = on_txn, .unparsed = on_unparsed};
	size_t script = size * 3 / 4;
	unsigned int mode;
	int from, shown = 0;
	bool lossy;

	/* the last quarter decides about losses */
	if (size < 8)
		return 0;
	s = (struct sim){.pair = {.in = {data, script},
				  .list = list,
				  .now = 1000,
				  .ops = &postgres_ops,
				  .requests_first = true}};
	mode = pick(&s, 4);
	lossy = pick(&s, 4) != 0;
	if (mode == 0)
		shown = converse_sliding(&s);
	else
		converse(&s, mode == 1 ? 4 : 1);
	s.pair.in = (struct pair_input){data + script, size - script};
	from = mode == 3 && s.pair.records ? (int)pick(&s, (unsigned int)s.pair.records) : 0;
	s.pair.loss = mode == 3;
	if (lossy)
		lose(&s, from > shown ? from : shown);
	/* not together with losses: the kernel's records say how far requests had come */
	if (pick(&s, 2) && !s.pair.loss)
		pair_overtake(&s.pair, from > shown ? from : shown);
	s.pair.conn = calloc(1, postgres_ops.conn_bytes);
	if (!s.pair.conn)
		abort();
	postgres_ops.init(s.pair.conn, NULL, mode == 3 ? RT_LATE : 0);
	if (mode != 3) {
		static const uint8_t startup[] = "\0\0\0\17\0\3\0\0user\0u";
		static const uint8_t hello[] = "R\0\0\0\10\0\0\0\0Z\0\0\0\5I";

		pair_tell_bytes(&s.pair, RT_REQ, startup, 15, 10, RT_CALL_START | RT_CALL_END,
				&sink);
		s.pair.turned[RT_RESP] = true;
		pair_tell_bytes(&s.pair, RT_RESP, hello, 15, 20, RT_CALL_START | RT_CALL_END,
				&sink);
		s.pair.turned[RT_REQ] = true;
	}
	for (int i = from; i < s.pair.records; i++) {
		pair_tell(&s.pair, &list[i], &sink);
		assert(postgres_pool_state(s.pair.conn) < PG_POOL_NONE);
		assert(postgres_ops.in_flight(s.pair.conn) <= IDS_MAX + 64);
	}
	postgres_ops.eof(s.pair.conn, RT_REQ, s.pair.now, 0, &sink);
	postgres_ops.eof(s.pair.conn, RT_RESP, s.pair.now, 0, &sink);
	check(&s);
	assert(postgres_ops.in_flight(s.pair.conn) == 0);
	postgres_ops.fini(s.pair.conn);
	free(s.pair.conn);
	return 0;
}
