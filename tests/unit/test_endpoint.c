// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/endpoint.h"

#include <errno.h>

#include "base/utf8.h"
#include "limits.h"
#include "test.h"

/* The name of a target at the end of an exact buffer, into an exact buffer. */
static const char *name_in(const struct endpoint_routes *routes, struct slice target,
			   const char *method, size_t out_bytes)
{
	static char text[RT_LABEL_BYTES + 1];
	uint8_t *in = test_exact(target.p, target.n);
	char *out = malloc(out_bytes);
	size_t n;

	if (!out)
		abort();
	n = endpoint_name(routes, slice_make(in, target.n), slice_str(method), out, out_bytes);
	CHECK(n <= out_bytes && n <= RT_LABEL_BYTES);
	CHECK(utf8_printable(slice_make(out, n)));
	memcpy(text, out, n);
	text[n] = '\0';
	free(out);
	free(in);
	return text;
}

static const char *name(const char *target)
{
	return name_in(NULL, slice_str(target), "GET", RT_LABEL_BYTES);
}

TEST(segments)
{
	static const char *const same[] = {
		"/",
		"/users",
		"/users/",
		"//",
		"/a//b",
		"/v1",
		"/api/v1/users",
		"/deadbeef",
		"/abcdefabcdef",
		"/1234567g",
		"/a1b2c3d",
		"/12a",
		"/-1",
		"/1.5",
		"/1-2",
		"/abcdefghijklmnopqrstuvwxyz",
		"/abcdefghijklmnopqr1",
		"/index.html",
		"/caf\xc3\xa9",
		"/a%20b",
		"/.well-known/x",
		"/x;y=1",
	};
	static const char *const ids[][2] = {
		{"/users/1", "/users/{id}"},
		{"/0", "/{id}"},
		{"/users/18446744073709551616000/x", "/users/{id}/x"},
		{"/users/7/", "/users/{id}/"},
		{"/550e8400-e29b-41d4-a716-446655440000", "/{id}"},
		{"/aaaaaaaa-BBBB-cccc-dddd-eeeeeeeeeeee", "/{id}"},
		{"/deadbee1", "/{id}"},
		{"/DEADBEE1/x/DeadBeef00", "/{id}/x/{id}"},
		{"/x@y", "/{id}"},
		{"/@/a", "/{id}/a"},
		{"/abcdefghijklmnopqrs1", "/{id}"},
		{"/report_2024-01-01_final", "/{id}"},
		{"/eyJhbGciOiJIUzI1NiJ9.x", "/{id}"},
		{"/1/2/3", "/{id}/{id}/{id}"},
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		CHECK_STR(name(same[i]), same[i]);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		CHECK_STR(name(ids[i][0]), ids[i][1]);
}

/* Twenty characters, not bytes. */
TEST(wide_characters)
{
	CHECK_STR(name("/\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		       "a1"),
		  "/\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		  "a1");
	CHECK_STR(name("/\xc3\xa9"
		       "abcdefghijklmnopqr1"),
		  "/{id}");
}

TEST(targets)
{
	CHECK_STR(name(""), "other");
	CHECK_STR(name("*"), "*");
	CHECK_STR(name("users"), "other");
	CHECK_STR(name("?x"), "other");
	CHECK_STR(name("/a?b=/c/1"), "/a");
	CHECK_STR(name("/a/1#x"), "/a/{id}");
	CHECK_STR(name("/?"), "/");
	CHECK_STR(name("http://h/a/1?x"), "/a/{id}");
	CHECK_STR(name("http://h"), "/");
	CHECK_STR(name("http://h?x"), "/");
	CHECK_STR(name("https://h:1/"), "/");
	CHECK_STR(name("/x/http://h/a"), "/x/http://h/a");
	CHECK_STR(name("mailto:x"), "other");
	CHECK_STR(name("://h/a"), "other");
	CHECK_STR(name("a:/"), "other");
	CHECK_STR(name("a://"), "/");
	CHECK_STR(name_in(NULL, SLICE("h:443"), "CONNECT", RT_LABEL_BYTES), "authority");
	CHECK_STR(name_in(NULL, SLICE("/a"), "CONNECT", RT_LABEL_BYTES), "authority");
}

TEST(unprintable_bytes)
{
	CHECK_STR(name("/a\x01/b\x7f/\xff"), "/a_/b_/_");
	CHECK_STR(name("/\xc3"), "/_");
	CHECK_STR(name("/\xc3/\xa9"), "/_/_");
	CHECK_STR(name("/\xc2\x85"), "/__");
	CHECK_STR(name_in(NULL, slice_make("/a\0b", 4), "GET", RT_LABEL_BYTES), "/a_b");
}

/* Every byte, in every place, next to characters of several bytes. */
TEST(any_bytes)
{
	for (int b = 0; b < 256; b++)
		for (int at = 1; at < 9; at++) {
			char text[] = "/\xc3\xa9\xe2\x82\xac"
				      "/x";

			text[at > 7 ? 7 : at] = (char)b;
			name_in(NULL, slice_make(text, 8), "GET", RT_LABEL_BYTES);
		}
}

TEST(cut_between_segments)
{
	char target[1024], expected[1024];
	size_t n;

	/* 2 bytes in, 5 bytes out */
	for (n = 0; n < 200; n += 2)
		memcpy(target + n, "/1", 3);
	for (n = 0; n + 5 <= RT_LABEL_BYTES; n += 5)
		memcpy(expected + n, "/{id}", 6);
	CHECK_STR(name(target), expected);

	/* a target as long as parsers keep it has a last segment that may not be whole */
	memset(target, 'a', sizeof(target));
	target[0] = target[100] = '/';
	target[255] = '\0';
	CHECK_STR(name(target), target);
	target[255] = 'a';
	target[256] = '\0';
	memcpy(expected, target, 101);
	expected[101] = '\0';
	CHECK_STR(name(target), expected);
	target[200] = '?';
	target[201] = 'a';
	memcpy(expected, target, 200);
	expected[200] = '\0';
	CHECK_STR(name(target), expected);
	target[100] = 'a';
	target[200] = 'a';
	CHECK_STR(name(target), "/");

	for (size_t room = 16; room < 60; room++) {
		memset(target, 'b', 50);
		memcpy(target + 10, "/", 1);
		target[0] = '/';
		target[50] = '\0';
		CHECK_EQ(strlen(name_in(NULL, slice_str(target), "GET", room)),
			 room < 50 ? 10 : 50);
	}
	CHECK_EQ(endpoint_name(NULL, SLICE("/"), SLICE("GET"), target, 15), 0);
}

TEST(routes)
{
	struct endpoint_routes *routes = endpoint_routes_new();
	static const char *const cases[][2] = {
		{"/users/7", "/users/{name}"},
		{"/users/joe?x=1", "/users/{name}"},
		{"http://h/users/joe", "/users/{name}"},
		{"/users/me", "/users/me"},
		{"/users/", "/users/"},
		{"/users", "/users"},
		{"/users/joe/", "/users/joe/"},
		{"/users/7/pets", "/users/{id}/pets"},
		{"/static/a/1", "/static/*"},
		{"/static/", "/static/*"},
		{"/static", "/static"},
		{"/staticx/1", "/staticx/{id}"},
		{"/x/y/z", "/{a}/y/{b}"},
		{"/x/y/z/1", "/x/y/z/{id}"},
		{"/end/", "/end/"},
		{"/end", "/end"},
		{"/{}", "/{}"},
		{"/a/{b", "/a/{b"},
		{"/a/1", "/a/{id}"},
	};

	REQUIRE(routes);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/users/me")), 0);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/users/{name}")), 0);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/users/{never}")), 0);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/static/*")), 0);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/{a}/y/{b}")), 0);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/end/")), 0);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/a/{b")), 0);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/a/*/c")), 0);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("")), -EINVAL);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("users")), -EINVAL);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/a\n")), -EINVAL);
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/a\xff")), -EINVAL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_STR(name_in(routes, slice_str(cases[i][0]), "GET", RT_LABEL_BYTES),
			  cases[i][1]);
	CHECK_STR(name_in(routes, SLICE("/users/me"), "CONNECT", RT_LABEL_BYTES), "authority");
	/* a template that does not fit is not cut */
	CHECK_EQ(endpoint_routes_add(routes, SLICE("/long/{a-name-in-braces}")), 0);
	CHECK_STR(name_in(routes, SLICE("/long/1"), "GET", 23), "/long/{id}");
	CHECK_STR(name_in(routes, SLICE("/long/1"), "GET", 24), "/long/{a-name-in-braces}");
	endpoint_routes_free(routes);
}

TEST(route_length)
{
	struct endpoint_routes *routes = endpoint_routes_new();
	char text[RT_LABEL_BYTES + 2];

	REQUIRE(routes);
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	CHECK_EQ(endpoint_routes_add(routes, slice_make(text, RT_LABEL_BYTES + 1)), -EINVAL);
	CHECK_EQ(endpoint_routes_add(routes, slice_make(text, RT_LABEL_BYTES)), 0);
	memcpy(text, "/{x}", 4);
	CHECK_EQ(endpoint_routes_add(routes, slice_make(text, 30)), 0);
	endpoint_routes_free(routes);
	endpoint_routes_free(NULL);
}
