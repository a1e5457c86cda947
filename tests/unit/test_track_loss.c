// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tracker makes of losses, of overtaking without sequences, and of broken records. */
#include "track_play.h"

#include "track/internal.h"

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

static struct rt_rec *call_of(struct model *m, enum rt_dir dir, const char *text)
{
	return model_call(m, dir, (const uint8_t *)text, (uint32_t)strlen(text));
}

static const char half_get[] = "GET /half HTTP/1.0\r\n\r\n";

/* Requests and responses that carry the same number: a response of another is a wrong pair. */
static void exchange(char *req, char *resp, int i)
{
	sprintf(req, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
	sprintf(resp, "HTTP/1.1 %d OK\r\nContent-Length: 2\r\n\r\nok", 230 + i);
}

static bool pairs(const struct said *s)
{
	const char *line = s->log;
	int path, status;

	for (; *line; line = strchr(line, '\n') + 1)
		if (sscanf(line, "%*s GET /%d %d", &path, &status) == 2 && status &&
		    status != 230 + path)
			return false;
	return true;
}

/* Of 20 exchanges every subset of three records in a row is lost, as the kernel says it. */
TEST(no_loss_pairs_wrongly)
{
	char req[64], resp[64];

	for (int how = 0; how < 6; how++)
		for (int at = 0; at < 38; at++)
			for (int mask = 1; mask < 8; mask++) {
				enum rt_role role = how & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT;
				struct said *s = said_new();
				struct model m = model_new(1, role);
				struct track_stats st;
				uint64_t lost = 0;

				m.ahead = how & 2;
				m.noseq = how & 4;

				said_record(s, model_conn(&m, 0));
				for (int i = 0; i < 40; i++) {
					enum rt_dir dir = i & 1 ? RT_RESP : RT_REQ;
					struct rt_rec *rec;

					exchange(req, resp, i / 2);
					rec = call_of(&m, dir, dir == RT_REQ ? req : resp);
					if (i >= at && i < at + 3 && mask >> (i - at) & 1) {
						lost += ((struct rt_rec_data *)rec)->len;
						model_lost(&m, model_io(&m, dir), rec);
					} else {
						said_record(s, rec);
					}
				}
				said_settle(s);
				CHECK(pairs(s));
				track_stats(s->track, &st);
				/* The last record's loss is told by none behind it. */
				if (at + 3 < 39)
					CHECK_EQ(st.gap_bytes[RT_GAP_LOST], lost);
				CHECK(s->txns >= 16);
				CHECK(strstr(s->log, "GET /0") || at < 2);
				CHECK(strstr(s->log, "GET /19 249") || at > 33);
				said_record(s, model_end(&m, 3, false, true));
				ends(s);
				if (test_failed)
					printf("# how %d at %d mask %d\n%s", how, at, mask, s->log);
				said_free(s);
				if (test_failed)
					return;
			}
}

/* The first request is lost, the second comes before the first response: not its pair. */
TEST(a_loss_before_recognition)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	char req[64], resp[64];

	said_record(s, model_conn(&m, 0));
	exchange(req, resp, 0);
	model_lost(&m, RT_RECV, call_of(&m, RT_REQ, req));
	exchange(req, resp, 1);
	said_record(s, call_of(&m, RT_REQ, req));
	exchange(req, resp, 0);
	said_record(s, call_of(&m, RT_RESP, resp));
	exchange(req, resp, 1);
	said_record(s, call_of(&m, RT_RESP, resp));
	for (int i = 2; i < 6; i++) {
		exchange(req, resp, i);
		said_record(s, call_of(&m, RT_REQ, req));
		said_record(s, call_of(&m, RT_RESP, resp));
	}
	said_settle(s);
	CHECK(pairs(s));
	CHECK(strstr(s->log, "GET /5 235"));
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	if (test_failed)
		printf("%s", s->log);
	said_free(s);
}

/*
 * Requests 0 to 3, of which 1 is lost. Its response is an orphan at once where the kernel says what
 * it missed, else as soon as request 2 shows the hole, and at the latest when it has waited in
 * vain; it is never another's, and nothing else goes with it.
 */
TEST(a_response_to_a_lost_request)
{
	for (int how = 0; how < 16; how++) {
		struct said *s = said_new();
		struct model m = model_new(1, how & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT);
		char req[64], resp[64];
		struct rt_rec *rec[8];
		struct track_stats st;

		m.ahead = how & 2;
		m.noseq = how & 4;
		for (int i = 0; i < 8; i++) {
			exchange(req, resp, i / 2);
			rec[i] = call_of(&m, i & 1 ? RT_RESP : RT_REQ, i & 1 ? resp : req);
			if (i == 2)
				model_lost(&m, model_io(&m, RT_REQ), rec[i]);
		}
		said_record(s, model_conn(&m, 0));
		for (int i = 0; i < 8; i++) {
			if (i == 4 && how & 8)
				said_settle(s);
			if (i != 2)
				said_record(s, rec[i]);
			if (i == 3 && !m.ahead)
				CHECK_EQ(s->unparsed[RT_UNPARSED_ORPHAN], 1);
		}
		said_settle(s);
		CHECK(pairs(s));
		CHECK(strstr(s->log, "GET /0 230") && strstr(s->log, "GET /2 232") &&
		      strstr(s->log, "GET /3 233"));
		CHECK_EQ(s->unparsed[RT_UNPARSED_ORPHAN], 1);
		CHECK_EQ(s->unparsed[RT_UNPARSED_ABANDONED], 0);
		track_stats(s->track, &st);
		exchange(req, resp, 1);
		CHECK_EQ(st.gap_bytes[RT_GAP_LOST] + st.gap_bytes[RT_GAP_UNSEEN], strlen(req));
		said_record(s, model_end(&m, 3, false, true));
		ends(s);
		if (test_failed)
			printf("# how %d\n%s", how, s->log);
		said_free(s);
		if (test_failed)
			return;
	}
}

/*
 * A response to Produce begins like a request where the low half of its correlation id is a version
 * and the high half an API: its topic is the client id then. The connection is met with one.
 */
TEST(a_response_that_begins_like_a_request)
{
	static const int correlations[] = {2, 0x10004, 0x30002, 0x3000e, 0xa0001, 0x120000};
	struct part part = {0, {.count = 3, .pid = -1, .epoch = -1, .seq = -1, .body = 40}, 0};
	struct frame req, resp;

	for (int how = 0; how < 8; how++)
		for (size_t k = 0; k < sizeof(correlations) / sizeof(correlations[0]); k++) {
			enum rt_role role = how & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT;
			struct said *s = said_new();
			struct model m = model_new(1, role);
			bool late = how & 2;

			said_record(s, model_conn(&m, late ? RT_F_LATE : 0));
			for (int i = 0; i < 3; i++) {
				int corr = correlations[k] + i, version = how & 4 ? 3 : 8;
				struct rt_rec *rec;

				m_produce(&req, version, corr, -1, "orders", 1, &part);
				m_produced(&resp, version, corr, "orders", 1, &part);
				rec = model_call(&m, RT_REQ, req.p, (uint32_t)req.n);
				if (i > 0)
					said_record(s, rec);
				else if (late)
					free(rec);
				else
					model_lost(&m, model_io(&m, RT_REQ), rec);
				if (i == 0 && late)
					m.d[0] = m.d[1] = (struct model_dir){0};
				said_record(s, model_call(&m, RT_RESP, resp.p, (uint32_t)resp.n));
			}
			said_record(s, model_end(&m, 3, false, true));
			CHECK_STR(s->log, how & 1 ? "3 records of partition 0, outcome 0\n"
						    "server api 0 error 0\n"
						    "3 records of partition 0, outcome 0\n"
						    "server api 0 error 0\n"
						  : "3 records of partition 0, outcome 0\n"
						    "client api 0 error 0\n"
						    "3 records of partition 0, outcome 0\n"
						    "client api 0 error 0\n");
			ends(s);
			if (test_failed)
				printf("# how %d correlation %#x\n", how, correlations[k]);
			said_free(s);
			if (test_failed)
				return;
		}
}

/* A request for the Metadata of no topic could be the first ever response to Produce, to a topic
 * without partitions: there is no such thing. */
TEST(a_request_that_ends_like_a_response)
{
	static struct wire t;
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_CLIENT);

	wire_kafka(&t);
	said_record(s, model_conn(&m, RT_F_LATE));
	for (int i = 0; i < 2; i++)
		said_record(
			s, model_call(&m, t.calls[i].dir, t.bytes + t.calls[i].at, t.calls[i].len));
	CHECK_STR(s->log, "client api 3 error 0\n");
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	said_free(s);
}

/* The first request is lost, and nothing tells so but that the response waits for it in vain: what
 * is heard first is not the connection's first, so it must convince. */
TEST(a_first_response_given_up)
{
	static struct wire t;

	wire_kafka(&t);
	for (int how = 0; how < 4; how++) {
		struct said *s = said_new();
		struct model m = model_new(1, how & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT);

		m.ahead = how & 2;
		said_record(s, model_conn(&m, 0));
		for (int i = 0; i < t.ncalls; i++) {
			struct rt_rec *rec = model_call(&m, t.calls[i].dir, t.bytes + t.calls[i].at,
							t.calls[i].len);

			if (i == 0)
				model_lost(&m, model_io(&m, RT_REQ), rec);
			else
				said_record(s, rec);
			if (i == 1)
				said_settle(s);
		}
		said_record(s, model_end(&m, 3, false, true));
		CHECK_EQ(s->txns, 2);
		CHECK(!strstr(s->log, how & 1 ? "client" : "server"));
		ends(s);
		if (test_failed)
			printf("# how %d\n%s", how, s->log);
		said_free(s);
	}
}

/* A response is lost, and the next request says so: nothing but its own request goes with it. */
TEST(a_lost_response)
{
	for (int how = 0; how < 4; how++) {
		struct said *s = said_new();
		struct model m = model_new(1, how & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT);
		char req[64], resp[64];

		m.noseq = how & 2;
		said_record(s, model_conn(&m, 0));
		for (int i = 0; i < 8; i++) {
			struct rt_rec *rec;

			exchange(req, resp, i / 2);
			rec = call_of(&m, i & 1 ? RT_RESP : RT_REQ, i & 1 ? resp : req);
			if (i == 3)
				model_lost(&m, model_io(&m, RT_RESP), rec);
			else
				said_record(s, rec);
		}
		CHECK(pairs(s));
		CHECK(strstr(s->log, "GET /0 230") && strstr(s->log, "GET /2 232") &&
		      strstr(s->log, "GET /3 233"));
		CHECK_EQ(s->unparsed[RT_UNPARSED_ABANDONED], 1);
		CHECK_EQ(s->unparsed[RT_UNPARSED_ORPHAN], 0);
		said_record(s, model_end(&m, 3, false, true));
		ends(s);
		if (test_failed)
			printf("# how %d\n%s", how, s->log);
		said_free(s);
		if (test_failed)
			return;
	}
}

/* The middle piece of one call is lost: the gap is a loss, and the rest is in its place. */
TEST(a_piece_is_lost)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	struct track_stats st;
	char req[64], resp[400];
	uint8_t *p = (uint8_t *)resp;
	uint32_t len;

	said_record(s, model_conn(&m, 0));
	exchange(req, resp, 1);
	said_record(s, call_of(&m, RT_REQ, req));
	sprintf(resp, "HTTP/1.1 201 OK\r\nContent-Length: 300\r\n\r\n");
	len = (uint32_t)strlen(resp) + 300;
	memset(resp + len - 300, 'x', 300);
	said_record(s, model_piece(&m, RT_SEND, p, 0, 100, len));
	model_lost(&m, RT_SEND, model_piece(&m, RT_SEND, p, 100, 100, len));
	said_record(s, model_piece(&m, RT_SEND, p, 200, len - 200, len));
	m.d[RT_SEND].off += len;
	CHECK_STR(s->log, "server GET /1 201\n");
	track_stats(s->track, &st);
	CHECK_EQ(st.gap_bytes[RT_GAP_LOST], 100);
	CHECK_EQ(st.gap_bytes[RT_GAP_UNSEEN], 0);
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	said_free(s);
}

/* The end of a call is lost, and then nothing is heard for long: what comes next does not tell when
 * it was. */
TEST(a_lost_end_has_no_time)
{
	for (int which = 0; which < 2 * WIRES; which++) {
		enum rt_role role = which < WIRES ? RT_ROLE_SERVER : RT_ROLE_CLIENT;
		static struct wire t;

		wire_make(&t, which);
		for (int cut = 0; cut < 2 * t.ncalls; cut++) {
			struct said *s = said_new();
			struct model m = model_new(1, role);

			said_record(s, model_conn(&m, 0));
			for (int i = 0; i < t.ncalls; i++) {
				const struct wire_call *call = &t.calls[i];
				enum rt_io io = model_io(&m, call->dir);
				uint32_t half = cut & 1 ? call->len / 2 : call->len - 2;
				uint8_t *p = t.bytes + call->at;

				if (i != cut / 2) {
					said_record(s, model_call(&m, call->dir, p, call->len));
					continue;
				}
				m.ns += 1000;
				said_record(s, model_piece(&m, io, p, 0, half, call->len));
				model_lost(&m, io,
					   model_piece(&m, io, p + half, half, call->len - half,
						       call->len));
				m.d[io].off += call->len;
				m.ns += 5000000000;
			}
			said_settle(s);
			/* what was under way while redtap saw nothing may have lasted that long */
			if (t.calls[cut / 2].dir == RT_RESP)
				CHECK(s->longest_ns < 1000000);
			said_record(s, model_end(&m, 3, false, true));
			ends(s);
			if (test_failed)
				printf("# which %d cut %d\n%s", which, cut, s->log);
			said_free(s);
			if (test_failed)
				return;
		}
	}
}

/* ---- no sequence ---- */

/* AF_UNIX: the response is reported before the request it answers, again and again. */
TEST(overtaking_without_a_sequence)
{
	for (int role = RT_ROLE_CLIENT; role <= RT_ROLE_SERVER; role++) {
		struct said *s = said_new();
		struct model m = model_new(1, (enum rt_role)role);
		char req[64], resp[64];

		m.noseq = true;
		said_record(s, model_conn(&m, RT_F_LATE));
		for (int i = 0; i < 20; i++) {
			struct rt_rec *a, *b;
			struct rt_rec_data *d;

			exchange(req, resp, i);
			a = call_of(&m, RT_REQ, req);
			b = call_of(&m, RT_RESP, resp);
			if (i < 2 || i % 3 == 0) {
				said_record(s, a);
				said_record(s, b);
			} else {
				/* Its hook ran first: the other's bytes were not handed over yet.
				 */
				d = (struct rt_rec_data *)b;
				d->other -= ((struct rt_rec_data *)a)->len;
				said_record(s, b);
				said_passes(s, i % 3 - 1);
				said_record(s, a);
			}
			said_passes(s, 2);
		}
		CHECK(pairs(s));
		CHECK_EQ(s->txns, 20);
		CHECK_EQ(s->unparsed[RT_UNPARSED_ORPHAN], 0);
		said_record(s, model_end(&m, 3, false, true));
		ends(s);
		if (test_failed)
			printf("%s", s->log);
		said_free(s);
	}
}

static const char *const commands[] = {"select", "insert", "update", "delete"};

/* Of PostgreSQL by a failure: its command is that of the request, its code says which it was. */
static size_t pg_message(uint8_t *p, enum rt_dir dir, int i)
{
	char text[64];
	size_t n;

	if (dir == RT_REQ) {
		n = (size_t)sprintf(text, "%s %d", commands[i % 4], i) + 1;
		return wire_pg_message(p, 'Q', text, n);
	}
	n = (size_t)sprintf(text, "SERROR%cC2200%d%cMno%c", 0, i % 4, 0, 0) + 1;
	n = wire_pg_message(p, 'E', text, n);
	return n + wire_pg_message(p + n, 'Z', "I", 1);
}

/* ListGroups 0, with a client id of four letters. */
static size_t kafka_message(uint8_t *p, enum rt_dir dir, int i)
{
	static const uint8_t req[] = "\0\0\0\16\0\20\0\0\0\0\0\0\0\4test";
	static const uint8_t resp[] = "\0\0\0\12\0\0\0\0\0\0\0\0\0\0";
	size_t n = dir == RT_REQ ? sizeof(req) - 1 : sizeof(resp) - 1;

	memcpy(p, dir == RT_REQ ? req : resp, n);
	p[dir == RT_REQ ? 11 : 7] = (uint8_t)i;
	if (dir == RT_RESP)
		p[9] = (uint8_t)i;
	return n;
}

static size_t http_message(uint8_t *p, enum rt_dir dir, int i)
{
	char req[64], resp[64];

	exchange(req, resp, i);
	return (size_t)sprintf((char *)p, "%s", dir == RT_REQ ? req : resp);
}

/* `n` requests, or their answers, from number `from` on. */
static struct rt_rec *calls_of(struct model *m, int which, enum rt_dir dir, int from, int n)
{
	static size_t (*const message[WIRES])(uint8_t *, enum rt_dir,
					      int) = {http_message, pg_message, kafka_message};
	uint8_t all[1024];
	size_t used = 0;

	for (int i = from; i < from + n; i++)
		used += message[which](all + used, dir, i);
	return model_call(m, dir, all, (uint32_t)used);
}

/* Whether `n` exchanges were said, each with its own outcome. */
static bool exchanged(const struct said *s, int which, int n)
{
	const char *line = s->log;
	char command[16];
	int code, i = 0;

	for (; *line; line = strchr(line, '\n') + 1, i++) {
		if (which == 1 && (sscanf(line, "%*s %15s 2200%d", command, &code) != 2 ||
				   code > 3 || strcmp(command, commands[code]) != 0))
			return false;
		if (which == 2 && (sscanf(line, "%*s api 16 error %d", &code) != 1 || code != i))
			return false;
	}
	return i == n && pairs(s);
}

/*
 * AF_UNIX, pipelined: `known` requests were reported, `more` of them in one call or (`apart`) in
 * calls of their own come behind the answers to all, and their hooks ran later, too.
 */
static void overtaken(int which, int role, int known, int more, bool apart, int passes)
{
	struct said *s = said_new();
	struct model m = model_new(1, (enum rt_role)role);
	struct rt_rec *resp, *req[8];
	int n = 0, at = 0;

	m.noseq = true;
	said_record(s, model_conn(&m, RT_F_LATE));
	said_passes(s, 1);
	said_record(s, calls_of(&m, which, RT_REQ, at, 1));
	said_record(s, calls_of(&m, which, RT_RESP, at++, 1));
	if (known)
		said_record(s, calls_of(&m, which, RT_REQ, at, known));
	resp = calls_of(&m, which, RT_RESP, at, known + more);
	for (int i = 0; i < (apart ? more : 1); i++)
		req[n++] = calls_of(&m, which, RT_REQ, at + known + i, apart ? 1 : more);
	said_record(s, resp);
	at += known + more;
	for (int i = 0; i < n; i++) {
		said_passes(s, passes);
		said_record(s, req[i]);
	}
	said_record(s, calls_of(&m, which, RT_REQ, at, 1));
	said_record(s, calls_of(&m, which, RT_RESP, at++, 1));
	CHECK(exchanged(s, which, at));
	CHECK(!s->untimed);
	CHECK_EQ(s->unparsed[RT_UNPARSED_ORPHAN], 0);
	CHECK_EQ(s->in_flight, 0);
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	if (test_failed)
		printf("# %d role %d known %d more %d apart %d passes %d\n%s", which, role, known,
		       more, apart, passes, s->log);
	said_free(s);
}

TEST(answers_of_one_call_overtake_some_requests)
{
	for (int which = 0; which < 2 * WIRES; which++)
		for (int known = 0; known < 3; known++)
			for (int more = 1; more < 4; more++)
				for (int k = 0; k < 6 && !test_failed; k++)
					overtaken(which % WIRES, 1 + which / WIRES, known, more,
						  k & 1, k / 2);
}

/* Without a sequence, the rest of an answer is told behind the next request: it has not waited for
 * that, so it has not overtaken it. */
TEST(a_late_answer_has_not_overtaken)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_CLIENT);
	uint8_t p[128];
	uint32_t n = (uint32_t)pg_message(p, RT_RESP, 2);
	struct rt_rec *half, *rest, *next;

	m.noseq = true;
	said_record(s, model_conn(&m, RT_F_LATE));
	said_record(s, calls_of(&m, 1, RT_REQ, 2, 1));
	m.ns += 1000;
	half = model_piece(&m, RT_RECV, p, 0, 3, n);
	rest = model_piece(&m, RT_RECV, p, 3, n - 3, n);
	m.d[RT_RECV].off += n;
	next = calls_of(&m, 1, RT_REQ, 3, 1);
	((struct rt_rec_data *)next)->other = 3; /* its hook ran first, and it did not know */
	said_record(s, half);
	said_record(s, next);
	said_record(s, rest);
	said_record(s, calls_of(&m, 1, RT_RESP, 3, 1));
	said_record(s, calls_of(&m, 1, RT_REQ, 0, 1));
	said_record(s, calls_of(&m, 1, RT_RESP, 0, 1));
	CHECK_STR(s->log, "client delete 22003 rows 0\nclient select 22000 rows 0\n");
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	said_free(s);
}

/* An answer longer than what is captured of it, in one ring, and in another the request that came
 * behind it and is read first: the end of the answer is still the first request's. */
TEST(a_request_is_not_told_before_the_answer_it_came_behind)
{
	static uint8_t long_answer[5000], row[600];
	uint8_t p[128];

	for (int k = 0; k < 4; k++) {
		struct said *s = said_new();
		struct model m = model_new(1, k & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT);
		enum rt_io io = model_io(&m, RT_RESP);
		struct rt_rec *front, *end, *next;
		size_t n;

		m.noseq = k & 2;
		n = wire_pg_message(long_answer, 'T', "\0", 2);
		for (int i = 0; i < 7; i++)
			n += wire_pg_message(long_answer + n, 'D', row, sizeof(row));
		n += wire_pg_message(long_answer + n, 'C', "SELECT 7", 9);
		n += wire_pg_message(long_answer + n, 'Z', "I", 1);
		said_record(s, model_conn(&m, RT_F_LATE));
		said_record(s, model_call(&m, RT_REQ, p,
					  (uint32_t)wire_pg_message(p, 'Q', "select 2", 9)));
		m.ns += 1000;
		front = model_piece(&m, io, long_answer, 0, 100, (uint32_t)n);
		end = model_piece(&m, io, long_answer, (uint32_t)n - 64, 64, (uint32_t)n);
		((struct rt_rec_data *)end)->gap = RT_GAP_LIMIT;
		m.d[io].off += n;
		next = calls_of(&m, 1, RT_REQ, 3, 1);
		said_record(s, next);
		said_passes(s, 1);
		said_record(s, front);
		said_record(s, end);
		said_record(s, calls_of(&m, 1, RT_RESP, 3, 1));
		CHECK_STR(s->log, k & 1 ? "server select ok rows 7\nserver delete 22003 rows 0\n"
					: "client select ok rows 7\nclient delete 22003 rows 0\n");
		CHECK(!s->untimed);
		CHECK_EQ(s->unparsed[RT_UNPARSED_GAP], 0);
		said_record(s, model_end(&m, 3, false, true));
		ends(s);
		said_free(s);
	}
}

/* Two threads each saw the other's call in the kernel: neither record is held up for the other. */
TEST(two_that_saw_each_other)
{
	for (int k = 0; k < 4; k++) {
		struct said *s = said_new();
		struct model m = model_new(1, k & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT);
		struct rt_rec *req, *resp;

		said_record(s, model_conn(&m, 0));
		said_record(s, calls_of(&m, 0, RT_REQ, 0, 1));
		resp = calls_of(&m, 0, RT_RESP, 0, 1);
		req = calls_of(&m, 0, RT_REQ, 1, 1);
		((struct rt_rec_data *)resp)->other = ((struct rt_rec_data *)req)->off + 1;
		said_record(s, k & 2 ? resp : req);
		said_record(s, k & 2 ? req : resp);
		said_record(s, calls_of(&m, 0, RT_RESP, 1, 1));
		CHECK(exchanged(s, 0, 2));
		CHECK_EQ(s->in_flight, 0);
		said_record(s, model_end(&m, 3, false, true));
		ends(s);
		said_free(s);
	}
}

/* A response that no record tells of: the requests behind it wait once, and none is taken for
 * missing when the next response is given up as well. */
TEST(requests_behind_a_response_that_does_not_come)
{
	for (int k = 0; k < 4; k++) {
		struct said *s = said_new();
		struct model m = model_new(1, k & 1 ? RT_ROLE_SERVER : RT_ROLE_CLIENT);
		struct rt_rec *first, *req;
		struct track_stats stats;
		uint64_t missing;

		said_record(s, model_conn(&m, 0));
		said_record(s, calls_of(&m, 0, RT_REQ, 0, 1));
		first = calls_of(&m, 0, RT_RESP, 0, 1);
		req = calls_of(&m, 0, RT_REQ, 1, 1);
		if (k & 2)
			said_record(s, calls_of(&m, 0, RT_RESP, 1, 1));
		said_record(s, req);
		CHECK_EQ(s->in_flight, 1);
		said_passes(s, 6);
		track_stats(s->track, &stats);
		CHECK_EQ(stats.given_up, k & 2 ? 2 : 1);
		if (!(k & 2)) {
			CHECK_EQ(s->in_flight, 2);
			req = calls_of(&m, 0, RT_REQ, 2, 1);
			((struct rt_rec_data *)req)->other = ((struct rt_rec_data *)first)->len;
			said_record(s, req);
			CHECK_EQ(s->in_flight, 3);
		}
		said_record(s, model_end(&m, 3, false, true));
		said_settle(s);
		ends(s);
		/* the response alone is missing */
		track_stats(s->track, &stats);
		missing = 0;
		for (int i = 0; i < RT_GAP_MAX; i++)
			missing += stats.gap_bytes[i];
		CHECK_EQ(missing, ((struct rt_rec_data *)first)->len);
		free(first);
		if (test_failed)
			printf("# %d\n%s", k, s->log);
		said_free(s);
	}
}

/* What was never asked for waits its time, is told as such, and holds nothing up behind it. */
TEST(an_answer_to_nothing_is_not_waited_for_for_ever)
{
	/* of PostgreSQL an error and a ReadyForQuery each; of HTTP they are said as such, too */
	static const uint64_t orphans[WIRES] = {2, 4, 2}, txns[WIRES] = {4, 2, 2};

	for (int which = 0; which < WIRES; which++) {
		struct said *s = said_new();
		struct model m = model_new(1, RT_ROLE_CLIENT);

		m.noseq = true;
		said_record(s, model_conn(&m, RT_F_LATE));
		said_passes(s, 1);
		said_record(s, calls_of(&m, which, RT_REQ, 0, 1));
		said_record(s, calls_of(&m, which, RT_RESP, 0, 3));
		CHECK_EQ(s->txns, 1);
		CHECK_EQ(s->unparsed[RT_UNPARSED_ORPHAN], 0);
		said_passes(s, 3);
		CHECK_EQ(s->unparsed[RT_UNPARSED_ORPHAN], 0);
		said_passes(s, 3);
		CHECK_EQ(s->unparsed[RT_UNPARSED_ORPHAN], orphans[which]);
		said_record(s, calls_of(&m, which, RT_REQ, 3, 1));
		said_record(s, calls_of(&m, which, RT_RESP, 3, 1));
		CHECK_EQ(s->txns, txns[which]);
		CHECK_EQ(s->in_flight, 0);
		said_record(s, model_end(&m, 3, false, true));
		ends(s);
		if (test_failed)
			printf("# %d\n%s", which, s->log);
		said_free(s);
	}
}

/* ---- what is said twice, or wrongly ---- */

TEST(known_bytes_are_not_fed_twice)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	char req[64], resp[64];

	said_record(s, model_conn(&m, 0));
	said_record(s, model_conn(&m, 0));
	for (int i = 0; i < 10; i++) {
		struct rt_rec *a, *b;

		exchange(req, resp, i);
		a = call_of(&m, RT_REQ, req);
		b = call_of(&m, RT_RESP, resp);
		said_record(s, (struct rt_rec *)test_exact(a, a->bytes));
		said_record(s, a);
		said_record(s, (struct rt_rec *)test_exact(b, b->bytes));
		said_record(s, b);
	}
	CHECK_EQ(s->txns, 10);
	CHECK(pairs(s));
	/* Half of it known: only the rest is new. */
	exchange(req, resp, 10);
	said_record(s, model_piece(&m, RT_RECV, (uint8_t *)req, 0, 10, (uint32_t)strlen(req)));
	said_record(s, call_of(&m, RT_REQ, req));
	said_record(s, call_of(&m, RT_RESP, resp));
	CHECK_EQ(s->txns, 11);
	CHECK(pairs(s));
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	said_free(s);
}

TEST(broken_records_are_harmless)
{
	static const uint32_t odd[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
	const size_t n = sizeof(odd) / sizeof(odd[0]);
	struct said *s = said_new();
	uint64_t id = 1;

	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++)
			for (int what = 0; what < 5; what++) {
				struct model m = model_new(id++, RT_ROLE_SERVER);
				struct rt_rec_data *d;
				struct rt_frag f;
				struct rt_rec *r;

				said_record(s, model_conn(&m, 0));
				r = call_of(&m, RT_REQ, half_get);
				d = (struct rt_rec_data *)r;
				memcpy(&f, d + 1, sizeof(f));
				switch (what) {
				case 0: f = (struct rt_frag){odd[a], odd[b]}; break;
				case 1:
					d->nfrags = (uint16_t)odd[a];
					d->len = odd[b];
					break;
				case 2:
					d->gap = (uint8_t)odd[a];
					d->gap0 = (uint8_t)odd[b];
					d->off = 10;
					f.at = 5;
					break;
				case 3:
					d->off = (uint64_t)odd[a] << 32 | odd[b];
					d->prev = odd[b];
					break;
				default: d->prev = (uint64_t)odd[b] << 32 | odd[a];
				}
				memcpy(d + 1, &f, sizeof(f));
				said_record(s, r);
				said_record(s, model_end(&m, 3, false, true));
				said_settle(s);
			}
	said_free(s);
}

TEST(short_records_are_refused)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	struct rt_rec *all[3];
	struct track_stats st;

	all[0] = model_conn(&m, 0);
	all[1] = call_of(&m, RT_REQ, half_get);
	all[2] = model_end(&m, 3, false, true);
	for (int i = 0; i < 3; i++) {
		uint32_t least = i == 0   ? sizeof(struct rt_rec_conn)
				 : i == 1 ? sizeof(struct rt_rec_data)
					  : sizeof(struct rt_rec_end);

		for (uint32_t n = sizeof(struct rt_rec); n < least; n++) {
			all[i]->bytes = n;
			said_record(s, (struct rt_rec *)test_exact(all[i], n));
		}
		free(all[i]);
	}
	track_stats(s->track, &st);
	CHECK_EQ(st.records, 0);
	CHECK_EQ(st.conns_refused, 0);
	said_free(s);
}

/* ---- limits ---- */

TEST(connections_are_bounded)
{
	struct said *s = said_new();
	struct track_stats st;

	for (uint64_t id = 1; id <= 70; id++) {
		struct model m = model_new(id, RT_ROLE_SERVER);

		said_record(s, model_conn(&m, 0));
	}
	track_stats(s->track, &st);
	CHECK_EQ(st.conns_refused, 6);
	for (uint64_t id = 1; id <= 70; id++) {
		struct model m = model_new(id, RT_ROLE_SERVER);

		said_record(s, model_end(&m, 3, false, true));
	}
	said_settle(s);
	CHECK_EQ(s->closed, 70); /* strangers' ends included */
	ends(s);
	said_free(s);
}

TEST(held_records_are_bounded)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);
	struct track_stats st;

	said_record(s, model_conn(&m, 0));
	model_lost(&m, RT_RECV, call_of(&m, RT_REQ, half_get));
	m.d[RT_RECV].prev = m.d[RT_RECV].off; /* as if it were only late */
	for (int i = 0; i < RT_HELD_EVENTS + 10; i++)
		said_record(s, call_of(&m, RT_REQ, half_get));
	track_stats(s->track, &st);
	CHECK_EQ(st.held, RT_HELD_EVENTS);
	CHECK_EQ(st.hold_refused, 10);
	said_settle(s);
	said_record(s, model_end(&m, 3, false, true));
	said_settle(s);
	CHECK_EQ(s->closed, 1);
	ends(s);
	said_free(s);
}

/* ... in all as well: many connections at once must not add up. */
TEST(held_bytes_are_bounded)
{
	struct said *s = said_new();
	struct track_stats st;
	static uint8_t call[30000];

	for (uint64_t id = 1; id <= 4; id++) {
		struct model m = model_new(id, RT_ROLE_SERVER);

		said_record(s, model_conn(&m, 0));
		m.d[RT_RECV].off = m.d[RT_RECV].prev = 100; /* what was before is late */
		for (int i = 0; i < 1000; i++)
			said_record(s, model_call(&m, RT_REQ, call, sizeof(call)));
	}
	track_stats(s->track, &st);
	CHECK_EQ(st.held + st.hold_refused, 4000);
	CHECK_EQ(st.held, RT_HELD_BYTES / (sizeof(struct rt_rec_data) + sizeof(struct rt_frag) +
					   sizeof(call)));
	said_settle(s);
	CHECK_EQ(s->track->held_bytes, 0);
	said_free(s);
}

/* ---- what is left alone ---- */

TEST(a_tunnel_stays_in_flight_until_it_closes)
{
	struct said *s = said_new();
	struct model m = model_new(1, RT_ROLE_SERVER);

	said_record(s, model_conn(&m, 0));
	said_record(s, call_of(&m, RT_REQ, "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n"));
	said_record(s, call_of(&m, RT_RESP, "HTTP/1.1 200 Connected\r\n\r\n"));
	CHECK_EQ(s->txns, 1);
	CHECK_EQ(s->hint.proto, RT_PROTO_IGNORED);
	CHECK_EQ(s->in_flight, 1);
	said_record(s, call_of(&m, RT_REQ, "\x16\x03\x01 anything at all"));
	said_record(s, call_of(&m, RT_RESP, "HTTP/1.1 500 not a response\r\n\r\n"));
	CHECK_EQ(s->txns, 1);
	said_record(s, model_end(&m, 3, false, true));
	ends(s);
	said_free(s);
}

TEST(own_and_tls_connections_are_left_alone)
{
	struct said *s = said_new();
	struct model own = model_new(1, RT_ROLE_SERVER), tls = model_new(2, RT_ROLE_SERVER);
	struct track_stats st;

	s->own = true;
	said_record(s, model_conn(&own, 0));
	CHECK_EQ(s->hint.proto, RT_PROTO_IGNORED);
	said_record(s, call_of(&own, RT_REQ, half_get));
	s->own = false;
	said_record(s, model_conn(&tls, 0));
	said_record(
		s, model_call(&tls, RT_REQ, (const uint8_t *)"\x16\x03\x01\2\0\1\0\1\xfc\3\3", 11));
	track_stats(s->track, &st);
	CHECK_EQ(st.by_kind[RT_PROTO_IGNORED][RT_ROLE_UNKNOWN], 2);
	said_record(s, call_of(&tls, RT_REQ, half_get));
	CHECK_EQ(s->txns, 0);
	CHECK_EQ(s->hints, 2);
	said_record(s, model_end(&own, 3, false, true));
	said_record(s, model_end(&tls, 3, false, true));
	ends(s);
	said_free(s);
}

TEST(the_other_end_on_this_host)
{
	for (int noseq = 0; noseq < 2; noseq++) {
		struct said *s = said_new();
		struct model a = model_new(1, RT_ROLE_CLIENT), b = model_new(2, RT_ROLE_SERVER);
		struct rt_rec_conn *ca, *cb;
		const struct conn *seen;

		a.noseq = b.noseq = noseq;
		ca = (struct rt_rec_conn *)model_conn(&a, 0);
		cb = (struct rt_rec_conn *)model_conn(&b, 0);
		cb->remote.port = ca->local.port;
		cb->sock = ca->peer;
		cb->peer = ca->sock;
		said_record(s, &ca->h);
		said_record(s, &cb->h);
		for (uint64_t id = 1; id <= 2; id++) {
			seen = u64map_get(&s->track->conns, id);
			REQUIRE(seen);
			CHECK(track_peer(s->track, seen) == u64map_get(&s->track->conns, 3 - id));
		}
		said_record(s, model_end(&b, 3, false, true));
		CHECK(!track_peer(s->track, u64map_get(&s->track->conns, 1)));
		said_record(s, model_end(&a, 3, false, true));
		ends(s);
		said_free(s);
	}
}
