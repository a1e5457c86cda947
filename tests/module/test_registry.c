// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "metrics/expose.h"
#include "test.h"

#define SECOND 1000000000ull

static const struct family_desc requests_desc = {
	.name = "t_requests_total",
	.help = "Requests \\ \"so far\".",
	.labels = {"service", "method", "status"},
	.type = METRIC_COUNTER,
	.fixed = 1u << 1,
};
static const struct family_desc gauge_desc = {
	.name = "t_open",
	.help = "Open now.",
	.labels = {"service"},
	.type = METRIC_GAUGE,
	.flags = FAMILY_KEEP_NONZERO,
};
static const struct family_desc time_desc = {
	.name = "t_duration_seconds",
	.help = "Time.",
	.labels = {"service"},
	.type = METRIC_HISTOGRAM,
};
static const struct family_desc plain_time_desc = {
	.name = "t_plain_seconds",
	.help = "Time without labels.",
	.type = METRIC_HISTOGRAM,
};
static const struct family_desc pinned_desc = {
	.name = "t_cpu_seconds_total",
	.help = "CPU.",
	.type = METRIC_COUNTER,
	.flags = FAMILY_PINNED | FAMILY_SECONDS,
};
static const struct family_desc empty_desc = {
	.name = "t_never_total",
	.help = "Nothing.",
	.type = METRIC_COUNTER,
};

struct bed {
	struct intern *names;
	struct registry *r;
	struct family *requests, *open, *time, *plain, *pinned, *empty;
};

static void bed_up(struct bed *b, uint32_t series_max, uint64_t expire_ns)
{
	struct registry_config config = {.series_max = series_max, .expire_ns = expire_ns};

	b->names = config.names = intern_new(65536);
	b->r = registry_new(&config);
	if (!b->names || !b->r)
		abort();
	b->requests = registry_family(b->r, &requests_desc);
	b->open = registry_family(b->r, &gauge_desc);
	b->time = registry_family(b->r, &time_desc);
	b->plain = registry_family(b->r, &plain_time_desc);
	b->pinned = registry_family(b->r, &pinned_desc);
	b->empty = registry_family(b->r, &empty_desc);
	if (!b->requests || !b->open || !b->time || !b->plain || !b->pinned || !b->empty)
		abort();
	registry_tick(b->r, SECOND);
}

static void bed_down(struct bed *b)
{
	registry_free(b->r);
	intern_free(b->names);
}

static uint32_t name(struct bed *b, const char *s)
{
	return intern_put(b->names, slice_str(s));
}

static struct series *request(struct bed *b, const char *service, const char *method,
			      const char *status)
{
	uint32_t ids[3] = {name(b, service), name(b, method), name(b, status)};

	return registry_series(b->r, b->requests, ids);
}

static struct series *one(struct bed *b, struct family *f, const char *service)
{
	uint32_t ids[1] = {name(b, service)};

	return registry_series(b->r, f, ids);
}

/* The page as a string the caller frees. */
static char *render(struct registry *r, enum expose_format format)
{
	struct buf out;

	buf_init(&out, 0);
	if (expose(r, format, &out))
		abort();
	buf_char(&out, '\0');
	return buf_take(&out);
}

static bool page_has(struct bed *b, const char *line)
{
	char *page = render(b->r, EXPOSE_TEXT);
	bool found = strstr(page, line);

	free(page);
	return found;
}

static double read_half(void *arg)
{
	return *(double *)arg;
}

/* ---- the page ---- */

static const char expect_text[] =
	"# HELP t_requests_total Requests \\\\ \"so far\".\n"
	"# TYPE t_requests_total counter\n"
	"t_requests_total{service=\"api\",method=\"GET\",status=\"200\"} 3\n"
	"t_requests_total{service=\"q\\\"\\\\\",method=\"\",status=\"\xc3\xa9\"} 18446744073709551615\n"
	"# HELP t_open Open now.\n"
	"# TYPE t_open gauge\n"
	"t_open{service=\"api\"} 2.5\n"
	"t_open{service=\"fn\"} 0.5\n"
	"# HELP t_duration_seconds Time.\n"
	"# TYPE t_duration_seconds histogram\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.0001\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.00025\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.0005\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.001\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.0025\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.005\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.01\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.025\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.05\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.1\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.25\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"0.5\"} 1\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"1\"} 2\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"2.5\"} 2\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"5\"} 2\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"10\"} 2\n"
	"t_duration_seconds_bucket{service=\"api\",le=\"+Inf\"} 3\n"
	"t_duration_seconds_sum{service=\"api\"} 61.0001\n"
	"t_duration_seconds_count{service=\"api\"} 3\n"
	"# HELP t_cpu_seconds_total CPU.\n"
	"# TYPE t_cpu_seconds_total counter\n"
	"t_cpu_seconds_total 0.25\n";

static const char expect_openmetrics[] =
	"# HELP t_requests Requests \\\\ \\\"so far\\\".\n"
	"# TYPE t_requests counter\n"
	"t_requests_total{service=\"api\",method=\"GET\",status=\"200\"} 1\n"
	"# HELP t_plain_seconds Time without labels.\n"
	"# TYPE t_plain_seconds histogram\n"
	"t_plain_seconds_bucket{le=\"0.0001\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.00025\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.0005\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.001\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.0025\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.005\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.01\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.025\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.05\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.1\"} 0\n"
	"t_plain_seconds_bucket{le=\"0.25\"} 1\n"
	"t_plain_seconds_bucket{le=\"0.5\"} 1\n"
	"t_plain_seconds_bucket{le=\"1.0\"} 1\n"
	"t_plain_seconds_bucket{le=\"2.5\"} 1\n"
	"t_plain_seconds_bucket{le=\"5.0\"} 1\n"
	"t_plain_seconds_bucket{le=\"10.0\"} 1\n"
	"t_plain_seconds_bucket{le=\"+Inf\"} 1\n"
	"t_plain_seconds_sum 0.125\n"
	"t_plain_seconds_count 1\n"
	"# EOF\n";

TEST(text_page)
{
	double half = 0.5;
	struct gauge_fn fn = {read_half, &half};
	uint32_t fn_ids[1];
	struct bed b;
	char *page;

	bed_up(&b, 100, 0);
	series_add(b.r, request(&b, "api", "GET", "200"), 1);
	series_add(b.r, request(&b, "q\"\\", "", "\xc3\xa9"), UINT64_MAX);
	series_add(b.r, request(&b, "api", "GET", "200"), 2);
	series_set(b.r, one(&b, b.open, "api"), 2.5);
	fn_ids[0] = name(&b, "fn");
	registry_gauge_fn(b.r, b.open, fn_ids, &fn);
	registry_gauge_fn(b.r, b.open, fn_ids, &fn);
	series_observe(b.r, one(&b, b.time, "api"), 100000);
	series_observe(b.r, one(&b, b.time, "api"), SECOND);
	series_observe(b.r, one(&b, b.time, "api"), 60 * SECOND);
	series_set_total(b.r, registry_series(b.r, b.pinned, NULL), SECOND / 4);
	page = render(b.r, EXPOSE_TEXT);
	CHECK_STR(page, expect_text);
	free(page);
	bed_down(&b);
}

TEST(openmetrics_page)
{
	struct bed b;
	char *page;

	bed_up(&b, 100, 0);
	page = render(b.r, EXPOSE_OPENMETRICS);
	CHECK_STR(page, "# EOF\n");
	free(page);
	series_add(b.r, request(&b, "api", "GET", "200"), 1);
	series_observe(b.r, registry_series(b.r, b.plain, NULL), SECOND / 8);
	page = render(b.r, EXPOSE_OPENMETRICS);
	CHECK_STR(page, expect_openmetrics);
	free(page);
	bed_down(&b);
}

TEST(a_page_past_its_bound_is_an_error)
{
	struct buf out;
	struct bed b;

	bed_up(&b, 100, 0);
	series_observe(b.r, one(&b, b.time, "api"), 1);
	buf_init(&out, 300);
	CHECK(expose(b.r, EXPOSE_TEXT, &out) < 0);
	buf_free(&out);
	bed_down(&b);
}

TEST(labels_become_printable_utf8_and_stay_unique)
{
	struct bed b;
	struct series *s;

	bed_up(&b, 100, 0);
	s = one(&b, b.open, "a\xff");
	CHECK(one(&b, b.open, "a\xfe") == s);
	CHECK(one(&b, b.open, "a\n") == s);
	CHECK(one(&b, b.open, "a\xef\xbf\xbd") == s);
	CHECK(one(&b, b.open, "b\xff") != s);
	CHECK_EQ(registry_count(b.r), 2);
	CHECK(page_has(&b, "t_open{service=\"a\xef\xbf\xbd\"} 0\n"));
	bed_down(&b);
}

TEST(long_labels_fit)
{
	char text[257];
	struct bed b;

	memset(text, '\\', 256);
	text[256] = '\0';
	bed_up(&b, 100, 0);
	series_add(b.r, request(&b, text, text, text), 1);
	memset(text, '"', 256);
	series_observe(b.r, one(&b, b.time, text), 1);
	memset(text, '\xff', 256);
	series_set(b.r, one(&b, b.open, text), 1);
	CHECK(page_has(&b, "\\\\\\\\\",method=\"\\\\"));
	CHECK(page_has(&b, "\\\"\\\"\",le=\"+Inf\"} 1\n"));
	CHECK(page_has(&b, "\xef\xbf\xbd\"} 1\n"));
	bed_down(&b);
}

/* ---- families ---- */

TEST(bad_families_are_refused)
{
	static const struct family_desc bad[] = {
		{.name = "t_requests_total", .help = "Taken.", .type = METRIC_COUNTER},
		{.name = "x", .help = "A counter without _total.", .type = METRIC_COUNTER},
		{.name = "x_total", .help = "A gauge with it.", .type = METRIC_GAUGE},
		{.name = "_total", .help = "Nothing before it.", .type = METRIC_COUNTER},
		{.name = "", .help = "No name.", .type = METRIC_GAUGE},
		{.name = NULL, .help = "No name.", .type = METRIC_GAUGE},
		{.name = "1x", .help = "A figure first.", .type = METRIC_GAUGE},
		{.name = "x-y", .help = "A dash.", .type = METRIC_GAUGE},
		{.name = "x", .help = "", .type = METRIC_GAUGE},
		{.name = "x", .help = NULL, .type = METRIC_GAUGE},
		{.name = "x", .help = "Label le.", .labels = {"le"}, .type = METRIC_GAUGE},
		{.name = "x", .help = "Colon.", .labels = {"a:b"}, .type = METRIC_GAUGE},
		{.name = "x", .help = "Twice.", .labels = {"a", "a"}, .type = METRIC_GAUGE},
		{.name = "x12345678901234567890123456789012345678901234567890123456789012345",
		 .help = "Long.",
		 .type = METRIC_GAUGE},
	};
	static char names[REGISTRY_FAMILIES_MAX][24];
	static struct family_desc many[REGISTRY_FAMILIES_MAX];
	struct bed b;
	int n = 0;

	bed_up(&b, 100, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!registry_family(b.r, &bad[i]));
	for (int i = 0; i < REGISTRY_FAMILIES_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "many_%d", i);
		many[i] = (struct family_desc){
			.name = names[i], .help = "One of many.", .type = METRIC_GAUGE};
		n += registry_family(b.r, &many[i]) != NULL;
	}
	CHECK_EQ(n, REGISTRY_FAMILIES_MAX - 6);
	CHECK(registry_family_at(b.r, REGISTRY_FAMILIES_MAX - 1));
	CHECK(!registry_family_at(b.r, REGISTRY_FAMILIES_MAX));
	bed_down(&b);
}

/* ---- bounds ---- */

TEST(past_the_maximum_series_are_folded)
{
	struct bed b;
	struct series *other;
	char text[16];

	bed_up(&b, 10, 0);
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "s%d", i);
		series_add(b.r, request(&b, text, "GET", "200"), 1);
	}
	CHECK_EQ(registry_folds(b.r), 0);
	other = request(&b, "s10", "GET", "200");
	CHECK_EQ(registry_folds(b.r), 1);
	CHECK(request(&b, "s11", "GET", "404") == other);
	CHECK(request(&b, "s12", "POST", "404") != other);
	CHECK_EQ(registry_folds(b.r), 3);
	/* what is there already is found, and what is pinned is let in */
	series_add(b.r, request(&b, "s3", "GET", "200"), 1);
	series_add(b.r, registry_series(b.r, b.pinned, NULL), 1);
	CHECK_EQ(registry_folds(b.r), 3);
	CHECK_EQ(registry_count(b.r), 13);
	series_add(b.r, other, 7);
	CHECK(page_has(&b, "{service=\"other\",method=\"GET\",status=\"other\"} 7\n"));
	CHECK(page_has(&b, "{service=\"s3\",method=\"GET\",status=\"200\"} 2\n"));
	bed_down(&b);
}

TEST(past_the_reserve_all_labels_fold)
{
	struct series *other;
	struct bed b;
	char text[16];

	bed_up(&b, 10, 0);
	/* the method is kept, so each of these wants a folded series of its own */
	for (int i = 0; i < 3 * RT_SERIES_RESERVE; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		series_add(b.r, request(&b, "api", text, "200"), 1);
	}
	CHECK_EQ(registry_count(b.r), 10 + RT_SERIES_RESERVE + 1);
	CHECK_EQ(registry_folds(b.r), 3 * RT_SERIES_RESERVE - 10);
	other = request(&b, "other", "other", "other");
	CHECK_EQ(registry_count(b.r), 10 + RT_SERIES_RESERVE + 1);
	CHECK_EQ(atomic_load(&other->value[0]), 2 * RT_SERIES_RESERVE - 10);
	bed_down(&b);
}

/* ---- expiry ---- */

TEST(untouched_series_expire)
{
	struct series *kept;
	uint32_t generation;
	struct bed b;

	bed_up(&b, 10, 80 * SECOND);
	kept = request(&b, "kept", "GET", "200");
	series_add(b.r, kept, 1);
	series_add(b.r, request(&b, "gone", "GET", "200"), 1);
	series_add(b.r, registry_series(b.r, b.pinned, NULL), 1);
	series_set(b.r, one(&b, b.open, "open"), 1);
	series_set(b.r, one(&b, b.open, "closed"), 0);
	generation = registry_generation(b.r);
	registry_tick(b.r, 60 * SECOND);
	CHECK_EQ(registry_generation(b.r), generation);
	series_add(b.r, kept, 1);
	registry_tick(b.r, 100 * SECOND);
	CHECK(registry_generation(b.r) != generation);
	CHECK(page_has(&b, "service=\"kept\",method=\"GET\",status=\"200\"} 2\n"));
	CHECK(!page_has(&b, "gone"));
	CHECK(page_has(&b, "t_cpu_seconds_total"));
	CHECK(page_has(&b, "t_open{service=\"open\"} 1\n"));
	CHECK(!page_has(&b, "closed"));
	CHECK_EQ(registry_count(b.r), 3);
	CHECK(request(&b, "kept", "GET", "200") == kept);
	/* back again, from 0 */
	series_add(b.r, request(&b, "gone", "GET", "200"), 1);
	CHECK(page_has(&b, "service=\"gone\",method=\"GET\",status=\"200\"} 1\n"));
	bed_down(&b);
}

TEST(series_made_before_the_first_tick_stay)
{
	struct registry_config config = {.expire_ns = 80 * SECOND};
	struct registry *r;
	struct family *f;

	config.names = intern_new(16);
	r = registry_new(&config);
	REQUIRE(config.names && r);
	f = registry_family(r, &plain_time_desc);
	REQUIRE(f);
	series_observe(r, registry_series(r, f, NULL), 1);
	registry_tick(r, 1000 * SECOND);
	CHECK_EQ(registry_count(r), 1);
	registry_tick(r, 1100 * SECOND);
	CHECK_EQ(registry_count(r), 0);
	registry_free(r);
	intern_free(config.names);
}

TEST(a_clock_that_goes_back_is_ignored)
{
	struct bed b;

	bed_up(&b, 10, 80 * SECOND);
	registry_tick(b.r, 50 * SECOND);
	series_add(b.r, request(&b, "a", "GET", "200"), 1);
	registry_tick(b.r, 10 * SECOND);
	CHECK_EQ(registry_now_ns(b.r), 50 * SECOND);
	CHECK_EQ(registry_count(b.r), 1);
	bed_down(&b);
}

TEST(memory_waits_for_readers)
{
	struct series *gone, *fresh;
	struct bed b;

	bed_up(&b, 10, 8 * SECOND);
	gone = one(&b, b.time, "gone");
	series_observe(b.r, gone, SECOND);
	registry_read_begin(b.r);
	registry_tick(b.r, 100 * SECOND);
	CHECK_EQ(registry_count(b.r), 0);
	registry_tick(b.r, 101 * SECOND);
	fresh = one(&b, b.time, "fresh");
	CHECK(fresh != gone);
	CHECK_EQ(atomic_load(&gone->value[0]), SECOND);
	registry_read_end(b.r);
	registry_tick(b.r, 102 * SECOND);
	CHECK(one(&b, b.time, "fresh2") == gone);
	CHECK_EQ(atomic_load(&gone->value[0]), 0);
	CHECK(fresh != gone);
	bed_down(&b);
}

/* Room that expiry makes is used; and the index finds everything after any order of removals. */
TEST(churn_against_a_model)
{
	enum { KEYS = 3000, ROUNDS = 200 };
	static uint64_t expect[KEYS], touched[KEYS];
	uint64_t x = 88172645463325252ull, now = SECOND;
	struct bed b;

	memset(expect, 0, sizeof(expect));
	bed_up(&b, KEYS, 16 * SECOND);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t alive = 0;

		for (int i = 0; i < 200; i++) {
			uint32_t k = (uint32_t)((x >> 11) % KEYS);
			uint32_t ids[3] = {k + 100, k % 7, k % 3};

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			series_add(b.r, registry_series(b.r, b.requests, ids), 1);
			expect[k]++;
			touched[k] = now;
		}
		now += 2 * SECOND;
		registry_tick(b.r, now);
		for (uint32_t k = 0; k < KEYS; k++) {
			if (expect[k] && now - touched[k] >= 16 * SECOND)
				expect[k] = 0;
			alive += expect[k] != 0;
		}
		CHECK_EQ(registry_count(b.r), alive);
	}
	for (uint32_t k = 0; k < KEYS; k++) {
		uint32_t ids[3] = {k + 100, k % 7, k % 3};

		if (expect[k])
			CHECK_EQ(atomic_load(&registry_series(b.r, b.requests, ids)->value[0]),
				 expect[k]);
	}
	CHECK_EQ(registry_folds(b.r), 0);
	bed_down(&b);
}

/* ---- a scrape beside the writer ---- */

struct writer {
	struct bed bed;
	_Atomic bool stop;
	_Atomic uint32_t rounds;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;
	struct bed *b = &w->bed;
	uint64_t now = SECOND;
	char text[16];

	while (!w->stop) {
		for (uint32_t i = 0; i < 300; i++) {
			struct series *s;

			snprintf(text, sizeof(text), "s%u", (w->rounds * 7 + i) % 1500);
			s = one(b, b->time, text);
			for (uint64_t k = 0; k < 20; k++)
				series_observe(b->r, s, (uint64_t)i * i * 1000000 + k);
			series_add(b->r, request(b, text, "GET", "200"), 1);
		}
		w->rounds++;
		now += SECOND;
		registry_tick(b->r, now);
	}
	return NULL;
}

/* Checks one page: buckets rise, +Inf is the count, no label set twice in a family. */
static void check_page(char *page, uint64_t *series)
{
	static const char bucket[] = "t_duration_seconds_bucket{service=\"s";
	static const char count[] = "t_duration_seconds_count{service=\"s";
	static uint8_t seen[1500];
	uint64_t last = 0;
	long service = -1;

	memset(seen, 0, sizeof(seen));
	for (char *line = strtok(page, "\n"); line; line = strtok(NULL, "\n")) {
		bool is_count = strncmp(line, count, sizeof(count) - 1) == 0;
		uint64_t value;

		if (!is_count && strncmp(line, bucket, sizeof(bucket) - 1) != 0)
			continue;
		value = strtoull(strrchr(line, ' ') + 1, NULL, 10);
		if (is_count) {
			CHECK_EQ(value, last);
			CHECK(service >= 0 && service < 1500 && !seen[service]++);
			service = -1;
			(*series)++;
		} else {
			long is = strtol(line + sizeof(bucket) - 1, NULL, 10);

			CHECK(service == -1 || (service == is && value >= last));
			service = is;
			last = value;
		}
	}
}

TEST(scrapes_beside_a_writer)
{
	static struct writer w;
	uint64_t series = 0;
	pthread_t thread;

	memset(&w, 0, sizeof(w));
	bed_up(&w.bed, 1000, 4 * SECOND);
	REQUIRE(pthread_create(&thread, NULL, write_on, &w) == 0);
	for (int i = 0; i < 200 || w.rounds < 300; i++) {
		char *page = render(w.bed.r, i & 1 ? EXPOSE_OPENMETRICS : EXPOSE_TEXT);

		check_page(page, &series);
		free(page);
	}
	w.stop = true;
	pthread_join(thread, NULL);
	CHECK(series > 2000);
	printf("# %llu series seen, %u rounds of the writer\n", (unsigned long long)series,
	       w.rounds);
	bed_down(&w.bed);
}

/* ---- promtool, and time ---- */

/* A page with everything in it that could displease. */
static void fill(struct bed *b, int services)
{
	char text[32];

	for (int i = 0; i < services; i++) {
		snprintf(text, sizeof(text), "service-%d", i);
		series_add(b->r, request(b, text, "GET", "200"), 12345678 + (uint64_t)i);
		series_set(b->r, one(b, b->open, text), i);
		series_observe(b->r, one(b, b->time, text), (uint64_t)i * 1234567);
	}
	series_add(b->r, request(b, "q\"\\\n\xff", "", "\xc3\xa9"), 1);
	series_set(b->r, one(b, b->open, "nan"), (double)NAN);
	series_set(b->r, one(b, b->open, "inf"), -(double)INFINITY);
	series_observe(b->r, registry_series(b->r, b->plain, NULL), 1);
	series_add(b->r, registry_series(b->r, b->pinned, NULL), 1);
}

TEST(promtool_is_silent)
{
	char file[] = "/tmp/redtap-test-XXXXXX", command[128], *page, line[512];
	struct bed b;
	FILE *f;
	int fd;

	if (system("promtool --version >/dev/null 2>&1"))
		SKIP("promtool is not installed");
	bed_up(&b, 1000, 0);
	fill(&b, 100);
	page = render(b.r, EXPOSE_TEXT);
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
	bed_down(&b);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* 10,000 series, a third of them histograms of 19 lines each. */
TEST(ten_thousand_series_in_20_ms)
{
	uint64_t best = UINT64_MAX, ns;
	struct bed b;
	size_t bytes = 0;

	bed_up(&b, 20000, 0);
	fill(&b, 3333);
	CHECK(registry_count(b.r) >= 10000);
	for (int i = 0; i < 10; i++) {
		char *page;

		ns = cpu_ns();
		page = render(b.r, EXPOSE_OPENMETRICS);
		ns = cpu_ns() - ns;
		best = ns < best ? ns : best;
		bytes = strlen(page);
		free(page);
	}
	printf("# %.1f ms for %zu bytes\n", (double)best / 1e6, bytes);
	if (!SANITIZED)
		CHECK(best < 20000000);
	bed_down(&b);
}

TEST(finding_a_series_is_quick)
{
	enum { SERIES = 10000, LOOKUPS = 2000000 };
	uint64_t ns, x = 88172645463325252ull;
	struct bed b;

	bed_up(&b, 20000, 0);
	for (uint32_t k = 0; k < SERIES; k++)
		registry_series(b.r, b.requests, (uint32_t[3]){k, 7, 9});
	ns = cpu_ns();
	for (int i = 0; i < LOOKUPS; i++) {
		uint32_t ids[3] = {(uint32_t)(i & 63), 7, 9};

		series_add(b.r, registry_series(b.r, b.requests, ids), 1);
	}
	ns = (cpu_ns() - ns) / LOOKUPS;
	printf("# %llu ns per update of 64 series among 10,000\n", (unsigned long long)ns);
	if (!SANITIZED)
		CHECK(ns <= 60);
	ns = cpu_ns();
	for (int i = 0; i < LOOKUPS; i++) {
		uint32_t ids[3] = {(uint32_t)((x >> 13) % SERIES), 7, 9};

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		series_add(b.r, registry_series(b.r, b.requests, ids), 1);
	}
	printf("# %llu ns when they are picked at random\n",
	       (unsigned long long)((cpu_ns() - ns) / LOOKUPS));
	bed_down(&b);
}
