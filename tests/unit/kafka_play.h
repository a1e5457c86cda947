/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the Kafka tests: a builder of frames, and a player that brings them to kafka_ops in any
 * segmentation, as track/ would, and writes down what comes out.
 */
#ifndef REDTAP_KAFKA_PLAY_H
#define REDTAP_KAFKA_PLAY_H

#include <stdarg.h>

#include "test.h"

#include "proto/kafka.h"
#include "proto/proto.h"

/* ---- frames ---- */

struct frame {
	uint8_t p[8192];
	size_t n;
	size_t hold; /* where the length of the records being built stands */
	bool flex;
	enum rt_dir dir;
};

static inline void f_int(struct frame *f, int64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		f->p[f->n++] = (uint8_t)((uint64_t)v >> (8 * i));
}

static inline void f_varint(struct frame *f, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		f->p[f->n++] = (uint8_t)(v | 0x80);
	f->p[f->n++] = (uint8_t)v;
}

static inline void f_raw(struct frame *f, const void *p, size_t n)
{
	memcpy(f->p + f->n, p, n);
	f->n += n;
}

static inline void f_str(struct frame *f, const char *s)
{
	if (f->flex)
		f_varint(f, s ? (uint32_t)strlen(s) + 1 : 0);
	else
		f_int(f, s ? (int64_t)strlen(s) : -1, 2);
	if (s)
		f_raw(f, s, strlen(s));
}

static inline void f_array(struct frame *f, int n)
{
	if (f->flex)
		f_varint(f, (uint32_t)n + 1);
	else
		f_int(f, n, 4);
}

/* Whether structs end in tagged fields that nobody knows: one without bytes, one of three. */
static bool frame_tags;

/* The end of a struct. */
static inline void f_end(struct frame *f)
{
	if (!f->flex)
		return;
	f_varint(f, frame_tags ? 2 : 0);
	if (!frame_tags)
		return;
	f_varint(f, 99);
	f_varint(f, 0);
	f_varint(f, 300);
	f_varint(f, 3);
	f_raw(f, "tag", 3);
}

/* A topic id made of one byte. */
static inline void f_uuid(struct frame *f, uint8_t id)
{
	memset(f->p + f->n, id, 16);
	f->n += 16;
}

static inline void f_request(struct frame *f, int api, int version, int flex_from, int corr)
{
	*f = (struct frame){.dir = RT_REQ, .flex = version >= flex_from};
	f_int(f, 0, 4);
	f_int(f, api, 2);
	f_int(f, version, 2);
	f_int(f, corr, 4);
	f_int(f, 5, 2);
	f_raw(f, "c-one", 5);
	f_end(f);
}

/* ApiVersions has no tagged fields in its response header. */
static inline void f_response(struct frame *f, int api, int version, int flex_from, int corr)
{
	*f = (struct frame){.dir = RT_RESP, .flex = version >= flex_from};
	f_int(f, 0, 4);
	f_int(f, corr, 4);
	if (api != 18)
		f_end(f);
}

static inline void f_finish(struct frame *f)
{
	size_t n = f->n;

	f_end(f);
	n = f->n;
	f->n = 0;
	f_int(f, (int64_t)n - 4, 4);
	f->n = n;
}

/* Between these stand batches; a records field of at most 16383 bytes. */
static inline void f_records(struct frame *f)
{
	f->hold = f->n;
	f->n += f->flex ? 2 : 4;
}

static inline void f_records_end(struct frame *f)
{
	size_t end = f->n, len = end - f->hold - (f->flex ? 2 : 4);

	f->n = f->hold;
	if (f->flex) {
		f->p[f->n++] = (uint8_t)((len + 1) | 0x80);
		f->p[f->n++] = (uint8_t)((len + 1) >> 7);
	} else {
		f_int(f, (int64_t)len, 4);
	}
	f->n = end;
}

struct batch {
	int64_t base;
	int32_t count;
	uint16_t attrs;
	int64_t pid;
	int16_t epoch;
	int32_t seq;
	uint32_t crc;
	int32_t body; /* bytes of records */
};

static inline void f_batch(struct frame *f, const struct batch *b)
{
	f_int(f, b->base, 8);
	f_int(f, 49 + b->body, 4);
	f_int(f, 7, 4);
	f_int(f, 2, 1);
	f_int(f, b->crc, 4);
	f_int(f, b->attrs, 2);
	f_int(f, b->count - 1, 4);
	f_int(f, 1700000000000, 8);
	f_int(f, 1700000000900, 8);
	f_int(f, b->pid, 8);
	f_int(f, b->epoch, 2);
	f_int(f, b->seq, 4);
	f_int(f, b->count, 4);
	memset(f->p + f->n, 0xff, (size_t)b->body);
	f->n += (size_t)b->body;
}

/* ---- the player ---- */

struct play {
	struct intern *names;
	struct kafka_world *world;
	struct rt_env env;
	struct rt_sink sink;
	void *conn;
	uint8_t *rest[2]; /* what feed() did not consume yet */
	size_t rest_n[2];
	uint64_t off[2]; /* of its first byte */
	uint64_t rest_ns[2];
	uint64_t ns;
	int turn; /* direction that was heard last, -1: none */
	bool own_world;
	uint64_t unparsed[RT_UNPARSED_MAX];
	uint64_t txns;
	struct rt_txn last;
	uint64_t records[4]; /* by enum rt_kafka_outcome */
	uint32_t unnamed;    /* of the last that were said */
	uint64_t delivered;
	int64_t stamp_ms; /* of the last one delivered */
	char log[16384];
	size_t log_n;
};

static inline __attribute__((format(printf, 2, 3))) void play_log(struct play *y, const char *fmt,
								  ...)
{
	va_list ap;

	va_start(ap, fmt);
	y->log_n += (size_t)vsnprintf(y->log + y->log_n, sizeof(y->log) - y->log_n, fmt, ap);
	va_end(ap);
	if (y->log_n >= sizeof(y->log))
		abort();
}

static inline void play_txn(void *arg, const struct rt_txn *txn)
{
	struct play *y = arg;

	y->txns++;
	y->last = *txn;
	play_log(y, "%s.%d", kafka_api_name(txn->kafka.api), txn->kafka.version);
	if (txn->kafka.error)
		play_log(y, " %s", kafka_error_name(txn->kafka.error));
	if (txn->flags & RT_TXN_ABORTED)
		play_log(y, " aborted");
	else if (txn->flags & RT_TXN_NO_DURATION)
		play_log(y, " no-duration");
	else if (txn->end_ns < txn->first_ns || txn->first_ns < txn->start_ns || !txn->start_ns)
		play_log(y, " DISORDER");
	if (txn->kafka.waited)
		play_log(y, " waited");
	if (txn->kafka.client_id.n != 5 || memcmp(txn->kafka.client_id.p, "c-one", 5))
		play_log(y, " CLIENT");
	play_log(y, "; ");
}

static inline void play_records(void *arg, const struct rt_kafka_records *r)
{
	static const char *const outcome[] = {"produced", "failed", "unacked", "consumed"};
	struct play *y = arg;

	y->records[r->outcome] += r->records;
	y->unnamed = r->unnamed;
	play_log(y, "%s/%d %s %llu", (const char *)intern_get(y->names, r->topic).p, r->partition,
		 outcome[r->outcome], (unsigned long long)r->records);
	if (r->error)
		play_log(y, " %s", kafka_error_name(r->error));
	play_log(y, "; ");
}

static inline void play_delivered(void *arg, uint32_t topic, int64_t stamp_ms, uint64_t at_ns)
{
	struct play *y = arg;

	CHECK(topic && at_ns == y->ns);
	y->delivered++;
	y->stamp_ms = stamp_ms;
}

static inline void play_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct play *y = arg;

	y->unparsed[cause] += n;
}

/* `share`: another connection of the same host, or NULL. */
static inline void play_open(struct play *y, struct play *share, uint32_t flags)
{
	memset(y, 0, sizeof(*y));
	y->own_world = !share;
	y->names = share ? share->names : intern_new(1024);
	y->world = share ? share->world : kafka_world_new(y->names);
	y->env = (struct rt_env){.names = y->names, .kafka = y->world};
	y->sink = (struct rt_sink){y, play_txn, play_records, play_unparsed, play_delivered};
	y->conn = calloc(1, kafka_ops.conn_bytes);
	y->ns = share ? share->ns : 1000;
	y->turn = -1;
	kafka_ops.init(y->conn, &y->env, flags);
}

static inline void play_close(struct play *y)
{
	kafka_ops.fini(y->conn);
	free(y->conn);
	free(y->rest[0]);
	free(y->rest[1]);
	if (!y->own_world)
		return;
	kafka_world_free(y->world);
	intern_free(y->names);
}

/* One call's bytes, or a piece of it that begins (`start`) or not with its first byte. */
static inline void play_bytes(struct play *y, enum rt_dir dir, const uint8_t *p, size_t n,
			      bool start)
{
	size_t len = y->rest_n[dir] + n;
	uint8_t *data = malloc(len ? len : 1);
	struct rt_chunk chunk = {.data = data, .len = len, .off = y->off[dir]};
	ssize_t used;

	if (y->rest_n[dir])
		memcpy(data, y->rest[dir], y->rest_n[dir]);
	memcpy(data + y->rest_n[dir], p, n);
	y->ns += 10;
	chunk.first_ns = y->rest_n[dir] ? y->rest_ns[dir] : y->ns;
	chunk.last_ns = y->ns;
	if (start && !y->rest_n[dir])
		chunk.flags |= RT_CALL_START;
	if (y->turn != (int)dir && !y->rest_n[dir])
		chunk.flags |= RT_TURN;
	y->turn = (int)dir;
	used = kafka_ops.feed(y->conn, dir, &chunk, &y->sink);
	if (used < 0 || (size_t)used > len) {
		play_log(y, "LEFT %zd; ", used);
		used = (ssize_t)len;
	}
	free(y->rest[dir]);
	y->rest_n[dir] = len - (size_t)used;
	y->rest[dir] = test_exact(data + used, y->rest_n[dir]);
	y->rest_ns[dir] = used ? chunk.last_ns : chunk.first_ns;
	y->off[dir] += (uint64_t)used;
	free(data);
}

/* The next n bytes are missing. */
static inline void play_gap(struct play *y, enum rt_dir dir, size_t n)
{
	size_t all = n + y->rest_n[dir];

	y->ns += 10;
	y->turn = (int)dir;
	y->rest_n[dir] = 0;
	kafka_ops.gap(y->conn, dir, y->off[dir], all, y->ns, 0, &y->sink);
	y->off[dir] += all;
}

static inline void play_frame(struct play *y, const struct frame *f)
{
	play_bytes(y, f->dir, f->p, f->n, true);
}

static inline void play_eof(struct play *y)
{
	y->ns += 10;
	kafka_ops.eof(y->conn, RT_REQ, y->ns, 0, &y->sink);
	kafka_ops.eof(y->conn, RT_RESP, y->ns, 0, &y->sink);
}

/* What was written down since the last call. */
static inline const char *play_said(struct play *y)
{
	y->log[y->log_n] = '\0';
	if (y->log_n > 2)
		y->log[y->log_n - 2] = '\0';
	y->log_n = 0;
	return y->log;
}

/* ---- conversations ---- */

struct talk {
	struct frame f[24];
	size_t n;
};

static inline struct frame *talk_add(struct talk *t)
{
	if (t->n == sizeof(t->f) / sizeof(t->f[0]))
		abort();
	return &t->f[t->n++];
}

/* Message `which` is cut before its byte `cut`; which < 0: none. */
static inline void talk_play(const struct talk *t, struct play *y, int which, size_t cut)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct frame *f = &t->f[i];

		if ((int)i == which) {
			play_bytes(y, f->dir, f->p, cut, true);
			play_bytes(y, f->dir, f->p + cut, f->n - cut, true);
		} else {
			play_frame(y, f);
		}
	}
}

/* Expects `said` and nothing unparsed from the conversation whole, cut at every point, byte by
 * byte, and with what one side says in a row in one call. */
static inline void talk_check(const struct talk *t, const char *said)
{
	static uint8_t run[sizeof(((struct talk *)0)->f)];
	struct play y;
	size_t n;

	for (int way = 0; way < 3; way++) {
		play_open(&y, NULL, 0);
		for (size_t i = 0; i < t->n; i++) {
			const struct frame *f = &t->f[i];

			if (way == 0)
				play_frame(&y, f);
			for (size_t k = 0; way == 1 && k < f->n; k++)
				play_bytes(&y, f->dir, f->p + k, 1, true);
			if (way < 2 || (i && t->f[i - 1].dir == f->dir))
				continue;
			n = 0;
			for (size_t k = i; k < t->n && t->f[k].dir == f->dir; k++) {
				memcpy(run + n, t->f[k].p, t->f[k].n);
				n += t->f[k].n;
			}
			play_bytes(&y, f->dir, run, n, true);
		}
		CHECK_STR(play_said(&y), said);
		for (int u = 0; u < RT_UNPARSED_MAX; u++)
			CHECK_EQ(y.unparsed[u], 0);
		play_close(&y);
	}
	for (size_t i = 0; i < t->n; i++) {
		for (size_t cut = 1; cut < t->f[i].n && !test_failed; cut++) {
			play_open(&y, NULL, 0);
			talk_play(t, &y, (int)i, cut);
			CHECK_STR(play_said(&y), said);
			if (test_failed)
				printf("# message %zu cut at %zu\n", i, cut);
			play_close(&y);
		}
	}
}

#endif
