/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that leave the sample and come back: nothing is booked that did not happen. */
#include "track_play.h"

static struct rt_rec *call_of(struct model *m, enum rt_dir dir, const char *text)
{
	return model_call(m, dir, (const uint8_t *)text, (uint32_t)strlen(text));
}

/* A call of a connection that the kernel half leaves out: the next record says so. */
static void call_unsampled(struct model *m, enum rt_dir dir, uint32_t len)
{
	struct model_dir *d = &m->d[model_io(m, dir)];

	m->ns += 1000;
	d->off += len;
	if (d->gap == RT_GAP_NONE)
		d->gap = RT_GAP_SAMPLED;
}

static void play(struct said *s, struct model *m, const struct wire *t, int from, int to)
{
	for (int i = from; i < to; i++)
		said_record(s, model_call(m, t->calls[i].dir, t->bytes + t->calls[i].at,
					  t->calls[i].len));
}

static void close_both(struct said *s, struct model *m)
{
	if (m->role == RT_ROLE_SERVER)
		said_record(s, model_eof(m));
	said_record(s, model_end(m, 3, false, true));
	said_settle(s);
	CHECK_EQ(s->in_flight, 0);
	CHECK_EQ(s->closed, 1);
}

/*
 * Wherever a conversation is cut: a part was read, then the connection leaves the sample, some
 * calls are still in the ring, the kernel leaves out the rest, and the connection ends. What is
 * said is what the first part says.
 */
TEST(what_is_still_in_the_ring_when_a_connection_leaves)
{
	struct wire t;

	for (int how = 0; how < WIRES * 4; how++) {
		wire_make(&t, how / 4);
		for (int read = 0; read <= t.ncalls; read++)
			for (int left = read; left <= t.ncalls; left++) {
				struct model m =
					model_new(1, how & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT);
				struct said *s = said_new();
				char before[sizeof(s->log)];
				int txns;

				m.noseq = how & 2;
				said_record(s, model_conn(&m, 0));
				play(s, &m, &t, 0, read);
				said_passes(s, 2);
				track_sample(s->track, 0);
				memcpy(before, s->log, sizeof(before));
				txns = s->txns;
				CHECK_EQ(s->in_flight, 0);
				play(s, &m, &t, read, left);
				for (int i = left; i < t.ncalls; i++)
					call_unsampled(&m, t.calls[i].dir, t.calls[i].len);
				close_both(s, &m);
				CHECK(strcmp(s->log, before) == 0);
				CHECK_EQ(s->txns, txns);
				said_free(s);
			}
	}
}

/* The same with an end that nobody tells of: the connection is not listed any more. */
TEST(a_connection_out_of_the_sample_is_gone)
{
	struct model m = model_new(1, RT_ROLE_SERVER);
	struct said *s = said_new();

	m.noseq = true;
	said_record(s, model_conn(&m, 0));
	said_record(s, call_of(&m, RT_REQ, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
	said_record(s, call_of(&m, RT_RESP, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	track_sample(s->track, 0);
	said_record(s, call_of(&m, RT_REQ, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"));
	for (int i = 0; i < 4; i++) {
		track_sweep_begin(s->track);
		track_sweep_end(s->track, s->ns += 1000000000);
	}
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->txns, 1);
	CHECK_EQ(s->in_flight, 0);
	said_free(s);
}

/*
 * Out of the sample for a stretch that begins and ends anywhere in a row of exchanges, with calls
 * still in the ring: no answer is taken for another's, none is an error, and behind the first whole
 * exchange all is as it was.
 */
TEST(comes_back_half_way)
{
	char text[64];

	for (int how = 0; how < 4; how++)
		for (int out = 0; out < 12; out++)
			for (int late = 0; late < 3; late++)
				for (int back = out + late; back < 13; back++) {
					struct model m = model_new(1, how & 1 ? RT_ROLE_SERVER
									      : RT_ROLE_CLIENT);
					struct said *s = said_new();

					m.noseq = how & 2;
					said_record(s, model_conn(&m, 0));
					for (int i = 0; i < 20; i++) {
						if (i == out)
							track_sample(s->track, 0);
						if (i == back)
							track_sample(s->track, RT_SAMPLE_ALL);
						sprintf(text,
							i & 1 ? "HTTP/1.1 %d OK\r\nContent-Length: "
								"0\r\n\r\n"
							      : "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n",
							(i & 1 ? 230 : 0) + i / 2);
						if (i >= out + late && i < back)
							call_unsampled(&m, i & 1 ? RT_RESP : RT_REQ,
								       (uint32_t)strlen(text));
						else
							said_record(
								s, call_of(&m,
									   i & 1 ? RT_RESP : RT_REQ,
									   text));
						said_passes(s, 5);
					}
					close_both(s, &m);
					CHECK(!strstr(s->log, " 0\n"));
					for (const char *line = s->log; *line;
					     line = strchr(line, '\n') + 1) {
						int path, status;

						if (sscanf(line, "%*s GET /%d %d", &path,
							   &status) == 2)
							CHECK_EQ(status, 230 + path);
					}
					CHECK(strstr(s->log, "GET /8 238\n"));
					CHECK(strstr(s->log, "GET /9 239\n"));
					CHECK(s->txns <= 10);
					said_free(s);
				}
}

/* A connection that stays in the sample is not touched. */
TEST(the_others_go_on)
{
	struct model m = model_new(1, RT_ROLE_SERVER);
	struct said *s = said_new();

	said_record(s, model_conn(&m, 0));
	said_record(s, call_of(&m, RT_REQ, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
	track_sample(s->track, rt_sample_of(1) + 1);
	said_record(s, call_of(&m, RT_RESP, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	said_record(s, call_of(&m, RT_REQ, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"));
	close_both(s, &m);
	CHECK(strcmp(s->log, "server GET /a 200\nserver GET /b 0\n") == 0);
	said_free(s);
}

/* The end says that an answer was sent; its record does not come. A second end says nothing more.
 */
TEST(an_answer_that_the_end_waits_for_in_vain)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct model m = model_new(1, RT_ROLE_SERVER);
	struct said *s = said_new();
	struct track_stats st;
	struct rt_rec *end;

	said_record(s, model_conn(&m, 0));
	said_record(s, call_of(&m, RT_REQ, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
	said_record(s, model_eof(&m));
	end = model_end(&m, 3, false, true);
	((struct rt_rec_end *)end)->off[RT_SEND] += sizeof(answer) - 2;
	said_record(s, end);
	CHECK_EQ(s->closed, 0);
	said_settle(s);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->txns, 0);
	CHECK_EQ(s->unparsed[RT_UNPARSED_ABANDONED], 1);
	CHECK_EQ(s->in_flight, 0);
	said_record(s, model_end(&m, 3, false, true));
	said_settle(s);
	track_stats(s->track, &st);
	CHECK_EQ(st.gap_bytes[RT_GAP_UNSEEN], sizeof(answer) - 2);
	said_free(s);
}
