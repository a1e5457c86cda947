// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions of database clients as the tracker says them: each open one in exactly one state. */
#include "track_play.h"

#include "proto/postgres.h"

struct gauge {
	struct said *said;
	int open[PG_POOL_MAX];
	int said_n;
	char trail[256]; /* first letters of the states, `.` for the end */
};

static struct gauge gauge;

/* As the agent does: the seat is where it was counted. */
static void on_session(void *arg, struct conn *c)
{
	static const char letters[PG_POOL_MAX] = "ucaite";
	struct rt_session s = {0};
	int *seat = c->seat;
	size_t n = strlen(gauge.trail);

	(void)arg;
	gauge.said_n++;
	if (seat)
		--*seat;
	c->seat = NULL;
	if (c->session) {
		CHECK_EQ(c->ops->session(c->state, &s), c->session);
		CHECK(s.state < PG_POOL_NONE);
		c->seat = &gauge.open[s.state];
		++gauge.open[s.state];
	}
	if (n + 1 < sizeof(gauge.trail))
		gauge.trail[n] = c->session ? letters[s.state] : '.';
}

static struct said *gauged_new(void)
{
	struct said *s = said_new();

	memset(&gauge, 0, sizeof(gauge));
	s->ops.session = on_session;
	return s;
}

static int gauge_sum(void)
{
	int n = 0;

	for (int i = 0; i < PG_POOL_MAX; i++) {
		CHECK(gauge.open[i] >= 0);
		n += gauge.open[i];
	}
	return n;
}

TEST(a_session_from_start_to_end)
{
	struct said *s = gauged_new();
	struct wire t;

	wire_pg(&t);
	said_plain(s, &t, RT_ROLE_CLIENT, 1);
	/* two answers come per change at most: nothing is said when nothing has changed */
	CHECK_STR(gauge.trail, "ciaiaiai.");
	CHECK_EQ(gauge_sum(), 0);
	said_free(s);
}

TEST(a_server_has_no_sessions)
{
	struct said *s = gauged_new();
	struct wire t;

	for (int which = 0; which < WIRES; which++) {
		wire_make(&t, which);
		said_plain(s, &t, RT_ROLE_SERVER, (uint64_t)which + 1);
		if (t.proto != RT_PROTO_POSTGRES)
			said_plain(s, &t, RT_ROLE_CLIENT, (uint64_t)which + 10);
	}
	CHECK_EQ(gauge.said_n, 0);
	said_free(s);
}

/* Cut anywhere and left open anywhere: one seat while it is open, none after. */
TEST(every_cut_keeps_one_seat)
{
	struct wire t;

	wire_pg(&t);
	for (uint32_t step = 1; step < 120; step += 7)
		for (int upto = 1; upto <= t.ncalls; upto++) {
			struct said *s = gauged_new();
			struct model m = model_new(1, RT_ROLE_CLIENT);

			said_record(s, model_conn(&m, 0));
			for (int i = 0; i < upto; i++)
				for (uint32_t at = 0; at < t.calls[i].len; at += step) {
					uint32_t n = t.calls[i].len - at;

					said_record(s, model_call(&m, t.calls[i].dir,
								  t.bytes + t.calls[i].at + at,
								  n < step ? n : step));
				}
			CHECK_EQ(gauge_sum(), 1);
			CHECK_EQ(gauge.open[upto == 1       ? PG_POOL_CONNECTING
					    : upto % 2 == 0 ? PG_POOL_IDLE
							    : PG_POOL_ACTIVE],
				 1);
			said_record(s, model_end(&m, 3, false, true));
			CHECK_EQ(gauge_sum(), 0);
			said_free(s);
			if (test_failed)
				return;
		}
}

/* Left open at the end of the tracker itself, or not listed any more. */
TEST(whatever_ends_it_gives_the_seat_back)
{
	struct wire t;

	wire_pg(&t);
	for (int how = 0; how < 3; how++) {
		struct said *s = gauged_new();
		struct model m = model_new(1, RT_ROLE_CLIENT);

		said_record(s, model_conn(&m, 0));
		for (int i = 0; i < 2; i++)
			said_record(s, model_call(&m, t.calls[i].dir, t.bytes + t.calls[i].at,
						  t.calls[i].len));
		CHECK_EQ(gauge.open[PG_POOL_IDLE], 1);
		switch (how) {
		case 0: said_record(s, model_eof(&m)); break;
		case 1:
			for (int i = 0; i < 3; i++) {
				track_sweep_begin(s->track);
				track_sweep_end(s->track, s->ns);
			}
			break;
		}
		if (how < 2)
			CHECK_EQ(gauge_sum(), 0);
		said_free(s);
		CHECK_EQ(gauge_sum(), 0);
		CHECK_EQ(gauge.trail[strlen(gauge.trail) - 1], '.');
	}
}

TEST(tls_is_no_session_that_can_be_followed)
{
	struct said *s = gauged_new();
	struct model m = model_new(1, RT_ROLE_CLIENT);

	said_record(s, model_conn(&m, 0));
	said_record(s, model_call(&m, RT_REQ, (const uint8_t *)"\0\0\0\10\4\322\26\57", 8));
	CHECK_EQ(gauge.open[PG_POOL_CONNECTING], 1);
	said_record(s, model_call(&m, RT_RESP, (const uint8_t *)"S", 1));
	CHECK_EQ(gauge_sum(), 0);
	said_record(s, model_end(&m, 3, false, true));
	CHECK_STR(gauge.trail, "c.");
	said_free(s);
}

/* What is in flight when the name changes is not left behind under the old one. */
TEST(what_is_in_flight_goes_along_with_the_name)
{
	for (int how = 0; how < 2; how++) {
		struct said *s = said_new();
		struct model m = model_new(1, RT_ROLE_SERVER);
		struct wire t;

		wire_http(&t);
		s->service = 1;
		said_record(s, model_conn(&m, 0));
		for (int i = 0; i < t.ncalls; i++) {
			if (i == 1) {
				CHECK_EQ(s->in_flight_of[1], 1);
				s->service = 2;
				if (how)
					m.tgid++; /* handed on */
				else
					track_forget_names(s->track);
			}
			said_record(s, model_call(&m, t.calls[i].dir, t.bytes + t.calls[i].at,
						  t.calls[i].len));
		}
		CHECK_EQ(s->txns, 3);
		CHECK_EQ(s->in_flight_of[1], 0);
		CHECK_EQ(s->in_flight_of[2], 0);
		said_free(s);
	}
}

/* The database is learnt while the state stays what it is; the process changes; names are asked
 * for again: each is said. */
TEST(a_change_of_names_is_said)
{
	struct said *s = gauged_new();
	struct model m = model_new(1, RT_ROLE_CLIENT);
	struct wire t;

	wire_pg(&t);
	said_record(s, model_conn(&m, 0));
	said_record(s, model_call(&m, RT_REQ, (const uint8_t *)"\0\0\0\10\4\322\26\57", 8));
	said_record(s, model_call(&m, RT_RESP, (const uint8_t *)"N", 1));
	CHECK_STR(gauge.trail, "c");
	for (int i = 0; i < 2; i++)
		said_record(
			s, model_call(&m, t.calls[i].dir, t.bytes + t.calls[i].at, t.calls[i].len));
	CHECK_STR(gauge.trail, "cci");
	m.tgid++;
	said_record(s, model_call(&m, t.calls[2].dir, t.bytes + t.calls[2].at, t.calls[2].len));
	CHECK_STR(gauge.trail, "cciia");
	track_renew_sessions(s->track, false);
	track_renew_sessions(s->track, true);
	CHECK_STR(gauge.trail, "cciiaaa");
	CHECK_EQ(gauge_sum(), 1);
	said_free(s);
}

/* Met half-way: what was prepared at Flush tells no state, the next ReadyForQuery does. */
TEST(late_is_unknown_until_told)
{
	static const uint8_t prepare[] = "P\0\0\0\17s\0select\0\0\0D\0\0\0\7Ss\0H\0\0\0\4";
	static const uint8_t prepared[] = "1\0\0\0\4t\0\0\0\6\0\0n\0\0\0\4";
	static const uint8_t execute[] = "B\0\0\0\15\0s\0\0\0\0\0\0\0E\0\0\0\11\0\0\0\0\0S\0\0\0\4";
	static const uint8_t done[] = "2\0\0\0\4C\0\0\0\15SELECT 0\0Z\0\0\0\5T";
	struct said *s = gauged_new();
	struct model m = model_new(1, RT_ROLE_CLIENT);

	said_record(s, model_conn(&m, RT_F_LATE));
	said_record(s, model_call(&m, RT_REQ, prepare, sizeof(prepare) - 1));
	said_record(s, model_call(&m, RT_RESP, prepared, sizeof(prepared) - 1));
	CHECK_STR(gauge.trail, "au");
	said_record(s, model_call(&m, RT_REQ, execute, sizeof(execute) - 1));
	said_record(s, model_call(&m, RT_RESP, done, sizeof(done) - 1));
	CHECK_STR(gauge.trail, "auat");
	said_free(s);
}
