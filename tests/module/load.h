/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of what a transaction costs: the user-space half without a kernel, and a load for
 * it. Ring records of many connections are made beforehand and go through the tracker, the parsers
 * and the registry, round after round, each time a little further on in their streams.
 */
#ifndef REDTAP_LOAD_H
#define REDTAP_LOAD_H

#include "../unit/track_play.h"

#include "metrics/red.h"
#include "proto/postgres.h"
#include "proto/postgres_world.h"

#define LOAD_CONNS     500
#define LOAD_EXCHANGES 8  /* recorded of each connection, between two moves of its offsets */
#define LOAD_RECORDS   12 /* of one exchange, at most */

/* ---- conversations ---- */

static const char http_request[] = "GET /tiny.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
				   "User-Agent: bench\r\nAccept: */*\r\n\r\n";
static const char http_response[] =
	"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 20:00:00 GMT\r\n"
	"Content-Type: text/plain\r\nContent-Length: 12\r\n"
	"Last-Modified: Sun, 22 Nov 2026 19:00:00 GMT\r\nConnection: keep-alive\r\n"
	"ETag: \"69220000-c\"\r\nAccept-Ranges: bytes\r\n\r\nhello world\n";

static inline void make_http(struct wire *w)
{
	*w = (struct wire){.proto = RT_PROTO_HTTP};
	wire_text(w, RT_REQ, http_request);
	wire_text(w, RT_RESP, http_response);
}

static inline void open_pg(struct wire *w)
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

static inline void make_pg(struct wire *w)
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

static inline void make_kafka(struct wire *w)
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
	struct fifo_spares http_spares;
	struct rt_env env;
	struct track_ops ops;
	struct track *track;
	struct red_who who;
	uint64_t txns, records, unparsed;
};

static inline void in_txn(void *arg, struct conn *c, const struct rt_txn *txn)
{
	struct intake *in = arg;

	(void)c;
	in->txns++;
	red_txn(in->red, &in->who, txn);
}

static inline void in_records(void *arg, struct conn *c, const struct rt_kafka_records *rec)
{
	struct intake *in = arg;

	(void)c;
	in->records += rec->records;
	red_records(in->red, &in->who, rec);
}

static inline void in_delivered(void *arg, struct conn *c, uint32_t topic, int64_t stamp_ms,
				uint64_t at_ns)
{
	struct intake *in = arg;

	(void)c;
	red_delivered(in->red, &in->who, topic, (uint64_t)stamp_ms * 1000000, at_ns);
}

static inline void in_unparsed(void *arg, struct conn *c, enum rt_unparsed cause, uint64_t n)
{
	struct intake *in = arg;

	(void)c, (void)cause;
	in->unparsed += n;
}

static inline void in_flight(void *arg, struct conn *c, int delta)
{
	struct intake *in = arg;

	if (c->proto == RT_PROTO_HTTP && c->role == RT_ROLE_SERVER)
		red_in_flight_add(in->red, in->who.service, delta);
}

static inline void in_session(void *arg, struct conn *c)
{
	struct intake *in = arg;
	struct rt_session s = {.state = PG_POOL_NONE};

	if (c->session)
		c->ops->session(c->state, &s);
	if (!c->database && s.database.n)
		c->database = intern_put(in->names, s.database);
	c->seat = red_pool(in->red, c->seat, &in->who, c->database, s.state);
}

static inline void in_hint(void *arg, const struct conn *c, const struct rt_hint *hint)
{
	(void)arg, (void)c, (void)hint;
}

static inline void in_closed(void *arg, struct conn *c)
{
	(void)arg, (void)c;
}

static inline bool in_own(void *arg, const struct conn *c)
{
	(void)arg, (void)c;
	return false;
}

/* `role`: of the service whose connections they are. */
static inline void intake_up(struct intake *in, enum rt_role role)
{
	struct registry_config config = {.series_max = RT_SERIES_MAX};
	struct red_config red = {.names_max = RT_NAMES_MAX};

	*in = (struct intake){.names = intern_new(RT_NAMES_MAX)};
	config.names = red.names = in->names;
	in->registry = red.registry = registry_new(&config);
	registry_tick(in->registry, 1);
	in->red = red_new(&red);
	in->env = (struct rt_env){.names = in->names,
				  .kafka = kafka_world_new(in->names),
				  .postgres = pg_world_new(false),
				  .http_spares = &in->http_spares};
	in->ops = (struct track_ops){.arg = in,
				     .txn = in_txn,
				     .records = in_records,
				     .unparsed = in_unparsed,
				     .delivered = in_delivered,
				     .in_flight = in_flight,
				     .hint = in_hint,
				     .closed = in_closed,
				     .session = in_session,
				     .own = in_own};
	in->track = track_new(&in->ops, &in->env, RT_CONNS_MAX);
	in->who = (struct red_who){
		intern_put(in->names, SLICE("nginx")),
		role == RT_ROLE_CLIENT ? intern_put(in->names, SLICE("shop")) : 0, role};
	if (!in->registry || !in->red || !in->env.kafka || !in->env.postgres || !in->track)
		abort();
}

static inline void intake_down(struct intake *in)
{
	track_free(in->track);
	fifo_spares_free(&in->http_spares);
	pg_world_free(in->env.postgres);
	kafka_world_free(in->env.kafka);
	red_free(in->red);
	registry_free(in->registry);
	intern_free(in->names);
}

/* ---- the load ---- */

struct load {
	void (*make)(struct wire *w); /* one exchange of a connection that is open */
	void (*open)(struct wire *w); /* what goes before, or NULL */
	/* Makes a record's bytes different from those of all others, by a number that never comes
	 * again; or NULL. */
	void (*vary)(uint8_t *p, size_t len, uint32_t n);
	enum rt_role role;
};

/* One connection: its model, and the records of a few exchanges, used again with other offsets. */
struct load_peer {
	struct model model;
	struct rt_rec_data *rec[LOAD_EXCHANGES * LOAD_RECORDS];
	int n;
};

struct load_run {
	const struct load *load;
	struct intake in;
	struct load_peer peers[LOAD_CONNS];
	uint64_t by[2], by_ns; /* from round to round */
	uint32_t varied;
	uint64_t exchanges; /* that went through */
};

/* The record goes to the tracker. */
static inline void load_hand(struct load_run *l, struct rt_rec *rec)
{
	track_record(l->in.track, rec);
	free(rec);
}

static inline struct rt_rec *load_call(struct load_peer *peer, const struct wire *w, int i)
{
	return model_call(&peer->model, w->calls[i].dir, w->bytes + w->calls[i].at,
			  w->calls[i].len);
}

static inline void load_vary(struct load_run *l, struct rt_rec_data *r)
{
	if (l->load->vary)
		l->load->vary((uint8_t *)(r + 1) + sizeof(struct rt_frag), r->len, ++l->varied);
}

static inline void load_peer_up(struct load_run *l, struct load_peer *peer, uint64_t id)
{
	static struct wire w;

	*peer = (struct load_peer){.model = model_new(id, l->load->role)};
	load_hand(l, model_conn(&peer->model, 0));
	if (l->load->open) {
		l->load->open(&w);
		for (int i = 0; i < w.ncalls; i++)
			load_hand(l, load_call(peer, &w, i));
	}
	l->load->make(&w);
	if (w.ncalls > LOAD_RECORDS)
		abort();
	l->by[0] = peer->model.d[0].off;
	l->by[1] = peer->model.d[1].off;
	l->by_ns = peer->model.ns;
	for (int k = 0; k < LOAD_EXCHANGES; k++) {
		for (int i = 0; i < w.ncalls; i++) {
			struct rt_rec_data *r = (struct rt_rec_data *)load_call(peer, &w, i);

			load_vary(l, r);
			peer->rec[peer->n++] = r;
		}
	}
	l->by[0] = peer->model.d[0].off - l->by[0];
	l->by[1] = peer->model.d[1].off - l->by[1];
	l->by_ns = peer->model.ns - l->by_ns;
}

/* The connections are open, and what they say is made. */
static inline struct load_run *load_up(const struct load *load)
{
	struct load_run *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->load = load;
	intake_up(&l->in, load->role);
	for (int i = 0; i < LOAD_CONNS; i++)
		load_peer_up(l, &l->peers[i], (uint64_t)i + 1);
	l->in.txns = l->in.records = 0;
	return l;
}

/* LOAD_EXCHANGES of each connection; they take turns, as they do in a queue. */
static inline void load_round(struct load_run *l)
{
	for (int k = 0; k < l->peers[0].n; k++)
		for (int i = 0; i < LOAD_CONNS; i++)
			track_record(l->in.track, &l->peers[i].rec[k]->h);
	track_pass(l->in.track, l->peers[0].model.ns);
	l->exchanges += LOAD_CONNS * LOAD_EXCHANGES;
}

/* The same exchanges once more, behind themselves. */
static inline void load_move(struct load_run *l)
{
	for (int i = 0; i < LOAD_CONNS; i++) {
		struct load_peer *peer = &l->peers[i];

		for (int k = 0; k < peer->n; k++) {
			struct rt_rec_data *r = peer->rec[k];
			enum rt_io io = r->h.flags & RT_F_SEND ? RT_SEND : RT_RECV;

			r->off += l->by[io];
			r->prev += l->by[io];
			r->other += l->by[!io];
			r->h.ts_ns += l->by_ns;
			load_vary(l, r);
		}
		peer->model.ns += l->by_ns;
	}
}

static inline void load_down(struct load_run *l)
{
	for (int i = 0; i < LOAD_CONNS; i++)
		for (int k = 0; k < l->peers[i].n; k++)
			free(l->peers[i].rec[k]);
	intake_down(&l->in);
	free(l);
}

#endif
