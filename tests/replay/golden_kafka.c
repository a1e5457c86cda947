// SPDX-License-Identifier: GPL-2.0-or-later
/* Kafka frames: a header from the line's first words, the body field by field. */
#include <stdlib.h>
#include <string.h>

#include "golden.h"

#define NEVER 999

/* The APIs that goldens speak, and the first version with flexible fields. */
static const struct kafka_api {
	const char *name;
	int16_t key, flexible;
} apis[] = {
	{"Produce", 0, 9},
	{"Fetch", 1, 12},
	{"ListOffsets", 2, 6},
	{"Metadata", 3, 9},
	{"OffsetCommit", 8, 8},
	{"OffsetFetch", 9, 6},
	{"FindCoordinator", 10, 3},
	{"JoinGroup", 11, 6},
	{"Heartbeat", 12, 4},
	{"LeaveGroup", 13, 4},
	{"SyncGroup", 14, 4},
	{"SaslHandshake", 17, NEVER},
	{"ApiVersions", 18, 3},
	{"CreateTopics", 19, 5},
	{"InitProducerId", 22, 2},
	{"AddPartitionsToTxn", 24, 3},
	{"EndTxn", 26, 3},
	{"TxnOffsetCommit", 28, 3},
	{"SaslAuthenticate", 36, 2},
	{"ConsumerGroupHeartbeat", 68, 0},
	{"DescribeTopicPartitions", 75, 0},
};

/* The frame that is being written; one golden is read at a time. */
static struct {
	bool open;
	bool flexible;
	enum rt_dir side;
	size_t at;      /* of its length */
	size_t records; /* where the batches begin; 0: not within records */
} frame;

static void put(struct golden *g, const struct golden_line *l, const void *p, size_t n)
{
	golden_put(g, l->side, p, n);
}

static void put_varint(struct golden *g, const struct golden_line *l, uint64_t v)
{
	uint8_t b;

	for (; v >= 0x80; v >>= 7) {
		b = (uint8_t)(v | 0x80);
		put(g, l, &b, 1);
	}
	b = (uint8_t)v;
	put(g, l, &b, 1);
}

/* A length or count, -1 for null: as wide as the version has it. */
static void put_length(struct golden *g, const struct golden_line *l, int64_t n, int bytes)
{
	if (frame.flexible)
		put_varint(g, l, (uint64_t)(n + 1));
	else
		golden_put_int(g, l->side, n, bytes);
}

void golden_kafka_flush(struct golden *g, const struct golden_line *l)
{
	if (!frame.open)
		return;
	if (frame.records)
		golden_bad(l, "records without their end");
	golden_set_int(g, frame.side, frame.at, (int64_t)(g->side[frame.side].len - frame.at - 4),
		       4);
	golden_end(g, frame.side);
	frame.open = false;
}

static void frame_open(struct golden *g, const struct golden_line *l)
{
	golden_kafka_flush(g, l);
	frame.open = true;
	frame.side = l->side;
	frame.at = g->side[l->side].len;
	frame.flexible = false;
	golden_put_int(g, l->side, 0, 4);
}

/* The value of KEY=VALUE among the words; NULL: not there. */
static const char *option(const struct golden_line *l, int from, const char *key)
{
	size_t n = strlen(key);

	for (int i = from; i < l->n; i++)
		if (!strncmp(l->token[i].p, key, n) && l->token[i].p[n] == '=')
			return l->token[i].p + n + 1;
	return NULL;
}

static int64_t number(struct golden *g, const struct golden_line *l, int from, const char *key,
		      int64_t otherwise)
{
	const char *text = option(l, from, key);

	return text ? golden_int(g, l, text) : otherwise;
}

/* "Produce v9 corr=1 client=app", or "api=99 v0 ..." for one that redtap does not know. */
static int kafka_header(struct golden *g, const struct golden_line *l)
{
	const char *client = option(l, 1, "client");
	int64_t key = -1, version, flexible = NEVER;
	int used = 2;

	for (size_t i = 0; i < sizeof(apis) / sizeof(*apis); i++)
		if (!strcmp(apis[i].name, l->token[0].p))
			key = apis[i].key, flexible = apis[i].flexible;
	if (key < 0)
		key = number(g, l, 0, "api", -1);
	if (key < 0 || l->n < 3 || l->token[1].p[0] != 'v')
		golden_bad(l, "API vN corr=N [client=NAME], please");
	version = golden_int(g, l, l->token[1].p + 1);
	frame_open(g, l);
	frame.flexible = version >= flexible;
	if (l->side == RT_REQ) {
		golden_put_int(g, l->side, key, 2);
		golden_put_int(g, l->side, version, 2);
	}
	golden_put_int(g, l->side, number(g, l, 2, "corr", 0), 4);
	if (l->side == RT_REQ) {
		golden_put_int(g, l->side, client ? (int64_t)strlen(client) : -1, 2);
		put(g, l, client ? client : "", client ? strlen(client) : 0);
	}
	/* an answer to ApiVersions never has tagged fields in its header */
	if (frame.flexible && (l->side == RT_REQ || key != 18))
		put_varint(g, l, 0);
	while (used < l->n && strchr(l->token[used].p, '='))
		used++;
	return used;
}

/* RecordBatch v2; `keep`: only so many bytes of it are there. */
static int kafka_batch(struct golden *g, const struct golden_line *l, int i)
{
	size_t at = g->side[l->side].len;
	int64_t count = number(g, l, i, "count", 1), body = number(g, l, i, "body", 10);
	int64_t keep = number(g, l, i, "keep", -1);

	golden_put_int(g, l->side, number(g, l, i, "base", 0), 8);
	golden_put_int(g, l->side, 49 + body, 4);
	golden_put_int(g, l->side, 0, 4);
	golden_put_int(g, l->side, 2, 1);
	golden_put_int(g, l->side, number(g, l, i, "crc", 77), 4);
	golden_put_int(g, l->side, number(g, l, i, "attrs", 0), 2);
	golden_put_int(g, l->side, number(g, l, i, "last", count - 1), 4);
	golden_put_int(g, l->side, 1700000000000, 8);
	golden_put_int(g, l->side, 1700000000900, 8);
	golden_put_int(g, l->side, number(g, l, i, "pid", -1), 8);
	golden_put_int(g, l->side, number(g, l, i, "epoch", -1), 2);
	golden_put_int(g, l->side, number(g, l, i, "seq", -1), 4);
	golden_put_int(g, l->side, count, 4);
	while (body-- > 0)
		put(g, l, "r", 1);
	if (keep >= 0)
		g->side[l->side].len = at + (size_t)keep;
	while (i < l->n && strchr(l->token[i].p, '='))
		i++;
	return i;
}

static void kafka_records(struct golden *g, const struct golden_line *l, bool open)
{
	struct golden_side *s = &g->side[l->side];

	if (open) {
		frame.records = s->len;
		/* room for the longest length; it moves up when it is known */
		put(g, l, "\0\0\0\0\0", 5);
		return;
	}
	if (!frame.records)
		golden_bad(l, "no records to end");
	size_t from = frame.records + 5, n = s->len - from;
	uint8_t *copy = malloc(n + 1);

	if (!copy)
		abort();
	memcpy(copy, s->bytes + from, n);
	s->len = frame.records;
	put_length(g, l, (int64_t)n, 4);
	put(g, l, copy, n);
	frame.records = 0;
	free(copy);
}

static void kafka_string(struct golden *g, const struct golden_line *l,
			 const struct golden_token *t, const char *value, int bytes)
{
	size_t n = t->n - (size_t)(value - t->p);

	if (!strcmp(value, "-")) {
		put_length(g, l, -1, bytes);
		return;
	}
	put_length(g, l, (int64_t)n, bytes);
	put(g, l, value, n);
}

/* KIND:VALUE */
static void kafka_field(struct golden *g, const struct golden_line *l, const struct golden_token *t)
{
	const char *value = strchr(t->p, ':');
	size_t kind = value ? (size_t)(value++ - t->p) : t->n;

#define IS(name) (kind == sizeof(name) - 1 && !memcmp(t->p, name, kind))
	if (IS("tags") && !value) {
		if (frame.flexible)
			put_varint(g, l, 0);
	} else if (!value) {
		golden_bad(l, "unknown word");
	} else if (IS("i8")) {
		golden_put_int(g, l->side, golden_int(g, l, value), 1);
	} else if (IS("i16")) {
		golden_put_int(g, l->side, golden_int(g, l, value), 2);
	} else if (IS("i32")) {
		golden_put_int(g, l->side, golden_int(g, l, value), 4);
	} else if (IS("i64")) {
		golden_put_int(g, l->side, golden_int(g, l, value), 8);
	} else if (IS("uv")) {
		put_varint(g, l, (uint64_t)golden_int(g, l, value));
	} else if (IS("array")) {
		put_length(g, l, strcmp(value, "-") ? golden_int(g, l, value) : -1, 4);
	} else if (IS("str")) {
		kafka_string(g, l, t, value, 2);
	} else if (IS("blob")) {
		kafka_string(g, l, t, value, 4);
	} else if (IS("raw")) {
		put(g, l, value, t->n - (size_t)(value - t->p));
	} else if (IS("uuid")) {
		for (int i = 0; i < 16; i++)
			golden_put_int(g, l->side, golden_int(g, l, value), 1);
	} else {
		golden_bad(l, "unknown kind of field");
	}
#undef IS
}

void golden_kafka_line(struct golden *g, const struct golden_line *l)
{
	const char *first = l->token[0].p;
	int i = 0;

	if (!strcmp(first, "frame"))
		frame_open(g, l), i = 1;
	else if (first[0] >= 'A' && first[0] <= 'Z')
		i = kafka_header(g, l);
	else if (!strncmp(first, "api=", 4))
		i = kafka_header(g, l);
	else if (!strcmp(first, "bytes") && l->n == 2) {
		golden_kafka_flush(g, l);
		put(g, l, l->token[1].p, l->token[1].n);
		golden_end(g, l->side);
		return;
	}
	if (!frame.open)
		golden_bad(l, "outside of a frame");
	while (i < l->n) {
		const struct golden_token *t = &l->token[i++];

		if (!strcmp(t->p, "records"))
			kafka_records(g, l, true);
		else if (!strcmp(t->p, "end-records"))
			kafka_records(g, l, false);
		else if (!strcmp(t->p, "batch"))
			i = kafka_batch(g, l, i);
		else
			kafka_field(g, l, t);
	}
}
