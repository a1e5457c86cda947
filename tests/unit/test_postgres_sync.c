// SPDX-License-Identifier: GPL-2.0-or-later
/* Connections met half-way, bytes lost in either direction, and calls of which only the end came.
 */
#include "postgres_play.h"
#include "test.h"

#define WHOLE ((struct play_cut){.at = SIZE_MAX})
#define START "> startup user=u\n< R\n< Z I\n"

static bool says(uint32_t flags, const char *script, const char *expect)
{
	struct play_talk *t = play_read(script);
	struct play *p = play_new(flags);
	bool same;

	play_all(p, t, WHOLE);
	play_end(p);
	same = !strcmp(p->out, expect);
	if (!same)
		printf("# said\n%sexpected\n%s", p->out, expect);
	play_free(p);
	free(t);
	return same;
}

TEST(late_before_a_query)
{
	CHECK(says(RT_LATE, "> Q select 1\n< T\n< D 1\n< C SELECT 1\n< Z I\n",
		   "select ok rows=1 @1-2 first=2\n"));
}

TEST(late_before_a_prepared_execution)
{
	CHECK(says(RT_LATE,
		   "> B |s\n> E\n> S\n< 2\n< D 1\n< C SELECT 1\n< Z I\n"
		   "> B |s\n> E\n> S\n< E ERROR 40001\n< Z I\n",
		   "select ok rows=1 @1-2 first=2\nunknown 40001 rows=0 @3-4\n"));
}

TEST(late_and_suspended)
{
	CHECK(says(RT_LATE, "< Z I\n> B |s\n> E |1\n> S\n< 2\n< D 1\n< s\n< Z I\n",
		   "unknown ok rows=1 @2-3 first=3\n! orphan 1\n"));
	/* untied */
	CHECK(says(RT_LATE,
		   "< Z I\n-\n< 2\n< D 1\n< D 2\n< s\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "unknown ok rows=2 untimed\nbegin ok rows=0 @3-4\n! orphan 1\n"));
	CHECK(says(RT_LATE,
		   "< Z I\n-\n< 2\n< D 1\n< D 2\n< s\n< Z T\n> Q begin\n< C BEGIN\n< Z T\n",
		   "begin ok rows=0 @3-4\n! gap 1\n! orphan 1\n"));
}

TEST(late_before_an_answer)
{
	CHECK(says(RT_LATE, "< T\n< D 1\n< C SELECT 1\n< Z T\n> Q commit\n< C COMMIT\n< Z I\n",
		   "commit ok rows=0 @2-3\n! orphan 1\n"));
}

TEST(late_in_the_middle_of_rows)
{
	CHECK(says(RT_LATE,
		   "< d half a row\n-\n< byte x\n< byte y\n< D 1\n< C SELECT 9\n< Z I\n"
		   "> Q delete from t\n< C DELETE 3\n< Z I\n",
		   "delete ok rows=3 @3-4\n! orphan 1\n"));
}

TEST(late_in_the_middle_of_a_query)
{
	CHECK(says(RT_LATE,
		   "> raw  from t where a = 1\n> S\n< T\n< D 1\n< C SELECT 1\n< Z I\n"
		   "> Q delete from t\n< C DELETE 3\n< Z I\n",
		   "delete ok rows=3 @3-4\n! orphan 1\n"));
}

TEST(late_between_prepare_and_bind)
{
	CHECK(says(RT_LATE, "< 1\n< t\n< T\n> B |x\n> E\n> S\n< 2\n< C UPDATE 2\n< Z I\n",
		   "update ok rows=2 @2-3\n"));
}

TEST(late_in_copy_in)
{
	CHECK(says(RT_LATE,
		   "> d 1\n> d 2\n-\n> d 3\n> c\n< C COPY 3\n< Z I\n"
		   "> Q select 1\n< C SELECT 0\n< Z I\n",
		   "select ok rows=0 @4-5\n! orphan 1\n"));
}

TEST(late_before_startup)
{
	CHECK(says(RT_LATE, "> startup user=u\n< R\n< Z I\n> Q select 1\n< C SELECT 0\n< Z I\n",
		   "select ok rows=0 db=u/u @3-4\n"));
	CHECK(says(RT_LATE, "> ssl\n< byte S\n> raw tls\n", "left\n"));
}

TEST(late_in_authentication)
{
	CHECK(says(RT_LATE, "> p secret\n< R\n< K\n< Z I\n> Q select 1\n< C SELECT 0\n< Z I\n",
		   "select ok rows=0 @3-4\n! orphan 1\n"));
}

/* Two units were outstanding: the first request seen is not answered first. */
TEST(late_in_a_pipeline)
{
	CHECK(says(RT_LATE,
		   "> P |x\n> B |\n> E\n> S\n< D 1\n< C SELECT 1\n< Z I\n-\n"
		   "< 1\n< 2\n< C DELETE 1\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "delete ok rows=1 untimed\nbegin ok rows=0 @4-5\n! orphan 1\n"));
}

/* The first request seen may not be the first of its unit: what it takes for its own answer is that
 * of one before it. */
TEST(late_within_a_unit)
{
	CHECK(says(RT_LATE,
		   "> P |insert into t values (1)\n> B |\n> E\n> Q select 2\n-\n> S\n"
		   "< E ERROR 40001\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "unknown 40001 rows=0 untimed\nbegin ok rows=0 @4-5\n"));
	CHECK(says(RT_LATE,
		   "> B |s\n> E\n> S\n< 2\n< C SELECT 1\n< E ERROR 40001\n< Z I\n"
		   "> Q begin\n< C BEGIN\n< Z T\n",
		   "select ok rows=1 batch=2 untimed\nunknown 40001 rows=0 batch=2 untimed\n"
		   "begin ok rows=0 @3-4\n"));
	/* a query that is not dropped, and one that may be */
	CHECK(says(RT_LATE,
		   "> Q select 1\n> Q update t\n< E ERROR 40001\n< Z E\n< E ERROR 25P02\n< Z E\n",
		   "select 40001 rows=0 @1-2\nupdate 25P02 rows=0 @1-2\n"));
	CHECK(says(RT_LATE,
		   "> Q select 1\n> P |update t\n> B |\n> E\n> S\n< E ERROR 40001\n< Z I\n"
		   "> Q begin\n< C BEGIN\n< Z T\n> Q commit\n< C COMMIT\n< Z I\n",
		   "unknown 40001 rows=0 untimed\nbegin ok rows=0 untimed\n"
		   "commit ok rows=0 @5-6\n"));
	/* an error in front of what is no statement */
	CHECK(says(RT_LATE, "> D S s\n> S\n< E ERROR 40001\n< Z I\n",
		   "unknown 40001 rows=0 untimed\n"));
	CHECK(says(RT_LATE, "> B |s\n> E\n> S\n< E FATAL 57P01\n",
		   "unknown 57P01 fatal rows=0 untimed\n"));
	CHECK(says(RT_LATE,
		   "> B |s\n> E\n> S\n< 2\n< C SELECT 1\n< 2\n< C UPDATE 2\n< Z I\n"
		   "> Q begin\n< C BEGIN\n< Z T\n",
		   "select ok rows=1 batch=2 untimed\nupdate ok rows=2 batch=2 untimed\n"
		   "begin ok rows=0 @3-4\n! orphan 1\n"));
}

/* Every byte of a conversation as the place where it is met: from the second exchange behind that
 * on nothing is missed and nothing is invented. */
TEST(late_at_every_byte)
{
	struct play_talk *t = play_read(
		START "> Q select 1\n< T\n< D 1\n< C SELECT 1\n< Z I\n"
		      "> P s|update t set a=$1\n> D S s\n> S\n< 1\n< t\n< n\n< Z I\n"
		      "> B |s\n> E\n> S\n< 2\n< C UPDATE 1\n< Z I\n"
		      "> B |s\n> E\n> S\n< 2\n< C UPDATE 1\n< Z I\n"
		      "> Q delete from t\n< C DELETE 5\n< Z I\n> Q insert into t select 1\n"
		      "< C INSERT 0 6\n< Z I\n");

	for (int from = 2; from < t->ncalls - 4; from++) {
		for (size_t skip = 0; skip < t->calls[from].len; skip++) {
			struct play *p = play_new(RT_LATE);
			struct play_call call = t->calls[from];

			call.at += skip, call.len -= skip;
			call.messages = 0;
			play_one(p, t, &call, 1000, WHOLE);
			for (int i = from + 1; i < t->ncalls; i++)
				play_one(p, t, &t->calls[i], 1000ull * (uint64_t)i, WHOLE);
			play_end(p);
			if (!strstr(p->out, "delete ok rows=5 @10-11\ninsert ok rows=6 @12-13\n") ||
			    p->txns > 5) {
				printf("# call %d byte %zu:\n%s", from, skip, p->out);
				CHECK(false);
			}
			play_free(p);
		}
	}
	free(t);
}

TEST(a_gap_within_a_row_is_absorbed)
{
	struct play_talk *t = play_read(START "> Q select 1\n< T\n");
	struct play_talk *end = play_read("< C SELECT 1\n< Z I\n");
	static uint8_t row[1000] = {'D', 0, 0, 999 >> 8, 999 & 0xff, 0, 1, 0, 0, 3, 0};
	struct play *p = play_new(0);

	play_all(p, t, WHOLE);
	play_feed(p, RT_RESP, row, 100, 9000, RT_CALL_START);
	CHECK_EQ(postgres_ops.skippable(p->conn, RT_RESP), 900);
	CHECK(postgres_ops.tail_only(p->conn, RT_RESP));
	play_gap(p, RT_RESP, 900, 9000);
	play_one(p, end, &end->calls[0], 10000, WHOLE);
	CHECK(!postgres_ops.tail_only(p->conn, RT_RESP));
	play_end(p);
	CHECK_STR(p->out, "select ok rows=1 db=u/u @3-10 first=9\n");
	play_free(p);
	free(t), free(end);
}

TEST(the_end_of_the_last_call_is_enough)
{
	CHECK(says(0,
		   START "> Q select 1\n< T\n< D 1\n~ < 5000\n< byte x\n< D 2\n-\n< byte y\n< D 3\n"
			 "< N\n< A\n< C SELECT 900\n< N\n< S\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "select ok rows=900 db=u/u @3-7 first=4\nbegin ok rows=0 db=u/u @8-9\n"));
	CHECK(says(0,
		   START
		   "> B |s\n> E\n> S\n< 2\n< D 1\n~ < 5000\n< byte x\n< C SELECT 900\n< Z I\n",
		   "select ok rows=900 db=u/u @3-6 first=4\n"));
	CHECK(says(0, START "> Q select 1\n< D 1\n~ < 5000\n< byte x\n< E ERROR 57014\n< Z I\n",
		   "select 57014 rows=0 db=u/u @3-6 first=4\n"));
	CHECK(says(0, START "> P |select 1\n> B |\n> E\n> S\n~ < 50\n< E ERROR 57014\n< Z E\n",
		   "select 57014 rows=0 db=u/u @3-5\n"));
	CHECK(says(0,
		   START
		   "> Q copy t to stdout\n< H\n< d 1\n~ < 5000\n< byte x\n< c\n< C COPY 7\n< Z I\n",
		   "copy ok rows=7 db=u/u @3-6\n"));
}

/* The verdict itself cut over two calls, the first of which had a gap. */
TEST(a_verdict_over_two_calls)
{
	const char *script = START "> Q select 1\n< D 1\n~ < 5000\n< d x\n< C SELECT 900\n< Z I\n";
	struct play_talk *t = play_read(script);
	size_t from = t->calls[5].at;

	for (size_t at = from + 1; at < t->used; at++)
		for (int calls = 0; calls < 2; calls++) {
			struct play *p = play_new(0);

			play_all(p, t, (struct play_cut){.at = at, .calls = calls});
			play_end(p);
			CHECK_STR(p->out, "select ok rows=900 db=u/u @3-6 first=4\n");
			play_free(p);
		}
	free(t);
}

/* An end of a call that was kept stands in front of the answer to the next request, which is cut
 * anywhere: it begins with its call all the same. */
TEST(an_answer_behind_a_kept_rest)
{
	struct play_talk *t = play_read(START "> Q select 1\n~ < 10\n-\n< d x\n"
					      "> Q copy t from stdin\n< G\n> d 1\n> S\n> c\n"
					      "< C COPY 1\n< Z I\n> Q begin\n> Q x\n"
					      "< C BEGIN\n< Z T\n< E ERROR 42601\n< Z E\n");
	const struct play_call *answer = &t->calls[6];

	for (size_t at = answer->at; at < answer->at + answer->len; at++)
		for (int calls = 0; calls < 2; calls++) {
			struct play *p = play_new(0);

			play_all(p, t, (struct play_cut){.at = at, .calls = calls});
			play_end(p);
			CHECK_STR(p->out,
				  "copy ok rows=1 db=u/u @6-9\nbegin ok rows=0 db=u/u @10-11\n"
				  "other 42601 rows=0 db=u/u @10-11\n! gap 1\n");
			play_free(p);
		}
	free(t);
}

TEST(a_verdict_not_seen_is_not_guessed)
{
	CHECK(says(0,
		   START "> Q select 1\n< D 1\n~ < 5000\n< byte x\n< byte y\n< Z I\n"
			 "> Q begin\n< C BEGIN\n< Z T\n",
		   "begin ok rows=0 db=u/u @7-8\n! gap 1\n"));
	/* nothing but bytes that look like a ReadyForQuery not at the end */
	CHECK(says(0, START "> Q select 1\n< D 1\n~ < 5000\n< Z I\n< d x\n-\n< C SELECT 4\n< Z I\n",
		   "select ok rows=4 db=u/u @3-7 first=4\n"));
}

/* The end of a row that looks like an error, but has no code: not the verdict. */
TEST(an_imitation_is_not_believed)
{
	static const uint8_t row[] = "row\0E\0\0\0\10Sx\0\0Z\0\0\0\5I";
	struct play_talk *t = play_read(START "> Q select 1\n< D 1\n~ < 5000\n");
	struct play *p = play_new(0);

	play_all(p, t, WHOLE);
	play_feed(p, RT_RESP, row, sizeof(row) - 1, 6000, RT_CALL_START | RT_CALL_END);
	play_end(p);
	CHECK_STR(p->out, "! gap 1\n");
	play_free(p);
	free(t);
}

/* A value that is all of a verdict, at the end of a call: the head of its row tells. */
TEST(an_imitation_in_a_row_is_not_believed)
{
	static const uint8_t row[] = "x\0\0D\0\0\0\36\0\1\0\0\0\24"
				     "C\0\0\0\15SELECT 7\0Z\0\0\0\5I";
	struct play_talk *t = play_read(START "> Q select 1\n< D 1\n~ < 5000\n");
	struct play_talk *end = play_read("< C SELECT 900\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n");

	for (size_t at = 1; at < sizeof(row) - 1; at++) {
		struct play *p = play_new(0);

		play_all(p, t, WHOLE);
		play_feed(p, RT_RESP, row, at, 6000, RT_CALL_END);
		play_feed(p, RT_RESP, row + at, sizeof(row) - 1 - at, 7000,
			  RT_CALL_START | RT_CALL_END);
		for (int i = 0; i < end->ncalls; i++)
			play_one(p, end, &end->calls[i], 8000 + 1000 * (uint64_t)i, WHOLE);
		play_end(p);
		CHECK_STR(p->out, "select ok rows=900 db=u/u @3-8 first=4\n"
				  "begin ok rows=0 db=u/u @9-10\n");
		play_free(p);
	}
	free(t), free(end);
}

/* A client that keeps two units outstanding: behind a gap a request after a ReadyForQuery is no
 * quiet place, and no answer is given to the wrong request. */
TEST(a_windowed_client_stays_untied)
{
	CHECK(says(0,
		   START "> Q select 1\n> Q update t\n< C SELECT 1\n< Z I\n> Q delete from t\n"
			 "~ < 21\n< byte x\n< C UPDATE 1\n< Z I\n> Q begin\n"
			 "< C DELETE 1\n< Z I\n> Q commit\n< C BEGIN\n< Z T\n-\n< C COMMIT\n< Z I\n"
			 "> Q select 2\n< C SELECT 0\n< Z I\n",
		   "select ok rows=1 db=u/u @3-4\ndelete ok rows=1 db=u/u untimed\n"
		   "begin ok rows=0 db=u/u untimed\ncommit ok rows=0 db=u/u untimed\n"
		   "select ok rows=0 db=u/u @13-14\n! gap 1\n"));
}

TEST(several_statements_outstanding_at_a_gap)
{
	/* in one unit: its end is certain, what was answered before the gap is */
	CHECK(says(0,
		   START "> Q begin; select 1; commit\n< C BEGIN\n< D 1\n~ < 5000\n< byte x\n"
			 "< C COMMIT\n< Z I\n> Q select 2\n< C SELECT 0\n< Z I\n",
		   "begin ok rows=0 db=u/u @3-6\nselect ok rows=0 db=u/u @7-8\n! gap 1\n"));
	CHECK(says(0,
		   START "> B |s\n> E\n> B |t\n> E\n> S\n< 2\n~ < 5000\n< byte x\n"
			 "< C SELECT 1\n< Z I\n> Q select 2\n< C SELECT 0\n< Z I\n",
		   "select ok rows=0 db=u/u @7-8\n! gap 2\n"));
	/* in three units, of which the last two are then seen */
	CHECK(says(0,
		   START "> Q select 1\n> Q update t\n> Q delete from t\n< D 1\n~ < 5000\n"
			 "< byte x\n< C SELECT 1\n< Z I\n-\n< C UPDATE 1\n< Z I\n-\n"
			 "< C DELETE 3\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "update ok rows=1 db=u/u untimed\ndelete ok rows=3 db=u/u untimed\n"
		   "begin ok rows=0 db=u/u @9-10\n! gap 1\n"));
	/* and of which the first two are hidden */
	CHECK(says(0,
		   START "> Q select 1\n> Q update t\n> Q delete from t\n< D 1\n~ < 5000\n"
			 "< byte x\n< C UPDATE 1\n< Z I\n-\n< C DELETE 3\n< Z I\n"
			 "> Q begin\n< C BEGIN\n< Z T\n",
		   "delete ok rows=3 db=u/u untimed\nbegin ok rows=0 db=u/u @8-9\n! gap 2\n"));
}

TEST(the_end_of_the_answers_is_lost)
{
	CHECK(says(0, START "> Q select 1\n< D 1\n~ < 5000\n> Q begin\n< C BEGIN\n< Z T\n",
		   "begin ok rows=0 db=u/u @6-7\n! gap 1\n"));
	CHECK(says(0, START "~ < 30\n> Q begin\n< C BEGIN\n< Z T\n",
		   "begin ok rows=0 db=u/u @4-5\n"));
	CHECK(says(0, "> startup user=u\n< R\n~ < 300\n> Q begin\n< C BEGIN\n< Z T\n",
		   "begin ok rows=0 db=u/u @4-5\n"));
	CHECK(says(0, "> startup user=u\n< R\n~ < 300\n< K\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "begin ok rows=0 db=u/u @5-6\n"));
}

/* A boundary was lost while nothing was outstanding. What was read before the next request was
 * written does not answer it, in whatever order the two are told. */
TEST(an_answer_older_than_the_request)
{
	struct play_talk *t = play_read(START "~ < 30\n");
	struct play_talk *query = play_read("> Q select 1\n");
	struct play_talk *old = play_read("< C SELECT 7\n< Z I\n");
	struct play_talk *answer = play_read("< C SELECT 1\n< Z I\n");
	struct play *p = play_new(0);

	play_all(p, t, WHOLE);
	play_one(p, query, &query->calls[0], 6000, WHOLE);
	play_one(p, old, &old->calls[0], 5000, WHOLE);
	play_one(p, answer, &answer->calls[0], 7000, WHOLE);
	play_end(p);
	CHECK_STR(p->out, "select ok rows=1 db=u/u @6-7\n");
	play_free(p);
	free(t), free(query), free(old), free(answer);
}

TEST(requests_are_lost)
{
	/* the text of a query: its command is known, its end too */
	CHECK(says(0,
		   START "~ > 40\n> raw rest\n< C SELECT 1\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "select ok rows=1 db=u/u untimed\nbegin ok rows=0 db=u/u @6-7\n"));
	/* a batch longer than what is captured of a call: its answers tell how much it was */
	CHECK(says(0,
		   START "> P a|insert into t values($1)\n> B |a\n> E\n~ > 70000\n< 1\n< 2\n"
			 "< C INSERT 0 1\n< 2\n< C INSERT 0 1\n< 2\n< C INSERT 0 1\n< Z I\n"
			 "> Q begin\n< C BEGIN\n< Z T\n",
		   "insert ok rows=1 batch=3 db=u/u @3-5\ninsert ok rows=1 batch=3 db=u/u @3-5\n"
		   "insert ok rows=1 batch=3 db=u/u @3-5\nbegin ok rows=0 db=u/u @6-7\n"));
	CHECK(says(
		0,
		START "> P a|insert into t values($1)\n> B |a\n> E\n~ > 70000\n< 1\n< 2\n"
		      "< C INSERT 0 1\n< E ERROR 23505\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		"insert ok rows=1 batch=2 db=u/u @3-5\nunknown 23505 rows=0 batch=2 db=u/u @3-5\n"
		"begin ok rows=0 db=u/u @6-7\n"));
	/* data of a COPY, message heads with them */
	CHECK(says(0,
		   START "> Q copy t from stdin\n< G\n> d x\n~ > 70000\n> raw y\n> c\n< C COPY 9\n"
			 "< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "copy ok rows=9 db=u/u @3-8\nbegin ok rows=0 db=u/u @9-10\n"));
	/* the startup itself */
	CHECK(says(0, "~ > 40\n< R\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "begin ok rows=0 @3-4\n"));
}

TEST(a_text_with_a_hole)
{
	struct play_talk *t = play_read(START);
	struct play_talk *end = play_read("< D 1\n< C SELECT 1\n< E ERROR 22012\n< Z I\n");
	static uint8_t query[3000] = {'Q', 0, 0, 2999 >> 8, 2999 & 0xff};
	struct play *p = play_new(0);

	memset(query + 5, ' ', sizeof(query) - 6);
	memcpy(query + 5, "select 1/", 9);
	play_all(p, t, WHOLE);
	play_feed(p, RT_REQ, query, 100, 3000, RT_CALL_START);
	play_gap(p, RT_REQ, 2000, 3000);
	play_feed(p, RT_REQ, query + 2100, 900, 3000, RT_CALL_END);
	play_one(p, end, &end->calls[0], 4000, WHOLE);
	CHECK(!postgres_ops.tail_only(p->conn, RT_RESP));
	play_end(p);
	CHECK_STR(p->out, "select ok rows=1 batch=2 db=u/u @3-4 first=4\n"
			  "other 22012 rows=0 batch=2 db=u/u @3-4\n");
	play_free(p);
	free(t), free(end);
}

/* The end of one unit's answers is lost, and so is the next request: the ReadyForQuery that comes
 * then is another's, and does not tell when the statements before the loss ended. */
TEST(a_later_end_is_not_the_units)
{
	CHECK(says(0,
		   START "> Q insert into t values (1); select 1\n< C INSERT 0 1\n~ > 40\n~ < 30\n"
			 "< byte x\n< C SELECT 2\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "insert ok rows=1 db=u/u untimed\nbegin ok rows=0 db=u/u @8-9\n! gap 1\n"));
	CHECK(says(0,
		   START
		   "> Q insert into t values (1); select 1\n< C INSERT 0 1\n> Q select 2\n~ < 30\n"
		   "< byte x\n< C SELECT 2\n< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "insert ok rows=1 db=u/u untimed\nbegin ok rows=0 db=u/u untimed\n"
		   "! abandoned 2\n"));
}

/* The end of all answers is lost, then a request: the next ReadyForQuery is looked for all the
 * same, and behind it all is known. */
TEST(answers_and_then_a_request_are_lost)
{
	CHECK(says(0,
		   START "~ < 30\n~ > 40\n> Q select 1\n< C SELECT 1\n< Z I\n> Q begin\n"
			 "< C BEGIN\n< Z T\n> Q commit\n< C COMMIT\n< Z I\n",
		   "begin ok rows=0 db=u/u @7-8\ncommit ok rows=0 db=u/u @9-10\n"));
	CHECK(says(0,
		   START "~ < 30\n> Q select 1\n~ > 40\n< C SELECT 1\n< Z I\n-\n< C UPDATE 2\n"
			 "< Z I\n> Q begin\n< C BEGIN\n< Z T\n",
		   "update ok rows=2 db=u/u untimed\nbegin ok rows=0 db=u/u @8-9\n"));
}

static int tail_after(const char *script)
{
	struct play_talk *t = play_read(script);
	struct play *p = play_new(0);
	int tail;

	play_all(p, t, WHOLE);
	tail = postgres_ops.tail_only(p->conn, RT_RESP);
	CHECK(!postgres_ops.tail_only(p->conn, RT_REQ));
	play_free(p);
	free(t);
	return tail;
}

TEST(when_only_the_tail_is_wanted)
{
	CHECK(!tail_after(START));
	CHECK(!tail_after(START "> Q select 1\n< T\n"));
	CHECK(tail_after(START "> Q select 1\n< T\n< D 1\n"));
	CHECK(tail_after(START "> Q select ';' -- ; x\n< T\n< D 1\n"));
	CHECK(tail_after(START "> Q select 1;  \n< T\n< D 1\n"));
	CHECK(tail_after(START "> Q copy t to stdout\n< H\n< d 1\n"));
	CHECK(tail_after(START "> Q select 1\n< T\n< D 1\n~ < 100\n"));
	CHECK(tail_after(START "> P |select 1\n> B |\n> E\n> S\n< 1\n< 2\n< D 1\n"));
	CHECK(!tail_after(START "> Q select 1; select 2\n< T\n< D 1\n"));
	CHECK(!tail_after(START "> Q select 'a\\'; x'\n< T\n< D 1\n"));
	CHECK(!tail_after(START "> Q select 1\n> Q select 2\n< T\n< D 1\n"));
	CHECK(!tail_after(START "> P |select 1\n> B |\n> E\n> H\n< 1\n< 2\n< D 1\n"));
	CHECK(!tail_after(START "> P |select 1\n> B |\n> E |5\n> S\n< 1\n< 2\n< D 1\n"));
	CHECK(!tail_after(START "> B |s\n> E\n> B |s\n> E\n> S\n< 2\n< D 1\n"));
	CHECK(!tail_after(START "> Q select 1\n< T\n< D 1\n< C SELECT 1\n"));
}

TEST(an_error_with_a_hole_books_nothing)
{
	struct play_talk *t = play_read(START "> P |select 1\n> B |\n> E\n> Q select 2\n> S\n");
	struct play_talk *end = play_read("< Z I\n> Q begin\n< C BEGIN\n< Z T\n");
	static const uint8_t err[] = "E\0\0\0\144SERROR";
	struct play *p = play_new(0);

	play_all(p, t, WHOLE);
	play_feed(p, RT_RESP, err, 11, 4000, RT_CALL_START);
	play_gap(p, RT_RESP, 90, 4000);
	for (int i = 0; i < end->ncalls; i++)
		play_one(p, end, &end->calls[i], 5000 + 1000 * (uint64_t)i, WHOLE);
	play_end(p);
	CHECK_STR(p->out, "begin ok rows=0 db=u/u @6-7\n! gap 1\n");
	play_free(p);
	free(t), free(end);
}

/* A gap at every place of the answers, of every length: never a statement too many, never one whose
 * kind or rows are wrong, and the conversation is exact again behind it. */
TEST(a_gap_everywhere_in_the_answers)
{
	struct play_talk *t = play_read(
		START
		"> Q select 1\n< T\n< D 1\n< D 22\n< C SELECT 2\n< Z I\n"
		"> P s|update t set a=$1\n> B |s\n> E\n> S\n< 1\n< 2\n< N\n< C UPDATE 1\n< Z I\n"
		"> Q delete from t\n< C DELETE 5\n< Z I\n> Q select 3\n< D 3\n< C SELECT 3\n< Z I\n"
		"> Q insert into t select 1\n< C INSERT 0 6\n< Z I\n");
	const struct play_call *hit;

	for (int which = 3; which <= 5; which += 2) {
		hit = &t->calls[which];
		for (size_t from = 0; from < hit->len; from++)
			for (size_t to = from + 1; to <= hit->len; to++) {
				struct play *p = play_new(0);
				struct play_talk *v = malloc(sizeof(*v));
				const char *end;

				if (!v)
					abort();
				*v = *t;
				v->calls[which].len = from;
				for (int i = 0; i < which; i++)
					play_one(p, v, &v->calls[i], 1000 * (uint64_t)(i + 1),
						 WHOLE);
				play_feed(p, RT_RESP, t->bytes + hit->at, from,
					  1000 * (uint64_t)(which + 1), RT_CALL_START);
				play_gap(p, RT_RESP, to - from, 1000 * (uint64_t)(which + 1));
				play_feed(p, RT_RESP, t->bytes + hit->at + to, hit->len - to,
					  1000 * (uint64_t)(which + 1), RT_CALL_END);
				for (int i = which + 1; i < t->ncalls; i++)
					play_one(p, t, &t->calls[i], 1000 * (uint64_t)(i + 1),
						 WHOLE);
				play_end(p);
				end = strstr(p->out, "select ok rows=3 db=u/u @9-10 first=10\n"
						     "insert ok rows=6 db=u/u @11-12\n");
				if (!end || p->txns + p->unparsed[RT_UNPARSED_GAP] != 5 ||
				    p->rows < 11 || p->rows > 17) {
					printf("# call %d [%zu,%zu):\n%s", which, from, to, p->out);
					CHECK(false);
				}
				free(v);
				play_free(p);
			}
	}
	free(t);
}
