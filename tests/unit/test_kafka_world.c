// SPDX-License-Identifier: GPL-2.0-or-later
/* What connections share: topic ids, marks, failed batches; the map; names. */
#include "test.h"

#include "limits.h"
#include "proto/kafka_map.h"
#include "proto/kafka_world.h"

static struct slice uuid(uint32_t n, uint8_t buf[16])
{
	memset(buf, 0x5a, 16);
	memcpy(buf + 12, &n, 4);
	return slice_make(buf, 16);
}

static struct slice name(uint32_t n, char buf[32])
{
	snprintf(buf, 32, "topic-%u", n);
	return slice_str(buf);
}

TEST(topic_named_later)
{
	struct intern *names = intern_new(64);
	struct kafka_world *w = kafka_world_new(names);
	static const uint8_t zero[16];
	uint8_t b[16];
	uint32_t t = kafka_world_topic(w, uuid(1, b));

	CHECK_EQ(kafka_world_resolve(w, t), INTERN_UNKNOWN);
	CHECK_EQ(kafka_world_topic(w, uuid(1, b)), t);
	kafka_world_name(w, uuid(1, b), SLICE("orders"));
	CHECK_EQ(kafka_world_resolve(w, t), intern_put(names, SLICE("orders")));
	kafka_world_name(w, uuid(2, b), SLICE(""));
	CHECK_EQ(kafka_world_resolve(w, kafka_world_topic(w, uuid(2, b))), INTERN_UNKNOWN);
	CHECK_EQ(kafka_world_topic(w, slice_make(zero, 16)), 0);
	CHECK_EQ(kafka_world_resolve(w, 0), INTERN_UNKNOWN);
	kafka_world_free(w);
	intern_free(names);
}

/* A list of more topics than there is room for does not push out those in use, nor does it fill
 * the table of names; a number that was pushed out names no other topic. */
TEST(topics_beyond_the_bound)
{
	struct intern *names = intern_new(64);
	struct kafka_world *w = kafka_world_new(names);
	uint32_t used, old, count;
	uint8_t b[16];
	char s[32];

	kafka_world_name(w, uuid(7, b), SLICE("used"));
	used = kafka_world_topic(w, uuid(7, b));
	CHECK_EQ(kafka_world_resolve(w, used), intern_put(names, SLICE("used")));
	count = intern_count(names);
	for (uint32_t i = 100; i < 100 + 2 * RT_TOPICS_MAX; i++)
		kafka_world_name(w, uuid(i, b), name(i, s));
	CHECK_EQ(intern_count(names), count);
	CHECK_EQ(kafka_world_resolve(w, used), intern_put(names, SLICE("used")));
	old = kafka_world_topic(w, uuid(99, b));
	for (uint32_t i = 100; i < 100 + 2 * RT_TOPICS_MAX; i++) {
		kafka_world_name(w, uuid(i, b), name(i, s));
		kafka_world_topic(w, uuid(i, b));
	}
	CHECK_EQ(kafka_world_resolve(w, used), INTERN_UNKNOWN);
	CHECK_EQ(kafka_world_resolve(w, old), INTERN_UNKNOWN);
	CHECK_EQ(kafka_world_topics_forgotten(w), 2 + RT_TOPICS_MAX);
	CHECK_EQ(kafka_world_resolve(w, kafka_world_topic(w, uuid(101 + RT_TOPICS_MAX, b))),
		 intern_put(names, name(101 + RT_TOPICS_MAX, s)));
	kafka_world_free(w);
	intern_free(names);
}

TEST(bounds_that_are_set)
{
	struct intern *names = intern_new(64);
	struct kafka_world *w = kafka_world_new(names);
	uint32_t first, t = intern_put(names, SLICE("t"));
	uint8_t b[16];
	char s[32];

	kafka_world_bound(w, 3, 5);
	kafka_world_name(w, uuid(1, b), name(1, s));
	first = kafka_world_topic(w, uuid(1, b));
	for (uint32_t i = 2; i < 10; i++)
		kafka_world_name(w, uuid(i, b), name(i, s));
	CHECK_EQ(kafka_world_topics_forgotten(w), 0); /* nobody used them */
	CHECK_EQ(kafka_world_resolve(w, first), intern_put(names, name(1, s)));
	for (uint32_t i = 10; i < 13; i++)
		kafka_world_topic(w, uuid(i, b));
	CHECK_EQ(kafka_world_topics_forgotten(w), 1);
	CHECK_EQ(kafka_world_resolve(w, first), INTERN_UNKNOWN);
	for (int32_t i = 0; i < 5; i++)
		CHECK(kafka_world_set_high_watermark(w, t, i, i, 0, 5));
	CHECK(!kafka_world_set_high_watermark(w, t, 5, 1, 8, 9));
	kafka_world_free(w);
	intern_free(names);
}

TEST(marks_are_bounded)
{
	struct intern *names = intern_new(64);
	struct kafka_world *w = kafka_world_new(names);
	uint32_t t = intern_put(names, SLICE("t"));

	for (int32_t i = 0; i < KAFKA_MARKS_MAX; i++)
		CHECK(kafka_world_set_high_watermark(w, t, i, i, 0, 5));
	CHECK(!kafka_world_set_high_watermark(w, t, KAFKA_MARKS_MAX, 1, 8, 9));
	CHECK(kafka_world_set_high_watermark(w, t, 7, 70, 8, 9));
	CHECK_EQ(kafka_world_high_watermark(w, t, 7), 70);
	CHECK_EQ(kafka_world_high_watermark(w, t, 8), 8);
	kafka_world_sweep(w, 6);
	CHECK_EQ(kafka_world_high_watermark(w, t, 7), 70);
	CHECK_EQ(kafka_world_high_watermark(w, t, 8), -1);
	CHECK(kafka_world_set_high_watermark(w, t, KAFKA_MARKS_MAX, 1, 8, 9));
	CHECK(kafka_world_set_high_watermark(w, INTERN_UNKNOWN, 0, 1, 8, 9));
	CHECK_EQ(kafka_world_high_watermark(w, INTERN_UNKNOWN, 0), -1);
	kafka_world_free(w);
	intern_free(names);
}

static uint64_t said;

static void say(void *arg, const struct rt_kafka_records *rec)
{
	(void)arg;
	said += rec->records;
}

TEST(failures_are_bounded)
{
	struct intern *names = intern_new(64);
	struct kafka_world *w = kafka_world_new(names);
	struct rt_sink sink = {.records = say};
	uint32_t owner;

	for (uint64_t i = 1; i <= KAFKA_FAILED_MAX; i++)
		CHECK(kafka_world_failed(
			w, &(struct kafka_failure){.identity = i, .due_ns = i, .records = 1}));
	CHECK(!kafka_world_failed(w, &(struct kafka_failure){.identity = 1, .records = 1}));
	kafka_world_repeated(w, 3);
	kafka_world_repeated(w, 1);
	kafka_world_repeated(w, 1);
	CHECK(kafka_world_failed(
		w, &(struct kafka_failure){.identity = 5, .due_ns = 9999, .records = 1}));
	kafka_world_repeated(w, 5);
	said = 0;
	kafka_world_expire(w, 10, 0, &sink);
	CHECK_EQ(said, 7);
	CHECK(!kafka_world_due(w, 10, &owner));
	kafka_world_expire(w, 9999, 0, &sink);
	CHECK_EQ(said, KAFKA_FAILED_MAX - 3);
	kafka_world_free(w);
	intern_free(names);
}

static int odd(const struct kafka_slot *s, uint64_t arg)
{
	return (s->partition & 1) == arg;
}

/* Against a plain array: adding, removing, finding. */
TEST(map)
{
	enum { TOPICS = 5, PARTITIONS = 200 };
	static int64_t model[TOPICS + 1][PARTITIONS];
	struct kafka_map m;
	uint32_t seed = 1;
	uint32_t len = 0;

	memset(model, 0xff, sizeof(model));
	kafka_map_init(&m, 600);
	CHECK(!kafka_map_find(&m, 1, 1, 0));
	for (int i = 0; i < 200000; i++) {
		uint32_t t, p;
		struct kafka_slot *s;

		seed = seed * 1664525 + 1013904223;
		t = 1 + (seed >> 8) % TOPICS;
		p = (seed >> 16) % PARTITIONS;
		if (seed >> 31) {
			s = kafka_map_put(&m, t, p, 7);
			CHECK((s != NULL) == (model[t][p] >= 0 || len < 600));
			if (!s)
				continue;
			len += model[t][p] < 0;
			model[t][p] = s->a = i;
		} else {
			s = kafka_map_find(&m, t, p, 7);
			CHECK((s != NULL) == (model[t][p] >= 0));
			if (!s)
				continue;
			CHECK_EQ(s->a, model[t][p]);
			kafka_map_del(&m, s);
			model[t][p] = -1;
			len--;
		}
		if (i % 50000 == 0) {
			kafka_map_sweep(&m, odd, 1);
			for (t = 1; t <= TOPICS; t++)
				for (p = 1; p < PARTITIONS; p += 2) {
					len -= model[t][p] >= 0;
					model[t][p] = -1;
				}
		}
		CHECK_EQ(m.len, len);
		if (test_failed)
			break;
	}
	CHECK(!kafka_map_put(&m, 0, 1, 1));
	kafka_map_free(&m);
	CHECK(!kafka_map_find(&m, 1, 1, 7));
}

TEST(names)
{
	CHECK_STR(kafka_api_name(0), "Produce");
	CHECK_STR(kafka_api_name(1), "Fetch");
	CHECK_STR(kafka_api_name(68), "ConsumerGroupHeartbeat");
	CHECK_STR(kafka_api_name(92), "DeleteShareGroupOffsets");
	CHECK_STR(kafka_api_name(93), "UNKNOWN");
	CHECK_STR(kafka_api_name(-1), "UNKNOWN");
	for (int16_t key = 0; key <= 92; key++)
		CHECK(strlen(kafka_api_name(key)) > 3);
	CHECK_STR(kafka_error_name(0), "");
	CHECK_STR(kafka_error_name(-1), "UNKNOWN_SERVER_ERROR");
	CHECK_STR(kafka_error_name(6), "NOT_LEADER_OR_FOLLOWER");
	CHECK_STR(kafka_error_name(133), "SHARE_SESSION_LIMIT_REACHED");
	CHECK_STR(kafka_error_name(134), "UNKNOWN");
	CHECK_STR(kafka_error_name(INT16_MIN), "UNKNOWN");
	CHECK_STR(kafka_error_name(INT16_MAX), "UNKNOWN");
	for (int16_t code = -1; code <= 133; code++)
		CHECK(kafka_error_name(code) != NULL);
	CHECK(kafka_error_retriable(6));
	CHECK(!kafka_error_retriable(10));
	CHECK(!kafka_error_retriable(0));
	CHECK(!kafka_error_retriable(INT16_MAX));
}

/* One that is never repeated must not keep the places of those behind it that were. */
TEST(settled_failures_make_room)
{
	struct intern *names = intern_new(16);
	struct kafka_world *w = kafka_world_new(names);
	struct kafka_failure f = {.records = 1, .owner = 10};

	f.identity = 1;
	CHECK(kafka_world_failed(w, &f));
	for (uint64_t i = 2; i < 3 * KAFKA_FAILED_MAX && !test_failed; i++) {
		f.identity = i;
		CHECK(kafka_world_failed(w, &f));
		kafka_world_repeated(w, i);
	}
	for (uint64_t i = 1; i < KAFKA_FAILED_MAX && !test_failed; i++) {
		f.identity = 3 * KAFKA_FAILED_MAX + i;
		CHECK(kafka_world_failed(w, &f));
	}
	CHECK(!kafka_world_failed(w, &f));
	kafka_world_free(w);
	intern_free(names);
}

/* Batches whose identities fall into one place: the newest are remembered, in whatever order. */
TEST(acknowledged_batches_side_by_side)
{
	struct intern *names = intern_new(16);
	struct kafka_world *w = kafka_world_new(names);
	uint64_t id[KAFKA_ACKED_WAYS + 1];

	for (uint64_t i = 0; i <= KAFKA_ACKED_WAYS; i++)
		id[i] = 5 + (i + 1) * KAFKA_ACKED_MAX;
	for (int i = 0; i < KAFKA_ACKED_WAYS; i++)
		CHECK(!kafka_world_acked(w, id[i]));
	for (int i = 0; i < KAFKA_ACKED_WAYS; i++)
		CHECK(kafka_world_acked(w, id[i]));
	CHECK(kafka_world_acked(w, id[0]));
	CHECK(!kafka_world_acked(w, id[KAFKA_ACKED_WAYS])); /* in the place of the oldest, 1 */
	CHECK(kafka_world_acked(w, id[0]));
	CHECK(!kafka_world_acked(w, id[1]));
	CHECK(!kafka_world_acked(w, 6 + KAFKA_ACKED_MAX * 9ull));
	CHECK(kafka_world_acked(w, id[0]));
	kafka_world_free(w);
	intern_free(names);
}
