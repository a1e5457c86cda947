// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plays every golden to the parsers without a kernel: test_golden [DIR]. Whole, every message by
 * itself, one byte at a time, run together as far as the waits allow, and cut at every point of
 * each direction, once as two calls and once as two parts of one. One test per golden; what is
 * said must be what the golden expects, each time.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "proto/kafka.h"
#include "said.h"

enum way {
	WAY_WHOLE,
	WAY_MESSAGES,
	WAY_BYTES,
	WAY_COALESCED,
	WAY_CUT,   /* into two calls */
	WAY_PARTS, /* into two parts of one call */
};

static const char *const way_names[] = {"whole",     "message by message", "byte by byte",
					"coalesced", "cut into calls",     "cut within a call"};

struct run {
	const struct golden *g;
	const struct proto_ops *ops;
	void *conn;
	struct intern *names;
	struct rt_env env;
	struct said said;
	uint8_t *rest[2]; /* not consumed yet; ends with its buffer */
	size_t rest_len[2];
	uint64_t rest_ns[2];
	uint32_t rest_flags[2];
	uint64_t off[2];
	uint64_t ns;
	int heard; /* direction that was fed last; -1: none */
	bool left, eof[2];
	enum way way;
	enum rt_dir cut_side;
	size_t cut;
};

static void run_connect(struct run *r, uint32_t flags)
{
	r->ops = proto_table[r->g->proto];
	r->conn = calloc(1, r->ops->conn_bytes);
	if (!r->conn)
		abort();
	r->ops->init(r->conn, &r->env, flags);
	if (r->ops->owner)
		r->ops->owner(r->conn, 1, RT_ROLE_CLIENT);
	r->heard = -1;
}

static void run_keep(struct run *r, enum rt_dir dir, const uint8_t *data, size_t len,
		     uint32_t flags)
{
	size_t kept = r->rest_len[dir];
	struct rt_sink sink = said_sink(&r->said);
	struct rt_chunk chunk = {.data = data,
				 .len = kept + len,
				 .off = r->off[dir],
				 .first_ns = kept ? r->rest_ns[dir] : r->ns,
				 .last_ns = r->ns,
				 .flags = flags};
	ssize_t used = r->ops->feed(r->conn, dir, &chunk, &sink);

	if (used == RT_LEAVE) {
		r->left = true;
		used = (ssize_t)chunk.len;
	}
	if (used < 0 || (size_t)used > chunk.len)
		abort();
	if (used > 0) {
		r->rest_ns[dir] = r->ns;
		r->rest_flags[dir] = 0;
	} else if (!kept) {
		r->rest_ns[dir] = r->ns;
		r->rest_flags[dir] = flags & (RT_CALL_START | RT_TURN);
	}
	r->off[dir] += (uint64_t)used;
	free(r->rest[dir]);
	r->rest_len[dir] = chunk.len - (size_t)used;
	r->rest[dir] = malloc(r->rest_len[dir] + 1);
	if (!r->rest[dir])
		abort();
	memcpy(r->rest[dir], data + used, r->rest_len[dir]);
}

/* Bytes as track/ hands them over: the kept rest in front, nothing behind them. */
static void run_feed(struct run *r, enum rt_dir dir, const uint8_t *p, size_t n, uint32_t flags)
{
	size_t kept = r->rest_len[dir];
	uint8_t *data;

	r->ns += 1000;
	if (r->heard >= 0 && r->heard != (int)dir)
		flags |= RT_TURN;
	r->heard = (int)dir;
	if (r->left || !r->conn || !n)
		return;
	data = malloc(kept + n);
	if (!data)
		abort();
	if (kept)
		memcpy(data, r->rest[dir], kept);
	memcpy(data + kept, p, n);
	if (kept)
		flags = (flags & ~RT_CALL_START) | r->rest_flags[dir];
	run_keep(r, dir, data, n, flags);
	free(data);
}

static size_t next_message(const struct golden_side *s, size_t at, size_t end)
{
	for (size_t i = 0; i < s->nends; i++)
		if (s->ends[i] > at)
			return s->ends[i] < end ? s->ends[i] : end;
	return end;
}

static void run_bytes(struct run *r, const struct golden_step *s, enum way way)
{
	const struct golden_side *side = &r->g->side[s->side];
	size_t at = s->at, end = s->at + s->len, to;

	for (; at < end; at = to) {
		uint32_t flags = RT_CALL_START | RT_CALL_END;

		to = end;
		if (way == WAY_BYTES)
			to = at + 1;
		else if (way == WAY_MESSAGES)
			to = next_message(side, at, end);
		else if (way >= WAY_CUT && r->cut_side == s->side && r->cut > at && r->cut < end)
			to = r->cut;
		if (way == WAY_PARTS)
			flags = (at == s->at ? RT_CALL_START : 0) | (to == end ? RT_CALL_END : 0);
		run_feed(r, s->side, side->bytes + at, to - at, flags);
	}
}

static void run_eof(struct run *r, enum rt_dir dir, int reset)
{
	struct rt_sink sink = said_sink(&r->said);

	r->ns += 1000;
	if (r->conn && !r->eof[dir])
		r->ops->eof(r->conn, dir, r->ns, reset, &sink);
	r->eof[dir] = true;
}

static void run_step(struct run *r, const struct golden_step *s, bool settled)
{
	switch (s->act) {
	case GOLDEN_BYTES: run_bytes(r, s, settled ? r->way : WAY_WHOLE); break;
	case GOLDEN_SHUT:
	case GOLDEN_CLOSE: run_eof(r, s->side, 0); break;
	case GOLDEN_RESET:
		run_eof(r, RT_REQ, 1);
		run_eof(r, RT_RESP, 1);
		break;
	case GOLDEN_ATTACH: run_connect(r, RT_LATE); break;
	case GOLDEN_IN_FLIGHT:
		if (r->ops->in_flight(r->conn) != s->len)
			said_add(&r->said, "= %u in flight", r->ops->in_flight(r->conn));
		break;
	}
}

/* Plays it once; what was said. The caller frees. */
static char *run_golden(const struct golden *g, enum way way, enum rt_dir cut_side, size_t cut)
{
	struct golden_step together[GOLDEN_STEPS_MAX];
	const struct golden_step *steps = g->steps;
	struct run r = {.g = g, .way = way, .cut_side = cut_side, .cut = cut};
	int n = g->nsteps;
	char *text;

	r.names = intern_new(1024);
	r.env.names = r.names;
	if (g->proto == RT_PROTO_KAFKA)
		r.env.kafka = kafka_world_new(r.names);
	said_init(&r.said, r.names);
	if (way == WAY_COALESCED) {
		n = golden_coalesce(g, together);
		steps = together;
	}
	if (!g->late)
		run_connect(&r, 0);
	for (int i = 0; i < n; i++)
		run_step(&r, &steps[i], i >= g->settled);
	run_eof(&r, RT_REQ, 0);
	run_eof(&r, RT_RESP, 0);
	text = said_text(&r.said);
	r.ops->fini(r.conn);
	free(r.conn);
	free(r.rest[0]);
	free(r.rest[1]);
	said_free(&r.said);
	if (r.env.kafka)
		kafka_world_free(r.env.kafka);
	intern_free(r.names);
	return text;
}

static bool agrees(const struct golden *g, const char *want, enum way way, enum rt_dir side,
		   size_t cut)
{
	char *got = run_golden(g, way, side, cut);
	bool same = !strcmp(got, want);

	if (!same) {
		printf("# %s", way_names[way]);
		if (way >= WAY_CUT)
			printf(" at %zu of the %s", cut, side == RT_REQ ? "client" : "server");
		printf("\n");
		for (char *save = got, *line; (line = strsep(&save, "\n"));)
			if (*line)
				printf("# said     %s\n", line);
	}
	free(got);
	return same;
}

static bool test_golden(const char *path, unsigned int *plays)
{
	struct golden *g = golden_read(path, 1);
	char *want = said_sorted(g->want);
	bool good = true;

	for (enum way way = WAY_WHOLE; good && way <= WAY_COALESCED; way++, ++*plays)
		good = agrees(g, want, way, RT_REQ, 0);
	for (int side = 0; side < 2; side++) {
		size_t cut = 0;

		while (good && (cut = golden_next_cut(g, (enum rt_dir)side, cut))) {
			good = agrees(g, want, WAY_CUT, (enum rt_dir)side, cut) &&
			       agrees(g, want, WAY_PARTS, (enum rt_dir)side, cut);
			*plays += 2;
		}
	}
	if (!good)
		for (char *save = want, *line; (line = strsep(&save, "\n"));)
			if (*line)
				printf("# expected %s\n", line);
	free(want);
	golden_free(g);
	return good;
}

/* ---- all of a directory ---- */

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int tests, failures;

static void test_dir(const char *dir, bool nested)
{
	struct dirent **list;
	int n = scandir(dir, &list, is_visible, alphasort);

	for (int i = 0; i < n; i++) {
		char path[1024];
		unsigned int plays = 0;

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		free(list[i]);
		if (nested) {
			test_dir(path, false);
			continue;
		}
		bool good = test_golden(path, &plays);

		failures += !good;
		printf("%s %d - %s (%u plays)\n", good ? "ok" : "not ok", ++tests, path, plays);
		fflush(stdout);
	}
	if (n >= 0)
		free(list);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strstr(argv[1], ".txt")) {
		unsigned int plays = 0;

		return !test_golden(argv[1], &plays);
	}
	test_dir(argc > 1 ? argv[1] : "tests/replay/golden", true);
	printf("1..%d\n", tests);
	return failures || !tests;
}
