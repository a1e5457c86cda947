// SPDX-License-Identifier: GPL-2.0-or-later
/* Records as the kernel half makes them, in every order they may come: nothing is mis-paired. */
#include "track_play.h"

/* What the conversation says when nothing is cut and nothing comes late. */
static const char *standard(const struct wire *t, enum rt_role role)
{
	static char text[sizeof(((struct said *)0)->log)];
	struct said *s = said_new();

	said_plain(s, t, role, 1);
	CHECK(!s->in_flight);
	CHECK_EQ(s->closed, 1);
	CHECK(!s->backwards);
	for (int i = 0; i < RT_UNPARSED_MAX; i++)
		CHECK_EQ(s->unparsed[i], 0);
	memcpy(text, s->log, sizeof(text));
	said_free(s);
	return text;
}

static void ends(struct said *s)
{
	struct track_stats st;

	CHECK_EQ(s->in_flight, 0);
	CHECK(!s->backwards);
	track_stats(s->track, &st);
	for (int p = 0; p < RT_PROTO_MAX; p++)
		for (int r = 0; r < 3; r++)
			CHECK_EQ(st.by_kind[p][r], 0);
}

TEST(the_standards)
{
	struct wire t;

	wire_http(&t);
	CHECK_STR(standard(&t, RT_ROLE_SERVER),
		  "server GET /first 200\nserver POST /second 404\nserver GET /third 503\n");
	wire_pg(&t);
	CHECK_STR(standard(&t, RT_ROLE_CLIENT), "client select ok rows 1\n"
						"client update 23505 rows 0\n"
						"client delete ok rows 3\n");
	wire_kafka(&t);
	CHECK_STR(standard(&t, RT_ROLE_CLIENT),
		  "client api 3 error 0\n"
		  "3 records of partition 0, outcome 0\n2 records of partition 1, outcome 0\n"
		  "client api 0 error 0\n"
		  "4 records of partition 0, outcome 3\nclient api 1 error 0\n");
}

/* ---- cuts ---- */

/* Each call in pieces of `step` bytes: as records of one call, or as calls of their own. */
static void play_cut(struct said *s, const struct wire *t, enum rt_role role, uint32_t step,
		     bool calls, bool noseq)
{
	struct model m = model_new(1, role);

	m.noseq = noseq;
	said_record(s, model_conn(&m, noseq ? RT_F_LATE : 0));
	for (int i = 0; i < t->ncalls; i++) {
		const struct wire_call *c = &t->calls[i];

		for (uint32_t at = 0; at < c->len; at += step) {
			uint32_t n = c->len - at < step ? c->len - at : step;

			if (calls)
				said_record(s, model_call(&m, c->dir, t->bytes + c->at + at, n));
			else
				said_record(s, model_piece(&m, model_io(&m, c->dir),
							   t->bytes + c->at, at, n, c->len));
		}
		if (!calls)
			m.d[model_io(&m, c->dir)].off += c->len;
		m.ns += 1000;
		said_passes(s, noseq ? 3 : 0);
	}
	said_record(s, model_end(&m, 3, false, true));
}

TEST(every_size_of_call)
{
	struct wire t;

	for (int which = 0; which < WIRES; which++)
		for (int role = RT_ROLE_CLIENT; role <= RT_ROLE_SERVER; role++) {
			const char *want;

			wire_make(&t, which);
			want = standard(&t, (enum rt_role)role);
			for (uint32_t step = 1; step < 300; step += step < 40 ? 1 : 37)
				for (int calls = 0; calls < 2; calls++) {
					struct said *s = said_new();

					play_cut(s, &t, (enum rt_role)role, step, calls, false);
					CHECK_STR(s->log, want);
					ends(s);
					if (test_failed)
						printf("# talk %d, role %d, step %u, calls %d\n",
						       which, role, step, calls);
					said_free(s);
					if (test_failed)
						return;
				}
		}
}

TEST(kafka_length_apart)
{
	for (int role = RT_ROLE_CLIENT; role <= RT_ROLE_SERVER; role++) {
		struct said *s = said_new();
		struct model m = model_new(1, (enum rt_role)role);
		struct wire t;

		wire_kafka(&t);
		said_record(s, model_conn(&m, 0));
		for (int i = 0; i < t.ncalls; i++) {
			const uint8_t *p = t.bytes + t.calls[i].at;

			said_record(s, model_call(&m, t.calls[i].dir, p, 4));
			said_record(s, model_call(&m, t.calls[i].dir, p + 4, t.calls[i].len - 4));
		}
		said_record(s, model_end(&m, 3, false, true));
		CHECK_STR(s->log, standard(&t, (enum rt_role)role));
		CHECK_EQ(s->hint.proto, RT_PROTO_KAFKA); /* the kernel could not know */
		CHECK_EQ(s->hint.role, role);
		ends(s);
		said_free(s);
	}
}

/* Two requests of a connection met half-way, in one call or with their first bytes in another. */
static struct said *late_pair(const struct wire *t, uint32_t first)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	const struct wire_call *a = &t->calls[2], *b = &t->calls[4];
	uint8_t both[2048];
	uint32_t n = a->len + b->len;

	if (n > sizeof(both) || a->dir != RT_REQ || b->dir != RT_REQ)
		abort();
	memcpy(both, t->bytes + a->at, a->len);
	memcpy(both + a->len, t->bytes + b->at, b->len);
	said_record(s, model_conn(&m, RT_F_LATE));
	if (first)
		said_record(s, model_call(&m, RT_REQ, both, first));
	said_record(s, model_call(&m, RT_REQ, both + first, n - first));
	for (int i = 3; i < t->ncalls; i += 2)
		said_record(s, model_call(&m, t->calls[i].dir, t->bytes + t->calls[i].at,
					  t->calls[i].len));
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	return s;
}

/* The same of a query: its message is found between the ends of the call. */
TEST(a_late_query_with_its_head_cut)
{
	struct wire t;

	wire_pg(&t);
	for (uint32_t first = 0; first < t.calls[2].len && !test_failed; first++) {
		struct said *s = said_new();
		struct model m = model_new(1, RT_ROLE_SERVER);

		said_record(s, model_conn(&m, RT_F_LATE));
		for (int i = 2; i < t.ncalls; i++) {
			const uint8_t *p = t.bytes + t.calls[i].at;
			uint32_t cut = i == 2 ? first : 0;

			if (cut)
				said_record(s, model_call(&m, t.calls[i].dir, p, cut));
			said_record(s,
				    model_call(&m, t.calls[i].dir, p + cut, t.calls[i].len - cut));
		}
		said_record(s, model_end(&m, 3, false, true));
		CHECK_STR(s->log, "server select ok rows 1\nserver update 23505 rows 0\n"
				  "server delete ok rows 3\n");
		ends(s);
		if (test_failed)
			printf("# cut at %u\n", first);
		said_free(s);
	}
}

TEST(a_late_pipeline_with_its_head_cut)
{
	struct said *whole, *cut;
	struct wire t;

	wire_kafka(&t);
	whole = late_pair(&t, 0);
	CHECK(whole->txns >= 2);
	for (uint32_t first = 1; first <= TRACK_PREFIX_BYTES / 2 && !test_failed; first++) {
		cut = late_pair(&t, first);
		CHECK_STR(cut->log, whole->log);
		if (test_failed)
			printf("# cut at %u\n", first);
		said_free(cut);
	}
	said_free(whole);
}

/* Met in a request's body, and no sequence tells whether an answer overtook its request: the one
 * that comes first was to a request nobody saw, wherever it is cut. */
TEST(late_in_a_body_without_a_sequence)
{
	static const char *const want[] = {
		"client _OTHER  200\nclient POST /second 404\nclient GET /third 503\n",
		"server _OTHER  200\nserver POST /second 404\nserver GET /third 503\n",
	};
	static const char rest[] = "the rest of a body";
	struct wire t;

	wire_http(&t);
	for (int role = RT_ROLE_CLIENT; role <= RT_ROLE_SERVER; role++)
		for (uint32_t cut = 0; cut < t.calls[1].len && !test_failed; cut++) {
			struct said *s = said_new();
			struct model m = model_new(1, (enum rt_role)role);

			m.noseq = true;
			said_record(s, model_conn(&m, RT_F_LATE));
			said_record(
				s, model_call(&m, RT_REQ, (const uint8_t *)rest, sizeof(rest) - 1));
			for (int i = 1; i < t.ncalls; i++) {
				const uint8_t *p = t.bytes + t.calls[i].at;
				uint32_t n = i == 1 ? cut : 0;

				if (n)
					said_record(s, model_call(&m, t.calls[i].dir, p, n));
				said_record(s, model_call(&m, t.calls[i].dir, p + n,
							  t.calls[i].len - n));
			}
			said_settle(s);
			said_record(s, model_end(&m, 3, false, true));
			CHECK_STR(s->log, want[role == RT_ROLE_SERVER]);
			ends(s);
			if (test_failed)
				printf("# role %d, cut at %u\n", role, cut);
			said_free(s);
		}
}

/* ---- orders ---- */

#define MANY 96

struct bag {
	struct rt_rec *rec[MANY];
	int n;
};

static struct rt_rec *copy_of(const struct rt_rec *rec)
{
	return (struct rt_rec *)test_exact(rec, rec->bytes);
}

static void bag_wire(struct bag *b, const struct wire *t, enum rt_role role)
{
	struct model m = model_new(1, role);

	b->n = 0;
	b->rec[b->n++] = model_conn(&m, 0);
	for (int i = 0; i < t->ncalls; i++)
		b->rec[b->n++] =
			model_call(&m, t->calls[i].dir, t->bytes + t->calls[i].at, t->calls[i].len);
	if (role == RT_ROLE_SERVER)
		b->rec[b->n++] = model_eof(&m);
	b->rec[b->n++] = model_end(&m, 3, false, true);
}

static void bag_free(struct bag *b)
{
	for (int i = 0; i < b->n; i++)
		free(b->rec[i]);
}

/* The records are in two rings by the bits of `where`; the second ring is read first. */
TEST(every_distribution_over_two_rings)
{
	for (int which = 0; which < WIRES; which++)
		for (int role = RT_ROLE_CLIENT; role <= RT_ROLE_SERVER; role++) {
			const char *want;
			struct wire t;
			struct bag b;

			wire_make(&t, which);
			want = standard(&t, (enum rt_role)role);
			bag_wire(&b, &t, (enum rt_role)role);
			REQUIRE(b.n <= 12);
			for (uint32_t where = 0; where < 1u << b.n; where++) {
				struct said *s = said_new();

				for (int ring = 1; ring >= 0; ring--)
					for (int i = 0; i < b.n; i++)
						if ((where >> i & 1) == (uint32_t)ring)
							said_record(s, copy_of(b.rec[i]));
				said_passes(s, 1);
				if (s->closed != 1 || strcmp(s->log, want)) {
					printf("# talk %d, role %d, rings %x:\n# %s", which, role,
					       where, s->log);
					CHECK(!"as the standard");
				}
				ends(s);
				said_free(s);
				if (test_failed)
					break;
			}
			bag_free(&b);
			if (test_failed)
				return;
		}
}

/* One direction's records in the reverse order, and everything in the reverse order. */
TEST(backwards)
{
	struct wire t;
	struct bag b;

	for (int which = 0; which < WIRES; which++)
		for (int mode = 0; mode < 3; mode++) {
			struct said *s = said_new();

			wire_make(&t, which);
			bag_wire(&b, &t, RT_ROLE_SERVER);
			for (int pass = 0; pass < 2; pass++)
				for (int k = 0; k < b.n; k++) {
					bool turned = mode == 2 || (mode == pass);
					int i = turned ? b.n - 1 - k : k;
					bool first = mode == 2 || !(b.rec[i]->type == RT_REC_DATA &&
								    b.rec[i]->flags & RT_F_SEND);

					if (first == !pass)
						said_record(s, copy_of(b.rec[i]));
				}
			said_passes(s, 1);
			CHECK_STR(s->log, standard(&t, RT_ROLE_SERVER));
			CHECK_EQ(s->closed, 1);
			ends(s);
			said_free(s);
			bag_free(&b);
		}
}

TEST(a_late_conn_record_is_waited_for)
{
	struct said *s = said_new();
	struct wire t;
	struct bag b;

	wire_http(&t);
	bag_wire(&b, &t, RT_ROLE_SERVER);
	for (int i = 1; i < b.n; i++)
		said_record(s, copy_of(b.rec[i]));
	CHECK_EQ(s->txns, 0);
	said_passes(s, 2);
	CHECK_EQ(s->txns, 0);
	said_record(s, copy_of(b.rec[0]));
	CHECK_STR(s->log, standard(&t, RT_ROLE_SERVER));
	CHECK_EQ(s->closed, 1);
	ends(s);
	said_free(s);
	bag_free(&b);
}

/* Without it the connection may have existed before: what is sure is said all the same. */
TEST(a_lost_conn_record)
{
	struct said *s = said_new();
	struct wire t;
	struct bag b;

	wire_http(&t);
	bag_wire(&b, &t, RT_ROLE_SERVER);
	for (int i = 1; i < b.n; i++)
		said_record(s, copy_of(b.rec[i]));
	said_settle(s);
	CHECK_STR(s->log, standard(&t, RT_ROLE_SERVER));
	CHECK_EQ(s->closed, 1);
	ends(s);
	said_free(s);
	bag_free(&b);
}

/* Two calls in one direction whose predecessor is lost for good: none of them goes with it. */
TEST(what_waited_for_a_lost_record_is_kept_in_order)
{
	static const char get[] = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	struct rt_rec *a, *b, *lost;
	struct track_stats st;

	said_record(s, model_conn(&m, 0));
	lost = model_call(&m, RT_REQ, (const uint8_t *)get, sizeof(get) - 1);
	a = model_call(&m, RT_REQ, (const uint8_t *)get, sizeof(get) - 1);
	b = model_call(&m, RT_REQ, (const uint8_t *)get, sizeof(get) - 1);
	free(lost); /* it was in a ring, and never came out: not as the kernel would say it */
	said_record(s, b);
	said_record(s, a);
	said_settle(s);
	track_stats(s->track, &st);
	CHECK_EQ(st.gap_bytes[RT_GAP_LOST], sizeof(get) - 1);
	CHECK_EQ(st.given_up, 1);
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	said_free(s);
}

/* ---- ends ---- */

static const char *const half_req = "GET /half HTTP/1.0\r\n\r\n";
static const char *const half_resp = "HTTP/1.0 200 OK\r\n\r\nup to the end";

/* A client that half-closes reads its response after its own end. */
TEST(half_close_of_a_client)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_CLIENT);
	uint64_t end;

	said_record(s, model_conn(&m, 0));
	said_record(s,
		    model_call(&m, RT_REQ, (const uint8_t *)half_req, (uint32_t)strlen(half_req)));
	said_record(s, model_end(&m, 2, false, false));
	CHECK_EQ(s->in_flight, 1);
	said_record(s, model_call(&m, RT_RESP, (const uint8_t *)half_resp,
				  (uint32_t)strlen(half_resp)));
	end = m.ns;
	said_record(s, model_eof(&m));
	CHECK_STR(s->log, "client GET /half 200\n");
	CHECK_EQ(s->last.end_ns, end);
	CHECK(!(s->last.flags & RT_TXN_ABORTED));
	said_record(s, model_end(&m, 3, false, true));
	CHECK_EQ(s->closed, 1);
	ends(s);
	said_free(s);
}

/* A body that lasts until the server ends the connection: said at its FIN, not at the close. */
TEST(until_close_ends_with_the_fin)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	uint64_t end;

	said_record(s, model_conn(&m, 0));
	said_record(s,
		    model_call(&m, RT_REQ, (const uint8_t *)half_req, (uint32_t)strlen(half_req)));
	said_record(s, model_call(&m, RT_RESP, (const uint8_t *)half_resp,
				  (uint32_t)strlen(half_resp)));
	end = m.ns;
	said_record(s, model_end(&m, 2, false, false));
	CHECK_EQ(s->txns, 1);
	CHECK_EQ(s->last.end_ns, end);
	said_record(s, model_end(&m, 2, true, false));
	said_record(s, model_end(&m, 3, false, true));
	CHECK_EQ(s->txns, 1);
	CHECK_EQ(s->closed, 1);
	ends(s);
	said_free(s);
}

TEST(a_reset_is_remembered_up_to_the_end)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_CLIENT);

	said_record(s, model_conn(&m, 0));
	said_record(s,
		    model_call(&m, RT_REQ, (const uint8_t *)half_req, (uint32_t)strlen(half_req)));
	said_record(s, model_end(&m, 2, true, false));
	CHECK_EQ(s->closed, 0);
	said_record(s, model_end(&m, 3, false, true));
	CHECK_STR(s->log, "client GET /half 0\n");
	CHECK_EQ(s->closed, 1);
	ends(s);
	said_free(s);
}

/* The end is in a ring that is read first, of a connection nobody has heard of. */
TEST(an_end_overtakes_all)
{
	struct said *s = said_new();
	struct wire t;
	struct bag b;

	wire_pg(&t);
	bag_wire(&b, &t, RT_ROLE_CLIENT);
	said_record(s, copy_of(b.rec[b.n - 1]));
	CHECK_EQ(s->closed, 0);
	for (int i = 0; i < b.n - 1; i++)
		said_record(s, copy_of(b.rec[i]));
	CHECK_STR(s->log, standard(&t, RT_ROLE_CLIENT));
	CHECK_EQ(s->closed, 1);
	ends(s);
	said_free(s);
	bag_free(&b);
}

TEST(an_end_of_a_stranger_leaves_nothing)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_CLIENT);

	said_record(s, model_end(&m, 3, false, true));
	said_settle(s);
	ends(s);
	said_free(s);
}

/* A response that waits for a request nobody will see does not vanish with the connection. */
TEST(an_end_does_not_drop_what_waits)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	struct track_stats st;
	struct wire t;

	wire_http(&t);
	said_record(s, model_conn(&m, 0));
	said_record(s, model_call(&m, RT_REQ, t.bytes + t.calls[0].at, t.calls[0].len));
	m.ahead = true;
	m.d[RT_RECV].off += 100; /* splice(2): TCP knows, no hook does */
	said_record(s, model_call(&m, RT_RESP, t.bytes + t.calls[1].at, t.calls[1].len));
	CHECK_EQ(s->txns, 0);
	said_record(s, model_end(&m, 3, false, true));
	CHECK_EQ(s->closed, 0);
	said_passes(s, TRACK_PASSES + 1);
	CHECK_EQ(s->closed, 1);
	CHECK_STR(s->log, "server GET /first 200\n");
	ends(s); /* ... and what it waited for was told */
	track_stats(s->track, &st);
	CHECK_EQ(st.gap_bytes[RT_GAP_UNSEEN], 100);
	said_free(s);
}

/* A long body that the kernel passes over by itself asks for nothing; one that it brings does. */
TEST(only_what_comes_is_told_not_to_come)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
	static const uint8_t body[4000];

	for (int k = 0; k < 2; k++) {
		struct said *s = said_new();
		struct model m = model_new(1, RT_ROLE_SERVER);
		struct rt_rec *rest;

		said_record(s, model_conn(&m, 0));
		said_record(s,
			    model_call(&m, RT_REQ, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18));
		said_record(s, model_call(&m, RT_RESP, (const uint8_t *)head, sizeof(head) - 1));
		CHECK_EQ(s->hints, 0);
		if (k) {
			said_record(s, model_call(&m, RT_RESP, body, sizeof(body)));
			CHECK_EQ(s->hint.skip[RT_SEND], sizeof(head) - 1 + 100000);
			CHECK_EQ(s->hints, 1);
		} else {
			rest = model_call(&m, RT_RESP, NULL, 0);
			((struct rt_rec_data *)rest)->len = 100000;
			((struct rt_rec_data *)rest)->gap = RT_GAP_SKIPPED;
			m.d[RT_SEND].off = m.d[RT_SEND].prev += 100000;
			said_record(s, rest);
			CHECK_EQ(s->hints, 0);
			CHECK_EQ(s->txns, 1);
		}
		said_record(s, model_end(&m, 3, true, true));
		said_settle(s);
		CHECK_EQ(s->in_flight, 0);
		said_free(s);
	}
}

TEST(the_sweep_finds_what_is_gone)
{
	struct said *s = said_new();
	struct model m[2] = {model_new(1, RT_ROLE_CLIENT), model_new(2, RT_ROLE_CLIENT)};
	struct rt_rec_open open = {.h = {RT_REC_OPEN, 0, sizeof(open), 2, 0}};

	for (int i = 0; i < 2; i++) {
		said_record(s, model_conn(&m[i], 0));
		said_record(s, model_call(&m[i], RT_REQ, (const uint8_t *)half_req,
					  (uint32_t)strlen(half_req)));
	}
	CHECK_EQ(s->in_flight, 2);
	for (int sweep = 0; sweep < 3; sweep++) {
		CHECK_EQ(s->closed, sweep > 1);
		track_sweep_begin(s->track);
		track_sweep_seen(s->track, &open);
		track_sweep_end(s->track, s->ns += 1000000000);
	}
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->in_flight, 1);
	CHECK_STR(s->log, "client GET /half 0\n");
	said_record(s, model_end(&m[1], 3, false, true));
	CHECK_EQ(s->closed, 2);
	ends(s);
	said_free(s);
}
