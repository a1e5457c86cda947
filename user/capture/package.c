// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/package.h"

static size_t package_skip_blanks(struct slice s, size_t i)
{
	while (i < s.n && memchr(" \t\r\n", s.p[i], 4))
		i++;
	return i;
}

/* i: behind the opening quote. The closing quote's index, or s.n. */
static size_t package_string_end(struct slice s, size_t i)
{
	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i : s.n;
}

struct slice package_name(struct slice json)
{
	unsigned int depth = 0;
	bool key = true; /* at depth 1: a string that comes is a key */
	bool wanted = false;

	for (size_t i = 0; i < json.n; i++) {
		uint8_t c = json.p[i];

		if (c == '{' || c == '[') {
			if (wanted || (depth == 0 && c == '['))
				break;
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth <= 1)
				break;
			depth--;
		} else if (c == ',') {
			if (wanted)
				break; /* its value was no string */
			key = key || depth == 1;
		} else if (c == '"') {
			size_t end = package_string_end(json, i + 1);
			struct slice text = slice_make(json.p + i + 1, end - i - 1);

			if (depth == 0 || end == json.n)
				break;
			if (wanted)
				return text;
			i = end;
			if (depth == 1 && key) {
				i = package_skip_blanks(json, end + 1);
				if (i >= json.n || json.p[i] != ':')
					break;
				wanted = slice_eq(text, SLICE("name"));
				key = false;
			}
		}
	}
	return SLICE("");
}
