// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A conversation, cut into calls and records as the input says, spread over two rings that are read
 * in turn, with losses told as the kernel tells them. Whatever the cuts: nothing is said twice or
 * mis-paired, no time runs backwards, in the end nothing is in flight - and without losses what is
 * said is what the uncut conversation says.
 *
 * Input: byte 0 is the conversation, byte 1 are flags, the rest are decisions; they end in zeroes.
 */
int test_main(void); /* test.h brings a main() of its own; it is not called */
#define main test_main
#include "unit/track_play.h"
#undef main

#define FUZZ_RECORDS 4096

#define FUZZ_SERVER    (1u << 0)
#define FUZZ_NOSEQ     (1u << 1)
#define FUZZ_LOSSES    (1u << 2)
#define FUZZ_PIPELINED (1u << 3)
#define FUZZ_LATE      (1u << 4) /* half the conversation is over when it is met */
#define FUZZ_AHEAD     (1u << 5) /* responses know of requests whose own record is still to come */
#define FUZZ_OVERTAKEN                                                                             \
	(1u << 6) /* with NOSEQ: the hook of a request runs behind its response's                  \
		   */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t take(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}

static void require(bool good, const char *what, const struct said *s, const char *standard)
{
	if (good)
		return;
	fprintf(stderr, "%s\nit says:\n%sthe standard:\n%s", what, s->log, standard);
	abort();
}

struct stream {
	struct rt_rec *rec[FUZZ_RECORDS];
	uint8_t ring[FUZZ_RECORDS];
	int n;
};

static void stream_add(struct stream *st, struct model *m, enum rt_io io, struct rt_rec *rec,
		       uint32_t flags, struct input *in)
{
	uint8_t how = take(in);

	if (flags & FUZZ_LOSSES && how >= 0xe0) {
		if (rec->type == RT_REC_DATA)
			model_lost(m, io, rec);
		else
			free(rec);
		return;
	}
	if (st->n == FUZZ_RECORDS)
		abort();
	st->ring[st->n] = how & 1;
	st->rec[st->n++] = rec;
}

/* One call of the conversation, cut: into calls of their own, each of which may be in pieces. */
static void stream_call(struct stream *st, struct model *m, const struct wire *t, int i,
			uint32_t flags, struct input *in)
{
	const struct wire_call *c = &t->calls[i];
	enum rt_io io = model_io(m, c->dir);
	const uint8_t *p = t->bytes + c->at;

	for (uint32_t at = 0; at < c->len;) {
		uint32_t cut = take(in), n = cut ? cut : c->len - at, done = 0;

		if (n > c->len - at)
			n = c->len - at;
		m->ns += 1000;
		while (done < n) {
			uint32_t piece = take(in), left = n - done;

			piece = piece && piece < left ? piece : left;
			stream_add(st, m, io, model_piece(m, io, p + at, done, piece, n), flags,
				   in);
			done += piece;
		}
		m->d[io].off += n;
		at += n;
	}
}

/*
 * Calls number i and, if that overtakes it, i + 1: how many. Not the first, and not with losses:
 * where requests went by unseen, an answer to nothing may as well be to one of those, and nothing
 * tells it from one that has overtaken its request.
 */
static int stream_calls(struct stream *st, struct model *m, const struct wire *t, int i,
			uint32_t flags, struct input *in)
{
	bool overtaken = flags & FUZZ_OVERTAKEN && m->noseq && !(flags & FUZZ_LOSSES) &&
			 m->d[0].off && m->d[1].off && i + 1 < t->ncalls &&
			 t->calls[i].dir == RT_REQ && t->calls[i + 1].dir == RT_RESP &&
			 take(in) & 1;

	if (overtaken)
		stream_call(st, m, t, i + 1, flags, in);
	stream_call(st, m, t, i, flags, in);
	return overtaken ? 2 : 1;
}

static void stream_make(struct stream *st, const struct wire *t, uint32_t flags, struct input *in)
{
	struct model m = model_new(1, flags & FUZZ_SERVER ? RT_ROLE_SERVER : RT_ROLE_CLIENT);
	bool late = flags & (FUZZ_LATE | FUZZ_NOSEQ);

	m.noseq = flags & FUZZ_NOSEQ;
	m.ahead = flags & FUZZ_AHEAD && !m.noseq;
	stream_add(st, &m, RT_RECV, model_conn(&m, late ? RT_F_LATE : 0), flags, in);
	for (int i = flags & FUZZ_LATE ? t->ncalls / 2 : 0; i < t->ncalls;)
		i += stream_calls(st, &m, t, i, flags, in);
	if (take(in) & 1)
		stream_add(st, &m, RT_RECV, model_end(&m, 2, false, false), flags, in);
	if (take(in) & 1)
		stream_add(st, &m, RT_RECV, model_eof(&m), flags, in);
	/* Never lost: what is lost with it, the sweep finds. */
	stream_add(st, &m, RT_RECV, model_end(&m, 3, false, true), flags & ~FUZZ_LOSSES, in);
}

/* Reads the rings in turn, each as far as it is filled by then, until all is read. A request that
 * was overtaken is not waited for for ever: it comes in the same round. */
static void stream_play(struct said *s, struct stream *st, uint32_t flags, struct input *in)
{
	int done[2] = {0, 0}, now = 0;

	while (done[0] < st->n || done[1] < st->n) {
		for (int ring = 0; ring < 2; ring++) {
			uint8_t step = flags & FUZZ_OVERTAKEN ? 0 : take(in);

			now = step && now + step < st->n ? now + step : st->n;
			for (; done[ring] < now; done[ring]++)
				if (st->ring[done[ring]] == ring)
					said_record(s, st->rec[done[ring]]);
		}
		said_passes(s, 1);
	}
	said_settle(s);
}

/* All requests before all responses. */
static void pipeline(struct wire *t)
{
	struct wire_call calls[WIRE_CALLS];
	int n = 0;

	for (int dir = RT_REQ; dir <= RT_RESP; dir++)
		for (int i = 0; i < t->ncalls; i++)
			if (t->calls[i].dir == (enum rt_dir)dir)
				calls[n++] = t->calls[i];
	memcpy(t->calls, calls, sizeof(calls[0]) * (size_t)n);
}

/* Each line that names a request must name its own outcome. */
static bool paired(const char *log)
{
	static const char *const wrong[] = {
		"/first 4",     "/first 5",         "/second 2",        "/second 5",
		"/third 2",     "/third 4",         "select 23505",     "update ok",
		"delete 23505", "select ok rows 3", "delete ok rows 1",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (strstr(log, wrong[i]))
			return false;
	return true;
}

static int lines(const char *log, const char *with)
{
	int n = 0;

	for (; (log = strstr(log, with)); log++)
		n++;
	return n;
}

/* What the conversation says uncut: worked out once. */
static const struct said *standard(const struct wire *t, int which, uint32_t flags)
{
	static struct said *kept[WIRES][2][2];
	struct said **s = &kept[which % WIRES][!!(flags & FUZZ_SERVER)][!!(flags & FUZZ_PIPELINED)];

	if (!*s) {
		*s = said_new();
		said_plain(*s, t, flags & FUZZ_SERVER ? RT_ROLE_SERVER : RT_ROLE_CLIENT, 1);
	}
	return *s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	static struct stream st;
	static struct wire t;
	const struct said *whole;
	int which = take(&in);
	struct said *s;
	uint32_t flags;

	wire_make(&t, which);
	flags = take(&in);
	if (flags & FUZZ_PIPELINED)
		pipeline(&t);
	whole = standard(&t, which, flags);
	s = said_new();
	st.n = 0;
	stream_make(&st, &t, flags, &in);
	stream_play(s, &st, flags, &in);
	require(s->closed == 1, "not closed, or twice", s, whole->log);
	require(s->in_flight == 0, "something is in flight", s, whole->log);
	/* When a lost record passed is not known, only a time before which it did. */
	require(!s->backwards || flags & FUZZ_LOSSES, "time runs backwards", s, whole->log);
	require(s->txns <= whole->txns, "more than was asked", s, whole->log);
	require(!strstr(s->log, flags & FUZZ_SERVER ? "client " : "server "), "the wrong end", s,
		whole->log);
	/* PostgreSQL's answers do not say what they answer: its parser guesses behind a loss. */
	require(paired(s->log) || (flags & FUZZ_LOSSES && t.proto == RT_PROTO_POSTGRES),
		"a wrong pair", s, whole->log);
	for (int i = 0; i < 4; i++) {
		static const char *const with[] = {"GET /first", "POST /second", "api 0", "api 1"};

		require(lines(s->log, with[i]) <= 1, "said twice", s, whole->log);
	}
	if (!(flags & (FUZZ_LOSSES | FUZZ_LATE | FUZZ_NOSEQ)))
		require(!strcmp(s->log, whole->log), "cut, it says something else", s, whole->log);
	said_free(s);
	return 0;
}
