// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/utf8.h"
#include "test.h"

#define BAD "\xef\xbf\xbd"

static const struct {
	const char *text;
	const char *clean; /* NULL: as it is */
} cases[] = {
	{"", NULL},
	{"plain /users/{id}?x=\"1\"\\", NULL},
	{"gr\xc3\xbc\xc3\x9f", NULL},
	{"\xc2\x80", NULL},
	{"\xdf\xbf", NULL},
	{"\xe0\xa0\x80", NULL},
	{"\xed\x9f\xbf\xee\x80\x80", NULL},
	{"\xf0\x90\x80\x80", NULL},
	{"\xf4\x8f\xbf\xbf", NULL},
	{"a\nb", "a" BAD "b"},
	{"\x7f", BAD},
	{"\x80", BAD},
	{"\xc0\x80", BAD BAD},
	{"\xc1\xbf", BAD BAD},
	{"\xc3", BAD},
	{"\xc3(", BAD "("},
	{"\xe0\x9f\xbf", BAD BAD BAD},
	{"\xed\xa0\x80", BAD BAD BAD}, /* a surrogate */
	{"\xe2\x82", BAD BAD},
	{"\xe2\x82x", BAD BAD "x"},
	{"\xf0\x8f\xbf\xbf", BAD BAD BAD BAD},
	{"\xf4\x90\x80\x80", BAD BAD BAD BAD},
	{"\xf5\x80", BAD BAD},
	{"\xff\xfe", BAD BAD},
	{"ok\xf0\x9f\x98\x80\xf0\x9f\x98", "ok\xf0\x9f\x98\x80" BAD BAD BAD},
};

TEST(table)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = strlen(cases[i].text);
		uint8_t *text = test_exact(cases[i].text, n);
		const char *expect = cases[i].clean ? cases[i].clean : cases[i].text;
		struct slice s = slice_make(text, n);
		char out[64] = "";

		CHECK_EQ(utf8_printable(s), !cases[i].clean);
		out[utf8_clean(s, out, sizeof(out) - 1)] = '\0';
		CHECK_STR(out, expect);
		CHECK(utf8_printable(slice_str(out)));
		free(text);
	}
}

TEST(a_nul_is_not_printable)
{
	char out[8];

	CHECK(!utf8_printable(slice_make("a\0b", 3)));
	CHECK_EQ(utf8_clean(slice_make("a\0b", 3), out, sizeof(out)), 5);
}

TEST(cut_between_characters)
{
	struct slice s = slice_str("a\xe2\x82\xac\xff"
				   "b");
	static const size_t expect[] = {0, 1, 1, 1, 4, 4, 4, 7, 8, 8};

	for (size_t room = 0; room < 10; room++) {
		uint8_t *out = test_exact("0123456789", room);
		size_t n = utf8_clean(s, (char *)out, room);

		CHECK_EQ(n, expect[room]);
		CHECK(utf8_printable(slice_make(out, n)));
		free(out);
	}
}
