// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>

#include "base/buf.h"
#include "test.h"

static const char *as_u64(uint64_t v)
{
	static char text[FMT_U64_BYTES + 1];

	*fmt_u64(text, v) = '\0';
	return text;
}

static const char *as_f64(double v)
{
	static char text[FMT_F64_BYTES + 1];

	*fmt_f64(text, v) = '\0';
	return text;
}

static const char *as_seconds(uint64_t ns)
{
	static char text[FMT_SECONDS_BYTES + 1];

	*fmt_seconds(text, ns) = '\0';
	return text;
}

TEST(text_grows)
{
	struct buf b;
	char expect[30000];

	buf_init(&b, 0);
	for (int i = 0; i < 10000; i++) {
		buf_put(&b, "abc", 3);
		memcpy(expect + 3 * i, "abc", 3);
	}
	CHECK_EQ(b.error, 0);
	CHECK_EQ(b.n, sizeof(expect));
	REQUIRE(b.p);
	CHECK(memcmp(b.p, expect, sizeof(expect)) == 0);
	buf_free(&b);
	CHECK(!b.p && !b.n);
}

TEST(pieces)
{
	struct buf b;

	buf_init(&b, 0);
	buf_str(&b, "a");
	buf_char(&b, ' ');
	buf_u64(&b, 42);
	buf_printf(&b, " %s%d\n", "x", -7);
	buf_str(&b, "");
	buf_char(&b, '\0');
	REQUIRE(b.p);
	CHECK_STR(b.p, "a 42 x-7\n");
	buf_free(&b);
}

TEST(bound_sticks)
{
	struct buf b;
	char *p;

	buf_init(&b, 5000);
	for (int i = 0; i < 50; i++)
		buf_put(&b,
			"0123456789012345678901234567890123456789012345678901234567890123456789"
			"012345678901234567890123456789",
			100);
	CHECK_EQ(b.error, 0);
	CHECK_EQ(b.n, 5000);
	CHECK(b.cap <= 5000);
	buf_char(&b, 'x');
	CHECK_EQ(b.error, -EFBIG);
	CHECK_EQ(b.n, 5000);
	CHECK(!buf_reserve(&b, 1));
	CHECK(!buf_reserve(&b, 0));
	buf_str(&b, "");
	buf_free(&b);
	CHECK_EQ(b.error, 0);
	p = buf_reserve(&b, 5000);
	CHECK(p);
	CHECK(!buf_reserve(&b, SIZE_MAX));
	buf_free(&b);
}

TEST(printf_is_bounded)
{
	char text[2000];
	struct buf b;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buf_init(&b, 0);
	buf_printf(&b, "%s", text);
	CHECK_EQ(b.error, -EFBIG);
	CHECK_EQ(b.n, 0);
	buf_free(&b);
}

TEST(take)
{
	struct buf b;
	char *p;

	buf_init(&b, 100);
	buf_str(&b, "gone");
	p = buf_take(&b);
	CHECK(p && memcmp(p, "gone", 4) == 0);
	CHECK(!b.p && !b.n && b.max == 100);
	buf_str(&b, "new");
	CHECK_EQ(b.n, 3);
	buf_free(&b);
	free(p);
}

TEST(reserve_and_commit)
{
	struct buf b;
	char *p;

	buf_init(&b, 0);
	p = buf_reserve(&b, FMT_U64_BYTES);
	REQUIRE(p);
	buf_commit(&b, fmt_u64(p, 1234567));
	CHECK_EQ(b.n, 7);
	buf_free(&b);
}

TEST(whole_numbers)
{
	CHECK_STR(as_u64(0), "0");
	CHECK_STR(as_u64(9), "9");
	CHECK_STR(as_u64(10), "10");
	CHECK_STR(as_u64(99), "99");
	CHECK_STR(as_u64(100), "100");
	CHECK_STR(as_u64(UINT64_MAX), "18446744073709551615");
	for (uint64_t v = 1, i = 0; i < 64; i++, v <<= 1) {
		char expect[32];

		snprintf(expect, sizeof(expect), "%llu", (unsigned long long)v - 1);
		CHECK_STR(as_u64(v - 1), expect);
	}
}

TEST(seconds)
{
	CHECK_STR(as_seconds(0), "0");
	CHECK_STR(as_seconds(1), "0.000000001");
	CHECK_STR(as_seconds(1500000000), "1.5");
	CHECK_STR(as_seconds(2000000000), "2");
	CHECK_STR(as_seconds(1234567890), "1.23456789");
	CHECK_STR(as_seconds(100000), "0.0001");
	CHECK_STR(as_seconds(10000000010ull), "10.00000001");
	CHECK_STR(as_seconds(UINT64_MAX), "18446744073.709551615");
}

TEST(doubles)
{
	static const double values[] = {
		0.1,      1.0 / 3,    1e-9,   1.5,        DBL_MAX,           DBL_MIN,
		-2.5e300, 1e15 + 0.5, 5e-324, 1732556.25, 9007199254740993e3};

	CHECK_STR(as_f64(0), "0");
	CHECK_STR(as_f64(-0.0), "0");
	CHECK_STR(as_f64(-3), "-3");
	CHECK_STR(as_f64(0.1), "0.1");
	CHECK_STR(as_f64(1e6), "1000000");
	CHECK_STR(as_f64(9007199254740991.0), "9007199254740991");
	CHECK_STR(as_f64(1e300), "1e+300");
	CHECK_STR(as_f64(NAN), "NaN");
	CHECK_STR(as_f64(INFINITY), "+Inf");
	CHECK_STR(as_f64(-INFINITY), "-Inf");
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		CHECK(strtod(as_f64(values[i]), NULL) == values[i]);
		CHECK(strlen(as_f64(values[i])) <= FMT_F64_BYTES);
	}
}

TEST(doubles_in_a_locale_with_a_comma)
{
	static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
	bool found = false;

	for (size_t i = 0; i < 3 && !found; i++)
		found = setlocale(LC_NUMERIC, names[i]) && localeconv()->decimal_point[0] == ',';
	if (!found)
		SKIP("no locale with a decimal comma installed");
	CHECK_STR(as_f64(0.25), "0.25");
	CHECK_STR(as_f64(1.5e-10), "1.5e-10");
	setlocale(LC_NUMERIC, "C");
}
