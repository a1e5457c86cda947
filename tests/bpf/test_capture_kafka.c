// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk of bpf/kafka.bpf.h over real sockets: of frames past what is copied whole, every byte
 * of structure and every batch header must come up, however the calls cut them, little else, and
 * the tracker must count every record. Needs root.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "rig.h"

#include "kafka_big.h"
#include "proto/kafka.h"
#include "track/track.h"

/* ---- the tracker behind the capture, for this process's connections ---- */

struct tally {
	struct rig *rig;
	struct intern *names;
	struct kafka_world *world;
	struct rt_env env;
	struct track_ops ops;
	struct track *track;
	uint64_t records[2][4]; /* by role, outcome */
	uint64_t txns[2];
	uint64_t unparsed;
	uint64_t hints;
};

static bool is_server(const struct conn *c)
{
	return c->role == RT_ROLE_SERVER;
}

static void on_txn(void *arg, struct conn *c, const struct rt_txn *txn)
{
	struct tally *t = arg;

	CHECK_EQ(txn->proto, RT_PROTO_KAFKA);
	t->txns[is_server(c)]++;
}

static void on_records(void *arg, struct conn *c, const struct rt_kafka_records *rec)
{
	struct tally *t = arg;

	t->records[is_server(c)][rec->outcome] += rec->records;
}

static void on_unparsed(void *arg, struct conn *c, enum rt_unparsed cause, uint64_t n)
{
	struct tally *t = arg;

	(void)c;
	(void)cause;
	t->unparsed += n;
}

static void on_in_flight(void *arg, struct conn *c, int delta)
{
	(void)arg;
	(void)c;
	(void)delta;
}

static void on_hint(void *arg, const struct conn *c, const struct rt_hint *hint)
{
	struct tally *t = arg;

	t->hints++;
	capture_hint(t->rig->capture, c->id, hint);
}

static void on_closed(void *arg, struct conn *c)
{
	(void)arg;
	(void)c;
}

static bool on_own(void *arg, const struct conn *c)
{
	(void)arg;
	return c->tgid != (uint32_t)getpid();
}

static void tally_record(void *arg, const struct rt_rec *rec)
{
	track_record(((struct tally *)arg)->track, rec);
}

static struct tally *tally_new(struct rig *r)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->rig = r;
	t->names = intern_new(1024);
	t->world = kafka_world_new(t->names);
	t->env = (struct rt_env){.names = t->names, .kafka = t->world};
	t->ops = (struct track_ops){.arg = t,
				    .txn = on_txn,
				    .records = on_records,
				    .unparsed = on_unparsed,
				    .in_flight = on_in_flight,
				    .hint = on_hint,
				    .closed = on_closed,
				    .own = on_own};
	t->track = track_new(&t->ops, &t->env, 1024);
	if (!t->track)
		abort();
	r->also = tally_record;
	r->arg = t;
	return t;
}

static void tally_free(struct tally *t)
{
	t->rig->also = NULL;
	track_free(t->track);
	kafka_world_free(t->world);
	intern_free(t->names);
	free(t);
}

/* ---- how frames are cut into calls ---- */

enum cutting {
	CUT_WHOLE,
	CUT_APART,  /* the length alone, then the rest, as Java does */
	CUT_BYTES,  /* the first 64 bytes one by one, then 64 KiB at a time */
	CUT_ODD,    /* sizes of all kinds */
	CUT_SMALL,  /* 100 bytes at a time: each header is split */
	CUT_VECTOR, /* the length and the rest as one vector */
	CUT_BACK,   /* vectors whose second part stands before the first, where memory ends */
	CUTS,
};

static const char *const cut_names[] = {"whole", "apart",  "bytes", "odd",
					"small", "vector", "back"};

#define EDGE_BYTES 8192

/* So many bytes, with nothing behind them: where they end. */
static uint8_t *edge_new(void)
{
	uint8_t *p = mmap(NULL, 2 * EDGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (p == MAP_FAILED || mprotect(p + EDGE_BYTES, EDGE_BYTES, PROT_NONE))
		abort();
	return p + EDGE_BYTES;
}

static void edge_free(uint8_t *end)
{
	munmap(end - EDGE_BYTES, 2 * EDGE_BYTES);
}

/* `n` bytes in two parts, the second where the first begins. */
static void edge_parts(struct iovec parts[2], uint8_t *end, size_t n)
{
	parts[0] = (struct iovec){end - n / 2, n / 2};
	parts[1] = (struct iovec){end - n, n - n / 2};
}

static ssize_t edge_send(int fd, uint8_t *end, const uint8_t *p, size_t n)
{
	struct iovec parts[2];

	edge_parts(parts, end, n);
	memcpy(parts[0].iov_base, p, parts[0].iov_len);
	memcpy(parts[1].iov_base, p + parts[0].iov_len, parts[1].iov_len);
	return writev(fd, parts, 2);
}

static ssize_t edge_receive(int fd, uint8_t *end, uint8_t *p, size_t n)
{
	struct iovec parts[2];
	size_t first;
	ssize_t got;

	edge_parts(parts, end, n);
	got = readv(fd, parts, 2);
	if (got <= 0)
		return got;
	first = (size_t)got < parts[0].iov_len ? (size_t)got : parts[0].iov_len;
	memcpy(p, parts[0].iov_base, first);
	memcpy(p + first, parts[1].iov_base, (size_t)got - first);
	return got;
}

static size_t cut_next(enum cutting how, size_t at, size_t left, uint32_t *seed)
{
	size_t n = left;

	*seed = *seed * 1664525 + 1013904223;
	switch (how) {
	case CUT_APART: n = at == 0 ? 4 : left; break;
	case CUT_BYTES: n = at < 64 ? 1 : 65536; break;
	case CUT_ODD: n = 1 + (*seed >> 8) % (*seed & 0x10 ? 90 : 30000); break;
	case CUT_SMALL: n = 100; break;
	case CUT_BACK: n = 2 + (*seed >> 8) % (*seed & 0x10 ? 300 : EDGE_BYTES - 1); break;
	default: break;
	}
	return n < left ? n : left;
}

#define CALLS_A_READ 256 /* receives, before the queues are read again */

struct pump {
	int fd;
	const uint8_t *p;
	size_t n;
	enum cutting how;
};

static void *pump_send(void *arg)
{
	uint8_t *edge = edge_new();
	struct pump *x = arg;
	uint32_t seed = 7;

	for (size_t at = 0; at < x->n;) {
		size_t want = cut_next(x->how, at, x->n - at, &seed);
		struct iovec iov[2] = {{(void *)(x->p + at), 4},
				       {(void *)(x->p + at + 4), want - 4}};
		ssize_t r = x->how == CUT_VECTOR && at == 0 ? writev(x->fd, iov, 2)
			    : x->how == CUT_BACK ? edge_send(x->fd, edge, x->p + at, want)
						 : write(x->fd, x->p + at, want);

		if (r <= 0)
			abort();
		at += (size_t)r;
	}
	edge_free(edge);
	return NULL;
}

static void pump_receive(struct rig *r, struct pump *x)
{
	uint8_t *got = malloc(x->n + 8), *edge = edge_new();
	uint32_t seed = 99, calls = 0;

	if (!got)
		abort();
	for (size_t at = 0; at < x->n;) {
		size_t want = cut_next(x->how, at, x->n - at, &seed);
		struct iovec iov[2] = {{got, 4}, {got + 4, want - 4}};
		ssize_t n = x->how == CUT_VECTOR && at == 0 ? readv(x->fd, iov, 2)
			    : x->how == CUT_BACK  ? edge_receive(x->fd, edge, got + at, want)
			    : x->how == CUT_WHOLE ? read(x->fd, got + at, want)
						  : recv(x->fd, got + at, want, MSG_WAITALL);

		if (n <= 0)
			abort();
		at += (size_t)n;
		if (!(++calls % CALLS_A_READ))
			rig_read(r);
	}
	CHECK(!memcmp(got, x->p, x->n));
	edge_free(edge);
	free(got);
}

/* What one direction of the connection has carried. */
struct truth {
	struct big b;
	uint64_t skippable; /* bytes nobody needs of frames that are walked */
};

static void carry(struct rig *r, const struct rig_pair *p, struct truth *t, bool back, size_t from,
		  enum cutting sends, enum cutting receives)
{
	struct pump out = {back ? p->server : p->client, t->b.p + from, t->b.n - from, sends};
	struct pump in = {back ? p->client : p->server, t->b.p + from, t->b.n - from, receives};
	pthread_t thread;

	if (pthread_create(&thread, NULL, pump_send, &out))
		abort();
	pump_receive(r, &in);
	pthread_join(thread, NULL);
	rig_read(r);
}

static size_t needless(const struct big *b, size_t from)
{
	size_t n = 0;

	for (size_t i = from; i < b->n; i++)
		n += !b->must[i];
	return n;
}

/* Every byte that is needed came up, and at most `spare` others. */
static void hold(const struct rig_dir *d, const struct truth *t, uint64_t spare, const char *who)
{
	uint64_t others = 0, missing = 0, first = 0;

	CHECK_EQ(d->end, t->b.n);
	for (size_t i = 0; i < t->b.n; i++) {
		bool have = i < d->cap && d->have[i];

		if (have && d->bytes[i] != t->b.p[i]) {
			CHECK(!"bytes as sent");
			return;
		}
		if (t->b.must[i] && !have && !missing++)
			first = i;
		others += have && !t->b.must[i];
	}
	CHECK_EQ(missing, 0);
	CHECK(others <= spare);
	if (missing || others > spare)
		printf("# %s: %llu needed bytes of %zu missing, the first at %llu; %llu of the others "
		       "came up, %llu allowed\n",
		       who, (unsigned long long)missing, t->b.n, (unsigned long long)first,
		       (unsigned long long)others, (unsigned long long)spare);
}

/* A conversation with large frames in both directions. */
static void play(struct rig *r, const struct big_shape *produce, const struct big_shape *fetch,
		 enum cutting sends, enum cutting receives)
{
	struct truth up = {0}, down = {0};
	struct tally *t = tally_new(r);
	uint64_t produced = 0, consumed = 0;
	struct rig_conn *c, *s;
	struct rig_pair p;
	size_t at;

	rig_clear(r);
	if (!rig_connect(RIG_V4, &p))
		abort();
	for (int i = 0; i < 6; i++) {
		struct big_shape shape = i % 3 == 1 ? *produce : *fetch;

		shape.corr = i + 1;
		at = up.b.n;
		if (i % 3 == 0) {
			big_request(&up.b, 3, 1, 99, i + 1);
			big_int(&up.b, 0, 4);
			big_finish(&up.b);
		} else if (i % 3 == 1) {
			big_produce(&up.b, &shape);
			produced += up.b.records;
		} else {
			big_fetch(&up.b, &shape);
		}
		up.skippable += needless(&up.b, at);
		carry(r, &p, &up, false, at, sends, receives);
		at = down.b.n;
		if (i % 3 == 0) {
			big_response(&down.b, 1, 99, i + 1);
			big_int(&down.b, 0, 4);
			big_int(&down.b, 1, 4);
			big_int(&down.b, 0, 4);
			big_finish(&down.b);
		} else if (i % 3 == 1) {
			big_produced(&down.b, &shape);
		} else {
			big_fetched(&down.b, &shape);
			consumed += down.b.records;
		}
		down.skippable += needless(&down.b, at);
		carry(r, &p, &down, true, at, sends, receives);
	}
	c = rig_end(r, &p, false);
	s = rig_end(r, &p, true);
	CHECK(c && s);
	if (c && s) {
		hold(&c->d[RT_SEND], &up, up.skippable / 10, "client sends");
		hold(&c->d[RT_RECV], &down, down.skippable / 10, "client receives");
		hold(&s->d[RT_RECV], &up, up.skippable / 10, "server receives");
		hold(&s->d[RT_SEND], &down, down.skippable / 10, "server sends");
	}
	for (int i = 0; i < 4; i++)
		track_pass(t->track, (uint64_t)i * 1000000);
	for (int role = 0; role < 2; role++) {
		CHECK_EQ(t->txns[role], 6);
		CHECK_EQ(t->records[role][RT_KAFKA_PRODUCED], produced);
		CHECK_EQ(t->records[role][RT_KAFKA_CONSUMED], consumed);
	}
	CHECK_EQ(t->unparsed, 0);
	CHECK_EQ(rig_stat(r, RT_STAT_LOST_RING), 0);
	CHECK_EQ(rig_stat(r, RT_STAT_FAULT), 0);
	if (test_failed)
		printf("# sent %s, received %s, Produce %d, Fetch %d\n", cut_names[sends],
		       cut_names[receives], produce->version, fetch->version);
	rig_close(&p);
	rig_read(r);
	tally_free(t);
	free(up.b.p);
	free(up.b.must);
	free(down.b.p);
	free(down.b.must);
}

static void play_cuts(enum capture_mode mode, const struct big_shape *produce,
		      const struct big_shape *fetch)
{
	struct rig *r = rig_new(mode);

	for (int sends = 0; r && sends < CUTS && !test_failed; sends++)
		for (int receives = 0; receives < CUTS && !test_failed; receives++)
			if (sends == receives || sends == CUT_WHOLE || receives == CUT_WHOLE)
				play(r, produce, fetch, (enum cutting)sends,
				     (enum cutting)receives);
	rig_free(r);
}

/* Several topics and partitions, batches of some kilobytes. */
static const struct big_shape broad = {
	.version = 7, .topics = 3, .parts = 4, .batches = 5, .body = 3000};

#define VERSIONS(name, produce_version, fetch_version)                                             \
	TEST(name)                                                                                 \
	{                                                                                          \
		struct big_shape p = broad, f = broad;                                             \
		p.version = produce_version;                                                       \
		f.version = fetch_version;                                                         \
		play_cuts(CAPTURE_SOCKET, &p, &f);                                                 \
	}

VERSIONS(produce_3_fetch_4, 3, 4)
VERSIONS(produce_5_fetch_5, 5, 5)
VERSIONS(produce_7_fetch_7, 7, 7)
VERSIONS(produce_8_fetch_11, 8, 11)
VERSIONS(produce_9_fetch_12, 9, 12)
VERSIONS(produce_11_fetch_13, 11, 13)
VERSIONS(produce_13_fetch_16, 13, 16)

TEST(by_system_calls)
{
	struct big_shape p = broad, f = broad;

	p.version = 9;
	f.version = 13;
	play_cuts(CAPTURE_SYSCALL, &p, &f);
}

/* One batch of a megabyte, as a producer with large messages sends it. */
TEST(large_batches)
{
	struct big_shape p = {.version = 9, .topics = 1, .parts = 2, .batches = 2, .body = 1 << 20};
	struct big_shape f = p;

	f.version = 12;
	play_cuts(CAPTURE_SOCKET, &p, &f);
}

/* Hundreds of batches of few bytes: nearly all is header. */
TEST(small_batches)
{
	struct big_shape p = {.version = 8, .topics = 2, .parts = 3, .batches = 150, .body = 700};
	struct big_shape f = p;

	f.version = 11;
	play_cuts(CAPTURE_SOCKET, &p, &f);
}

/* More partitions than a length of one byte tells. */
TEST(many_partitions)
{
	struct big_shape p = {.version = 9, .topics = 2, .parts = 200, .batches = 1, .body = 1500};
	struct big_shape f = p;

	f.version = 13;
	play_cuts(CAPTURE_SOCKET, &p, &f);
}

TEST(aborted_transactions)
{
	struct big_shape p = broad, f = broad;

	for (int version = 11; version <= 12; version++) {
		f.version = version;
		f.aborted = 20;
		play_cuts(CAPTURE_SOCKET, &p, &f);
	}
}

/* The broker cuts the last batch where the client's limit ends. */
TEST(a_batch_that_is_cut)
{
	static const int cuts[] = {1, 2999, 3000, 3001, 3040};
	struct big_shape p = broad, f = broad;

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]) && !test_failed; i++) {
		f.version = i & 1 ? 12 : 11;
		f.cut = cuts[i];
		play_cuts(CAPTURE_SOCKET, &p, &f);
	}
}

TEST(tagged_fields_at_the_end)
{
	struct big_shape p = broad, f = broad;

	f.version = 12;
	f.tags = true;
	play_cuts(CAPTURE_SOCKET, &p, &f);
}

TEST(empty_and_null)
{
	struct big_shape p = broad, f = broad;

	f.version = 12;
	f.topics = 0;
	p.batches = 0;
	p.parts = 300;
	p.version = 9;
	play_cuts(CAPTURE_SOCKET, &p, &f);
}

/* A client that asks for each partition by itself (librdkafka's ListOffsets), then fetches. */
static void play_outstanding(struct rig *r, int n)
{
	struct big_shape shape = {
		.version = 12, .topics = 2, .parts = 3, .batches = 30, .body = 2000, .corr = n + 1};
	struct truth up = {0}, down = {0};
	struct tally *t = tally_new(r);
	struct rig_conn *c;
	struct rig_pair p;

	rig_clear(r);
	if (!rig_connect(RIG_V4, &p))
		abort();
	for (int i = 1; i <= n; i++) {
		big_request(&up.b, 3, 1, 99, i);
		big_int(&up.b, 0, 4);
		big_finish(&up.b);
		big_response(&down.b, 1, 99, i);
		big_int(&down.b, 0, 4);
		big_int(&down.b, 1, 4);
		big_int(&down.b, 0, 4);
		big_finish(&down.b);
	}
	big_fetch(&up.b, &shape);
	big_fetched(&down.b, &shape);
	down.skippable = needless(&down.b, 0);
	carry(r, &p, &up, false, 0, CUT_WHOLE, CUT_WHOLE);
	carry(r, &p, &down, true, 0, CUT_WHOLE, CUT_WHOLE);
	c = rig_end(r, &p, false);
	CHECK(c);
	if (c)
		hold(&c->d[RT_RECV], &down, down.skippable / 10, "client receives");
	for (int i = 0; i < 4; i++)
		track_pass(t->track, (uint64_t)i * 1000000);
	for (int role = 0; role < 2; role++) {
		CHECK_EQ(t->txns[role], n + 1);
		CHECK_EQ(t->records[role][RT_KAFKA_CONSUMED], down.b.records);
	}
	CHECK_EQ(t->unparsed, 0);
	if (test_failed)
		printf("# %d requests outstanding\n", n);
	rig_close(&p);
	rig_read(r);
	tally_free(t);
	free(up.b.p);
	free(up.b.must);
	free(down.b.p);
	free(down.b.must);
}

TEST(many_requests_outstanding)
{
	for (int mode = CAPTURE_SOCKET; mode <= CAPTURE_SYSCALL; mode++) {
		struct rig *r = rig_new((enum capture_mode)mode);

		for (int n = 14; r && n < 400 && !test_failed; n += n < 20 ? 1 : 119)
			play_outstanding(r, n);
		rig_free(r);
	}
}

/* The first request of all, `first` bytes of it in a call of their own: nobody helps the kernel. */
static void play_first(struct rig *r, size_t first)
{
	struct big_shape shape = {
		.version = 9, .topics = 1, .parts = 2, .batches = 40, .body = 2000};
	static uint8_t got[1 << 20];
	struct truth up = {0};
	struct rig_conn *c, *s;
	struct rig_pair p;

	rig_clear(r);
	if (!rig_connect(RIG_V4, &p))
		abort();
	shape.corr = 1;
	big_produce(&up.b, &shape);
	up.skippable = needless(&up.b, 0);
	CHECK_EQ(write(p.client, up.b.p, first), first);
	CHECK_EQ(recv(p.server, got, first, MSG_WAITALL), first);
	CHECK_EQ(write(p.client, up.b.p + first, up.b.n - first), up.b.n - first);
	CHECK_EQ(recv(p.server, got + first, up.b.n - first, MSG_WAITALL), up.b.n - first);
	rig_read(r);
	c = rig_end(r, &p, false);
	s = rig_end(r, &p, true);
	CHECK(c && s);
	if (c && s) {
		hold(&c->d[RT_SEND], &up, up.skippable / 10, "client sends");
		hold(&s->d[RT_RECV], &up, up.skippable / 10, "server receives");
	}
	if (test_failed)
		printf("# the first %zu bytes apart\n", first);
	rig_close(&p);
	rig_read(r);
	free(up.b.p);
	free(up.b.must);
}

TEST(a_first_request_in_two_calls)
{
	for (int mode = CAPTURE_SOCKET; mode <= CAPTURE_SYSCALL; mode++) {
		struct rig *r = rig_new((enum capture_mode)mode);

		for (size_t first = 1; r && first <= 20 && !test_failed; first++)
			if (first != 13) /* within the client's length, behind what is kept */
				play_first(r, first);
		rig_free(r);
	}
}

/* 50 MB in receives of 64 KiB: a few hundred bytes per batch, no more. */
TEST(fifty_megabytes)
{
	struct big_shape p = broad;
	struct big_shape f = {
		.version = 12, .topics = 2, .parts = 6, .batches = 4, .body = 1040000};
	struct rig *r = rig_new(CAPTURE_SOCKET);

	if (r)
		play(r, &p, &f, CUT_WHOLE, CUT_BYTES);
	rig_free(r);
}
