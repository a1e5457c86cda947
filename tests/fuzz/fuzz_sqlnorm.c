// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Statement text. The first byte chooses the flags and the room for the text, the second what the
 * rest is: SQL as it stands, or the choice of pieces that a statement is made of, with constants
 * whose insides are written in letters and digits that stand nowhere else. Whatever comes: the text
 * stays in its room and normalises to itself, so does a summary its bounds; of a made statement,
 * cut anywhere, no byte of a constant's inside is in the text or the summary.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/sqlnorm.h"

#define ROOM       2048
#define MADE_BYTES 1024
#define INSIDE     "ZQ98" /* what constants are made of */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_require(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* Normalises from and into buffers of just their size. The caller frees the text. */
static struct sqlnorm fuzz_norm(const void *sql, size_t n, uint32_t flags, size_t cap)
{
	struct sqlnorm out = {.text = malloc(cap + 1), .cap = cap};
	uint8_t *exact = malloc(n ? n : 1);

	if (!exact || !out.text)
		abort();
	memcpy(exact, sql, n);
	out.text[cap] = 0x5a;
	sqlnorm(slice_make(exact, n), flags, &out);
	fuzz_require(out.len <= cap && out.text[cap] == 0x5a, "more than there is room for");
	fuzz_require(out.summary_len <= SQLSUM_BYTES, "a summary too long");
	fuzz_require(!out.traceparent[0] || strlen(out.traceparent) == 55, "no traceparent");
	free(exact);
	return out;
}

static struct sqlnorm fuzz_twice(const void *sql, size_t n, uint32_t flags, size_t cap)
{
	struct sqlnorm once = fuzz_norm(sql, n, flags, cap);
	struct sqlnorm again = fuzz_norm(once.text, once.len, 0, cap);

	fuzz_require(once.len == again.len && !memcmp(once.text, again.text, once.len),
		     "it does not normalise to itself");
	free(again.text);
	return once;
}

static void fuzz_inside(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fuzz_require(!strchr(INSIDE, p[i]) || !p[i], "a byte of a constant");
}

/* Each of these may follow each. %: some of the inside's bytes. */
static const char *const pieces[] = {
	"select ",
	"from t ",
	"where ",
	"in (",
	"array[",
	"values (",
	"), (",
	")",
	"]",
	", ",
	"; ",
	"'%'",
	"'%''%'",
	"E'%\\'%'",
	"e'\\\\%'",
	"B'98'",
	"x'98'",
	"U&'%'",
	"$$%$$",
	"$a$%$$a%$a$",
	"98",
	"9.8e+9",
	".9",
	"0x98",
	"9_8 ",
	"'%'\n '%'",
	" -- %\n",
	"/* % /* % */ */",
	"\"a\"",
	"$1 ",
	"::text",
	"-",
	"+",
	" ? ",
	"a",
	" ",
	"'% -- %'",
	"'/* %'",
	"$b$'%$b$",
	"null ",
	"insert into t ",
	"f(",
	"'\"%'",
	"\"b'\"",
	"e",
	"$",
	".",
	":",
};

static size_t fuzz_make(const uint8_t *p, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len + 64 < MADE_BYTES; i++) {
		const char *s = pieces[p[i] % (sizeof(pieces) / sizeof(pieces[0]))];

		/* with what is right in front it would be something else */
		if (len && strchr("'$eExXbBuU0123456789.", s[0]))
			out[len++] = ' ';
		for (; *s; s++) {
			if (*s == '%')
				len += (size_t)sprintf(out + len, "%.*s", 1 + p[i] / 64, INSIDE);
			else
				out[len++] = *s;
		}
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char made[MADE_BYTES];
	struct sqlnorm out;
	uint32_t flags;
	size_t cap, n;

	if (size < 3)
		return 0;
	flags = data[0] & (SQLLEX_CUT | SQLLEX_ESCAPES | SQLLEX_UNSURE);
	cap = data[0] & 8 ? data[0] : ROOM;
	if (data[1] & 1) {
		out = fuzz_twice(data + 2, size - 2, flags, cap);
		free(out.text);
		return 0;
	}
	n = fuzz_make(data + 2, size - 2, made);
	for (size_t step = 1 + (n + data[1]) / 32, at = n;; at -= step) {
		out = fuzz_twice(made, at, at < n ? flags | SQLLEX_CUT : flags, cap);
		fuzz_inside(out.text, out.len);
		fuzz_inside(out.summary, out.summary_len);
		free(out.text);
		if (at < step)
			break;
	}
	return 0;
}
