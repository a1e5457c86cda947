// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A writing and a reading thread at either end of every connection, on all CPUs: hooks of the two
 * directions run at the same time and records come out of order. Every exchange must be there, on
 * both ends, with its own response and no time that runs backwards.
 * REDTAP_EXCHANGES: how many in all, for each kind of socket and capture.
 */
#include <pthread.h>
#include <sched.h>

#include "rig.h"

#include "proto/kafka.h"
#include "track/track.h"

#define LINKS     2  /* connections at once */
#define WINDOW    32 /* requests without an answer: fewer than there are statuses */
#define STATUSES  70
#define EXCHANGES 60000

#define PATIENCE_NS 600000000000ull /* with a machine that has other things to do */

struct link {
	struct rig_pair p;
	uint32_t number, wanted;
	_Atomic uint32_t asked;    /* requests the server has read */
	_Atomic uint32_t answered; /* responses the client has read */
};

struct bed {
	struct capture *capture;
	struct track *track;
	struct link link[LINKS];
	uint32_t next[2][LINKS]; /* by server: the exchange that must come next */
	uint32_t seen[2];
	uint32_t wrong, backwards, late;
	uint64_t unparsed;
};

static void on_txn(void *arg, struct conn *c, const struct rt_txn *txn)
{
	struct bed *b = arg;
	int server = c->role == RT_ROLE_SERVER;
	uint32_t link, i;
	char path[64];

	if (txn->proto != RT_PROTO_HTTP || txn->http.target.n >= sizeof(path))
		return;
	memcpy(path, txn->http.target.p, txn->http.target.n);
	path[txn->http.target.n] = 0;
	if (sscanf(path, "/threads/%u/%u", &link, &i) != 2 || link >= LINKS)
		return;
	b->seen[server]++;
	if (i != b->next[server][link] || txn->http.status != 230 + i % STATUSES)
		b->wrong++;
	b->next[server][link] = i + 1;
	if (txn->flags & RT_TXN_NO_DURATION)
		b->late++;
	else if (txn->start_ns > txn->first_ns || txn->first_ns > txn->end_ns)
		b->backwards++;
}

static void on_records(void *arg, struct conn *c, const struct rt_kafka_records *rec)
{
	(void)arg;
	(void)c;
	(void)rec;
}

static void on_unparsed(void *arg, struct conn *c, enum rt_unparsed cause, uint64_t n)
{
	(void)cause;
	if (c->tgid == (uint32_t)getpid())
		((struct bed *)arg)->unparsed += n;
}

static void on_in_flight(void *arg, struct conn *c, int delta)
{
	(void)arg;
	(void)c;
	(void)delta;
}

static void on_hint(void *arg, const struct conn *c, const struct rt_hint *hint)
{
	capture_hint(((struct bed *)arg)->capture, c->id, hint);
}

static void on_closed(void *arg, struct conn *c)
{
	(void)arg;
	(void)c;
}

static bool on_own(void *arg, const struct conn *c)
{
	(void)arg;
	(void)c;
	return false;
}

static void on_record(void *arg, const struct rt_rec *rec)
{
	track_record(((struct bed *)arg)->track, rec);
}

/* ---- the four threads of a connection ---- */

static void send_text(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t r = send(fd, p, n, MSG_NOSIGNAL);

		if (r <= 0)
			abort();
		p += r;
		n -= (size_t)r;
	}
}

static void *client_writes(void *arg)
{
	struct link *l = arg;
	char text[1024];

	for (uint32_t i = 0; i < l->wanted;) {
		uint32_t batch = 1 + i % 3;
		int n = 0;

		while (i - l->answered >= WINDOW - 3)
			sched_yield();
		for (; batch && i < l->wanted; batch--, i++)
			n += sprintf(text + n, "GET /threads/%u/%u HTTP/1.1\r\nHost: a\r\n\r\n",
				     l->number, i);
		send_text(l->p.client, text, (size_t)n);
	}
	return NULL;
}

/* Counts the ends of heads; the messages have no bodies. */
static void read_heads(int fd, _Atomic uint32_t *count, uint32_t wanted)
{
	static const char end[] = "\r\n\r\n";
	unsigned matched = 0;
	char buf[2048];

	while (*count < wanted) {
		ssize_t r = recv(fd, buf, sizeof(buf), 0);
		uint32_t heads = 0;

		if (r <= 0)
			abort();
		for (ssize_t i = 0; i < r; i++) {
			matched = buf[i] == end[matched] ? matched + 1 : buf[i] == '\r';
			if (matched == 4) {
				matched = 0;
				heads++;
			}
		}
		*count += heads;
	}
}

static void *server_reads(void *arg)
{
	struct link *l = arg;

	read_heads(l->p.server, &l->asked, l->wanted);
	return NULL;
}

static void *server_writes(void *arg)
{
	struct link *l = arg;
	char text[2048];

	for (uint32_t i = 0; i < l->wanted;) {
		uint32_t upto = l->asked;
		int n = 0;

		if (upto == i)
			sched_yield();
		for (; i < upto && n < 1900; i++)
			n += sprintf(text + n, "HTTP/1.1 %u OK\r\nContent-Length: 0\r\n\r\n",
				     230 + i % STATUSES);
		send_text(l->p.server, text, (size_t)n);
	}
	return NULL;
}

static void *client_reads(void *arg)
{
	struct link *l = arg;

	read_heads(l->p.client, &l->answered, l->wanted);
	return NULL;
}

/* ---- the bed ---- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void read_on(struct bed *b, uint32_t wanted)
{
	uint64_t until = now_ns() + PATIENCE_NS;

	rig_hurry(true);
	while ((b->seen[0] < wanted || b->seen[1] < wanted) && now_ns() < until) {
		int done = 0;

		for (int i = 0; i < LINKS; i++)
			done += b->link[i].answered == b->link[i].wanted;
		/* What is missing now does not come. */
		if (done == LINKS && until > now_ns() + 3 * TRACK_ORDER_NS)
			until = now_ns() + 3 * TRACK_ORDER_NS;
		capture_read(b->capture, on_record, b);
		track_pass(b->track, now_ns());
		usleep(2000);
	}
	rig_hurry(false);
}

static void exchanges(struct bed *b, enum rig_family family, uint32_t wanted)
{
	static void *(*const run[4])(void *) = {client_writes, server_reads, server_writes,
						client_reads};
	pthread_t thread[LINKS][4];

	for (uint32_t i = 0; i < LINKS; i++) {
		struct link *l = &b->link[i];

		l->number = i;
		l->wanted = wanted / LINKS;
		if (!rig_connect(family, &l->p))
			SKIP("no such sockets here");
	}
	for (int i = 0; i < LINKS; i++)
		for (int k = 0; k < 4; k++)
			if (pthread_create(&thread[i][k], NULL, run[k], &b->link[i]))
				abort();
	read_on(b, wanted / LINKS * LINKS);
	for (int i = 0; i < LINKS; i++) {
		for (int k = 0; k < 4; k++)
			pthread_join(thread[i][k], NULL);
		rig_close(&b->link[i].p);
	}
}

static void play(enum capture_mode mode, enum rig_family family)
{
	struct capture_config config = {.mode = mode, .ring_bytes = RT_RING_MAX_BYTES};
	const char *env = getenv("REDTAP_EXCHANGES");
	uint32_t wanted = env ? (uint32_t)atoi(env) : EXCHANGES;
	struct intern *names = intern_new(256);
	struct kafka_world *world = names ? kafka_world_new(names) : NULL;
	const struct rt_env rt_env = {.names = names, .kafka = world};
	struct bed *b = calloc(1, sizeof(*b));
	const struct track_ops ops = {.arg = b,
				      .txn = on_txn,
				      .records = on_records,
				      .unparsed = on_unparsed,
				      .in_flight = on_in_flight,
				      .hint = on_hint,
				      .closed = on_closed,
				      .own = on_own};
	uint64_t stats[RT_STAT_MAX];
	struct track_stats ts;
	int err;

	if (!b || !world)
		abort();
	err = geteuid() ? -EPERM : capture_open(&config, &b->capture);
	if (err) {
		free(b);
		kafka_world_free(world);
		intern_free(names);
		CHECK(err == -ENOSYS || err == -EPERM);
		SKIP("needs root and a kernel with this capture");
	}
	b->track = track_new(&ops, &rt_env, 4096);
	if (!b->track)
		abort();
	capture_trace(b->capture, (uint32_t)getpid(), true);
	exchanges(b, family, wanted);
	capture_stats(b->capture, stats);
	track_stats(b->track, &ts);
	printf("# %s, %s: %u and %u exchanges, %llu records held, %llu given up\n",
	       rig_family_names[family], mode == CAPTURE_SOCKET ? "socket" : "syscall", b->seen[0],
	       b->seen[1], (unsigned long long)ts.held, (unsigned long long)ts.given_up);
	CHECK_EQ(stats[RT_STAT_LOST_RING], 0);
	if (!test_skip)
		for (int server = 0; server < 2; server++)
			CHECK_EQ(b->seen[server], wanted / LINKS * LINKS);
	CHECK_EQ(b->wrong, 0);
	CHECK_EQ(b->backwards, 0);
	CHECK_EQ(b->late, 0);
	CHECK_EQ(b->unparsed, 0);
	track_free(b->track);
	capture_close(b->capture);
	kafka_world_free(world);
	intern_free(names);
	free(b);
}

TEST(socket_v4)
{
	play(CAPTURE_SOCKET, RIG_V4);
}
TEST(socket_unix)
{
	play(CAPTURE_SOCKET, RIG_UNIX);
}
TEST(socket_mptcp)
{
	play(CAPTURE_SOCKET, RIG_MPTCP);
}
TEST(syscall_v4)
{
	play(CAPTURE_SYSCALL, RIG_V4);
}
TEST(syscall_unix)
{
	play(CAPTURE_SYSCALL, RIG_UNIX);
}
