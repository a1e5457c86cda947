// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/pgtags.h"
#include "proto/postgres_names.h"
#include "proto/postgres_sql.h"
#include "test.h"

/* Reads a text cut at `at`, from exact buffers. */
static struct pg_sql read_text(const char *text, size_t n, size_t at)
{
	struct pg_sql s;
	uint8_t *a = test_exact(text, at), *b = test_exact(text + at, n - at);

	memset(&s, 0xa5, sizeof(s));
	pg_sql_init(&s);
	if (pg_sql_feed(&s, a, at) == at && !pg_sql_done(&s))
		pg_sql_feed(&s, b, n - at);
	free(a);
	free(b);
	return s;
}

/* The commands of a text, separated by spaces, `+` behind them when it may hold several statements;
 * the same at every split and byte by byte. */
static bool reads(const char *text, const char *expect)
{
	size_t n = strlen(text) + 1;
	char got[256];

	for (size_t at = 0; at <= n; at++) {
		struct pg_sql s = read_text(text, n, at);
		size_t len = 0;

		for (int i = 0; i < s.statements; i++) {
			struct slice name = pgtag_name(s.verbs[i]);

			len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%.*s",
						i ? " " : "", (int)name.n, (const char *)name.p);
		}
		snprintf(got + len, sizeof(got) - len, "%s", s.flags & PG_SQL_MANY ? "+" : "");
		if (strcmp(got, expect) || !pg_sql_done(&s) || !(s.flags & PG_SQL_ENDED)) {
			printf("# <%s> cut at %zu: %s, expected %s\n", text, at, got, expect);
			return false;
		}
	}
	return true;
}

TEST(commands)
{
	CHECK(reads("", ""));
	CHECK(reads("  \t\n", ""));
	CHECK(reads(";;", ""));
	CHECK(reads("select 1", "select"));
	CHECK(reads("SeLeCt", "select"));
	CHECK(reads(" ( ( select 1) union select 2)", "select"));
	CHECK(reads("\n-- a comment; delete\n/* x /* nested */ ; */ INSERT into t", "insert"));
	CHECK(reads("--x\rupdate t", "update"));
	CHECK(reads("/**/delete", "delete"));
	CHECK(reads("/*/ */select", "select"));
	CHECK(reads("/***/select", "select"));
	CHECK(reads("start transaction", "begin"));
	CHECK(reads("with x as (select 1) select", "other"));
	CHECK(reads("\"select\"", "other"));
	CHECK(reads("1", "other"));
	CHECK(reads("- 1", "other"));
	CHECK(reads("/ 1", "other"));
	CHECK(reads("selects 1", "other"));
	CHECK(reads("select1", "other"));
	CHECK(reads("an_identifier_much_longer_than_any_command_of_any_server_at_all_and_then_some",
		    "other"));
}

TEST(several_statements)
{
	CHECK(reads("begin;", "begin"));
	CHECK(reads("begin;commit", "begin commit+"));
	CHECK(reads("begin; -- x", "begin"));
	CHECK(reads("begin; /* x; */ ;", "begin"));
	CHECK(reads("begin; nonsense; 1", "begin other other+"));
	CHECK(reads("set a=1;set a=1;set a=1;set a=1;set a=1;set a=1;set a=1;set a=1;drop x",
		    "set set set set set set set set+"));
	CHECK(reads("select (1); select 2", "select select+"));
}

TEST(quotes)
{
	CHECK(reads("select ';drop table'", "select"));
	CHECK(reads("select 'it''s ; x'", "select"));
	CHECK(reads("select ''';' ", "select"));
	CHECK(reads("select E'\\'; drop'", "select"));
	CHECK(reads("select e'it''s \\'; drop'; show x", "select show+"));
	CHECK(reads("select E'\\\\'; show x", "select show+"));
	CHECK(reads("select type'x'; show y", "select show+"));
	CHECK(reads("select e 'x'; show y", "select show+"));
	CHECK(reads("select U&'\\0041;'", "select+"));
	CHECK(reads("select 'a\\'", "select+"));
	CHECK(reads("select \"a;b\"\"c;\" from t", "select"));
	CHECK(reads("select $$;$$, $a$ $$ ; $ $b$ $a; $a$", "select"));
	CHECK(reads("select $a$ $a $a$; show x", "select show+"));
	CHECK(reads("select $1; show x", "select show+"));
	CHECK(reads("select a$b$; show x", "select show+"));
	CHECK(reads("select $1$ ; show x", "select show+"));
	CHECK(reads("do $x$ begin; end $x$", "do"));
	CHECK(reads("select 1 -- ;\n; show x", "select show+"));
	CHECK(reads("select 1-1, 4/2, 2*3; show x", "select show+"));
	CHECK(reads("select 1 /* ; /* ; */ ; */ ", "select"));
	CHECK(reads("select 'never ended ; ", "select"));
	CHECK(reads("select \xc3\xa9';'", "select"));
}

static uint64_t arg_of(const char *text)
{
	uint64_t arg = read_text(text, strlen(text) + 1, 0).arg;

	for (size_t at = 1; at <= strlen(text); at++)
		CHECK_EQ(read_text(text, strlen(text) + 1, at).arg, arg);
	return arg;
}

TEST(the_name_of_a_deallocate)
{
	CHECK_EQ(arg_of("deallocate x"), pg_name_hash(SLICE("x")));
	CHECK_EQ(arg_of("DEALLOCATE  _pg3_0;"), pg_name_hash(SLICE("_pg3_0")));
	CHECK_EQ(arg_of("deallocate prepare FooBar"), pg_name_hash(SLICE("foobar")));
	CHECK_EQ(arg_of("deallocate /* y */ prepare -- z\n \"Foo Bar\""),
		 pg_name_hash(SLICE("Foo Bar")));
	CHECK_EQ(arg_of("deallocate \"all\""), pg_name_hash(SLICE("all")));
	CHECK_EQ(arg_of("deallocate all"), PG_NAME_NONE);
	CHECK_EQ(arg_of("deallocate ALL"), PG_NAME_NONE);
	CHECK_EQ(arg_of("select x"), PG_NAME_NONE);
	CHECK_EQ(arg_of("deallocate"), PG_NAME_NONE);
}

/* Past PG_SQL_BYTES nothing is looked at, wherever the text is cut. */
TEST(a_long_text_is_left)
{
	static char text[PG_SQL_BYTES * 2];

	memset(text, 'x', sizeof(text));
	memcpy(text, "select ';', ", 12);
	for (size_t at = 0; at < sizeof(text); at += 101) {
		struct pg_sql s = read_text(text, sizeof(text), at);

		CHECK(pg_sql_done(&s));
		CHECK_EQ(s.seen, PG_SQL_BYTES);
		CHECK_EQ(s.statements, 1);
		CHECK_EQ(s.flags, PG_SQL_MANY);
	}
	/* but the first command is looked for as far as it takes */
	memset(text, ' ', sizeof(text));
	memcpy(text + sizeof(text) - 7, "vacuum", 7);
	for (size_t at = 0; at < sizeof(text); at += 101) {
		struct pg_sql s = read_text(text, sizeof(text), at);

		CHECK_EQ(s.verbs[0], PGTAG_VACUUM);
		CHECK_EQ(s.flags, PG_SQL_ENDED);
	}
}

TEST(a_dollar_tag_too_long)
{
	static char text[256] = "select $";
	struct pg_sql s;

	memset(text + 8, 'a', 100);
	strcpy(text + 108, "$;$ ; show x");
	s = read_text(text, sizeof(text), 0);
	CHECK_EQ(s.flags, PG_SQL_MANY);
}

TEST(a_text_cut_by_loss)
{
	struct pg_sql s;

	pg_sql_init(&s);
	pg_sql_feed(&s, (const uint8_t *)"insert int", 10);
	CHECK(!pg_sql_done(&s));
	pg_sql_cut(&s);
	CHECK(pg_sql_done(&s));
	CHECK_EQ(s.flags, PG_SQL_MANY);
	CHECK_EQ(s.verbs[0], PGTAG_INSERT);
	CHECK_EQ(pg_sql_feed(&s, (const uint8_t *)"x", 1), 0);
}

static bool tag_is(const char *tag, const char *name, uint64_t rows)
{
	uint8_t *exact = test_exact(tag, strlen(tag));
	struct slice s = slice_make(exact, strlen(tag));
	uint64_t got_rows = 999;
	struct slice got = pgtag_name(pgtag_parse(s, &got_rows));
	bool same = slice_eq(got, slice_str(name)) && got_rows == rows;

	if (!same)
		printf("# %s: %.*s %llu\n", tag, (int)got.n, (const char *)got.p,
		       (unsigned long long)got_rows);
	free(exact);
	return same;
}

TEST(command_tags)
{
	CHECK(tag_is("SELECT 12", "select", 12));
	CHECK(tag_is("INSERT 0 1", "insert", 1));
	CHECK(tag_is("INSERT 16390 1", "insert", 1));
	CHECK(tag_is("UPDATE 0", "update", 0));
	CHECK(tag_is("DELETE 18446744073709551615", "delete", UINT64_MAX));
	CHECK(tag_is("MERGE 3", "merge", 3));
	CHECK(tag_is("FETCH 7", "fetch", 7));
	CHECK(tag_is("MOVE 7", "move", 0));
	CHECK(tag_is("COPY 9", "copy", 9));
	CHECK(tag_is("COPY", "copy", 0));
	CHECK(tag_is("START TRANSACTION", "begin", 0));
	CHECK(tag_is("CREATE TABLE", "create", 0));
	CHECK(tag_is("EXPLAIN", "explain", 0));
	CHECK(tag_is("SHOW", "show", 0));
	CHECK(tag_is("REFRESH MATERIALIZED VIEW", "refresh", 0));
	CHECK(tag_is("START_REPLICATION", "start_replication", 0));
	CHECK(tag_is("CREATE_REPLICATION_SLOT", "create_replication_slot", 0));
	CHECK(tag_is("", "other", 0));
	CHECK(tag_is("FROBNICATE 3", "other", 0));
	CHECK_EQ(pgtag_name(PGTAG_UNKNOWN).n, 7);
	CHECK_EQ(pgtag_name(PGTAG_MAX).n, 5);
}

TEST(every_word_is_found)
{
	for (int i = PGTAG_OTHER + 1; i < PGTAG_MAX; i++) {
		char upper[PGTAG_WORD_BYTES];
		struct slice word = pgtag_name(i);

		for (size_t k = 0; k < word.n; k++)
			upper[k] = (char)(word.p[k] >= 'a' && word.p[k] <= 'z' ? word.p[k] & ~0x20
									       : word.p[k]);
		CHECK_EQ(pgtag_find(word), i == PGTAG_START ? (int)PGTAG_BEGIN : i);
		CHECK_EQ(pgtag_find(slice_make(upper, word.n)),
			 i == PGTAG_START ? (int)PGTAG_BEGIN : i);
		CHECK_EQ(pgtag_find(slice_make(upper, word.n - 1)), PGTAG_OTHER);
	}
}

TEST(tags_among_other_bytes)
{
	CHECK(pgtag_valid(SLICE("INSERT 0 1")));
	CHECK(pgtag_valid(SLICE("CREATE_REPLICATION_SLOT")));
	CHECK(!pgtag_valid(SLICE("insert 0 1")));
	CHECK(!pgtag_valid(SLICE("INSERT\n0")));
	CHECK(!pgtag_valid(SLICE("HELLO")));
	CHECK(!pgtag_valid(SLICE("")));
}

TEST(names_come_and_go)
{
	struct pg_names t;
	enum { N = 3000 };

	pg_names_init(&t, N);
	CHECK(!pg_names_get(&t, 1));
	CHECK(!pg_names_put(&t, PG_NAME_NONE));
	for (uint64_t i = 0; i < N; i++) {
		/* few homes: long runs of colliding places */
		struct pg_name *e = pg_names_put(&t, (i << 40 | (i % 7)) + 1);

		REQUIRE(e);
		e->rows = i;
	}
	CHECK(!pg_names_put(&t, UINT64_MAX));
	CHECK_EQ(t.len, N);
	for (uint64_t i = 0; i < N; i += 3)
		pg_names_drop(&t, (i << 40 | (i % 7)) + 1);
	pg_names_drop(&t, UINT64_MAX);
	for (uint64_t i = 0; i < N; i++) {
		struct pg_name *e = pg_names_get(&t, (i << 40 | (i % 7)) + 1);

		CHECK_EQ(!!e, i % 3 != 0);
		if (e)
			CHECK_EQ(e->rows, i);
	}
	CHECK_EQ(t.len, N - N / 3);
	pg_names_clear(&t);
	CHECK(!t.slots);
	CHECK(pg_names_put(&t, 5));
	pg_names_clear(&t);
	CHECK(t.slots && !t.len && !pg_names_get(&t, 5));
	CHECK(pg_names_put(&t, 5) && !pg_names_get(&t, 6));
	pg_names_free(&t);
	CHECK(!t.slots);
}
