// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto/pgtags.h"

static const struct pgtag_row {
	uint8_t len;
	uint8_t rows;
	char word[PGTAG_WORD_BYTES];
} pgtag_rows[] = {
#define X(id, word, rows) [PGTAG_##id] = {sizeof(word) - 1, rows, word},
	PGTAGS(X)
#undef X
};

struct slice pgtag_name(enum pgtag tag)
{
	if (tag == PGTAG_UNKNOWN)
		return SLICE("unknown");
	if (tag <= PGTAG_OTHER || tag >= PGTAG_MAX)
		return SLICE("other");
	return slice_make(pgtag_rows[tag].word, pgtag_rows[tag].len);
}

static int pgtag_compare(const char *word, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != (uint8_t)word[i])
			return c < (uint8_t)word[i] ? -1 : 1;
	}
	return word[s.n] ? -1 : 0;
}

enum pgtag pgtag_find(struct slice word)
{
	int low = PGTAG_OTHER + 1, high = PGTAG_MAX - 1;

	if (word.n == 0 || word.n >= PGTAG_WORD_BYTES)
		return PGTAG_OTHER;
	while (low <= high) {
		int mid = (low + high) / 2;
		int r = pgtag_compare(pgtag_rows[mid].word, word);

		if (r == 0)
			return mid == PGTAG_START ? PGTAG_BEGIN : (enum pgtag)mid;
		if (r < 0)
			high = mid - 1;
		else
			low = mid + 1;
	}
	return PGTAG_OTHER;
}

static struct slice pgtag_first_word(struct slice tag)
{
	const uint8_t *end = tag.n ? memchr(tag.p, ' ', tag.n) : NULL;

	return slice_make(tag.p, end ? (size_t)(end - tag.p) : tag.n);
}

enum pgtag pgtag_parse(struct slice tag, uint64_t *rows)
{
	enum pgtag id = pgtag_find(pgtag_first_word(tag));
	uint64_t n = 0, unit = 1;

	if (id > PGTAG_OTHER && pgtag_rows[id].rows) {
		/* 20 digits are all that a 64-bit count can have */
		for (size_t i = tag.n; i > 0 && tag.n - i < 20; i--, unit *= 10) {
			uint8_t c = tag.p[i - 1];

			if (c < '0' || c > '9')
				break;
			n += unit * (uint64_t)(c - '0');
		}
	}
	*rows = n;
	return id;
}

bool pgtag_valid(struct slice tag)
{
	for (size_t i = 0; i < tag.n; i++) {
		uint8_t c = tag.p[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != ' ' && c != '_')
			return false;
	}
	return pgtag_find(pgtag_first_word(tag)) != PGTAG_OTHER;
}
