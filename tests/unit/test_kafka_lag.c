// SPDX-License-Identifier: GPL-2.0-or-later
/* Lags of groups and of clients without one: what is learnt from which answer, whose it is, and
 * when it is over. */
#include "kafka_msgs.h"

#include "proto/kafka_world.h"

#define SECOND 1000000000ull
#define A      100 /* processes */
#define B      200
#define TOOL   300

/* One row a lag, sorted: "service topic/partition group messages". */
struct rows {
	struct play *y;
	char row[32][64];
	int n;
};

static uint32_t service_of(void *arg, uint32_t tgid)
{
	struct rows *r = arg;
	char name[16];

	snprintf(name, sizeof(name), "s%u", tgid);
	return intern_put(r->y->names, slice_str(name));
}

static void on_lag(void *arg, const struct kafka_lag *l)
{
	struct rows *r = arg;

	REQUIRE(r->n < 32);
	snprintf(r->row[r->n++], sizeof(r->row[0]), "%s %s/%d %s %llu; ",
		 (const char *)intern_get(r->y->names, l->service).p,
		 (const char *)intern_get(r->y->names, l->topic).p, l->partition,
		 (const char *)intern_get(r->y->names, l->group).p,
		 (unsigned long long)l->messages);
}

static int row_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static const char *lags_at(struct play *y, uint64_t now_ns)
{
	static char all[32 * 64];
	struct rows r = {.y = y};
	const struct kafka_lag_ops ops = {&r, service_of, on_lag};

	kafka_world_lags(y->world, now_ns, &ops);
	qsort(r.row, (size_t)r.n, sizeof(r.row[0]), row_compare);
	all[0] = '\0';
	for (int i = 0; i < r.n; i++)
		strcat(all, r.row[i]);
	if (r.n)
		all[strlen(all) - 2] = '\0';
	return all;
}

static const char *lags(struct play *y)
{
	return lags_at(y, y->ns);
}

/* ---- frames ---- */

static void beat(struct play *y, int api, int version, int flex, const char *group)
{
	struct frame f;

	f_request(&f, api, version, flex, 77);
	f_str(&f, group);
	if (api == 68) { /* member, epoch, ... */
		f_str(&f, "m");
		f_int(&f, 3, 4);
		f_varint(&f, 0);
		f_varint(&f, 0);
		f_int(&f, -1, 4);
		f_varint(&f, 0);
		f_varint(&f, 0);
		f_varint(&f, 0);
	} else {
		f_int(&f, 3, 4);
		f_str(&f, "m");
	}
	f_finish(&f);
	play_frame(y, &f);
	f_response(&f, api, version, flex, 77);
	f_int(&f, 0, 4);
	f_int(&f, 0, 2);
	f_finish(&f);
	play_frame(y, &f);
}

static void commit_request(struct frame *f, int version, int corr, const char *group,
			   const char *topic, int partition, int64_t offset)
{
	f_request(f, 8, version, 8, corr);
	f_str(f, group);
	f_int(f, 1, 4);
	f_str(f, "m");
	if (version >= 7)
		f_str(f, NULL);
	if (version >= 2 && version <= 4)
		f_int(f, -1, 8);
	f_array(f, 1);
	if (version >= 10)
		f_uuid(f, (uint8_t)topic[0]);
	else
		f_str(f, topic);
	f_array(f, 1);
	f_int(f, partition, 4);
	f_int(f, offset, 8);
	if (version >= 6)
		f_int(f, -1, 4);
	f_str(f, "");
	f_end(f);
	f_end(f);
	f_finish(f);
}

static void commit_answer(struct frame *f, int version, int corr, const char *topic, int partition,
			  int error)
{
	f_response(f, 8, version, 8, corr);
	if (version >= 3)
		f_int(f, 0, 4);
	f_array(f, 1);
	if (version >= 10)
		f_uuid(f, (uint8_t)topic[0]);
	else
		f_str(f, topic);
	f_array(f, 1);
	f_int(f, partition, 4);
	f_int(f, error, 2);
	f_end(f);
	f_end(f);
	f_finish(f);
}

static void commit(struct play *y, const char *group, int partition, int64_t offset)
{
	struct frame f;

	commit_request(&f, 9, 5, group, "t", partition, offset);
	play_frame(y, &f);
	commit_answer(&f, 9, 5, "t", partition, 0);
	play_frame(y, &f);
}

static void ask_offset(struct play *y, const char *group)
{
	struct frame f;

	f_request(&f, 9, 8, 6, 6);
	f_array(&f, 1);
	f_str(&f, group);
	f_array(&f, -1);
	f_end(&f);
	f_int(&f, 0, 1);
	f_finish(&f);
	play_frame(y, &f);
}

static void told_offset(struct play *y, const char *group, int partition, int64_t offset)
{
	struct frame f;

	f_response(&f, 9, 8, 6, 6);
	f_int(&f, 0, 4);
	f_array(&f, 1);
	f_str(&f, group);
	f_array(&f, 1);
	f_str(&f, "t");
	f_array(&f, 1);
	f_int(&f, partition, 4);
	f_int(&f, offset, 8);
	f_int(&f, -1, 4);
	f_str(&f, "");
	f_int(&f, 0, 2);
	f_end(&f);
	f_end(&f);
	f_int(&f, 0, 2);
	f_end(&f);
	f_finish(&f);
	play_frame(y, &f);
}

/* The end of the log as a client without a process sees it. */
static void appended(struct play *y, int partition, int64_t end)
{
	uint32_t t = intern_put(y->names, SLICE("t"));

	CHECK(kafka_world_set_high_watermark(y->world, t, partition, end, y->ns, y->ns + 1));
	y->ns += 2;
}

static struct fetch fetch_of(int corr, int partition, int64_t offset)
{
	return (struct fetch){.version = 11,
			      .corr = corr,
			      .replica = -1,
			      .epoch = -1,
			      .topic = "t",
			      .n = 1,
			      .want = {{partition, offset}},
			      .forget = -1};
}

static void fetch(struct play *y, int partition, int64_t offset, int n, int64_t end)
{
	const struct got got = {
		partition, 0, end, end, 0, 0, n > 0, {{.base = offset, .count = n, .pid = -1}}, 0};
	struct fetch q = fetch_of(9, partition, offset);
	struct frame f;

	m_fetch(&f, &q);
	play_frame(y, &f);
	m_fetched(&f, 11, 9, 0, 0, "t", 1, &got);
	play_frame(y, &f);
}

static void open_as(struct play *y, struct play *share, uint32_t tgid)
{
	play_open(y, share, 0);
	if (!share)
		y->ns = 1000 * SECOND;
	kafka_conn_set_owner(y->conn, tgid, RT_ROLE_CLIENT);
}

/* ---- groups ---- */

TEST(committed)
{
	for (int version = 2; version <= 10; version++) {
		struct frame f;
		struct play y;

		open_as(&y, NULL, A);
		if (version == 10) {
			m_metadata(&f, 1);
			play_frame(&y, &f);
			m_described(&f, 1, 't', "t", 0);
			play_frame(&y, &f);
		}
		appended(&y, 2, 99);
		commit_request(&f, version, 5, "gg", "t", 2, 90);
		play_frame(&y, &f);
		CHECK_STR(lags(&y), "");
		commit_answer(&f, version, 5, "t", 2, 0);
		play_frame(&y, &f);
		CHECK_STR(lags(&y), "s100 t/2 gg 9");
		CHECK_EQ(kafka_world_group(y.world, A, SLICE("c-one")),
			 intern_put(y.names, SLICE("gg")));
		/* refused: nothing is committed */
		commit_request(&f, version, 5, "gg", "t", 2, 95);
		play_frame(&y, &f);
		commit_answer(&f, version, 5, "t", 2, 22);
		play_frame(&y, &f);
		CHECK_STR(lags(&y), "s100 t/2 gg 9");
		play_close(&y);
	}
}

/* The answer alone makes a commit, wherever the connection is cut. */
TEST(commit_at_every_split)
{
	struct frame q, a;

	commit_request(&q, 9, 5, "gg", "t", 2, 90);
	commit_answer(&a, 9, 5, "t", 2, 0);
	for (size_t cut = 1; cut < q.n + a.n; cut++) {
		struct play y;

		open_as(&y, NULL, A);
		appended(&y, 2, 99);
		if (cut < q.n) {
			play_bytes(&y, RT_REQ, q.p, cut, true);
			play_bytes(&y, RT_REQ, q.p + cut, q.n - cut, true);
			play_frame(&y, &a);
		} else if (cut > q.n) {
			play_frame(&y, &q);
			play_bytes(&y, RT_RESP, a.p, cut - q.n, true);
			play_bytes(&y, RT_RESP, a.p + cut - q.n, a.n - (cut - q.n), true);
		} else {
			play_frame(&y, &q);
			play_frame(&y, &a);
		}
		CHECK_STR(lags(&y), "s100 t/2 gg 9");
		play_close(&y);
	}
}

/* Groups of one service are apart, and so are the members of one group in two services. */
TEST(groups_and_services)
{
	struct play a, b;

	open_as(&a, NULL, A);
	open_as(&b, &a, B);
	appended(&a, 0, 100);
	appended(&a, 1, 200);
	beat(&a, 12, 4, 4, "g1");
	commit(&a, "g1", 0, 60);
	commit(&a, "g2", 0, 70);
	b.ns = a.ns;
	beat(&b, 12, 4, 4, "g1");
	commit(&b, "g1", 1, 150);
	CHECK_STR(lags(&b), "s100 t/0 g1 40; s100 t/0 g2 30; s200 t/1 g1 50");
	/* The partition goes over to the other member: one owner at a time. */
	commit(&b, "g1", 0, 80);
	CHECK_STR(lags(&b), "s100 t/0 g2 30; s200 t/0 g1 20; s200 t/1 g1 50");
	play_close(&b);
	play_close(&a);
}

/* What is asked for by a tool is nobody's, and what it resets stays the consumer's. */
TEST(tools)
{
	struct play a, tool;

	open_as(&a, NULL, A);
	open_as(&tool, &a, TOOL);
	appended(&a, 0, 100);
	tool.ns = a.ns;
	ask_offset(&tool, "gg");
	told_offset(&tool, "gg", 0, 50);
	CHECK_STR(lags(&tool), "");
	a.ns = tool.ns;
	beat(&a, 12, 4, 4, "gg");
	ask_offset(&a, "gg");
	told_offset(&a, "gg", 0, 50);
	CHECK_STR(lags(&a), "s100 t/0 gg 50");
	tool.ns = a.ns;
	commit(&tool, "gg", 0, 10);
	CHECK_STR(lags(&tool), "s100 t/0 gg 90");
	/* deleted */
	ask_offset(&tool, "gg");
	told_offset(&tool, "gg", 0, -1);
	CHECK_STR(lags(&tool), "");
	/* a program that does nothing but commit has nobody to take it from */
	commit(&tool, "hh", 0, 99);
	CHECK_STR(lags(&tool), "s300 t/0 hh 1");
	play_close(&tool);
	play_close(&a);
}

/* A consumer that was assigned its partition by hand asks for its offset before it fetches. */
TEST(assigned_by_hand)
{
	struct play y;

	open_as(&y, NULL, A);
	appended(&y, 0, 100);
	ask_offset(&y, "gg");
	told_offset(&y, "gg", 0, 50);
	CHECK_STR(lags(&y), "");
	fetch(&y, 0, 50, 10, 100);
	CHECK_STR(lags(&y), "s100 t/0 gg 50");
	play_close(&y);
}

/* The broker's end of the connection says nothing about groups, but where the log ends. */
TEST(seen_from_the_broker)
{
	struct play y, client;

	play_open(&y, NULL, 0);
	y.ns = 1000 * SECOND;
	kafka_conn_set_owner(y.conn, 55, RT_ROLE_SERVER);
	open_as(&client, &y, A);
	beat(&y, 12, 4, 4, "gg");
	commit(&y, "gg", 0, 10);
	fetch(&y, 0, 10, 5, 40);
	CHECK_STR(lags_at(&y, y.ns + 60 * SECOND), "");
	client.ns = y.ns;
	commit(&client, "gg", 0, 10);
	CHECK_STR(lags(&client), "s100 t/0 gg 30");
	play_close(&client);
	play_close(&y);
}

/* An answer that was read late does not undo what is newer. */
TEST(late_answers)
{
	struct play a, b;
	uint32_t t;

	open_as(&a, NULL, A);
	open_as(&b, &a, B);
	t = intern_put(a.names, SLICE("t"));
	ask_offset(&b, "gg");
	a.ns = b.ns;
	commit(&a, "gg", 0, 80);
	b.ns = a.ns;
	told_offset(&b, "gg", 0, 10);
	appended(&b, 0, 100);
	CHECK_STR(lags(&b), "s100 t/0 gg 20");
	/* asked for before the mark was seen, lower: it is older */
	CHECK(kafka_world_set_high_watermark(a.world, t, 0, 90, b.ns - 5, b.ns + 9));
	CHECK_EQ(kafka_world_high_watermark(a.world, t, 0), 100);
	/* at least so long says nothing new either */
	CHECK(kafka_world_set_high_watermark(a.world, t, 0, 95, 0, b.ns + 10));
	CHECK_EQ(kafka_world_high_watermark(a.world, t, 0), 100);
	/* asked for after: the log was cut */
	CHECK(kafka_world_set_high_watermark(a.world, t, 0, 90, b.ns + 20, b.ns + 30));
	CHECK_EQ(kafka_world_high_watermark(a.world, t, 0), 90);
	/* committed beyond what is known of the log */
	b.ns += 40;
	commit(&b, "gg", 0, 95);
	CHECK_STR(lags(&b), "s100 t/0 gg 0");
	play_close(&b);
	play_close(&a);
}

/* Ten minutes after the group's last sign, whatever the log does meanwhile. */
TEST(a_group_dies)
{
	struct play y;
	uint64_t last;

	open_as(&y, NULL, A);
	appended(&y, 0, 100);
	appended(&y, 1, 10);
	commit(&y, "gg", 0, 90);
	commit(&y, "gg", 1, 10);
	y.ns += 500 * SECOND;
	beat(&y, 68, 1, 0, "gg");
	last = y.ns;
	y.ns += 590 * SECOND;
	appended(&y, 0, 1000);
	kafka_world_sweep(y.world, y.ns - 600 * SECOND);
	CHECK_STR(lags(&y), "s100 t/0 gg 910; s100 t/1 gg 0");
	kafka_world_sweep(y.world, last - 10);
	CHECK_STR(lags(&y), "s100 t/0 gg 910; s100 t/1 gg 0");
	kafka_world_sweep(y.world, last + 1);
	CHECK_STR(lags(&y), "");
	CHECK_EQ(kafka_world_group(y.world, A, SLICE("c-one")), INTERN_EMPTY);
	kafka_world_sweep(y.world, y.ns + 1);
	CHECK_EQ(kafka_world_high_watermark(y.world, intern_put(y.names, SLICE("t")), 0), -1);
	play_close(&y);
}

TEST(a_topic_is_deleted)
{
	for (int version = 1; version <= 6; version += 5) {
		struct play y;
		struct frame f;

		open_as(&y, NULL, A);
		appended(&y, 0, 100);
		commit(&y, "gg", 0, 90);
		for (int error = 29; error >= 0; error -= 29) {
			CHECK_STR(lags(&y), "s100 t/0 gg 10");
			f_request(&f, 20, version, 4, 5);
			f_finish(&f);
			play_frame(&y, &f);
			f_response(&f, 20, version, 4, 5);
			f_int(&f, 0, 4);
			f_array(&f, 1);
			f_str(&f, "t");
			if (version >= 6)
				f_uuid(&f, 't');
			f_int(&f, error, 2);
			if (version >= 5)
				f_str(&f, NULL);
			f_end(&f);
			f_finish(&f);
			play_frame(&y, &f);
		}
		CHECK_STR(lags(&y), "");
		play_close(&y);
	}
}

/* Names are asked for once, for the process may be gone; and again when they were changed. */
TEST(services_are_kept)
{
	struct play y;

	open_as(&y, NULL, A);
	appended(&y, 0, 100);
	commit(&y, "gg", 0, 90);
	CHECK_STR(lags(&y), "s100 t/0 gg 10");
	kafka_world_forget_services(y.world);
	CHECK_STR(lags(&y), "s100 t/0 gg 10");
	play_close(&y);
}

/* Met late: what a Fetch says of an id counts once Metadata names it; made anew under another id, a
 * topic begins again. */
TEST(topic_ids)
{
	struct fetch q = fetch_of(1, 0, 10);
	struct play y;
	struct frame f;

	open_as(&y, NULL, A);
	q.version = 13;
	q.n = 4;
	for (int i = 0; i < 4; i++)
		q.want[i] = (struct want){i, 10};
	q.topic = "z";
	m_fetch(&f, &q);
	play_frame(&y, &f);
	for (int i = 0; i < 4; i++) {
		const struct got got = {i, 0, 40 + i, 40 + i, 0, 0, 0, {{0}}, 0};

		m_fetched(&f, 13, 1, 0, 0, "z", 1, &got);
		if (i)
			CHECK(kafka_world_set_high_watermark(
				y.world,
				kafka_world_topic(y.world, slice_make(memset(f.p, 'z', 16), 16)), i,
				40 + i, y.ns, y.ns));
		else
			play_frame(&y, &f);
	}
	commit(&y, "gg", 1, 30);
	commit(&y, "gg", 3, 41);
	CHECK_STR(lags(&y), "");
	m_metadata(&f, 2);
	play_frame(&y, &f);
	m_described(&f, 2, 'z', "t", 0);
	play_frame(&y, &f);
	CHECK_STR(lags(&y), "s100 t/1 gg 11; s100 t/3 gg 2");
	/* by name the mark moves on */
	appended(&y, 3, 50);
	CHECK_STR(lags(&y), "s100 t/1 gg 11; s100 t/3 gg 9");
	m_metadata(&f, 3);
	play_frame(&y, &f);
	m_described(&f, 3, 'x', "t", 0);
	play_frame(&y, &f);
	CHECK_STR(lags(&y), "");
	CHECK_EQ(kafka_world_high_watermark(y.world, intern_put(y.names, SLICE("t")), 3), -1);
	play_close(&y);
}

/* ---- transactions ---- */

static void txn_commit(struct play *y, int version, int64_t pid, int64_t offset, int error)
{
	struct frame f;

	m_txn_commit(&f, version, 8, pid, "gg", "t", offset);
	play_frame(y, &f);
	m_txn_committed(&f, version, 8, "t", error);
	play_frame(y, &f);
}

static void txn_end(struct play *y, int version, int64_t pid, int committed, int error)
{
	struct frame f;

	m_txn_end(&f, version, 9, pid, committed);
	play_frame(y, &f);
	m_txn_ended(&f, version, 9, pid, error);
	play_frame(y, &f);
}

TEST(committed_in_a_transaction)
{
	for (int version = 0; version <= 5; version++) {
		struct play group, other;

		/* offsets go to the group's coordinator, the end to the transaction's */
		open_as(&group, NULL, A);
		open_as(&other, &group, A);
		appended(&group, 0, 100);
		txn_commit(&group, version, 7, 30, 0);
		txn_commit(&group, version, 7, 99, 16);
		CHECK_STR(lags(&group), "");
		other.ns = group.ns;
		txn_end(&other, version, 8, 1, 0);
		txn_end(&other, version, 7, 1, 51);
		CHECK_STR(lags(&other), "");
		txn_end(&other, version, 7, 1, 0);
		CHECK_STR(lags(&other), "s100 t/0 gg 70");
		group.ns = other.ns;
		txn_commit(&group, version, 7, 60, 0);
		other.ns = group.ns;
		txn_end(&other, version, 7, 0, 0);
		CHECK_STR(lags(&other), "s100 t/0 gg 70");
		txn_end(&other, version, 7, 1, 0);
		CHECK_STR(lags(&other), "s100 t/0 gg 70");
		play_close(&other);
		play_close(&group);
	}
}

TEST(transactions_are_bounded)
{
	struct play y;

	open_as(&y, NULL, A);
	appended(&y, 0, 100);
	for (int i = 0; i <= KAFKA_TXN_COMMITS_MAX; i++) {
		txn_commit(&y, 3, 7, 30, 0);
		play_said(&y);
	}
	CHECK_EQ(y.unparsed[RT_UNPARSED_LIMIT], 1);
	kafka_world_sweep(y.world, y.ns + 1);
	txn_commit(&y, 3, 7, 30, 0);
	CHECK_EQ(y.unparsed[RT_UNPARSED_LIMIT], 1);
	play_close(&y);
}

/* ---- without a group ---- */

TEST(position)
{
	struct play y;
	uint64_t begin;

	open_as(&y, NULL, A);
	begin = y.ns;
	fetch(&y, 3, 10, 5, 40);
	CHECK_STR(lags(&y), "");
	CHECK_STR(lags_at(&y, begin + KAFKA_GROUP_WAIT_NS - SECOND), "");
	CHECK_STR(lags_at(&y, begin + KAFKA_GROUP_WAIT_NS + SECOND), "s100 t/3  25");
	fetch(&y, 3, 15, 25, 40);
	CHECK_STR(lags_at(&y, begin + KAFKA_GROUP_WAIT_NS + SECOND), "s100 t/3  0");
	/* dead, while others still write */
	y.ns += 599 * SECOND;
	appended(&y, 3, 1000);
	kafka_world_sweep(y.world, y.ns - 600 * SECOND);
	CHECK_STR(lags(&y), "s100 t/3  960");
	y.ns += 2 * SECOND;
	kafka_world_sweep(y.world, y.ns - 600 * SECOND);
	CHECK_STR(lags(&y), "");
	play_close(&y);
}

/* Met late, the group shows with the next heartbeat: the position is none of it. */
TEST(group_learnt_late)
{
	struct play data, coordinator;

	open_as(&data, NULL, A);
	open_as(&coordinator, &data, A);
	fetch(&data, 3, 10, 5, 40);
	CHECK_STR(lags_at(&data, data.ns + 60 * SECOND), "s100 t/3  25");
	coordinator.ns = data.ns;
	beat(&coordinator, 68, 0, 0, "gg");
	CHECK_STR(lags_at(&data, data.ns + 60 * SECOND), "");
	fetch(&data, 3, 15, 5, 40);
	CHECK_STR(lags_at(&data, data.ns + 60 * SECOND), "");
	coordinator.ns = data.ns;
	commit(&coordinator, "gg", 3, 12);
	CHECK_STR(lags(&coordinator), "s100 t/3 gg 28");
	play_close(&coordinator);
	play_close(&data);
}

/* A partition that left the fetch session is over ten minutes later, though its client lives. */
TEST(forgotten_partition)
{
	struct fetch q = {12, 1, -1, 0, 0, 0, "t", 2, {{0, 10}, {1, 20}}, -1};
	const struct got got[] = {{0, 0, 15, 15, 0, 0, 0, {{0}}, 0},
				  {1, 0, 25, 25, 0, 0, 0, {{0}}, 0}};
	struct frame f;
	struct play y;

	open_as(&y, NULL, A);
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 12, 1, 0, 555, "t", 2, got);
	play_frame(&y, &f);
	q = (struct fetch){12, 2, -1, 0, 555, 1, "t", 0, {{0}}, 1};
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 12, 2, 0, 555, "t", 0, NULL);
	play_frame(&y, &f);
	y.ns += 601 * SECOND;
	q = (struct fetch){12, 3, -1, 0, 555, 2, "t", 0, {{0}}, -1};
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 12, 3, 0, 555, "t", 0, NULL);
	play_frame(&y, &f);
	CHECK_STR(lags(&y), "s100 t/0  5; s100 t/1  5");
	kafka_world_sweep(y.world, y.ns - 600 * SECOND);
	CHECK_STR(lags(&y), "s100 t/0  5");
	play_close(&y);
}

/* ---- time stamps ---- */

TEST(delivered)
{
	const struct got got = {
		2,
		0,
		130,
		130,
		0,
		0,
		4,
		{{.base = 90, .count = 5, .pid = -1}, /* before the offset */
		 {.base = 95, .count = 10, .pid = -1},
		 {.base = 105, .count = 1, .attrs = 0x30, .pid = 5},   /* control */
		 {.base = 106, .count = 4, .attrs = 0x08, .pid = -1}}, /* broker's clock */
		0};
	struct fetch q = fetch_of(1, 2, 100);
	struct frame f;
	struct play y;

	open_as(&y, NULL, A);
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 11, 1, 0, 0, "t", 1, &got);
	play_frame(&y, &f);
	CHECK_EQ(y.delivered, 1);
	CHECK_EQ(y.stamp_ms, 1700000000900);
	q.corr = 2;
	q.replica = 1;
	m_fetch(&f, &q);
	play_frame(&y, &f);
	m_fetched(&f, 11, 2, 0, 0, "t", 1, &got);
	play_frame(&y, &f);
	CHECK_EQ(y.delivered, 1);
	CHECK_STR(play_said(&y), "t/2 consumed 9; Fetch.11 waited; Fetch.11");
	play_close(&y);
}
