// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/sqlcomment.h"

/* Decodes up to a quote that no backslash stands before. The bytes written; -1: there is none, the
 * encoding is wrong or it is too long. *at moves behind the quote. */
static int comment_value(struct slice s, size_t *at, char *out, size_t cap)
{
	size_t n = 0, i = *at;

	for (; i < s.n && s.p[i] != '\''; i++) {
		uint8_t c = s.p[i];

		if (c == '\\') {
			if (++i == s.n)
				return -1;
			c = s.p[i];
		} else if (c == '%') {
			int high = i + 2 < s.n ? slice_hex(s.p[i + 1]) : -1;
			int low = high < 0 ? -1 : slice_hex(s.p[i + 2]);

			if (low < 0)
				return -1;
			c = (uint8_t)(high << 4 | low);
			i += 2;
		}
		if (n < cap)
			out[n] = (char)c;
		n++;
	}
	if (i >= s.n)
		return -1;
	*at = i + 1;
	return n <= cap ? (int)n : -1;
}

/* `n` lower-case hexadecimal digits, not all of them 0 unless `zero`. */
static bool comment_digits(const char *p, size_t n, bool zero)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_hex((uint8_t)p[i]) < 0 || (p[i] >= 'A' && p[i] <= 'F'))
			return false;
		zero |= p[i] != '0';
	}
	return zero;
}

/* trace-context, section 3.2: a higher version may have more behind its first 55 characters. */
static bool comment_valid(const char *p, size_t n)
{
	if (n < SQLCOMMENT_TRACEPARENT - 1 || p[2] != '-' || p[35] != '-' || p[52] != '-')
		return false;
	if (!comment_digits(p, 2, true) || !comment_digits(p + 3, 32, false) ||
	    !comment_digits(p + 36, 16, false) || !comment_digits(p + 53, 2, true))
		return false;
	if (p[0] == 'f' && p[1] == 'f')
		return false;
	return n == SQLCOMMENT_TRACEPARENT - 1 || ((p[0] != '0' || p[1] != '0') && p[55] == '-');
}

bool sqlcomment_traceparent(struct slice comment, char out[SQLCOMMENT_TRACEPARENT])
{
	static const char key[] = "traceparent";
	char value[256];
	size_t i = 0;

	while (i + sizeof(key) < comment.n) {
		const uint8_t *hit = memmem(comment.p + i, comment.n - i, key, sizeof(key) - 1);
		uint8_t before;
		int n;

		if (!hit)
			return false;
		i = (size_t)(hit - comment.p) + sizeof(key) - 1;
		before = hit > comment.p ? hit[-1] : 0;
		if (before != '*' && before != ',' && before != ' ')
			continue;
		if (i + 2 > comment.n || comment.p[i] != '=' || comment.p[i + 1] != '\'')
			continue;
		i += 2;
		n = comment_value(comment, &i, value, sizeof(value));
		if (n > 0 && comment_valid(value, (size_t)n)) {
			memcpy(out, value, SQLCOMMENT_TRACEPARENT - 1);
			out[SQLCOMMENT_TRACEPARENT - 1] = '\0';
			return true;
		}
	}
	return false;
}
