// SPDX-License-Identifier: GPL-2.0-or-later
/* Produce and Fetch as they are meant to be counted, in every segmentation. */
#include "kafka_msgs.h"
#include "proto/kafka_world.h"

#define MINUTES_NS(n) ((uint64_t)(n)*60000000000ull)

static const struct part two[] = {
	{3, {.count = 5, .pid = -1, .epoch = -1, .seq = -1, .body = 40}, 0},
	{0, {.count = 2, .pid = -1, .epoch = -1, .seq = -1, .body = 9}, 0},
};

TEST(produce)
{
	for (int version = 5; version <= 12; version++) {
		char said[128];
		struct talk t = {0};

		m_produce(talk_add(&t), version, 1, -1, "orders", 2, two);
		m_produced(talk_add(&t), version, 1, "orders", 2, two);
		snprintf(said, sizeof(said), "orders/3 produced 5; orders/0 produced 2; Produce.%d",
			 version);
		talk_check(&t, said);
	}
}

TEST(produce_by_topic_id)
{
	struct talk t = {0};

	m_metadata(talk_add(&t), 1);
	m_described(talk_add(&t), 1, 'a', "orders", 0);
	m_produce(talk_add(&t), 13, 2, -1, "a", 2, two);
	m_produced(talk_add(&t), 13, 2, "a", 2, two);
	m_produce(talk_add(&t), 13, 3, 1, "b", 1, two);
	m_produced(talk_add(&t), 13, 3, "b", 1, two);
	talk_check(&t, "Metadata.12; orders/3 produced 5; orders/0 produced 2; Produce.13; "
		       "unknown/3 produced 5; Produce.13");
}

/* Records come before the name of their topic: with what tells it later. */
TEST(a_topic_named_too_late)
{
	struct play y;
	struct frame f = {0};
	uint32_t later;

	play_open(&y, NULL, 0);
	m_produce(&f, 13, 1, 1, "b", 1, two);
	play_frame(&y, &f);
	m_produced(&f, 13, 1, "b", 1, two);
	play_frame(&y, &f);
	later = y.unnamed;
	CHECK(later != 0);
	CHECK_EQ(kafka_world_resolve(y.world, later), INTERN_UNKNOWN);
	m_metadata(&f, 2);
	play_frame(&y, &f);
	m_described(&f, 2, 'b', "late", 0);
	play_frame(&y, &f);
	CHECK_EQ(kafka_world_resolve(y.world, later), intern_put(y.names, SLICE("late")));
	m_produce(&f, 13, 3, 1, "b", 1, two);
	play_frame(&y, &f);
	m_produced(&f, 13, 3, "b", 1, two);
	play_frame(&y, &f);
	CHECK_EQ(y.unnamed, 0);
	play_close(&y);
}

/* An answer names the partitions in another order than the request, and one it did not name. */
TEST(produce_answer_order)
{
	const struct part answer[] = {{0, NO_PID, 87}, {7, NO_PID, 6}, {3, NO_PID, 46}};
	struct talk t = {0};

	m_produce(talk_add(&t), 9, 1, -1, "t", 2, two);
	m_produced(talk_add(&t), 9, 1, "t", 3, answer);
	talk_check(&t, "t/3 produced 5 DUPLICATE_SEQUENCE_NUMBER; t/0 failed 2 INVALID_RECORD; "
		       "Produce.9 INVALID_RECORD");
}

/* acks=0 is never answered: the next answer belongs to the next request. */
TEST(produce_unacked)
{
	struct talk t = {0};

	m_produce(talk_add(&t), 7, 1, 0, "t", 2, two);
	m_produce(talk_add(&t), 7, 2, 0, "t", 1, two);
	m_produce(talk_add(&t), 7, 3, 1, "t", 1, two);
	m_produced(talk_add(&t), 7, 3, "t", 1, two);
	talk_check(&t, "t/3 unacked 5; t/0 unacked 2; Produce.7 no-duration; t/3 unacked 5; "
		       "Produce.7 no-duration; t/3 produced 5; Produce.7");
}

TEST(pipelined)
{
	struct talk t = {0};

	for (int i = 0; i < 5; i++)
		m_produce(talk_add(&t), 9, 10 + i, -1, "t", 1 + i % 2, two);
	for (int i = 0; i < 5; i++)
		m_produced(talk_add(&t), 9, 10 + i, "t", 1 + i % 2, two);
	talk_check(&t, "t/3 produced 5; Produce.9; t/3 produced 5; t/0 produced 2; Produce.9; "
		       "t/3 produced 5; Produce.9; t/3 produced 5; t/0 produced 2; Produce.9; "
		       "t/3 produced 5; Produce.9");
}

static void exchange(struct play *y, int corr, const struct part *p)
{
	struct frame f;

	m_produce(&f, 9, corr, -1, "t", 1, p);
	play_frame(y, &f);
	m_produced(&f, 9, corr, "t", 1, p);
	play_frame(y, &f);
}

/* A retriable error is no outcome; the repetition's is, whoever it comes from. */
TEST(retry_succeeds)
{
	const struct part refused = {1, {.count = 4, .pid = 77, .seq = 100, .crc = 5}, 6};
	const struct part taken = {1, {.count = 4, .pid = 77, .seq = 100, .crc = 5}, 0};
	struct play a, b;

	play_open(&a, NULL, 0);
	kafka_conn_set_owner(a.conn, 10, RT_ROLE_CLIENT);
	exchange(&a, 1, &refused);
	CHECK_STR(play_said(&a), "Produce.9 NOT_LEADER_OR_FOLLOWER");
	play_open(&b, &a, 0);
	kafka_conn_set_owner(b.conn, 10, RT_ROLE_CLIENT);
	exchange(&b, 1, &taken);
	CHECK_STR(play_said(&b), "t/1 produced 4; Produce.9");
	kafka_world_expire(a.world, a.ns + MINUTES_NS(3), 10, &a.sink);
	CHECK_STR(play_said(&a), "");
	play_close(&b);
	play_close(&a);
}

TEST(retry_never_comes)
{
	const struct part refused = {1, {.count = 4, .pid = 77, .seq = 100}, 6};
	const struct part other = {1, {.count = 3, .pid = 77, .seq = 104}, 0};
	uint32_t owner = 0;
	struct play y;

	play_open(&y, NULL, 0);
	kafka_conn_set_owner(y.conn, 10, RT_ROLE_CLIENT);
	exchange(&y, 1, &refused);
	play_said(&y);
	y.ns += MINUTES_NS(1);
	exchange(&y, 2, &other);
	CHECK_STR(play_said(&y), "t/1 produced 3; Produce.9");
	CHECK(!kafka_world_due(y.world, y.ns, &owner));
	y.ns += MINUTES_NS(1);
	CHECK(kafka_world_due(y.world, y.ns, &owner));
	CHECK_EQ(owner, 10);
	kafka_world_expire(y.world, y.ns, 11, &y.sink);
	CHECK_STR(play_said(&y), "");
	exchange(&y, 3, &(struct part){1, {.count = 1, .pid = 77, .seq = 107}, 0});
	CHECK_STR(play_said(&y), "t/1 produced 1; t/1 failed 4 NOT_LEADER_OR_FOLLOWER; Produce.9");
	CHECK(!kafka_world_due(y.world, y.ns, &owner));
	play_close(&y);
}

TEST(final_error_fails_at_once)
{
	const struct part big = {1, {.count = 1, .pid = 77, .seq = 100}, 10};
	const struct part order = {1, {.count = 4, .pid = 77, .seq = 100}, 45};
	const struct part plain = {1, {.count = 4, .pid = -1, .seq = -1}, 45};
	struct play y;

	play_open(&y, NULL, 0);
	exchange(&y, 1, &big);
	CHECK_STR(play_said(&y), "t/1 failed 1 MESSAGE_TOO_LARGE; Produce.9 MESSAGE_TOO_LARGE");
	exchange(&y, 2, &order);
	CHECK_STR(play_said(&y), "Produce.9 OUT_OF_ORDER_SEQUENCE_NUMBER");
	exchange(&y, 3, &plain);
	CHECK_STR(play_said(&y), "t/1 failed 4 OUT_OF_ORDER_SEQUENCE_NUMBER; "
				 "Produce.9 OUT_OF_ORDER_SEQUENCE_NUMBER");
	play_close(&y);
}

/* A process that produces to itself has two views, and each its own failures. */
TEST(both_ends_in_one_process)
{
	const struct part refused = {1, {.count = 4, .pid = 77, .seq = 100, .crc = 9}, 6};
	const struct part taken = {1, {.count = 4, .pid = 77, .seq = 100, .crc = 9}, 0};
	const struct part other = {1, {.count = 3, .pid = 77, .seq = 104, .crc = 9}, 6};
	struct play a, b;
	uint32_t owner;

	play_open(&a, NULL, 0);
	play_open(&b, &a, 0);
	kafka_conn_set_owner(a.conn, 10, RT_ROLE_CLIENT);
	kafka_conn_set_owner(b.conn, 10, RT_ROLE_SERVER);
	exchange(&a, 1, &refused);
	exchange(&b, 1, &refused);
	exchange(&b, 2, &taken);
	exchange(&a, 2, &taken);
	CHECK_STR(play_said(&a), "Produce.9 NOT_LEADER_OR_FOLLOWER; t/1 produced 4; Produce.9");
	CHECK_STR(play_said(&b), "Produce.9 NOT_LEADER_OR_FOLLOWER; t/1 produced 4; Produce.9");
	exchange(&b, 3, &other);
	play_said(&b);
	b.ns += MINUTES_NS(3);
	CHECK(kafka_world_due(a.world, b.ns, &owner));
	CHECK_EQ(owner, 10 | KAFKA_OWNER_SERVER);
	kafka_world_expire(a.world, b.ns, 10, &a.sink);
	CHECK_STR(play_said(&a), "");
	kafka_world_expire(a.world, b.ns, owner, &b.sink);
	CHECK_STR(play_said(&b), "t/1 failed 3 NOT_LEADER_OR_FOLLOWER");
	play_close(&b);
	play_close(&a);
}

/* Acknowledged twice: the client did not hear the first time. Another process's view counts. */
TEST(acknowledged_twice)
{
	const struct part p = {1, {.count = 4, .pid = 77, .seq = 100, .crc = 9}, 0};
	struct play a, b, c;

	play_open(&a, NULL, 0);
	play_open(&b, &a, 0);
	play_open(&c, &a, 0);
	kafka_conn_set_owner(a.conn, 10, RT_ROLE_CLIENT);
	kafka_conn_set_owner(b.conn, 10, RT_ROLE_CLIENT);
	kafka_conn_set_owner(c.conn, 11, RT_ROLE_CLIENT);
	exchange(&a, 1, &p);
	exchange(&b, 1, &p);
	exchange(&c, 1, &p);
	CHECK_STR(play_said(&a), "t/1 produced 4; Produce.9");
	CHECK_STR(play_said(&b), "Produce.9");
	CHECK_STR(play_said(&c), "t/1 produced 4; Produce.9");
	kafka_conn_set_owner(c.conn, 0, RT_ROLE_CLIENT);
	exchange(&c, 2, &p);
	exchange(&c, 3, &p);
	CHECK_STR(play_said(&c), "t/1 produced 4; Produce.9; t/1 produced 4; Produce.9");
	play_close(&b);
	play_close(&c);
	play_close(&a);
}

TEST(connection_lost)
{
	const struct part p = {1, {.count = 4, .pid = 77, .seq = 100, .crc = 9}, 0};
	const struct part q = {2, {.count = 6, .pid = -1, .crc = 10}, 0};
	struct play a, b;
	struct frame f;

	play_open(&a, NULL, 0);
	m_produce(&f, 9, 1, -1, "t", 1, &p);
	play_frame(&a, &f);
	m_produce(&f, 9, 2, -1, "t", 1, &q);
	play_frame(&a, &f);
	CHECK_EQ(kafka_ops.in_flight(a.conn), 2);
	play_eof(&a);
	CHECK_STR(play_said(&a), "Produce.9 aborted; Produce.9 aborted");
	CHECK_EQ(kafka_ops.in_flight(a.conn), 0);
	play_open(&b, &a, 0);
	exchange(&b, 1, &p);
	CHECK_STR(play_said(&b), "t/1 produced 4; Produce.9");
	kafka_world_expire(b.world, b.ns + MINUTES_NS(3), 0, &b.sink);
	CHECK_STR(play_said(&b), "t/2 failed 6 NETWORK_EXCEPTION");
	play_close(&b);
	play_close(&a);
}

/* A server reads on behind the reset that ended its answers. */
TEST(request_behind_the_last_answer)
{
	struct play a;
	struct frame f;

	play_open(&a, NULL, 0);
	m_plain(&f, RT_REQ, 3, 1, 1, "\0\0\0", 4);
	play_frame(&a, &f);
	kafka_ops.eof(a.conn, RT_RESP, a.ns, 1, &a.sink);
	CHECK_STR(play_said(&a), "Metadata.1 aborted");
	m_plain(&f, RT_REQ, 3, 1, 2, "\0\0\0", 4);
	play_frame(&a, &f);
	kafka_ops.eof(a.conn, RT_REQ, a.ns, 1, &a.sink);
	CHECK_STR(play_said(&a), "Metadata.1 aborted");
	CHECK_EQ(kafka_ops.in_flight(a.conn), 0);
	play_close(&a);
}

/* ---- fetch ---- */

static struct fetch plain_fetch(int version, int corr, int64_t offset)
{
	return (struct fetch){.version = version,
			      .corr = corr,
			      .replica = -1,
			      .epoch = -1,
			      .topic = "t",
			      .n = 1,
			      .want = {{2, offset}},
			      .forget = -1};
}

/* A batch cut by the offset counts from there, control batches and a truncated one not at all. */
TEST(fetch_counts)
{
	const struct got got = {2,
				0,
				130,
				130,
				0,
				0,
				3,
				{{.base = 90, .count = 20, .pid = -1, .body = 70},
				 {.base = 110, .count = 1, .attrs = 0x30, .pid = 5},
				 {.base = 111, .count = 10, .pid = -1, .body = 5}},
				80};

	for (int version = 7; version <= 12; version++) {
		struct fetch q = plain_fetch(version, 1, 100);
		struct talk t = {0};
		char said[128];

		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), version, 1, 0, 0, "t", 1, &got);
		snprintf(said, sizeof(said), "t/2 consumed 20; Fetch.%d waited", version);
		talk_check(&t, said);
	}
}

TEST(fetch_truncated_head)
{
	for (int cut = 1; cut <= 161; cut += 16) {
		struct got got = {2, 0, 9, 9, 0, 0, 1, {{.base = 5, .count = 3}}, cut};
		struct fetch q = plain_fetch(11, 1, 5);
		struct talk t = {0};

		if (cut == 161) /* whole after all */
			break;
		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), 11, 1, 0, 0, "t", 1, &got);
		talk_check(&t, "t/2 consumed 3; Fetch.11 waited");
	}
}

/* A compacted batch holds fewer records than offsets. */
TEST(fetch_compacted)
{
	struct got got = {2, 0, 100, 100, 0, 0, 1, {{.base = 0, .count = 50}}, 0};
	struct fetch q = plain_fetch(11, 1, 10);
	struct play y;
	struct frame f;
	uint8_t *count;

	play_open(&y, NULL, 0);
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 11, 1, 0, 0, "t", 1, &got);
	count = f.p + f.n - 4;
	CHECK_EQ(be32(count), 50);
	count[3] = 8;
	play_frame(&y, &f);
	CHECK_STR(play_said(&y), "t/2 consumed 8; Fetch.11 waited");
	play_close(&y);
}

/* read_committed: a producer's batches from the first offset to its marker are aborted. */
TEST(fetch_aborted)
{
	const struct got got = {2,
				0,
				130,
				130,
				9,
				20,
				4,
				{{.base = 10, .count = 10, .attrs = 0x10, .pid = 9},
				 {.base = 20, .count = 10, .attrs = 0x10, .pid = 9},
				 {.base = 30, .count = 1, .attrs = 0x30, .pid = 9},
				 {.base = 31, .count = 3, .attrs = 0x10, .pid = 9}},
				0};
	const struct got other = {2,
				  0,
				  130,
				  130,
				  9,
				  34,
				  2,
				  {{.base = 34, .count = 4, .attrs = 0x10, .pid = 8},
				   {.base = 38, .count = 2, .attrs = 0x00, .pid = 9}},
				  0};
	struct fetch q = plain_fetch(11, 1, 10);
	struct talk t = {0};

	q.isolation = 1;
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 11, 1, 0, 0, "t", 1, &got);
	q.corr = 2;
	q.want[0].offset = 34;
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 11, 2, 0, 0, "t", 1, &other);
	talk_check(&t, "t/2 consumed 13; Fetch.11 waited; t/2 consumed 6; Fetch.11");
}

TEST(fetch_follower)
{
	const struct got got = {2, 0, 130, 130, 0, 0, 1, {{.base = 10, .count = 10}}, 0};

	for (int version = 11; version <= 18; version++) {
		struct fetch q = plain_fetch(version, 1, 10);
		struct talk t = {0};
		char said[32];

		q.replica = 2;
		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), version, 1, 0, 0, "t", 1, &got);
		snprintf(said, sizeof(said), "Fetch.%d", version);
		talk_check(&t, said);
	}
}

/* KIP-227: partitions left out keep their offset, forgotten ones do not, an error starts anew. */
TEST(fetch_session)
{
	const struct got first[] = {{0, 0, 15, 15, 0, 0, 1, {{.base = 10, .count = 5}}, 0},
				    {1, 0, 20, 20, 0, 0, 0, {{0}}, 0}};
	const struct got late[] = {{1, 0, 25, 25, 0, 0, 1, {{.base = 18, .count = 7}}, 0}};
	struct talk t = {0};
	struct fetch q = {12, 1, -1, 0, 0, 0, "t", 2, {{0, 10}, {1, 20}}, -1};

	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 12, 1, 0, 555, "t", 2, first);
	q = (struct fetch){12, 2, -1, 0, 555, 1, "t", 1, {{0, 15}}, -1};
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 12, 2, 0, 555, "t", 0, NULL);
	q = (struct fetch){12, 3, -1, 0, 555, 2, "t", 0, {{0}}, -1};
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 12, 3, 0, 555, "t", 1, late);
	/* The answer was not taken: asked for again, it counts again from the same offset; once
	 * forgotten nothing is known of the offset. */
	q = (struct fetch){12, 4, -1, 0, 555, 3, "t", 0, {{0}}, 1};
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 12, 4, 0, 555, "t", 1, late);
	q = (struct fetch){12, 5, -1, 0, 555, 4, "t", 1, {{1, 22}}, -1};
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 12, 5, 71, 0, "t", 0, NULL);
	q = (struct fetch){12, 6, -1, 0, 0, 0, "t", 1, {{1, 22}}, -1};
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 12, 6, 0, 556, "t", 1, late);
	talk_check(&t, "t/0 consumed 5; Fetch.12 waited; Fetch.12 waited; t/1 consumed 5; "
		       "Fetch.12 waited; t/1 consumed 7; Fetch.12 waited; "
		       "Fetch.12 INVALID_FETCH_SESSION_EPOCH waited; "
		       "t/1 consumed 3; Fetch.12 waited");
}

/* The wait is service as soon as an earlier answer showed more than was asked for. */
TEST(fetch_wait)
{
	const struct got more = {2, 0, 50, 20, 0, 0, 1, {{.base = 10, .count = 5}}, 0};
	const struct got all = {2, 0, 50, 50, 0, 0, 1, {{.base = 20, .count = 30}}, 0};
	struct talk t = {0}, c = {0};
	struct fetch q;

	q = plain_fetch(11, 1, 10);
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 11, 1, 0, 0, "t", 1, &more);
	q = plain_fetch(11, 2, 20);
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 11, 2, 0, 0, "t", 1, &all);
	q = plain_fetch(11, 3, 50);
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 11, 3, 0, 0, "t", 0, NULL);
	talk_check(&t, "t/2 consumed 5; Fetch.11 waited; t/2 consumed 30; Fetch.11; "
		       "Fetch.11 waited");
	/* read_committed sees to the last stable offset only */
	q = plain_fetch(11, 1, 10);
	q.isolation = 1;
	m_fetch(talk_add(&c), &q);
	m_fetched(talk_add(&c), 11, 1, 0, 0, "t", 1, &more);
	q = plain_fetch(11, 2, 20);
	q.isolation = 1;
	m_fetch(talk_add(&c), &q);
	m_fetched(talk_add(&c), 11, 2, 0, 0, "t", 0, NULL);
	talk_check(&c, "t/2 consumed 5; Fetch.11 waited; Fetch.11 waited");
}

TEST(fetch_wait_is_measured)
{
	struct fetch q = plain_fetch(11, 1, 10);
	struct play y;
	struct frame f;

	play_open(&y, NULL, 0);
	m_fetch(&f, &q);
	play_frame(&y, &f);
	y.ns += 500000;
	m_fetched(&f, 11, 1, 0, 0, "t", 0, NULL);
	play_bytes(&y, RT_RESP, f.p, 4, true);
	y.ns += 70;
	play_bytes(&y, RT_RESP, f.p + 4, f.n - 4, true);
	CHECK_STR(play_said(&y), "Fetch.11 waited");
	CHECK_EQ(y.last.kafka.wait_ns, 500010);
	CHECK_EQ(y.last.first_ns - y.last.start_ns, 500010);
	CHECK_EQ(y.last.end_ns - y.last.first_ns, 80);
	CHECK_EQ(y.last.resp_bytes, f.n);
	play_close(&y);
}

/* Fetch requests in flight together each see the offsets of their own. */
TEST(fetch_pipelined)
{
	const struct got a = {2, 0, 50, 50, 0, 0, 1, {{.base = 10, .count = 10}}, 0};
	struct fetch q = plain_fetch(11, 1, 12), r = plain_fetch(11, 2, 17);
	struct talk t = {0};

	m_fetch(talk_add(&t), &q);
	m_fetch(talk_add(&t), &r);
	m_fetched(talk_add(&t), 11, 1, 0, 0, "t", 1, &a);
	m_fetched(talk_add(&t), 11, 2, 0, 0, "t", 1, &a);
	talk_check(&t, "t/2 consumed 8; Fetch.11 waited; t/2 consumed 3; Fetch.11");
}

TEST(fetch_by_topic_id)
{
	const struct got got = {2, 0, 130, 130, 0, 0, 1, {{.base = 10, .count = 10}}, 0};

	for (int version = 13; version <= 18; version++) {
		struct fetch q = plain_fetch(version, 1, 10);
		struct talk t = {0};
		char said[128];

		q.topic = "z";
		m_metadata(talk_add(&t), 7);
		m_described(talk_add(&t), 7, 'z', "events", 0);
		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), version, 1, 0, 0, "z", 1, &got);
		snprintf(said, sizeof(said), "Metadata.12; events/2 consumed 10; Fetch.%d waited",
			 version);
		talk_check(&t, said);
	}
}

/* Message sets of magic 0 and 1: a message is a record; a compressed one stands for those since
 * the one before it. */
TEST(fetch_message_set)
{
	struct play y;
	struct frame f;

	play_open(&y, NULL, 0);
	f_request(&f, 1, 2, 12, 1);
	f_int(&f, -1, 4);
	f_int(&f, 500, 4);
	f_int(&f, 1, 4);
	f_array(&f, 1);
	f_str(&f, "old");
	f_array(&f, 1);
	f_int(&f, 0, 4);
	f_int(&f, 100, 8);
	f_int(&f, 4096, 4);
	f_finish(&f);
	play_frame(&y, &f);
	f_response(&f, 1, 2, 12, 1);
	f_int(&f, 0, 4);
	f_array(&f, 1);
	f_str(&f, "old");
	f_array(&f, 1);
	f_int(&f, 0, 4);
	f_int(&f, 0, 2);
	f_int(&f, 500, 8);
	f_records(&f);
	for (int i = 0; i < 4; i++) {
		/* 99, 100 and 101 alone, 105 compressed */
		f_int(&f, i < 3 ? 99 + i : 105, 8);
		f_int(&f, 14 + 8 + 3, 4);
		f_int(&f, 0x12345678, 4);
		f_int(&f, 1, 1);
		f_int(&f, i < 3 ? 0 : 1, 1);
		f_int(&f, 1600000000000, 8);
		f_int(&f, -1, 4);
		f_raw(&f, "\0\0\0\3abc", 7);
	}
	f_raw(&f, "\0\0\0\0\0\0\0\0\0\0\1", 11);
	f_records_end(&f);
	f_finish(&f);
	play_frame(&y, &f);
	CHECK_STR(play_said(&y), "old/0 consumed 6; Fetch.2 waited");
	play_close(&y);
}
