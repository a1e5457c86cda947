// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of statements: whose it is, across messages, units and connections. */
#include "proto/postgres_world.h"
#include "proto/sqlcomment.h"
#include "test.h"
#include "unit/postgres_play.h"

#define TRACE  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define TRACE2 "00-11111111111111111111111111111111-2222222222222222-00"
#define WHOLE  ((struct play_cut){.at = SIZE_MAX})

/* `select ok <text> [summary] cut trace` */
static void say_text(void *arg, const struct rt_txn *t)
{
	struct play *p = arg;

	p->txns++;
	if (p->out_len + 8192 > sizeof(p->out))
		return;
	p->out_len += (size_t)sprintf(p->out + p->out_len, "%.*s %s <%.*s> [%.*s]%s%s%.*s\n",
				      (int)t->pg.query_type.n, (const char *)t->pg.query_type.p,
				      t->pg.sqlstate[0] ? t->pg.sqlstate : "ok", (int)t->pg.text.n,
				      (const char *)t->pg.text.p, (int)t->pg.summary.n,
				      (const char *)t->pg.summary.p, t->pg.text_cut ? " cut" : "",
				      t->pg.traceparent.n ? " " : "", (int)t->pg.traceparent.n,
				      (const char *)t->pg.traceparent.p);
}

static struct play *open_conn(struct pg_world *w, uint32_t tgid, uint32_t flags)
{
	struct rt_env env = {.postgres = w};
	struct play *p = play_new(flags);

	postgres_ops.fini(p->conn);
	memset(p->conn, 0, postgres_ops.conn_bytes);
	postgres_ops.init(p->conn, &env, flags);
	postgres_ops.owner(p->conn, tgid, RT_ROLE_CLIENT);
	p->say = say_text;
	return p;
}

static void talk(struct play *p, const char *script)
{
	struct play_talk *t = play_read(script);

	p->out_len = 0;
	p->out[0] = '\0';
	play_all(p, t, WHOLE);
	free(t);
}

#define START "> startup user=u database=d\n< R\n< S standard_conforming_strings=on\n< K\n< Z I\n"

/* What a conversation says, the same whole and at every split, byte by byte too. */
static bool says(const char *script, const char *expect)
{
	struct play_talk *t = play_read(script);
	struct pg_world *w = pg_world_new(true);
	bool good = true;

	for (size_t at = 0; at <= t->used + 1 && good; at++) {
		struct play *p = open_conn(w, 7, 0);
		struct play_cut cut = {.at = at, .bytes = at == t->used + 1};

		play_all(p, t, cut);
		play_end(p);
		good = !strcmp(p->out, expect);
		if (!good)
			printf("# cut at %zu:\n%s# expected:\n%s", at, p->out, expect);
		play_free(p);
	}
	pg_world_free(w);
	free(t);
	return good;
}

TEST(simple_queries)
{
	CHECK(says(START "> Q select * from t where a = 'secret'\n< T\n< C SELECT 1\n< Z I\n",
		   "select ok <select * from t where a = ?> [select t]\n"));
	CHECK(says(START "> Q begin; update t set a=1;\n< C BEGIN\n< C UPDATE 1\n< Z T\n",
		   "begin ok <begin; update t set a=?> [begin update t]\n"
		   "update ok <begin; update t set a=?> [begin update t]\n"));
	CHECK(says(START "> Q insert into t values (1)\n< E ERROR 23505\n< Z I\n",
		   "insert 23505 <insert into t values (?)> [insert t]\n"));
	CHECK(says(START "> Q begin\n> Q select 1\n< C BEGIN\n< Z T\n< C SELECT 1\n< Z T\n",
		   "begin ok <begin> [begin]\nselect ok <select ?> [select]\n"));
	CHECK(says(START "> Q  \n< I\n< Z I\n", ""));
}

TEST(extended_unnamed)
{
	CHECK(says(START "> P |select $1, 'x'\n> B |\n> D P\n> E\n> S\n< 1\n< 2\n< T\n< D x\n"
			 "< C SELECT 1\n< Z I\n",
		   "select ok <select $1, ?> [select]\n"));
	/* two statements in one unit */
	CHECK(says(START "> P |select a from t\n> B |\n> E\n> P |delete from t\n> B |\n> E\n> S\n"
			 "< 1\n< 2\n< C SELECT 1\n< 1\n< 2\n< C DELETE 1\n< Z I\n",
		   "select ok <select a from t> [select t]\n"
		   "delete ok <delete from t> [delete t]\n"));
	/* a simple query takes the unnamed statement away */
	CHECK(says(START
		   "> P |select a from t\n> S\n< 1\n< Z I\n> Q select 1\n< C SELECT 1\n< Z I\n"
		   "> B |\n> E\n> S\n< 2\n< C SELECT 1\n< Z I\n",
		   "select ok <select ?> [select]\nselect ok <> []\n"));
	/* Parse, Describe, Flush; then Bind, Execute, Sync: asyncpg */
	CHECK(says(START "> P |select 1\n> D S|\n> H\n< 1\n< t\n< T\n> B |\n> E\n> S\n< 2\n"
			 "< C SELECT 1\n< Z I\n",
		   "select ok <select ?> [select]\n"));
}

TEST(prepared_by_name)
{
	CHECK(says(START "> P a|select 1 from a\n> P b|update b set c=2\n> S\n< 1\n< 1\n< Z I\n"
			 "> B |b\n> E\n> B |a\n> E\n> B |b\n> E\n> S\n"
			 "< 2\n< C UPDATE 1\n< 2\n< C SELECT 1\n< 2\n< C UPDATE 1\n< Z I\n",
		   "update ok <update b set c=?> [update b]\n"
		   "select ok <select ? from a> [select a]\n"
		   "update ok <update b set c=?> [update b]\n"));
	/* closed, and made again with another text */
	CHECK(says(START "> P a|select 1\n> S\n< 1\n< Z I\n> C S|a\n> P a|select b\n> S\n< 3\n< 1\n"
			 "< Z I\n> B |a\n> E\n> S\n< 2\n< C SELECT 1\n< Z I\n",
		   "select ok <select b> [select]\n"));
	/* a Parse that failed defines nothing */
	CHECK(says(START "> P a|selec 1\n> S\n< E ERROR 42601\n< Z I\n> B |a\n> E\n> S\n"
			 "< E ERROR 26000\n< Z I\n",
		   "other 42601 <selec ?> [selec]\nunknown 26000 <> []\n"));
}

TEST(failures_have_their_own_text)
{
	CHECK(says(START "> P |select 1/0\n> B |\n> E\n> S\n< 1\n< 2\n< E ERROR 22012\n< Z I\n",
		   "select 22012 <select ?/?> [select]\n"));
	CHECK(says(START
		   "> P |select a from t\n> B |\n> E\n> P |update t set a=1\n> B |\n> E\n> S\n"
		   "< 1\n< 2\n< C SELECT 1\n< 1\n< E ERROR 22P02\n< Z I\n",
		   "select ok <select a from t> [select t]\n"
		   "update 22P02 <update t set a=?> [update t]\n"));
	/* behind the last CommandComplete: a deferred constraint */
	CHECK(says(START
		   "> P |insert into t values (1)\n> B |\n> E\n> S\n< 1\n< 2\n< C INSERT 0 1\n"
		   "< E ERROR 23503\n< Z I\n",
		   "insert 23503 <insert into t values (?)> [insert t]\n"));
}

TEST(suspended_portals)
{
	/* never asked again: booked when the portal goes */
	CHECK(says(START "> P |select a from t\n> B |\n> E |1\n> S\n< 1\n< 2\n< D x\n< s\n< Z I\n"
			 "> Q select 2\n< C SELECT 1\n< Z I\n",
		   "select ok <select a from t> [select t]\nselect ok <select ?> [select]\n"));
	CHECK(says(START "> Q begin\n< C BEGIN\n< Z T\n> P |select a from t\n> B p|\n> E p|1\n> S\n"
			 "< 1\n< 2\n< D x\n< s\n< Z T\n> C P|p\n> S\n< 3\n< Z T\n",
		   "begin ok <begin> [begin]\nselect ok <select a from t> [select t]\n"));
	/* the transaction ends: the portal's text is not that of COMMIT */
	CHECK(says(START "> Q begin\n< C BEGIN\n< Z T\n> P |select a from t\n> B p|\n> E p|1\n> S\n"
			 "< 1\n< 2\n< D x\n< s\n< Z T\n> Q commit\n< C COMMIT\n< Z I\n",
		   "begin ok <begin> [begin]\nselect ok <select a from t> [select t]\n"
		   "commit ok <commit> [commit]\n"));
}

TEST(trace_context)
{
	CHECK(says(START "> Q select 1 /*traceparent='" TRACE "'*/\n< C SELECT 1\n< Z I\n",
		   "select ok <select ?> [select] " TRACE "\n"));
	CHECK(says(
		START
		"> P |select 1 /*traceparent='" TRACE "'*/\n> B |\n> E\n"
		"> P |select 1 /*traceparent='" TRACE2 "'*/\n> B |\n> E\n"
		"> P |select 1\n> B |\n> E\n> S\n"
		"< 1\n< 2\n< C SELECT 1\n< 1\n< 2\n< C SELECT 1\n< 1\n< 2\n< C SELECT 1\n< Z I\n",
		"select ok <select ?> [select] " TRACE "\nselect ok <select ?> [select] " TRACE2
		"\nselect ok <select ?> [select]\n"));
	/* prepared in an earlier unit: the trace is that of whoever prepared it */
	CHECK(says(START "> P a|select 1 /*traceparent='" TRACE "'*/\n> S\n< 1\n< Z I\n"
			 "> B |a\n> E\n> S\n< 2\n< C SELECT 1\n< Z I\n",
		   "select ok <select ?> [select]\n"));
	CHECK(says(START "> Q selec 1 /*traceparent='" TRACE "'*/\n< E ERROR 42601\n< Z I\n",
		   "other 42601 <selec ?> [selec] " TRACE "\n"));
}

TEST(backslashes)
{
	static const char *const ask = "> Q select 'a\\', 'b\n< C SELECT 1\n< Z I\n"
				       "> Q select 'a\\'b', 1\n< C SELECT 1\n< Z I\n";
	char script[1024];

	sprintf(script, "%s%s", START, "> Q select 'a\\', 1\n< C SELECT 1\n< Z I\n");
	CHECK(says(script, "select ok <select ?, ?> [select]\n"));
	/* told at the start, and again when it changes */
	sprintf(script, "%s%s%s", START,
		"> Q set standard_conforming_strings=off\n< C SET\n"
		"< S standard_conforming_strings=off\n< Z I\n",
		ask);
	CHECK(says(script, "set ok <set standard_conforming_strings=off> [set]\n"
			   "select ok <select ?b> [select]\n"
			   "select ok <select ?, ?> [select]\n"));
	/* not known */
	sprintf(script, "> startup user=u\n< R\n< Z I\n%s", ask);
	CHECK(says(script, "select ok <select> [select] cut\nselect ok <select> [select] cut\n"));
}

/* ---- what is not whole ---- */

static void feed_text(struct play *p, const char *sql, size_t n, size_t hole_at, uint64_t hole)
{
	uint8_t head[5] = {'Q', (uint8_t)((n + 5) >> 24), (uint8_t)((n + 5) >> 16),
			   (uint8_t)((n + 5) >> 8), (uint8_t)(n + 5)};

	p->out_len = 0;
	p->out[0] = '\0';
	play_feed(p, RT_REQ, head, 5, 1000, RT_CALL_START);
	for (size_t at = 0; at < n + 1;) {
		size_t len = n + 1 - at < 4096 ? n + 1 - at : 4096;

		if (at < hole_at && at + len > hole_at)
			len = hole_at - at;
		if (at == hole_at && hole) {
			play_gap(p, RT_REQ, hole, 1000);
			at += hole;
			continue;
		}
		play_feed(p, RT_REQ, (const uint8_t *)sql + at, len, 1000,
			  at + len == n + 1 ? RT_CALL_END : 0);
		at += len;
	}
	play_feed(p, RT_RESP, (const uint8_t *)"C\0\0\0\15SELECT 1\0Z\0\0\0\5I", 20, 2000,
		  RT_CALL_START | RT_CALL_END);
}

TEST(long_texts_are_cut)
{
	struct pg_world *w = pg_world_new(true);
	struct play *p = open_conn(w, 1, 0);
	static char sql[64 * 1024];
	struct pg_world_stats stats;
	size_t n = (size_t)sprintf(sql, "select a from t where b in (");

	talk(p, START);
	while (n < sizeof(sql) - 64)
		n += (size_t)sprintf(sql + n, "'Z%zu', ", n);
	n += (size_t)sprintf(sql + n, "'Z')");
	feed_text(p, sql, n, SIZE_MAX, 0);
	CHECK_STR(p->out, "select ok <select a from t where b in (?,> [select t] cut\n");
	/* up to RT_PG_RAW_BYTES it is whole */
	sql[12000] = '\0';
	*strrchr(sql, ',') = ')';
	feed_text(p, sql, strlen(sql), SIZE_MAX, 0);
	CHECK_STR(p->out, "select ok <select a from t where b in (?)> [select t]\n");
	/* and so much of the normalised text */
	n = (size_t)sprintf(sql, "select a0");
	for (int i = 1; i < 1200; i++)
		n += (size_t)sprintf(sql + n, ", a%d", i);
	n += (size_t)sprintf(sql + n, " from t");
	feed_text(p, sql, n, SIZE_MAX, 0);
	CHECK(strstr(p->out, "> [select t] cut\n"));
	CHECK(strstr(p->out, "> [") - p->out < RT_PG_TEXT_BYTES + 16);
	CHECK(strstr(p->out, "> [") - p->out > RT_PG_TEXT_BYTES - 16);
	pg_world_stats(w, &stats);
	CHECK_EQ(stats.cut, 2);
	CHECK_EQ(stats.missed, 0);
	play_free(p);
	pg_world_free(w);
}

TEST(holes_cut_and_never_leak)
{
	static const char sql[] = "select a from t where b = 'ZZZZZZZZZZ' and c = 'ZZZZZZ'";
	struct pg_world *w = pg_world_new(true);

	for (size_t at = 1; at < sizeof(sql) - 1; at++) {
		struct play *p = open_conn(w, 1, 0);

		talk(p, START);
		feed_text(p, sql, sizeof(sql) - 1, at, 1);
		CHECK(!strchr(p->out, 'Z') && strstr(p->out, "select"));
		CHECK(strstr(p->out, " cut\n"));
		play_free(p);
	}
	pg_world_free(w);
}

TEST(parts_are_gathered_for_so_many)
{
	struct pg_world *w = pg_world_new(true);
	struct play *plays[RT_PG_GATHERS + 1];
	struct pg_world_stats stats;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i <= RT_PG_GATHERS; i++) {
			plays[i] = open_conn(w, 1, 0);
			talk(plays[i], START);
			play_feed(plays[i], RT_REQ, (const uint8_t *)"Q\0\0\0\15select", 11, 1000,
				  RT_CALL_START);
		}
		for (int i = 0; i <= RT_PG_GATHERS; i++) {
			/* a third of them never end */
			if (i % 3 || i == RT_PG_GATHERS) {
				play_feed(plays[i], RT_REQ, (const uint8_t *)" 1\0", 3, 1000,
					  RT_CALL_END);
				play_feed(plays[i], RT_RESP,
					  (const uint8_t *)"C\0\0\0\15SELECT 1\0Z\0\0\0\5I", 20,
					  2000, RT_CALL_START | RT_CALL_END);
				CHECK_STR(plays[i]->out, i < RT_PG_GATHERS
								 ? "select ok <select ?> [select]\n"
								 : "select ok <> []\n");
			}
			play_free(plays[i]);
		}
		pg_world_stats(w, &stats);
		CHECK_EQ(stats.missed, round + 1);
	}
	pg_world_free(w);
}

/* ---- names on more than one connection ---- */

#define PGX "stmtcache_0123456789abcdef0123456789abcdef0123456789abcdef"

#define USE(name) "> B |" name "\n> E\n> S\n< E ERROR 57014\n< Z I\n"

static void prepare(struct pg_world *w, uint32_t tgid, const char *name, const char *sql)
{
	struct play *p = open_conn(w, tgid, 0);
	char script[512];

	sprintf(script, START "> P %s|%s\n> S\n< 1\n< Z I\n", name, sql);
	talk(p, script);
	play_free(p);
}

/* What an Execute that fails is said to be on a connection met half-way. */
static const char *used(struct pg_world *w, uint32_t tgid, const char *script)
{
	static char out[512];
	struct play *p = open_conn(w, tgid, RT_LATE);

	talk(p, "> S\n< Z I\n");
	talk(p, script);
	snprintf(out, sizeof(out), "%.500s", p->out);
	play_free(p);
	return out;
}

TEST(names_across_connections)
{
	struct pg_world *w = pg_world_new(true);

	prepare(w, 1, PGX, "select a from t where b = 1");
	prepare(w, 1, "get-user", "select 1 from users");
	prepare(w, 1, "PGBOUNCER_7", "delete from t where a = 1");
	prepare(w, 1, "S_1", "update t set a = 1");
	/* by text: anywhere; by process: in that only; by connection: nowhere else */
	CHECK_STR(used(w, 2, USE(PGX)), "select 57014 <select a from t where b = ?> [select t]\n");
	CHECK_STR(used(w, 1, USE("get-user")),
		  "select 57014 <select ? from users> [select users]\n");
	CHECK_STR(used(w, 2, USE("get-user")), "unknown 57014 <> []\n");
	CHECK_STR(used(w, 1, USE("PGBOUNCER_7")),
		  "delete 57014 <delete from t where a = ?> [delete t]\n");
	CHECK_STR(used(w, 2, USE("PGBOUNCER_7")), "unknown 57014 <> []\n");
	CHECK_STR(used(w, 1, USE("S_1")), "unknown 57014 <> []\n");
	/* what succeeds has its text too */
	CHECK_STR(used(w, 3, "> B |" PGX "\n> E\n> S\n< 2\n< C SELECT 1\n< Z I\n"),
		  "select ok <select a from t where b = ?> [select t]\n");
	pg_world_free(w);
}

/* Which texts a unit's answers have is known when all of it was seen. */
TEST(names_of_a_unit_met_half_way)
{
	struct pg_world *w = pg_world_new(true);
	struct play *p = open_conn(w, 2, RT_LATE);

	prepare(w, 1, PGX, "select a from t where b = 1");
	talk(p, "> B |" PGX "\n> E\n> S\n< 2\n< C SELECT 1\n< Z I\n");
	CHECK_STR(p->out, "select ok <select a from t where b = ?> [select t]\n");
	play_free(p);
	p = open_conn(w, 2, RT_LATE);
	talk(p, "> B |" PGX "\n> E\n> S\n< 2\n< C UPDATE 1\n< 2\n< C SELECT 1\n< Z I\n");
	CHECK_STR(p->out, "update ok <> []\nselect ok <> []\n");
	play_free(p);
	p = open_conn(w, 2, RT_LATE);
	talk(p, USE(PGX) USE(PGX));
	CHECK_STR(p->out, "unknown 57014 <> []\n"
			  "select 57014 <select a from t where b = ?> [select t]\n");
	play_free(p);
	pg_world_free(w);
}

TEST(names_that_mean_two_things)
{
	struct pg_world *w = pg_world_new(true);
	struct pg_world_stats stats;

	prepare(w, 1, "get", "select 1 from a");
	prepare(w, 1, "get", "select 2 from a"); /* the same */
	CHECK_STR(used(w, 1, USE("get")), "select 57014 <select ? from a> [select a]\n");
	prepare(w, 1, "get", "select 1 from b");
	CHECK_STR(used(w, 1, USE("get")), "unknown 57014 <> []\n");
	prepare(w, 1, "get", "select 1 from b");
	CHECK_STR(used(w, 1, USE("get")), "unknown 57014 <> []\n");
	pg_world_stats(w, &stats);
	CHECK_EQ(stats.ambiguous, 1);
	pg_world_free(w);
}

TEST(scopes_of_names)
{
	static const struct {
		const char *name;
		enum pg_scope scope;
	} names[] = {
		{"", PG_SCOPE_CONN},
		{PGX, PG_SCOPE_GLOBAL},
		{"stmtcache_12", PG_SCOPE_CONN}, /* pgx before 5.5 counts */
		{"stmtcache_0123456789abcdef0123456789abcdef0123456789abcdeg", PG_SCOPE_CONN},
		{"PGBOUNCER_12", PG_SCOPE_PROCESS},
		{"fetch-user", PG_SCOPE_PROCESS},
		{"S_1", PG_SCOPE_CONN},
		{"_pg3_0", PG_SCOPE_CONN},
		{"__asyncpg_stmt_a__", PG_SCOPE_CONN},
		{"__asyncpg_stmt_1f__", PG_SCOPE_CONN},
		{"_auto12", PG_SCOPE_CONN},
		{"s0", PG_SCOPE_CONN},
		{"a1", PG_SCOPE_CONN},
		{"pdo_stmt_0000000a", PG_SCOPE_CONN},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_EQ(pg_name_scope(slice_str(names[i].name)), names[i].scope);
}

TEST(without_text_names_still_tell_the_command)
{
	struct pg_world *w = pg_world_new(false);
	struct pg_world_stats stats;
	struct play *p = open_conn(w, 1, 0);

	talk(p, START "> Q select 1\n< C SELECT 1\n< Z I\n");
	CHECK_STR(p->out, "select ok <> []\n");
	play_free(p);
	prepare(w, 1, PGX, "delete from t");
	CHECK_STR(used(w, 2, USE(PGX)), "delete 57014 <> []\n");
	pg_world_stats(w, &stats);
	CHECK_EQ(stats.texts, 0);
	pg_world_free(w);
	/* no world at all */
	p = play_new(0);
	talk(p, START "> P a|select 1\n> B |a\n> E\n> S\n< 1\n< 2\n< C SELECT 1\n< Z I\n");
	CHECK_EQ(p->txns, 1);
	play_free(p);
}

/* ---- the table of texts ---- */

static uint64_t put(struct pg_world *w, const char *format, int i)
{
	char sql[8192], trace[SQLCOMMENT_TRACEPARENT];

	snprintf(sql, sizeof(sql), format, i);
	return pg_text_put(w, slice_str(sql), 0, trace);
}

TEST(texts_are_kept_once)
{
	struct pg_world *w = pg_world_new(true);
	struct pg_world_stats stats;
	struct pg_text text;
	uint64_t id = put(w, "select %d", 1);

	for (int i = 0; i < 100000; i++)
		CHECK_EQ(put(w, "select %d", i), id);
	CHECK(put(w, "select a%d", 1) != id);
	CHECK(pg_text_get(w, id, &text) && slice_eq(text.text, SLICE("select ?")) && !text.cut);
	pg_world_stats(w, &stats);
	CHECK_EQ(stats.texts, 2);
	CHECK_EQ(stats.evicted, 0);
	CHECK(!pg_text_get(w, PG_TEXT_NONE, &text));
	CHECK(!pg_text_get(NULL, id, &text));
	pg_world_free(w);
}

TEST(unused_texts_make_room)
{
	struct pg_world *w = pg_world_new(true);
	struct pg_world_stats stats;
	struct pg_text text;
	uint64_t mine = put(w, "select mine from t%d", 0), first = put(w, "select a%d", 0);

	for (int i = 1; i < 4 * RT_PG_TEXTS; i++) {
		put(w, "select a%d", i);
		CHECK(pg_text_get(w, mine, &text)); /* used, so it stays */
	}
	CHECK(slice_eq(text.text, SLICE("select mine from t0")));
	CHECK(slice_eq(text.summary, SLICE("select t0")));
	CHECK(!pg_text_get(w, first, &text));
	pg_world_stats(w, &stats);
	CHECK_EQ(stats.texts, RT_PG_TEXTS);
	CHECK_EQ(stats.evicted, 3 * RT_PG_TEXTS + 1);
	pg_world_free(w);
}

TEST(texts_have_so_many_bytes)
{
	static char format[RT_PG_TEXT_BYTES + 64] = "select b%d";
	struct pg_world *w = pg_world_new(true);
	struct pg_world_stats stats;

	for (size_t n = strlen(format); n < RT_PG_TEXT_BYTES - 16; n++)
		format[n] = 'x';
	for (int i = 0; i < 3000; i++) {
		uint64_t id = put(w, i % 7 ? format : "select c%d", i);
		struct pg_text text;

		CHECK(pg_text_get(w, id, &text));
		pg_world_stats(w, &stats);
		CHECK(stats.text_bytes <= RT_PG_TEXT_TOTAL_BYTES);
	}
	CHECK(stats.texts < 3000 && stats.texts > RT_PG_TEXT_TOTAL_BYTES / RT_PG_TEXT_BYTES / 2);
	pg_world_free(w);
}

TEST(names_make_room_for_newer_ones)
{
	struct pg_world *w = pg_world_new(true);
	uint64_t text;
	uint8_t verb;
	int known = 0;

	for (uint64_t i = 1; i <= 4 * RT_PG_SHARED_NAMES; i++)
		pg_shared_put(w, i * 0x9e3779b97f4a7c15ull, PG_SCOPE_GLOBAL, 0, (uint8_t)(i % 50),
			      i);
	for (uint64_t i = 1; i <= 4 * RT_PG_SHARED_NAMES; i++)
		if (pg_shared_get(w, i * 0x9e3779b97f4a7c15ull, 5, &verb, &text)) {
			CHECK(verb == i % 50 && text == i);
			known++;
		}
	CHECK(known <= RT_PG_SHARED_NAMES && known > RT_PG_SHARED_NAMES * 3 / 4);
	CHECK(pg_shared_get(w, 4ull * RT_PG_SHARED_NAMES * 0x9e3779b97f4a7c15ull, 5, &verb, &text));
	pg_world_free(w);
}
