// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HTTP/1 conversations nothing of which is missing: each is run whole, at every split point, byte
 * by byte (each its own call, and all of one call), and with both sides pipelining. Every run must
 * say the same, with the byte counts and times that the messages' own places give.
 */
#include "http1_talks.h"

#define TALKS (sizeof(talks) / sizeof(talks[0]))

/* When each byte of a step passed. */
struct run {
	const struct talk *talk;
	struct bed *bed;
	uint64_t *at[STEPS];
};

static size_t step_bytes(const struct talk *t, int i)
{
	return t->step[i].text ? strlen(t->step[i].text) : 0;
}

static int talk_steps(const struct talk *t)
{
	int n = 0;

	while (n < STEPS && t->step[n].text)
		n++;
	return n;
}

static void run_start(struct run *run, const struct talk *t)
{
	*run = (struct run){.talk = t, .bed = bed_new(0)};
	for (int i = 0; i < talk_steps(t); i++)
		run->at[i] = calloc(step_bytes(t, i) + 1, sizeof(uint64_t));
}

static void run_piece(struct run *run, int i, size_t from, size_t n, uint32_t flags)
{
	if (flags & RT_CALL_START)
		bed_tick(run->bed);
	for (size_t k = 0; k < n; k++)
		run->at[i][from + k] = run->bed->now;
	bed_feed(run->bed, run->talk->step[i].dir, run->talk->step[i].text + from, n, flags);
}

static uint64_t run_bytes(const struct run *run, int from, int to, enum rt_dir dir)
{
	uint64_t n = 0;

	for (int i = from; i >= 0 && i <= to; i++)
		if (run->talk->step[i].dir == dir)
			n += step_bytes(run->talk, i);
	return n;
}

static void run_check_txn(const struct run *run, const struct expect *e, const struct rt_txn *got)
{
	int last = e->end >= 0 ? e->end : talk_steps(run->talk) - 1;
	uint64_t end_ns = 0;

	if (e->end >= 0)
		end_ns = run->at[e->end][step_bytes(run->talk, e->end) - 1];
	CHECK_EQ(got->start_ns, e->req < 0 ? 0 : run->at[e->req][0]);
	CHECK_EQ(got->first_ns, e->first < 0 ? 0 : run->at[e->first][0]);
	CHECK_EQ(got->end_ns, end_ns);
	CHECK_EQ(got->req_bytes, run_bytes(run, e->req, e->req_end, RT_REQ));
	CHECK_EQ(got->resp_bytes, run_bytes(run, e->resp, last, RT_RESP));
}

static void run_finish(struct run *run)
{
	const struct talk *t = run->talk;
	char expected[2048];
	size_t len = 0;
	int n = 0;

	bed_eof(run->bed, RT_REQ, t->reset);
	bed_eof(run->bed, RT_RESP, t->reset);
	CHECK_EQ(http1_ops.in_flight(run->bed->conn), 0);
	expected[0] = '\0';
	for (; n < TXNS && t->txn[n].line; n++) {
		if (t->txn[n].req < 0)
			len += (size_t)sprintf(expected + len, "! orphan 1\n");
		len += (size_t)sprintf(expected + len, "%s\n", t->txn[n].line);
	}
	CHECK_STR(run->bed->log, expected);
	CHECK_EQ(run->bed->txns, n);
	for (int i = 0; i < n && i < run->bed->txns; i++)
		run_check_txn(run, &t->txn[i], &run->bed->txn[i]);
	for (int i = 0; i < STEPS; i++)
		free(run->at[i]);
	bed_free(run->bed);
	if (test_failed)
		printf("# in \"%s\"\n", t->name);
}

#define WHOLE (RT_CALL_START | RT_CALL_END)

TEST(whole)
{
	for (size_t k = 0; k < TALKS && !test_failed; k++) {
		struct run run;

		run_start(&run, &talks[k]);
		for (int i = 0; i < talk_steps(&talks[k]); i++)
			run_piece(&run, i, 0, step_bytes(&talks[k], i), WHOLE);
		run_finish(&run);
	}
}

/* `flags` of the first and of the second half */
static void every_split(const struct talk *t, uint32_t first, uint32_t second)
{
	for (int cut = 0; cut < talk_steps(t); cut++)
		for (size_t at = 1; at < step_bytes(t, cut) && !test_failed; at++) {
			struct run run;

			run_start(&run, t);
			for (int i = 0; i < talk_steps(t); i++) {
				size_t n = step_bytes(t, i);

				if (i == cut) {
					run_piece(&run, i, 0, at, first);
					run_piece(&run, i, at, n - at, second);
				} else {
					run_piece(&run, i, 0, n, WHOLE);
				}
			}
			run_finish(&run);
			if (test_failed)
				printf("# split in step %d at %zu\n", cut, at);
		}
}

TEST(every_split_of_calls)
{
	for (size_t k = 0; k < TALKS && !test_failed; k++)
		every_split(&talks[k], WHOLE, WHOLE);
}

TEST(every_split_of_pieces)
{
	for (size_t k = 0; k < TALKS && !test_failed; k++)
		every_split(&talks[k], RT_CALL_START, RT_CALL_END);
}

static void byte_by_byte(bool calls)
{
	for (size_t k = 0; k < TALKS && !test_failed; k++) {
		struct run run;

		run_start(&run, &talks[k]);
		for (int i = 0; i < talk_steps(&talks[k]); i++)
			for (size_t at = 0, n = step_bytes(&talks[k], i); at < n; at++)
				run_piece(&run, i, at, 1,
					  calls ? WHOLE
						: (at ? 0 : RT_CALL_START) |
							  (at + 1 == n ? RT_CALL_END : 0));
		run_finish(&run);
	}
}

TEST(byte_by_byte_calls)
{
	byte_by_byte(true);
}

TEST(byte_by_byte_pieces)
{
	byte_by_byte(false);
}

/* All requests in one call, then all responses in one. */
TEST(both_sides_pipelined)
{
	for (size_t k = 0; k < TALKS && !test_failed; k++) {
		const struct talk *t = &talks[k];
		char text[2][4096];
		size_t n[2] = {0, 0};
		struct run run;

		if (t->ordered)
			continue;
		run_start(&run, t);
		for (int dir = RT_REQ; dir <= RT_RESP; dir++) {
			bed_tick(run.bed);
			for (int i = 0; i < talk_steps(t); i++) {
				if ((int)t->step[i].dir != dir)
					continue;
				memcpy(text[dir] + n[dir], t->step[i].text, step_bytes(t, i));
				n[dir] += step_bytes(t, i);
				for (size_t at = 0; at < step_bytes(t, i); at++)
					run.at[i][at] = run.bed->now;
			}
			bed_feed(run.bed, (enum rt_dir)dir, text[dir], n[dir], WHOLE);
		}
		run_finish(&run);
	}
}
