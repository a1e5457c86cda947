// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pipelines of HTTP messages, most with bodies larger than is copied of a call, in calls of any
 * size: the heads come up, the bodies do not, and what the tracker makes of it is what was played,
 * on both ends. Every response carries the number of its request.
 */
#include <pthread.h>
#include <sys/uio.h>

#include "rig.h"

#include "track/track.h"

#define TALK_BYTES (64u << 20)
#define TALK_MAX   400

struct talk {
	struct rig *r;
	struct rig_pair p;
	struct intern *names;
	struct rt_env env;
	struct track_ops ops;
	struct track *track;
	uint32_t x;        /* randomness */
	bool doubtful;     /* also bodies that lead the kernel astray: then gaps are allowed */
	uint8_t *bytes[2]; /* by enum rt_dir, of one batch */
	size_t n[2];
	uint16_t status[TALK_MAX]; /* expected */
	int messages, batch_from;
	int seen[2][TALK_MAX]; /* by server */
	int wrong;
	uint64_t unparsed;
};

static uint32_t roll(struct talk *t, uint32_t n)
{
	t->x = t->x * 1664525 + 1013904223;
	return (t->x >> 8) % n;
}

/* ---- what the tracker says ---- */

static void on_txn(void *arg, struct conn *c, const struct rt_txn *txn)
{
	struct talk *t = arg;
	char path[32] = "";
	int i;

	if (txn->http.target.n >= sizeof(path))
		return;
	memcpy(path, txn->http.target.p, txn->http.target.n);
	if (sscanf(path, "/%d", &i) != 1 || i < 0 || i >= TALK_MAX)
		return; /* its request was not seen: counted as an orphan */
	t->seen[c->role == RT_ROLE_SERVER][i]++;
	if (txn->http.status && txn->http.status != t->status[i] && !t->wrong++)
		printf("# /%d: %d, not %d\n", i, txn->http.status, t->status[i]);
}

static void on_records(void *arg, struct conn *c, const struct rt_kafka_records *rec)
{
	(void)arg;
	(void)c;
	(void)rec;
}

static void on_unparsed(void *arg, struct conn *c, enum rt_unparsed cause, uint64_t n)
{
	(void)c;
	(void)cause;
	((struct talk *)arg)->unparsed += n;
}

static void on_in_flight(void *arg, struct conn *c, int delta)
{
	(void)arg;
	(void)c;
	(void)delta;
}

static void on_hint(void *arg, const struct conn *c, const struct rt_hint *hint)
{
	capture_hint(((struct talk *)arg)->r->capture, c->id, hint);
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
	track_record(((struct talk *)arg)->track, rec);
}

/* ---- what is played ---- */

static void say(struct talk *t, enum rt_dir dir, const void *p, size_t n)
{
	if (t->n[dir] + n > TALK_BYTES)
		abort();
	memcpy(t->bytes[dir] + t->n[dir], p, n);
	t->n[dir] += n;
}

static void say_head(struct talk *t, enum rt_dir dir, const char *first, long length)
{
	static const char *const names[] = {"Content-Length", "content-length", "CONTENT-LENGTH"};
	char head[1024];
	int n = snprintf(head, sizeof(head), "%s\r\nX-Any: \tc\r\ntransfer-thing: chunked\r\n",
			 first);

	if (roll(t, 2)) /* at every distance from the end of a piece */
		n += snprintf(head + n, sizeof(head) - (size_t)n, "X-Fill: %0*d\r\n",
			      1 + (int)roll(t, 600), 0);
	if (length >= 0)
		n += snprintf(head + n, sizeof(head) - (size_t)n, "%s:%s%ld\r\n", names[roll(t, 3)],
			      roll(t, 2) ? " " : "", length);
	n += snprintf(head + n, sizeof(head) - (size_t)n, "Contents: 1\r\n\r\n");
	say(t, dir, head, (size_t)n);
}

static void say_body(struct talk *t, enum rt_dir dir, size_t n)
{
	static const char trap[] = "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n";
	uint8_t *p = t->bytes[dir] + t->n[dir];

	if (t->n[dir] + n > TALK_BYTES)
		abort();
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)("HTP/xyz\n"[roll(t, 8)]);
	for (size_t at = 100; at + sizeof(trap) < n; at += 9000)
		memcpy(p + at, trap, sizeof(trap) - 1);
	if (t->doubtful && n > sizeof(trap) && !roll(t, 3))
		memcpy(p, trap + 4, sizeof(trap) - 5);
	else if (n >= 5 && !memcmp(p, "HTTP/", 5)) /* nor by chance */
		p[0] = 'x';
	t->n[dir] += n;
}

static size_t some_size(struct talk *t)
{
	static const uint32_t sizes[] = {0, 1, 2, 6, 7, 8, 300, 5000, 20000, 70000, 150000, 300000};

	return sizes[roll(t, 12)] + roll(t, 3);
}

static void say_chunked(struct talk *t, const char *first)
{
	char line[32];
	size_t n;

	say(t, RT_RESP, first, strlen(first));
	say(t, RT_RESP, "\r\nTransfer-Encoding: chunked\r\n\r\n", 32);
	while ((n = some_size(t)) != 0) {
		say(t, RT_RESP, line, (size_t)sprintf(line, "%zx\r\n", n));
		say_body(t, RT_RESP, n);
		say(t, RT_RESP, "\r\n", 2);
	}
	say(t, RT_RESP, "0\r\n\r\n", 5);
}

/* One request and its response. */
static void exchange(struct talk *t)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH"};
	uint32_t m = roll(t, 6), how = roll(t, 10);
	int i = t->messages++;
	size_t n = some_size(t);
	char first[64];

	snprintf(first, sizeof(first), "%s /%d HTTP/1.1", methods[m], i);
	if (m == 2 || m == 3) {
		size_t body = some_size(t);

		say_head(t, RT_REQ, first, (long)body);
		say_body(t, RT_REQ, body);
	} else {
		say_head(t, RT_REQ, first, -1);
	}
	if (roll(t, 8) == 0)
		say_head(t, RT_RESP, "HTTP/1.1 103 Early Hints", -1);
	t->status[i] = how == 0 ? 204 : how == 1 ? 304 : (uint16_t)(230 + i % 70);
	snprintf(first, sizeof(first), "HTTP/1.1 %u Whatever", t->status[i]);
	if (t->doubtful && how > 6 && m != 1) {
		say_chunked(t, first);
		return;
	}
	say_head(t, RT_RESP, first, how == 0 ? -1 : (long)n);
	if (how > 1 && m != 1)
		say_body(t, RT_RESP, n);
}

struct sender {
	struct talk *t;
	enum rt_dir dir;
	uint32_t most;
	uint32_t x;
};

static void *send_batch(void *arg)
{
	struct sender *s = arg;
	int fd = s->dir == RT_REQ ? s->t->p.client : s->t->p.server;

	for (size_t at = 0, n = s->t->n[s->dir]; at < n;) {
		size_t len = 1 + (s->x = s->x * 1664525 + 1013904223) % s->most;
		ssize_t r = write(fd, s->t->bytes[s->dir] + at, len < n - at ? len : n - at);

		if (r <= 0)
			abort();
		at += (size_t)r;
	}
	return NULL;
}

/* Sends one direction's batch and receives it on the other end, in calls of up to `most`. */
static void transfer(struct talk *t, enum rt_dir dir, uint32_t most)
{
	struct sender s = {t, dir, 1 + roll(t, most), roll(t, 1u << 20)};
	int fd = dir == RT_REQ ? t->p.server : t->p.client;
	static uint8_t got[1u << 20];
	size_t left = t->n[dir];
	unsigned calls = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, send_batch, &s))
		abort();
	while (left) {
		size_t n = 1 + roll(t, most), cut = roll(t, (uint32_t)n);
		struct iovec iov[2] = {{got, cut}, {got + cut, n - cut}};
		ssize_t r;

		if (roll(t, 3))
			usleep(200); /* let it pile up */
		r = roll(t, 2) ? readv(fd, iov, 2) : recv(fd, got, n, 0);
		if (r <= 0)
			abort();
		left -= (size_t)r;
		if (!(++calls % 64))
			rig_read(t->r);
	}
	pthread_join(thread, NULL);
	t->n[dir] = 0;
}

static void settle(struct talk *t)
{
	static uint64_t ns = 1000000000;

	rig_read(t->r);
	for (int i = 0; i < 2 * TRACK_PASSES; i++)
		track_pass(t->track, ns += TRACK_ORDER_NS);
}

static struct talk *talk_new(enum capture_mode mode, enum rig_family family)
{
	static const int bytes = 2 << 20;
	struct talk *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->r = rig_new(mode);
	if (!t->r || !rig_connect(family, &t->p)) {
		rig_free(t->r);
		free(t);
		return NULL;
	}
	setsockopt(t->p.client, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(t->p.server, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	t->names = intern_new(256);
	t->env.names = t->names;
	t->ops = (struct track_ops){.arg = t,
				    .txn = on_txn,
				    .records = on_records,
				    .unparsed = on_unparsed,
				    .in_flight = on_in_flight,
				    .hint = on_hint,
				    .closed = on_closed,
				    .own = on_own};
	t->track = track_new(&t->ops, &t->env, 64);
	t->bytes[0] = malloc(TALK_BYTES);
	t->bytes[1] = malloc(TALK_BYTES);
	if (!t->names || !t->track || !t->bytes[0] || !t->bytes[1])
		abort();
	t->r->also = on_record;
	t->r->arg = t;
	return t;
}

static void talk_free(struct talk *t)
{
	track_free(t->track);
	intern_free(t->names);
	rig_free(t->r);
	free(t->bytes[0]);
	free(t->bytes[1]);
	free(t);
}

static void play(enum capture_mode mode, enum rig_family family, uint32_t most, bool doubtful)
{
	struct talk *t = talk_new(mode, family);
	struct track_stats stats;
	int messages = most < 10000 ? 40 : doubtful || most < 100000 ? 100 : TALK_MAX, counted = 0;

	if (!t)
		return;
	t->x = most + (uint32_t)family * 7 + (uint32_t)mode;
	t->doubtful = doubtful;
	while (t->messages < messages) {
		for (uint32_t n = 1 + roll(t, 40); n && t->messages < messages; n--)
			exchange(t);
		transfer(t, RT_REQ, most);
		transfer(t, RT_RESP, most);
		settle(t);
	}
	rig_close(&t->p); /* what is in flight is told */
	settle(t);
	for (int i = 0; i < 3; i++) { /* AF_UNIX has no end but this */
		track_sweep_begin(t->track);
		track_sweep_end(t->track, UINT64_MAX);
	}
	track_stats(t->track, &stats);
	CHECK(doubtful || !rig_stat(t->r, RT_STAT_LOST_RING));
	CHECK_EQ(t->wrong, 0);
	for (int server = 0; server < 2; server++)
		for (int i = 0; i < TALK_MAX; i++) {
			CHECK(t->seen[server][i] <= 1);
			counted += t->seen[server][i];
		}
	printf("# %s, %s, calls up to %u: %d of %d, %llu told as not; copied %llu, skipped %llu, "
	       "limit %llu\n",
	       rig_family_names[family], mode == CAPTURE_SOCKET ? "socket" : "syscall", most,
	       counted, 2 * messages, (unsigned long long)t->unparsed,
	       (unsigned long long)stats.records,
	       (unsigned long long)stats.gap_bytes[RT_GAP_SKIPPED],
	       (unsigned long long)stats.gap_bytes[RT_GAP_LIMIT]);
	if (doubtful) {
		CHECK(counted + (int)t->unparsed >= 2 * messages);
	} else {
		CHECK_EQ(counted, 2 * messages);
		CHECK_EQ(t->unparsed, 0);
		CHECK_EQ(stats.gap_bytes[RT_GAP_LIMIT], 0);
		CHECK_EQ(stats.gap_bytes[RT_GAP_UNSEEN], 0);
	}
	talk_free(t);
}

static void every(bool doubtful)
{
	static const uint32_t most[] = {3000, 30000, 1u << 20};

	for (int mode = CAPTURE_SOCKET; mode <= CAPTURE_SYSCALL; mode++)
		for (int f = 0; f < RIG_FAMILIES; f++)
			for (int i = 0; i < 3 && !test_failed && !test_skip; i++)
				play((enum capture_mode)mode, (enum rig_family)f, most[i],
				     doubtful);
}

TEST(heads_of_known_bodies_come_up)
{
	every(false);
}

/* Chunked bodies past every limit, bodies that begin like a status line: told, never mis-paired. */
TEST(in_doubt_it_is_told)
{
	every(true);
}
