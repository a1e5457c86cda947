// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/endpoint.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "limits.h"

#define NAME_BYTES_MIN 16
#define HEX_BYTES_MIN  8
#define UUID_BYTES     36
#define MIXED_MIN      20

struct endpoint_routes {
	struct slice *list; /* each its own allocation */
	size_t n;
	size_t cap;
};

/* What a byte is. */
#define C_DIGIT (1u << 0)
#define C_HEX   (1u << 1) /* a letter that is a hex digit */
#define C_ALPHA (1u << 2) /* any other letter */
#define C_AT    (1u << 3)
#define C_OTHER (1u << 4) /* printable */
#define C_WIDE  (1u << 5) /* not printable ASCII */

static const uint8_t classes[256] = {
	[0 ... 0x1f] = C_WIDE,
	[' ' ... '/'] = C_OTHER,
	['0' ... '9'] = C_DIGIT,
	[':' ... '?'] = C_OTHER,
	['@'] = C_AT,
	['A' ... 'F'] = C_HEX,
	['G' ... 'Z'] = C_ALPHA,
	['[' ... '`'] = C_OTHER,
	['a' ... 'f'] = C_HEX,
	['g' ... 'z'] = C_ALPHA,
	['{' ... '~'] = C_OTHER,
	[0x7f ... 0xff] = C_WIDE,
};

struct endpoint_routes *endpoint_routes_new(void)
{
	return calloc(1, sizeof(struct endpoint_routes));
}

void endpoint_routes_free(struct endpoint_routes *routes)
{
	if (!routes)
		return;
	for (size_t i = 0; i < routes->n; i++)
		free((void *)routes->list[i].p);
	free(routes->list);
	free(routes);
}

int endpoint_routes_add(struct endpoint_routes *routes, struct slice template)
{
	uint8_t *copy;

	if (!template.n || template.n > RT_LABEL_BYTES || template.p[0] != '/')
		return -EINVAL;
	for (size_t i = 0, step; i < template.n; i += step) {
		step = text_step(template.p + i, template.n - i);
		if (!step)
			return -EINVAL;
	}
	if (routes->n == routes->cap) {
		size_t cap = routes->cap ? routes->cap * 2 : 8;
		struct slice *list = realloc(routes->list, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		routes->list = list;
		routes->cap = cap;
	}
	copy = malloc(template.n);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, template.p, template.n);
	routes->list[routes->n++] = slice_make(copy, template.n);
	return 0;
}

/* Bytes up to the next slash or the end. */
static size_t segment_bytes(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *slash = memchr(p, '/', (size_t)(end - p));

	return (size_t)((slash ? slash : end) - p);
}

/* Both start with a slash. */
static bool route_matches(struct slice route, struct slice path)
{
	const uint8_t *r = route.p, *r_end = route.p + route.n;
	const uint8_t *p = path.p, *p_end = path.p + path.n;

	while (r < r_end && p < p_end) {
		size_t rn = segment_bytes(++r, r_end), pn = segment_bytes(++p, p_end);

		if (rn == 1 && *r == '*' && r + 1 == r_end)
			return true;
		if (rn >= 2 && r[0] == '{' && r[rn - 1] == '}') {
			if (!pn)
				return false;
		} else if (rn != pn || memcmp(r, p, rn)) {
			return false;
		}
		r += rn;
		p += pn;
	}
	return r == r_end && p == p_end;
}

static const struct slice *route_find(const struct endpoint_routes *routes, struct slice path)
{
	for (size_t i = 0; i < routes->n; i++)
		if (route_matches(routes->list[i], path))
			return &routes->list[i];
	return NULL;
}

/* The path of a target without query and fragment; nothing when it has none. */
static struct slice path_of(struct slice target)
{
	const uint8_t *p = target.p;
	size_t n = 0;

	if (!target.n)
		return target;
	while (n < target.n && p[n] != '?' && p[n] != '#')
		n++;
	if (p[0] != '/') {
		/* scheme "://" authority, RFC 9112 section 3.2.2 */
		const uint8_t *at = n > 3 ? memchr(p, ':', n - 2) : NULL;
		size_t skip;

		if (!at || at == p || at[1] != '/' || at[2] != '/')
			return slice_make(p, 0);
		at += 3;
		skip = segment_bytes(at, p + n);
		if (at + skip == p + n)
			return SLICE("/");
		n -= (size_t)(at - p) + skip;
		p = at + skip;
	}
	/* cut where the target was: its last segment is not whole */
	if (target.n >= RT_LABEL_BYTES && p + n == target.p + target.n)
		while (n > 1 && p[n - 1] != '/')
			n--;
	return slice_make(p, n);
}

static bool is_uuid(const uint8_t *p)
{
	for (size_t i = 0; i < UUID_BYTES; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? p[i] != '-' : !(classes[p[i]] & (C_DIGIT | C_HEX)))
			return false;
	}
	return true;
}

/* `seen`: the classes of all bytes. */
static bool is_id(const uint8_t *p, size_t n, unsigned int seen)
{
	size_t characters = n;

	if (seen & C_AT)
		return true;
	if (n == UUID_BYTES && is_uuid(p))
		return true;
	if (!(seen & C_DIGIT))
		return false;
	if (seen == C_DIGIT)
		return true;
	if (n >= HEX_BYTES_MIN && !(seen & ~(C_DIGIT | C_HEX)))
		return true;
	if (n < MIXED_MIN)
		return false;
	if (seen & C_WIDE)
		for (size_t i = 0; i < n; i++)
			characters -= (p[i] & 0xc0) == 0x80;
	return characters >= MIXED_MIN && seen & (C_HEX | C_ALPHA);
}

/* A segment with bytes that may not be printable. */
static void copy_clean(char *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t step = text_step(p + i, n - i);

		if (step)
			memcpy(out + i, p + i, step);
		else
			out[i] = '_';
		i += step ? step : 1;
	}
}

static size_t path_name(struct slice path, char *out, size_t room)
{
	const uint8_t *p = path.p, *end = path.p + path.n;
	size_t len = 0;

	while (p < end) {
		unsigned int seen = 0;
		size_t n = 0, size;
		bool id;

		for (p++; p + n < end && p[n] != '/'; n++)
			seen |= classes[p[n]];
		id = is_id(p, n, seen);
		size = 1 + (id ? 4 : n);
		if (size > room - len)
			break;
		out[len] = '/';
		if (id)
			memcpy(out + len + 1, "{id}", 4);
		else if (seen & C_WIDE)
			copy_clean(out + len + 1, p, n);
		else
			memcpy(out + len + 1, p, n);
		len += size;
		p += n;
	}
	if (!len)
		out[len++] = '/';
	return len;
}

static size_t put(struct slice s, char *out)
{
	memcpy(out, s.p, s.n);
	return s.n;
}

size_t endpoint_name(const struct endpoint_routes *routes, struct slice target, struct slice method,
		     char *out, size_t out_bytes)
{
	size_t room = out_bytes < RT_LABEL_BYTES ? out_bytes : RT_LABEL_BYTES;
	const struct slice *route;
	struct slice path;

	if (room < NAME_BYTES_MIN)
		return 0;
	if (slice_eq(method, SLICE("CONNECT")))
		return put(SLICE("authority"), out);
	if (slice_eq(target, SLICE("*")))
		return put(target, out);
	path = path_of(target);
	if (!path.n)
		return put(SLICE("other"), out);
	route = routes ? route_find(routes, path) : NULL;
	if (route && route->n <= room)
		return put(*route, out);
	return path_name(path, out, room);
}
