// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conversations in the format of tests/unit/postgres_play.h, played whole and cut up. A line `late`
 * in front: the connection is met half-way. Whatever is said: nothing is consumed that was not
 * there (play_feed), no statement ends before it starts, there are no more statements than answers
 * that can be one, and without loss the cut conversation says the same as the whole one, texts too.
 */
#include "proto/postgres_world.h"
#include "unit/postgres_play.h"

#define FUZZ_WHOLE ((struct play_cut){.at = SIZE_MAX})

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_require(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void fuzz_txn(void *arg, const struct rt_txn *t)
{
	struct play *p = arg;

	fuzz_require(t->start_ns <= t->end_ns, "ends before it starts");
	fuzz_require(t->first_ns <= t->end_ns, "first row behind the end");
	fuzz_require(t->pg.batch >= 1, "an empty batch");
	fuzz_require(t->pg.query_type.n > 0, "no query type");
	fuzz_require(t->pg.text.n <= RT_PG_TEXT_BYTES && t->pg.summary.n <= 255, "a text too long");
	fuzz_require(!t->pg.sqlstate[0] || strlen(t->pg.sqlstate) == 5, "an SQLSTATE of its own");
	play_txn(arg, t);
	if (p->out_len + t->pg.text.n + 64 < sizeof(p->out))
		p->out_len += (size_t)sprintf(p->out + p->out_len, "<%.*s>%d %.*s\n",
					      (int)t->pg.text.n, (const char *)t->pg.text.p,
					      t->pg.text_cut, (int)t->pg.traceparent.n,
					      (const char *)t->pg.traceparent.p);
}

/* Places where an answer begins that can be a statement: at most so many are there. */
static uint32_t fuzz_answers(const struct play_talk *t)
{
	uint32_t n = 0;

	for (int i = 0; i < t->ncalls; i++)
		for (size_t k = 0; k < t->calls[i].len; k++)
			n += strchr("CEs", t->bytes[t->calls[i].at + k]) != NULL;
	return n;
}

static struct play *fuzz_play(const struct play_talk *t, uint32_t flags, uint64_t cuts)
{
	static struct rt_env env;
	struct play *p = play_new(flags);

	if (!env.postgres)
		env.postgres = pg_world_new(true);
	postgres_ops.fini(p->conn);
	memset(p->conn, 0, postgres_ops.conn_bytes);
	postgres_ops.init(p->conn, &env, flags);
	postgres_ops.owner(p->conn, 1, RT_ROLE_CLIENT);

	p->say = fuzz_txn;
	for (int i = 0; i < t->ncalls; i++) {
		struct play_cut cut = FUZZ_WHOLE;

		if (cuts) {
			cuts = cuts * 6364136223846793005ull + 1442695040888963407ull;
			cut.at = t->calls[i].at + (cuts >> 33) % (t->calls[i].len + 1);
		}
		play_one(p, t, &t->calls[i], 1000ull * (uint64_t)(i + 1), cut);
		postgres_ops.skippable(p->conn, RT_REQ);
		postgres_ops.skippable(p->conn, RT_RESP);
		postgres_ops.tail_only(p->conn, RT_RESP);
		fuzz_require(postgres_ops.in_flight(p->conn) < UINT32_MAX / 2, "in flight");
		fuzz_require(postgres_pool_state(p->conn) < PG_POOL_MAX, "pool state");
	}
	play_end(p);
	fuzz_require(p->txns <= fuzz_answers(t), "more statements than answers");
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *script = malloc(size + 1);
	struct play_talk *t;
	struct play *whole, *cut;
	uint32_t flags = 0;
	uint64_t hash = size | 1;
	bool lossless = true;

	if (!script)
		abort();
	memcpy(script, data, size);
	script[size] = '\0';
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 0x100000001b3ull;
	if (!strncmp(script, "late\n", 5))
		flags = RT_LATE;
	t = play_read(script + (flags ? 5 : 0));
	for (int i = 0; i < t->ncalls; i++)
		lossless = lossless && !t->calls[i].gap;
	whole = fuzz_play(t, flags, 0);
	cut = fuzz_play(t, flags, hash | 1);
	if (lossless && !flags && !whole->unparsed[RT_UNPARSED_MALFORMED])
		fuzz_require(!strcmp(whole->out, cut->out), "cut, it says something else");
	play_free(whole);
	play_free(cut);
	free(t);
	free(script);
	return 0;
}
