// SPDX-License-Identifier: GPL-2.0-or-later
#include "serve/accept.h"

#include <strings.h>

/* How much something is wanted: thousandths, and how exactly it was named (0: not at all). */
struct wish {
	int q;
	int exact;
};

/* One element of a list: `type/sub;name=value;q=0.5`. */
struct element {
	struct slice name;
	struct slice version; /* NULL pointer: none given */
	int q;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
	while (s.n && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Takes what is before `end`, or all, off the front. Quoted strings need no care: none of the
 * values that count here holds a separator. */
static struct slice split(struct slice *rest, char end)
{
	const uint8_t *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
	struct slice head = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
	size_t used = head.n + (at != NULL);

	rest->p += used;
	rest->n -= used;
	return trim(head);
}

static bool is(struct slice s, const char *text)
{
	return s.n == strlen(text) && strncasecmp((const char *)s.p, text, s.n) == 0;
}

/* RFC 9110 section 12.4.2: `0`, `0.5`, `1.000`; what is none counts as 1, as if not given. */
static int parse_q(struct slice s)
{
	int q, unit = 100;

	if (!s.n || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
		return 1000;
	q = (s.p[0] - '0') * 1000;
	for (size_t i = 2; i < s.n; i++, unit /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return 1000;
		q += (s.p[i] - '0') * unit;
	}
	return q > 1000 ? 1000 : q;
}

static struct element next_element(struct slice *list)
{
	struct slice all = split(list, ',');
	struct element e = {.q = 1000};

	e.name = split(&all, ';');
	while (all.n) {
		struct slice value = split(&all, ';');
		struct slice name = split(&value, '=');

		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = slice_make(value.p + 1, value.n - 2);
		if (is(name, "q"))
			e.q = parse_q(trim(value));
		else if (is(name, "version"))
			e.version = trim(value);
	}
	return e;
}

/* The most exact element decides; among equals the one that is wanted most. */
static void wish_add(struct wish *wish, int exact, int q)
{
	if (exact > wish->exact || (exact == wish->exact && q > wish->q))
		*wish = (struct wish){.q = q, .exact = exact};
}

static bool version_is(const struct element *e, const char *version)
{
	return !e->version.p || is(e->version, version);
}

enum expose_format accept_format(const char *accept)
{
	struct slice rest = slice_str(accept);
	struct wish text = {0}, open = {0};

	while (rest.n) {
		struct element e = next_element(&rest);

		if (is(e.name, "application/openmetrics-text") && version_is(&e, "1.0.0"))
			wish_add(&open, 3, e.q);
		else if (is(e.name, "application/*"))
			wish_add(&open, 2, e.q);
		else if (is(e.name, "text/plain") && version_is(&e, "0.0.4"))
			wish_add(&text, 3, e.q);
		else if (is(e.name, "text/*"))
			wish_add(&text, 2, e.q);
		if (is(e.name, "*/*")) {
			wish_add(&text, 1, e.q);
			wish_add(&open, 1, e.q);
		}
	}
	if (open.q > text.q || (open.q && open.q == text.q && open.exact > text.exact))
		return EXPOSE_OPENMETRICS;
	return EXPOSE_TEXT;
}

bool accept_gzip(const char *accept_encoding)
{
	struct slice rest = slice_str(accept_encoding);
	struct wish gzip = {0};

	while (rest.n) {
		struct element e = next_element(&rest);

		if (is(e.name, "gzip") || is(e.name, "x-gzip"))
			wish_add(&gzip, 2, e.q);
		else if (is(e.name, "*"))
			wish_add(&gzip, 1, e.q);
	}
	return gzip.q > 0;
}
