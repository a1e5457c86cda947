// SPDX-License-Identifier: GPL-2.0-or-later
/* Databases and Kafka. */
#include "red_bed.h"

/* ---- databases ---- */

TEST(db_client)
{
	struct rt_txn late = pg_txn("", "", 0);
	struct bed b;
	char *page;

	bed_up(&b);
	say(&b, "api", "postgres", pg_txn("select", "", 7));
	say(&b, "api", "postgres", pg_txn("select", "", 0));
	say(&b, "api", "postgres", pg_txn("insert", "23505", 0));
	CHECK_STR(value(&b, "db_queries_total{service=\"api\",query_type=\"select\","
			    "database=\"shop\",peer=\"postgres\",outcome=\"ok\"}"),
		  "2");
	CHECK_STR(value(&b, "db_queries_total{service=\"api\",query_type=\"insert\","
			    "database=\"shop\",peer=\"postgres\",outcome=\"error\"}"),
		  "1");
	CHECK_STR(value(&b, "db_query_duration_seconds_sum{service=\"api\",query_type=\"select\","
			    "database=\"shop\",peer=\"postgres\"}"),
		  "0.004");
	CHECK_STR(value(&b, "db_rows_total{service=\"api\",query_type=\"select\","
			    "database=\"shop\"}"),
		  "7");
	CHECK_STR(value(&b, "db_rows_total{service=\"api\",query_type=\"insert\","
			    "database=\"shop\"}"),
		  "");
	CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"sqlstate_23505\","
			    "severity=\"warning\"}"),
		  "1");
	page = render(b.r);
	CHECK(!strstr(page, "db_server_"));
	free(page);
	late.pg.database = SLICE("");
	say(&b, "api", "postgres", late);
	CHECK_STR(value(&b, "db_queries_total{service=\"api\",query_type=\"unknown\","
			    "database=\"unknown\",peer=\"postgres\",outcome=\"ok\"}"),
		  "1");
	bed_down(&b);
}

TEST(db_server)
{
	struct bed b;
	char *page;

	bed_up(&b);
	say(&b, "postgres", "", pg_txn("select", "", 7));
	say(&b, "postgres", "", pg_txn("select", "42P01", 0));
	CHECK_STR(value(&b, "db_server_queries_total{service=\"postgres\",query_type=\"select\","
			    "database=\"shop\"}"),
		  "2");
	CHECK_STR(value(&b, "db_server_query_duration_seconds_count{service=\"postgres\","
			    "query_type=\"select\",database=\"shop\"}"),
		  "2");
	CHECK_STR(value(&b, "errors_total{service=\"postgres\","
			    "error_type=\"db_server_sqlstate_42P01\",severity=\"warning\"}"),
		  "1");
	page = render(b.r);
	CHECK(!strstr(page, "db_queries_total"));
	CHECK(!strstr(page, "db_rows_total"));
	free(page);
	bed_down(&b);
}

TEST(db_severities)
{
	static const struct {
		const char *sqlstate;
		int fatal;
		const char *severity;
	} cases[] = {
		{"22P02", 0, "warning"},  {"42601", 0, "warning"},  {"25P02", 0, "warning"},
		{"28P01", 1, "warning"},  {"3D000", 1, "warning"},  {"0A000", 0, "warning"},
		{"40001", 0, "error"},    {"40P01", 0, "error"},    {"57014", 0, "error"},
		{"53100", 0, "error"},    {"53300", 1, "critical"}, {"57P01", 1, "critical"},
		{"57P05", 1, "warning"},  {"58030", 1, "critical"}, {"XX000", 0, "error"},
		{"XX000", 1, "critical"}, {"XX001", 0, "critical"}, {"08006", 1, "error"},
		{"P0001", 0, "error"},
	};
	char line[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rt_txn txn = pg_txn("select", cases[i].sqlstate, 0);
		struct bed b;

		bed_up(&b);
		txn.pg.fatal = (uint8_t)cases[i].fatal;
		say(&b, "api", "pg", txn);
		snprintf(line, sizeof(line),
			 "errors_total{service=\"api\",error_type=\"sqlstate_%s\",severity=\"%s\"}",
			 cases[i].sqlstate, cases[i].severity);
		CHECK_STR(value(&b, line), "1");
		bed_down(&b);
	}
}

TEST(db_sqlstate_that_is_none)
{
	struct bed b;

	bed_up(&b);
	say(&b, "api", "pg", pg_txn("select", "4\"601", 0));
	say(&b, "api", "pg", pg_txn("select", "42", 0));
	CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"sqlstate_other\","
			    "severity=\"error\"}"),
		  "2");
	bed_down(&b);
}

TEST(db_batches_are_counted)
{
	struct rt_txn txn = pg_txn("insert", "", 1);
	struct red_stats stats;
	struct bed b;

	bed_up(&b);
	txn.pg.batch = 3;
	for (int i = 0; i < 3; i++)
		say(&b, "api", "pg", txn);
	txn.pg.batch = 1;
	say(&b, "api", "pg", txn);
	red_stats(b.red, &stats);
	CHECK_EQ(stats.batched_statements, 3);
	CHECK_STR(value(&b, "db_query_duration_seconds_count{service=\"api\","
			    "query_type=\"insert\",database=\"shop\",peer=\"pg\"}"),
		  "4");
	bed_down(&b);
}

/* ---- Kafka ---- */

TEST(kafka_requests)
{
	struct rt_txn fetch = kafka_txn(1, 0);
	struct rt_txn unacked = kafka_txn(0, 0);
	struct bed b;

	bed_up(&b);
	say(&b, "api", "kafka", kafka_txn(0, 0));
	say(&b, "api", "kafka", kafka_txn(0, 6));
	fetch.kafka.waited = 1;
	fetch.kafka.wait_ns = 400 * MS;
	say(&b, "api", "kafka", fetch);
	unacked.flags = RT_TXN_NO_DURATION;
	unacked.end_ns = 0;
	say(&b, "api", "kafka", unacked);
	CHECK_STR(value(&b, "kafka_requests_total{service=\"api\",api=\"Produce\",peer=\"kafka\","
			    "error=\"\"}"),
		  "2");
	CHECK_STR(value(&b, "kafka_requests_total{service=\"api\",api=\"Produce\",peer=\"kafka\","
			    "error=\"NOT_LEADER_OR_FOLLOWER\"}"),
		  "1");
	CHECK_STR(value(&b, "kafka_request_duration_seconds_sum{service=\"api\",api=\"Produce\","
			    "peer=\"kafka\"}"),
		  "0.802");
	CHECK_STR(value(&b, "kafka_request_duration_seconds_sum{service=\"api\",api=\"Fetch\","
			    "peer=\"kafka\"}"),
		  "0.001");
	CHECK_STR(value(&b, "kafka_fetch_wait_seconds_sum{service=\"api\",peer=\"kafka\"}"), "0.4");
	CHECK_STR(value(&b, "kafka_fetch_wait_seconds_count{service=\"api\",peer=\"kafka\"}"), "1");
	CHECK_STR(value(&b, "errors_total{service=\"api\","
			    "error_type=\"kafka_NOT_LEADER_OR_FOLLOWER\",severity=\"warning\"}"),
		  "1");
	bed_down(&b);
}

TEST(kafka_broker)
{
	struct bed b;
	char *page;

	bed_up(&b);
	for (int i = 0; i < 2; i++)
		say(&b, "kafka", "", kafka_txn(0, 56));
	CHECK_STR(value(&b, "kafka_server_requests_total{service=\"kafka\",api=\"Produce\"}"), "2");
	CHECK_STR(value(&b, "kafka_server_request_duration_seconds_count{service=\"kafka\","
			    "api=\"Produce\"}"),
		  "2");
	CHECK_STR(value(&b,
			"errors_total{service=\"kafka\","
			"error_type=\"kafka_server_KAFKA_STORAGE_ERROR\",severity=\"critical\"}"),
		  "2");
	page = render(b.r);
	CHECK(!strstr(page, "kafka_requests_total"));
	free(page);
	bed_down(&b);
}

TEST(kafka_records)
{
	static const struct {
		enum rt_kafka_outcome outcome;
		const char *name;
		const char *count;
	} cases[] = {
		{RT_KAFKA_PRODUCED, "produced", "10"},
		{RT_KAFKA_PRODUCE_FAILED, "produce_failed", "3"},
		{RT_KAFKA_UNACKED, "unacked", "2"},
		{RT_KAFKA_CONSUMED, "consumed", "40"},
	};
	struct bed b;
	char line[128];

	bed_up(&b);
	records_say(&b, "kafka", RT_KAFKA_PRODUCED, 0);
	CHECK_EQ(registry_count(b.r), 0);
	records_say(&b, "kafka", RT_KAFKA_PRODUCED, 4);
	records_say(&b, "kafka", RT_KAFKA_PRODUCED, 6);
	records_say(&b, "kafka", RT_KAFKA_PRODUCE_FAILED, 3);
	records_say(&b, "kafka", RT_KAFKA_UNACKED, 2);
	records_say(&b, "kafka", RT_KAFKA_CONSUMED, 40);
	records_say(&b, "", RT_KAFKA_PRODUCED, 99); /* the broker's view of it */
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(line, sizeof(line),
			 "kafka_messages_total{service=\"api\",topic=\"orders\",outcome=\"%s\"}",
			 cases[i].name);
		CHECK_STR(value(&b, line), cases[i].count);
	}
	CHECK_STR(value(&b, "kafka_bytes_total{service=\"api\",topic=\"orders\","
			    "direction=\"produced\"}"),
		  "1200");
	CHECK_STR(value(&b, "kafka_bytes_total{service=\"api\",topic=\"orders\","
			    "direction=\"consumed\"}"),
		  "4000");
	bed_down(&b);
}

/* The newest of several counts; what is not said any more is gone at once. */
TEST(kafka_lag)
{
	const char *group = "kafka_consumer_lag_messages{service=\"api\",topic=\"orders\","
			    "partition=\"12\",group=\"%s\"}";
	char first[128], second[128];
	struct kafka_lag lag;
	struct bed b;

	snprintf(first, sizeof(first), group, "g1");
	snprintf(second, sizeof(second), group, "");
	bed_up(&b);
	lag_say(&b, "g1", 5, 1);
	CHECK_STR(value(&b, first), "5");
	lag = (struct kafka_lag){.service = intern_put(b.names, SLICE("api")),
				 .topic = intern_put(b.names, SLICE("orders")),
				 .partition = 12,
				 .group = intern_put(b.names, SLICE("g1"))};
	red_lag_begin(b.red);
	for (uint64_t at = 1; at <= 300; at++) {
		lag.at_ns = at * 11 % 301;
		lag.messages = 1000 + lag.at_ns;
		red_lag(b.red, &lag);
	}
	lag.group = INTERN_EMPTY;
	lag.messages = 9;
	red_lag(b.red, &lag);
	red_lag_end(b.red);
	CHECK_STR(value(&b, first), "1300");
	CHECK_STR(value(&b, second), "9");
	CHECK_EQ(registry_count(b.r), 2);
	lag_say(&b, "", 8, 1);
	CHECK_STR(value(&b, first), "");
	CHECK_STR(value(&b, second), "8");
	lag_say(&b, NULL, 0, 0);
	CHECK_EQ(registry_count(b.r), 0);
	lag_say(&b, "g1", 6, 1);
	CHECK_STR(value(&b, first), "6");
	bed_down(&b);
}

TEST(kafka_delivery)
{
	struct red_stats stats;
	struct red_who api, broker;
	struct bed b;
	uint32_t topic;

	bed_up(&b);
	api = who(&b, "api", "kafka");
	broker = who(&b, "kafka", "");
	topic = intern_put(b.names, SLICE("orders"));
	red_delivered(b.red, &api, topic, 10 * SECOND, 10 * SECOND + 30 * MS);
	red_delivered(b.red, &api, topic, 10 * SECOND, 9 * SECOND);
	red_delivered(b.red, &broker, topic, 10 * SECOND, 11 * SECOND);
	CHECK_STR(
		value(&b, "kafka_delivery_latency_seconds_count{service=\"api\",topic=\"orders\"}"),
		"2");
	CHECK_STR(value(&b, "kafka_delivery_latency_seconds_sum{service=\"api\",topic=\"orders\"}"),
		  "0.03");
	CHECK_EQ(registry_count(b.r), 1);
	red_stats(b.red, &stats);
	CHECK_EQ(stats.negative_durations, 1);
	bed_down(&b);
}
