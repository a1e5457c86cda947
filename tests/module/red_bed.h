/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of metrics/red*.c and self.c share: a registry with the families, and exchanges.
 */
#ifndef REDTAP_TESTS_RED_BED_H
#define REDTAP_TESTS_RED_BED_H

#include <time.h>
#include <unistd.h>

#include "limits.h"
#include "metrics/expose.h"
#include "metrics/red.h"
#include "metrics/self.h"
#include "proto/kafka.h"
#include "test.h"

#define SECOND 1000000000ull
#define MS     1000000ull

struct bed {
	struct intern *names;
	struct registry *r;
	struct red *red;
	uint64_t now_ns;
};

static inline void bed_up_with(struct bed *b, uint32_t series_max, uint32_t endpoints_max)
{
	struct registry_config config = {.series_max = series_max};
	struct red_config red = {.names_max = 4096, .endpoints_max = endpoints_max};

	b->names = config.names = red.names = intern_new(4096);
	b->r = red.registry = registry_new(&config);
	b->red = red_new(&red);
	if (!b->names || !b->r || !b->red)
		abort();
	b->now_ns = 5 * SECOND;
	registry_tick(b->r, b->now_ns);
	red_tick(b->red);
}

static inline void bed_up(struct bed *b)
{
	bed_up_with(b, 0, 0);
}

static inline void bed_down(struct bed *b)
{
	red_free(b->red);
	registry_free(b->r);
	intern_free(b->names);
}

static inline void pass(struct bed *b, uint64_t ns)
{
	b->now_ns += ns;
	registry_tick(b->r, b->now_ns);
	red_tick(b->red);
}

static inline char *render(struct registry *r)
{
	struct buf out;

	buf_init(&out, 0);
	if (expose(r, EXPOSE_TEXT, &out))
		abort();
	buf_char(&out, '\0');
	return buf_take(&out);
}

/* The value behind `series ` at the start of a line, as text; "" when there is none. */
static inline const char *value(struct bed *b, const char *series)
{
	static char text[64];
	char *page = render(b->r);
	size_t n = strlen(series);

	text[0] = '\0';
	for (char *line = strtok(page, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, series, n) == 0 && line[n] == ' ')
			snprintf(text, sizeof(text), "%s", line + n + 1);
	free(page);
	return text;
}

static inline struct red_who who(struct bed *b, const char *service, const char *peer)
{
	return (struct red_who){
		.service = intern_put(b->names, slice_str(service)),
		.peer = intern_put(b->names, slice_str(peer)),
		.role = *peer ? RT_ROLE_CLIENT : RT_ROLE_SERVER,
	};
}

/* 100 bytes in, 1000 out; first byte after 2 ms, last after 3. */
static inline struct rt_txn http_txn(const char *method, const char *target, uint16_t status)
{
	return (struct rt_txn){
		.proto = RT_PROTO_HTTP,
		.start_ns = SECOND,
		.first_ns = SECOND + 2 * MS,
		.end_ns = SECOND + 3 * MS,
		.req_bytes = 100,
		.resp_bytes = 1000,
		.http = {.method = slice_str(method),
			 .target = slice_str(target),
			 .status = status},
	};
}

static inline void say(struct bed *b, const char *service, const char *peer, struct rt_txn txn)
{
	struct red_who w = who(b, service, peer);

	red_txn(b->red, &w, &txn);
}

static inline struct rt_txn pg_txn(const char *type, const char *sqlstate, uint64_t rows)
{
	struct rt_txn txn = {
		.proto = RT_PROTO_POSTGRES,
		.start_ns = SECOND,
		.first_ns = SECOND + MS,
		.end_ns = SECOND + 2 * MS,
		.pg = {.query_type = slice_str(type),
		       .database = SLICE("shop"),
		       .rows = rows,
		       .batch = 1},
	};

	snprintf(txn.pg.sqlstate, sizeof(txn.pg.sqlstate), "%s", sqlstate);
	return txn;
}

static inline struct rt_txn kafka_txn(int16_t api, int16_t error)
{
	return (struct rt_txn){
		.proto = RT_PROTO_KAFKA,
		.start_ns = SECOND,
		.first_ns = SECOND + 400 * MS,
		.end_ns = SECOND + 401 * MS,
		.kafka = {.api = api, .error = error},
	};
}

static inline void records_say(struct bed *b, const char *peer, enum rt_kafka_outcome outcome,
			       uint64_t n)
{
	struct red_who w = who(b, "api", peer);
	struct rt_kafka_records rec = {
		.topic = intern_put(b->names, SLICE("orders")),
		.partition = 3,
		.outcome = outcome,
		.records = n,
		.bytes = n * 100,
	};

	red_records(b->red, &w, &rec);
}

/* A round with one lag of the service `api`, topic `orders`, partition 12; `group` NULL: none. */
static inline void lag_say(struct bed *b, const char *group, uint64_t messages, uint64_t at_ns)
{
	struct kafka_lag lag = {.service = intern_put(b->names, SLICE("api")),
				.topic = intern_put(b->names, SLICE("orders")),
				.partition = 12,
				.messages = messages,
				.at_ns = at_ns};

	red_lag_begin(b->red);
	if (group) {
		lag.group = intern_put(b->names, slice_str(group));
		red_lag(b->red, &lag);
	}
	red_lag_end(b->red);
}

static inline uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

#endif
