/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of track/: conversations of the three protocols as calls, a model of the kernel
 * half that makes ring records of them, and a log of what the tracker says. Who plays decides how
 * the calls are cut, in which order records come and which of them are lost.
 */
#ifndef REDTAP_TRACK_PLAY_H
#define REDTAP_TRACK_PLAY_H

#include "kafka_msgs.h"

#include "base/fifo.h"
#include "track/track.h"

#define WIRE_CALLS 64
#define WIRE_BYTES 32768

/* ---- conversations ---- */

struct wire_call {
	enum rt_dir dir;
	uint32_t at, len;
};

struct wire {
	enum rt_protocol proto;
	uint8_t bytes[WIRE_BYTES];
	uint32_t used;
	struct wire_call calls[WIRE_CALLS];
	int ncalls;
};

static inline void wire_add(struct wire *t, enum rt_dir dir, const void *p, size_t n)
{
	if (t->used + n > WIRE_BYTES || t->ncalls == WIRE_CALLS)
		abort();
	t->calls[t->ncalls++] = (struct wire_call){dir, t->used, (uint32_t)n};
	memcpy(t->bytes + t->used, p, n);
	t->used += (uint32_t)n;
}

static inline void wire_text(struct wire *t, enum rt_dir dir, const char *s)
{
	wire_add(t, dir, s, strlen(s));
}

/* Three requests, the second with a body, the third's response chunked. */
static inline void wire_http(struct wire *t)
{
	*t = (struct wire){.proto = RT_PROTO_HTTP};
	wire_text(t, RT_REQ, "GET /first HTTP/1.1\r\nHost: a.example\r\n\r\n");
	wire_text(t, RT_RESP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	wire_text(t, RT_REQ,
		  "POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\npayload");
	wire_text(t, RT_RESP, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	wire_text(t, RT_REQ, "GET /third HTTP/1.1\r\nHost: a\r\n\r\n");
	wire_text(t, RT_RESP,
		  "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	wire_text(t, RT_RESP, "0\r\n\r\n");
}

/* A typed message; type 0: a startup packet. Returns the bytes. */
static inline size_t wire_pg_message(uint8_t *p, char type, const void *body, size_t n)
{
	size_t at = 0;

	if (type)
		p[at++] = (uint8_t)type;
	p[at++] = 0, p[at++] = 0;
	p[at++] = (uint8_t)((n + 4) >> 8), p[at++] = (uint8_t)(n + 4);
	memcpy(p + at, body, n);
	return at + n;
}

static inline void wire_pg(struct wire *t)
{
	static const char startup[] = "\0\3\0\0user\0joe\0database\0shop\0";
	uint8_t p[512];
	size_t n;

	*t = (struct wire){.proto = RT_PROTO_POSTGRES};
	wire_add(t, RT_REQ, p, wire_pg_message(p, 0, startup, sizeof(startup)));
	n = wire_pg_message(p, 'R', "\0\0\0", 4);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(t, RT_RESP, p, n);
	wire_add(t, RT_REQ, p, wire_pg_message(p, 'Q', "select 1", 9));
	n = wire_pg_message(p, 'T', "\0", 2);
	n += wire_pg_message(p + n, 'D', "\0\1\0\0\0\1x", 7);
	n += wire_pg_message(p + n, 'C', "SELECT 1", 9);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(t, RT_RESP, p, n);
	wire_add(t, RT_REQ, p, wire_pg_message(p, 'Q', "update t set a = 2", 19));
	n = wire_pg_message(p, 'E', "SERROR\0C23505\0Mno\0", 19);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(t, RT_RESP, p, n);
	n = wire_pg_message(p, 'P', "\0delete from t\0\0", 17);
	n += wire_pg_message(p + n, 'B', "\0\0\0\0\0\0\0", 8);
	n += wire_pg_message(p + n, 'E', "\0\0\0\0", 5);
	n += wire_pg_message(p + n, 'S', "", 0);
	wire_add(t, RT_REQ, p, n);
	n = wire_pg_message(p, '1', "", 0);
	n += wire_pg_message(p + n, '2', "", 0);
	n += wire_pg_message(p + n, 'C', "DELETE 3", 9);
	n += wire_pg_message(p + n, 'Z', "I", 1);
	wire_add(t, RT_RESP, p, n);
}

/* A Fetch of one partition, and its answer with one batch, which gives the session `given`. */
static inline void wire_fetch(struct wire *t, int version, int session, int epoch,
			      const char *topic, int given)
{
	struct fetch fetch = {.version = version,
			      .corr = 3,
			      .replica = -1,
			      .session = session,
			      .epoch = epoch,
			      .topic = topic,
			      .n = 1,
			      .want = {{0, 10}},
			      .forget = -1};
	struct got got = {
		.end = 20,
		.n = 1,
		.batch = {{.base = 10, .count = 4, .pid = -1, .epoch = -1, .seq = -1, .body = 50}}};
	struct frame f;

	m_fetch(&f, &fetch);
	wire_add(t, RT_REQ, f.p, f.n);
	m_fetched(&f, version, 3, 0, given, topic, 1, &got);
	wire_add(t, RT_RESP, f.p, f.n);
}

static inline void wire_kafka(struct wire *t)
{
	struct part parts[] = {{0, {.count = 3, .pid = -1, .epoch = -1, .seq = -1, .body = 40}, 0},
			       {1, {.count = 2, .pid = -1, .epoch = -1, .seq = -1, .body = 30}, 0}};
	struct frame f;

	*t = (struct wire){.proto = RT_PROTO_KAFKA};
	m_plain(&f, RT_REQ, 3, 1, 1, "\0\0\0", 4); /* Metadata of no topic */
	wire_add(t, RT_REQ, f.p, f.n);
	m_plain(&f, RT_RESP, 3, 1, 1, "\0\0\0\0\0\0\0\1\0\0\0", 12);
	wire_add(t, RT_RESP, f.p, f.n);
	m_produce(&f, 7, 2, -1, "orders", 2, parts);
	wire_add(t, RT_REQ, f.p, f.n);
	m_produced(&f, 7, 2, "orders", 2, parts);
	wire_add(t, RT_RESP, f.p, f.n);
	wire_fetch(t, 11, 0, 0, "orders", 0);
}

#define WIRES 3
static inline void wire_make(struct wire *t, int which)
{
	void (*const make[WIRES])(struct wire *) = {wire_http, wire_pg, wire_kafka};

	make[which % WIRES](t);
}

/* ---- the kernel half ---- */

struct model_dir {
	uint64_t off, prev, lost;
	uint8_t gap;
	uint8_t eof;
};

struct model {
	uint64_t id;
	enum rt_role role;
	bool noseq;
	bool ahead;  /* a call is in TCP's sequence before its hook ran, and then it is lost */
	uint64_t ns; /* the clock: 1000 further at each call */
	uint32_t tgid;
	struct model_dir d[2]; /* by enum rt_io */
};

static inline struct model model_new(uint64_t id, enum rt_role role)
{
	return (struct model){.id = id, .role = role, .ns = 1000000, .tgid = 42};
}

static inline enum rt_io model_io(const struct model *m, enum rt_dir dir)
{
	return (dir == RT_REQ) == (m->role == RT_ROLE_SERVER) ? RT_RECV : RT_SEND;
}

static inline struct rt_rec *model_conn(const struct model *m, uint32_t flags)
{
	struct rt_rec_conn *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->h = (struct rt_rec){RT_REC_CONN, (uint16_t)flags, sizeof(*r), m->id, m->ns};
	r->local.family = r->remote.family = m->noseq ? 1 : 2;
	r->local.ip[0] = r->remote.ip[0] = 127;
	r->local.port = m->role == RT_ROLE_SERVER ? 80 : (uint16_t)(30000 + m->id);
	r->remote.port = m->role == RT_ROLE_SERVER ? (uint16_t)(30000 + m->id) : 80;
	r->sock = m->id * 64 + (m->role == RT_ROLE_SERVER);
	r->peer = m->noseq ? m->id * 64 + (m->role != RT_ROLE_SERVER) : 0;
	r->tgid = m->tgid;
	return &r->h;
}

/* A piece [at, at + n) of a call of `len` bytes that begins at the direction's offset. */
static inline struct rt_rec *model_piece(struct model *m, enum rt_io io, const uint8_t *data,
					 uint32_t at, uint32_t n, uint32_t len)
{
	struct rt_rec_data *r = calloc(1, sizeof(*r) + sizeof(struct rt_frag) + n);
	struct rt_frag frag = {at, n};
	struct model_dir *d = &m->d[io];

	if (!r)
		abort();
	r->h = (struct rt_rec){RT_REC_DATA, 0, 0, m->id, m->ns};
	r->h.bytes = (uint32_t)(sizeof(*r) + (n ? sizeof(frag) + n : 0));
	r->h.flags =
		(uint16_t)((io == RT_SEND ? RT_F_SEND : 0) | (m->noseq ? RT_F_NOSEQ : RT_F_ORDER) |
			   (at + n < len ? RT_F_MORE : 0));
	r->off = d->off;
	r->prev = d->prev;
	r->gap0 = d->gap;
	r->other = m->ahead ? m->d[!io].off : m->d[!io].prev;
	r->missed = m->d[!io].lost > m->d[!io].prev ? m->d[!io].lost : 0;
	r->len = len;
	r->tgid = r->tid = m->tgid;
	r->nfrags = n > 0;
	if (n) {
		memcpy(r + 1, &frag, sizeof(frag));
		memcpy((uint8_t *)(r + 1) + sizeof(frag), data + at, n);
	}
	d->prev = d->off + at + n;
	d->gap = RT_GAP_NONE;
	return &r->h;
}

/* The last record found its ring full: frees it. */
static inline void model_lost(struct model *m, enum rt_io io, struct rt_rec *rec)
{
	const struct rt_rec_data *r = (const struct rt_rec_data *)rec;

	m->d[io].lost = m->d[io].prev;
	m->d[io].prev = r->prev;
	m->d[io].gap = RT_GAP_LOST;
	free(rec);
}

/* A whole call in one record. */
static inline struct rt_rec *model_call(struct model *m, enum rt_dir dir, const uint8_t *data,
					uint32_t n)
{
	enum rt_io io = model_io(m, dir);
	struct rt_rec *rec;

	m->ns += 1000;
	rec = model_piece(m, io, data, 0, n, n);
	m->d[io].off += n;
	return rec;
}

static inline struct rt_rec *model_eof(struct model *m)
{
	struct rt_rec *rec;

	m->ns += 1000;
	rec = model_piece(m, RT_RECV, NULL, 0, 0, 0);
	rec->flags |= RT_F_EOF;
	m->d[RT_RECV].eof = 1;
	return rec;
}

static inline struct rt_rec *model_end(struct model *m, uint8_t shut, bool reset, bool destroyed)
{
	struct rt_rec_end *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	m->ns += 1000;
	r->h = (struct rt_rec){RT_REC_END, 0, sizeof(*r), m->id, m->ns};
	r->off[0] = m->d[0].prev;
	r->off[1] = m->d[1].prev;
	r->shut = shut;
	r->reset = reset;
	r->destroyed = destroyed;
	r->eof = m->d[RT_RECV].eof;
	return &r->h;
}

/* ---- the tracker and what it says ---- */

struct said {
	struct intern *names;
	struct kafka_world *world;
	struct rt_env env;
	struct fifo_spares spares;
	struct track_ops ops;
	struct track *track;
	uint64_t ns;
	int64_t in_flight;
	uint32_t service; /* what the process is called now: 0 to 3 */
	int64_t in_flight_of[4];
	int closed;
	int hints;
	struct rt_hint hint; /* the last */
	uint64_t unparsed[RT_UNPARSED_MAX];
	int txns;
	struct rt_txn last;
	bool backwards;      /* a time that ran backwards */
	uint64_t longest_ns; /* of the durations that are known */
	bool untimed;        /* one is not known */
	bool own;            /* the answer to the tracker's question */
	char log[16384];
	size_t log_n;
};

static inline __attribute__((format(printf, 2, 3))) void said_log(struct said *s, const char *fmt,
								  ...)
{
	va_list ap;

	va_start(ap, fmt);
	s->log_n += (size_t)vsnprintf(s->log + s->log_n, sizeof(s->log) - s->log_n, fmt, ap);
	va_end(ap);
	if (s->log_n >= sizeof(s->log))
		abort();
}

static inline void said_txn(void *arg, struct conn *c, const struct rt_txn *t)
{
	struct said *s = arg;

	s->txns++;
	s->last = *t;
	s->untimed |= t->flags & RT_TXN_NO_DURATION;
	if (t->end_ns && !(t->flags & RT_TXN_NO_DURATION) &&
	    (t->start_ns > t->end_ns || t->first_ns > t->end_ns ||
	     (t->first_ns && t->start_ns > t->first_ns)))
		s->backwards = true;
	if (t->start_ns && t->end_ns && !(t->flags & RT_TXN_NO_DURATION) &&
	    t->end_ns - t->start_ns > s->longest_ns)
		s->longest_ns = t->end_ns - t->start_ns;
	said_log(s, "%s ", c->role == RT_ROLE_SERVER ? "server" : "client");
	switch (t->proto) {
	case RT_PROTO_HTTP:
		said_log(s, "%.*s %.*s %u%s\n", (int)t->http.method.n,
			 (const char *)t->http.method.p, (int)t->http.target.n,
			 (const char *)t->http.target.p, t->http.status,
			 t->flags & RT_TXN_ABORTED ? " aborted" : "");
		break;
	case RT_PROTO_POSTGRES:
		said_log(s, "%.*s %s rows %llu\n", (int)t->pg.query_type.n,
			 (const char *)t->pg.query_type.p,
			 t->pg.sqlstate[0] ? t->pg.sqlstate : "ok", (unsigned long long)t->pg.rows);
		break;
	default: said_log(s, "api %d error %d\n", t->kafka.api, t->kafka.error);
	}
}

static inline void said_records(void *arg, struct conn *c, const struct rt_kafka_records *r)
{
	struct said *s = arg;

	(void)c;
	said_log(s, "%llu records of partition %d, outcome %d\n", (unsigned long long)r->records,
		 r->partition, r->outcome);
}

static inline void said_unparsed(void *arg, struct conn *c, enum rt_unparsed cause, uint64_t n)
{
	struct said *s = arg;

	(void)c;
	s->unparsed[cause] += n;
}

static inline void said_in_flight(void *arg, struct conn *c, int delta)
{
	struct said *s = arg;

	if (!c->service)
		c->service = s->service;
	s->in_flight_of[c->service & 3] += delta;
	s->in_flight += delta;
}

static inline void said_hint(void *arg, const struct conn *c, const struct rt_hint *hint)
{
	struct said *s = arg;

	(void)c;
	s->hints++;
	s->hint = *hint;
}

static inline void said_closed(void *arg, struct conn *c)
{
	struct said *s = arg;

	(void)c;
	s->closed++;
}

static inline bool said_own(void *arg, const struct conn *c)
{
	(void)c;
	return ((struct said *)arg)->own;
}

static inline struct said *said_new(void)
{
	struct said *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->names = intern_new(256);
	s->world = kafka_world_new(s->names);
	s->env = (struct rt_env){.names = s->names, .kafka = s->world, .http_spares = &s->spares};
	s->ops = (struct track_ops){.arg = s,
				    .txn = said_txn,
				    .records = said_records,
				    .unparsed = said_unparsed,
				    .in_flight = said_in_flight,
				    .hint = said_hint,
				    .closed = said_closed,
				    .own = said_own};
	s->track = track_new(&s->ops, &s->env, 64);
	s->ns = 1000000000;
	if (!s->names || !s->world || !s->track)
		abort();
	return s;
}

static inline void said_free(struct said *s)
{
	track_free(s->track);
	fifo_spares_free(&s->spares);
	kafka_world_free(s->world);
	intern_free(s->names);
	free(s);
}

/* Hands a record over, at the end of an exact buffer, and frees it. */
static inline void said_record(struct said *s, struct rt_rec *rec)
{
	uint8_t *exact = test_exact(rec, rec->bytes);

	track_record(s->track, (const struct rt_rec *)exact);
	free(exact);
	free(rec);
}

static inline void said_passes(struct said *s, int n)
{
	while (n--)
		track_pass(s->track, s->ns += 50000000);
}

/* Everything that is there has come: what was waiting is given up. */
static inline void said_settle(struct said *s)
{
	said_passes(s, TRACK_PASSES + 1);
	s->ns += 2 * TRACK_ORDER_NS;
	said_passes(s, TRACK_PASSES + 1);
}

/* The conversation in order, each call whole; what is said becomes the standard. */
static inline void said_plain(struct said *s, const struct wire *t, enum rt_role role, uint64_t id)
{
	struct model m = model_new(id, role);

	said_record(s, model_conn(&m, 0));
	for (int i = 0; i < t->ncalls; i++)
		said_record(s, model_call(&m, t->calls[i].dir, t->bytes + t->calls[i].at,
					  t->calls[i].len));
	if (role == RT_ROLE_CLIENT)
		said_record(s, model_end(&m, 3, false, false));
	else
		said_record(s, model_eof(&m));
	said_record(s, model_end(&m, 3, false, true));
}

#endif
