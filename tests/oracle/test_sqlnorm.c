// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * proto/sqlnorm against PostgreSQL itself, over statements.sql: one statement a line, a line that
 * begins with a tab goes on with the one before.
 *
 * What pg_query_normalize() says is folded by the rules that sqlnorm.h documents as its own:
 *   - a constant is `?`, not `$n`, and it is one in utility statements, type modifiers, ORDER BY
 * and GROUP BY too, where PostgreSQL leaves it
 *   - TRUE, FALSE, NULL, LIMIT ALL, the field of EXTRACT and the values of SET are words; a sign
 *     stays in front of its number
 *   - white space, comments, semicolons; lists of IN and ARRAY; rows of VALUES
 * Then the texts are the same, byte by byte, and so two statements are one by ours exactly when
 * they are by PostgreSQL's.
 */
#include "test.h"

#if __has_include(<pg_query.h>)
#include <glob.h>

#include "oracle/pg_tokens.h"
#include "proto/sqlnorm.h"

#define STATEMENTS_MAX 1024
#define TEXT_MAX       16384

static char *statements[STATEMENTS_MAX];
static int count;

static const char *statement(int i)
{
	return statements[i] + (statements[i][0] == '!');
}

static void statements_read(void)
{
	FILE *f = fopen("tests/oracle/statements.sql", "re");
	char line[8192];

	while (f && fgets(line, sizeof(line), f)) {
		char *old = count ? statements[count - 1] : NULL;

		if (line[0] == '\t' && old) {
			if (asprintf(&statements[count - 1], "%s%s", old, line + 1) < 0)
				abort();
			free(old);
		} else if (line[0] != '#' && count < STATEMENTS_MAX) {
			statements[count++] = strdup(line);
		}
	}
	for (int i = 0; i < count; i++) {
		size_t n = strlen(statements[i]);

		if (n && statements[i][n - 1] == '\n')
			statements[i][n - 1] = '\0';
	}
	if (f)
		fclose(f);
}

/* ---- PostgreSQL's text, folded ---- */

/* A token of the folded text. */
struct item {
	char text[512];
	bool space;
	bool constant; /* or a parameter */
};

static struct item items[PG_TOKENS_MAX], folded[PG_TOKENS_MAX];
static int nitems, nfolded;

static void item_add(const char *text, size_t n, bool space, bool constant)
{
	struct item *it = &items[nitems++];

	if (n >= sizeof(it->text) || nitems == PG_TOKENS_MAX)
		abort();
	memcpy(it->text, text, n);
	it->text[n] = '\0';
	it->space = space;
	it->constant = constant;
}

static bool gap_before(const struct pg_tokens *s, int i)
{
	return i > 0 && s->t[i].at > s->t[i - 1].end;
}

/* Whether PostgreSQL has a constant where there is a word. */
static bool word_stays(const struct pg_tokens *s, int i)
{
	return pg_token_is(s, i, "true") || pg_token_is(s, i, "false") ||
	       pg_token_is(s, i, "null") || pg_token_is(s, i - 2, "extract") ||
	       (pg_token_is(s, i, "all") && pg_token_is(s, i - 1, "limit")) ||
	       pg_token_is(s, 0, "set");
}

/*
 * Walks over the text before (`a`) and after (`b`) pg_query_normalize(). False when the two do not
 * go together, or when it replaced what is neither a constant nor a word that stands for one.
 */
static bool items_of(const struct pg_tokens *a, const struct pg_tokens *b)
{
	int i = 0;

	nitems = 0;
	for (int j = 0; j < b->n; i++, j++) {
		const char *text = b->text + b->t[j].at;
		size_t n = b->t[j].end - b->t[j].at;
		bool space = gap_before(b, j);

		if (i >= a->n)
			return false;
		if (a->t[i].kind == PG_PARAM && b->t[j].kind == PG_PARAM) {
			/* of a function's body it may have another number */
			item_add(a->text + a->t[i].at, a->t[i].end - a->t[i].at, space, true);
			continue;
		}
		if (b->t[j].kind != PG_PARAM) {
			if (pg_is_const(b->t[j].kind))
				item_add("?", 1, space, true);
			else
				item_add(text, n, space, false);
			continue;
		}
		if (pg_token_is(a, i, "-")) {
			item_add("-", 1, space, false);
			space = gap_before(a, ++i);
		}
		if (pg_is_const(a->t[i].kind)) {
			item_add("?", 1, space, true);
		} else if (word_stays(a, i)) {
			item_add(a->text + a->t[i].at, a->t[i].end - a->t[i].at, space, false);
		} else {
			return false;
		}
	}
	return i == a->n;
}

static bool item_is(int i, const char *text)
{
	return i >= 0 && i < nitems && !strcasecmp(items[i].text, text);
}

static bool item_opens(int i)
{
	return item_is(i, "(") || item_is(i, "[");
}

static bool item_closes(int i)
{
	return item_is(i, ")") || item_is(i, "]");
}

/* Behind the bracket that closes the one at i. */
static int item_match(int i)
{
	int depth = 0;

	do {
		depth += item_opens(i) - item_closes(i);
		i++;
	} while (depth && i < nitems);
	return i;
}

/* Whether the items from i to end are constants and parameters, signed, cast, or rows of them. */
static bool item_simple(int i, int end)
{
	bool cast = false, fresh = true, any = false;

	for (; i < end; i++) {
		if ((item_is(i, "-") || item_is(i, "+")) && fresh)
			continue;
		any = true;
		if (item_is(i, ",")) {
			cast = false;
			fresh = true;
			continue;
		}
		if (item_opens(i)) {
			int close = item_match(i) - 1;

			if (close > i + 1 && !item_simple(i + 1, close))
				return false;
			i = close;
		} else if (item_is(i, "::")) {
			cast = true;
		} else if (!items[i].constant && !cast) {
			return false;
		} else if (!items[i].constant && strspn(items[i].text, "+-*/<>=~!@#%^&|`?")) {
			return false;
		}
		fresh = false;
	}
	return any;
}

static void fold(int i, int end);

static void fold_one(int *i)
{
	folded[nfolded++] = items[(*i)++];
}

/* The elements of a list whose bracket opens at i. */
static void fold_list(int i, int close)
{
	bool run = false;

	while (i < close) {
		int end = i;
		bool simple;

		while (end < close && !item_is(end, ","))
			end = item_opens(end) ? item_match(end) : end + 1;
		simple = item_simple(i, end);
		if (simple && run)
			nfolded--; /* its comma */
		else
			fold(i, end);
		run = simple;
		i = end;
		if (i < close)
			fold_one(&i);
	}
}

static void fold(int i, int end)
{
	while (i < end) {
		bool list = (item_is(i, "(") && item_is(i - 1, "in")) ||
			    (item_is(i, "[") && item_is(i - 1, "array"));
		bool row = item_is(i, "(") && item_is(i - 1, "values");
		int close;

		if (item_is(i, ";") && (i + 1 >= end || item_is(i + 1, ";") || !nfolded)) {
			i++;
			continue;
		}
		if (!item_opens(i)) {
			fold_one(&i);
			continue;
		}
		close = item_match(i) - 1;
		fold_one(&i);
		if (list)
			fold_list(i, close);
		else
			fold(i, close);
		i = close;
		if (i < end)
			fold_one(&i);
		while (row && item_is(i, ",") && item_is(i + 1, "("))
			i = item_match(i + 1);
	}
}

static void join(char *out)
{
	size_t n = 0;

	for (int i = 0; i < nfolded; i++) {
		const char *t = folded[i].text, *before = i ? folded[i - 1].text : "(";
		bool space = folded[i].space;

		if (!strcmp(before, ",") || !strcmp(before, ";"))
			space = true;
		if (!strcmp(before, "(") || !strcmp(before, "[") || !strcmp(t, ")") ||
		    !strcmp(t, "]") || !strcmp(t, ",") || !strcmp(t, ";"))
			space = false;
		n += (size_t)sprintf(out + n, "%s%s", space ? " " : "", t);
	}
	out[n] = '\0';
}

static bool folded_by_postgres(const char *sql, char *out)
{
	static struct pg_tokens a, b;
	PgQueryNormalizeResult r = pg_query_normalize(sql);
	bool good = false;

	if (r.error)
		printf("# %s: <%s>\n", r.error->message, sql);
	else if (pg_scan(sql, &a) && pg_scan(r.normalized_query, &b)) {
		good = items_of(&a, &b);
		if (!good)
			printf("# <%s> became <%s>\n", sql, r.normalized_query);
		nfolded = 0;
		fold(0, nitems);
		join(out);
	}
	pg_query_free_normalize_result(r);
	return good;
}

static void normalised(const char *sql, char *out)
{
	struct sqlnorm o = {.text = out, .cap = TEXT_MAX - 1};
	uint8_t *exact = test_exact(sql, strlen(sql));

	sqlnorm(slice_make(exact, strlen(sql)), 0, &o);
	out[o.len] = '\0';
	if (o.cut)
		strcpy(out, "(cut)");
	free(exact);
}

/* ---- tests ---- */

/* Every token begins and ends where PostgreSQL's scanner says, and is a constant when it says so.
 */
static bool tokens_equal(const char *sql)
{
	static struct pg_tokens s;
	struct sqllex l;
	struct sql_token t;
	int i = 0;

	if (!pg_scan(sql, &s))
		return false;
	sqllex_init(&l, slice_str(sql), 0);
	for (sqllex_next(&l, &t); t.kind != SQL_END; sqllex_next(&l, &t), i++) {
		if (i >= s.n || t.at != s.t[i].at || t.end != s.t[i].end ||
		    (t.kind == SQL_CONST) != pg_is_const(s.t[i].kind) ||
		    (t.kind == SQL_PARAM) != (s.t[i].kind == PG_PARAM)) {
			printf("# <%s>: token %d is <%.*s>\n", sql, i, (int)(t.end - t.at),
			       sql + t.at);
			return false;
		}
	}
	if (i != s.n)
		printf("# <%s>: %d tokens of %d\n", sql, i, s.n);
	return i == s.n;
}

TEST(corpus)
{
	statements_read();
	printf("# %d statements\n", count);
	CHECK(count >= 300);
}

TEST(token_boundaries)
{
	int constants = 0;

	for (int i = 0; i < count; i++) {
		static struct pg_tokens s;

		CHECK(tokens_equal(statement(i)));
		pg_scan(statement(i), &s);
		for (int k = 0; k < s.n; k++)
			constants += pg_is_const(s.t[k].kind);
	}
	printf("# %d constants\n", constants);
	CHECK(constants > count);
}

TEST(same_text)
{
	static char ours[TEXT_MAX], theirs[TEXT_MAX];

	for (int i = 0; i < count; i++) {
		if (statements[i][0] == '!')
			continue;
		if (!folded_by_postgres(statements[i], theirs)) {
			CHECK(!"PostgreSQL reads the statement");
			continue;
		}
		normalised(statements[i], ours);
		CHECK_STR(ours, theirs);
	}
}

/* The statement with other constants (`mode` 0), other white space and a comment (1), or one other
 * name (2). */
static char *variant(const char *sql, int mode)
{
	static struct pg_tokens s;
	char *out = malloc(strlen(sql) * 4 + 64);
	size_t n = 0;
	bool renamed = false;

	if (!out || !pg_scan(sql, &s))
		abort();
	for (int i = 0; i < s.n; i++) {
		const char *t = sql + s.t[i].at;
		int len = (int)(s.t[i].end - s.t[i].at);
		uint32_t from = i ? s.t[i - 1].end : 0;
		bool space = s.t[i].at > from;

		if (space && mode == 1)
			n += (size_t)sprintf(out + n, i % 2 ? "\n\t" : "    ");
		else if (space)
			n += (size_t)sprintf(out + n, "%.*s", (int)(s.t[i].at - from), sql + from);
		if (mode == 0 && s.t[i].kind == PG_SCONST && *t == '\'')
			n += (size_t)sprintf(out + n, "'z''%d'", i);
		else if (mode == 0 && s.t[i].kind == PG_FCONST)
			n += (size_t)sprintf(out + n, "%d.5e1", i);
		else if (mode == 2 && !renamed && s.t[i].kind == PG_IDENT && *t != '"') {
			n += (size_t)sprintf(out + n, "%.*sz", len, t);
			renamed = true;
		} else
			n += (size_t)sprintf(out + n, "%.*s", len, t);
	}
	sprintf(out + n, "%s", mode == 1 ? "\n-- it's the end" : "");
	return out;
}

TEST(same_fingerprints)
{
	static char *ours[STATEMENTS_MAX * 4], *theirs[STATEMENTS_MAX * 4];
	int n = 0, same = 0;

	for (int i = 0; i < count * 4; i++) {
		static char text[TEXT_MAX];
		const char *whole = statements[i / 4];
		char *sql = i % 4 < 3 ? variant(statement(i / 4), i % 4) : strdup(whole);

		/* what is not valid any more with another constant or name is no statement */
		if (sql && *whole != '!' && folded_by_postgres(sql, text)) {
			theirs[n] = strdup(text);
			normalised(sql, text);
			ours[n++] = strdup(text);
		}
		free(sql);
	}
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++) {
			bool is = !strcmp(ours[i], ours[k]);

			same += is;
			if (is != !strcmp(theirs[i], theirs[k])) {
				CHECK(!"one by both or by neither");
				printf("# <%s> <%s>\n", ours[i], ours[k]);
			}
		}
	printf("# %d texts, %d pairs are one\n", n, same);
	CHECK(n > count * 3 && same > count);
	for (int i = 0; i < n; i++) {
		free(ours[i]);
		free(theirs[i]);
	}
}
/* ---- the scripts that come with PostgreSQL: its catalogue's views, its extensions ---- */

#define SCRIPTS "/usr/share/postgresql/*/*.sql"
#define MORE    "/usr/share/postgresql/*/extension/*.sql"

struct tally {
	int read;    /* statements that PostgreSQL's parser takes */
	int refused; /* and that it does not */
	int unlike;
};

static void compare(const char *sql, struct tally *t)
{
	static char ours[TEXT_MAX], theirs[TEXT_MAX];
	PgQueryNormalizeResult r = pg_query_normalize(sql);
	bool good = !r.error && strlen(sql) < TEXT_MAX / 2;

	pg_query_free_normalize_result(r);
	if (!good) {
		t->refused++;
		return;
	}
	t->read++;
	if (!tokens_equal(sql) || !folded_by_postgres(sql, theirs)) {
		t->unlike++;
		return;
	}
	normalised(sql, ours);
	CHECK_STR(ours, theirs);
}

/* psql's own commands become empty lines. */
static char *script_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20), line[8192];
	size_t n = 0;

	if (!f || !text)
		abort();
	while (fgets(line, sizeof(line), f) && n + sizeof(line) < 1 << 20)
		n += (size_t)sprintf(text + n, "%s", line[0] == '\\' ? "\n" : line);
	fclose(f);
	return text;
}

static void script_compare(const char *path, struct tally *t)
{
	char *text = script_read(path);
	PgQuerySplitResult split = pg_query_split_with_scanner(text);

	for (int i = 0; i < split.n_stmts; i++) {
		char *sql = strndup(text + split.stmts[i]->stmt_location,
				    (size_t)split.stmts[i]->stmt_len);

		compare(sql, t);
		free(sql);
	}
	pg_query_free_split_result(split);
	free(text);
}

TEST(postgres_own_scripts)
{
	struct tally t = {0};
	glob_t g = {0};

	glob(SCRIPTS, 0, NULL, &g);
	glob(MORE, GLOB_APPEND, NULL, &g);
	if (!g.gl_pathc) {
		globfree(&g);
		SKIP("no scripts of PostgreSQL under " SCRIPTS);
	}
	for (size_t i = 0; i < g.gl_pathc; i++)
		script_compare(g.gl_pathv[i], &t);
	printf("# %zu scripts, %d statements, %d refused, %d unlike\n", g.gl_pathc, t.read,
	       t.refused, t.unlike);
	globfree(&g);
	CHECK(t.read > 100);
	CHECK_EQ(t.unlike, 0);
}
#else
TEST(libpg_query)
{
	SKIP("no libpg_query: apt-get install libpg-query-dev");
}
#endif
