// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairing under loss. The input decides a conversation of numbered requests whose answers' status
 * codes follow from the numbers, how it is cut into calls, which calls are lost or only captured at
 * their ends, and where requests overtake answers on their way to the parser. No request may ever
 * get another one's answer; without loss each must have its own.
 */
#include <stdio.h>

#include "pair_feed.h"

#define IDS_MAX     200
#define ROUND_CALLS 27 /* of one round, and of the answers still owed behind it */

struct sim {
	struct pair pair;
	int sent;
	int answered;
	bool head[IDS_MAX]; /* was a HEAD */
	int paired[IDS_MAX];
};

static unsigned int pick(struct sim *s, unsigned int n)
{
	return pair_pick(&s->pair, n);
}

/* Whether the script goes on and there is room for another round. */
static bool room(const struct sim *s)
{
	return s->pair.in.n && s->sent + 4 < IDS_MAX &&
	       s->pair.records + ROUND_CALLS <= PAIR_RECORDS;
}

static unsigned int status_of(int id)
{
	return 210 + (unsigned int)id % 83;
}

/* The text as one to three calls. */
static void add_calls(struct sim *s, enum rt_dir dir, const char *text)
{
	size_t n = strlen(text), a = n, b = n;

	switch (pick(s, 4)) {
	case 1: a = pick(s, 255) % n; break;
	case 2:
		a = pick(s, 255) % n;
		b = a + pick(s, 255) % (n - a);
		break;
	}
	pair_add(&s->pair, dir, text, a);
	pair_add(&s->pair, dir, text + a, b - a);
	pair_add(&s->pair, dir, text + b, n - b);
}

static size_t put_request(struct sim *s, char *text)
{
	int id = s->sent++;

	switch (pick(s, 8)) {
	case 1:
		s->head[id] = true;
		return (size_t)sprintf(text, "HEAD /%d HTTP/1.1\r\nHost: h\r\n\r\n", id);
	case 2:
		return (size_t)sprintf(
			text, "POST /%d HTTP/1.1\r\nContent-Length: 12\r\n\r\nbody\r\n\r\nbody",
			id);
	case 3:
		return (size_t)sprintf(text,
				       "PUT /%d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
				       "4\r\nbody\r\n3;x\r\nxyz\r\n0\r\n\r\n",
				       id);
	}
	return (size_t)sprintf(text, "GET /%d HTTP/1.1\r\nHost: h\r\nCookie: x=y\r\n\r\n", id);
}

static size_t put_answer(struct sim *s, char *text)
{
	int id = s->answered++;
	unsigned int kind = pick(s, 8);
	size_t n = 0;

	if (kind == 1)
		n = (size_t)sprintf(text, "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n");
	n += (size_t)sprintf(text + n, "HTTP/1.1 %u Status\r\nServer: sim\r\n", status_of(id));
	if (kind == 2 || kind == 3) {
		n += (size_t)sprintf(text + n, "Transfer-Encoding: chunked\r\n\r\n");
		if (!s->head[id])
			n += (size_t)sprintf(text + n, "5\r\nhello\r\n2\r\nyo\r\n0\r\n\r\n");
		return n;
	}
	n += (size_t)sprintf(text + n, "Content-Length: 11\r\n\r\n");
	if (!s->head[id])
		n += (size_t)sprintf(text + n, "hello\r\n\r\n..");
	return n;
}

/* A client that sends up to four requests and waits for all their answers. */
static void converse_batches(struct sim *s, unsigned int most)
{
	while (room(s)) {
		unsigned int k = 1 + pick(s, most);
		bool joined = pick(s, 2);
		char text[2048];
		size_t n = 0;

		while (k--) {
			n += put_request(s, text + n);
			if (!joined || n > 700) {
				add_calls(s, RT_REQ, text);
				n = 0;
			}
		}
		if (n)
			add_calls(s, RT_REQ, text);
		for (n = 0; s->answered < s->sent;) {
			n += put_answer(s, text + n);
			if (!joined || n > 700) {
				add_calls(s, RT_RESP, text);
				n = 0;
			}
		}
		if (n)
			add_calls(s, RT_RESP, text);
	}
}

/* A client that always has a request out when it sends the next. Returns where it has shown that.
 */
static int converse_sliding(struct sim *s)
{
	char text[2048];
	int shown;

	put_request(s, text);
	add_calls(s, RT_REQ, text);
	put_request(s, text);
	add_calls(s, RT_REQ, text);
	put_answer(s, text);
	add_calls(s, RT_RESP, text);
	put_request(s, text);
	add_calls(s, RT_REQ, text);
	shown = s->pair.records;
	while (room(s)) {
		unsigned int k = 1 + pick(s, 3);

		while (k--) {
			put_request(s, text);
			add_calls(s, RT_REQ, text);
		}
		while (s->answered + 1 < s->sent) {
			put_answer(s, text);
			add_calls(s, RT_RESP, text);
		}
	}
	while (s->answered < s->sent) {
		put_answer(s, text);
		add_calls(s, RT_RESP, text);
	}
	return shown;
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
			break;
		default: continue;
		}
		s->pair.loss = true;
	}
}

static void on_txn(void *arg, const struct rt_txn *txn)
{
	struct sim *s = arg;
	char text[16] = "";
	int id;

	if (!txn->start_ns)
		return;
	assert(txn->http.target.n > 1 && txn->http.target.n < sizeof(text));
	memcpy(text, txn->http.target.p + 1, txn->http.target.n - 1);
	id = atoi(text);
	assert(id >= 0 && id < s->sent);
	if (txn->http.status && txn->http.status != status_of(id)) {
		fprintf(stderr, "request %d got %u\n", id, txn->http.status);
		abort();
	}
	s->paired[id]++;
	assert(s->paired[id] == 1);
	assert(s->pair.loss || (txn->http.status && !txn->flags && txn->end_ns >= txn->start_ns));
}

static void on_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct sim *s = arg;

	(void)n;
	assert(s->pair.loss);
	assert(cause != RT_UNPARSED_VERSION && cause != RT_UNPARSED_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair_record list[PAIR_RECORDS];
	struct sim s = {.pair = {.in = {data, size}, .list = list, .now = 1000, .ops = &http1_ops}};
	const struct rt_sink sink = {.arg = &s, .txn = on_txn, .unparsed = on_unparsed};
	unsigned int mode = pick(&s, 4);
	size_t script = size * 3 / 4;
	bool late = mode == 3, lossy;
	int from, shown = 0;

	/* the last quarter decides about losses */
	if (size < 8)
		return 0;
	lossy = pick(&s, 4) != 0;
	s.pair.in.n = script;
	if (mode == 0)
		shown = converse_sliding(&s);
	else
		converse_batches(&s, mode == 1 ? 4 : 1);
	s.pair.in = (struct pair_input){data + script, size - script};
	from = late && s.pair.records ? (int)pick(&s, (unsigned int)s.pair.records) : 0;
	s.pair.loss = late;
	if (lossy)
		lose(&s, from > shown ? from : shown);
	/* That a client slides must have been seen in order once: shifted by one, the times of one
	 * that never waits are those of one that always does. */
	if (pick(&s, 2))
		pair_overtake(&s.pair, from > shown ? from : shown);
	s.pair.conn = calloc(1, http1_ops.conn_bytes);
	if (!s.pair.conn)
		abort();
	http1_ops.init(s.pair.conn, NULL, late ? RT_LATE : 0);
	for (int i = from; i < s.pair.records; i++)
		pair_tell(&s.pair, &list[i], &sink);
	http1_ops.eof(s.pair.conn, RT_REQ, s.pair.now, 0, &sink);
	http1_ops.eof(s.pair.conn, RT_RESP, s.pair.now, 0, &sink);
	assert(http1_ops.in_flight(s.pair.conn) == 0);
	for (int i = 0; !s.pair.loss && i < s.sent; i++)
		assert(s.paired[i] == 1);
	http1_ops.fini(s.pair.conn);
	free(s.pair.conn);
	return 0;
}
