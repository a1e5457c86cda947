// SPDX-License-Identifier: GPL-2.0-or-later
/* Summaries of statements, and the trace context in their comments. */
#include "proto/sqlnorm.h"
#include "test.h"

static bool summary(const char *sql, const char *expect)
{
	struct sqlnorm out = {0};
	uint8_t *exact = test_exact(sql, strlen(sql));

	sqlnorm(slice_make(exact, strlen(sql)), 0, &out);
	free(exact);
	if (slice_eq(slice_make(out.summary, out.summary_len), slice_str(expect)))
		return true;
	printf("# <%s>: <%.*s>, expected <%s>\n", sql, out.summary_len, out.summary, expect);
	return false;
}

TEST(of_the_conventions)
{
	CHECK(summary("SELECT * FROM wuser_table WHERE username = 'x'", "SELECT wuser_table"));
	CHECK(summary("INSERT INTO shipping_details (order_id, address) SELECT order_id, address "
		      "FROM orders WHERE order_id = 1",
		      "INSERT shipping_details SELECT orders"));
	CHECK(summary("SELECT * FROM songs, artists WHERE songs.artist_id = artists.id",
		      "SELECT songs artists"));
	CHECK(summary("SELECT order_date FROM (SELECT * FROM orders o JOIN customers c "
		      "ON o.customer_id = c.customer_id)",
		      "SELECT SELECT orders customers"));
	CHECK(summary("SELECT * FROM \"song list\", artists", "SELECT \"song list\" artists"));
}

TEST(queries)
{
	CHECK(summary("select 1", "select"));
	CHECK(summary("Select a From s.t, db . s . u x, t", "Select s.t db.s.u t"));
	CHECK(summary("select * from only t, only (u)", "select t u"));
	CHECK(summary("select * from a left join b on a.x = b.x, c", "select a b c"));
	CHECK(summary("select * from a join b using (id, x) join c using (y), d",
		      "select a b c d"));
	CHECK(summary("select * from (a join b on true) cross join c", "select a b c"));
	CHECK(summary("select * from generate_series(1, 2) g, t", "select t"));
	CHECK(summary("select * from rows from (f(1), g()) r, t", "select t"));
	CHECK(summary("select * from a, lateral (select 1 from b) l", "select a select b"));
	CHECK(summary("select * from a x (c, d), b", "select a b"));
	CHECK(summary("select a, b from t group by a, b order by a, b", "select t"));
	CHECK(summary("select extract(year from a), trim(both 'x' from b) from t", "select t"));
	CHECK(summary("select a is distinct from b from t", "select t"));
	CHECK(summary("select (select max(a) from t), f((select 1)) from u",
		      "select select t select u"));
	CHECK(summary("select 1 union all select a from t", "select select t"));
	CHECK(summary("(select a from t) except (select 1 from u)", "select t select u"));
	CHECK(summary("select * from t for update of t", "select t"));
	CHECK(summary("select a into temp n from t", "select n t"));
	CHECK(summary("table s.t", "table s.t"));
	CHECK(summary("values (1), (2)", "values"));
	CHECK(summary("with a as (select * from t), b as (select 1) select * from a, b",
		      "select t select select a b"));
	CHECK(summary("with recursive r (n) as (values (1) union all select n from r) table r",
		      "select r"));
	CHECK(summary("select * from t tablesample system (10), u", "select t u"));
}

TEST(changes)
{
	CHECK(summary("insert into s.t (a, b) values (1, 2)", "insert s.t"));
	CHECK(summary("insert into t (a) values (1) on conflict do update set a = 2", "insert t"));
	CHECK(summary("update only t as x set a = b from u, v where x.i = u.i", "update t u v"));
	CHECK(summary("delete from t using u, v where t.a = u.a", "delete t u v"));
	CHECK(summary("delete from t using a join b using (id)", "delete t a b"));
	CHECK(summary("merge into t using s on t.i = s.i when matched then update set a = 1 "
		      "when not matched then insert values (1)",
		      "merge t s"));
	CHECK(summary("with d as (delete from t returning *) insert into u select * from d",
		      "delete t insert u select d"));
	CHECK(summary("with u as (update t set a = 1) update v set b = 2", "update t update v"));
	CHECK(summary("update t set a = (select max(b) from u)", "update t select u"));
}

TEST(definitions)
{
	CHECK(summary("create table t (a int)", "create table t"));
	CHECK(summary("CREATE TEMP TABLE IF NOT EXISTS s.t (a int)", "CREATE TABLE s.t"));
	CHECK(summary("create table t as select * from u", "create table t select u"));
	CHECK(summary("create unique index concurrently i on t (a)", "create index i"));
	CHECK(summary("create index on t (a, b)", "create index t"));
	CHECK(summary("create or replace view v (a) as select 1 from t", "create view v select t"));
	CHECK(summary("create materialized view m as table t", "create materialized view m"));
	CHECK(summary("refresh materialized view m", "refresh materialized view m"));
	CHECK(summary("create function f(a int) returns int language sql as 'x'",
		      "create function f"));
	CHECK(summary("create foreign data wrapper w", "create foreign data wrapper w"));
	CHECK(summary("create user mapping for joe server s", "create user mapping"));
	CHECK(summary("create policy p on t for select using (true)", "create policy p"));
	CHECK(summary("create user bob password 'x'", "create user bob"));
	CHECK(summary("alter table only t add column c int", "alter table t"));
	CHECK(summary("drop table if exists a, s.b cascade", "drop table a s.b"));
	CHECK(summary("drop function f(int, text), g(int)", "drop function f g"));
	CHECK(summary("truncate table only a, b", "truncate table a b"));
	CHECK(summary("truncate \"A b\"", "truncate \"A b\""));
	CHECK(summary("comment on table t is 'x'", "comment table t"));
	CHECK(summary("grant select, update on t to joe", "grant"));
	CHECK(summary("revoke select on t from joe", "revoke"));
}

TEST(commands)
{
	CHECK(summary("begin", "begin"));
	CHECK(summary("set search_path to a, b", "set"));
	CHECK(summary("copy t (a, b) from stdin", "copy t"));
	CHECK(summary("copy (select * from t) to stdout", "copy select t"));
	CHECK(summary("explain (analyze, verbose) delete from t", "explain delete t"));
	CHECK(summary("explain analyze insert into t values (1)", "explain insert t"));
	CHECK(summary("declare c cursor for select * from t", "declare select t"));
	CHECK(summary("prepare p as update t set a = $1", "prepare update t"));
	CHECK(summary("execute p(1)", "execute"));
	CHECK(summary("vacuum", "vacuum"));
	CHECK(summary("vacuum (full, analyze) t, u", "vacuum t u"));
	CHECK(summary("vacuum full verbose s.t", "vacuum s.t"));
	CHECK(summary("lock table only a, b in share mode", "lock table a b"));
	CHECK(summary("reindex (verbose) table t", "reindex table t"));
	CHECK(summary("call s.p(1, 2)", "call s.p"));
	CHECK(summary("fetch 5 from c", "fetch"));
	CHECK(summary("begin; insert into t values (1); select a from u",
		      "begin insert t select u"));
	CHECK(summary("-- nothing", ""));
}

/* ---- trace context ---- */

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static bool traced(const char *sql, uint32_t flags, const char *expect)
{
	struct sqlnorm out = {0};
	uint8_t *exact = test_exact(sql, strlen(sql));

	sqlnorm(slice_make(exact, strlen(sql)), flags, &out);
	free(exact);
	if (!strcmp(out.traceparent, expect))
		return true;
	printf("# <%s>: <%s>\n", sql, out.traceparent);
	return false;
}

TEST(traceparent_in_front_and_behind)
{
	CHECK(traced("select 1 /*traceparent='" TRACE "'*/", 0, TRACE));
	CHECK(traced("select 1 /*traceparent='" TRACE "'*/ ; ", 0, TRACE));
	CHECK(traced("select 1; /*traceparent='" TRACE "'*/ -- end", 0, TRACE));
	CHECK(traced("/*traceparent='" TRACE "'*/ select 1", 0, TRACE));
	CHECK(traced("-- x\n/* app */ select 1", 0, ""));
	CHECK(traced("select 1 /*action='%2Fa%27',db_driver='d',traceparent='" TRACE
		     "',tracestate='a%3D1'*/",
		     0, TRACE));
	CHECK(traced("select 1 /* a='it\\'s', traceparent='" TRACE "' */", 0, TRACE));
	/* encoded, wholly or in part */
	CHECK(traced("select 1 /*traceparent='00%2D0af7651916cd43dd8448eb211c80319c-"
		     "b7ad6b7169203331%2d%301'*/",
		     0, TRACE));
	/* in the middle, in a string, in a line */
	CHECK(traced("select /*traceparent='" TRACE "'*/ 1", 0, ""));
	CHECK(traced("select 1 /*traceparent='" TRACE "'*/; select 2", 0, ""));
	CHECK(traced("select '/*traceparent=''" TRACE "''*/'", 0, ""));
	CHECK(traced("select 1 --traceparent='" TRACE "'", 0, ""));
	/* behind wins */
	CHECK(traced("/*traceparent='00-11111111111111111111111111111111-2222222222222222-00'*/ "
		     "select 1 /*traceparent='" TRACE "'*/",
		     0, TRACE));
	CHECK(traced("/*traceparent='" TRACE "'*/ select 1 /* app */", 0, TRACE));
	/* cut: whether it stands behind is not known */
	CHECK(traced("select 1 /*traceparent='" TRACE "'*/ ", SQLLEX_CUT, ""));
	CHECK(traced("/*traceparent='" TRACE "'*/ select 1", SQLLEX_CUT, TRACE));
}

TEST(traceparent_that_is_none)
{
	static const char *const bad[] = {
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
		"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331%2",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
		"",
		"%",
		"00%zz",
	};
	char sql[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sprintf(sql, "select 1 /*traceparent='%s'*/", bad[i]);
		CHECK(traced(sql, 0, ""));
	}
	CHECK(traced("select 1 /*xtraceparent='" TRACE "'*/", 0, ""));
	CHECK(traced("select 1 /*traceparent=" TRACE "*/", 0, ""));
	CHECK(traced("select 1 /*traceparent='" TRACE "*/", 0, ""));
	CHECK(traced("select 1 /*traceparent='", 0, ""));
	/* a version to come, with more behind */
	CHECK(traced("select 1 /*traceparent='01-0af7651916cd43dd8448eb211c80319c-"
		     "b7ad6b7169203331-01-more'*/",
		     0, "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
}
