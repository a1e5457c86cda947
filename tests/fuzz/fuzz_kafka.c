// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A conversation in both directions. Input: a byte of flags (1: attached late, 2: the process is
 * known), then steps of a byte and a 16-bit length: bit 0 the direction; bits 1-2: 0 the bytes that
 * follow are one call, 1 a continued one, 2 a gap of that length, 3 the end of the direction.
 *
 * It is run whole, cut into small pieces, and with every skippable run as a gap. As long as no
 * boundary was lost all three must say the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/kafka_conn.h"
#include "proto/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct sums {
	uint64_t txns;
	uint64_t hash; /* of all that was said, in order */
	uint64_t records[4];
	uint64_t unparsed[RT_UNPARSED_MAX];
};

struct run {
	struct sums sums;
	struct intern *names;
	struct rt_env env;
	struct rt_sink sink;
	struct kafka_conn conn;
	uint8_t *rest[2];
	size_t rest_n[2];
	uint64_t off[2];
	uint64_t ns;
	int turn;
	bool ended[2];
	bool left;
	bool lost; /* a boundary was, at some time */
};

static void mix(struct run *r, uint64_t v)
{
	r->sums.hash = (r->sums.hash ^ v) * 0x9e3779b97f4a7c15ull;
	r->sums.hash ^= r->sums.hash >> 31;
}

static void on_txn(void *arg, const struct rt_txn *txn)
{
	struct run *r = arg;

	CHECK(txn->proto == RT_PROTO_KAFKA);
	CHECK(txn->kafka.api >= 0 && txn->kafka.version >= 0);
	CHECK(txn->kafka.client_id.n <= KAFKA_CLIENT_BYTES);
	CHECK(txn->end_ns >= txn->first_ns);
	r->sums.txns++;
	mix(r, (uint64_t)txn->kafka.api << 32 | (uint16_t)txn->kafka.version);
	mix(r, (uint64_t)txn->flags << 32 | (uint16_t)txn->kafka.error);
	mix(r, txn->req_bytes);
	mix(r, txn->resp_bytes);
	mix(r, txn->kafka.waited);
}

static void on_records(void *arg, const struct rt_kafka_records *rec)
{
	struct run *r = arg;

	CHECK(rec->records);
	CHECK(rec->outcome <= RT_KAFKA_CONSUMED);
	r->sums.records[rec->outcome] += rec->records;
	mix(r, (uint64_t)rec->topic << 32 | (uint32_t)rec->partition);
	mix(r, rec->records);
	mix(r, rec->bytes);
}

static void on_delivered(void *arg, uint32_t topic, int64_t stamp_ms, uint64_t at_ns)
{
	struct run *r = arg;

	CHECK(topic && stamp_ms >= 0 && at_ns);
	mix(r, (uint64_t)stamp_ms);
}

static void on_unparsed(void *arg, enum rt_unparsed cause, uint64_t n)
{
	struct run *r = arg;

	CHECK(cause < RT_UNPARSED_MAX && n);
	r->sums.unparsed[cause] += n;
}

static void watch(struct run *r)
{
	const struct kafka_conn *c = &r->conn;

	r->lost |= c->dir[0].state == KAFKA_LOST || c->dir[1].state == KAFKA_LOST;
	CHECK(kafka_ops.in_flight(c) <= RT_KAFKA_PENDING);
	for (int dir = 0; dir < 2; dir++)
		CHECK(kafka_ops.skippable(c, dir) <= c->dir[dir].walk.left);
	for (uint32_t i = 0, parts = 0; i < c->pending.len; i++) {
		const struct kafka_pending *p = fifo_at(&c->pending, i);

		parts += p->parts;
		CHECK(i + 1 < c->pending.len || parts == c->parts.len);
	}
}

static void feed(struct run *r, enum rt_dir dir, const uint8_t *p, size_t n, uint32_t flags)
{
	size_t len = r->rest_n[dir] + n;
	uint8_t *data = malloc(len ? len : 1);
	struct rt_chunk chunk = {.data = data, .len = len, .off = r->off[dir]};
	ssize_t used;

	if (r->rest_n[dir])
		memcpy(data, r->rest[dir], r->rest_n[dir]);
	if (n)
		memcpy(data + r->rest_n[dir], p, n);
	chunk.first_ns = chunk.last_ns = ++r->ns;
	chunk.flags = flags;
	if (r->turn != (int)dir)
		chunk.flags |= RT_TURN;
	r->turn = (int)dir;
	used = kafka_ops.feed(&r->conn, dir, &chunk, &r->sink);
	if (used == RT_LEAVE) {
		r->left = true;
		used = (ssize_t)len;
	}
	CHECK(used >= 0 && (size_t)used <= len);
	CHECK(len - (size_t)used <= RT_CARRY_BYTES);
	free(r->rest[dir]);
	r->rest_n[dir] = len - (size_t)used;
	r->rest[dir] = malloc(r->rest_n[dir] ? r->rest_n[dir] : 1);
	memcpy(r->rest[dir], data + used, r->rest_n[dir]);
	r->off[dir] += (uint64_t)used;
	free(data);
	watch(r);
}

static void gap(struct run *r, enum rt_dir dir, uint64_t n)
{
	n += r->rest_n[dir];
	r->rest_n[dir] = 0;
	r->turn = (int)dir;
	if (n)
		CHECK(kafka_ops.gap(&r->conn, dir, r->off[dir], n, ++r->ns, 0, &r->sink) == 0);
	r->off[dir] += n;
	watch(r);
}

enum way {
	WHOLE,
	PIECES,
	SKIPS,
};

static void call(struct run *r, enum rt_dir dir, const uint8_t *p, size_t n, uint32_t flags,
		 enum way way)
{
	size_t pos = 0, step;

	while (pos < n && !r->left) {
		uint64_t skip = kafka_ops.skippable(&r->conn, dir);

		step = n - pos;
		if (way == SKIPS && skip && !r->rest_n[dir]) {
			step = skip < step ? (size_t)skip : step;
			gap(r, dir, step);
		} else {
			if (way != WHOLE && step > 1 + pos % 7)
				step = 1 + pos % 7;
			feed(r, dir, p + pos, step, pos ? 0 : flags);
		}
		pos += step;
	}
}

static void run_open(struct run *r, uint8_t flags)
{
	memset(r, 0, sizeof(*r));
	r->names = intern_new(256);
	r->env = (struct rt_env){.names = r->names, .kafka = kafka_world_new(r->names)};
	r->sink = (struct rt_sink){r, on_txn, on_records, on_unparsed, on_delivered};
	r->turn = -1;
	kafka_ops.init(&r->conn, &r->env, flags & 1 ? RT_LATE : 0);
	if (flags & 2)
		kafka_conn_set_owner(&r->conn, 42, flags & 4 ? RT_ROLE_SERVER : RT_ROLE_CLIENT);
}

static uint32_t service_of(void *arg, uint32_t tgid)
{
	(void)arg;
	CHECK(tgid == 42);
	return tgid;
}

static void on_lag(void *arg, const struct kafka_lag *lag)
{
	(void)arg;
	CHECK(lag->topic && lag->service == 42);
}

static void run_close(struct run *r)
{
	const struct kafka_lag_ops lags = {r, service_of, on_lag};

	kafka_world_lags(r->env.kafka, UINT64_MAX / 2, &lags);
	kafka_world_sweep(r->env.kafka, r->ns + 1);
	kafka_world_expire(r->env.kafka, UINT64_MAX, r->conn.owner, &r->sink);
	kafka_ops.fini(&r->conn);
	kafka_world_free(r->env.kafka);
	intern_free(r->names);
	free(r->rest[0]);
	free(r->rest[1]);
}

/* Whether the input has gaps of its own. */
static bool play(struct run *r, const uint8_t *data, size_t size, enum way way)
{
	bool gaps = false;

	while (size >= 3 && !r->left) {
		uint8_t op = data[0];
		enum rt_dir dir = op & 1 ? RT_RESP : RT_REQ;
		size_t n = be16(data + 1);

		data += 3;
		size -= 3;
		if (r->ended[dir])
			op = 0xff;
		else if ((op & 6) == 4) {
			gap(r, dir, n);
			gaps = true;
		} else if ((op & 6) == 6) {
			r->ended[dir] = true;
			kafka_ops.eof(&r->conn, dir, ++r->ns, 0, &r->sink);
		}
		if (op & 4)
			continue;
		n = n < size ? n : size;
		call(r, dir, data, n, op & 2 ? 0 : RT_CALL_START, way);
		data += n;
		size -= n;
	}
	for (int dir = 0; dir < 2; dir++)
		if (!r->ended[dir] && !r->left)
			kafka_ops.eof(&r->conn, dir, ++r->ns, 1, &r->sink);
	watch(r);
	return gaps;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, other;
	bool gaps;

	if (!size)
		return 0;
	run_open(&whole, data[0]);
	gaps = play(&whole, data + 1, size - 1, WHOLE);
	run_close(&whole);
	for (enum way way = PIECES; way <= SKIPS; way++) {
		run_open(&other, data[0]);
		play(&other, data + 1, size - 1, way);
		run_close(&other);
		if (!gaps && !whole.lost && !other.lost)
			CHECK(memcmp(&whole.sums, &other.sums, sizeof(whole.sums)) == 0);
	}
	return 0;
}
