// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/intern.h"
#include "late.h"
#include "test.h"

static struct late l;
static uint32_t named, said, topics[LATE_MAX];
static uint64_t records;

static uint32_t name(void *arg, uint32_t unnamed)
{
	(void)arg;
	return unnamed <= named ? 1000 + unnamed : INTERN_UNKNOWN;
}

static void say(void *arg, const struct red_who *who, const struct rt_kafka_records *rec)
{
	(void)arg;
	CHECK_EQ(who->service, 7);
	topics[said++] = rec->topic;
	records += rec->records;
}

static bool put(uint32_t unnamed, uint64_t now_ns)
{
	struct red_who who = {.service = 7};
	struct rt_kafka_records rec = {
		.topic = INTERN_UNKNOWN, .unnamed = unnamed, .records = unnamed};

	return late_put(&l, &who, &rec, now_ns);
}

static void fresh(void)
{
	l.n = named = said = 0;
	records = 0;
}

TEST(waits_for_its_name)
{
	fresh();
	CHECK(put(1, 10) && put(2, 20) && put(3, 30));
	late_take(&l, 40, name, say, NULL);
	CHECK_EQ(said, 0);
	named = 2;
	late_take(&l, 50, name, say, NULL);
	CHECK_EQ(said, 2);
	CHECK_EQ(topics[0], 1001);
	CHECK_EQ(topics[1], 1002);
	CHECK_EQ(l.n, 1);
	late_take(&l, 60, name, say, NULL);
	CHECK_EQ(said, 2);
}

TEST(but_not_for_ever)
{
	fresh();
	CHECK(put(5, 10));
	late_take(&l, 9 + LATE_WAIT_NS, name, say, NULL);
	CHECK_EQ(said, 0);
	late_take(&l, 10 + LATE_WAIT_NS, name, say, NULL);
	CHECK_EQ(said, 1);
	CHECK_EQ(topics[0], INTERN_UNKNOWN);
	CHECK_EQ(records, 5);
	CHECK_EQ(l.n, 0);
}

TEST(has_a_bound)
{
	fresh();
	for (uint32_t i = 0; i < LATE_MAX; i++)
		CHECK(put(1 + i, i));
	CHECK(!put(LATE_MAX + 1, 0));
	CHECK(put(LATE_MAX, 0)); /* one more of what waits already */
	named = LATE_MAX;
	late_take(&l, 0, name, say, NULL);
	CHECK_EQ(said, LATE_MAX);
	CHECK_EQ(records, LATE_MAX * (LATE_MAX + 1) / 2 + LATE_MAX);
	CHECK(put(LATE_MAX + 1, 0));
}

TEST(what_is_counted_alike_waits_as_one)
{
	struct red_who who = {.service = 7}, peer = {.service = 7, .peer = 1};
	struct red_who other = {.service = 8};
	struct rt_kafka_records rec = {
		.unnamed = 1, .records = 3, .bytes = 50, .outcome = RT_KAFKA_CONSUMED};

	fresh();
	CHECK(late_put(&l, &who, &rec, 10));
	rec.partition = 5;
	CHECK(late_put(&l, &who, &rec, LATE_WAIT_NS));
	CHECK_EQ(l.n, 1);
	CHECK_EQ(l.entries[0].rec.bytes, 100);
	rec.outcome = RT_KAFKA_PRODUCED;
	CHECK(late_put(&l, &who, &rec, 20));
	CHECK(late_put(&l, &peer, &rec, 20)); /* seen through another broker */
	CHECK_EQ(l.n, 2);
	CHECK(late_put(&l, &other, &rec, 20));
	CHECK_EQ(l.n, 3);
	late_take(&l, 10 + LATE_WAIT_NS, name, say, NULL);
	CHECK_EQ(said, 1); /* with the first of them */
	CHECK_EQ(records, 6);
}
