// SPDX-License-Identifier: GPL-2.0-or-later
/* redtap's own families, and the page as a whole. */
#include "proto/postgres.h"
#include "red_bed.h"

static const struct self_info info = {
	.version = "1.2.3", .capture = "socket", .kernel = "6.1.0", .send_stamp = "entry"};

TEST(self_shows_every_cause_from_the_start)
{
	static const char *const zeros[] = {
		"redtap_events_total",
		"redtap_events_lost_total{cause=\"ring_full\"}",
		"redtap_events_lost_total{cause=\"storage_refused\"}",
		"redtap_events_lost_total{cause=\"conn_table_full\"}",
		"redtap_events_lost_total{cause=\"proc_ring_full\"}",
		"redtap_events_lost_total{cause=\"conns_max\"}",
		"redtap_events_lost_total{cause=\"held_events\"}",
		"redtap_events_lost_total{cause=\"procs_max\"}",
		"redtap_events_lost_total{cause=\"carry_bytes\"}",
		"redtap_connections_ignored_total{cause=\"tls\"}",
		"redtap_gap_bytes_total{cause=\"limit\"}",
		"redtap_gap_bytes_total{cause=\"lost\"}",
		"redtap_unparsed_total{protocol=\"http\",cause=\"gap\"}",
		"redtap_unparsed_total{protocol=\"kafka\",cause=\"abandoned\"}",
		"redtap_connections{protocol=\"postgres\",role=\"server\"}",
		"redtap_batched_statements_total",
		"redtap_negative_durations_total",
		"redtap_series_folded_total",
		"redtap_ring_bytes",
		"redtap_map_bytes",
	};
	struct self *self;
	struct bed b;

	bed_up(&b);
	self = self_new(b.r, b.names, &info);
	REQUIRE(self);
	for (size_t i = 0; i < sizeof(zeros) / sizeof(*zeros); i++) {
		CHECK_STR(value(&b, zeros[i]), "0");
		if (test_failed)
			printf("# %s\n", zeros[i]);
	}
	CHECK_STR(value(&b, "redtap_build_info{version=\"1.2.3\",capture=\"socket\","
			    "kernel=\"6.1.0\",send_stamp=\"entry\"}"),
		  "1");
	pass(&b, 3600 * SECOND);
	CHECK_STR(value(&b, zeros[0]), "0");
	self_free(self);
	bed_down(&b);
}

TEST(self_values)
{
	static const struct self_program programs[] = {{"sock_send", 1500000000}};
	struct self_sample sample = {0};
	struct self *self;
	struct bed b;

	bed_up(&b);
	self = self_new(b.r, b.names, &info);
	REQUIRE(self);
	sample.stats[RT_STAT_EVENTS] = 11;
	sample.stats[RT_STAT_LOST_RING] = 12;
	sample.stats[RT_STAT_FAULT] = 13;
	sample.stats[RT_STAT_IGNORED_SELF] = 14;
	sample.lost[SELF_LOST_HELD] = 15;
	sample.gap_bytes[RT_GAP_SENDFILE] = 16;
	sample.unparsed[RT_PROTO_POSTGRES][RT_UNPARSED_ORPHAN] = 17;
	sample.connections[RT_PROTO_HTTP][RT_ROLE_CLIENT] = 18;
	sample.red.negative_durations = 19;
	sample.red.batched_statements = 20;
	sample.red.endpoints_folded = 21;
	sample.ring_bytes = 22;
	sample.map_bytes = 23;
	sample.programs = programs;
	sample.programs_len = 1;
	self_update(self, &sample);
	CHECK_STR(value(&b, "redtap_events_total"), "11");
	CHECK_STR(value(&b, "redtap_events_lost_total{cause=\"ring_full\"}"), "12");
	CHECK_STR(value(&b, "redtap_capture_total{kind=\"fault\"}"), "13");
	CHECK_STR(value(&b, "redtap_connections_ignored_total{cause=\"self\"}"), "14");
	CHECK_STR(value(&b, "redtap_events_lost_total{cause=\"held_events\"}"), "15");
	CHECK_STR(value(&b, "redtap_gap_bytes_total{cause=\"sendfile\"}"), "16");
	CHECK_STR(value(&b, "redtap_unparsed_total{protocol=\"postgres\",cause=\"orphan\"}"), "17");
	CHECK_STR(value(&b, "redtap_connections{protocol=\"http\",role=\"client\"}"), "18");
	CHECK_STR(value(&b, "redtap_negative_durations_total"), "19");
	CHECK_STR(value(&b, "redtap_batched_statements_total"), "20");
	CHECK_STR(value(&b, "redtap_endpoints_folded_total"), "21");
	CHECK_STR(value(&b, "redtap_ring_bytes"), "22");
	CHECK_STR(value(&b, "redtap_map_bytes"), "23");
	CHECK_STR(value(&b, "redtap_bpf_run_seconds_total{program=\"sock_send\"}"), "1.5");
	CHECK_EQ(atoi(value(&b, "redtap_series")), registry_count(b.r));
	self_free(self);
	bed_down(&b);
}

TEST(self_process)
{
	struct self_sample sample = {0};
	struct self *self;
	struct timespec t;
	double start;
	struct bed b;
	int fds, fd;

	bed_up(&b);
	self = self_new(b.r, b.names, &info);
	REQUIRE(self);
	fds = atoi(value(&b, "process_open_fds"));
	fd = dup(1);
	self_update(self, &sample);
	CHECK_EQ(atoi(value(&b, "process_open_fds")), fds + 1);
	close(fd);
	clock_gettime(CLOCK_REALTIME, &t);
	start = strtod(value(&b, "process_start_time_seconds"), NULL);
	CHECK(start > (double)t.tv_sec - 600 && start < (double)t.tv_sec + 2);
	CHECK(strtod(value(&b, "process_resident_memory_bytes"), NULL) > 100000);
	CHECK(strtod(value(&b, "process_virtual_memory_bytes"), NULL) >
	      strtod(value(&b, "process_resident_memory_bytes"), NULL));
	CHECK(strtod(value(&b, "process_max_fds"), NULL) >= 3);
	CHECK(*value(&b, "process_cpu_seconds_total"));
	self_free(self);
	bed_down(&b);
}

/* ---- the whole page ---- */

static void say_everything(struct bed *b)
{
	struct rt_txn batch = pg_txn("update", "", 3), fetch = kafka_txn(1, 0);
	struct red_who client = who(b, "api", "pg"), api = who(b, "api", "kafka");

	batch.pg.batch = 2;
	batch.pg.sent_ns = SECOND;
	batch.pg.row_ns = SECOND + MS;
	red_pool(b->red, NULL, &client, 0, PG_POOL_IDLE);
	fetch.kafka.waited = 1;
	say(b, "api", "", http_txn("GET", "/users/17", 200));
	say(b, "api", "up", http_txn("GET", "/users/17", 503));
	say(b, "api", "pg", pg_txn("select", "23505", 0));
	say(b, "api", "pg", batch);
	say(b, "pg", "", pg_txn("select", "", 0));
	say(b, "api", "kafka", fetch);
	red_delivered(b->red, &api, api.peer, 1, 2);
	lag_say(b, "", 7, 1);
	say(b, "kafka", "", kafka_txn(1, 3));
	records_say(b, "kafka", RT_KAFKA_CONSUMED, 3);
	red_in_flight_add(b->red, intern_put(b->names, SLICE("api")), 1);
}

TEST(families_and_labels_are_the_contract)
{
	static const char *const families[] = {
		"http_requests_total service method endpoint status",
		"http_request_duration_seconds service endpoint method",
		"http_response_first_byte_seconds service endpoint",
		"http_requests_in_flight service",
		"http_request_bytes_total service endpoint",
		"http_response_bytes_total service endpoint",
		"http_client_requests_total service peer method endpoint status",
		"http_client_request_duration_seconds service peer method",
		"db_query_duration_seconds service query_type database peer",
		"db_queries_total service query_type database peer outcome",
		"db_rows_total service query_type database",
		"db_first_row_seconds service query_type",
		"db_connection_pool_size service pool_state database peer",
		"db_server_queries_total service query_type database",
		"db_server_query_duration_seconds service query_type database",
		"kafka_messages_total service topic outcome",
		"kafka_bytes_total service topic direction",
		"kafka_requests_total service api peer error",
		"kafka_request_duration_seconds service api peer",
		"kafka_fetch_wait_seconds service peer",
		"kafka_consumer_lag_messages service topic partition group",
		"kafka_delivery_latency_seconds service topic",
		"kafka_server_requests_total service api",
		"kafka_server_request_duration_seconds service api",
		"errors_total service error_type severity",
	};
	const struct family *f;
	struct bed b;
	uint32_t n = 0;

	bed_up(&b);
	for (uint32_t i = 0; (f = registry_family_at(b.r, i)); i++) {
		struct buf text;

		buf_init(&text, 0);
		buf_str(&text, f->desc->name);
		for (uint32_t k = 0; k < f->labels; k++)
			buf_printf(&text, " %s", f->desc->labels[k]);
		buf_char(&text, '\0');
		REQUIRE(i < sizeof(families) / sizeof(*families));
		CHECK_STR(text.p, families[i]);
		buf_free(&text);
		n++;
	}
	CHECK_EQ(n, sizeof(families) / sizeof(*families));
	bed_down(&b);
}

TEST(promtool_is_silent)
{
	char file[] = "/tmp/redtap-test-XXXXXX", command[128], line[512], *page;
	struct self *self;
	struct bed b;
	FILE *f;
	int fd;

	if (system("promtool --version >/dev/null 2>&1"))
		SKIP("promtool is not installed");
	bed_up(&b);
	self = self_new(b.r, b.names, &info);
	REQUIRE(self);
	say_everything(&b);
	page = render(b.r);
	for (uint32_t i = 0; registry_family_at(b.r, i); i++) {
		const char *family = registry_family_at(b.r, i)->desc->name;

		if (strcmp(family, "redtap_bpf_run_seconds_total") != 0)
			CHECK(strstr(page, family));
	}
	fd = mkstemp(file);
	REQUIRE(fd >= 0);
	CHECK(write(fd, page, strlen(page)) == (ssize_t)strlen(page));
	close(fd);
	free(page);
	snprintf(command, sizeof(command), "promtool check metrics <%s 2>&1", file);
	f = popen(command, "r");
	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		printf("# %s", line);
		CHECK(!"promtool said something");
	}
	CHECK_EQ(pclose(f), 0);
	unlink(file);
	self_free(self);
	bed_down(&b);
}
