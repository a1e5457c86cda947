// SPDX-License-Identifier: GPL-2.0-or-later
/* Records that wait for their connection's next (bpf/wait.bpf.h): none is lost, late or double. */
#include <fcntl.h>
#include <sys/uio.h>

#include "rig.h"

static const char request[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#define REQUEST_BYTES  (sizeof(request) - 1)
#define RESPONSE_BYTES (sizeof(response) - 1)

struct talk {
	struct rig *r;
	struct rig_pair p;
};

/* What is in the queues by itself, without asking for what waits. */
static void read_only(struct talk *t)
{
	capture_read(t->r->capture, rig_record, t->r);
}

static void move(int from, int to, const char *data, size_t n)
{
	char buf[8192];

	if (n > sizeof(buf) || write(from, data, n) != (ssize_t)n ||
	    recv(to, buf, n, MSG_WAITALL) != (ssize_t)n || memcmp(buf, data, n) != 0)
		abort();
}

static void ask(struct talk *t)
{
	move(t->p.client, t->p.server, request, REQUEST_BYTES);
}

static void reply(struct talk *t)
{
	move(t->p.server, t->p.client, response, RESPONSE_BYTES);
}

/* A connection that is known to be HTTP's at both ends, and nothing of which waits. */
static bool talk_begin(struct talk *t, enum capture_mode mode)
{
	t->r = rig_new(mode);
	if (!t->r)
		return false;
	if (!rig_connect(RIG_V4, &t->p))
		abort();
	ask(t);
	reply(t);
	rig_read(t->r);
	return true;
}

static void talk_end(struct talk *t)
{
	rig_close(&t->p);
	rig_read(t->r);
	rig_free(t->r);
}

static struct rig_dir *dir(struct talk *t, bool server, enum rt_io io)
{
	struct rig_conn *c = rig_end(t->r, &t->p, server);

	if (!c)
		abort();
	return &c->d[io];
}

#define EITHER(name)                                                                               \
	static void name(struct talk *t);                                                          \
	TEST(name)                                                                                 \
	{                                                                                          \
		for (int mode = CAPTURE_SOCKET; mode <= CAPTURE_SYSCALL && !test_failed; mode++) { \
			struct talk t;                                                             \
			if (!talk_begin(&t, (enum capture_mode)mode))                              \
				return;                                                            \
			name(&t);                                                                  \
			if (test_failed)                                                           \
				printf("# %s\n", mode == CAPTURE_SOCKET ? "socket" : "syscall");   \
			talk_end(&t);                                                              \
		}                                                                                  \
	}                                                                                          \
	static void name(struct talk *t)

/*
 * What a client reads of a head by itself is looked into, so that only as much of the body is
 * copied as tells that it is one.
 */
EITHER(a_body_behind_a_head_is_skipped)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n";
	static const char body[3000] = "as it comes";
	uint64_t from = dir(t, false, RT_RECV)->end, begin;
	struct rig_dir *resp;

	for (int i = 0; i < 10; i++) {
		ask(t);
		move(t->p.server, t->p.client, head, sizeof(head) - 1);
		move(t->p.server, t->p.client, body, sizeof(body));
	}
	ask(t); /* brings what waits */
	reply(t);
	rig_read(t->r);
	resp = dir(t, false, RT_RECV);
	for (int i = 0; i < 10; i++) {
		begin = from + (uint64_t)i * (sizeof(head) - 1 + sizeof(body));
		CHECK_EQ(rig_count(resp, begin, begin + sizeof(head) - 1), sizeof(head) - 1);
		begin += sizeof(head) - 1;
		CHECK(rig_count(resp, begin, begin + sizeof(body)) <= 256);
	}
	begin = from + 10 * (sizeof(head) - 1 + sizeof(body));
	CHECK_EQ(resp->end, begin + RESPONSE_BYTES);
	CHECK_EQ(rig_count(resp, begin, resp->end), RESPONSE_BYTES);
}

/*
 * Where the bodies behind such heads were short, the next head is not looked into, and its body
 * copied; a long one makes it look again. Of what a client reads, or of what is posted to a server.
 */
static void short_and_long_bodies(struct talk *t, size_t piece, bool posted)
{
	static const char body[30000] = "as it comes";
	const int last = 3 * RT_HTTP_CALM;
	enum rt_io io = posted ? RT_SEND : RT_RECV;
	int from = posted ? t->p.client : t->p.server, to = posted ? t->p.server : t->p.client;
	uint64_t begin[3 * RT_HTTP_CALM + 3], at = dir(t, false, io)->end, n;
	struct rig_dir *d;

	for (int i = 0; i < last + 3; i++) {
		size_t left = i < last ? 500 : sizeof(body);
		char head[100];
		int bytes = snprintf(head, sizeof(head), "%s\r\nContent-Length: %zu\r\n\r\n",
				     posted ? "POST /a HTTP/1.1" : "HTTP/1.1 200 OK", left);

		if (!posted)
			ask(t);
		move(from, to, head, (size_t)bytes);
		begin[i] = at + (size_t)bytes;
		at = begin[i] + left;
		for (size_t step; left; left -= step) {
			char buf[5000];

			step = left < piece ? left : piece;
			if (write(from, body, step) != (ssize_t)step ||
			    recv(to, buf, step, MSG_WAITALL) != (ssize_t)step)
				abort();
		}
		if (posted)
			reply(t);
	}
	ask(t); /* brings what waits */
	reply(t);
	rig_read(t->r);
	for (int end = 0; end < (posted ? 2 : 1); end++) {
		d = dir(t, end, end ? RT_RECV : io);
		for (int i = 0; i < last + 3; i++) {
			n = rig_count(d, begin[i], begin[i] + (i < last ? 500 : sizeof(body)));
			if (i < RT_HTTP_CALM)
				CHECK(n <= 256);
			else if (i < last)
				CHECK_EQ(n, 500);
			else if (i > last)
				CHECK(n <= 4096);
			CHECK_EQ(rig_count(d, begin[i] - 10, begin[i]), 10);
		}
		n = posted ? REQUEST_BYTES : RESPONSE_BYTES;
		CHECK_EQ(d->end, at + n);
		CHECK_EQ(rig_count(d, at, d->end), n);
	}
}

EITHER(a_short_body_behind_a_head_is_copied)
{
	short_and_long_bodies(t, 5000, false);
}

EITHER(a_long_body_in_short_calls_is_skipped_again)
{
	short_and_long_bodies(t, 4096, false);
}

EITHER(a_long_body_in_shorter_calls_is_skipped_again)
{
	short_and_long_bodies(t, 1000, false);
}

EITHER(a_short_body_is_posted_and_a_long_one)
{
	short_and_long_bodies(t, 5000, true);
}

EITHER(a_short_body_is_posted_and_a_long_one_in_short_calls)
{
	short_and_long_bodies(t, 1000, true);
}

/* A long body that begins in its head's call is skipped, whatever came before. */
EITHER(a_long_body_begun_with_its_head_is_skipped)
{
	enum { BODY = 30000, STEP = 4000 };
	static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
	static char call[BODY + 200];
	uint64_t at = REQUEST_BYTES, rest[3], end[3];
	size_t n;

	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 2 * RT_HTTP_CALM; k++, at += n) {
			n = (size_t)sprintf(call,
					    "POST /a HTTP/1.1\r\nContent-Length: 100\r\n\r\n");
			memset(call + n, '{', 100);
			n += 100;
			move(t->p.client, t->p.server, call, n);
			if (i < 2)
				reply(t);
			else
				move(t->p.server, t->p.client, accepted, sizeof(accepted) - 1);
		}
		n = (size_t)sprintf(call, "POST /b HTTP/1.1\r\nContent-Length: %d\r\n\r\n", BODY);
		memset(call + n, '{', BODY);
		move(t->p.client, t->p.server, call, i == 1 ? 1024 : 2000);
		rest[i] = at + (i == 1 ? 1024 : 2000);
		end[i] = at + n + BODY;
		for (at = rest[i]; at < end[i]; at += n) {
			n = end[i] - at < STEP ? end[i] - at : STEP;
			memset(call, '{', n);
			move(t->p.client, t->p.server, call, n);
		}
		reply(t);
	}
	ask(t);
	reply(t);
	rig_read(t->r);
	for (int i = 0; i < 3; i++) {
		CHECK(rig_count(dir(t, true, RT_RECV), rest[i], end[i]) <= 256);
		CHECK(rig_count(dir(t, false, RT_SEND), rest[i], end[i]) <= 256);
	}
	CHECK_EQ(rig_count(dir(t, true, RT_RECV), at, at + REQUEST_BYTES), REQUEST_BYTES);
}

/*
 * Posts `body`, in a call or two of its own behind its head, which the server may ask for, and is
 * answered. What is sent is added to `sent`.
 */
static size_t post(struct talk *t, uint8_t *sent, size_t at, const char *body, size_t first,
		   bool asked)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	char *head = (char *)sent + at;
	size_t n = (size_t)sprintf(head, "POST /a HTTP/1.1\r\nContent-Length: %zu\r\n\r\n",
				   strlen(body));

	move(t->p.client, t->p.server, head, n);
	if (asked)
		move(t->p.server, t->p.client, go_on, sizeof(go_on) - 1);
	memcpy(head + n, body, strlen(body));
	if (first)
		move(t->p.client, t->p.server, body, first);
	move(t->p.client, t->p.server, body + first, strlen(body) - first);
	reply(t);
	return at + n + strlen(body);
}

/* A request with a long answer. How many bytes it had, which are added to `sent`. */
static size_t ask_for_much(struct talk *t, uint8_t *sent, size_t at)
{
	char answer[9000] = "HTTP/1.1 200 OK\r\nContent-Length: 8900\r\n\r\n", got[9000];
	size_t n = strlen(answer) + 8900;

	if (n > sizeof(answer))
		abort();
	memcpy(sent + at, request, REQUEST_BYTES);
	ask(t);
	if (write(t->p.server, answer, n) != (ssize_t)n ||
	    recv(t->p.client, got, n, MSG_WAITALL) != (ssize_t)n)
		abort();
	return REQUEST_BYTES;
}

#define LONG_PUT "PUT /x HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"

/* Behind what was sent up to `from`: every byte of it, and of three more requests. */
static void is_whole(struct talk *t, uint8_t *sent, size_t from)
{
	size_t at = from;

	for (int k = 0; k < 3; k++, at += REQUEST_BYTES) {
		memcpy(sent + at, request, REQUEST_BYTES);
		ask(t);
		reply(t);
	}
	rig_read(t->r);
	CHECK(rig_has(dir(t, true, RT_RECV), sent, from, at));
	CHECK(rig_has(dir(t, false, RT_SEND), sent, from, at));
	CHECK_EQ(dir(t, true, RT_RECV)->end, at);
}

/*
 * A new connection, with an exchange and so many posts with short bodies. `walked`: then a long
 * answer, so that short ones are walked, too. How many bytes were sent.
 */
static size_t begin_anew(struct talk *t, uint8_t *sent, int posts, bool walked)
{
	size_t at = REQUEST_BYTES;

	rig_close(&t->p);
	rig_read(t->r);
	if (!rig_connect(RIG_V4, &t->p))
		abort();
	memcpy(sent, request, at);
	ask(t);
	reply(t);
	for (int k = 0; k < posts; k++)
		at = post(t, sent, at, "{\"what\": \"a short one\"}", 0, false);
	return walked ? at + ask_for_much(t, sent, at) : at;
}

/* A body whose head was not looked into may look like a request: nothing behind it is missed. */
EITHER(a_body_that_looks_like_a_request_is_one)
{
	static char much[3000];
	const struct {
		const char *body;
		size_t first;
		bool asked;
	} posts[] = {
		{LONG_PUT, 0, false},
		{"PUT /x HTTP/1.1\r\nContent-Length: 100000\r\n", 0, false},
		{"PUT /x HTTP/1.1\r\nContent-Le", 0, false},
		{"GET /x HTTP/1.1\r\n\r\n" LONG_PUT, 19, false},
		{much, 0, true},
		{much, 0, false},
		{"Text, it says", 0, false},
		{"{\"a\": 1}\r\n\r\n", 0, true},
		{"GET /x HTTP/1.1\r\n\r\n", 0, false},
	};
	static uint8_t sent[8192];

	memset(much, 'x', sizeof(much) - 1);
	memcpy(much, LONG_PUT, sizeof(LONG_PUT) - 1);
	for (size_t i = 0; i < 2 * sizeof(posts) / sizeof(posts[0]); i++) {
		size_t at = begin_anew(t, sent, RT_HTTP_CALM + 1, i % 2);

		at = post(t, sent, at, posts[i / 2].body, posts[i / 2].first, posts[i / 2].asked);
		is_whole(t, sent, at);
		if (test_failed)
			printf("# behind %s, %s\n", posts[i / 2].body, i % 2 ? "walked" : "");
	}
}

/* Sends a head, and once it is asked for, a body that looks like one. How many bytes were sent. */
static size_t ask_to_go_on(struct talk *t, uint8_t *sent, size_t at, const char *head)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const size_t n = strlen(head), body = sizeof(LONG_PUT) - 1;

	memcpy(sent + at, head, n);
	memcpy(sent + at + n, LONG_PUT, body);
	move(t->p.client, t->p.server, head, n);
	move(t->p.server, t->p.client, go_on, sizeof(go_on) - 1);
	move(t->p.client, t->p.server, LONG_PUT, body);
	reply(t);
	return at + n + body;
}

/* Likewise the body of a request that seldom has one, and does not come before it is asked for. */
EITHER(so_is_one_of_a_method_without)
{
	static uint8_t sent[8192];

	_Static_assert(sizeof(LONG_PUT) - 1 == 43, "its Content-Length");
	for (int walked = 0; walked < 2; walked++) {
		size_t at = begin_anew(t, sent, 0, walked);

		is_whole(t, sent,
			 ask_to_go_on(t, sent, at,
				      "DELETE /a HTTP/1.1\r\nContent-Length: 43\r\n\r\n"));
	}
}

/* Likewise one of no known length, whose head was looked into. */
EITHER(so_is_one_without_a_length)
{
	static uint8_t sent[8192];
	size_t at = begin_anew(t, sent, 0, false);

	is_whole(
		t, sent,
		ask_to_go_on(t, sent, at, "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

/* Likewise one whose head the server threw away unread. */
EITHER(so_is_one_behind_a_head_not_to_be_had)
{
	static const char head[] = "PUT /a HTTP/1.1\r\nContent-Length: 43\r\n\r\n",
			  go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	static uint8_t sent[8192];
	const size_t n = sizeof(head) - 1, body = sizeof(LONG_PUT) - 1;
	size_t at = begin_anew(t, sent, 0, false);
	char unread[sizeof(head)];

	memcpy(sent + at, head, n);
	memcpy(sent + at + n, LONG_PUT, body);
	if (write(t->p.client, head, n) != (ssize_t)n ||
	    recv(t->p.server, unread, n, MSG_TRUNC | MSG_WAITALL) != (ssize_t)n)
		abort();
	move(t->p.server, t->p.client, go_on, sizeof(go_on) - 1);
	move(t->p.client, t->p.server, LONG_PUT, body);
	reply(t);
	is_whole(t, sent, at + n + body);
}

/* Likewise one that comes behind the answer to the request before. */
EITHER(so_is_one_of_a_pipelined_post)
{
	static const char head[] = "POST /a HTTP/1.1\r\nContent-Length: 43\r\n\r\n" LONG_PUT;
	static uint8_t sent[8192];
	const size_t body = sizeof(LONG_PUT) - 1, n = sizeof(head) - 1 - body;

	_Static_assert(sizeof(LONG_PUT) - 1 == 43, "its Content-Length");
	for (int walked = 0; walked < 2; walked++) {
		size_t at = begin_anew(t, sent, 0, walked);

		memcpy(sent + at, request, REQUEST_BYTES);
		memcpy(sent + at + REQUEST_BYTES, head, n + body);
		ask(t);
		move(t->p.client, t->p.server, head, n);
		reply(t);
		move(t->p.client, t->p.server, head + n, body);
		reply(t);
		is_whole(t, sent, at + REQUEST_BYTES + n + body);
	}
}

/* What leaves it open for a while whether a body comes next: how many bytes were sent. */
static size_t leave_in_doubt(struct talk *t, uint8_t *sent, int how)
{
	static const char *const chunked[] = {
		"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n",
		"0\r\n\r\n"};
	static const char early[] = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
				    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	static const char gone[] = "DELETE /a HTTP/1.1\r\n\r\n";
	size_t at = begin_anew(t, sent, how < 2 ? RT_HTTP_CALM + 1 : 0, how == 1);
	char head[5000];

	switch (how) {
	case 2: /* a head in two calls, and a body without a length */
		memset(head, 'h', 1500);
		memcpy(head, "GET /", 5);
		memcpy(head + 100, " HTTP/1.1\r\nCookie: ", 19);
		memcpy(head + 1496, "\r\n\r\n", 4);
		move(t->p.client, t->p.server, head, 1200);
		move(t->p.client, t->p.server, head + 1200, 300);
		reply(t);
		at += 1500;
		for (int i = 0; i < 3; at += strlen(chunked[i++]))
			move(t->p.client, t->p.server, chunked[i], strlen(chunked[i]));
		reply(t);
		return at;
	case 3: /* requests that were pipelined, and some that were not */
		ask(t);
		ask(t);
		reply(t);
		reply(t);
		for (int i = 0; i < 70; i++) {
			ask(t);
			reply(t);
		}
		return at + 72 * REQUEST_BYTES;
	case 4: /* a request whose first byte comes by itself */
		move(t->p.client, t->p.server, gone, 1);
		move(t->p.client, t->p.server, gone + 1, sizeof(gone) - 2);
		reply(t);
		return at + sizeof(gone) - 1;
	case 5: /* an answer with a longer head than a record holds */
		memset(head, 'h', sizeof(head));
		memcpy(head, "HTTP/1.1 204 No Content\r\nCookie: ", 33);
		memcpy(head + sizeof(head) - 4, "\r\n\r\n", 4);
		ask(t);
		move(t->p.server, t->p.client, head, sizeof(head));
		return at + REQUEST_BYTES;
	case 6: /* one behind another that is not final */
		ask(t);
		move(t->p.server, t->p.client, early, sizeof(early) - 1);
		return at + REQUEST_BYTES;
	default: return post(t, sent, at, "{\"what\": \"a short one\"}", 0, false);
	}
}

/* Once answers have come, a long body is skipped again, however they were looked at. */
EITHER(an_answer_ends_the_doubt)
{
	enum { FIRST = 2000, STEP = 4000, BODY = 7 * STEP };
	static uint8_t sent[65536];
	static char call[STEP];

	for (int how = 0; how < 7; how++) {
		size_t at = leave_in_doubt(t, sent, how), end;
		int n = sprintf(call, "PUT /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n", BODY);

		end = at + (size_t)n + BODY;
		memset(call + n, 'x', (size_t)(STEP - n));
		move(t->p.client, t->p.server, call, FIRST);
		memset(call, 'x', sizeof(call));
		for (size_t left = BODY - (FIRST - (size_t)n), more; left; left -= more) {
			more = left < STEP ? left : STEP;
			move(t->p.client, t->p.server, call, more);
		}
		reply(t);
		is_whole(t, sent, end);
		CHECK(rig_count(dir(t, true, RT_RECV), at + FIRST, end) <= 256);
		CHECK(rig_count(dir(t, false, RT_SEND), at + FIRST, end) <= 256);
		if (test_failed)
			printf("# behind kind %d\n", how);
	}
}

/* Of the answers to many requests at once, which come in calls of such sizes, none is missed. */
static void many_answers(struct talk *t, size_t first, size_t next)
{
	enum { REQUESTS = 100, ALIGNED = 70, CHUNK = 400, ANSWER = 47 + 5 + CHUNK + 7 };
	static char ask_all[REQUESTS * REQUEST_BYTES];
	static uint8_t got[REQUESTS * ANSWER];
	char answer[ANSWER + 1];
	size_t n = (size_t)sprintf(answer,
				   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n190\r\n");

	REQUIRE(n == 47 + 5);
	memset(answer + n, 'x', CHUNK);
	memcpy(answer + n + CHUNK, "\r\n0\r\n\r\n", 8);
	for (int i = 0; i < REQUESTS; i++)
		memcpy(ask_all + i * REQUEST_BYTES, request, REQUEST_BYTES);
	begin_anew(t, got, 0, false);
	/* More than one head in a first call is not looked for. */
	for (size_t at = 0, part = first; at < sizeof(ask_all); at += part, part = next) {
		if (part > sizeof(ask_all) - at)
			part = sizeof(ask_all) - at;
		move(t->p.client, t->p.server, ask_all + at, part);
	}
	for (int i = 0; i < REQUESTS; i++)
		if (write(t->p.server, answer, ANSWER) != ANSWER)
			abort();
	for (size_t at = 0, want = ANSWER; at < sizeof(got); at += want) {
		if (at == ALIGNED * ANSWER)
			want = ANSWER / 2;
		else if (at > ALIGNED * ANSWER)
			want = sizeof(got) - at;
		if (recv(t->p.client, got + at, want, MSG_WAITALL) != (ssize_t)want)
			abort();
	}
	ask(t);
	reply(t);
	rig_read(t->r);
	CHECK_EQ(dir(t, false, RT_RECV)->end, 2 * RESPONSE_BYTES + sizeof(got));
	CHECK_EQ(rig_count(dir(t, false, RT_RECV), 0, 2 * RESPONSE_BYTES + sizeof(got)),
		 2 * RESPONSE_BYTES + sizeof(got));
}

EITHER(many_answers_are_whole)
{
	many_answers(t, REQUEST_BYTES, 1 << 20);
}

/* Each call ends a head and begins another. */
EITHER(many_answers_are_whole_to_requests_that_are_cut)
{
	many_answers(t, 20, REQUEST_BYTES);
}

EITHER(an_exchange_is_one_ring_record)
{
	uint64_t events = rig_events(t->r);

	for (int i = 0; i < 100; i++) {
		ask(t);
		reply(t);
	}
	read_only(t);
	CHECK_EQ(rig_events(t->r) - events, 200); /* both ends are ours */
	for (int server = 0; server < 2; server++) {
		struct rig_dir *req = dir(t, server, server ? RT_RECV : RT_SEND);
		struct rig_dir *resp = dir(t, server, server ? RT_SEND : RT_RECV);

		CHECK_EQ(req->end, 101 * REQUEST_BYTES);
		CHECK_EQ(resp->end, 101 * RESPONSE_BYTES);
		CHECK_EQ(rig_count(req, 0, req->end), req->end);
		CHECK_EQ(rig_count(resp, 0, resp->end), resp->end);
		CHECK_EQ(resp->other, req->end);
		CHECK_EQ(rig_gaps(req) + rig_gaps(resp), 0);
	}
}

/* A body in a call of its own waits behind its head, and both go with the answer. */
EITHER(so_is_one_with_a_posted_body)
{
	static uint8_t sent[65536];
	static char body[1025];
	size_t at = REQUEST_BYTES;
	uint64_t events;

	memcpy(sent, request, at);
	for (int i = 0; i < RT_HTTP_CALM + 6; i++) {
		memset(body, 'a' + i, sizeof(body) - 1);
		rig_read(t->r);
		events = rig_events(t->r);
		at = post(t, sent, at, body, 0, false);
		read_only(t);
		if (i >= RT_HTTP_CALM) {
			CHECK_EQ(rig_events(t->r) - events, 2);
			CHECK(rig_has(dir(t, true, RT_RECV), sent, at - 1024, at));
			CHECK(rig_has(dir(t, false, RT_SEND), sent, at - 1024, at));
		}
	}
	CHECK_EQ(dir(t, true, RT_RECV)->end, at);
	CHECK_EQ(dir(t, false, RT_SEND)->end, at);
}

/* With cookies and tokens, a head is as long as that. One that is longer does not wait. */
EITHER(so_is_one_with_a_long_head)
{
	static uint8_t sent[32768];
	uint64_t at = REQUEST_BYTES, events;

	memcpy(sent, request, at);
	for (size_t n = 400; n <= 2000; n += 100) {
		char *head = (char *)sent + at;

		for (int i = snprintf(head, n, "GET /%zu HTTP/1.1\r\nCookie: ", n); i < (int)n; i++)
			head[i] = (char)('a' + (i * i + (int)n) % 26);
		memcpy(head + n - 4, "\r\n\r\n", 4);
		events = rig_events(t->r);
		move(t->p.client, t->p.server, head, n);
		reply(t);
		read_only(t);
		CHECK_EQ(rig_events(t->r) - events, n <= 1024 ? 2 : 4);
		at += n;
	}
	CHECK_EQ(dir(t, true, RT_RECV)->end, at);
	CHECK(rig_has(dir(t, true, RT_RECV), sent, 0, at));
	CHECK(rig_has(dir(t, false, RT_SEND), sent, 0, at));
	CHECK_EQ(dir(t, true, RT_SEND)->end, 18 * RESPONSE_BYTES);
}

/*
 * The kernel fills one packet with the end of one answer's first half and begins the next with its
 * second: it looks for the user's bytes twice, and the second time they do not begin there. They
 * are in one, two or three pieces, some of them empty.
 */
EITHER(an_answer_in_two_packets_is_whole)
{
	enum { ANSWERS = 800, BYTES = 300 };
	static char sent[RESPONSE_BYTES + ANSWERS * BYTES], got[BYTES];
	int on = 1, off = 0, room = 1 << 20;
	size_t n = RESPONSE_BYTES, left;

	memcpy(sent, response, n);
	CHECK(!setsockopt(t->p.server, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
	CHECK(!setsockopt(t->p.server, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
	for (int i = 0; i < ANSWERS; i++, n += BYTES) {
		size_t first = (size_t)i * 37 % (BYTES + 1), rest = BYTES - first;
		size_t third = i % 3 ? 0 : rest / 2;
		struct iovec iov[3] = {{sent + n, first},
				       {sent + n + first, rest - third},
				       {sent + n + BYTES - third, third}};
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = third ? 3 : rest ? 2 : 1};
		int head = snprintf(sent + n, BYTES,
				    "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BYTES - 40);

		for (int k = head; k < BYTES; k++)
			sent[n + (size_t)k] = (char)('!' + (i * 7 + k * k) % 90);
		ask(t);
		if (i % 2)
			REQUIRE(sendmsg(t->p.server, &msg, 0) == BYTES);
		else
			REQUIRE(writev(t->p.server, iov, (int)msg.msg_iovlen) == BYTES);
		if (i % 50 == 0)
			read_only(t);
	}
	CHECK(!setsockopt(t->p.server, IPPROTO_TCP, TCP_CORK, &off, sizeof(off)));
	for (left = ANSWERS; left; left--)
		REQUIRE(recv(t->p.client, got, BYTES, MSG_WAITALL) == BYTES);
	rig_read(t->r);
	CHECK_EQ(dir(t, true, RT_SEND)->end, n);
	CHECK(rig_has(dir(t, true, RT_SEND), (const uint8_t *)sent, 0, n));
}

/*
 * A send that finds room for a part of its bytes only begins where the one that found none began,
 * and what comes then begins where the part ended.
 */
EITHER(an_answer_that_finds_little_room_is_whole)
{
	enum { SENDS = 3000, MOST = 3000 };
	static uint8_t sent[RESPONSE_BYTES + (size_t)SENDS * MOST], buf[MOST], got[8 * MOST];
	size_t n = RESPONSE_BYTES, back = RESPONSE_BYTES;
	int room = 4096, on = 1, parts = 0;
	unsigned dice = 7;

	memcpy(sent, response, n);
	CHECK(!setsockopt(t->p.server, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
	CHECK(!setsockopt(t->p.server, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
	for (int i = 0; i < SENDS; i++) {
		size_t want, first;
		struct iovec iov[2];
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
		ssize_t r;

		dice = dice * 1103515245 + 12345;
		want = 100 + (dice >> 16) % (MOST - 100);
		first = (dice >> 8) % want;
		for (size_t k = 0; k < want; k++)
			buf[k] = (uint8_t)(i * 31 + (int)(k * k));
		iov[0] = (struct iovec){buf, first};
		iov[1] = (struct iovec){buf + first, want - first};
		r = sendmsg(t->p.server, &msg, MSG_DONTWAIT);
		if (r > 0) {
			memcpy(sent + n, buf, (size_t)r);
			n += (size_t)r;
			parts += (size_t)r < want;
		}
		if (r < (ssize_t)want) {
			setsockopt(t->p.client, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
			r = recv(t->p.client, got, sizeof(got), MSG_DONTWAIT);
			back += r > 0 ? (size_t)r : 0;
		}
		if (i % 50 == 0)
			read_only(t);
	}
	on = 0;
	CHECK(!setsockopt(t->p.server, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
	while (back < n) {
		ssize_t r = recv(t->p.client, got, sizeof(got), 0);

		REQUIRE(r > 0);
		back += (size_t)r;
	}
	rig_read(t->r);
	CHECK(parts > 10);
	CHECK_EQ(dir(t, true, RT_SEND)->end, n);
	CHECK(rig_has(dir(t, true, RT_SEND), sent, 0, n));
	printf("# %d sends in part, %zu bytes\n", parts, n);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* By TCP's reading of the clock or ours, handed on at once or kept back by a cork. */
EITHER(an_answer_has_its_own_time)
{
	int on = 1, off = 0;
	char got[RESPONSE_BYTES];

	for (int corked = 0; corked < 2; corked++) {
		uint64_t begin, end;

		ask(t);
		if (corked)
			CHECK(!setsockopt(t->p.server, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
		usleep(20000);
		begin = now_ns();
		REQUIRE(write(t->p.server, response, RESPONSE_BYTES) == (ssize_t)RESPONSE_BYTES);
		end = now_ns();
		if (corked)
			CHECK(!setsockopt(t->p.server, IPPROTO_TCP, TCP_CORK, &off, sizeof(off)));
		REQUIRE(recv(t->p.client, got, sizeof(got), MSG_WAITALL) == (ssize_t)sizeof(got));
		rig_read(t->r);
		CHECK(dir(t, true, RT_SEND)->ts_ns >= begin);
		CHECK(dir(t, true, RT_SEND)->ts_ns <= end);
		CHECK(dir(t, false, RT_RECV)->ts_ns >= dir(t, true, RT_SEND)->ts_ns);
	}
}

/* A request that hangs is in the storage until the live connections are listed. */
EITHER(what_waits_is_listed)
{
	ask(t);
	read_only(t);
	CHECK_EQ(dir(t, true, RT_RECV)->end, REQUEST_BYTES);
	rig_read(t->r);
	CHECK_EQ(dir(t, true, RT_RECV)->end, 2 * REQUEST_BYTES);
	CHECK_EQ(dir(t, false, RT_SEND)->end, 2 * REQUEST_BYTES);
	reply(t);
	read_only(t);
	CHECK_EQ(dir(t, true, RT_SEND)->end, 2 * RESPONSE_BYTES);
	CHECK_EQ(rig_gaps(dir(t, true, RT_RECV)), 0);
}

EITHER(what_waits_goes_before_the_end)
{
	ask(t);
	rig_close(&t->p);
	read_only(t);
	CHECK_EQ(dir(t, true, RT_RECV)->end, 2 * REQUEST_BYTES);
	CHECK_EQ(dir(t, false, RT_SEND)->end, 2 * REQUEST_BYTES);
}

/* More than may wait goes along with what does. */
EITHER(a_pipeline_does_not_wait)
{
	for (int i = 0; i < 40; i++)
		ask(t);
	for (int i = 0; i < 40; i++)
		reply(t);
	read_only(t);
	CHECK_EQ(dir(t, true, RT_RECV)->end, 41 * REQUEST_BYTES);
	CHECK_EQ(dir(t, false, RT_RECV)->end, 41 * RESPONSE_BYTES);
	CHECK_EQ(rig_gaps(dir(t, true, RT_RECV)) + rig_gaps(dir(t, false, RT_SEND)), 0);
}

/* An answer to what no hook told of is out: what follows of the requests has waited long enough. */
EITHER(nothing_waits_behind_its_answer)
{
	struct rig_dir *req;
	int pipes[2];

	if (pipe(pipes))
		abort();
	if (write(t->p.client, request, REQUEST_BYTES) != (ssize_t)REQUEST_BYTES ||
	    splice(t->p.server, NULL, pipes[1], NULL, REQUEST_BYTES, 0) != (ssize_t)REQUEST_BYTES)
		abort();
	reply(t);
	read_only(t);
	ask(t);
	read_only(t);
	req = dir(t, true, RT_RECV);
	CHECK_EQ(req->end, 3 * REQUEST_BYTES);
	CHECK_EQ(req->gap[RT_GAP_UNSEEN], REQUEST_BYTES);
	close(pipes[0]);
	close(pipes[1]);
}

/* What waited is lost with the record that took it along, and told as such. */
EITHER(a_full_ring_loses_all_of_it)
{
	struct rig_dir *req, *resp;
	size_t rounds = RT_RING_MAX_BYTES / 200;

	for (size_t i = 0; i < rounds; i++) {
		ask(t);
		reply(t);
	}
	CHECK(rig_stat(t->r, RT_STAT_LOST_RING) > 0);
	read_only(t);
	for (int i = 0; i < 3; i++) {
		ask(t);
		reply(t);
	}
	read_only(t);
	for (int server = 0; server < 2; server++) {
		req = dir(t, server, server ? RT_RECV : RT_SEND);
		resp = dir(t, server, server ? RT_SEND : RT_RECV);
		CHECK_EQ(req->end, (rounds + 4) * REQUEST_BYTES);
		CHECK_EQ(resp->end, (rounds + 4) * RESPONSE_BYTES);
		CHECK(req->gap[RT_GAP_LOST] > 0 && resp->gap[RT_GAP_LOST] > 0);
		CHECK_EQ(req->gap[RT_GAP_LOST] % REQUEST_BYTES, 0);
		CHECK_EQ(req->gap[RT_GAP_LOST] / REQUEST_BYTES,
			 resp->gap[RT_GAP_LOST] / RESPONSE_BYTES);
		CHECK_EQ(rig_gaps(req), req->gap[RT_GAP_LOST]);
	}
}
