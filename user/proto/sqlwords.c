// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/sqlwords.h"

#define SQLWORD_BYTES 14 /* the longest, and its end */

static const struct sqlword_row {
	char word[SQLWORD_BYTES];
	uint8_t flags;
} sqlword_rows[SQLWORD_MAX] = {
#define X(id, word, flags) [SQLWORD_##id] = {word, flags},
	SQLWORDS(X)
#undef X
};

enum sqlword sqlword_find(struct slice word)
{
	int low = SQLWORD_NONE + 1, high = SQLWORD_MAX - 1;
	char lower[SQLWORD_BYTES] = "";

	if (word.n < 2 || word.n >= SQLWORD_BYTES)
		return SQLWORD_NONE;
	for (size_t i = 0; i < word.n; i++) {
		lower[i] = (char)(word.p[i] | 0x20);
		if (lower[i] < 'a' || lower[i] > 'z')
			return SQLWORD_NONE;
	}
	while (low <= high) {
		int mid = (low + high) / 2;
		int r = strcmp(sqlword_rows[mid].word, lower);

		if (r == 0)
			return (enum sqlword)mid;
		if (r < 0)
			low = mid + 1;
		else
			high = mid - 1;
	}
	return SQLWORD_NONE;
}

unsigned int sqlword_flags(enum sqlword word)
{
	return sqlword_rows[word].flags;
}
