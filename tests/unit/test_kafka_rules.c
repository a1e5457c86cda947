// SPDX-License-Identifier: GPL-2.0-or-later
/* What the protocol allows and clients seldom do, in every segmentation. */
#include "kafka_msgs.h"

#define MINUTES_NS(n) ((uint64_t)(n)*60000000000ull)

static const struct part two[] = {
	{3, {.count = 5, .pid = -1, .epoch = -1, .seq = -1, .body = 40}, 0},
	{0, {.count = 2, .pid = -1, .epoch = -1, .seq = -1, .body = 9}, 0},
};

/* Tagged fields of a later release, in headers and in every struct. */
TEST(unknown_tags)
{
	const struct got got[] = {
		{2, 0, 15, 15, 9, 100, 1, {{.base = 10, .count = 5, .body = 7}}, 0},
		{4, 0, 20, 20, 0, 0, 1, {{.base = 0, .count = 6, .body = 3}}, 0}};
	struct fetch q = {12, 3, -1, 0, 0, 0, "t", 2, {{2, 12}, {4, 0}}, -1};
	struct talk t = {0};

	frame_tags = true;
	m_metadata(talk_add(&t), 1);
	m_described(talk_add(&t), 1, 'a', "orders", 0);
	m_produce(talk_add(&t), 12, 2, -1, "orders", 2, two);
	m_produced(talk_add(&t), 12, 2, "orders", 2, two);
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 12, 3, 0, 555, "t", 2, got);
	q = (struct fetch){17, 4, -1, 0, 0, 0, "a", 1, {{2, 12}}, -1};
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 17, 4, 0, 556, "a", 1, got);
	frame_tags = false;
	talk_check(&t, "Metadata.12; orders/3 produced 5; orders/0 produced 2; Produce.12; "
		       "t/2 consumed 3; t/4 consumed 6; Fetch.12 waited; "
		       "orders/2 consumed 3; Fetch.17 waited");
}

/* ---- several topics ---- */

static void produce_topics(struct frame *f, int version, int corr, int topics)
{
	f_request(f, 0, version, 9, corr);
	f_str(f, NULL);
	f_int(f, -1, 2);
	f_int(f, 30000, 4);
	f_array(f, topics);
	for (int t = 0; t < topics; t++) {
		m_topic(f, version, (const char *[]){"a", "b", "c"}[t]);
		f_array(f, 3);
		for (int i = 0; i < 3; i++) {
			f_int(f, 2 - i, 4);
			f_records(f);
			f_batch(f, &(struct batch){.count = 10 * t + i + 1, .pid = -1, .body = 5});
			f_records_end(f);
			f_end(f);
		}
		f_end(f);
	}
	f_finish(f);
}

/* In the opposite order; of each topic partition 1 is refused for good and 2 for now. */
static void produced_topics(struct frame *f, int version, int corr, int topics)
{
	f_response(f, 0, version, 9, corr);
	f_array(f, topics);
	for (int t = topics - 1; t >= 0; t--) {
		m_topic(f, version, (const char *[]){"a", "b", "c"}[t]);
		f_array(f, 3);
		for (int i = 0; i < 3; i++) {
			f_int(f, i, 4);
			f_int(f, i == 1 ? 87 : i == 2 ? 6 : 0, 2);
			f_int(f, i ? -1 : 100, 8);
			f_int(f, -1, 8);
			f_int(f, 0, 8);
			if (version >= 8) {
				f_array(f, 0);
				f_str(f, NULL);
			}
			f_end(f);
		}
		f_end(f);
	}
	f_int(f, 0, 4);
	f_finish(f);
}

TEST(several_topics)
{
	for (int version = 5; version <= 12; version += 7) {
		struct talk t = {0};
		char said[512];

		produce_topics(talk_add(&t), version, 1, 3);
		produced_topics(talk_add(&t), version, 1, 3);
		snprintf(said, sizeof(said),
			 "a/1 failed 2 INVALID_RECORD; a/0 produced 3; "
			 "b/1 failed 12 INVALID_RECORD; b/0 produced 13; "
			 "c/1 failed 22 INVALID_RECORD; c/0 produced 23; "
			 "Produce.%d INVALID_RECORD",
			 version);
		talk_check(&t, said);
	}
}

/* A batch that is too large for the broker is split by its producer and sent in parts. */
TEST(split_batch)
{
	const struct part whole = {1, {.count = 10, .pid = 77, .seq = 100, .crc = 1}, 10};
	const struct part first = {1, {.count = 6, .pid = 77, .seq = 100, .crc = 2}, 0};
	const struct part second = {1, {.count = 4, .pid = 77, .seq = 106, .crc = 3}, 0};
	const struct part *parts[] = {&whole, &first, &second};
	struct play y;
	struct frame f;

	play_open(&y, NULL, 0);
	kafka_conn_set_owner(y.conn, 10, RT_ROLE_CLIENT);
	for (int i = 0; i < 3; i++) {
		m_produce(&f, 9, i, -1, "t", 1, parts[i]);
		play_frame(&y, &f);
		m_produced(&f, 9, i, "t", 1, parts[i]);
		play_frame(&y, &f);
	}
	CHECK_STR(play_said(&y), "Produce.9 MESSAGE_TOO_LARGE; t/1 produced 6; Produce.9; "
				 "t/1 produced 4; Produce.9");
	kafka_world_expire(y.world, y.ns + MINUTES_NS(3), 10, &y.sink);
	CHECK_STR(play_said(&y), "");
	play_close(&y);
}

/* ---- fetch sessions ---- */

/* Epochs wrap from the largest number to 1: still the same session. */
TEST(session_epoch_wraps)
{
	const struct got got = {0, 0, 30, 30, 0, 0, 1, {{.base = 10, .count = 20}}, 0};
	struct fetch q = {12, 1, -1, 0, 0, 0, "t", 2, {{0, 10}, {1, 20}}, -1};
	struct talk t = {0};
	static const int epochs[] = {1, INT32_MAX, 1, 2};

	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 12, 1, 0, 555, "t", 0, NULL);
	for (int i = 0; i < 4; i++) {
		q = (struct fetch){12, 2 + i, -1, 0, 555, epochs[i], "t", 1, {{0, 26 + i}}, -1};
		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), 12, 2 + i, 0, 555, "t", 1, &got);
	}
	talk_check(&t,
		   "Fetch.12 waited; t/0 consumed 4; Fetch.12 waited; t/0 consumed 3; Fetch.12; "
		   "t/0 consumed 2; Fetch.12; t/0 consumed 1; Fetch.12");
}

/* Whatever ends a session, what was asked for in it does not hold in the next. */
TEST(session_errors)
{
	static const struct {
		int code;
		const char *name;
	} errors[] = {{70, "FETCH_SESSION_ID_NOT_FOUND"},
		      {71, "INVALID_FETCH_SESSION_EPOCH"},
		      {106, "FETCH_SESSION_TOPIC_ID_ERROR"}};
	const struct got got = {1, 0, 25, 25, 0, 0, 1, {{.base = 15, .count = 10}}, 0};

	for (int i = 0; i < 3; i++) {
		struct fetch q = {12, 1, -1, 0, 0, 0, "t", 1, {{1, 22}}, -1};
		struct talk t = {0};
		char said[256];

		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), 12, 1, 0, 555, "t", 0, NULL);
		q = (struct fetch){12, 2, -1, 0, 555, 1, "t", 0, {{0}}, -1};
		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), 12, 2, errors[i].code, 0, "t", 0, NULL);
		/* a session of its own, met as if it had begun unseen */
		q = (struct fetch){12, 3, -1, 0, 600, 4, "t", 0, {{0}}, -1};
		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), 12, 3, 0, 600, "t", 1, &got);
		q = (struct fetch){12, 4, -1, 0, 0, -1, "t", 1, {{1, 24}}, -1};
		m_fetch(talk_add(&t), &q);
		m_fetched(talk_add(&t), 12, 4, 0, 0, "t", 1, &got);
		snprintf(said, sizeof(said),
			 "Fetch.12 waited; Fetch.12 %s waited; t/1 consumed 10; Fetch.12 waited; "
			 "t/1 consumed 1; Fetch.12 waited",
			 errors[i].name);
		talk_check(&t, said);
	}
}

/* ---- transactions ---- */

/* Two producers abort, one of them twice, one having begun before the offset asked for. */
TEST(several_aborted)
{
	const struct got got = {0,
				0,
				99,
				99,
				7,
				5,
				4,
				{{.base = 10, .count = 4, .attrs = 0x10, .pid = 7},
				 {.base = 14, .count = 1, .attrs = 0x30, .pid = 7},
				 {.base = 15, .count = 3, .attrs = 0x10, .pid = 7},
				 {.base = 18, .count = 1, .attrs = 0x30, .pid = 7}},
				0};
	struct fetch q = {11, 1, -1, 1, 0, -1, "t", 1, {{0, 10}}, -1};
	struct talk t = {0};
	struct frame *f;
	struct frame whole;
	size_t at;

	m_fetch(talk_add(&t), &q);
	m_fetched(&whole, 11, 1, 0, 0, "t", 1, &got);
	/* two more of the aborted: (7, 15) and (8, 12), which is not in this answer */
	f = talk_add(&t);
	*f = whole;
	at = 8 + 4 + 2 + 4 + 4 + 3 + 4 + 4 + 2 + 24;
	CHECK_EQ(be32(whole.p + at), 1);
	f->n = at;
	f_int(f, 3, 4);
	f_raw(f, whole.p + at + 4, 16);
	f_int(f, 7, 8);
	f_int(f, 15, 8);
	f_int(f, 8, 8);
	f_int(f, 12, 8);
	f_raw(f, whole.p + at + 20, whole.n - at - 20);
	f_finish(f);
	q.corr = 2;
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 11, 2, 0, 0, "t", 1, &got);
	talk_check(&t, "Fetch.11 waited; t/0 consumed 3; Fetch.11");
}

/* ---- names of ids ---- */

TEST(ids_named_by_create_topics)
{
	struct fetch q = {13, 2, -1, 0, 0, -1, "k", 1, {{0, 10}}, -1};
	const struct got got = {0, 0, 13, 13, 0, 0, 1, {{.base = 10, .count = 3}}, 0};
	struct talk t = {0};
	struct frame *f = talk_add(&t);

	f_request(f, 19, 7, 5, 1);
	f_array(f, 0);
	f_int(f, 1000, 4);
	f_int(f, 0, 1);
	f_finish(f);
	f = talk_add(&t);
	f_response(f, 19, 7, 5, 1);
	f_int(f, 0, 4);
	f_array(f, 1);
	f_str(f, "made");
	f_uuid(f, 'k');
	f_int(f, 0, 2);
	f_str(f, NULL);
	f_int(f, 1, 4);
	f_int(f, 1, 2);
	f_array(f, 1);
	f_str(f, "retention.ms");
	f_str(f, "1");
	f_int(f, 0, 1);
	f_int(f, 5, 1);
	f_int(f, 0, 1);
	f_end(f);
	f_end(f);
	f_finish(f);
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 13, 2, 0, 0, "k", 1, &got);
	talk_check(&t, "CreateTopics.7; made/0 consumed 3; Fetch.13 waited");
}

TEST(ids_named_by_describe_topic_partitions)
{
	struct fetch q = {13, 2, -1, 0, 0, -1, "d", 1, {{0, 10}}, -1};
	const struct got got = {0, 0, 13, 13, 0, 0, 1, {{.base = 10, .count = 3}}, 0};
	struct talk t = {0};
	struct frame *f = talk_add(&t);

	f_request(f, 75, 0, 0, 1);
	f_array(f, 1);
	f_str(f, "shown");
	f_end(f);
	f_int(f, 2000, 4);
	f_int(f, -1, 1);
	f_finish(f);
	f = talk_add(&t);
	f_response(f, 75, 0, 0, 1);
	f_int(f, 0, 4);
	f_array(f, 1);
	f_int(f, 0, 2);
	f_str(f, "shown");
	f_uuid(f, 'd');
	f_int(f, 0, 1);
	f_array(f, 1);
	f_int(f, 0, 2);
	f_int(f, 0, 4);
	f_int(f, 1, 4);
	f_int(f, 3, 4);
	for (int i = 0; i < 5; i++)
		f_array(f, 0);
	f_end(f);
	f_int(f, -1, 4);
	f_end(f);
	f_int(f, -1, 1);
	f_finish(f);
	m_fetch(talk_add(&t), &q);
	m_fetched(talk_add(&t), 13, 2, 0, 0, "d", 1, &got);
	talk_check(&t, "DescribeTopicPartitions.0; shown/0 consumed 3; Fetch.13 waited");
}

/* ---- share groups ---- */

/* Paired by their headers; their records are not looked at. */
TEST(share_groups)
{
	struct talk t = {0};
	struct frame *f = talk_add(&t);

	f_request(f, 78, 1, 0, 1);
	f_str(f, "share");
	f_str(f, "member");
	f_int(f, 0, 4);
	f_raw(f, "anything", 8);
	f_finish(f);
	f = talk_add(&t);
	f_response(f, 78, 1, 0, 1);
	f_int(f, 0, 4);
	f_int(f, 122, 2);
	f_str(f, NULL);
	f_batch(f, &(struct batch){.base = 4, .count = 9, .body = 20});
	f_finish(f);
	f = talk_add(&t);
	f_request(f, 79, 1, 0, 2);
	f_str(f, "share");
	f_finish(f);
	f = talk_add(&t);
	f_response(f, 79, 1, 0, 2);
	f_int(f, 0, 4);
	f_int(f, 0, 2);
	f_finish(f);
	talk_check(&t, "ShareFetch.1 SHARE_SESSION_NOT_FOUND; ShareAcknowledge.1");
}

/* ---- a boundary looked for ---- */

/* Zeros in a lost request look like the head of a frame without a client id: it is none. */
TEST(zeros_are_no_head)
{
	static const uint8_t zeros[] = {0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0};
	struct frame req, resp;
	struct play y;

	for (int known = 0; known < 2; known++) {
		m_produce(&req, 9, 1, -1, "t", 1, two);
		m_produced(&resp, 9, 1, "t", 1, two);
		play_open(&y, NULL, known ? 0 : RT_LATE);
		y.off[0] = 5000;
		if (known) {
			play_frame(&y, &req);
			play_frame(&y, &resp);
			CHECK_STR(play_said(&y), "t/3 produced 5; Produce.9");
			play_gap(&y, RT_REQ, 20);
		}
		play_bytes(&y, RT_REQ, zeros, sizeof(zeros), true);
		play_frame(&y, &req);
		play_frame(&y, &resp);
		CHECK_STR(play_said(&y), "t/3 produced 5; Produce.9");
		CHECK_EQ(kafka_ops.in_flight(y.conn), 0);
		play_close(&y);
	}
}
