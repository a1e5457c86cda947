// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the user-space half costs, without a kernel: the time of a transaction under a load
 * (load.h), and of a page of many series. By CPU time, which a busy machine disturbs less than it
 * does the clock.
 */
#include <sys/resource.h>

#include "load.h"

#include "metrics/expose.h"

#define TXNS        2000000
#define RATE_LEAST  300000 /* transactions per CPU second */
#define SERIES      10000
#define SCRAPE_MOST 0.020 /* CPU seconds */

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* CPU seconds of one transaction. */
static double run(const struct load *load)
{
	struct load_run *l = load_up(load);
	double spent = 0;

	while (l->exchanges < TXNS) {
		double begin = cpu_seconds();

		load_round(l);
		spent += cpu_seconds() - begin;
		load_move(l);
	}
	CHECK_EQ(l->in.txns, l->exchanges);
	CHECK_EQ(l->in.unparsed, 0);
	spent /= (double)l->in.txns;
	load_down(l);
	return spent;
}

/* ---- a scrape ---- */

static double scrape(size_t *bytes)
{
	struct intake in;
	struct buf out;
	double best = 1;

	intake_up(&in, RT_ROLE_SERVER);
	/* Of each endpoint: a counter and two histograms with their buckets, two byte counters. */
	for (uint32_t i = 0; registry_count(in.registry) < SERIES; i++) {
		char service[32];
		struct rt_txn txn = {
			.proto = RT_PROTO_HTTP, .start_ns = 1000, .first_ns = 2000, .end_ns = 3000};

		snprintf(service, sizeof(service), "service-%u", i / 100);
		in.who.service = intern_put(in.names, slice_str(service));
		snprintf(service, sizeof(service), "/endpoint/p%ux/details", i % 100);
		txn.http = (struct rt_http_txn){SLICE("GET"), slice_str(service), SLICE(""), 200};
		red_txn(in.red, &in.who, &txn);
	}
	for (int i = 0; i < 5; i++) {
		double begin = cpu_seconds(), took;

		buf_init(&out, 0);
		if (expose(in.registry, EXPOSE_TEXT, &out))
			abort();
		took = cpu_seconds() - begin;
		best = took < best ? took : best;
		*bytes = out.n;
		buf_free(&out);
	}
	intake_down(&in);
	return best;
}

static void keeps_up(void (*make)(struct wire *), void (*open)(struct wire *))
{
	const struct load load = {make, open, NULL, RT_ROLE_SERVER};
	double took = run(&load);

	printf("# %.0f ns per transaction, %.0f transactions/s on one core\n", took * 1e9,
	       1 / took);
	CHECK(1 / took >= RATE_LEAST);
}

TEST(keeps_up_with_http)
{
	keeps_up(make_http, NULL);
}

TEST(keeps_up_with_postgres)
{
	keeps_up(make_pg, open_pg);
}

TEST(keeps_up_with_kafka)
{
	keeps_up(make_kafka, NULL);
}

TEST(renders_many_series)
{
	size_t bytes = 0;
	double took = scrape(&bytes);

	printf("# %d series, %zu KiB in %.1f ms\n", SERIES, bytes >> 10, took * 1e3);
	CHECK(took <= SCRAPE_MOST);
}
