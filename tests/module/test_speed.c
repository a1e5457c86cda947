// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the user-space half costs, without a kernel: ring records of conversations are made
 * beforehand and go through the tracker, the parsers and the registry; then a page of many series
 * is rendered. By CPU time, which a busy machine disturbs less than it does the clock.
 */
#include <sys/resource.h>
#include <time.h>

#include "../unit/track_play.h"

#include "metrics/expose.h"
#include "metrics/red.h"

#define CONNS       500
#define EXCHANGES   8 /* recorded of each connection, between two moves of its offsets */
#define TXNS        2000000
#define RATE_LEAST  300000 /* transactions per CPU second */
#define SERIES      10000
#define SCRAPE_MOST 0.020 /* CPU seconds */

static const char http_request[] = "GET /tiny.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
				   "User-Agent: bench\r\nAccept: */*\r\n\r\n";
static const char http_response[] =
	"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 20:00:00 GMT\r\n"
	"Content-Type: text/plain\r\nContent-Length: 12\r\n"
	"Last-Modified: Sun, 22 Nov 2026 19:00:00 GMT\r\nConnection: keep-alive\r\n"
	"ETag: \"69220000-c\"\r\nAccept-Ranges: bytes\r\n\r\nhello world\n";

struct load {
	void (*make)(struct wire *w); /* one exchange of a connection that is open */
	void (*open)(struct wire *w); /* what goes before, or NULL */
};

static void make_http(struct wire *w)
{
	*w = (struct wire){.proto = RT_PROTO_HTTP};
	wire_text(w, RT_REQ, http_request);
	wire_text(w, RT_RESP, http_response);
}

static void open_pg(struct wire *w)
{
	static const char startup[] = "\0\3\0\0user\0joe\0database\0shop\0";
	static const char parse[] = "s1\0select abalance from pgbench_accounts where aid = $1\0\0";
	uint8_t p[512];
	size_t n;

	*w = (struct wire){.proto = RT_PROTO_POSTGRES};
	wire_add(w, RT_REQ, p, wire_pg_message(p, 0, startup, sizeof(startup)));
	n = wire_pg_message(p, 'R', "\0\0\0", 4);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(w, RT_RESP, p, n);
	n = wire_pg_message(p, 'P', parse, sizeof(parse));
	n += wire_pg_message(p + n, 'S', "", 0);
	wire_add(w, RT_REQ, p, n);
	n = wire_pg_message(p, '1', "", 0);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(w, RT_RESP, p, n);
}

static void make_pg(struct wire *w)
{
	uint8_t p[512];
	size_t n;

	*w = (struct wire){.proto = RT_PROTO_POSTGRES};
	n = wire_pg_message(p, 'B', "\0s1\0\0\1\0\0\0\1\0\0\0\5\61\62\63\64\65\0\1\0", 23);
	n += wire_pg_message(p + n, 'D', "P\0", 2);
	n += wire_pg_message(p + n, 'E', "\0\0\0\0", 5);
	n += wire_pg_message(p + n, 'S', "", 0);
	wire_add(w, RT_REQ, p, n);
	n = wire_pg_message(p, '2', "", 0);
	n += wire_pg_message(p + n, 'T',
			     "\0\1abalance\0\0\0\100\1\0\3\0\0\0\27\0\4\377\377\377\377\0", 29);
	n += wire_pg_message(p + n, 'D', "\0\1\0\0\0\1x", 7);
	n += wire_pg_message(p + n, 'C', "SELECT 1", 9);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(w, RT_RESP, p, n);
}

static void make_kafka(struct wire *w)
{
	struct part parts[] = {
		{0, {.count = 30, .pid = -1, .epoch = -1, .seq = -1, .body = 200}, 0}};
	struct frame f;

	*w = (struct wire){.proto = RT_PROTO_KAFKA};
	m_produce(&f, 7, 2, -1, "orders", 1, parts);
	wire_add(w, RT_REQ, f.p, f.n);
	m_produced(&f, 7, 2, "orders", 1, parts);
	wire_add(w, RT_RESP, f.p, f.n);
}

/* ---- the intake ---- */

struct intake {
	struct intern *names;
	struct registry *registry;
	struct red *red;
	struct kafka_world *world;
	struct rt_env env;
	struct track_ops ops;
	struct track *track;
	struct red_who who;
	uint64_t txns, unparsed;
};

static void in_txn(void *arg, struct conn *c, const struct rt_txn *txn)
{
	struct intake *in = arg;

	(void)c;
	in->txns++;
	red_txn(in->red, &in->who, txn);
}

static void in_records(void *arg, struct conn *c, const struct rt_kafka_records *rec)
{
	struct intake *in = arg;

	(void)c;
	red_records(in->red, &in->who, rec);
}

static void in_unparsed(void *arg, struct conn *c, enum rt_unparsed cause, uint64_t n)
{
	struct intake *in = arg;

	(void)c, (void)cause;
	in->unparsed += n;
}

static void in_flight(void *arg, struct conn *c, int delta)
{
	struct intake *in = arg;

	if (c->proto == RT_PROTO_HTTP)
		red_in_flight_add(in->red, in->who.service, delta);
}

static void in_hint(void *arg, const struct conn *c, const struct rt_hint *hint)
{
	(void)arg, (void)c, (void)hint;
}

static void in_closed(void *arg, struct conn *c)
{
	(void)arg, (void)c;
}

static bool in_own(void *arg, const struct conn *c)
{
	(void)arg, (void)c;
	return false;
}

static void intake_up(struct intake *in)
{
	struct registry_config config = {.series_max = RT_SERIES_MAX};
	struct red_config red = {.names_max = RT_NAMES_MAX};

	*in = (struct intake){.names = intern_new(RT_NAMES_MAX)};
	config.names = red.names = in->names;
	in->registry = red.registry = registry_new(&config);
	registry_tick(in->registry, 1);
	in->red = red_new(&red);
	in->world = kafka_world_new(in->names);
	in->env = (struct rt_env){.names = in->names, .kafka = in->world};
	in->ops = (struct track_ops){.arg = in,
				     .txn = in_txn,
				     .records = in_records,
				     .unparsed = in_unparsed,
				     .in_flight = in_flight,
				     .hint = in_hint,
				     .closed = in_closed,
				     .own = in_own};
	in->track = track_new(&in->ops, &in->env, RT_CONNS_MAX);
	in->who = (struct red_who){intern_put(in->names, SLICE("nginx")), 0, RT_ROLE_SERVER};
	if (!in->registry || !in->red || !in->track)
		abort();
}

static void intake_down(struct intake *in)
{
	track_free(in->track);
	kafka_world_free(in->world);
	red_free(in->red);
	registry_free(in->registry);
	intern_free(in->names);
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* One connection: its model, and the records of a few exchanges, used again with other offsets. */
struct peer {
	struct model model;
	struct rt_rec_data *rec[EXCHANGES * 4];
	int n;
};

static void peer_play(struct peer *peer, const struct wire *w, struct intake *in)
{
	for (int i = 0; i < w->ncalls; i++) {
		struct rt_rec *rec = model_call(&peer->model, w->calls[i].dir,
						w->bytes + w->calls[i].at, w->calls[i].len);

		if (in) {
			track_record(in->track, rec);
			free(rec);
		} else {
			peer->rec[peer->n++] = (struct rt_rec_data *)rec;
		}
	}
}

/* The recorded exchanges once more, behind themselves. */
static void peer_move(struct peer *peer, const uint64_t by[2])
{
	for (int i = 0; i < peer->n; i++) {
		struct rt_rec_data *r = peer->rec[i];
		enum rt_io io = r->h.flags & RT_F_SEND ? RT_SEND : RT_RECV;

		r->off += by[io];
		r->prev += by[io];
		r->other += by[!io];
		r->h.ts_ns += 100000;
	}
}

/* CPU seconds of one transaction. */
static double run(const struct load *load)
{
	static struct peer peers[CONNS];
	struct wire *w = calloc(1, sizeof(*w));
	struct intake in;
	uint64_t by[2] = {0}, asked = 0;
	double spent = 0;

	if (!w)
		abort();
	intake_up(&in);
	for (int i = 0; i < CONNS; i++) {
		struct peer *t = &peers[i];
		struct rt_rec *rec;

		*t = (struct peer){.model = model_new((uint64_t)i + 1, RT_ROLE_SERVER)};
		rec = model_conn(&t->model, 0);
		track_record(in.track, rec);
		free(rec);
		if (load->open) {
			load->open(w);
			peer_play(t, w, &in);
		}
		load->make(w);
		by[0] = t->model.d[0].off;
		by[1] = t->model.d[1].off;
		for (int k = 0; k < EXCHANGES; k++)
			peer_play(t, w, NULL);
		by[0] = t->model.d[0].off - by[0];
		by[1] = t->model.d[1].off - by[1];
	}
	in.txns = 0;
	while (in.txns < TXNS) {
		double begin = cpu_seconds();

		/* connections take turns, as they do in a ring */
		for (int k = 0; k < peers[0].n; k++)
			for (int i = 0; i < CONNS; i++)
				track_record(in.track, &peers[i].rec[k]->h);
		track_pass(in.track, clock());
		spent += cpu_seconds() - begin;
		asked += CONNS * EXCHANGES;
		for (int i = 0; i < CONNS; i++)
			peer_move(&peers[i], by);
	}
	CHECK_EQ(in.txns, asked);
	CHECK_EQ(in.unparsed, 0);
	for (int i = 0; i < CONNS; i++)
		for (int k = 0; k < peers[i].n; k++)
			free(peers[i].rec[k]);
	spent /= (double)in.txns;
	intake_down(&in);
	free(w);
	return spent;
}

/* ---- a scrape ---- */

static double scrape(size_t *bytes)
{
	struct intake in;
	struct buf out;
	double best = 1;

	intake_up(&in);
	/* Of each endpoint: a counter and two histograms with their buckets, two byte counters. */
	for (uint32_t i = 0; registry_count(in.registry) < SERIES; i++) {
		char service[32];
		struct rt_txn txn = {
			.proto = RT_PROTO_HTTP, .start_ns = 1000, .first_ns = 2000, .end_ns = 3000};

		snprintf(service, sizeof(service), "service-%u", i / 100);
		in.who.service = intern_put(in.names, slice_str(service));
		snprintf(service, sizeof(service), "/endpoint/p%ux/details", i % 100);
		txn.http = (struct rt_http_txn){SLICE("GET"), slice_str(service), SLICE(""), 200};
		red_txn(in.red, &in.who, &txn);
	}
	for (int i = 0; i < 5; i++) {
		double begin = cpu_seconds(), took;

		buf_init(&out, 0);
		if (expose(in.registry, EXPOSE_TEXT, &out))
			abort();
		took = cpu_seconds() - begin;
		best = took < best ? took : best;
		*bytes = out.n;
		buf_free(&out);
	}
	intake_down(&in);
	return best;
}

static void keeps_up(void (*make)(struct wire *), void (*open)(struct wire *))
{
	const struct load load = {make, open};
	double took = run(&load);

	printf("# %.0f ns per transaction, %.0f transactions/s on one core\n", took * 1e9,
	       1 / took);
	CHECK(1 / took >= RATE_LEAST);
}

TEST(keeps_up_with_http)
{
	keeps_up(make_http, NULL);
}

TEST(keeps_up_with_postgres)
{
	keeps_up(make_pg, open_pg);
}

TEST(keeps_up_with_kafka)
{
	keeps_up(make_kafka, NULL);
}

TEST(renders_many_series)
{
	size_t bytes = 0;
	double took = scrape(&bytes);

	printf("# %d series, %zu KiB in %.1f ms\n", SERIES, bytes >> 10, took * 1e3);
	CHECK(took <= SCRAPE_MOST);
}
