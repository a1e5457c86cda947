// SPDX-License-Identifier: GPL-2.0-or-later
/* Gaps, connections met in the middle, SASL, errors and bounds. */
#include "kafka_msgs.h"

#include "proto/kafka_conn.h"

static const struct part one[] = {{0, {.count = 2, .pid = -1, .body = 600}, 0}};

static struct fetch fetch_at(int corr, int64_t offset)
{
	return (struct fetch){.version = 11,
			      .corr = corr,
			      .replica = -1,
			      .epoch = -1,
			      .topic = "t",
			      .n = 1,
			      .want = {{2, offset}},
			      .forget = -1};
}

static uint64_t unparsed_total(const struct play *y)
{
	uint64_t n = 0;

	for (int u = 0; u < RT_UNPARSED_MAX; u++)
		n += y->unparsed[u];
	return n;
}

/* Whatever of the records' bodies is missing costs nothing, and is said to be skippable. */
TEST(gap_in_bodies)
{
	struct fetch q = fetch_at(2, 10);
	const struct got got = {
		2,  0,
		99, 99,
		0,  0,
		2,  {{.base = 10, .count = 3, .body = 500}, {.base = 13, .count = 4, .body = 300}},
		0};
	struct play y;
	struct frame f[4];

	m_produce(&f[0], 9, 1, -1, "t", 1, one);
	m_produced(&f[1], 9, 1, "t", 1, one);
	m_fetch(&f[2], &q);
	m_fetched(&f[3], 11, 2, 0, 0, "t", 1, &got);
	play_open(&y, NULL, 0);
	for (int i = 0; i < 4; i++) {
		for (size_t pos = 0; pos < f[i].n;) {
			uint64_t skip = kafka_ops.skippable(y.conn, f[i].dir);

			CHECK(pos + skip <= f[i].n);
			if (skip && !y.rest_n[f[i].dir]) {
				play_gap(&y, f[i].dir, (size_t)skip);
				pos += skip;
			} else {
				play_bytes(&y, f[i].dir, f[i].p + pos, 1, pos == 0);
				pos++;
			}
		}
	}
	CHECK_STR(play_said(&y), "t/0 produced 2; Produce.9; t/2 consumed 7; Fetch.11 waited");
	CHECK_EQ(unparsed_total(&y), 0);
	play_close(&y);
}

/* A broker's sendfile: the records are missing as a whole, or from a batch's middle on. */
TEST(gap_over_records)
{
	const struct got got[2] = {
		{2,
		 0,
		 99,
		 99,
		 0,
		 0,
		 2,
		 {{.base = 10, .count = 3, .body = 500}, {.base = 13, .count = 4, .body = 300}},
		 0},
		{5, 9, 99, 99, 0, 0, 0, {{0}}, 0}};
	struct fetch q = fetch_at(1, 10);
	const size_t records = 561 + 361;
	struct frame req, resp, tail;
	size_t behind;

	m_fetch(&req, &q);
	m_fetched(&resp, 11, 1, 0, 0, "t", 2, got);
	m_fetched(&tail, 11, 1, 0, 0, "t", 1, &got[1]);
	behind = tail.n - 29; /* the second partition alone */
	CHECK_EQ(resp.n, 29 + 42 + records + behind);
	for (size_t missing = records; missing > 361 - 61 && !test_failed; missing -= 7) {
		struct play y;
		size_t at = resp.n - behind - missing;

		play_open(&y, NULL, 0);
		play_frame(&y, &req);
		play_bytes(&y, RT_RESP, resp.p, at, true);
		play_gap(&y, RT_RESP, missing);
		play_bytes(&y, RT_RESP, resp.p + resp.n - behind, behind, true);
		CHECK_STR(play_said(&y),
			  missing > 861 ? "Fetch.11 REPLICA_NOT_AVAILABLE waited"
					: "t/2 consumed 3; Fetch.11 REPLICA_NOT_AVAILABLE waited");
		CHECK_EQ(y.unparsed[RT_UNPARSED_GAP], 1);
		CHECK_EQ(unparsed_total(&y), 1);
		play_close(&y);
	}
}

/* Structure is missing: the frame is passed over, what follows is in step. */
TEST(gap_over_structure)
{
	struct frame req, resp, next, answer;

	m_produce(&req, 9, 1, -1, "t", 1, one);
	m_produced(&resp, 9, 1, "t", 1, one);
	m_produce(&next, 9, 2, -1, "t", 1, one);
	m_produced(&answer, 9, 2, "t", 1, one);
	for (size_t at = 20; at < req.n - 661 && !test_failed; at++) {
		struct play y;

		play_open(&y, NULL, 0);
		play_bytes(&y, RT_REQ, req.p, at, true);
		play_gap(&y, RT_REQ, 1);
		play_bytes(&y, RT_REQ, req.p + at + 1 + (y.off[0] - at - 1),
			   req.n - (size_t)y.off[0], true);
		play_frame(&y, &resp);
		play_frame(&y, &next);
		play_frame(&y, &answer);
		CHECK_STR(play_said(&y), "Produce.9; t/0 produced 2; Produce.9");
		CHECK_EQ(y.unparsed[RT_UNPARSED_GAP], 1);
		CHECK_EQ(unparsed_total(&y), 1);
		play_close(&y);
	}
	for (size_t at = 8; at < resp.n && !test_failed; at++) {
		struct play y;

		play_open(&y, NULL, 0);
		play_frame(&y, &req);
		play_bytes(&y, RT_RESP, resp.p, at, true);
		play_gap(&y, RT_RESP, 1);
		play_bytes(&y, RT_RESP, resp.p + (size_t)y.off[1], resp.n - (size_t)y.off[1], true);
		play_said(&y);
		CHECK_EQ(y.txns, 1);
		play_frame(&y, &next);
		play_frame(&y, &answer);
		CHECK_STR(play_said(&y), "t/0 produced 2; Produce.9");
		CHECK(unparsed_total(&y) <= 1);
		play_close(&y);
	}
}

/* A head is missing: the next request at the start of a call, and the answer that fits it. */
TEST(gap_over_head)
{
	struct frame f[6];
	struct play y;

	for (int i = 0; i < 6; i += 2) {
		m_produce(&f[i], 9, i, -1, "t", 1, one);
		m_produced(&f[i + 1], 9, i, "t", 1, one);
	}
	play_open(&y, NULL, 0);
	play_gap(&y, RT_REQ, 3);
	play_bytes(&y, RT_REQ, f[0].p + 3, f[0].n - 3, true);
	play_frame(&y, &f[1]);
	CHECK_EQ(y.unparsed[RT_UNPARSED_ORPHAN], 1);
	play_frame(&y, &f[2]);
	play_gap(&y, RT_RESP, f[3].n - 2);
	play_bytes(&y, RT_RESP, f[3].p + f[3].n - 2, 2, false);
	CHECK_STR(play_said(&y), "");
	play_frame(&y, &f[4]);
	play_frame(&y, &f[5]);
	CHECK_STR(play_said(&y), "t/0 produced 2; Produce.9");
	CHECK_EQ(y.unparsed[RT_UNPARSED_GAP], 2);
	CHECK_EQ(y.unparsed[RT_UNPARSED_ABANDONED], 1);
	CHECK_EQ(kafka_ops.in_flight(y.conn), 0);
	play_close(&y);
}

/* A gap that ends just where a frame does leaves the boundary known. */
TEST(gap_to_the_end)
{
	struct frame req, resp;
	struct play y;

	m_produce(&req, 9, 1, -1, "t", 1, one);
	m_produced(&resp, 9, 1, "t", 1, one);
	play_open(&y, NULL, 0);
	for (int i = 0; i < 3; i++) {
		play_bytes(&y, RT_REQ, req.p, req.n - 100, true);
		play_gap(&y, RT_REQ, 100);
		play_frame(&y, &resp);
	}
	CHECK_EQ(y.txns, 3);
	CHECK_EQ(y.records[RT_KAFKA_PRODUCED], 6);
	CHECK_EQ(y.unparsed[RT_UNPARSED_ABANDONED] + y.unparsed[RT_UNPARSED_ORPHAN], 0);
	play_close(&y);
}

/* What a request lost at its end is told with what came next, and that was behind the answer. */
TEST(gap_told_behind_the_answer)
{
	struct frame req, resp;
	struct play y;

	m_produce(&req, 9, 1, -1, "t", 1, one);
	m_produced(&resp, 9, 1, "t", 1, one);
	play_open(&y, NULL, 0);
	play_bytes(&y, RT_REQ, req.p, req.n - 100, true);
	y.ns += 1000;
	play_gap(&y, RT_REQ, 100);
	y.ns -= 1000;
	play_frame(&y, &resp);
	CHECK_EQ(y.txns, 1);
	CHECK_EQ(y.last.start_ns, y.ns);
	CHECK_EQ(y.last.first_ns, y.ns);
	CHECK_EQ(y.last.end_ns, y.ns);
	play_close(&y);
}

/* ---- late ---- */

/* Attached between a request and its answer; the answer's rest comes first. */
static void late(size_t missed, bool apart)
{
	struct frame f[6];
	struct play y;

	for (int i = 0; i < 6; i += 2) {
		m_produce(&f[i], 9, 100 + i, -1, "t", 1, one);
		m_produced(&f[i + 1], 9, 100 + i, "t", 1, one);
	}
	play_open(&y, NULL, RT_LATE);
	y.off[0] = 77777;
	y.off[1] = 99999;
	if (missed < f[0].n) {
		play_bytes(&y, RT_REQ, f[0].p + missed, f[0].n - missed, missed == 0);
		play_frame(&y, &f[1]);
	} else {
		size_t at = missed - f[0].n;

		play_bytes(&y, RT_RESP, f[1].p + at, f[1].n - at, at == 0);
	}
	for (int i = 2; i < 6; i++) {
		if (apart) {
			play_bytes(&y, f[i].dir, f[i].p, 4, true);
			play_bytes(&y, f[i].dir, f[i].p + 4, f[i].n - 4, true);
		} else {
			play_frame(&y, &f[i]);
		}
	}
	CHECK_STR(play_said(&y), missed ? "t/0 produced 2; Produce.9; t/0 produced 2; Produce.9"
					: "t/0 produced 2; Produce.9; t/0 produced 2; Produce.9; "
					  "t/0 produced 2; Produce.9");
	CHECK_EQ(kafka_ops.in_flight(y.conn), 0);
	play_close(&y);
}

TEST(late_at_every_byte)
{
	struct frame req, resp;

	m_produce(&req, 9, 100, -1, "t", 1, one);
	m_produced(&resp, 9, 100, "t", 1, one);
	for (size_t missed = 0; missed < req.n + resp.n && !test_failed; missed++) {
		late(missed, false);
		late(missed, true);
		if (test_failed)
			printf("# missed %zu\n", missed);
	}
}

/* The reader takes answers to requests never seen and to one that was in one call. */
TEST(late_coalesced_answers)
{
	struct frame req, a, b, c;
	uint8_t all[4096];
	struct play y;

	m_produced(&a, 9, 5, "t", 1, one);
	m_produced(&b, 9, 6, "t", 1, one);
	m_produce(&req, 9, 7, -1, "t", 1, one);
	m_produced(&c, 9, 7, "t", 1, one);
	memcpy(all, a.p, a.n);
	memcpy(all + a.n, b.p, b.n);
	memcpy(all + a.n + b.n, c.p, c.n);
	for (size_t cut = 1; cut < a.n + b.n + c.n; cut++) {
		play_open(&y, NULL, RT_LATE);
		play_frame(&y, &req);
		play_bytes(&y, RT_RESP, all, cut, true);
		play_bytes(&y, RT_RESP, all + cut, a.n + b.n + c.n - cut, false);
		CHECK_STR(play_said(&y), "t/0 produced 2; Produce.9");
		play_close(&y);
	}
}

/* An incremental fetch session whose beginning was not seen: records count from where they begin.
 */
TEST(late_fetch_session)
{
	const struct got got = {2, 0, 99, 99, 0, 0, 1, {{.base = 10, .count = 3}}, 0};
	const struct got next = {2, 0, 99, 99, 0, 0, 1, {{.base = 10, .count = 9}}, 0};
	struct fetch q = fetch_at(9, 0);
	struct play y;
	struct frame f;

	q.session = 4242;
	q.epoch = 17;
	q.n = 0;
	play_open(&y, NULL, RT_LATE);
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 11, 9, 0, 4242, "t", 1, &got);
	play_frame(&y, &f);
	q.corr = 10;
	q.epoch = 18;
	q.n = 1;
	q.want[0].offset = 13;
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 11, 10, 0, 4242, "t", 1, &next);
	play_frame(&y, &f);
	CHECK_STR(play_said(&y),
		  "t/2 consumed 3; Fetch.11 waited; t/2 consumed 6; Fetch.11 waited");
	play_close(&y);
}

/* The answer that names the session is lost: what was asked for still holds. */
TEST(session_answer_lost)
{
	const struct got got = {2, 0, 99, 99, 0, 0, 1, {{.base = 8, .count = 5}}, 0};
	struct fetch q = fetch_at(1, 10);
	struct play y;
	struct frame f;

	play_open(&y, NULL, 0);
	q.epoch = 0;
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 11, 1, 0, 77, "t", 0, NULL);
	play_gap(&y, RT_RESP, f.n);
	q = fetch_at(2, 0);
	q.session = 77;
	q.epoch = 1;
	q.n = 0;
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 11, 2, 0, 77, "t", 1, &got);
	play_frame(&y, &f);
	/* Another session: nothing of the first holds. */
	q.corr = 3;
	q.session = 78;
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 11, 3, 0, 78, "t", 1, &got);
	play_frame(&y, &f);
	CHECK_STR(play_said(&y),
		  "t/2 consumed 3; Fetch.11 waited; t/2 consumed 5; Fetch.11 waited");
	play_close(&y);
}

TEST(late_is_not_fooled)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	uint8_t noise[256];
	struct play y;

	play_open(&y, NULL, RT_LATE);
	for (int i = 0; i < 50; i++) {
		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] = (uint8_t)(k * 31 + (size_t)i * 17 + 3);
		play_bytes(&y, RT_REQ, noise, sizeof(noise), true);
		play_bytes(&y, RT_RESP, noise, sizeof(noise), true);
		play_bytes(&y, RT_REQ, (const uint8_t *)text, sizeof(text) - 1, true);
	}
	CHECK_STR(play_said(&y), "");
	CHECK_EQ(kafka_ops.in_flight(y.conn), 0);
	play_close(&y);
}

/* What a head must have to be taken for one: 14 bytes and the client id. */
TEST(probe)
{
	static const uint8_t good[] = "\0\0\0\x20\0\0\0\x09\0\0\0\1\0\2id";
	static const struct {
		uint8_t at;
		uint8_t value;
	} bad[] = {{0, 7},  {3, 9},    {3, 11}, {4, 0x80},  {5, 93},    {6, 1},
		   {7, 16}, {8, 0x80}, {12, 2}, {12, 0xfe}, {14, 0x1f}, {15, 0x7f}};
	uint8_t p[16], *exact;

	for (size_t n = 0; n <= sizeof(p); n++) {
		exact = test_exact(good, n);
		CHECK_EQ(kafka_probe_request(exact, n),
			 n < sizeof(p) ? KAFKA_PROBE_MORE : KAFKA_PROBE_YES);
		free(exact);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(p, good, sizeof(p));
		p[bad[i].at] = bad[i].value;
		CHECK_EQ(kafka_probe_request(p, sizeof(p)), KAFKA_PROBE_NO);
	}
	memcpy(p, good, sizeof(p));
	p[12] = p[13] = 0xff;
	CHECK_EQ(kafka_probe_request(p, 14), KAFKA_PROBE_YES);
}

/* A head inside a call is not one, nor is one whose frame is followed by something else. */
TEST(late_needs_a_call)
{
	struct frame f, g;
	struct play y;

	m_produce(&f, 9, 1, -1, "t", 1, one);
	play_open(&y, NULL, RT_LATE);
	play_bytes(&y, RT_REQ, (const uint8_t *)"tail of something", 17, true);
	play_bytes(&y, RT_REQ, f.p, f.n, false);
	CHECK_EQ(kafka_ops.in_flight(y.conn), 0);
	g = f;
	f_raw(&g, "and then", 8);
	play_bytes(&y, RT_REQ, g.p, g.n, true);
	CHECK_EQ(kafka_ops.in_flight(y.conn), 0);
	g = f;
	f_raw(&g, f.p, f.n);
	play_bytes(&y, RT_REQ, g.p, g.n, true);
	CHECK_EQ(kafka_ops.in_flight(y.conn), 2);
	play_close(&y);
}

/* Sizes and counts that cannot be are noticed where they stand, and cost that frame only. */
TEST(malformed)
{
	struct fetch q = fetch_at(1, 10);
	const struct got got = {2, 0, 99, 99, 0, 0, 1, {{.base = 10, .count = 3, .body = 50}}, 0};
	struct frame req, resp, bad;
	struct play y;

	m_fetch(&req, &q);
	m_fetched(&resp, 11, 1, 0, 0, "t", 1, &got);
	play_open(&y, NULL, 0);
	play_frame(&y, &req);
	bad = resp;
	memset(bad.p + resp.n - 111 + 8, 0xff, 4); /* the batch's length */
	play_frame(&y, &bad);
	CHECK_EQ(y.unparsed[RT_UNPARSED_MALFORMED], 1);
	play_frame(&y, &req);
	bad = resp;
	bad.p[resp.n - 111 + 16] = 3; /* its magic */
	play_frame(&y, &bad);
	CHECK_EQ(y.unparsed[RT_UNPARSED_MALFORMED], 2);
	play_frame(&y, &req);
	bad = resp;
	bad.p[18] = 0x7f; /* the number of topics */
	play_frame(&y, &bad);
	CHECK_EQ(y.unparsed[RT_UNPARSED_MALFORMED], 3);
	CHECK_EQ(y.records[RT_KAFKA_CONSUMED], 0);
	play_frame(&y, &req);
	play_frame(&y, &resp);
	CHECK_EQ(y.records[RT_KAFKA_CONSUMED], 3);
	CHECK_EQ(y.txns, 4);
	CHECK_EQ(unparsed_total(&y), 3);
	play_close(&y);
}

/* What was recognised as Kafka and is not is left alone in the end. */
TEST(not_kafka)
{
	struct frame f;
	struct play y;
	int i;

	play_open(&y, NULL, 0);
	for (i = 0; i < 100 && !strstr(y.log, "LEFT"); i++) {
		f_request(&f, 0, 9, 9, i);
		f_raw(&f, "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9);
		f_finish(&f);
		play_frame(&y, &f);
	}
	CHECK(i < 30);
	CHECK_EQ(y.txns, 0);
	CHECK_EQ(kafka_ops.in_flight(y.conn), 0);
	play_close(&y);
}

/* ---- errors, versions, SASL ---- */

TEST(error_precedence)
{
	struct talk t = {0};

	/* OffsetFetch 5: a partition's 3, the response's 16 */
	m_plain(talk_add(&t), RT_REQ, 9, 5, 1, "\0\1g\0\0\0\0", 7);
	m_plain(talk_add(&t), RT_RESP, 9, 5, 1,
		"\0\0\0\0\0\0\0\1\0\1t\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0\1\0\0\0\3\0\x10", 37);
	/* DeleteTopics 1: the second topic's 29 */
	m_plain(talk_add(&t), RT_REQ, 20, 1, 2, "\0\0\0\0\0\0\0\0", 8);
	m_plain(talk_add(&t), RT_RESP, 20, 1, 2, "\0\0\0\0\0\0\0\2\0\1a\0\0\0\1b\0\x1d", 18);
	/* Heartbeat 0 */
	m_plain(talk_add(&t), RT_REQ, 12, 0, 3, "\0\1g\0\0\0\0\0\1m", 10);
	m_plain(talk_add(&t), RT_RESP, 12, 0, 3, "\0\x1b", 2);
	talk_check(&t, "OffsetFetch.5 NOT_COORDINATOR; DeleteTopics.1 TOPIC_AUTHORIZATION_FAILED; "
		       "Heartbeat.0 REBALANCE_IN_PROGRESS");
}

/* ApiVersions too new for the broker: the answer is of version 0, without tagged fields. */
TEST(api_versions_refused)
{
	struct talk t = {0};
	struct frame *f = talk_add(&t);

	f_request(f, 18, 4, 3, 1);
	f_str(f, "client");
	f_str(f, "1.0");
	f_finish(f);
	m_plain(talk_add(&t), RT_RESP, 18, 4, 1, "\0\x23\0\0\0\1\0\x12\0\0\0\3", 12);
	talk_check(&t, "ApiVersions.4 UNSUPPORTED_VERSION");
}

/* A version or an API from the future: paired by its header, nothing is guessed. */
TEST(unknown_version)
{
	struct frame f;
	struct play y;

	play_open(&y, NULL, 0);
	m_plain(&f, RT_REQ, 0, 99, 1, "whatever", 8);
	play_frame(&y, &f);
	m_plain(&f, RT_RESP, 0, 99, 1, "\0\0\0\7\0\0\0\7\0\0\0\7", 12);
	play_frame(&y, &f);
	m_plain(&f, RT_REQ, 500, 1, 2, "whatever", 8);
	play_frame(&y, &f);
	m_plain(&f, RT_RESP, 500, 1, 2, "\0\0\0\7", 4);
	play_frame(&y, &f);
	CHECK_STR(play_said(&y), "Produce.99; UNKNOWN.1");
	CHECK_EQ(y.unparsed[RT_UNPARSED_VERSION], 2);
	CHECK_EQ(unparsed_total(&y), 2);
	play_close(&y);
}

static struct frame token(enum rt_dir dir, const char *bytes, size_t n)
{
	struct frame f = {.dir = dir};

	f_int(&f, (int64_t)n, 4);
	f_raw(&f, bytes, n);
	return f;
}

/* SaslHandshake 0: bare tokens, an empty one and one that is never answered among them. */
TEST(sasl_bare_tokens)
{
	struct talk t = {0};

	m_plain(talk_add(&t), RT_REQ, 17, 0, 1, "\0\5PLAIN", 7);
	m_plain(talk_add(&t), RT_RESP, 17, 0, 1, "\0\0\0\0\0\1\0\5PLAIN", 13);
	*talk_add(&t) = token(RT_REQ, "\0user\0secret", 12);
	*talk_add(&t) = token(RT_RESP, "", 0);
	*talk_add(&t) = token(RT_REQ, "n,,n=user,r=fyko", 16);
	*talk_add(&t) = token(RT_RESP, "r=fyko+d,s=QSXCR,i=4096", 23);
	*talk_add(&t) = token(RT_REQ, "x", 1);
	m_produce(talk_add(&t), 9, 2, -1, "t", 1, one);
	m_produced(talk_add(&t), 9, 2, "t", 1, one);
	talk_check(&t, "SaslHandshake.0; t/0 produced 2; Produce.9");
}

/* The rings are read one after the other: a token may be heard of before what it was sent behind.
 */
TEST(sasl_bare_tokens_before_the_answer)
{
	struct talk t = {0};

	m_plain(talk_add(&t), RT_REQ, 17, 0, 1, "\0\5PLAIN", 7);
	*talk_add(&t) = token(RT_REQ, "\0user\0secret", 12);
	m_plain(talk_add(&t), RT_RESP, 17, 0, 1, "\0\0\0\0\0\1\0\5PLAIN", 13);
	*talk_add(&t) = token(RT_RESP, "", 0);
	m_produce(talk_add(&t), 9, 2, -1, "t", 1, one);
	m_produced(talk_add(&t), 9, 2, "t", 1, one);
	talk_check(&t, "SaslHandshake.0; t/0 produced 2; Produce.9");
}

TEST(sasl_authenticate)
{
	struct talk t = {0};

	m_plain(talk_add(&t), RT_REQ, 17, 1, 1, "\0\5PLAIN", 7);
	m_plain(talk_add(&t), RT_RESP, 17, 1, 1, "\0\0\0\0\0\1\0\5PLAIN", 13);
	m_plain(talk_add(&t), RT_REQ, 36, 1, 0x7ffffffe, "\0\0\0\5\0a\0bc", 9);
	m_plain(talk_add(&t), RT_RESP, 36, 1, 0x7ffffffe, "\0\x3a\0\3bad\0\0\0\0", 11);
	talk_check(&t, "SaslHandshake.1; SaslAuthenticate.1 SASL_AUTHENTICATION_FAILED");
}

/* ---- bounds ---- */

TEST(pending_limit_that_is_set)
{
	struct frame f;
	struct play y;

	play_open(&y, NULL, 0);
	y.env.limits.kafka_pending = 3;
	kafka_ops.init(y.conn, &y.env, 0); /* it holds no memory yet */
	for (int i = 0; i < 10; i++) {
		m_plain(&f, RT_REQ, 12, 0, i, "\0\1g\0\0\0\0\0\1m", 10);
		play_frame(&y, &f);
	}
	CHECK_EQ(kafka_ops.in_flight(y.conn), 3);
	CHECK_EQ(y.unparsed[RT_UNPARSED_LIMIT], 7);
	play_close(&y);
}

/* When too many wait the oldest are given up, and the newest still find their answers. */
TEST(too_many_pending)
{
	struct frame f;
	struct play y;

	play_open(&y, NULL, 0);
	for (int i = 0; i < RT_KAFKA_PENDING + 10; i++) {
		m_plain(&f, RT_REQ, 12, 0, i, "\0\1g\0\0\0\0\0\1m", 10);
		play_frame(&y, &f);
	}
	CHECK_EQ(kafka_ops.in_flight(y.conn), RT_KAFKA_PENDING);
	CHECK_EQ(y.unparsed[RT_UNPARSED_LIMIT], 10);
	m_plain(&f, RT_RESP, 12, 0, RT_KAFKA_PENDING + 5, "\0\0", 2);
	play_frame(&y, &f);
	CHECK_EQ(y.txns, 1);
	CHECK_EQ(kafka_ops.in_flight(y.conn), 4);
	CHECK_EQ(y.unparsed[RT_UNPARSED_ABANDONED], RT_KAFKA_PENDING - 5);
	/* The oldest is being answered when it must go: its answer is nobody's. */
	m_plain(&f, RT_RESP, 12, 0, RT_KAFKA_PENDING + 6, "\0\0", 2);
	play_bytes(&y, RT_RESP, f.p, 8, true);
	for (int i = 0; i < RT_KAFKA_PENDING - 3; i++) {
		struct frame g;

		m_plain(&g, RT_REQ, 12, 0, 100000 + i, "\0\1g\0\0\0\0\0\1m", 10);
		play_frame(&y, &g);
	}
	play_bytes(&y, RT_RESP, f.p + 8, f.n - 8, false);
	CHECK_EQ(y.txns, 1);
	CHECK_EQ(kafka_ops.in_flight(y.conn), RT_KAFKA_PENDING);
	play_close(&y);
}

/* The state's memory: no queue is held while nothing waits. */
TEST(state_is_small)
{
	CHECK(kafka_ops.conn_bytes <= 1024);
	CHECK_STR(kafka_ops.name, "kafka");
	CHECK_EQ(kafka_ops.tail_only(NULL, RT_REQ), 0);
}

/* ---- marks for the lag ---- */

/* A produce answered at offset 500 with two records; the latest offset asked for by ListOffsets. */
TEST(high_watermark_sources)
{
	struct play y;
	struct frame f;
	uint32_t t;

	play_open(&y, NULL, 0);
	t = intern_put(y.names, SLICE("t"));
	m_produce(&f, 9, 1, -1, "t", 1, one);
	play_frame(&y, &f);
	m_produced(&f, 9, 1, "t", 1, one);
	play_frame(&y, &f);
	CHECK_EQ(kafka_world_high_watermark(y.world, t, 0), 502);
	m_plain(&f, RT_REQ, 2, 1, 2,
		"\xff\xff\xff\xff\0\0\0\1\0\1t\0\0\0\2\0\0\0\4\xff\xff\xff\xff\xff\xff\xff\xff"
		"\0\0\0\5\xff\xff\xff\xff\xff\xff\xff\xfe",
		39);
	play_frame(&y, &f);
	m_plain(&f, RT_RESP, 2, 1, 2,
		"\0\0\0\1\0\1t\0\0\0\2\0\0\0\4\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\1\0"
		"\0\0\0\5\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\1",
		55);
	play_frame(&y, &f);
	CHECK_EQ(kafka_world_high_watermark(y.world, t, 4), 256);
	CHECK_EQ(kafka_world_high_watermark(y.world, t, 5), -1);
	CHECK_EQ(unparsed_total(&y), 0);
	play_close(&y);
}
