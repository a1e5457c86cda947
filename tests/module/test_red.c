// SPDX-License-Identifier: GPL-2.0-or-later
#include "red_bed.h"

/* ---- HTTP ---- */

TEST(http_server)
{
	struct bed b;

	bed_up(&b);
	for (int i = 0; i < 3; i++)
		say(&b, "api", "", http_txn("GET", "/users/17?x=1", 200));
	say(&b, "api", "", http_txn("POST", "/users/17", 503));
	say(&b, "api", "", http_txn("GET", "/users/17", 404));
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			    "endpoint=\"/users/{id}\",status=\"200\"}"),
		  "3");
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"POST\","
			    "endpoint=\"/users/{id}\",status=\"503\"}"),
		  "1");
	CHECK_STR(value(&b, "http_request_duration_seconds_bucket{service=\"api\","
			    "endpoint=\"/users/{id}\",method=\"GET\",le=\"0.0025\"}"),
		  "0");
	CHECK_STR(value(&b, "http_request_duration_seconds_bucket{service=\"api\","
			    "endpoint=\"/users/{id}\",method=\"GET\",le=\"0.005\"}"),
		  "4");
	CHECK_STR(value(&b, "http_request_duration_seconds_sum{service=\"api\","
			    "endpoint=\"/users/{id}\",method=\"GET\"}"),
		  "0.012");
	CHECK_STR(value(&b, "http_response_first_byte_seconds_sum{service=\"api\","
			    "endpoint=\"/users/{id}\"}"),
		  "0.01");
	CHECK_STR(value(&b, "http_request_bytes_total{service=\"api\",endpoint=\"/users/{id}\"}"),
		  "500");
	CHECK_STR(value(&b, "http_response_bytes_total{service=\"api\",endpoint=\"/users/{id}\"}"),
		  "5000");
	CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"http_503\","
			    "severity=\"error\"}"),
		  "1");
	CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"http_404\","
			    "severity=\"warning\"}"),
		  "1");
	bed_down(&b);
}

TEST(http_client)
{
	struct bed b;
	char *page;

	bed_up(&b);
	say(&b, "api", "db-api", http_txn("GET", "/v1/items", 200));
	say(&b, "api", "db-api", http_txn("GET", "/v1/items", 500));
	say(&b, "api", "10.0.0.1:80", http_txn("GET", "/v1/items", 200));
	CHECK_STR(value(&b, "http_client_requests_total{service=\"api\",peer=\"db-api\","
			    "method=\"GET\",endpoint=\"/v1/items\",status=\"200\"}"),
		  "1");
	CHECK_STR(value(&b, "http_client_requests_total{service=\"api\",peer=\"10.0.0.1:80\","
			    "method=\"GET\",endpoint=\"/v1/items\",status=\"200\"}"),
		  "1");
	CHECK_STR(value(&b, "http_client_request_duration_seconds_count{service=\"api\","
			    "peer=\"db-api\",method=\"GET\"}"),
		  "2");
	CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"http_client_500\","
			    "severity=\"error\"}"),
		  "1");
	page = render(b.r);
	CHECK(!strstr(page, "http_requests_total"));
	CHECK(!strstr(page, "http_response_bytes_total"));
	CHECK(!strstr(page, "error_type=\"http_500\""));
	free(page);
	bed_down(&b);
}

TEST(http_no_response)
{
	struct rt_txn txn = http_txn("GET", "/slow", 0);
	struct bed b;
	char *page;

	bed_up(&b);
	txn.first_ns = txn.end_ns = txn.resp_bytes = 0;
	txn.flags = RT_TXN_NO_DURATION;
	say(&b, "api", "", txn);
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			    "endpoint=\"/slow\",status=\"error\"}"),
		  "1");
	CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"http_error\","
			    "severity=\"error\"}"),
		  "1");
	page = render(b.r);
	CHECK(!strstr(page, "_seconds"));
	free(page);
	bed_down(&b);
}

TEST(http_aborted_body)
{
	struct rt_txn txn = http_txn("GET", "/big", 200);
	struct bed b;
	char *page;

	bed_up(&b);
	txn.end_ns = 0;
	txn.flags = RT_TXN_NO_DURATION | RT_TXN_ABORTED;
	say(&b, "api", "", txn);
	say(&b, "api", "up", txn);
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			    "endpoint=\"/big\",status=\"200\"}"),
		  "1");
	CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"http_aborted\","
			    "severity=\"error\"}"),
		  "1");
	CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"http_client_aborted\","
			    "severity=\"error\"}"),
		  "1");
	CHECK_STR(value(&b, "http_response_first_byte_seconds_count{service=\"api\","
			    "endpoint=\"/big\"}"),
		  "1");
	page = render(b.r);
	CHECK(!strstr(page, "http_request_duration_seconds"));
	CHECK(!strstr(page, "error_type=\"http_200\""));
	free(page);
	bed_down(&b);
}

TEST(http_stream_has_a_first_byte_only)
{
	struct rt_txn txn = http_txn("GET", "/events", 200);
	struct bed b;
	char *page;

	bed_up(&b);
	txn.end_ns = 300 * SECOND;
	txn.flags = RT_TXN_STREAM;
	say(&b, "api", "", txn);
	page = render(b.r);
	CHECK(!strstr(page, "http_request_duration_seconds"));
	free(page);
	CHECK_STR(value(&b, "http_response_first_byte_seconds_sum{service=\"api\","
			    "endpoint=\"/events\"}"),
		  "0.002");
	bed_down(&b);
}

TEST(http_orphan_response)
{
	struct rt_txn txn = http_txn("_OTHER", "", 200);
	struct bed b;
	char *page;

	bed_up(&b);
	txn.start_ns = 0;
	txn.flags = RT_TXN_NO_DURATION;
	say(&b, "api", "", txn);
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"_OTHER\","
			    "endpoint=\"other\",status=\"200\"}"),
		  "1");
	page = render(b.r);
	CHECK(!strstr(page, "_seconds"));
	free(page);
	bed_down(&b);
}

TEST(http_methods_and_statuses)
{
	static const char *const methods[] = {"CONNECT", "DELETE", "GET", "HEAD",  "OPTIONS",
					      "PATCH",   "POST",   "PUT", "TRACE", "QUERY"};
	struct bed b;
	char line[200];

	bed_up(&b);
	for (int i = 0; i < 10; i++) {
		say(&b, "api", "", http_txn(methods[i], "/m", 200));
		snprintf(line, sizeof(line),
			 "http_requests_total{service=\"api\",method=\"%s\",endpoint=\"%s\","
			 "status=\"200\"}",
			 methods[i], i ? "/m" : "authority");
		CHECK_STR(value(&b, line), "1");
	}
	say(&b, "api", "", http_txn("get", "/m", 200));
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"_OTHER\","
			    "endpoint=\"/m\",status=\"200\"}"),
		  "1");
	for (uint16_t status = 100; status < 1000; status++) {
		say(&b, "s", "", http_txn("GET", "/m", status));
		say(&b, "s", "", http_txn("GET", "/m", status));
	}
	for (int status = 100; status < 1000; status += 99) {
		snprintf(line, sizeof(line),
			 "http_requests_total{service=\"s\",method=\"GET\",endpoint=\"/m\","
			 "status=\"%d\"}",
			 status);
		CHECK_STR(value(&b, line), "2");
	}
	CHECK_STR(value(&b, "errors_total{service=\"s\",error_type=\"http_599\","
			    "severity=\"error\"}"),
		  "2");
	bed_down(&b);
}

TEST(negative_durations_are_zero_and_counted)
{
	struct rt_txn txn = http_txn("GET", "/x", 200);
	struct red_stats stats;
	struct bed b;

	bed_up(&b);
	txn.end_ns = txn.start_ns - 5;
	txn.first_ns = txn.start_ns - 7;
	say(&b, "api", "", txn);
	red_stats(b.red, &stats);
	CHECK_EQ(stats.negative_durations, 2);
	CHECK_STR(value(&b, "http_request_duration_seconds_bucket{service=\"api\","
			    "endpoint=\"/x\",method=\"GET\",le=\"0.0001\"}"),
		  "1");
	CHECK_STR(value(&b, "http_request_duration_seconds_sum{service=\"api\","
			    "endpoint=\"/x\",method=\"GET\"}"),
		  "0");
	bed_down(&b);
}

TEST(in_flight)
{
	struct bed b;
	uint32_t api;

	bed_up(&b);
	api = intern_put(b.names, SLICE("api"));
	red_in_flight_add(b.red, api, 2);
	red_in_flight_add(b.red, api, 1);
	red_in_flight_add(b.red, api, -1);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"api\"}"), "2");
	/* a stream that outlives everything else still shows */
	pass(&b, 3600 * SECOND);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"api\"}"), "2");
	red_in_flight_add(b.red, api, -3);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"api\"}"), "0");
	red_in_flight_add(b.red, api, 1);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"api\"}"), "0");
	red_in_flight_add(b.red, UINT32_MAX, 1);
	pass(&b, 3600 * SECOND);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"api\"}"), "");
	bed_down(&b);
}

/* What was added to `other` is taken from there, even when there is room again by then. */
TEST(in_flight_folded)
{
	struct bed b;
	uint32_t early[2], late[2];

	bed_up_with(&b, 2, 0);
	early[0] = intern_put(b.names, SLICE("early0"));
	early[1] = intern_put(b.names, SLICE("early1"));
	late[0] = intern_put(b.names, SLICE("late0"));
	late[1] = intern_put(b.names, SLICE("late1"));
	red_in_flight_add(b.red, early[0], 1);
	red_in_flight_add(b.red, early[1], 1);
	red_in_flight_add(b.red, late[0], 2);
	red_in_flight_add(b.red, late[1], 3);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"other\"}"), "5");
	red_in_flight_add(b.red, early[0], -1);
	red_in_flight_add(b.red, early[1], -1);
	pass(&b, 3600 * SECOND);
	CHECK_EQ(registry_count(b.r), 1);
	red_in_flight_add(b.red, late[0], -1);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"other\"}"), "4");
	red_in_flight_add(b.red, late[1], -3);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"other\"}"), "1");
	red_in_flight_add(b.red, late[0], -1);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"other\"}"), "0");
	/* nothing is open, so the next one is booked afresh */
	red_in_flight_add(b.red, late[0], 5);
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"late0\"}"), "5");
	CHECK_STR(value(&b, "http_requests_in_flight{service=\"other\"}"), "0");
	bed_down(&b);
}

/* ---- endpoints ---- */

TEST(endpoints_are_capped_per_service)
{
	struct red_stats stats;
	struct bed b;
	char target[32];
	uint32_t names;

	bed_up_with(&b, 0, 5);
	for (int i = 0; i < 5; i++) {
		snprintf(target, sizeof(target), "/page-%c", 'a' + i);
		say(&b, "api", "", http_txn("GET", target, 200));
	}
	names = intern_count(b.names);
	for (int i = 0; i < 20; i++) {
		snprintf(target, sizeof(target), "/junk-%c", 'a' + i);
		say(&b, "api", "", http_txn("GET", target, 200));
		say(&b, "api", "", http_txn("GET", target, 200));
	}
	CHECK_EQ(intern_count(b.names), names);
	say(&b, "api", "", http_txn("GET", "/page-c", 200));
	say(&b, "web", "", http_txn("GET", "/junk-a", 200));
	red_stats(b.red, &stats);
	CHECK_EQ(stats.endpoints_folded, 40);
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			    "endpoint=\"other\",status=\"200\"}"),
		  "40");
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			    "endpoint=\"/page-c\",status=\"200\"}"),
		  "2");
	CHECK_STR(value(&b, "http_requests_total{service=\"web\",method=\"GET\","
			    "endpoint=\"/junk-a\",status=\"200\"}"),
		  "1");
	bed_down(&b);
}

/* As series leave: by default, and where the operator says otherwise meanwhile. */
static void make_room(uint64_t expire_ns)
{
	const uint64_t step_ns = (expire_ns ? expire_ns : REGISTRY_EXPIRE_NS) / 8;
	struct bed b;

	bed_up_with(&b, 0, 2);
	if (expire_ns)
		registry_expire_after(b.r, expire_ns);
	say(&b, "api", "", http_txn("GET", "/old", 200));
	say(&b, "api", "", http_txn("GET", "/used", 200));
	for (int i = 0; i < 12; i++) {
		pass(&b, step_ns);
		say(&b, "api", "", http_txn("GET", "/used", 200));
		say(&b, "api", "", http_txn("GET", "/new", 200));
	}
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			    "endpoint=\"/used\",status=\"200\"}"),
		  "13");
	CHECK(atoi(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			     "endpoint=\"/new\",status=\"200\"}")) >= 2);
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			    "endpoint=\"/old\",status=\"200\"}"),
		  "");
	say(&b, "api", "", http_txn("GET", "/old", 200));
	CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
			    "endpoint=\"/old\",status=\"200\"}"),
		  "");
	bed_down(&b);
}

TEST(unused_endpoints_make_room)
{
	make_room(0);
}

TEST(unused_endpoints_make_room_sooner)
{
	make_room(8 * SECOND);
}

TEST(connect_targets_do_not_mix_with_paths)
{
	struct bed b;

	bed_up(&b);
	for (int i = 0; i < 2; i++) {
		say(&b, "p", "", http_txn("CONNECT", "h:443", 200));
		say(&b, "p", "", http_txn("CONNECT", "/a", 200));
		say(&b, "p", "", http_txn("GET", "/a", 200));
	}
	CHECK_STR(value(&b, "http_requests_total{service=\"p\",method=\"CONNECT\","
			    "endpoint=\"authority\",status=\"200\"}"),
		  "4");
	CHECK_STR(value(&b, "http_requests_total{service=\"p\",method=\"GET\","
			    "endpoint=\"/a\",status=\"200\"}"),
		  "2");
	bed_down(&b);
}

/* Slots and cached endpoints are used again after their series left. */
TEST(series_come_back_after_expiry)
{
	struct bed b;

	bed_up(&b);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 3; i++)
			say(&b, "api", "", http_txn("GET", "/x", 503));
		CHECK_STR(value(&b, "http_requests_total{service=\"api\",method=\"GET\","
				    "endpoint=\"/x\",status=\"503\"}"),
			  "3");
		CHECK_STR(value(&b, "errors_total{service=\"api\",error_type=\"http_503\","
				    "severity=\"error\"}"),
			  "3");
		pass(&b, 700 * SECOND);
		CHECK_EQ(registry_count(b.r), 0);
	}
	bed_down(&b);
}

TEST(folded_updates_are_all_counted)
{
	struct bed b;

	bed_up_with(&b, 4, 0);
	for (int i = 0; i < 10; i++)
		say(&b, "a", "p", http_txn("GET", "/x", 200));
	CHECK_EQ(registry_folds(b.r), 0);
	for (int i = 0; i < 10; i++)
		say(&b, "b", "p", http_txn("GET", "/x", 200));
	CHECK_EQ(registry_folds(b.r), 0);
	for (int i = 0; i < 10; i++)
		say(&b, "c", "p", http_txn("GET", "/x", 200));
	CHECK_EQ(registry_folds(b.r), 20);
	CHECK_STR(value(&b, "http_client_requests_total{service=\"other\",peer=\"other\","
			    "method=\"GET\",endpoint=\"other\",status=\"200\"}"),
		  "10");
	bed_down(&b);
}

/* ---- time ---- */

static uint64_t time_of(struct bed *b, struct red_who w, const struct rt_txn *txns, int len)
{
	enum { ROUNDS = 500000 };
	uint64_t ns;

	for (int i = 0; i < len; i++)
		red_txn(b->red, &w, &txns[i]);
	ns = cpu_ns();
	for (int i = 0; i < ROUNDS; i++)
		red_txn(b->red, &w, &txns[i % len]);
	return (cpu_ns() - ns) / ROUNDS;
}

TEST(an_exchange_is_booked_quickly)
{
	static char targets[64][64];
	struct rt_txn http[64], pg[4], kafka[2];
	uint64_t server, client, db, fetch;
	struct bed b;

	bed_up(&b);
	for (int i = 0; i < 64; i++) {
		snprintf(targets[i], sizeof(targets[i]), "/api/v1/customers/%d/orders?page=2", i);
		http[i] = http_txn(i & 1 ? "GET" : "POST", targets[i], i & 3 ? 200 : 201);
	}
	pg[0] = pg_txn("select", "", 1);
	pg[1] = pg_txn("insert", "", 1);
	pg[2] = pg_txn("begin", "", 0);
	pg[3] = pg_txn("commit", "", 0);
	kafka[0] = kafka_txn(0, 0);
	kafka[1] = kafka_txn(1, 0);
	server = time_of(&b, who(&b, "api", ""), http, 64);
	client = time_of(&b, who(&b, "api", "up"), http, 64);
	db = time_of(&b, who(&b, "api", "pg"), pg, 4);
	fetch = time_of(&b, who(&b, "api", "kafka"), kafka, 2);
	printf("# HTTP server %llu ns, client %llu ns; db %llu ns; Kafka %llu ns\n",
	       (unsigned long long)server, (unsigned long long)client, (unsigned long long)db,
	       (unsigned long long)fetch);
	if (!SANITIZED)
		CHECK(server <= 200 && client <= 200 && db <= 300 && fetch <= 200);
	bed_down(&b);
}
