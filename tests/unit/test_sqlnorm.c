// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/sqlnorm.h"
#include "test.h"

#define ROOM 4096

static struct sqlnorm norm(struct slice sql, uint32_t flags, size_t cap)
{
	static char text[ROOM + 1];
	struct sqlnorm out = {.text = text, .cap = cap};
	uint8_t *exact = test_exact(sql.p, sql.n);

	memset(text, 0x5a, sizeof(text));
	sqlnorm(slice_make(exact, sql.n), flags, &out);
	CHECK(out.len <= cap && text[cap] == 0x5a);
	text[out.len] = '\0';
	free(exact);
	return out;
}

struct example {
	const char *sql;
	const char *text;
	const char *summary; /* NULL: not looked at */
};

/*
 * The insides of constants and comments are written in capital Z and Q and in the digits 8 and 9,
 * which stand nowhere else.
 */
static const struct example examples[] = {
	/* numbers */
	{"select 9, 98, 9.8, .98, 98., 9e8, 9.8e-9, 9.E+8", "select ?, ?, ?, ?, ?, ?, ?, ?",
	 "select"},
	{"select 0x98, 0X9_8, 0b, 0o7, 0o_7, 9_8_9, 9.8_9e9_8", "select ?, ?, ?b, ?, ?, ?, ?",
	 NULL},
	{"select -9, - 9, +9, a-9, a - -9", "select -?, - ?, +?, a-?, a - -?", NULL},
	{"select a[9:8], 9..8", "select a[?:?], ?..?", NULL},
	{"select 9from t", "select ?from t", NULL},
	{"select t9, t_8, t.a9", "select t9, t_8, t.a9", NULL},
	/* strings */
	{"select 'Z', '', 'Z''Q', ''''", "select ?, ?, ?, ?", NULL},
	{"select 'Z\\', 'Q'", "select ?, ?", NULL},
	{"select E'Z\\'Q', e'\\\\', E'Z''Q'", "select ?, ?, ?", NULL},
	{"select U&'Z\\0098Q', u&'Z' uescape 'Q'", "select ?, ? uescape ?", NULL},
	{"select B'98', b'', X'98', x'Z'", "select ?, ?, ?, ?", NULL},
	{"select N'Z', n 'Q'", "select N?, n ?", NULL},
	{"select 'Z'\n'Q', 'Z' \t\n  'Q'", "select ?, ?", NULL},
	{"select 'Z' -- Q'Z\n 'Q', 9", "select ?, ?", NULL},
	{"select 'Z' 'Q'", "select ? ?", NULL},
	{"select E'Z'\n'\\'Q'", "select ?", NULL},
	{"select $$Z$$, $$$$, $a$Z$$Q$b$Z$a$, $$Z'Q$$", "select ?, ?, ?, ?", NULL},
	{"select $a$Z$A$Q$a$, $_8$Z$_8$", "select ?, ?", NULL},
	{"select a$b$c, $1$2", "select a$b$c, $1$2", NULL},
	{"select 'Z;Q--Z/*Q*/', 9", "select ?, ?", NULL},
	{"select date 'Z', interval 'Q' year", "select date ?, interval ? year", NULL},
	/* what stays */
	{"select $1, $23, true, NULL, current_date", "select $1, $23, true, NULL, current_date",
	 NULL},
	{"select \"a\", \"a \"\"b\"\" c\", U&\"d\\0061\"",
	 "select \"a\", \"a \"\"b\"\" c\", U&\"d\\0061\"", NULL},
	{"select a::int, 'Z'::text, cast(9 as numeric(9, 8))",
	 "select a::int, ?::text, cast(? as numeric(?, ?))", NULL},
	{"select a ? 'Z', a?|b, a ?& b, a->'Z'->>9, a@>b",
	 "select a ? ?, a?|b, a ?& b, a->?->>?, a@>b", NULL},
	{"select a=9,b<>9,c||'Z'||d", "select a=?, b<>?, c||?||d", NULL},
	{"select f(a => 9, b := 8)", "select f(a => ?, b := ?)", NULL},
	{"select \xc3\xa9, 'Z\xc3\xa9' from \"\xe6\x97\xa5\"",
	 "select \xc3\xa9, ? from \"\xe6\x97\xa5\"", "select \"\xe6\x97\xa5\""},
	/* comments and white space */
	{"  select\t\n 9  ", "select ?", NULL},
	{"select /* Z */ 9 /* Q /* Z */ Q */ , a -- Q", "select ?, a", NULL},
	{"-- Z\nselect 9 --Q\r, 8", "select ?, ?", NULL},
	{"select a/*Z*/b, a/**/-/***/b", "select a b, a - b", NULL},
	{"select a--Z\n-b, a-/*Z*/-b", "select a -b, a- -b", NULL},
	{"select f( a,b )  ,g [ 9 ] , ( 8)", "select f(a, b), g [?], (?)", NULL},
	{"select 9 ;", "select ?", NULL},
	{" ; ; select 9;select 8 ; ;", "select ?; select ?", "select select"},
	{"", "", ""},
	{" ;/* Z */; -- Q", "", ""},
	/* lists */
	{"select a in (9)", "select a in (?)", NULL},
	{"select a in (9,8, 9 )", "select a in (?)", NULL},
	{"select a not IN('Z', 'Q')", "select a not IN(?)", NULL},
	{"select a in ($1, $2), a in ($1, 9), a in (9, $1)",
	 "select a in ($1), a in ($1), a in (?)", NULL},
	{"select a in (-9, +8, - 9)", "select a in (-?)", NULL},
	{"select a in ('Z'::text, 'Q'::varchar(9), 9::double precision)", "select a in (?::text)",
	 NULL},
	{"select a in (9, b, 8, 9, c, d)", "select a in (?, b, ?, c, d)", NULL},
	{"select a in (9 + 8, 9, f(9, 8))", "select a in (? + ?, ?, f(?, ?))", NULL},
	{"select (a, b) in ((9, 8), (8, -9))", "select (a, b) in ((?, ?))", NULL},
	{"select (a, b) in ((9, c), (9, 8), (8, 9))", "select (a, b) in ((?, c), (?, ?))", NULL},
	{"select a in (select b from t where c in (9, 8))",
	 "select a in (select b from t where c in (?))", "select select t"},
	{"select a in (9, (select 8), 9, 8)", "select a in (?, (select ?), ?)", NULL},
	{"select array[9, 8], array[array[9, 8], array[8]]",
	 "select array[?], array[array[?], array[?]]", NULL},
	{"select array[[9, 8], [8, 9]]", "select array[[?, ?]]", NULL},
	{"values (9, 'Z'), (8, 'Q')", "values (?, ?)", "values"},
	{"insert into t(a) values (9),(f(8, (9))) returning a, (b)",
	 "insert into t(a) values (?) returning a, (b)", "insert t"},
	{"select * from (values (9), (8)) v, (values ('Z'), (')')) w, u",
	 "select * from (values (?)) v, (values (?)) w, u", "select u"},
	{"values (9), a", "values (?), a", NULL},
};

TEST(text_and_summary)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *e = &examples[i];
		struct sqlnorm out = norm(slice_str(e->sql), 0, ROOM);
		char summary[SQLSUM_BYTES + 1] = "";

		memcpy(summary, out.summary, out.summary_len);
		CHECK_STR(out.text, e->text);
		CHECK(!out.cut);
		if (e->summary)
			CHECK_STR(summary, e->summary);
	}
}

TEST(normalised_normalises_to_itself)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		CHECK_STR(norm(slice_str(examples[i].text), 0, ROOM).text, examples[i].text);
}

/* Neither text nor summary has a byte of a constant's inside or of a comment. */
static bool leaks(const struct sqlnorm *out)
{
	for (size_t i = 0; i < out->len; i++)
		/* names and parameters of the examples end in 8 and 9 where that is their point */
		if (strchr("ZQ", out->text[i]) ||
		    (strchr("98", out->text[i]) && !strchr("t_a", i ? out->text[i - 1] : ' ')))
			return true;
	return memchr(out->summary, 'Z', out->summary_len) ||
	       memchr(out->summary, 'Q', out->summary_len);
}

TEST(no_leak_wherever_it_is_cut)
{
	size_t cuts = 0;

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct slice sql = slice_str(examples[i].sql);

		for (size_t n = 0; n <= sql.n; n++, cuts++) {
			struct sqlnorm out = norm(slice_make(sql.p, n), SQLLEX_CUT, ROOM);
			char once[ROOM + 1];

			CHECK(out.cut);
			if (leaks(&out)) {
				CHECK(!"a literal leaks");
				printf("# %.*s -> %s\n", (int)n, examples[i].sql, out.text);
			}
			strcpy(once, out.text);
			CHECK_STR(norm(slice_str(once), 0, ROOM).text, once);
		}
	}
	CHECK(cuts > 1500);
}

TEST(no_leak_in_little_room)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		size_t whole = strlen(examples[i].text);

		for (size_t cap = 0; cap <= whole; cap++) {
			struct sqlnorm out = norm(slice_str(examples[i].sql), 0, cap);
			char once[ROOM + 1];

			CHECK(!leaks(&out));
			/* what a list folds to may fit where its elements did not */
			CHECK(out.cut || cap == whole || out.len == whole);
			CHECK(cap < whole || !out.cut);
			strcpy(once, out.text);
			CHECK_STR(norm(slice_str(once), 0, ROOM).text, once);
		}
	}
}

/* The text, and whether it was cut. */
static bool gives(const char *sql, uint32_t flags, const char *text, bool cut)
{
	struct sqlnorm out = norm(slice_str(sql), flags, ROOM);

	if (!strcmp(out.text, text) && out.cut == cut)
		return true;
	printf("# <%s> gives <%s>%s\n", sql, out.text, out.cut ? ", cut" : "");
	return false;
}

TEST(cut_at_the_last_whole_token)
{
	CHECK(gives("select 'Z", SQLLEX_CUT, "select", true));
	CHECK(gives("select a, 'Z'", SQLLEX_CUT, "select a,", true)); /* 'Z''Q' perhaps */
	CHECK(gives("select a, 'Z' ", SQLLEX_CUT, "select a, ?", true));
	CHECK(gives("select 9", SQLLEX_CUT, "select", true));
	CHECK(gives("select 9.8 ", SQLLEX_CUT, "select ?", true));
	CHECK(gives("select ab", SQLLEX_CUT, "select", true));
	CHECK(gives("select ab,", SQLLEX_CUT, "select ab,", true));
	CHECK(gives("select (9)", SQLLEX_CUT, "select (?)", true));
	CHECK(gives("select \"a", SQLLEX_CUT, "select", true));
	CHECK(gives("select $1", SQLLEX_CUT, "select", true));
	CHECK(gives("select $a$Z", SQLLEX_CUT, "select", true));
	CHECK(gives("select $a", SQLLEX_CUT, "select", true));
	CHECK(gives("select a /* Z", SQLLEX_CUT, "select a", true));
	CHECK(gives("select E", SQLLEX_CUT, "select", true));
	CHECK(gives("select a in (9, 8, 9", SQLLEX_CUT, "select a in (?,", true));
	CHECK(gives("insert into t values (9), (8, 'Z", SQLLEX_CUT, "insert into t values (?)",
		    true));
}

TEST(what_never_ends)
{
	CHECK(gives("select 'Z", 0, "select", true));
	CHECK(gives("select $$Z$", 0, "select", true));
	CHECK(gives("select \"Z", 0, "select", true));
	CHECK(gives("select a /* Z /* Q */", 0, "select a", true));
	CHECK(gives("select a $", 0, "select a $", false));
	CHECK(gives("select a ) ] , ( [", 0, "select a)], ([", false));
}

TEST(standard_conforming_strings)
{
	CHECK(gives("select 'Z\\'Q', 9", SQLLEX_ESCAPES, "select ?, ?", false));
	CHECK(gives("select 'Z\\\\', 9", SQLLEX_ESCAPES, "select ?, ?", false));
	CHECK(gives("select B'98', U&'Z\\', 9", SQLLEX_ESCAPES, "select ?, ?, ?", false));
	/* not known: whole where both readings are one, else cut in front of the string */
	CHECK(gives("select 'Z\\nQ', '\\\\', E'\\'', 9", SQLLEX_UNSURE, "select ?, ?, ?, ?",
		    false));
	CHECK(gives("select a, 'Z\\', 'Q'", SQLLEX_UNSURE, "select a,", true));
	CHECK(gives("select a, 'Z\\'Q', 9", SQLLEX_UNSURE, "select a,", true));
}

TEST(lists_too_deep_are_not_folded)
{
	char sql[1024] = "select ", text[1024] = "select ";

	for (int i = 0; i < SQLNORM_DEPTH - 2; i++)
		strcat(sql, "(");
	strcpy(text, sql);
	strcat(sql, "a in (9, 8)");
	strcat(text, "a in (?)");
	CHECK(gives(sql, 0, text, false));
	memmove(sql + 1, sql, strlen(sql) + 1);
	memcpy(sql, "(select", 7);
	memmove(text + 1, text, strlen(text) + 1);
	memcpy(text, "(select", 7);
	*strstr(text, "(?)") = '\0';
	strcat(text, "(?, ?)");
	CHECK(gives(sql, 0, text, false));
}

static const char list_part[] = "'ZQZQZQZQZQ', ";

TEST(long_lists_need_little_room)
{
	static char sql[64 + 5000 * sizeof(list_part)];
	struct sqlnorm out;
	size_t n = (size_t)sprintf(sql, "select 9 in (");

	for (int i = 0; i < 5000; i++)
		n += (size_t)sprintf(sql + n, "%s", list_part);
	sprintf(sql + n, "9), 8");
	out = norm(slice_str(sql), 0, 32);
	CHECK_STR(out.text, "select ? in (?), ?");
	CHECK(!out.cut);
}

TEST(summary_has_room_for_whole_words_only)
{
	char sql[1024] = "select * from t1", name[64];
	struct sqlnorm out;

	for (int i = 0; i < 60; i++) {
		sprintf(name, ", table_%d", i);
		strcat(sql, name);
	}
	out = norm(slice_str(sql), 0, ROOM);
	CHECK(!out.cut);
	CHECK(out.summary_len <= SQLSUM_BYTES && out.summary_len > SQLSUM_BYTES - 10);
	CHECK(!memcmp(out.summary, "select t1 table_0 table_1 ", 26));
	sprintf(name, "%.*s", 8, out.summary + out.summary_len - 8);
	CHECK_STR(name, "table_27");
}
