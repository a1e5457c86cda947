// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairing under loss. The input decides a conversation of numbered requests, whose length, records
 * and answer follow from their numbers, how it is cut into calls, which calls are lost or only
 * captured at their ends, and where requests overtake answers on their way to the parser. No
 * request may ever get another one's answer or records that are not its own; without loss each must
 * have all of its own.
 */
#include <stdio.h>

#include "pair_feed.h"

#include "proto/kafka.h"

#define IDS_MAX     200
#define ROUND_CALLS 27 /* of one round, and of the answers still owed behind it */
#define FRAME_MAX   900
#define BODY        47 /* of a batch: with its head a multiple of 3, so that lengths stay apart */

enum kind {
	PLAIN, /* FindCoordinator 0: whatever follows the error is not looked at */
	PRODUCE,
	UNACKED,
	FETCH,
	KINDS,
};

struct sim {
	struct pair pair;
	int sent;
	int answered;
	struct intern *names;
	struct rt_env env;
	int paired[IDS_MAX];
	uint64_t counted[IDS_MAX];
};

static unsigned int pick(struct sim *s, unsigned int n)
{
	return pair_pick(&s->pair, n);
}

/* Whether the script goes on and there is room for another round. */
static bool room(const struct sim *s)
{
	return s->pair.in.n && s->sent + 5 < IDS_MAX &&
	       s->pair.records + ROUND_CALLS <= PAIR_RECORDS;
}

/* ---- what follows from a request's number ---- */

static enum kind kind_of(int id)
{
	return (enum kind)((unsigned int)id * 2654435761u >> 16 & 3);
}

static int16_t api_of(int id)
{
	static const int16_t apis[KINDS] = {10, 0, 0, 1};

	return apis[kind_of(id)];
}

static int16_t error_of(int id)
{
	static const int16_t errors[] = {0, 0, 6, 10};

	return errors[id % 4];
}

static uint32_t batches_of(int id)
{
	return 1 + (uint32_t)id % 3;
}

/* of one batch */
static uint32_t records_of(int id, uint32_t batch)
{
	return 1 + ((uint32_t)id * 7 + batch) % 40;
}

static uint64_t all_records_of(int id)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < batches_of(id); i++)
		n += records_of(id, i);
	return n;
}

/* Nothing else in the conversation looks like one. */
static uint32_t correlation_of(int id)
{
	return 0x6b61666bu + (uint32_t)id * 0x10001u;
}

/* ---- frames ---- */

struct frame {
	uint8_t p[FRAME_MAX];
	size_t n;
};

static void put(struct frame *f, int64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		f->p[f->n++] = (uint8_t)((uint64_t)v >> (8 * i));
}

static void put_at(struct frame *f, size_t at, uint32_t v)
{
	size_t n = f->n;

	f->n = at;
	put(f, v, 4);
	f->n = n;
}

static void fill(struct frame *f, size_t n)
{
	memset(f->p + f->n, 0xee, n);
	f->n += n;
}

static void put_batches(struct frame *f, int id)
{
	size_t at = f->n;
	int64_t base = 1000 * (int64_t)id;

	put(f, 0, 4);
	for (uint32_t i = 0; i < batches_of(id); i++) {
		put(f, base, 8);
		put(f, 49 + BODY, 4);
		put(f, 0, 4);
		put(f, 2, 1);
		put(f, id, 4);
		put(f, 0, 2);
		put(f, records_of(id, i) - 1, 4);
		put(f, 1700000000000, 8);
		put(f, 1700000000000, 8);
		put(f, -1, 8);
		put(f, -1, 2);
		put(f, -1, 4);
		put(f, records_of(id, i), 4);
		fill(f, BODY);
		base += records_of(id, i);
	}
	put_at(f, at, (uint32_t)(f->n - at - 4));
}

/* Its length tells the number. */
static void put_name(struct frame *f, int id)
{
	put(f, 1 + id, 2);
	memset(f->p + f->n, 't', 1 + (size_t)id);
	f->n += 1 + (size_t)id;
}

static void put_topic(struct frame *f, int id)
{
	put(f, 1, 4);
	put_name(f, id);
	put(f, 1, 4);
	put(f, id, 4);
}

static struct frame request_of(int id)
{
	struct frame f = {.n = 4};
	enum kind kind = kind_of(id);

	put(&f, api_of(id), 2);
	put(&f, kind == PLAIN ? 0 : kind == FETCH ? 4 : 3, 2);
	put(&f, correlation_of(id), 4);
	put(&f, 6, 2);
	memcpy(f.p + f.n, "client", 6);
	f.n += 6;
	if (kind == PLAIN) {
		put_name(&f, id);
	} else if (kind == FETCH) {
		put(&f, -1, 4);
		put(&f, 500, 4);
		put(&f, 1, 4);
		put(&f, 1 << 20, 4);
		put(&f, 0, 1);
		put_topic(&f, id);
		put(&f, 1000 * (int64_t)id, 8);
		put(&f, 1 << 20, 4);
	} else {
		put(&f, -1, 2);
		put(&f, kind == UNACKED ? 0 : -1, 2);
		put(&f, 30000, 4);
		put_topic(&f, id);
		put_batches(&f, id);
	}
	put_at(&f, 0, (uint32_t)f.n - 4);
	return f;
}

static struct frame answer_of(int id)
{
	struct frame f = {.n = 4};

	put(&f, correlation_of(id), 4);
	switch (kind_of(id)) {
	case FETCH:
		put(&f, 0, 4);
		put_topic(&f, id);
		put(&f, error_of(id), 2);
		put(&f, 1 << 20, 8);
		put(&f, 1 << 20, 8);
		put(&f, -1, 4);
		put_batches(&f, id);
		break;
	case PRODUCE:
		put_topic(&f, id);
		put(&f, error_of(id), 2);
		put(&f, 1000 * (int64_t)id, 8);
		put(&f, -1, 8);
		put(&f, 0, 4);
		break;
	default: put(&f, error_of(id), 2); fill(&f, 6 + (size_t)id);
	}
	put_at(&f, 0, (uint32_t)f.n - 4);
	return f;
}

static int id_of(const struct sim *s, uint64_t req_bytes, int16_t api)
{
	static size_t length[IDS_MAX];

	for (int id = 0; id < s->sent; id++) {
		if (!length[id])
			length[id] = request_of(id).n;
		if (api_of(id) == api && length[id] == req_bytes)
			return id;
	}
	return -1;
}

/* ---- the conversation ---- */

/* One or two frames as one to three calls; often the first bytes apart, as Java reads a size. */
static void add_calls(struct sim *s, enum rt_dir dir, const uint8_t *p, size_t n)
{
	size_t a = n, b = n;

	switch (pick(s, 5)) {
	case 1: a = (size_t)pick(s, 255) * 7 % n; break;
	case 2:
		a = (size_t)pick(s, 255) * 7 % n;
		b = a + pick(s, 255) % (n - a);
		break;
	case 3: a = 4; break;
	}
	pair_add(&s->pair, dir, p, a);
	pair_add(&s->pair, dir, p + a, b - a);
	pair_add(&s->pair, dir, p + b, n - b);
}

struct run {
	uint8_t p[2 * FRAME_MAX];
	size_t n;
};

static void run_flush(struct sim *s, enum rt_dir dir, struct run *run)
{
	if (run->n)
		add_calls(s, dir, run->p, run->n);
	run->n = 0;
}

static void run_add(struct sim *s, enum rt_dir dir, struct run *run, const struct frame *f,
		    bool joined)
{
	memcpy(run->p + run->n, f->p, f->n);
	run->n += f->n;
	if (!joined || run->n > FRAME_MAX)
		run_flush(s, dir, run);
}

/* Answers until `owed` are left to come. */
static void answer(struct sim *s, int owed, bool joined)
{
	struct run run = {.n = 0};

	while (s->answered + owed < s->sent) {
		int id = s->answered++;
		struct frame f = answer_of(id);

		if (kind_of(id) != UNACKED)
			run_add(s, RT_RESP, &run, &f, joined);
	}
	run_flush(s, RT_RESP, &run);
}

static void converse(struct sim *s, unsigned int most, int owed)
{
	while (room(s)) {
		unsigned int k = 1 + pick(s, most);
		bool joined = pick(s, 2);
		struct run run = {.n = 0};

		while (k--) {
			struct frame f = request_of(s->sent++);

			run_add(s, RT_REQ, &run, &f, joined);
		}
		run_flush(s, RT_REQ, &run);
		answer(s, owed, joined);
	}
	answer(s, 0, false);
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
			r->cut = 1 + pick(s, 255) * 5 % (r->len - 2);
			r->tail = pick(s, 255) * 5 % (r->len - r->cut);
			break;
		default: continue;
		}
		s->pair.loss = true;
	}
}

static void on_txn(void *arg, const struct rt_txn *txn)
{
	struct sim *s = arg;
	int id = id_of(s, txn->req_bytes, txn->kafka.api);

	if (!txn->req_bytes) { /* its own end was not seen */
		assert(s->pair.loss);
		return;
	}
	assert(id >= 0);
	s->paired[id]++;
	assert(s->paired[id] == 1);
	if (txn->resp_bytes && txn->resp_bytes != answer_of(id).n) {
		fprintf(stderr, "request %d got an answer of %llu bytes\n", id,
			(unsigned long long)txn->resp_bytes);
		abort();
	}
	assert(!txn->end_ns || txn->end_ns >= txn->start_ns);
	assert(!txn->kafka.error || txn->kafka.error == error_of(id));
	if (s->pair.loss)
		return;
	assert((kind_of(id) == UNACKED) == !txn->resp_bytes);
	assert(kind_of(id) == UNACKED || (!txn->flags && txn->kafka.error == error_of(id)));
}

static void on_records(void *arg, const struct rt_kafka_records *rec)
{
	static const enum rt_kafka_outcome outcomes[KINDS] = {
		[UNACKED] = RT_KAFKA_UNACKED, [FETCH] = RT_KAFKA_CONSUMED};
	struct sim *s = arg;
	int id = rec->partition;
	enum rt_kafka_outcome wanted;

	assert(id >= 0 && id < s->sent && kind_of(id) != PLAIN);
	wanted = outcomes[kind_of(id)];
	if (kind_of(id) == PRODUCE)
		wanted = error_of(id) ? RT_KAFKA_PRODUCE_FAILED : RT_KAFKA_PRODUCED;
	/* an answer that was not seen is a connection lost */
	assert(rec->outcome == wanted || (s->pair.loss && rec->outcome == RT_KAFKA_PRODUCE_FAILED));
	assert(!s->counted[id] && rec->records <= all_records_of(id));
	s->counted[id] = rec->records;
	assert(s->pair.loss || rec->records == all_records_of(id));
}

static void on_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct sim *s = arg;

	(void)n;
	assert(s->pair.loss);
	assert(cause != RT_UNPARSED_VERSION && cause != RT_UNPARSED_LIMIT);
}

static void play(struct sim *s, int from, bool late)
{
	const struct rt_sink sink = {
		.arg = s, .txn = on_txn, .records = on_records, .unparsed = on_unparsed};

	s->names = intern_new(1024);
	s->env = (struct rt_env){.names = s->names, .kafka = kafka_world_new(s->names)};
	s->pair.conn = calloc(1, kafka_ops.conn_bytes);
	if (!s->names || !s->env.kafka || !s->pair.conn)
		abort();
	kafka_ops.init(s->pair.conn, &s->env, late ? RT_LATE : 0);
	kafka_conn_set_owner(s->pair.conn, 42, RT_ROLE_CLIENT);
	for (int i = from; i < s->pair.records; i++)
		pair_tell(&s->pair, &s->pair.list[i], &sink);
	kafka_ops.eof(s->pair.conn, RT_REQ, s->pair.now, 0, &sink);
	kafka_ops.eof(s->pair.conn, RT_RESP, s->pair.now, 0, &sink);
	assert(kafka_ops.in_flight(s->pair.conn) == 0);
	kafka_world_expire(s->env.kafka, UINT64_MAX, 42, &sink);
	for (int i = 0; !s->pair.loss && i < s->sent; i++)
		assert(s->paired[i] == 1 && (kind_of(i) == PLAIN || s->counted[i]));
	kafka_ops.fini(s->pair.conn);
	free(s->pair.conn);
	kafka_world_free(s->env.kafka);
	intern_free(s->names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair_record list[PAIR_RECORDS];
	struct sim s = {.pair = {.in = {data, size}, .list = list, .now = 1000, .ops = &kafka_ops}};
	unsigned int mode = pick(&s, 4);
	size_t script = size * 3 / 4;
	bool late = mode == 3, lossy;
	int from;

	/* the last quarter decides about losses */
	if (size < 8)
		return 0;
	lossy = pick(&s, 4) != 0;
	s.pair.in.n = script;
	converse(&s, mode == 2 ? 1 : 4, mode == 0 ? 2 : 0);
	s.pair.in = (struct pair_input){data + script, size - script};
	from = late && s.pair.records ? (int)pick(&s, (unsigned int)s.pair.records) : 0;
	s.pair.loss = late;
	if (lossy)
		lose(&s, from);
	if (pick(&s, 2))
		pair_overtake(&s.pair, from);
	play(&s, from, late);
	return 0;
}
