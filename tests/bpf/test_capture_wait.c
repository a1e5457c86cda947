// SPDX-License-Identifier: GPL-2.0-or-later
/* Records that wait for their connection's next (bpf/wait.bpf.h): none is lost, late or double. */
#include <fcntl.h>

#include "rig.h"

static const char request[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#define REQUEST_BYTES  (sizeof(request) - 1)
#define RESPONSE_BYTES (sizeof(response) - 1)

struct talk {
	struct rig *r;
	struct rig_pair p;
};

/* What is in the rings by itself, without asking for what waits. */
static void read_only(struct talk *t)
{
	capture_read(t->r->capture, rig_record, t->r);
}

static void move(int from, int to, const char *data, size_t n)
{
	char buf[256];

	if (write(from, data, n) != (ssize_t)n || recv(to, buf, n, MSG_WAITALL) != (ssize_t)n ||
	    memcmp(buf, data, n) != 0)
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

EITHER(an_exchange_is_one_ring_record)
{
	uint64_t events = rig_stat(t->r, RT_STAT_EVENTS);

	for (int i = 0; i < 100; i++) {
		ask(t);
		reply(t);
	}
	read_only(t);
	CHECK_EQ(rig_stat(t->r, RT_STAT_EVENTS) - events, 200); /* both ends are ours */
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
